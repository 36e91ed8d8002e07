//! [`KernelBackend`]: what the kernel module alone tells, where NVML cannot be used.
//!
//! An agent's container often has the machine's `/proc` and `/sys` and not NVIDIA's library, or
//! the library and no device files. What GPUs there are, where they sit, how they are called and
//! which MIG instances live on them is told all the same; nothing that is measured is.

mod board;
mod information;
mod inventory;

use std::path::PathBuf;
use std::sync::{Arc, PoisonError, RwLock};

use gpu_core::{
    Absence, Backend, Capabilities, Clock, ContainerFacts, Error, ErrorKind, EvidenceList, Inventory,
    Problem, Query, Reading, Sample, UnitId, Units, Vendor,
};

use crate::discover::Options;
use crate::evidence;
use board::{Board, Boards};

/// Why a fact or a metric is not there.
pub(crate) const NO_LIBRARY: &str = "NVML tells it, and NVML cannot be used here";

/// Lists NVIDIA's GPUs by what the kernel module shows in `/proc` and the kernel in `/sys`.
///
/// Ids are those that NVML would give, by UUID. A GPU that the driver has not initialised yet has
/// none to show: its slot names it until it has. One that sleeps is not asked, because the answer
/// would wake it: it keeps the name that an earlier look found.
#[derive(Debug)]
pub(crate) struct KernelBackend {
    boards: RwLock<Arc<Boards>>,
    proc: PathBuf,
    sysfs: PathBuf,
    clock: Arc<dyn Clock>,
}

impl KernelBackend {
    pub(crate) fn new(options: &Options) -> Self {
        let (proc, sysfs) = (options.roots.proc.clone(), options.roots.sysfs.clone());
        let boards = RwLock::new(Arc::new(Boards::look(&proc, &sysfs, &Boards::default())));
        Self { boards, proc, sysfs, clock: Arc::clone(&options.clock) }
    }

    fn boards(&self) -> Arc<Boards> {
        Arc::clone(&self.boards.read().unwrap_or_else(PoisonError::into_inner))
    }

    fn look_again(&self) -> Arc<Boards> {
        let mut boards = self.boards.write().unwrap_or_else(PoisonError::into_inner);
        *boards = Arc::new(Boards::look(&self.proc, &self.sysfs, &boards));
        Arc::clone(&boards)
    }
}

/// Why nothing is read of a GPU and of what lies in it.
fn sample(board: &Board, query: &Query<'_>, sample: &mut Sample) {
    let absence = match (board.is_here(), board.is_asleep()) {
        (false, _) => Absence::Lost,
        (true, true) => Absence::Asleep,
        (true, false) => Absence::NotSupported { why: NO_LIBRARY },
    };
    if absence == Absence::Lost {
        let what = "the kernel module does not list it any more";
        let error = Error::new(ErrorKind::DeviceLost, board.id.to_string(), what);
        sample.problems.push(Problem::new(Vendor::NVIDIA, &error));
    }
    for unit in board.units().filter(|unit| query.wants(*unit)) {
        sample.push(unit, Reading::default()).fill(query.metrics, absence);
    }
}

impl Backend for KernelBackend {
    fn vendor(&self) -> Vendor {
        Vendor::NVIDIA
    }

    fn inventory(&self) -> Result<Inventory, Error> {
        Ok(inventory::inventory(&self.proc, &self.sysfs, &self.look_again(), self.clock.boot_id()))
    }

    fn capabilities(&self, unit: UnitId) -> Result<Capabilities, Error> {
        let mut sample = Sample::new();
        self.sample_into(&Query::everything().units(Units::Only(&[unit])), &mut sample)?;
        let reading = sample.get(unit).ok_or_else(|| Error::unknown_unit(unit))?;
        Ok(Capabilities::from_reading(unit, reading))
    }

    fn sample_into(&self, query: &Query<'_>, answer: &mut Sample) -> Result<(), Error> {
        let mut boards = self.boards();
        if boards.refuse(query.units).is_err() {
            // It may have come since.
            boards = self.look_again();
            boards.refuse(query.units)?;
        }
        for board in &boards.boards {
            sample(board, query, answer);
        }
        if !matches!(query.units, Units::Only(_)) {
            answer.problems.extend(boards.errors.iter().map(|error| Problem::new(Vendor::NVIDIA, error)));
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
