//! [`IntelBackend`]: the read side.

use std::sync::{Arc, PoisonError, RwLock};

use gpu_core::{
    Absence, Backend, BootTime, Capabilities, Clock, ContainerFacts, EndedList, Error, ErrorKind,
    EvidenceList, Inventory, PartitionId, Partitioner, Problem, Query, Reading, Sample, UnitId, Units,
    Vendor,
};
use gpu_host::Roots;

use crate::board::{self, Board, Boards};
use crate::perf::{self, Perf};
use crate::reading::Tiles;
use crate::second::Second;
use crate::{evidence, inventory, process, reading};

/// Reads Intel's GPUs from sysfs and hwmon, and their processes from a sweep's DRM clients.
///
/// Files are found when the machine is looked at (at the start and at every
/// [`inventory`](Backend::inventory)) and read at every sample.
#[derive(Debug)]
pub struct IntelBackend {
    roots: Roots,
    clock: Arc<dyn Clock>,
    boards: RwLock<Arc<Boards>>,
    second: Second,
    perf: Perf,
}

impl IntelBackend {
    /// The GPUs under the device tree of `roots`; who holds them is looked for in its processes
    /// when something is changed, and not otherwise.
    ///
    /// # Errors
    /// When PCI or DRM cannot be listed, though they are there.
    pub fn new(roots: Roots, clock: Arc<dyn Clock>) -> Result<Self, Error> {
        let boards = RwLock::new(Arc::new(board::look(&roots)?));
        Ok(Self { roots, clock, boards, second: Second::none(), perf: Perf::closed() })
    }

    pub(crate) const fn roots(&self) -> &Roots {
        &self.roots
    }

    pub(crate) const fn clock(&self) -> &Arc<dyn Clock> {
        &self.clock
    }

    /// The device as the inventory has it.
    pub(crate) fn device(&self, board: &Board) -> gpu_core::Device {
        // What cannot be read is absent in the device.
        inventory::device(board, self.clock.boot_id(), &self.second, &mut Vec::new())
    }

    /// The same with Level Zero beside the kernel's files, or with the reason why not.
    #[cfg(feature = "level-zero")]
    #[must_use]
    pub fn with_level_zero(
        self,
        level_zero: Result<crate::level_zero::LevelZero, crate::level_zero::LevelZeroError>,
    ) -> Self {
        Self { second: Second { level_zero }, ..self }
    }

    /// Level Zero, where it is used.
    ///
    /// # Errors
    /// Why it is not.
    #[cfg(feature = "level-zero")]
    pub const fn level_zero(
        &self,
    ) -> Result<&crate::level_zero::LevelZero, &crate::level_zero::LevelZeroError> {
        self.second.level_zero.as_ref()
    }

    /// The same with the engines of each GPU counted by the running kernel's perf, which takes
    /// `CAP_PERFMON`, `CAP_SYS_ADMIN`, or a `perf_event_paranoid` below 1: `busy` is the part of the time
    /// in which the busiest engine worked since the last look, `video_busy` the mean of the video
    /// engines. Counters are opened at the first sample and stay open as long as the backend lives;
    /// meanwhile xe keeps the GPU awake.
    #[cfg(feature = "perf")]
    #[must_use]
    pub fn with_perf(self) -> Self {
        Self { perf: Perf::kernel(), ..self }
    }

    /// The same with counters that a test hands out.
    #[cfg(test)]
    pub(crate) fn with_counters(self, perf: Perf) -> Self {
        Self { perf, ..self }
    }

    fn boards(&self) -> Arc<Boards> {
        Arc::clone(&self.boards.read().unwrap_or_else(PoisonError::into_inner))
    }

    pub(crate) fn look_again(&self) -> Result<Arc<Boards>, Error> {
        let found = Arc::new(board::look(&self.roots)?);
        *self.boards.write().unwrap_or_else(PoisonError::into_inner) = Arc::clone(&found);
        self.perf.retain(&found);
        Ok(found)
    }
}

/// Refuses units of ours that are not there.
fn check(boards: &Boards, units: Units<'_>) -> Result<(), Error> {
    let Units::Only(units) = units else { return Ok(()) };
    let stranger = units.iter().find(|unit| unit.vendor() == Vendor::INTEL && !is_known(boards, **unit));
    stranger.map_or(Ok(()), |unit| Err(Error::unknown_unit(unit)))
}

fn is_known(boards: &Boards, unit: UnitId) -> bool {
    boards.boards.iter().any(|board| match unit {
        UnitId::Device(id) => board.id == id,
        UnitId::Partition(id) => parts_of(board).any(|part| part == id),
        _ => false,
    })
}

fn parts_of(board: &Board) -> impl Iterator<Item = PartitionId> + '_ {
    let tiles = if board.has_tiles() { board.tiles.as_slice() } else { &[] };
    let tiles = tiles.iter().map(|tile| board.tile_id(tile));
    tiles.chain(board.virtual_functions.iter().map(|function| board.function_id(function)))
}

impl Backend for IntelBackend {
    fn vendor(&self) -> Vendor {
        Vendor::INTEL
    }

    fn inventory(&self) -> Result<Inventory, Error> {
        let boards = self.look_again()?;
        self.second.look();
        Ok(inventory::inventory(&self.roots.sysfs, &boards, self.clock.boot_id(), &self.second))
    }

    fn partitioner(&self) -> Result<&dyn Partitioner, Absence> {
        Ok(self)
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
            // It may have come since: virtual functions are made at run time.
            boards = self.look_again()?;
            check(&boards, query.units)?;
        }
        let now = self.clock.boot_now();
        for board in &boards.boards {
            let unreadable = {
                let work = |board: &Board| self.perf.look(board, boards.perf_refused, query.metrics, now);
                sample_board(board, &self.second, work, query, now, sample)
            };
            if query.processes && unreadable != Some(Absence::Lost) {
                let first = sample.processes.len();
                process::add(board, query, now, &mut sample.processes);
                if unreadable == Some(Absence::Asleep) {
                    process::add_asleep(board, query, first, &mut sample.processes);
                }
            }
            if query.ended && query.wants(board.id) {
                sample.ended.push(EndedList::not_kept(board.id));
            }
        }
        Ok(())
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

/// Says why nothing of the GPU could be read, if so.
fn sample_board(
    board: &Board,
    second: &Second,
    work: impl FnOnce(&Board) -> perf::Activity,
    query: &Query<'_>,
    now: BootTime,
    sample: &mut Sample,
) -> Option<Absence> {
    let unreadable = board.sensors.unreadable();
    if unreadable == Some(Absence::Lost) {
        let error = Error::new(ErrorKind::DeviceLost, board.id.to_string(), "its directory in sysfs is gone");
        sample.problems.push(Problem::new(Vendor::INTEL, &error));
    }
    let metrics = query.metrics;
    let tiles_wanted =
        || board.has_tiles() && board.tiles.iter().any(|tile| query.wants(board.tile_id(tile)));
    let is_asked = unreadable.is_none() && (query.wants(board.id) || tiles_wanted());
    let work = if is_asked { work(board) } else { None };
    let mut unit = |unit: UnitId, read: &mut dyn FnMut(&mut Reading)| {
        if query.wants(unit) {
            let reading = sample.push(unit, Reading::default());
            match unreadable {
                Some(absence) => reading::fill(reading, metrics, absence),
                None => read(reading),
            }
        }
    };
    let mut tiles = Tiles::default();
    unit(board.id.into(), &mut |reading| {
        board.sensors.read(&mut tiles, metrics, now, reading);
        perf::put(&work, None, metrics, now, reading);
        second.read(board, None, metrics, now, reading);
    });
    if board.has_tiles() {
        for (position, tile) in board.tiles.iter().enumerate() {
            let id = board.tile_id(tile).into();
            unit(id, &mut |reading| {
                reading::tile(tile, position, &mut tiles, metrics, now, reading);
                perf::put(&work, Some(tile.number), metrics, now, reading);
                second.read(board, Some(tile.number), metrics, now, reading);
            });
        }
    }
    for function in &board.virtual_functions {
        let id = board.function_id(function).into();
        unit(id, &mut |reading| {
            reading::virtual_function(function, metrics, now, reading);
            second.read_function(board, function.number, metrics, now, reading);
        });
    }
    unreadable
}
