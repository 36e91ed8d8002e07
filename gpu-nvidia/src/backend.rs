//! [`NvidiaBackend`]: the read side.

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError, RwLock};

use gpu_core::{
    Absence, Backend, Capabilities, Clock, Error, ErrorKind, Inventory, Metric, MetricSet, PidView, Problem,
    Query, Reading, Sample, UnitId, Units, Vendor,
};

use crate::board::{self, Board, Boards};
use crate::discover::Options;
use crate::ffi::Library;
use crate::process::{self, Lists};
use crate::reading::{self, Reader};
use crate::{inventory, partition};

/// Reads NVIDIA's GPUs through NVML.
///
/// Handles are looked up when the machine is looked at (at the start and at every
/// [`inventory`](Backend::inventory)) and kept for the samples. Dropping the backend shuts NVML
/// down and unloads the library.
#[derive(Debug)]
pub struct NvidiaBackend {
    boards: RwLock<Arc<Boards>>,
    lists: Mutex<Lists>,
    library: Library,
    path: PathBuf,
    sysfs: PathBuf,
    clock: Arc<dyn Clock>,
}

impl NvidiaBackend {
    pub(crate) fn new(library: Library, path: &Path, options: &Options) -> Result<Self, Error> {
        let roots = &options.roots;
        let view = gpu_host::pid_namespace::view(&roots.proc, roots.proc_is_usual());
        let version = library.driver_version().unwrap_or_default();
        Ok(Self {
            boards: RwLock::new(Arc::new(board::look(&library, &roots.sysfs)?)),
            lists: Mutex::new(Lists::new(&version, view)),
            library,
            path: path.to_path_buf(),
            sysfs: roots.sysfs.clone(),
            clock: Arc::clone(&options.clock),
        })
    }

    fn boards(&self) -> Arc<Boards> {
        Arc::clone(&self.boards.read().unwrap_or_else(PoisonError::into_inner))
    }

    fn look_again(&self) -> Result<Arc<Boards>, Error> {
        let found = Arc::new(board::look(&self.library, &self.sysfs)?);
        *self.boards.write().unwrap_or_else(PoisonError::into_inner) = Arc::clone(&found);
        Ok(found)
    }

    fn board(&self, board: &Board, query: &Query<'_>, sample: &mut Sample) {
        let now = self.clock.boot_now();
        let wants = |unit: UnitId| wants(query, unit);
        let asleep = board.is_asleep();
        let mut lost = false;
        if wants(board.id.into()) {
            let slot = sample.push(board.id, Reading::default());
            if asleep {
                fill(slot, query.metrics, Absence::Asleep);
            } else {
                let reader = Reader { library: &self.library, board, wanted: query.metrics, now };
                reader.device(slot);
                lost = slot.is_lost();
            }
            if lost {
                fill(slot, query.metrics, Absence::Lost);
                let error = Error::new(
                    ErrorKind::DeviceLost,
                    board.id.to_string(),
                    "NVML answers that the GPU is lost",
                );
                sample.problems.push(Problem::new(Vendor::NVIDIA, &error));
            }
        }
        let beyond = match (asleep, lost) {
            (true, _) => Some(Absence::Asleep),
            (_, true) => Some(Absence::Lost),
            _ => None,
        };
        for instance in board.gpu_instances() {
            if wants(board.gpu_instance(instance).into()) {
                let slot = sample.push(board.gpu_instance(instance), Reading::default());
                fill(slot, query.metrics, beyond.unwrap_or(partition::WHOLE_GPU_ONLY));
                if beyond.is_none() {
                    reading::memory(&self.library, instance.handle, query.metrics, now, slot);
                }
            }
            let inside =
                board.mig_devices.iter().filter(|device| device.gpu_instance == instance.gpu_instance);
            for device in inside.filter(|device| wants(board.compute_instance(device).into())) {
                let slot = sample.push(board.compute_instance(device), Reading::default());
                fill(slot, query.metrics, beyond.unwrap_or(partition::WHOLE_GPU_ONLY));
                if beyond.is_none() {
                    let memory = [Metric::MemoryTotal, Metric::MemoryUsed, Metric::MemoryFree];
                    for metric in memory.into_iter().filter(|metric| query.metrics.has(*metric)) {
                        slot.set_absent(metric, partition::SHARED_MEMORY);
                    }
                }
            }
        }
        if query.processes && beyond.is_none() {
            let mut lists = self.lists.lock().unwrap_or_else(PoisonError::into_inner);
            process::add(&self.library, board, &mut lists, now, &wants, sample);
        }
    }
}

impl Backend for NvidiaBackend {
    fn vendor(&self) -> Vendor {
        Vendor::NVIDIA
    }

    fn inventory(&self) -> Result<Inventory, Error> {
        let boards = self.look_again()?;
        Ok(inventory::inventory(&self.library, &self.path, &boards, self.clock.boot_id()))
    }

    fn capabilities(&self, unit: UnitId) -> Result<Capabilities, Error> {
        let mut sample = Sample::new();
        self.sample_into(&Query::everything().units(Units::Only(&[unit])).without_processes(), &mut sample)?;
        let reading = sample.get(unit).ok_or_else(|| Error::unknown_unit(unit))?;
        Ok(Capabilities::from_reading(unit, reading))
    }

    fn sample_into(&self, query: &Query<'_>, sample: &mut Sample) -> Result<(), Error> {
        let mut boards = self.boards();
        if check(&boards, query.units).is_err() {
            // It may have come since: a GPU that was cut anew.
            boards = self.look_again()?;
            check(&boards, query.units)?;
        }
        for board in &boards.boards {
            self.board(board, query, sample);
        }
        if !matches!(query.units, Units::Only(_)) {
            // GPUs that could not be listed cannot be sampled either.
            sample.problems.extend(boards.errors.iter().map(|error| Problem::new(Vendor::NVIDIA, error)));
        }
        Ok(())
    }
}

/// Refuses units of ours that are not there.
fn check(boards: &Boards, units: Units<'_>) -> Result<(), Error> {
    let Units::Only(units) = units else { return Ok(()) };
    let is_known = |unit: UnitId| boards.boards.iter().any(|board| board.has(unit));
    let stranger = units.iter().find(|unit| unit.vendor() == Vendor::NVIDIA && !is_known(**unit));
    stranger.map_or(Ok(()), |unit| Err(Error::unknown_unit(unit)))
}

fn wants(query: &Query<'_>, unit: UnitId) -> bool {
    match query.units {
        Units::All => true,
        Units::Devices => matches!(unit, UnitId::Device(_)),
        Units::Only(units) => units.contains(&unit),
        _ => false,
    }
}

/// Puts one absence in the place of every wanted metric.
fn fill(reading: &mut Reading, wanted: MetricSet, absence: Absence) {
    for metric in Metric::ALL.iter().filter(|metric| wanted.has(**metric)) {
        reading.set_absent(*metric, absence);
    }
}

/// The namespace in which a driver of `version` counts processes, in the lists that it gives a
/// caller who sees `view`: the machine's own until 535.113, the caller's since.
pub(crate) fn pid_view(version: &str, view: PidView) -> PidView {
    match process::version_of(version) {
        Some(version) if version < (535, 113) => PidView::Host,
        Some(_) => view,
        None if view == PidView::Host => PidView::Host,
        None => PidView::Unknown,
    }
}
