//! Names over simulated machines: every form, and what each means there.

use gpu_core::{
    Backend, CdiDevice, Container, ContainerFacts, DeviceFile, Environment, EvidenceList, EvidenceSource,
    Inventory, Known, Owner, Pid, PluginDevices, Runtime, UnitId, Vendor,
};
use gpu_sim::{Machine, SimBackend, World};

use super::interpret;

fn inventory(preset: &str) -> Inventory {
    let world = World::new(Machine::preset(preset).unwrap());
    SimBackend::new(world, Vendor::AMD).inventory().unwrap()
}

fn facts() -> ContainerFacts {
    let id = "c".repeat(64).parse().unwrap();
    ContainerFacts::new(Owner::Container(Container::new(Runtime::Podman, id)), Pid(7))
}

fn read(inventory: &Inventory, facts: &ContainerFacts) -> EvidenceList {
    let mut list = EvidenceList::new();
    interpret(facts, inventory, &mut list);
    list
}

/// The GPUs that are named, and how many items name none.
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
        format!(
            "{device}{}",
            text.split_once("/xcp:").map(|(_, part)| format!(".{part}")).unwrap_or_default()
        )
    };
    list.evidence.iter().map(|evidence| one(evidence.unit)).collect::<Vec<_>>().join(" ")
}

#[test]
fn lists_of_visible_devices() {
    let whole = inventory("mi300x-8");
    let id = whole.devices[5].vendor_name.value().unwrap().clone();
    let uuid = format!("GPU-{}", &id[2..]);
    let toolkit = |text: &str| format!("AMD_VISIBLE_DEVICES={text}");
    let cases = [
        (vec![toolkit("all")], "0 1 2 3 4 5 6 7", 0),
        (vec![toolkit("0-2,7")], "0 1 2 7", 0),
        (vec![toolkit(&id)], "5", 0),
        (vec![toolkit("void")], "", 0),
        (vec![toolkit("")], "", 0),
        (vec![toolkit("6-4294967295")], "6 7", 1),
        (vec![toolkit("8")], "", 1),
        (vec![toolkit("0xdead")], "", 1),
        (vec![toolkit("GPU-x")], "", 1),
        (vec!["ROCR_VISIBLE_DEVICES=2,0".to_owned()], "2 0", 0),
        (vec![format!("ROCR_VISIBLE_DEVICES={uuid},1")], "5 1", 0),
        // What comes after an entry that is none is not read.
        (vec!["ROCR_VISIBLE_DEVICES=0,-1,1".to_owned()], "0", 1),
        (vec!["HIP_VISIBLE_DEVICES=1".to_owned()], "1", 0),
        (vec!["ROCR_VISIBLE_DEVICES=4,6".to_owned(), "HIP_VISIBLE_DEVICES=1".to_owned()], "6", 0),
        (vec!["GPU_DEVICE_ORDINAL=3".to_owned(), "HIP_VISIBLE_DEVICES=1".to_owned()], "1", 0),
        (vec!["GPU_DEVICE_ORDINAL=3".to_owned()], "3", 0),
    ];
    for (variables, expected, unresolved) in cases {
        let variables: Vec<&str> = variables.iter().map(String::as_str).collect();
        assert_eq!(named(&whole, &variables), (expected.to_owned(), unresolved), "{variables:?}");
    }
}

#[test]
fn where_gpus_are_cut() {
    let cut = inventory("mi300x-8-cpx");
    assert_eq!(named(&cut, &["AMD_VISIBLE_DEVICES=0"]), (String::new(), 1));
    assert_eq!(named(&cut, &["ROCR_VISIBLE_DEVICES=9"]), ("1.1".to_owned(), 0));
    let (all, _) = named(&cut, &["AMD_VISIBLE_DEVICES=all"]);
    assert_eq!(all.split(' ').count(), 64);
}

#[test]
fn numbers_count_among_what_may_be_opened() {
    let cut = inventory("mi300x-8-cpx");
    let mut facts = facts();
    facts.own_dev = true.into();
    let file = |gpu: usize, part: usize| {
        let node = &cut.devices[gpu].partitions[part].nodes[1];
        DeviceFile::new("/dev/dri/renderD128", node.number)
    };
    facts.device_files = vec![file(0, 2), file(3, 5)].into();
    facts.environment = Environment::of_list(["ROCR_VISIBLE_DEVICES=1,2"]).into();
    let list = read(&cut, &facts);
    assert_eq!(shown(&cut, &list), "0.2 3.5 3.5");
    assert_eq!(list.evidence[2].source, EvidenceSource::Environment);
    assert_eq!(list.unresolved[0].text, "2");
}

#[test]
fn cdi_and_the_device_plugin() {
    let whole = inventory("mi300x-8");
    let mut facts = facts();
    let no_file = || Known::unsupported("no specification");
    facts.cdi = ["amd.com/gpu=1", "amd.com/gpu=99", "nvidia.com/gpu=0", "amd.com/gpu=x"]
        .map(|name| CdiDevice::new(name, no_file()))
        .to_vec();
    let slot = whole.devices[2].pci.value().unwrap().to_string();
    facts.plugin_devices = vec![
        PluginDevices::new("amd.com/gpu", vec![slot, "0000:ff:00.0".to_owned()]),
        PluginDevices::new("amd.com/nic", vec!["0000:01:00.0".to_owned()]),
    ]
    .into();
    let list = read(&whole, &facts);
    assert_eq!(shown(&whole, &list), "1 2");
    let left: Vec<_> = list.unresolved.iter().map(|one| one.text.as_str()).collect();
    assert_eq!(left, ["amd.com/gpu=99", "amd.com/gpu=x", "0000:ff:00.0"]);
    let cut = inventory("mi300x-8-cpx");
    let name = cut.devices[1].partitions[4].vendor_name.value().unwrap().clone();
    facts.plugin_devices = vec![PluginDevices::new("amd.com/cpx_nps1", vec![name])].into();
    assert_eq!(shown(&cut, &read(&cut, &facts)), "1.4");
}
