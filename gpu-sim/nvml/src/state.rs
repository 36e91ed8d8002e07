//! The machine behind the calls: what NVML would know of it, computed once for each time of the
//! simulated clock.

use std::collections::HashMap;
use std::sync::atomic::{AtomicUsize, Ordering};

use gpu_core::{BootTime, Clock, Nanoseconds, Vendor};
use gpu_sim::{
    Account, ComputeInstanceSpec, Fault, Gpu, GpuInstanceSpec, GpuState, Machine, MigProfile, MigRefusal,
    MigSpec, NvidiaDriver, NvidiaSpec, Scene, Silicon, UseState, World,
};

use crate::abi::Code;
use crate::handle::{Device, Place};

/// The machine behind the calls.
#[derive(Debug)]
pub struct State {
    pub world: World,
    pub scene: Scene,
    described: Machine,
    /// Positions of NVIDIA's GPUs, in NVML's order of indexes.
    pub order: Vec<usize>,
    shown: Vec<(GpuState, Vec<UseState>)>,
    pub faults: Faults,
    grown: AtomicUsize,
}

/// Faults in the form in which calls ask for them.
#[derive(Debug, Default)]
pub struct Faults {
    pub codes: HashMap<String, Vec<(Option<usize>, u32)>>,
    pub latency: HashMap<String, Nanoseconds>,
    pub latency_of_all: Nanoseconds,
    pub unprivileged: bool,
    pub unterminated: bool,
    pub growing: bool,
    pub old_stride: bool,
    pub garbage: bool,
    pub pid_shift: u32,
    pub permuted: bool,
}

impl Faults {
    fn of(machine: &Machine) -> Self {
        let mut faults = Self::default();
        for fault in &machine.faults {
            match fault {
                Fault::ReturnCode { function, code, gpu } => {
                    faults.codes.entry(function.clone()).or_default().push((*gpu, *code));
                }
                Fault::Latency { function, time } if function == "*" => faults.latency_of_all = *time,
                Fault::Latency { function, time } => {
                    faults.latency.insert(function.clone(), *time);
                }
                Fault::Unprivileged => faults.unprivileged = true,
                Fault::UnterminatedStrings => faults.unterminated = true,
                Fault::GrowingLists => faults.growing = true,
                Fault::OldProcessStride => faults.old_stride = true,
                Fault::IndexesPermuted => faults.permuted = true,
                Fault::GarbageUtilisation => faults.garbage = true,
                Fault::PidsShifted { by } => faults.pid_shift = *by,
                _ => {}
            }
        }
        faults
    }
}

impl State {
    pub fn new(machine: Machine) -> Self {
        let world = World::new(machine.clone());
        let scene = world.scene();
        let mut order: Vec<usize> = scene.gpus_of(Vendor::NVIDIA).map(|(position, _)| position).collect();
        if machine.faults.contains(&Fault::IndexesPermuted) {
            order.reverse();
        }
        let faults = Faults::of(&machine);
        let mut state = Self {
            world,
            scene,
            described: machine,
            order,
            shown: Vec::new(),
            faults,
            grown: AtomicUsize::new(0),
        };
        state.look();
        state
    }

    fn look(&mut self) {
        self.scene = self.world.scene();
        let gpus = 0..self.scene.machine().gpus.len();
        self.shown = gpus.map(|gpu| (self.scene.gpu(gpu), self.scene.uses(gpu))).collect();
    }

    /// Lets time pass.
    pub fn advance(&mut self, span: Nanoseconds) {
        self.world.clock().advance(span);
        self.look();
    }

    /// Changes MIG, as the driver does.
    pub fn change_mig<T>(
        &mut self,
        change: impl FnOnce(&mut Machine) -> Result<T, MigRefusal>,
    ) -> Result<T, Code> {
        let answer = self.world.change_mig(change).map_err(|refusal| Code(refusal.code()))?;
        self.described.gpus.clone_from(&self.world.machine().gpus);
        self.look();
        Ok(answer)
    }

    /// The description as it is by now.
    pub fn described(&self) -> &Machine {
        &self.described
    }

    /// The same machine, or `machine` in its place, at the same or a later time, with these faults
    /// beside its own.
    pub fn with(
        &self,
        machine: Option<Machine>,
        faults: impl IntoIterator<Item = Fault>,
        uptime: Option<u64>,
    ) -> Self {
        let described = machine.unwrap_or_else(|| self.described.clone());
        let mut machine = described.clone();
        machine.faults.extend(faults);
        let mut next = Self::new(machine);
        next.described = described;
        let until = BootTime(uptime.unwrap_or(0).max(self.scene.now().0));
        next.advance(until.since(next.scene.now()));
        next
    }

    /// The faults in force that the description does not have.
    pub fn added(&self) -> Vec<Fault> {
        self.scene.machine().faults[self.described.faults.len()..].to_vec()
    }

    /// NVIDIA's driver, if it is loaded and drives anything.
    pub fn driver(&self) -> Option<&NvidiaDriver> {
        let driver = self.scene.machine().nvidia_driver.as_ref()?;
        self.scene.has_driver(Vendor::NVIDIA).then_some(driver)
    }

    /// A GPU that is still there.
    pub fn at(&self, position: usize) -> Result<View<'_>, Code> {
        let gpu = self.scene.machine().gpus.get(position).ok_or(Code::INVALID_ARGUMENT)?;
        let Silicon::Nvidia(nvidia) = &gpu.silicon else { return Err(Code::INVALID_ARGUMENT) };
        let (state, uses) = self.shown.get(position).ok_or(Code::INVALID_ARGUMENT)?;
        if state.lost {
            return Err(Code::GPU_IS_LOST);
        }
        Ok(View { position, gpu, nvidia, state, uses })
    }

    /// What a handle means: the GPU, and the MIG device on it.
    pub fn device(&self, device: Device) -> Result<(View<'_>, Option<MigView<'_>>), Code> {
        let Place { gpu, mig } = device.place()?;
        let view = self.at(gpu)?;
        let mig = mig.map(|(gi, ci)| view.mig_device(gi, ci)).transpose()?;
        Ok((view, mig))
    }

    /// The GPU of a handle; what is asked for is not there for a MIG device.
    pub fn whole(&self, device: Device) -> Result<View<'_>, Code> {
        match self.device(device)? {
            (view, None) => Ok(view),
            (_, Some(_)) => Err(Code::NOT_SUPPORTED),
        }
    }

    /// The GPU of a handle, or of the MIG device's parent.
    pub fn board(&self, device: Device) -> Result<View<'_>, Code> {
        self.device(device).map(|(view, _)| view)
    }

    /// How many rows more a list has by now than when its length was asked for.
    pub fn growth(&self, asked_for_length: bool) -> usize {
        if !self.faults.growing {
            return 0;
        }
        // Starts over now and then, so that a patient client's memory is not the limit.
        let grown = self.grown.load(Ordering::Relaxed) % 64;
        if asked_for_length {
            self.grown.store(grown + 1, Ordering::Relaxed);
        }
        grown
    }

    /// The time of day, as NVML stamps what it reports.
    pub fn wall_us(&self) -> u64 {
        self.world.clock().wall_now().0 / 1000
    }

    /// The time of day at an earlier time.
    pub fn wall_us_at(&self, time: BootTime) -> u64 {
        self.wall_us().saturating_sub(self.scene.now().since(time).get() / 1000)
    }

    /// What the driver keeps of processes on a GPU.
    pub fn accounts(&self, position: usize) -> Vec<Account> {
        self.scene.accounts(position)
    }
}

/// One GPU as it shows itself now.
#[derive(Clone, Copy)]
pub struct View<'a> {
    pub position: usize,
    pub gpu: &'a Gpu,
    pub nvidia: &'a NvidiaSpec,
    pub state: &'a GpuState,
    pub uses: &'a [UseState],
}

/// One MIG device.
#[derive(Clone, Copy)]
pub struct MigView<'a> {
    pub gi: &'a GpuInstanceSpec,
    pub ci: &'a ComputeInstanceSpec,
    pub profile: &'a MigProfile,
}

impl<'a> View<'a> {
    /// MIG of a board that has it.
    pub fn mig(&self) -> Result<&'a MigSpec, Code> {
        self.nvidia.mig.as_ref().ok_or(Code::NOT_SUPPORTED)
    }

    /// True under MIG.
    pub fn is_cut(&self) -> bool {
        self.nvidia.mig.as_ref().is_some_and(|mig| mig.enabled)
    }

    /// A GPU instance, with the profile that it was made from.
    pub fn instance(&self, gi: u32) -> Result<(&'a GpuInstanceSpec, &'a MigProfile), Code> {
        let mig = self.mig()?;
        let instance = mig.instances.iter().find(|instance| instance.id == gi).ok_or(Code::NOT_FOUND)?;
        let profile = mig.profiles.iter().find(|profile| profile.name == instance.profile);
        Ok((instance, profile.ok_or(Code::UNKNOWN)?))
    }

    fn mig_device(&self, gi: u32, ci: u32) -> Result<MigView<'a>, Code> {
        let (instance, profile) = self.instance(gi).map_err(|_| Code::INVALID_ARGUMENT)?;
        let ci = instance.compute_instances.iter().find(|c| c.id == ci).ok_or(Code::INVALID_ARGUMENT)?;
        Ok(MigView { gi: instance, ci, profile })
    }

    /// MIG devices with their indexes: in the order of GPU instance ids, without holes, as clients
    /// have come to expect (nvitop stops at the first one). With
    /// [`Fault::IndexesPermuted`], every other index answers that nothing is there, which nvml.h
    /// allows.
    pub fn mig_devices(&self, holes: bool) -> impl Iterator<Item = (u32, u32, u32)> {
        let mut instances: Vec<&GpuInstanceSpec> = match &self.nvidia.mig {
            Some(mig) if mig.enabled => mig.instances.iter().collect(),
            _ => Vec::new(),
        };
        instances.sort_by_key(|instance| instance.id);
        let devices = instances
            .into_iter()
            .flat_map(|instance| instance.compute_instances.iter().map(|ci| (instance.id, ci.id)));
        let devices: Vec<(u32, u32)> = devices.collect();
        let most = self.nvidia.mig.iter().flat_map(|mig| &mig.profiles).map(|profile| profile.slices).max();
        // Only where all of them still have an index.
        let step = if holes && 2 * devices.len() <= most.unwrap_or(0) as usize { 2 } else { 1 };
        (0_u32..).step_by(step).zip(devices).map(|(index, (gi, ci))| (index, gi, ci))
    }
}
