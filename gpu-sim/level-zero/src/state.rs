//! The machine behind the calls: what a driver would know of it.

use std::collections::{HashMap, HashSet};
use std::sync::atomic::{AtomicU32, Ordering};

use gpu_core::{BootTime, Nanoseconds, Vendor};
use gpu_sim::{Fault, Gpu, GpuState, IntelSpec, IntelTile, LinkKindSpec, Machine, Scene, Silicon, World};
use level_zero_sys::ze_result_t;

use crate::handle::{Handle, Kind};
use crate::out::Out;

/// The machine behind the calls.
#[derive(Debug)]
pub struct State {
    world: World,
    pub scene: Scene,
    described: Machine,
    pub faults: Faults,
    grown: AtomicU32,
}

/// Faults in the form in which calls ask for them.
#[derive(Debug, Default)]
pub struct Faults {
    pub codes: HashMap<String, Vec<(Option<usize>, u32)>>,
    pub latency: HashMap<String, Nanoseconds>,
    empty: HashSet<String>,
    pub unterminated: bool,
    pub unprivileged: bool,
    growing: bool,
    garbage: bool,
    null: bool,
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
                Fault::EmptySlot { function } => {
                    faults.empty.insert(function.clone());
                }
                Fault::UnterminatedStrings => faults.unterminated = true,
                Fault::Unprivileged => faults.unprivileged = true,
                Fault::GrowingLists => faults.growing = true,
                Fault::GarbageCounts => faults.garbage = true,
                Fault::NullHandles => faults.null = true,
                _ => {}
            }
        }
        faults
    }

    /// True when lists have null handles in them.
    pub const fn is_null(&self) -> bool {
        self.null
    }

    /// What a client cannot do without has its slot in any case, unless it is named.
    pub fn is_empty_slot(&self, function: &str) -> bool {
        const NEEDED: [&str; 5] = [
            "zesInit",
            "zesDriverGet",
            "zesDeviceGet",
            "zesDeviceGetProperties",
            "zesDevicePciGetProperties",
        ];
        self.empty.contains(function) || self.empty.contains("*") && !NEEDED.contains(&function)
    }
}

impl State {
    pub fn new(machine: Machine) -> Self {
        let faults = Faults::of(&machine);
        let world = World::new(machine.clone());
        let scene = world.scene();
        Self { world, scene, described: machine, faults, grown: AtomicU32::new(0) }
    }

    /// Lets time pass.
    pub fn advance(&mut self, span: Nanoseconds) {
        self.world.clock().advance(span);
        self.scene = self.world.scene();
    }

    /// The same machine at the same or a later time, with these faults beside its own.
    pub fn with(&self, faults: impl IntoIterator<Item = Fault>, uptime: Option<u64>) -> Self {
        let mut machine = self.described.clone();
        machine.faults.extend(faults);
        let mut next = Self::new(machine);
        next.described = self.described.clone();
        let until = BootTime(uptime.unwrap_or(0).max(self.scene.now().0));
        next.advance(until.since(next.scene.now()));
        next
    }

    /// The faults in force that the description does not have.
    pub fn added(&self) -> Vec<Fault> {
        self.scene.machine().faults[self.described.faults.len()..].to_vec()
    }

    pub fn has_driver(&self) -> bool {
        self.scene.has_driver(Vendor::INTEL)
    }

    /// The GPUs that a driver drives, lost ones too: it has found them when it came.
    pub fn gpus(&self) -> Vec<usize> {
        self.scene.gpus_of(Vendor::INTEL).filter(|(_, gpu)| self.scene.drives(gpu)).map(|(n, _)| n).collect()
    }

    /// A GPU that is still there.
    pub fn board(&self, position: usize) -> Result<Board<'_>, ze_result_t> {
        let gpu = self.scene.machine().gpus.get(position).ok_or(ze_result_t::ERROR_INVALID_ARGUMENT)?;
        let Silicon::Intel(intel) = &gpu.silicon else { return Err(ze_result_t::ERROR_INVALID_ARGUMENT) };
        let shown = self.scene.gpu(position);
        if shown.lost {
            return Err(ze_result_t::ERROR_DEVICE_LOST);
        }
        if gpu.asleep {
            return Err(ze_result_t::ERROR_DEVICE_IN_LOW_POWER_STATE);
        }
        Ok(Board { state: self, position, gpu, intel, shown })
    }

    /// The GPU of a device's handle.
    pub fn device(&self, handle: Handle) -> Result<Board<'_>, ze_result_t> {
        self.board(handle.read(Kind::Device)?.0)
    }

    /// The GPU of a part's handle, and which of its parts it is.
    pub fn part(&self, handle: Handle, kind: Kind) -> Result<(Board<'_>, usize), ze_result_t> {
        let (gpu, index) = handle.read(kind)?;
        Ok((self.board(gpu)?, index))
    }

    /// A list by the specification's rule: asked with 0, the caller gets the length; else what fits,
    /// and how much that is.
    pub fn list<T: crate::out::Plain>(
        &self,
        count: Out<u32>,
        out: Out<T>,
        all: &[T],
    ) -> Result<(), ze_result_t> {
        let there = u32::try_from(all.len()).unwrap_or(u32::MAX);
        let room = count.get()?;
        if self.faults.garbage {
            return count.put(u32::MAX - 7);
        }
        if room == 0 {
            let grown = if self.faults.growing { self.grown.fetch_add(1, Ordering::Relaxed) % 2 } else { 0 };
            // One less than there is: it grows before the caller comes back.
            return count.put(there.saturating_sub(grown));
        }
        for (position, item) in all.iter().take(room as usize).enumerate() {
            out.put_at(position, *item)?;
        }
        count.put(there.min(room))
    }

    /// A list of handles.
    pub fn handles(
        &self,
        count: Out<u32>,
        out: Out<Handle>,
        kind: Kind,
        gpu: usize,
        length: usize,
    ) -> Result<(), ze_result_t> {
        let handle = |n| if self.faults.null { Handle::NULL } else { Handle::new(kind, gpu, n) };
        self.list(count, out, &(0..length).map(handle).collect::<Vec<_>>())
    }
}

/// One GPU as it shows itself now.
#[derive(Clone, Copy)]
pub struct Board<'a> {
    pub state: &'a State,
    pub position: usize,
    pub gpu: &'a Gpu,
    pub intel: &'a IntelSpec,
    pub shown: GpuState,
}

impl Board<'_> {
    pub fn tiles(&self) -> usize {
        self.intel.tiles.len()
    }

    /// It computes in the machine's memory, and has no sensors.
    pub fn is_integrated(&self) -> bool {
        self.gpu.is_processor_graphics()
    }

    /// Parts of one of several tiles say so.
    pub fn on_tile(&self) -> u8 {
        u8::from(self.tiles() > 1)
    }

    pub fn tile(&self, tile: usize) -> Result<IntelTile, ze_result_t> {
        self.state.scene.intel_tile(self.position, tile).ok_or(ze_result_t::ERROR_INVALID_ARGUMENT)
    }

    /// The GPUs at the other ends of its ports, in order.
    pub fn neighbours(&self) -> Vec<usize> {
        let links = self.state.scene.machine().links.iter();
        links
            .filter(|link| link.kind == LinkKindSpec::XeLink)
            .filter_map(|link| match (link.a, link.b) {
                (a, b) if a == self.position => Some(b),
                (a, b) if b == self.position => Some(a),
                _ => None,
            })
            .collect()
    }

    /// UUID of the device, or of one of its tiles (from 1), in Intel's form.
    pub fn uuid(&self, tile: u8) -> [u8; 16] {
        let (pci, device) = (self.gpu.pci, self.gpu.pci_id.device.to_le_bytes());
        #[allow(clippy::cast_possible_truncation)] // two bytes of the number have room
        let domain = (pci.domain as u16).to_le_bytes();
        let mut id = [0; 16];
        id[..6].copy_from_slice(&[0x86, 0x80, device[0], device[1], 0, 0]);
        id[6..11].copy_from_slice(&[domain[0], domain[1], pci.bus, pci.device, pci.function]);
        id[15] = tile;
        id
    }

    /// Microseconds since the machine started.
    pub fn now_us(&self) -> u64 {
        self.state.scene.now().0 / 1000
    }
}
