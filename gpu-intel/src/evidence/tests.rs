//! Names over simulated machines: every form, and what each means there.

use gpu_core::{
    Backend, CdiDevice, Container, ContainerFacts, DeviceFile, DeviceNode, DeviceNumber, Environment,
    EvidenceList, EvidenceSource, Inventory, Known, NodeRole, Owner, Pid, PluginDevices, Runtime, UnitId,
    Vendor,
};
use gpu_sim::{Machine, SimBackend, World};

use super::interpret;

fn inventory(preset: &str) -> Inventory {
    let world = World::new(Machine::preset(preset).unwrap());
    SimBackend::new(world, Vendor::INTEL).inventory().unwrap()
}

fn facts() -> ContainerFacts {
    let id = "c".repeat(64).parse().unwrap();
    ContainerFacts::new(Owner::Container(Container::new(Runtime::Docker, id)), Pid(7))
}

fn read(inventory: &Inventory, facts: &ContainerFacts) -> EvidenceList {
    let mut list = EvidenceList::new();
    interpret(facts, inventory, &mut list);
    list
}

fn named(inventory: &Inventory, variables: &[&str]) -> (String, usize) {
    let mut facts = facts();
    facts.environment = Environment::of_list(variables.iter().copied()).into();
    let list = read(inventory, &facts);
    (shown(inventory, &list), list.unresolved.len())
}

fn shown(inventory: &Inventory, list: &EvidenceList) -> String {
    let one = |unit: UnitId| {
        let device = inventory.device(unit.device()).unwrap().index;
        let text = unit.to_string();
        format!("{device}{}", text.split_once('/').map(|(_, part)| format!("/{part}")).unwrap_or_default())
    };
    list.evidence.iter().map(|evidence| one(evidence.unit)).collect::<Vec<_>>().join(" ")
}

#[test]
fn affinity_masks() {
    let plain = inventory("flex-170-2");
    let tiled = inventory("max-1550-4");
    let (flat, composite) = ("ZE_FLAT_DEVICE_HIERARCHY=FLAT", "ZE_FLAT_DEVICE_HIERARCHY=COMPOSITE");
    let cases = [
        (&plain, vec!["ZE_AFFINITY_MASK=1"], "1", 0),
        (&plain, vec!["ZE_AFFINITY_MASK=0.0,1"], "0 1", 0),
        (&plain, vec!["ZE_AFFINITY_MASK=2,0.1"], "", 2),
        (&plain, vec!["ZE_AFFINITY_MASK="], "", 0),
        (&tiled, vec!["ZE_AFFINITY_MASK=0.1,1"], "0/tile:1 1", 0),
        (&tiled, vec!["ZE_AFFINITY_MASK=1"], "", 1),
        (&tiled, vec!["ZE_AFFINITY_MASK=1,2", flat], "0/tile:1 1/tile:0", 0),
        (&tiled, vec!["ZE_AFFINITY_MASK=1,2", composite], "1 2", 0),
        (&tiled, vec!["ZE_AFFINITY_MASK=0.7,x,1.y,-1"], "", 4),
    ];
    for (inventory, variables, expected, unresolved) in cases {
        assert_eq!(named(inventory, &variables), (expected.to_owned(), unresolved), "{variables:?}");
    }
}

#[test]
fn selectors() {
    let tiled = inventory("max-1550-4");
    let cases = [
        ("level_zero:*", "0 1 2 3", 0),
        ("*:gpu", "0 1 2 3", 0),
        ("level_zero:0,2.1", "0 2/tile:1", 0),
        ("level_zero:1.*", "1", 0),
        ("opencl:0;level_zero:3", "3", 1),
        ("!level_zero:1", "", 1),
        ("level_zero:cpu", "", 0),
        ("nonsense", "", 1),
    ];
    for (text, expected, unresolved) in cases {
        let variable = format!("ONEAPI_DEVICE_SELECTOR={text}");
        assert_eq!(named(&tiled, &[&variable]), (expected.to_owned(), unresolved), "{text}");
    }
}

#[test]
fn numbers_count_among_what_may_be_opened() {
    let tiled = inventory("max-1550-4");
    let mut facts = facts();
    facts.own_dev = true.into();
    let node = &tiled.devices[2].nodes[1];
    facts.device_files = vec![DeviceFile::new("/dev/dri/renderD128", node.number)].into();
    facts.environment = Environment::of_list(["ZE_AFFINITY_MASK=0.1,1.0"]).into();
    let list = read(&tiled, &facts);
    assert_eq!(shown(&tiled, &list), "2 2/tile:1");
    assert_eq!(list.evidence[1].source, EvidenceSource::Environment);
    assert_eq!(list.unresolved[0].text, "1.0");
}

#[test]
fn virtual_functions_cdi_and_the_device_plugin() {
    let mut inventory = inventory("flex-170-2");
    let number = DeviceNumber { major: 226, minor: 150 };
    let node = DeviceNode { path: "/dev/dri/card22".to_owned(), number: Some(number), role: NodeRole::Card };
    let part =
        inventory.devices.iter_mut().find(|device| !device.partitions.is_empty()).expect("one with VFs");
    let index = part.index;
    let function = &mut part.partitions[0];
    function.nodes = vec![node];
    let (vf, slot) =
        (function.id.index(), function.pci.value().unwrap().to_string().replace([':', '.'], "-"));
    let vf = format!("{index}/vf:{vf}");
    let mut facts = facts();
    facts.own_dev = true.into();
    facts.device_files = vec![DeviceFile::new("/dev/dri/card0", Some(number))].into();
    assert_eq!(shown(&inventory, &read(&inventory, &facts)), vf);
    let mut facts = self::facts();
    let no_file = || Known::unsupported("no specification");
    let names = ["all", &format!("{slot}-0x56c0"), "0000-ff-00-0-0x56c0", "card22", "card99", "x"];
    facts.cdi = names.iter().map(|n| CdiDevice::new(format!("intel.com/gpu={n}"), no_file())).collect();
    let list = read(&inventory, &facts);
    assert_eq!((shown(&inventory, &list), list.unresolved.len()), (format!("0 1 {vf}"), 3));
    let card = inventory.devices[1].nodes[0].path.strip_prefix("/dev/dri/").unwrap().to_owned();
    let mut facts = self::facts();
    let ids = |ids: &[&str]| ids.iter().map(|id| (*id).to_owned()).collect::<Vec<_>>();
    facts.plugin_devices = vec![
        PluginDevices::new("gpu.intel.com/i915", ids(&[&format!("{card}-3"), "card22-0", "all"])),
        PluginDevices::new("gpu.intel.com/monitoring", ids(&["all"])),
    ]
    .into();
    let list = read(&inventory, &facts);
    assert_eq!((shown(&inventory, &list), list.unresolved.len()), (format!("1 {vf}"), 1));
}
