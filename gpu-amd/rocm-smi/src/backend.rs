//! [`RocmSmiBackend`]: the read side.

use std::path::PathBuf;
use std::sync::{Arc, PoisonError, RwLock, RwLockReadGuard};

use gpu_core::{
    Absence, Backend, BootTime, Capabilities, Clock, DeviceId, Error, ErrorKind, Inventory, Problem, Query,
    Reading, Sample, UnitId, Units, Vendor,
};

use crate::board::{self, Board, Boards};
use crate::details::{self, Details, PathDetails};
use crate::discover::Options;
use crate::error::Refused;
use crate::ffi::Library;
use crate::inventory;
use crate::preflight::Census;
use crate::process::{self, Holding};
use crate::reading::{self, WHOLE_GPU_ONLY};

/// Reads AMD's GPUs through `librocm_smi64`.
///
/// The library is initialised once and shut down when this goes. Its numbers for devices never
/// leave: they change whenever it counts anew.
#[derive(Debug)]
pub struct RocmSmiBackend {
    sysfs: PathBuf,
    clock: Arc<dyn Clock>,
    session: RwLock<Session>,
}

/// The library, and what it counted.
#[derive(Debug)]
struct Session {
    library: Library,
    census: Census,
    boards: Boards,
}

impl Session {
    fn open(sysfs: &std::path::Path) -> Result<Self, Error> {
        let census = Census::take(sysfs)?;
        let library = Library::open()?;
        let boards = board::look(&library, sysfs)?;
        Ok(Self { library, census, boards })
    }

    /// Has the devices counted anew, when the machine is not the one that was counted.
    fn refresh(&mut self, sysfs: &std::path::Path) -> Result<(), Error> {
        let census = Census::take(sysfs)?;
        if census != self.census {
            self.library.restart().map_err(Refused::error)?;
        }
        self.boards = board::look(&self.library, sysfs)?;
        self.census = census;
        Ok(())
    }

    fn knows(&self, unit: UnitId) -> bool {
        self.boards.boards.iter().any(|board| match unit {
            UnitId::Device(id) => board.id == id,
            UnitId::Partition(id) => {
                board.is_partitioned() && board.parts.iter().any(|part| board.partition_id(part) == id)
            }
            _ => false,
        })
    }

    /// Refuses units of ours that are not there.
    fn check(&self, units: Units<'_>) -> Result<(), Error> {
        let Units::Only(units) = units else { return Ok(()) };
        let stranger = units.iter().find(|unit| unit.vendor() == Vendor::AMD && !self.knows(**unit));
        stranger.map_or(Ok(()), |unit| Err(Error::unknown_unit(unit)))
    }

    fn board(&self, id: DeviceId) -> Result<&Board, Error> {
        let board = self.boards.boards.iter().find(|board| board.id == id);
        let board = board.ok_or_else(|| Error::unknown_unit(id))?;
        match board.unreadable() {
            None => Ok(board),
            Some(Absence::Lost) => Err(Error::new(ErrorKind::DeviceLost, id.to_string(), GONE)),
            Some(_) => Err(Error::new(ErrorKind::NotSupported, id.to_string(), "it sleeps: asking wakes it")),
        }
    }
}

const GONE: &str = "its directory in sysfs is gone";

impl RocmSmiBackend {
    /// Looks whether the library may be called, and initialises it.
    ///
    /// # Errors
    /// `NotSupported` for a library that does not fit; `NotFound` without amdgpu's trees;
    /// `Inconsistent` for a tree at which the library would abort or give up, with the path; what
    /// the library answered.
    pub fn new(options: &Options) -> Result<Self, Error> {
        let sysfs = options.roots.sysfs.clone();
        let session = RwLock::new(Session::open(&sysfs)?);
        Ok(Self { sysfs, clock: Arc::clone(&options.clock), session })
    }

    fn session(&self) -> RwLockReadGuard<'_, Session> {
        self.session.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn look_again(&self) -> Result<(), Error> {
        self.session.write().unwrap_or_else(PoisonError::into_inner).refresh(&self.sysfs)
    }

    /// What only the library tells of one GPU.
    ///
    /// # Errors
    /// `UnknownUnit` when there is no such GPU, `DeviceLost` when it is gone, `NotSupported` when
    /// it sleeps.
    pub fn details(&self, device: DeviceId) -> Result<Details, Error> {
        let session = self.session();
        Ok(details::of(&session.library, session.board(device)?))
    }

    /// What the library tells of the paths between GPUs, each pair once.
    #[must_use]
    pub fn paths(&self) -> Vec<PathDetails> {
        let session = self.session();
        details::paths(&session.library, &session.boards.boards)
    }
}

impl Backend for RocmSmiBackend {
    fn vendor(&self) -> Vendor {
        Vendor::AMD
    }

    fn inventory(&self) -> Result<Inventory, Error> {
        self.look_again()?;
        let session = self.session();
        Ok(inventory::inventory(&session.library, &self.sysfs, &session.boards, self.clock.boot_id()))
    }

    fn capabilities(&self, unit: UnitId) -> Result<Capabilities, Error> {
        let mut sample = Sample::new();
        self.sample_into(&Query::everything().units(Units::Only(&[unit])).without_processes(), &mut sample)?;
        let reading = sample.get(unit).ok_or_else(|| Error::unknown_unit(unit))?;
        Ok(Capabilities::from_reading(unit, reading))
    }

    fn sample_into(&self, query: &Query<'_>, sample: &mut Sample) -> Result<(), Error> {
        let mut session = self.session();
        if session.check(query.units).is_err() {
            // It may have come since: a mode change makes partitions anew.
            drop(session);
            self.look_again()?;
            session = self.session();
            session.check(query.units)?;
        }
        Sampler { session: &session, query, now: self.clock.boot_now() }.run(sample);
        Ok(())
    }
}

/// One sample.
struct Sampler<'a> {
    session: &'a Session,
    query: &'a Query<'a>,
    now: BootTime,
}

impl Sampler<'_> {
    fn run(&self, sample: &mut Sample) {
        let processes = self.processes(sample);
        for board in &self.session.boards.boards {
            self.board(board, &processes, sample);
        }
    }

    fn processes(&self, sample: &mut Sample) -> Vec<Holding> {
        if !self.query.processes {
            return Vec::new();
        }
        process::look(&self.session.library).unwrap_or_else(|refused| {
            sample.problems.push(Problem::new(Vendor::AMD, &refused.error()));
            Vec::new()
        })
    }

    fn board(&self, board: &Board, processes: &[Holding], sample: &mut Sample) {
        let unreadable = board.unreadable();
        if unreadable == Some(Absence::Lost) {
            let error = Error::new(ErrorKind::DeviceLost, board.id.to_string(), GONE);
            sample.problems.push(Problem::new(Vendor::AMD, &error));
        }
        let (library, wanted) = (&self.session.library, self.query.metrics);
        if self.query.wants(board.id) {
            let reading = sample.push(board.id, Reading::default());
            match unreadable {
                Some(absence) => reading.fill(wanted, absence),
                None => reading::read(library, board, wanted, self.now, reading),
            }
        }
        if board.is_partitioned() {
            for part in &board.parts {
                let id = board.partition_id(part);
                if self.query.wants(id) {
                    let reading = sample.push(id, Reading::default());
                    reading.fill(wanted, unreadable.unwrap_or(WHOLE_GPU_ONLY));
                }
            }
        }
        if unreadable != Some(Absence::Lost) {
            self.processes_on(board, processes, sample);
        }
    }

    fn processes_on(&self, board: &Board, processes: &[Holding], sample: &mut Sample) {
        for part in &board.parts {
            let unit = board.unit(part);
            if !(self.query.wants(unit) || self.query.wants(board.id)) {
                continue;
            }
            for holding in processes.iter().filter(|(index, _)| *index == part.index) {
                let reading = process::reading(&self.session.library, unit, *holding, self.now);
                sample.processes.extend(reading);
            }
        }
    }
}
