//! [`Scene`]: what a world shows at one time.

use std::sync::Arc;

use gpu_core::{BootTime, Bytes, Hertz, Microjoules, Microwatts, Millicelsius, Nanoseconds, Pid, Vendor};

use crate::fault::Fault;
use crate::gpu::{Gpu, Silicon};
use crate::machine::{LinkKindSpec, Machine};
use crate::workload::{Part, Use, UseKind, Workload};

/// A world at one time: the one place that computes what each GPU and process shows. It stays
/// as it is while the world goes on.
#[derive(Clone, Debug)]
pub struct Scene {
    machine: Arc<Machine>,
    now: BootTime,
    lost: Vec<usize>,
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
    /// Its NVLinks, those that are down too.
    pub nvlinks: u32,
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

/// What a driver with accounting keeps of one process on one GPU.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub struct Account {
    /// The process.
    pub pid: Pid,
    /// When it began to use the GPU.
    pub began: BootTime,
    /// When it ended; `None` while it runs.
    pub ended: Option<BootTime>,
    /// Part of that time in which its kernels ran, in thousandths: the exact mean.
    pub busy: u64,
    /// Most memory that it held.
    pub memory_peak: Bytes,
}

impl Scene {
    pub(crate) const fn new(machine: Arc<Machine>, now: BootTime, lost: Vec<usize>) -> Self {
        Self { machine, now, lost }
    }

    /// The machine.
    #[must_use]
    pub fn machine(&self) -> &Machine {
        &self.machine
    }

    /// The time since boot.
    #[must_use]
    pub const fn now(&self) -> BootTime {
        self.now
    }

    /// The processes that run now.
    pub fn running(&self) -> impl Iterator<Item = &Workload> {
        let now = self.now;
        let runs = move |w: &&Workload| w.starts <= now && w.ends.is_none_or(|ends| now < ends);
        self.machine().workloads.iter().filter(runs)
    }

    /// The DRM clients that a process has open, by descriptor: who opened each, and for which of its
    /// uses. One for each of its own uses, then what it holds beside.
    pub(crate) fn opened<'a>(
        &'a self,
        workload: &'a Workload,
    ) -> impl Iterator<Item = (&'a Workload, usize)> + 'a {
        let own = (0..workload.uses.len()).map(move |number| (workload, number));
        own.chain(workload.descriptors.iter().filter_map(|of| self.machine().opened(of)))
    }

    /// What processes do on a GPU now, in the order of the description.
    #[must_use]
    pub fn uses(&self, gpu: usize) -> Vec<UseState> {
        let now = self.now;
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

    /// What the driver has an account of on a GPU: the processes that have used it since the
    /// simulation's machine booted, in the order in which they began.
    #[must_use]
    pub fn accounts(&self, gpu: usize) -> Vec<Account> {
        let begun = self.uses_ever(gpu).filter(|(workload, _)| workload.starts <= self.now);
        let mut accounts: Vec<Account> = Vec::new();
        for (workload, of) in begun {
            let end = workload.ends.filter(|ends| *ends <= self.now);
            let lasted = end.unwrap_or(self.now).since(workload.starts);
            let busy = of.busy.integral(Nanoseconds(0), lasted) / u128::from(lasted.get().max(1));
            let peak =
                of.memory.steps.iter().filter(|(from, _)| *from <= lasted).map(|(_, value)| *value).max();
            let account = Account {
                pid: workload.pid,
                began: workload.starts,
                ended: end,
                busy: u64::try_from(busy).unwrap_or(1000).min(1000),
                memory_peak: Bytes(peak.unwrap_or(0)),
            };
            match accounts.iter_mut().find(|of| of.pid == account.pid) {
                // Another use of the same process.
                Some(of) => {
                    of.busy = (of.busy + account.busy).min(1000);
                    of.memory_peak = of.memory_peak.saturating_add(account.memory_peak);
                }
                None => accounts.push(account),
            }
        }
        accounts.sort_by_key(|account| account.began);
        accounts
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
            nvlinks: self.nvlinks(position, gpu),
        }
    }

    /// Links to switches, and straight ones.
    fn nvlinks(&self, position: usize, gpu: &Gpu) -> u32 {
        let Silicon::Nvidia(nvidia) = &gpu.silicon else { return 0 };
        let straight = self.machine().links.iter().filter(|link| link.a == position || link.b == position);
        let straight = straight.map(|link| match link.kind {
            LinkKindSpec::NvLink { links } => links,
            _ => 0,
        });
        nvidia.nvswitch_links.saturating_add(straight.sum())
    }

    /// The energy counter: the exact integral of power since the simulation started. Power grows
    /// with the sum of what processes do; presets keep that sum within the GPU.
    fn energy(&self, position: usize, gpu: &Gpu) -> Microjoules {
        let (start, at_start) = self.counts_from(position, gpu);
        let span = u128::from(self.now.since(start).get());
        let work: u128 = self.uses_ever(position).map(|(workload, of)| self.work(workload, of, start)).sum();
        let swing = u128::from(gpu.power.full.get().saturating_sub(gpu.power.idle.get()));
        // µW × ns is 10⁻¹⁵ J; a µJ is 10⁹ of them.
        let energy = (u128::from(gpu.power.idle.get()) * span + swing * work / 1000) / 1_000_000_000;
        at_start.saturating_add(Microjoules(u64::try_from(energy).unwrap_or(u64::MAX)))
    }

    /// Since when the energy counter counts, and from what: the start of the simulation, or the
    /// last reset.
    fn counts_from(&self, position: usize, gpu: &Gpu) -> (BootTime, Microjoules) {
        let resets = self.machine().faults.iter().filter_map(|fault| match fault {
            Fault::CounterReset { gpu, at } if *gpu == position && *at <= self.now => Some(*at),
            _ => None,
        });
        match resets.max() {
            Some(at) => (at, Microjoules(0)),
            None => (self.machine().started_at, gpu.power.energy_at_start),
        }
    }

    fn uses_ever(&self, position: usize) -> impl Iterator<Item = (&Workload, &Use)> {
        let uses = self.machine().workloads.iter().flat_map(|w| w.uses.iter().map(move |of| (w, of)));
        uses.filter(move |(_, of)| of.gpu == position)
    }

    /// Thousandths × nanoseconds that a use has been busy since `start`.
    fn work(&self, workload: &Workload, of: &Use, start: BootTime) -> u128 {
        let until = workload.ends.map_or(self.now, |ends| ends.min(self.now));
        let age = |time: BootTime| -> Nanoseconds { time.since(workload.starts) };
        of.busy.integral(age(start), age(until))
    }

    /// How long a GPU, or one GPU instance of it, has been busy since the simulation started, in
    /// thousandths × nanoseconds: the sum over what runs there.
    #[must_use]
    pub fn busy_time(&self, position: usize, instance: Option<u32>) -> u128 {
        let here = |part: Part| match (instance, part) {
            (None, _) => true,
            (Some(instance), Part::Mig { gi, .. }) => gi == instance,
            _ => false,
        };
        let start = self.machine().started_at;
        let uses = self.uses_ever(position).filter(|(_, of)| here(of.part));
        uses.map(|(workload, of)| self.work(workload, of, start)).sum()
    }

    fn is_lost(&self, position: usize) -> bool {
        let now = self.now;
        let is =
            |fault: &Fault| matches!(fault, Fault::DeviceLost { gpu, at } if *gpu == position && *at <= now);
        self.lost.contains(&position) || self.machine().faults.iter().any(is)
    }

    /// The GPUs of one vendor, with their positions.
    pub fn gpus_of(&self, vendor: Vendor) -> impl Iterator<Item = (usize, &Gpu)> {
        self.machine().gpus.iter().enumerate().filter(move |(_, gpu)| gpu.vendor() == vendor)
    }

    /// True when the vendor's driver is loaded: it drives a GPU and no fault takes it away.
    #[must_use]
    pub fn has_driver(&self, vendor: Vendor) -> bool {
        self.gpus_of(vendor).any(|(_, gpu)| self.drives(gpu))
    }

    /// True when the GPU's driver is loaded.
    #[must_use]
    pub fn drives(&self, gpu: &Gpu) -> bool {
        let absent =
            |fault: &Fault| matches!(fault, Fault::DriverAbsent { driver } if driver == gpu.driver());
        let nowhere = gpu.vendor() == Vendor::NVIDIA && self.machine().nvidia_driver.is_none();
        !nowhere && !self.machine().faults.iter().any(absent)
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
