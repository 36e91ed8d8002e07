//! The machine behind the calls: what the library would know of it.

use std::collections::HashMap;

use gpu_core::{BootTime, Nanoseconds, Vendor};
use gpu_sim::{
    AmdMetricsForm, AmdSpec, AmdUse, Fault, Gpu, GpuState, LinkKindSpec, Machine, Scene, Silicon, World,
};

use crate::abi::Code;

/// The machine behind the calls.
#[derive(Debug)]
pub struct State {
    world: World,
    pub scene: Scene,
    described: Machine,
    /// What a client's indexes mean: position of the GPU and of its partition.
    order: Vec<(usize, usize)>,
    /// What each GPU and the processes on it show now, by position.
    shown: Vec<(GpuState, Vec<AmdUse>)>,
    pub faults: Faults,
}

/// Faults in the form in which calls ask for them.
#[derive(Debug, Default)]
pub struct Faults {
    pub codes: HashMap<String, Vec<(Option<usize>, u32)>>,
    pub latency: HashMap<String, Nanoseconds>,
    pub unterminated: bool,
}

impl Faults {
    fn of(machine: &Machine) -> Self {
        let mut faults = Self::default();
        for fault in &machine.faults {
            match fault {
                Fault::ReturnCode { function, code, gpu } => {
                    faults.codes.entry(function.clone()).or_default().push((*gpu, *code));
                }
                Fault::Latency { function, time } => {
                    faults.latency.insert(function.clone(), *time);
                }
                Fault::UnterminatedStrings => faults.unterminated = true,
                _ => {}
            }
        }
        faults
    }
}

impl State {
    pub fn new(machine: Machine) -> Self {
        let faults = Faults::of(&machine);
        let world = World::new(machine.clone());
        let scene = world.scene();
        let mut state =
            Self { world, scene, described: machine, order: Vec::new(), shown: Vec::new(), faults };
        state.look();
        state.enumerate();
        state
    }

    fn look(&mut self) {
        self.scene = self.world.scene();
        let gpus = 0..self.scene.machine().gpus.len();
        self.shown = gpus.map(|gpu| (self.scene.gpu(gpu), self.scene.amd_uses(gpu))).collect();
    }

    /// Finds out what there is, as the library does when it is initialised: a device for each
    /// partition of each GPU that the driver drives.
    pub fn enumerate(&mut self) {
        let gpus = self.scene.gpus_of(Vendor::AMD);
        let here = gpus.filter(|(position, gpu)| !self.scene.gpu(*position).lost && self.scene.drives(gpu));
        self.order = here
            .flat_map(|(position, gpu)| match &gpu.silicon {
                Silicon::Amd(amd) => (0..amd.partitions.len()).map(|part| (position, part)).collect(),
                _ => Vec::new(),
            })
            .collect();
    }

    /// How many devices there were when the library was initialised.
    pub fn devices(&self) -> u32 {
        u32::try_from(self.order.len()).unwrap_or(u32::MAX)
    }

    /// The position of the GPU of an index.
    pub fn position(&self, index: u32) -> Option<usize> {
        self.order.get(index as usize).map(|(position, _)| *position)
    }

    /// Lets time pass.
    pub fn advance(&mut self, span: Nanoseconds) {
        self.world.clock().advance(span);
        self.look();
    }

    /// The same machine, at the same or a later time, with these faults beside its own. Indexes
    /// keep their meaning.
    pub fn with(&self, faults: impl IntoIterator<Item = Fault>, uptime: Option<u64>) -> Self {
        let described = self.described.clone();
        let mut machine = described.clone();
        machine.faults.extend(faults);
        let mut next = Self { described, order: self.order.clone(), ..Self::new(machine) };
        let until = BootTime(uptime.unwrap_or(0).max(self.scene.now().0));
        next.advance(until.since(next.scene.now()));
        next
    }

    /// The faults in force that the description does not have.
    pub fn added(&self) -> Vec<Fault> {
        self.scene.machine().faults[self.described.faults.len()..].to_vec()
    }

    /// True when amdgpu is loaded.
    pub fn has_driver(&self) -> bool {
        self.scene.has_driver(Vendor::AMD)
    }

    /// The device of an index. Of a GPU that is gone every file is missing, which the library
    /// translates as "not supported".
    pub fn at(&self, index: u32) -> Result<View<'_>, Code> {
        // The header has a code for an index out of bounds; the library answers so since 5.0.
        let (position, part) = *self.order.get(index as usize).ok_or(Code::INVALID_ARGS)?;
        let gpu = self.scene.machine().gpus.get(position).ok_or(Code::INTERNAL_EXCEPTION)?;
        let Silicon::Amd(amd) = &gpu.silicon else { return Err(Code::INTERNAL_EXCEPTION) };
        let (state, uses) = self.shown.get(position).ok_or(Code::INTERNAL_EXCEPTION)?;
        if state.lost {
            return Err(Code::NOT_SUPPORTED);
        }
        Ok(View { of: self, position, part, gpu, amd, state, uses })
    }

    /// Every device, with its index.
    pub fn views(&self) -> impl Iterator<Item = (u32, View<'_>)> {
        (0..self.devices()).filter_map(|index| Some((index, self.at(index).ok()?)))
    }
}

/// One device as it shows itself now.
#[derive(Clone, Copy)]
pub struct View<'a> {
    pub of: &'a State,
    pub position: usize,
    pub part: usize,
    pub gpu: &'a Gpu,
    pub amd: &'a AmdSpec,
    pub state: &'a GpuState,
    uses: &'a [AmdUse],
}

impl<'a> View<'a> {
    /// Bus, device, and the partition in the bits of the function.
    pub fn bdfid(&self) -> u64 {
        let pci = self.gpu.pci;
        let slot = u64::from(pci.bus) << 8 | u64::from(pci.device) << 3;
        u64::from(pci.domain) << 32 | slot | self.part as u64
    }

    /// Refuses what comes from forms of `gpu_metrics` that 6.1.2 does not know.
    pub fn metrics(&self) -> Result<(), Code> {
        match self.amd.gpu_metrics {
            Some(AmdMetricsForm::V1_3 | AmdMetricsForm::V1_5) => Ok(()),
            _ => Err(Code::NOT_SUPPORTED),
        }
    }

    /// The driver's numbers, in microwatts; the second die of a card has none.
    pub fn power(&self) -> u64 {
        if self.amd.power_on_other_die { 0 } else { self.state.power.get() }
    }

    /// Energy in 2⁻¹⁶ J, rounded up so that whole microjoules survive.
    pub fn energy(&self) -> u64 {
        let units = (u128::from(self.state.energy.get()) * 1024).div_ceil(15_625);
        if self.amd.power_on_other_die { 0 } else { u64::try_from(units).unwrap_or(u64::MAX - 1) }
    }

    /// What computing processes show on this partition.
    pub fn uses(&self) -> impl Iterator<Item = &'a AmdUse> + use<'a> {
        let part = self.part;
        self.uses.iter().filter(move |of| of.computes && of.partition == part)
    }

    /// The weight of the xGMI link to another device.
    pub fn xgmi(&self, other: &View<'_>) -> Option<u32> {
        let ends = (self.position.min(other.position), self.position.max(other.position));
        self.of.scene.machine().links.iter().find_map(|link| match link.kind {
            LinkKindSpec::Xgmi { weight } if (link.a.min(link.b), link.a.max(link.b)) == ends => Some(weight),
            _ => None,
        })
    }
}
