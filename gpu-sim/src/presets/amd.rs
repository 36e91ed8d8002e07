//! Machines with AMD's GPUs.

use gpu_core::{Bytes, MemoryKind, NumaNode, PciAddress, PciId};

use super::{base, clocks, job, power, thermal};
use crate::gpu::{
    AmdMetricsForm, AmdPowerFile, AmdSpec, EccSpec, Gpu, MemorySpec, PcieSpec, Silicon, XcpSpec,
};
use crate::health::HealthSpec;
use crate::machine::{DrmNumbers, LinkKindSpec, LinkSpec, Machine};
use crate::workload::Part;

/// One product: what differs between boards.
pub(super) struct Product {
    name: &'static str,
    device: u16,
    gib: u64,
    units: u32,
    dies: u32,
    target: u32,
    watts: u64,
    power_file: AmdPowerFile,
    metrics: AmdMetricsForm,
}

pub(super) const MI300X: Product = Product {
    name: "AMD Instinct MI300X",
    device: 0x74a1,
    gib: 192,
    units: 304,
    dies: 8,
    target: 90_402,
    watts: 750,
    power_file: AmdPowerFile::Input,
    metrics: AmdMetricsForm::V1_7,
};
const MI300A: Product = Product {
    name: "AMD Instinct MI300A",
    device: 0x74a0,
    gib: 128,
    units: 228,
    dies: 6,
    target: 90_402,
    watts: 550,
    power_file: AmdPowerFile::Both,
    metrics: AmdMetricsForm::V1_6,
};
const MI210: Product = Product {
    name: "AMD Instinct MI210",
    device: 0x740f,
    gib: 64,
    units: 104,
    dies: 1,
    target: 90_010,
    watts: 300,
    power_file: AmdPowerFile::Average,
    metrics: AmdMetricsForm::V1_3,
};
const MI250X: Product = Product {
    name: "AMD Instinct MI250X",
    device: 0x7408,
    gib: 64,
    units: 110,
    dies: 1,
    target: 90_010,
    watts: 560,
    power_file: AmdPowerFile::Average,
    metrics: AmdMetricsForm::V1_3,
};

/// GPU number `n` of a product, cut into `parts`.
pub(super) fn gpu(product: &Product, n: u8, parts: u32, first_drm: u32) -> Gpu {
    let number = u32::from(n);
    let memory = Bytes::gib(product.gib);
    let partitions: Vec<XcpSpec> = (0..parts)
        .map(|k| XcpSpec {
            gpu_id: 10_000 + number * 100 + k,
            compute_units: product.units / parts,
            memory: Bytes(memory.get() / u64::from(parts)),
            drm: DrmNumbers { card: first_drm + k, render: first_drm + k + 128 },
        })
        .collect();
    let can_be_cut = product.dies > 1;
    Gpu {
        name: product.name.to_owned(),
        pci: PciAddress::new(0, 0x05 + n * 0x11, 0, 0),
        pci_id: PciId { vendor: 0x1002, device: product.device, subvendor: 0x1002, subdevice: 0x74a1 },
        bridges: vec![PciAddress::new(0, 0x04 + n * 0x11, 1, 0)],
        numa: Some(NumaNode(number / 4)),
        pcie: PcieSpec { generation: 5, width: 16 },
        drm: Some(DrmNumbers { card: first_drm, render: first_drm + 128 }),
        memory: MemorySpec {
            total: memory,
            reserved: Bytes::ZERO,
            base_used: Bytes::mib(285),
            kind: MemoryKind::Dedicated,
            system_total: Some(Bytes::gib(1007)),
        },
        compute_units: product.units / parts * parts,
        power: power(product.watts / 6, product.watts, 0),
        thermal: thermal(36, 80),
        clocks: clocks(132, 2100, 1300),
        ecc: Some(EccSpec::default()),
        health: HealthSpec::default(),
        firmware: Some("113-M3000100-102".to_owned()),
        serial: Some(format!("692251000{number:03}")),
        board_part: None,
        asleep: false,
        silicon: Silicon::Amd(AmdSpec {
            unique_id: Some(0x1f2e_3d4c_5b6a_0000 | u64::from(product.device) << 4 | u64::from(n)),
            gfx_target_version: product.target,
            xcc: product.dies,
            compute_mode: can_be_cut.then(|| if parts > 1 { "CPX" } else { "SPX" }.to_owned()),
            compute_modes: if can_be_cut { modes(product.dies) } else { Vec::new() },
            memory_mode: can_be_cut.then(|| "NPS1".to_owned()),
            memory_modes: if can_be_cut { vec!["NPS1".to_owned(), "NPS4".to_owned()] } else { Vec::new() },
            memory_request: None,
            hive_id: Some(0xd2c9_0000_0000_0017),
            partitions,
            power_file: product.power_file,
            power_on_other_die: false,
            gpu_metrics: Some(product.metrics),
            isolation: vec![0; parts as usize],
        }),
    }
}

/// Compute modes by the number of dies (kernel: `aqua_vanjaram.c`).
fn modes(dies: u32) -> Vec<String> {
    let names: &[&str] = match dies {
        8 => &["SPX", "DPX", "QPX", "CPX"],
        6 => &["SPX", "TPX", "CPX"],
        4 => &["SPX", "DPX", "CPX"],
        _ => &["SPX", "CPX"],
    };
    names.iter().map(|name| (*name).to_owned()).collect()
}

/// xGMI between any two GPUs within groups of `size`.
fn islands(count: usize, size: usize, weight: u32) -> Vec<LinkSpec> {
    let pairs = (0..count).flat_map(|a| (a + 1..count).map(move |b| (a, b)));
    pairs
        .filter(|(a, b)| a / size == b / size)
        .map(|(a, b)| LinkSpec { a, b, kind: LinkKindSpec::Xgmi { weight } })
        .collect()
}

fn node(name: &str, product: &Product, count: u8, parts: u32) -> Machine {
    let gpus = (0..count).map(|n| gpu(product, n, parts, 1 + u32::from(n) * parts)).collect();
    Machine { amdgpu_version: Some("6.12.12".to_owned()), gpus, ..base(name) }
}

/// 8 GPUs whole, or cut into 64 partitions with 200 processes.
pub(super) fn mi300x(cut: bool) -> Machine {
    let (name, parts) = if cut { ("mi300x-8-cpx", 8) } else { ("mi300x-8", 1) };
    let mut machine = node(name, &MI300X, 8, parts);
    machine.links = islands(8, 8, 15);
    if !cut {
        // An older driver than the cut machine's, so that both forms are met.
        for gpu in &mut machine.gpus {
            if let Silicon::Amd(amd) = &mut gpu.silicon {
                amd.gpu_metrics = Some(AmdMetricsForm::V1_5);
            }
        }
    }
    machine.workloads = if cut {
        (0..200_u32)
            .map(|i| {
                let part = Part::Xcp { index: i % 8 };
                job(
                    7000 + i,
                    &format!("rank-{i}"),
                    (i / 8 % 8) as usize,
                    part,
                    Bytes::mib(256 + u64::from(i)),
                    20,
                )
            })
            .collect()
    } else {
        (0..8_u32).map(|i| job(7000 + i, "train", i as usize, Part::Whole, Bytes::gib(100), 800)).collect()
    };
    machine
}

pub(super) fn mi300a() -> Machine {
    let mut machine = node("mi300a-4", &MI300A, 4, 1);
    machine.links = islands(4, 4, 15);
    for gpu in &mut machine.gpus {
        gpu.memory.kind = MemoryKind::System;
    }
    machine
}

/// Two islands of four.
pub(super) fn mi210() -> Machine {
    Machine { links: islands(8, 4, 15), ..node("mi210-8", &MI210, 8, 1) }
}

/// Four cards of two GPUs each: the first reports the power of both.
pub(super) fn mi250x() -> Machine {
    let mut machine = node("mi250x-4", &MI250X, 8, 1);
    machine.links = islands(8, 8, 15);
    for (n, gpu) in machine.gpus.iter_mut().enumerate() {
        if let Silicon::Amd(amd) = &mut gpu.silicon {
            amd.power_on_other_die = n % 2 == 1;
        }
    }
    machine
}
