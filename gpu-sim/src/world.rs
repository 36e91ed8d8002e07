//! [`World`]: a machine and a clock, and so what everything shows now.

use std::sync::{Arc, Mutex, PoisonError};

use gpu_core::{Bytes, Clock, Hertz, Microjoules, Microwatts, Millicelsius, Nanoseconds, Pid, Vendor};

use crate::clock::SimClock;
use crate::fault::Fault;
use crate::gpu::{Gpu, Silicon};
use crate::machine::Machine;
use crate::workload::{Part, Use, UseKind, Workload};

/// A machine and a clock: the one place that computes what each GPU and process shows, so that
/// every form of the simulation shows the same. Clones are the same world.
#[derive(Clone, Debug)]
pub struct World(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    machine: Machine,
    clock: SimClock,
    lost: Mutex<Vec<usize>>,
}

/// What one GPU shows at one time.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub struct GpuState {
    /// It fell off the bus: nothing else counts.
    pub lost: bool,
    /// Memory in use, processes' and driver's, without what is reserved.
    pub memory_used: Bytes,
    /// Part of the time in which something ran, in thousandths, at most 1000.
    pub busy: u64,
    /// Power.
    pub power: Microwatts,
    /// Energy counter.
    pub energy: Microjoules,
    /// Temperature.
    pub temperature: Millicelsius,
    /// Graphics clock.
    pub clock_graphics: Hertz,
    /// Memory clock.
    pub clock_memory: Hertz,
}

/// What one process shows on one part of one GPU at one time.
#[derive(Clone, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub struct UseState {
    /// The process.
    pub pid: Pid,
    /// Where on the GPU.
    pub part: Part,
    /// How.
    pub kind: UseKind,
    /// Memory that it holds.
    pub memory: Bytes,
    /// Part of the time in which its kernels ran, in thousandths.
    pub busy: u64,
}

impl World {
    /// The machine at the time at which its simulation starts.
    #[must_use]
    pub fn new(machine: Machine) -> Self {
        let clock = SimClock::new(machine.boot_id, machine.started_at, machine.booted_at);
        Self(Arc::new(Inner { machine, clock, lost: Mutex::default() }))
    }

    /// The description.
    #[must_use]
    pub fn machine(&self) -> &Machine {
        &self.0.machine
    }

    /// The clock, which stands still until it is told to go on.
    #[must_use]
    pub fn clock(&self) -> &SimClock {
        &self.0.clock
    }

    /// Lets a GPU fall off the bus.
    pub fn lose(&self, gpu: usize) {
        self.0.lost.lock().unwrap_or_else(PoisonError::into_inner).push(gpu);
    }

    /// The processes that run now.
    pub fn running(&self) -> impl Iterator<Item = &Workload> {
        let now = self.clock().boot_now();
        let runs = move |w: &&Workload| w.starts <= now && w.ends.is_none_or(|ends| now < ends);
        self.machine().workloads.iter().filter(runs)
    }

    /// What processes do on a GPU now, in the order of the description.
    #[must_use]
    pub fn uses(&self, gpu: usize) -> Vec<UseState> {
        let now = self.clock().boot_now();
        self.running()
            .flat_map(|workload| workload.uses.iter().map(move |of| (workload, of)))
            .filter(|(_, of)| of.gpu == gpu)
            .map(|(workload, of)| {
                let age = now.since(workload.starts);
                let memory = Bytes(of.memory.at(age));
                UseState { pid: workload.pid, part: of.part, kind: of.kind, memory, busy: of.busy.at(age) }
            })
            .collect()
    }

    /// What a GPU shows now.
    ///
    /// # Panics
    /// When the machine has no GPU at that position.
    #[must_use]
    pub fn gpu(&self, position: usize) -> GpuState {
        let gpu = &self.machine().gpus[position];
        let uses = self.uses(position);
        let load: u64 = uses.iter().map(|of| of.busy).sum();
        let memory = uses.iter().fold(gpu.memory.base_used, |sum, of| sum.saturating_add(of.memory));
        let runs = load > 0;
        GpuState {
            lost: self.is_lost(position),
            memory_used: memory.min(gpu.memory.total.saturating_sub(gpu.memory.reserved)),
            busy: load.min(1000),
            power: Microwatts(between(gpu.power.idle.get(), gpu.power.full.get(), load.min(1000))),
            energy: self.energy(position, gpu),
            temperature: temperature(gpu, load.min(1000)),
            clock_graphics: if runs { gpu.clocks.graphics_max } else { gpu.clocks.graphics_idle },
            clock_memory: if runs { gpu.clocks.memory_max } else { gpu.clocks.memory_idle },
        }
    }

    /// The energy counter: the exact integral of power since the simulation started. Power grows
    /// with the sum of what processes do; presets keep that sum within the GPU.
    fn energy(&self, position: usize, gpu: &Gpu) -> Microjoules {
        let (start, now) = (self.machine().started_at, self.clock().boot_now());
        let span = u128::from(now.since(start).get());
        let work: u128 = self.uses_ever(position).map(|(workload, of)| self.work(workload, of)).sum();
        let swing = u128::from(gpu.power.full.get().saturating_sub(gpu.power.idle.get()));
        // µW × ns is 10⁻¹⁵ J; a µJ is 10⁹ of them.
        let energy = (u128::from(gpu.power.idle.get()) * span + swing * work / 1000) / 1_000_000_000;
        gpu.power.energy_at_start.saturating_add(Microjoules(u64::try_from(energy).unwrap_or(u64::MAX)))
    }

    fn uses_ever(&self, position: usize) -> impl Iterator<Item = (&Workload, &Use)> {
        let uses = self.machine().workloads.iter().flat_map(|w| w.uses.iter().map(move |of| (w, of)));
        uses.filter(move |(_, of)| of.gpu == position)
    }

    /// Thousandths × nanoseconds that a use has been busy since the simulation started.
    fn work(&self, workload: &Workload, of: &Use) -> u128 {
        let now = self.clock().boot_now();
        let until = workload.ends.map_or(now, |ends| ends.min(now));
        let age = |time: gpu_core::BootTime| -> Nanoseconds { time.since(workload.starts) };
        of.busy.integral(age(self.machine().started_at), age(until))
    }

    fn is_lost(&self, position: usize) -> bool {
        let now = self.clock().boot_now();
        let by_fault =
            self.machine().faults.iter().any(
                |fault| matches!(fault, Fault::DeviceLost { gpu, at } if *gpu == position && *at <= now),
            );
        by_fault || self.0.lost.lock().unwrap_or_else(PoisonError::into_inner).contains(&position)
    }

    /// The GPUs of one vendor, with their positions.
    pub fn gpus_of(&self, vendor: Vendor) -> impl Iterator<Item = (usize, &Gpu)> {
        self.machine().gpus.iter().enumerate().filter(move |(_, gpu)| gpu.vendor() == vendor)
    }

    /// True when the vendor's driver is loaded: it drives a GPU and no fault takes it away.
    #[must_use]
    pub fn has_driver(&self, vendor: Vendor) -> bool {
        let absent = |driver: &str| {
            let is = |fault: &Fault| matches!(fault, Fault::DriverAbsent { driver: of } if of == driver);
            self.machine().faults.iter().any(is)
        };
        self.gpus_of(vendor).any(|(_, gpu)| !absent(gpu.driver()))
    }
}

impl Gpu {
    /// Who made it.
    #[must_use]
    pub const fn vendor(&self) -> Vendor {
        match self.silicon {
            Silicon::Nvidia(_) => Vendor::NVIDIA,
            Silicon::Amd(_) => Vendor::AMD,
            Silicon::Intel(_) => Vendor::INTEL,
        }
    }

    /// The kernel driver that drives it.
    #[must_use]
    pub const fn driver(&self) -> &'static str {
        use crate::gpu::IntelDriver::{I915, I915Prelim, Xe};
        match &self.silicon {
            Silicon::Nvidia(_) => "nvidia",
            Silicon::Amd(_) => "amdgpu",
            Silicon::Intel(intel) => match intel.driver {
                I915 | I915Prelim => "i915",
                Xe => "xe",
            },
        }
    }
}

fn temperature(gpu: &Gpu, load: u64) -> Millicelsius {
    let (idle, full) = (gpu.thermal.idle.get(), gpu.thermal.full.get());
    let rise = full.saturating_sub(idle).max(0).unsigned_abs();
    Millicelsius(idle.saturating_add_unsigned(rise * load / 1000))
}

/// The value at `load` thousandths of the way from `idle` to `full`.
fn between(idle: u64, full: u64, load: u64) -> u64 {
    idle + full.saturating_sub(idle) * load / 1000
}
