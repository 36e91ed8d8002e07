//! Built-in machines.
//!
//! Memory sizes, unit counts, ids and MIG tables are public product data and the figures of
//! vendors' guides; UUIDs, serial numbers, loads and temperatures are made up.

mod amd;
mod intel;
mod mixed;
mod nvidia;

use gpu_core::{
    BootId, BootTime, Bytes, Hertz, Microjoules, Microwatts, Millicelsius, NumaNode, Pid, Uuid, WallTime,
};

use crate::gpu::{ClockSpec, PowerSpec, ThermalSpec};
use crate::machine::{Machine, NumaSpec};
use crate::workload::{Curve, Part, Use, UseKind, Workload};

pub(crate) const NAMES: &[&str] = &[
    "hgx-h100-8",
    "dgx-a100-8",
    "b200-8",
    "l40s-4",
    "rtx-pro-6000-2",
    "gh200-1",
    "gb10-1",
    "mi300x-8",
    "mi300x-8-cpx",
    "mi300a-4",
    "mi210-8",
    "mi250x-4",
    "max-1550-4",
    "flex-170-2",
    "flex-170-2-vf",
    "flex-140-2",
    "b60-2",
    "iris-xe-1",
    "arc-140v-1",
    "mixed",
    "empty",
];

pub(crate) fn machine(name: &str) -> Option<Machine> {
    Some(match name {
        "hgx-h100-8" => nvidia::hgx_h100(),
        "dgx-a100-8" => nvidia::dgx_a100(),
        "b200-8" => nvidia::b200(),
        "l40s-4" => nvidia::l40s(),
        "rtx-pro-6000-2" => nvidia::rtx_pro_6000(),
        "gh200-1" => nvidia::gh200(),
        "gb10-1" => nvidia::gb10(),
        "mi300x-8" => amd::mi300x(false),
        "mi300x-8-cpx" => amd::mi300x(true),
        "mi300a-4" => amd::mi300a(),
        "mi210-8" => amd::mi210(),
        "mi250x-4" => amd::mi250x(),
        "max-1550-4" => intel::max_1550(),
        "flex-170-2" => intel::flex_170(),
        "flex-170-2-vf" => intel::flex_170_shared(),
        "flex-140-2" => intel::flex_140(),
        "b60-2" => intel::b60(),
        "iris-xe-1" => intel::iris_xe(),
        "arc-140v-1" => intel::arc_140v(),
        "mixed" => mixed::mixed(),
        "empty" => base("empty"),
        _ => return None,
    })
}

/// A machine with two NUMA nodes and nothing on the bus, an hour after it booted.
fn base(name: &str) -> Machine {
    Machine {
        schema: Machine::SCHEMA,
        name: name.to_owned(),
        kernel: "6.8.0".to_owned(),
        boot_id: BootId(Uuid(*b"simulated-boot-1")),
        booted_at: WallTime(1_750_000_000_000_000_000),
        started_at: BootTime(3_600_000_000_000),
        numa_nodes: vec![
            NumaSpec { node: NumaNode(0), cpus: "0-63".to_owned() },
            NumaSpec { node: NumaNode(1), cpus: "64-127".to_owned() },
        ],
        nvidia_driver: None,
        amdgpu_version: None,
        gpus: Vec::new(),
        links: Vec::new(),
        bystanders: Vec::new(),
        workloads: Vec::new(),
        faults: Vec::new(),
    }
}

/// Idle and full power with a limit in force, in watts, and the range of limits.
fn power(idle: u64, limit: u64, min: u64) -> PowerSpec {
    PowerSpec {
        idle: Microwatts::from_watts(idle),
        full: Microwatts::from_watts(limit),
        limit: Microwatts::from_watts(limit),
        limit_default: Microwatts::from_watts(limit),
        limit_min: Microwatts::from_watts(min),
        limit_max: Microwatts::from_watts(limit),
        energy_at_start: Microjoules(1_234_567_000_000),
    }
}

/// A board without fan, with sensors for hot spot and memory.
fn thermal(idle: i64, full: i64) -> ThermalSpec {
    ThermalSpec {
        idle: Millicelsius::from_degrees(idle),
        full: Millicelsius::from_degrees(full),
        hotspot_above: Some(Millicelsius::from_degrees(6)),
        memory_above: Some(Millicelsius::from_degrees(9)),
        slowdown: Some(Millicelsius::from_degrees(95)),
        shutdown: Some(Millicelsius::from_degrees(105)),
        fan_full_rpm: None,
    }
}

fn clocks(graphics_idle: u64, graphics_max: u64, memory: u64) -> ClockSpec {
    ClockSpec {
        graphics_idle: Hertz::from_mhz(graphics_idle),
        graphics_max: Hertz::from_mhz(graphics_max),
        memory_idle: Hertz::from_mhz(memory),
        memory_max: Hertz::from_mhz(memory),
        video: None,
    }
}

/// A process that has computed on one part of one GPU since ten minutes after boot.
fn job(pid: u32, name: &str, gpu: usize, part: Part, memory: Bytes, busy: u64) -> Workload {
    Workload {
        pid: Pid(pid),
        name: name.to_owned(),
        starts: BootTime(600_000_000_000),
        ends: None,
        cgroup: "/".to_owned(),
        uses: vec![Use {
            gpu,
            part,
            kind: UseKind::Compute,
            memory: Curve::constant(memory.get()),
            busy: Curve::constant(busy),
            encoder_busy: Curve::default(),
            decoder_busy: Curve::default(),
        }],
        descriptors: Vec::new(),
        threads: Vec::new(),
    }
}

/// Four processes on each of `gpus` GPUs, each with other amounts.
fn four_each(gpus: usize) -> Vec<Workload> {
    (0..gpus * 4)
        .zip(0_u32..)
        .map(|(i, n)| {
            let memory = Bytes::mib(2048 + 512 * u64::from(n));
            job(4000 + n, &format!("train-{n}"), i / 4, Part::Whole, memory, 40 + 6 * u64::from(n % 32))
        })
        .collect()
}
