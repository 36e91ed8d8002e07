//! [`NvidiaBackend`]: the read side.

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError, RwLock};

use gpu_core::{
    Absence, Backend, BootId, BootTime, Capabilities, Clock, ContainerFacts, EndedList, Error, ErrorKind,
    Events, EvidenceList, Inventory, Metric, MetricSet, Partitioner, PidView, Problem, Query, Reading,
    Sample, UnitId, Units, Vendor,
};
use gpu_host::Roots;

use crate::board::{Board, Boards};
use crate::cut::GpuInstance;
use crate::discover::Options;
use crate::ended::{Accounts, Now};
use crate::events::Listening;
use crate::ffi::Library;
use crate::gpm::Activity;
use crate::process::{self, Lists, Look};
use crate::reading::{self, Reader, Trust};
use crate::{capability, evidence, inventory, partition};

/// Reads NVIDIA's GPUs through NVML.
///
/// Handles are looked up when the machine is looked at (at the start and at every
/// [`inventory`](Backend::inventory)) and kept for the samples. One that fails is looked up again
/// by the GPU's PCI address, and believed when the UUID there is still the same. Dropping the
/// backend shuts NVML down and unloads the library.
#[derive(Debug)]
pub struct NvidiaBackend {
    boards: RwLock<Arc<Boards>>,
    /// Looks follow each other, so that each knows what the one before it saw; samples go on
    /// meanwhile.
    looking: Mutex<()>,
    lists: Mutex<Lists>,
    activity: Mutex<Activity>,
    accounts: Mutex<Accounts>,
    pub(crate) listening: Mutex<Listening>,
    library: Library,
    path: PathBuf,
    roots: Roots,
    clock: Arc<dyn Clock>,
}

impl NvidiaBackend {
    pub(crate) fn new(library: Library, path: &Path, options: &Options) -> Result<Self, Error> {
        let roots = &options.roots;
        let view = gpu_host::pid_namespace::view(&roots.proc, roots.proc_is_usual());
        let version = library.driver_version().unwrap_or_default();
        let boards = Boards::look(&library, &roots.sysfs, &Boards::default())?;
        Ok(Self {
            boards: RwLock::new(Arc::new(boards)),
            looking: Mutex::default(),
            activity: Mutex::default(),
            accounts: Mutex::default(),
            listening: Mutex::default(),
            lists: Mutex::new(Lists::new(&version, view)),
            library,
            path: path.to_path_buf(),
            roots: roots.clone(),
            clock: Arc::clone(&options.clock),
        })
    }

    /// The GPUs as the last look found them.
    pub(crate) fn current(&self) -> Arc<Boards> {
        Arc::clone(&self.boards.read().unwrap_or_else(PoisonError::into_inner))
    }

    pub(crate) const fn library(&self) -> &Library {
        &self.library
    }

    pub(crate) const fn roots(&self) -> &Roots {
        &self.roots
    }

    pub(crate) fn locks(&self) -> &Path {
        &self.roots.locks
    }

    pub(crate) fn now(&self) -> BootTime {
        self.clock.boot_now()
    }

    pub(crate) fn boot_id(&self) -> BootId {
        self.clock.boot_id()
    }

    fn keep(&self, boards: Boards) -> Arc<Boards> {
        let boards = Arc::new(boards);
        *self.boards.write().unwrap_or_else(PoisonError::into_inner) = Arc::clone(&boards);
        boards
    }

    /// Looks at the machine again.
    pub(crate) fn look_again(&self) -> Result<Arc<Boards>, Error> {
        let _turn = self.looking.lock().unwrap_or_else(PoisonError::into_inner);
        Ok(self.keep(Boards::look(&self.library, &self.roots.sysfs, &self.current())?))
    }

    /// Looks for one GPU again: where its handles have become stale, or it was lost.
    fn find_again(&self, board: &Arc<Board>, sample: &mut Sample) -> Option<Arc<Board>> {
        let _turn = self.looking.lock().unwrap_or_else(PoisonError::into_inner);
        let mut errors = Vec::new();
        let found = board.find_again(&self.library, &self.roots.sysfs, &mut errors)?;
        self.keep(self.current().with(&found));
        sample.problems.extend(errors.iter().map(|error| Problem::new(Vendor::NVIDIA, error)));
        Some(found)
    }

    /// One GPU. Where its handles turn out to be stale, it is looked for and asked once more.
    fn board(&self, board: &Arc<Board>, query: &Query<'_>, sample: &mut Sample) {
        let before = (sample.units.len(), sample.processes.len(), sample.problems.len());
        if self.attempt(board, query, sample) || board.is_current(&self.library) {
            return;
        }
        if let Some(found) = self.find_again(board, sample) {
            sample.units.truncate(before.0);
            sample.processes.truncate(before.1);
            sample.problems.truncate(before.2);
            self.attempt(&found, query, sample);
            // What was asked for and has gone in between.
            for unit in named(query).iter().filter(|unit| board.has(**unit) && !found.has(**unit)) {
                sample.push(*unit, Reading::default()).fill(query.metrics, Absence::Lost);
            }
        }
    }

    /// A GPU that an earlier look found and the last one did not: it may have come back.
    fn lost(&self, board: &Arc<Board>, query: &Query<'_>, sample: &mut Sample) {
        if let Some(found) = self.find_again(board, sample) {
            self.attempt(&found, query, sample);
            // What the last look complained of may be over; if this fails, nothing is worse.
            let _ = self.look_again();
            return;
        }
        let parts = board.cut.instances.iter().flat_map(|instance| {
            let inside = instance.devices.iter();
            let inside = inside.map(move |device| board.compute_instance(instance, device));
            std::iter::once(board.gpu_instance(instance)).chain(inside)
        });
        let units = std::iter::once(UnitId::Device(board.id)).chain(parts.map(UnitId::Partition));
        for unit in units.filter(|unit| query.wants(*unit)) {
            sample.push(unit, Reading::default()).fill(query.metrics, Absence::Lost);
        }
        sample.problems.push(gone(board));
    }

    /// Asks a GPU by the handles that are known. False when a handle may be stale.
    pub(crate) fn attempt(&self, board: &Arc<Board>, query: &Query<'_>, sample: &mut Sample) -> bool {
        let now = self.clock.boot_now();
        let wants = |unit: UnitId| query.wants(unit);
        let mut beyond = board.is_asleep().then_some(Absence::Asleep);
        let mut is_good = true;
        if wants(board.id.into()) {
            let slot = sample.push(board.id, Reading::default());
            if let Some(absence) = beyond {
                slot.fill(query.metrics, absence);
            } else {
                let trust = Reader::new(&self.library, board, query.metrics, now).device(slot);
                is_good = trust == Trust::Good;
                if trust == Trust::Lost {
                    beyond = Some(Absence::Lost);
                    slot.fill(query.metrics, Absence::Lost);
                    sample.problems.push(gone(board));
                }
            }
        }
        for instance in &board.cut.instances {
            if wants(board.gpu_instance(instance).into()) {
                let slot = sample.push(board.gpu_instance(instance), Reading::default());
                is_good &= self.instance(instance, beyond, query, now, slot) == Trust::Good;
                if beyond.is_none() && query.metrics.has(Metric::Busy) {
                    let mut activity = self.activity.lock().unwrap_or_else(PoisonError::into_inner);
                    slot.busy = activity.busy(&self.library, board, instance, now);
                }
            }
            for device in &instance.devices {
                let unit = board.compute_instance(instance, device);
                if wants(unit.into()) {
                    compute_instance(beyond, query.metrics, sample.push(unit, Reading::default()));
                }
            }
        }
        if query.processes && beyond.is_none() {
            let mut lists = self.lists.lock().unwrap_or_else(PoisonError::into_inner);
            let wall = self.clock.wall_now();
            let mut look = Look { library: &self.library, board, lists: &mut lists, now, wall };
            process::add(&mut look, &wants, sample);
        }
        if query.ended && wants(board.id.into()) {
            self.ended(board, beyond, now, sample);
        }
        is_good
    }

    fn ended(&self, board: &Board, beyond: Option<Absence>, now: BootTime, sample: &mut Sample) {
        if let Some(absence) = beyond {
            sample.ended.push(EndedList::new(board.id, Err(absence)));
            return;
        }
        let view = self.lists.lock().unwrap_or_else(PoisonError::into_inner).view();
        let mut accounts = self.accounts.lock().unwrap_or_else(PoisonError::into_inner);
        let now = Now { boot: now, wall: self.clock.wall_now() };
        accounts.add(&self.library, board, view, now, sample);
    }

    /// A GPU instance: its memory, which NVML tells through the compute instances in it.
    fn instance(
        &self,
        instance: &GpuInstance,
        beyond: Option<Absence>,
        query: &Query<'_>,
        now: BootTime,
        slot: &mut Reading,
    ) -> Trust {
        slot.fill(query.metrics, beyond.unwrap_or(partition::WHOLE_GPU_ONLY));
        match instance.devices.first() {
            _ if beyond.is_some() => Trust::Good,
            Some(device) => reading::memory(&self.library, device.handle, query.metrics, now, slot),
            None => {
                memory_absent(slot, query.metrics, partition::EMPTY);
                Trust::Good
            }
        }
    }
}

fn compute_instance(beyond: Option<Absence>, wanted: MetricSet, slot: &mut Reading) {
    slot.fill(wanted, beyond.unwrap_or(partition::WHOLE_GPU_ONLY));
    if beyond.is_none() {
        memory_absent(slot, wanted, partition::SHARED_MEMORY);
    }
}

fn memory_absent(slot: &mut Reading, wanted: MetricSet, absence: Absence) {
    for metric in [Metric::MemoryTotal, Metric::MemoryUsed, Metric::MemoryFree, Metric::MemoryReserved] {
        if wanted.has(metric) {
            slot.set_absent(metric, absence);
        }
    }
}

fn gone(board: &Board) -> Problem {
    let error =
        Error::new(ErrorKind::DeviceLost, board.id.to_string(), "NVML answers that the GPU is lost or gone");
    Problem::new(Vendor::NVIDIA, &error)
}

impl Drop for NvidiaBackend {
    fn drop(&mut self) {
        let activity = self.activity.get_mut().unwrap_or_else(PoisonError::into_inner);
        activity.end(&self.library);
        let listening = self.listening.get_mut().unwrap_or_else(PoisonError::into_inner);
        listening.end(&self.library);
    }
}

impl Backend for NvidiaBackend {
    fn vendor(&self) -> Vendor {
        Vendor::NVIDIA
    }

    fn inventory(&self) -> Result<Inventory, Error> {
        let boards = self.look_again()?;
        let mut inventory = inventory::inventory(&self.library, &self.path, &boards, self.clock.boot_id());
        capability::add_nodes(&self.roots.proc, &mut inventory);
        Ok(inventory)
    }

    fn capabilities(&self, unit: UnitId) -> Result<Capabilities, Error> {
        let mut sample = Sample::new();
        self.sample_into(&Query::everything().units(Units::Only(&[unit])).without_processes(), &mut sample)?;
        let reading = sample.get(unit).ok_or_else(|| Error::unknown_unit(unit))?;
        Ok(Capabilities::from_reading(unit, reading))
    }

    fn sample_into(&self, query: &Query<'_>, sample: &mut Sample) -> Result<(), Error> {
        let mut boards = self.current();
        if check(&boards, query.units).is_err() {
            // It may have come since: a GPU that was cut anew.
            boards = self.look_again()?;
            check(&boards, query.units)?;
        }
        for board in &boards.boards {
            self.board(board, query, sample);
        }
        for board in &boards.lost {
            self.lost(board, query, sample);
        }
        if !matches!(query.units, Units::Only(_)) {
            // GPUs that could not be listed cannot be sampled either.
            let boards = self.current();
            sample.problems.extend(boards.errors.iter().map(|error| Problem::new(Vendor::NVIDIA, error)));
        }
        Ok(())
    }

    fn partitioner(&self) -> Result<&dyn Partitioner, Absence> {
        Ok(self)
    }

    fn events(&self) -> Result<&dyn Events, Absence> {
        Ok(self)
    }

    fn evidence(
        &self,
        facts: &ContainerFacts,
        inventory: &Inventory,
        list: &mut EvidenceList,
    ) -> Result<(), Absence> {
        evidence::interpret(facts, inventory, list);
        Ok(())
    }
}

/// Refuses units of ours that are not there.
fn check(boards: &Boards, units: Units<'_>) -> Result<(), Error> {
    let Units::Only(units) = units else { return Ok(()) };
    let stranger = units.iter().find(|unit| unit.vendor() == Vendor::NVIDIA && !boards.has(**unit));
    stranger.map_or(Ok(()), |unit| Err(Error::unknown_unit(unit)))
}

/// The units that a query names one by one.
fn named<'a>(query: &Query<'a>) -> &'a [UnitId] {
    match query.units {
        Units::Only(units) => units,
        _ => &[],
    }
}

/// The namespace in which a driver of `version` counts processes, in the lists that it gives a
/// caller who sees `view`: the machine's own until 535.113, the caller's since.
pub(crate) fn pid_view(version: &str, view: PidView) -> PidView {
    match process::version_of(version) {
        Some(version) if version < (535, 113) => PidView::Host,
        // Which namespace a `/proc` is of that was mounted says nothing of the caller's.
        Some(_) if view == PidView::Mounted => PidView::Unknown,
        Some(_) => view,
        None if view == PidView::Host => PidView::Host,
        None => PidView::Unknown,
    }
}
