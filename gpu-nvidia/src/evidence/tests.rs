//! Names over simulated machines: every form, and what each means there.

use gpu_core::{
    Backend, Bundle, CdiDevice, Container, ContainerFacts, DeviceFile, DeviceNumber, Environment, Evidence,
    EvidenceList, EvidenceSource, Inventory, Known, Owner, Pid, PluginDevices, Runtime, Strength, Vendor,
};
use gpu_sim::{Machine, SimBackend, World};

use super::interpret;

fn inventory(preset: &str) -> Inventory {
    let world = World::new(Machine::preset(preset).unwrap());
    SimBackend::new(world, Vendor::NVIDIA).inventory().unwrap()
}

fn facts() -> ContainerFacts {
    let id = "c".repeat(64).parse().unwrap();
    ContainerFacts::new(Owner::Container(Container::new(Runtime::Containerd, id)), Pid(7))
}

fn read(inventory: &Inventory, facts: &ContainerFacts) -> EvidenceList {
    let mut list = EvidenceList::new();
    interpret(facts, inventory, &mut list);
    list
}

/// What the evidence names, by the number of the GPU and what lies below it.
fn units(inventory: &Inventory, evidence: &[Evidence]) -> String {
    let shown = |one: &Evidence| {
        let device = inventory.device(one.unit.device()).unwrap();
        let text = one.unit.to_string();
        let part = text.split_once('/').map(|(_, part)| format!("/{part}"));
        format!("{}{}", device.index, part.unwrap_or_default())
    };
    evidence.iter().map(shown).collect::<Vec<_>>().join(" ")
}

/// What a list of visible devices means, and how many of its items name nothing.
fn visible(inventory: &Inventory, list: &str) -> (String, usize) {
    let mut facts = facts();
    facts.environment = Environment::of_list([format!("NVIDIA_VISIBLE_DEVICES={list}").as_str()]).into();
    let found = read(inventory, &facts);
    for one in &found.evidence {
        assert_eq!((one.source, one.strength), (EvidenceSource::Environment, Strength::Declared));
    }
    (units(inventory, &found.evidence), found.unresolved.len())
}

#[test]
fn lists_of_visible_devices() {
    let whole = inventory("hgx-h100-8");
    let uuid = whole.devices[3].vendor_name.value().unwrap().clone();
    let all = "0 1 2 3 4 5 6 7";
    let cases = [
        ("all", all, 0),
        ("0,2", "0 2", 0),
        (" 1 , ,3,", "1 3", 0),
        (uuid.as_str(), "3", 0),
        // The beginning is enough, where it is of one only.
        (&uuid[..39], "3", 0),
        (&uuid[..24], "", 1),
        (&uuid.to_uppercase(), "3", 0),
        ("nvidia.com/gpu=5", "5", 0),
        ("runtime.nvidia.com/gpu=all", all, 0),
        ("nvidia.com/gpu=gpu4", "4", 0),
        ("none", "", 0),
        ("void", "", 0),
        ("", "", 0),
        ("0,void,1", "", 0),
        ("/var/run/nvidia-container-devices", "", 0),
        ("0,8", "0", 1),
        ("GPU-00000000-0000-0000-0000-00000000dead", "", 1),
        ("0:0", "", 1),
        ("amd.com/gpu=0", "", 1),
        ("-1,+1,1.0,\u{1}x", "", 4),
        ("99999999999999999999", "", 1),
    ];
    for (list, expected, unresolved) in cases {
        assert_eq!(visible(&whole, list), (expected.to_owned(), unresolved), "{list:?}");
    }
}

#[test]
fn names_of_mig_instances() {
    // GPU 0 is cut into gi 1 (3g), 5 (2g) or whatever the board calls them; GPU 1 is whole.
    let cut = inventory("mixed");
    let parts = &cut.devices[0].partitions;
    let name = |at: usize| format!("0/gi:{}", parts[at].id.index());
    let all: Vec<String> = (0..parts.len()).map(name).collect();
    let mig = parts[1].partitions[0].vendor_name.value().unwrap();
    let legacy = parts[1].partitions[0].legacy_name.value().unwrap();
    assert!(mig.starts_with("MIG-") && legacy.starts_with("MIG-GPU-"));
    let cases = [
        ("all".to_owned(), format!("{} 1", all.join(" ")), 0),
        ("0".to_owned(), all.join(" "), 0),
        ("0:1".to_owned(), name(1), 0),
        ("nvidia.com/gpu=0:2,1".to_owned(), format!("{} 1", name(2)), 0),
        ("nvidia.com/gpu=mig0:0".to_owned(), name(0), 0),
        (mig.clone(), name(1), 0),
        (legacy.clone(), name(1), 0),
        ("0:3,1:0".to_owned(), String::new(), 2),
        ("MIG-00000000-0000-0000-0000-00000000dead".to_owned(), String::new(), 1),
    ];
    for (list, expected, unresolved) in cases {
        assert_eq!(visible(&cut, &list), (expected, unresolved), "{list:?}");
    }
}

#[test]
fn images_from_before_the_variable() {
    let inventory = inventory("l40s-4");
    let mut facts = facts();
    let mut of = |variables: &[&str]| {
        facts.environment = Environment::of_list(variables.iter().copied()).into();
        units(&inventory, &read(&inventory, &facts).evidence)
    };
    assert_eq!(of(&["CUDA_VERSION=9.0"]), "0 1 2 3");
    assert_eq!(of(&["CUDA_VERSION=12.4", "NVIDIA_REQUIRE_CUDA=cuda>=12.4"]), "");
    assert_eq!(of(&["CUDA_VERSION=9.0", "NVIDIA_VISIBLE_DEVICES=1"]), "1");
}

#[test]
fn what_programs_see_counts_among_what_they_may_open() {
    let inventory = inventory("hgx-h100-8");
    let mut facts = facts();
    facts.environment = Environment::of_list(["CUDA_VISIBLE_DEVICES=1,0,2"]).into();
    let environment = |list: &EvidenceList| {
        let of_environment = |one: &&Evidence| one.source == EvidenceSource::Environment;
        list.evidence.iter().filter(of_environment).cloned().collect::<Vec<_>>()
    };
    let list = read(&inventory, &facts);
    assert_eq!(units(&inventory, &environment(&list)), "1 0 2");
    // Two are let in: 4 and 6.
    facts.own_dev = true.into();
    let file =
        |minor| DeviceFile::new(format!("/dev/nvidia{minor}"), Some(DeviceNumber { major: 195, minor }));
    facts.device_files = vec![file(4), file(6), file(255)].into();
    let list = read(&inventory, &facts);
    assert_eq!(units(&inventory, &environment(&list)), "6 4");
    assert_eq!(list.unresolved.len(), 1);
    // Models differ: the fastest comes first, and nobody tells which that is.
    let mixed = self::inventory("mixed");
    let mut facts = self::facts();
    facts.environment = Environment::of_list(["CUDA_VISIBLE_DEVICES=0"]).into();
    assert_eq!((read(&mixed, &facts).evidence.len(), read(&mixed, &facts).unresolved.len()), (0, 1));
}

#[test]
fn mounts_cdi_and_the_bundle() {
    let inventory = inventory("l40s-4");
    let uuid = inventory.devices[2].vendor_name.value().unwrap().clone();
    let mut facts = facts();
    facts.device_mounts = vec![uuid, "imex/0".to_owned(), "cdi/nvidia.com/gpu/3".to_owned()].into();
    let no_file = || Known::unsupported("no specification");
    let reached = vec![DeviceFile::new("/dev/nvidia1", None)];
    facts.cdi = vec![
        CdiDevice::new("nvidia.com/gpu=3", no_file()),
        CdiDevice::new("k8s.gpu.nvidia.com/claim=x-gpu-0", reached.into()),
        CdiDevice::new("amd.com/gpu=0", no_file()),
        CdiDevice::new("nvidia.com/nic=0", no_file()),
        CdiDevice::new("nvidia.com/gpu=17", no_file()),
    ];
    let mut bundle = Bundle::default();
    bundle.environment = Environment::of_list(["NVIDIA_VISIBLE_DEVICES=0"]);
    facts.bundle = bundle.into();
    let list = read(&inventory, &facts);
    let sources: Vec<_> = list.evidence.iter().map(|one| one.source).collect();
    assert_eq!(units(&inventory, &list.evidence), "1 2 0 3");
    let expected =
        [EvidenceSource::Cdi, EvidenceSource::Environment, EvidenceSource::OciBundle, EvidenceSource::Cdi];
    assert_eq!(sources, expected);
    let left: Vec<_> = list.unresolved.iter().map(|one| one.text.as_str()).collect();
    assert_eq!(left, ["nvidia.com/gpu=17"]);
}

#[test]
fn ids_of_device_plugins() {
    let inventory = inventory("mixed");
    let uuid = inventory.devices[1].vendor_name.value().unwrap().clone();
    let mig = inventory.devices[0].partitions[0].vendor_name.value().unwrap().clone();
    let gi = inventory.devices[0].partitions[2].id.index();
    let mut facts = facts();
    let ids = |ids: &[&str]| ids.iter().map(|id| (*id).to_owned()).collect::<Vec<_>>();
    facts.plugin_devices = vec![
        PluginDevices::new("nvidia.com/gpu", ids(&[&format!("{uuid}::3"), "GPU-dead-beef"])),
        PluginDevices::new("nvidia.com/mig-3g.40gb", ids(&[&mig, &format!("nvidia0/gi{gi}/vgpu1")])),
        PluginDevices::new("nvidia.com/rdma", ids(&["mlx5_0"])),
        PluginDevices::new("amd.com/gpu", ids(&["0000:05:00.0"])),
        PluginDevices::new("nvidia.com/gpu.shared", ids(&["nvidia1/vgpu0", "nvidia1/x", "nvidiaX"])),
    ]
    .into();
    let list = read(&inventory, &facts);
    let first = inventory.devices[0].partitions[0].id.index();
    assert_eq!(units(&inventory, &list.evidence), format!("1 0/gi:{first} 0/gi:{gi}"));
    let left: Vec<_> = list.unresolved.iter().map(|one| one.text.as_str()).collect();
    assert_eq!(left, ["GPU-dead-beef", "nvidia1/x", "nvidiaX"]);
}

#[test]
fn files_of_gpus_that_are_not_here() {
    let inventory = inventory("l40s-4");
    let mut facts = facts();
    facts.own_dev = true.into();
    let file = |path: &str, major, minor| DeviceFile::new(path, Some(DeviceNumber { major, minor }));
    facts.device_files = vec![
        file("/dev/nvidia9", 195, 9),
        file("/dev/nvidiactl", 195, 255),
        file("/dev/nvidia-caps/nvidia-cap1", 238, 1),
        file("/dev/nvidia-caps/nvidia-cap30", 238, 30),
        file("/dev/dri/renderD128", 226, 128),
        file("/dev/null", 1, 3),
    ]
    .into();
    let list = read(&inventory, &facts);
    let left: Vec<_> = list.unresolved.iter().map(|one| one.text.as_str()).collect();
    assert_eq!(left, ["/dev/nvidia9 (195:9)", "/dev/nvidia-caps/nvidia-cap30 (238:30)"]);
    assert_eq!(list.evidence, []);
}
