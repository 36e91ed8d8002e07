//! Dumps of real machines: the compute driver's topology of eight MI300X in CPX mode and of eight
//! MI210. The folder that holds them is named by `GPU_ACCOUNTING_CAPTURES`.

use gpu_core::{Backend, Count, Device, LinkKind, PcieAncestor, conformance};
use gpu_host::Roots;

#[path = "common/capture.rs"]
mod capture;
#[path = "common/machine.rs"]
mod machine;

use capture::{Dump, MI210, MI300X};

fn backend(dump: &Dump) -> Box<dyn Backend> {
    let options = gpu_amd::Options::new(Roots::default().sysfs(dump.sysfs()));
    gpu_amd::discover(&options).backend.expect("the compute driver's tree is there")
}

#[test]
#[ignore = "needs dumps of real machines in GPU_ACCOUNTING_CAPTURES"]
fn eight_mi300x_in_cpx_mode() {
    let dump = Dump::unpack(&MI300X);
    let backend = backend(&dump);
    let inventory = backend.inventory().unwrap();
    assert_eq!(inventory.devices.len(), 8);
    let parts: Vec<usize> = inventory.devices.iter().map(|device| device.partitions.len()).collect();
    // The dump is so: seven GPUs show eight partitions, one shows seven.
    assert_eq!(parts.iter().sum::<usize>(), 63);
    assert_eq!(parts.iter().filter(|count| **count == 8).count(), 7);
    for device in &inventory.devices {
        assert_eq!(device.name, "AMD Instinct MI300X");
        assert_eq!(device.architecture.value().map(String::as_str), Some("gfx942"));
        assert_eq!(device.id.stability(), gpu_core::Stability::Hardware);
        for part in &device.partitions {
            assert_eq!(part.compute_units.value(), Some(&Count(38)), "{}", part.id);
            // No memory banks are in the dump, and none is made up.
            assert!(part.memory_total.absence().is_some());
        }
    }
    let xgmi = inventory.links.iter().filter(|link| matches!(link.kind, LinkKind::Xgmi { .. })).count();
    assert_eq!(xgmi, 8 * 7 / 2, "one hive of eight");
    assert!(inventory.problems.is_empty(), "{:?}", inventory.problems);
    conformance::run(&*backend);
}

#[test]
#[ignore = "needs dumps of real machines in GPU_ACCOUNTING_CAPTURES"]
fn eight_mi210_in_two_islands() {
    let dump = Dump::unpack(&MI210);
    let backend = backend(&dump);
    let inventory = backend.inventory().unwrap();
    assert_eq!(inventory.devices.len(), 8);
    let linked = |one: &Device, other: &Device| {
        inventory
            .links_between(one.id, other.id)
            .any(|link| matches!(link.kind, LinkKind::Xgmi { weight: 15 }))
    };
    for device in &inventory.devices {
        assert_eq!(device.compute_units.value(), Some(&Count(104)));
        assert!(device.partitions.is_empty());
        assert_eq!(
            inventory.devices.iter().filter(|other| linked(device, other)).count(),
            3,
            "islands of four"
        );
        for other in inventory.devices.iter().filter(|other| other.id != device.id) {
            // An island hangs on one processor, by the dump's own PCIe links.
            let same = device.numa == other.numa;
            assert_eq!(linked(device, other), same);
            let expected = if same { PcieAncestor::NumaNode } else { PcieAncestor::System };
            let pcie = LinkKind::Pcie { ancestor: expected };
            assert!(inventory.links_between(device.id, other.id).any(|link| link.kind == pcie));
        }
    }
    conformance::run(&*backend);
}
