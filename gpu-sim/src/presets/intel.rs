//! Machines with Intel's GPUs.

use gpu_core::{Bytes, Hertz, MemoryKind, NumaNode, PciAddress, PciId, Pid};

use super::{base, clocks, job, power, thermal};
use crate::gpu::{Gpu, IntelDriver, IntelSpec, MemorySpec, PcieSpec, Silicon, TileSpec, VfSpec};
use crate::health::HealthSpec;
use crate::machine::{DrmNumbers, LinkKindSpec, LinkSpec, Machine, NumaSpec};
use crate::workload::{Curve, Descriptor, Part, UseKind, Workload};

/// One product: what differs between boards.
struct Product {
    name: &'static str,
    device: u16,
    driver: IntelDriver,
    tiles: u32,
    tile_gib: u64,
    tile_cores: u32,
    watts: u64,
    total_vfs: u32,
}

const MAX_1550: Product = Product {
    name: "Intel Data Center GPU Max 1550",
    device: 0x0bd5,
    driver: IntelDriver::I915Prelim,
    tiles: 2,
    tile_gib: 64,
    tile_cores: 64,
    watts: 600,
    total_vfs: 63,
};
const FLEX_170: Product = Product {
    name: "Intel Data Center GPU Flex 170",
    device: 0x56c0,
    driver: IntelDriver::I915Prelim,
    tiles: 1,
    tile_gib: 16,
    tile_cores: 32,
    watts: 150,
    total_vfs: 31,
};
/// One of the two GPUs of a card.
const FLEX_140: Product = Product {
    name: "Intel Data Center GPU Flex 140",
    device: 0x56c1,
    driver: IntelDriver::I915Prelim,
    tiles: 1,
    tile_gib: 6,
    tile_cores: 8,
    watts: 36,
    total_vfs: 31,
};
const B60: Product = Product {
    name: "Intel Arc Pro B60 Graphics",
    device: 0xe211,
    driver: IntelDriver::Xe,
    tiles: 1,
    tile_gib: 24,
    tile_cores: 20,
    watts: 200,
    total_vfs: 0,
};

const IRIS_XE: Product = Product {
    name: "Intel Iris Xe Graphics",
    device: 0x9a49,
    driver: IntelDriver::I915,
    tiles: 1,
    tile_gib: 0,
    tile_cores: 6,
    watts: 28,
    total_vfs: 0,
};
const ARC_140V: Product = Product {
    name: "Intel Arc Graphics",
    device: 0x64a0,
    driver: IntelDriver::Xe,
    tiles: 1,
    tile_gib: 0,
    tile_cores: 8,
    watts: 30,
    total_vfs: 0,
};

fn gpu(product: &Product, n: u8) -> Gpu {
    let number = u32::from(n);
    let tile = TileSpec { memory: Bytes::gib(product.tile_gib), xe_cores: product.tile_cores };
    let tiles = vec![tile; product.tiles as usize];
    Gpu {
        name: product.name.to_owned(),
        pci: PciAddress::new(0, 0x3a + n * 0x11, 0, 0),
        pci_id: PciId { vendor: 0x8086, device: product.device, subvendor: 0x8086, subdevice: 0x0001 },
        bridges: vec![PciAddress::new(0, 0x39 + n * 0x11, 1, 0)],
        numa: Some(NumaNode(number / 2)),
        pcie: PcieSpec { generation: 5, width: 16 },
        drm: Some(DrmNumbers { card: number + 1, render: number + 128 }),
        memory: MemorySpec {
            total: Bytes::gib(product.tile_gib * u64::from(product.tiles)),
            reserved: Bytes::ZERO,
            base_used: Bytes::ZERO,
            kind: MemoryKind::Dedicated,
            system_total: None,
        },
        compute_units: product.tile_cores * product.tiles,
        power: power(product.watts / 5, product.watts, product.watts / 4),
        thermal: thermal(38, 82),
        clocks: clocks(300, 1600, 3200),
        ecc: None,
        health: HealthSpec::default(),
        firmware: None,
        serial: None,
        board_part: None,
        asleep: false,
        silicon: Silicon::Intel(IntelSpec {
            driver: product.driver,
            tiles,
            media_gt: product.driver == IntelDriver::Xe,
            // The backport starts by deciding itself.
            ccs_mode: Some(if product.driver == IntelDriver::I915Prelim { 0 } else { 1 }),
            ccs_slices: 4,
            total_vfs: product.total_vfs,
            vfs: Vec::new(),
            provisions: Vec::new(),
        }),
    }
}

fn node(name: &str, product: &Product, count: u8) -> Machine {
    Machine { gpus: (0..count).map(|n| gpu(product, n)).collect(), ..base(name) }
}

pub(super) fn max_1550() -> Machine {
    let mut machine = node("max-1550-4", &MAX_1550, 4);
    let pairs = (0..4).flat_map(|a| (a + 1..4).map(move |b| (a, b)));
    machine.links = pairs.map(|(a, b)| LinkSpec { a, b, kind: LinkKindSpec::XeLink }).collect();
    machine
}

/// The second board is cut into two virtual functions.
pub(super) fn flex_170() -> Machine {
    let mut machine = node("flex-170-2", &FLEX_170, 2);
    let parent = machine.gpus[1].pci;
    if let Silicon::Intel(intel) = &mut machine.gpus[1].silicon {
        // Under SR-IOV the driver fixes the mode, and has no file for it.
        intel.ccs_mode = None;
        intel.vfs = (1..=2_u8)
            .map(|n| VfSpec {
                number: u32::from(n),
                pci: PciAddress::new(parent.domain, parent.bus, 0, n),
                drm: None,
                memory_quota: Bytes::gib(6),
                exec_quantum_ms: 20,
                preempt_timeout_us: 20_000,
                priority: 1,
            })
            .collect();
    }
    machine
}

/// One card: two GPUs behind one switch, each of them a device of its own.
pub(super) fn flex_140() -> Machine {
    let mut machine = node("flex-140-2", &FLEX_140, 2);
    for (n, gpu) in (0_u8..).zip(&mut machine.gpus) {
        let ports = [PciAddress::new(0, 0x3a, 0, 0), PciAddress::new(0, 0x3b, n, 0)];
        gpu.bridges = [PciAddress::new(0, 0x39, 1, 0)].into_iter().chain(ports).collect();
        gpu.pci = PciAddress::new(0, 0x3c + n, 0, 0);
        gpu.pcie = PcieSpec { generation: 4, width: 8 };
    }
    machine
}

/// Both boards at work: on the whole one processes that share their clients (a copy of a descriptor, a
/// fork, threads), and each virtual function of the other with a process of the host's on it.
pub(super) fn flex_170_shared() -> Machine {
    let mut machine = Machine { name: "flex-170-2-vf".to_owned(), ..flex_170() };
    if let Silicon::Intel(intel) = &mut machine.gpus[1].silicon {
        for (n, vf) in (0..).zip(&mut intel.vfs) {
            vf.drm = Some(DrmNumbers { card: 3 + n, render: 130 + n });
        }
    }
    let of = |opened_by, number| Descriptor { opened_by: Pid(opened_by), number };
    let mut server = job(8101, "server", 0, Part::Whole, Bytes::gib(4), 300);
    server.descriptors = vec![of(8101, 0)];
    server.threads = vec![Pid(8102), Pid(8103)];
    let worker = Workload {
        descriptors: vec![of(8101, 0)],
        ..job(8111, "worker", 0, Part::Whole, Bytes::gib(1), 100)
    };
    let idler = Workload { uses: Vec::new(), ..job(8112, "idler", 0, Part::Whole, Bytes::ZERO, 0) };
    let idler = Workload { descriptors: vec![of(8101, 0), of(8111, 0)], ..idler };
    let guest =
        |pid, number| job(pid, "guest", 1, Part::Function { number }, Bytes::gib(2 + u64::from(number)), 200);
    machine.workloads = vec![server, worker, idler, guest(8121, 1), guest(8122, 2)];
    machine
}

/// The graphics of a processor: no memory and no sensors of its own, in no slot.
fn in_processor(name: &str, product: &Product, mhz: u64) -> Machine {
    let mut machine = node(name, product, 1);
    machine.numa_nodes = vec![NumaSpec { node: NumaNode(0), cpus: "0-7".to_owned() }];
    for gpu in &mut machine.gpus {
        gpu.pci = PciAddress::new(0, 0, 2, 0);
        (gpu.bridges, gpu.numa) = (Vec::new(), None);
        gpu.pcie = PcieSpec { generation: 0, width: 0 };
        (gpu.memory.total, gpu.memory.kind) = (Bytes::ZERO, MemoryKind::System);
        gpu.clocks.graphics_max = Hertz::from_mhz(mhz);
        (gpu.thermal.hotspot_above, gpu.thermal.memory_above) = (None, None);
        if let Silicon::Intel(intel) = &mut gpu.silicon {
            // One slice, or none that computes alone: there is nothing to share out, and no file for it.
            intel.ccs_mode = None;
            intel.ccs_slices = u32::from(intel.driver == IntelDriver::Xe);
        }
    }
    machine
}

/// Tiger Lake: what draws computes, too.
pub(super) fn iris_xe() -> Machine {
    let mut machine = in_processor("iris-xe-1", &IRIS_XE, 1350);
    let mut desktop = job(2001, "desktop", 0, Part::Whole, Bytes::mib(384), 80);
    desktop.uses[0].kind = UseKind::Graphics;
    desktop.uses[0].decoder_busy = Curve::constant(50);
    machine.workloads = vec![desktop, job(2002, "infer", 0, Part::Whole, Bytes::gib(2), 300)];
    machine
}

/// Lunar Lake: a media GT beside the one of graphics.
pub(super) fn arc_140v() -> Machine {
    let mut machine = in_processor("arc-140v-1", &ARC_140V, 2050);
    machine.workloads = vec![job(2001, "infer", 0, Part::Whole, Bytes::gib(5), 400)];
    machine
}

pub(super) fn b60() -> Machine {
    let mut machine = node("b60-2", &B60, 2);
    machine.workloads = vec![job(8001, "render", 0, Part::Whole, Bytes::gib(3), 250)];
    machine
}

/// One Arc Pro B60, for machines of several vendors.
pub(super) fn one_b60(n: u8) -> Gpu {
    gpu(&B60, n)
}
