//! Machines with NVIDIA's GPUs.

use gpu_core::{Bytes, MemoryKind, NumaNode, PciAddress, PciId, Uuid};
use gpu_nvidia_mig::Board;

use super::{base, clocks, four_each, job, power, thermal};
use crate::gpu::{EccSpec, Gpu, MemorySpec, MigSpec, NvidiaSpec, PcieSpec, Silicon};
use crate::health::{FabricSpec, HealthSpec};
use crate::machine::{DrmNumbers, Machine, NvidiaDriver};
use crate::mig::MigRefusal;
use crate::mig_tables;
use crate::workload::Part;

/// One product: what differs between boards.
pub(super) struct Product {
    pub(super) name: &'static str,
    pub(super) device: u16,
    pub(super) memory_mib: u64,
    pub(super) sms: u32,
    pub(super) architecture: u32,
    pub(super) capability: (i32, i32),
    pub(super) watts: u64,
    pub(super) nvlinks: u32,
}

pub(super) const H100: Product = Product {
    name: "NVIDIA H100 80GB HBM3",
    device: 0x2330,
    memory_mib: 81_559,
    sms: 132,
    architecture: 9,
    capability: (9, 0),
    watts: 700,
    nvlinks: 18,
};
const A100: Product = Product {
    name: "NVIDIA A100-SXM4-40GB",
    device: 0x20b0,
    memory_mib: 40_960,
    sms: 108,
    architecture: 7,
    capability: (8, 0),
    watts: 400,
    nvlinks: 12,
};
const B200: Product = Product {
    name: "NVIDIA B200",
    device: 0x2901,
    memory_mib: 183_359,
    sms: 148,
    architecture: 10,
    capability: (10, 0),
    watts: 1000,
    nvlinks: 18,
};
pub(super) const L40S: Product = Product {
    name: "NVIDIA L40S",
    device: 0x26b9,
    memory_mib: 46_068,
    sms: 142,
    architecture: 8,
    capability: (8, 9),
    watts: 350,
    nvlinks: 0,
};
const RTX_PRO_6000: Product = Product {
    name: "NVIDIA RTX PRO 6000 Blackwell Server Edition",
    device: 0x2bb5,
    memory_mib: 97_887,
    sms: 188,
    architecture: 10,
    capability: (12, 0),
    watts: 600,
    nvlinks: 0,
};
const GH200: Product = Product {
    name: "NVIDIA GH200 480GB",
    device: 0x2342,
    memory_mib: 97_871,
    sms: 132,
    architecture: 9,
    capability: (9, 0),
    watts: 900,
    nvlinks: 0,
};
const GB10: Product = Product {
    name: "NVIDIA GB10",
    device: 0x2e12,
    memory_mib: 0,
    sms: 48,
    architecture: 10,
    capability: (12, 1),
    watts: 140,
    nvlinks: 0,
};

/// MIG, switched off, on a board that can be cut.
fn mig(product: &Product) -> Option<MigSpec> {
    let board = Board::of_pci_device(product.device)?;
    let profiles = mig_tables::profiles_of(board, Bytes::mib(product.memory_mib));
    Some(MigSpec { enabled: false, pending: false, profiles, instances: Vec::new(), lives: 0 })
}

/// Board number `n` of a product, in a slot of its own: the first four of a node near NUMA node 0.
pub(super) fn gpu(product: &Product, n: u8) -> Gpu {
    let number = u32::from(n);
    let bus = 0x1b + n * 0x11;
    Gpu {
        name: product.name.to_owned(),
        pci: PciAddress::new(0, bus, 0, 0),
        pci_id: PciId { vendor: 0x10de, device: product.device, subvendor: 0x10de, subdevice: 0x16c1 },
        bridges: vec![PciAddress::new(0, bus - 1, 1, 0)],
        numa: Some(NumaNode(number / 4)),
        pcie: PcieSpec { generation: 5, width: 16 },
        drm: Some(DrmNumbers { card: number + 1, render: number + 128 }),
        memory: MemorySpec {
            total: Bytes::mib(product.memory_mib),
            reserved: Bytes::mib(if product.memory_mib == 0 { 0 } else { 551 }),
            base_used: Bytes::mib(if product.memory_mib == 0 { 0 } else { 4 }),
            kind: MemoryKind::Dedicated,
            system_total: None,
        },
        compute_units: product.sms,
        power: power(product.watts / 10, product.watts, product.watts / 4),
        thermal: thermal(31, 74),
        clocks: clocks(345, 1980, 2619),
        ecc: Some(EccSpec { remapped_corrected: Some(0), ..EccSpec::default() }),
        // From Hopper on, boards with NVSwitches tell of their fabric.
        health: HealthSpec {
            fabric: (product.nvlinks > 0 && product.architecture >= 9).then(FabricSpec::up),
            ..HealthSpec::default()
        },
        firmware: Some("96.00.74.00.01".to_owned()),
        serial: Some(format!("16510230{number:05}")),
        board_part: Some("692-2G520-0200-000".to_owned()),
        asleep: false,
        silicon: Silicon::Nvidia(NvidiaSpec {
            uuid: uuid(product.device, n, 0),
            minor: number,
            architecture: product.architecture,
            compute_capability: product.capability,
            nvswitch_links: product.nvlinks,
            persistence: true,
            accounting: false,
            mig: mig(product),
        }),
    }
}

/// Made-up UUIDs, the same at every run.
fn uuid(device: u16, board: u8, instance: u8) -> Uuid {
    let [a, b] = device.to_be_bytes();
    Uuid([0x5e, 0xed, a, b, 0x11, 0xd0, 0x4b, 0x8e, 0x9f, 0x8b, 0, 0, 0, 0, board, instance])
}

pub(super) fn driver() -> NvidiaDriver {
    NvidiaDriver { version: "570.124.06".to_owned(), library_version: None, cuda: 12_080 }
}

fn node(name: &str, product: &Product, count: u8) -> Machine {
    let gpus: Vec<Gpu> = (0..count).map(|n| gpu(product, n)).collect();
    Machine { nvidia_driver: Some(driver()), gpus, ..base(name) }
}

pub(super) fn hgx_h100() -> Machine {
    Machine { workloads: four_each(8), ..node("hgx-h100-8", &H100, 8) }
}

/// Cuts board `n` of a machine: profile and first slot of each instance, with one compute instance
/// over the whole of it.
pub(super) fn cut(machine: &mut Machine, n: usize, layout: &[(&str, u32)]) {
    // As an administrator does, before anything runs on the board.
    let mode = machine.set_mig_mode(n, true);
    debug_assert_eq!(mode, Ok(true));
    for (name, start) in layout {
        let made = make(machine, n, name, *start);
        debug_assert!(made.is_ok(), "{name} at {start}: {made:?}");
    }
}

fn make(machine: &mut Machine, n: usize, name: &str, start: u32) -> Result<u32, MigRefusal> {
    let Silicon::Nvidia(nvidia) = &machine.gpus[n].silicon else { return Err(MigRefusal::NotSupported) };
    let mut offered = nvidia.mig.iter().flat_map(|mig| &mig.profiles);
    let profile = offered.find(|profile| profile.name == name).ok_or(MigRefusal::InvalidArgument)?;
    let (id, slices) = (profile.id, profile.slices);
    let instance = machine.create_gpu_instance(n, id, Some(start))?;
    machine.create_compute_instance(n, instance, slices, None)
}

/// Two boards are cut.
pub(super) fn dgx_a100() -> Machine {
    let mut machine = node("dgx-a100-8", &A100, 8);
    cut(&mut machine, 0, &[("3g.20gb", 4), ("2g.10gb", 0), ("1g.5gb", 2)]);
    cut(&mut machine, 1, &[0, 1, 2, 3, 4, 5, 6].map(|start| ("1g.5gb", start)));
    machine.workloads = vec![
        job(5001, "infer-a", 0, Part::Mig { gi: 2, ci: 0 }, Bytes::gib(12), 400),
        job(5002, "infer-b", 1, Part::Mig { gi: 7, ci: 0 }, Bytes::gib(3), 70),
        job(5003, "train", 2, Part::Whole, Bytes::gib(30), 900),
    ];
    machine
}

pub(super) fn b200() -> Machine {
    Machine { workloads: four_each(8), ..node("b200-8", &B200, 8) }
}

pub(super) fn l40s() -> Machine {
    Machine { workloads: four_each(4), ..node("l40s-4", &L40S, 4) }
}

pub(super) fn rtx_pro_6000() -> Machine {
    node("rtx-pro-6000-2", &RTX_PRO_6000, 2)
}

pub(super) fn gh200() -> Machine {
    let mut machine = node("gh200-1", &GH200, 1);
    machine.gpus[0].memory.kind = MemoryKind::NumaNode;
    machine
}

/// Memory is the machine's: the driver says that it does not support the question.
pub(super) fn gb10() -> Machine {
    let mut machine = node("gb10-1", &GB10, 1);
    machine.gpus[0].memory.kind = MemoryKind::System;
    machine.gpus[0].serial = None;
    machine.workloads = vec![job(6001, "chat", 0, Part::Whole, Bytes::gib(20), 300)];
    machine
}
