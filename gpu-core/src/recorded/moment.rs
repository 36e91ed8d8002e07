//! [`Moment`]: everything that one look at a node showed.

use core::hash::Hasher;
use std::fmt::Display;

use crate::absence::Absence;
use crate::evidence_list::EvidenceList;
use crate::fingerprint::Digest;
use crate::inventory::Inventory;
use crate::kernel_memory::KernelMemory;
use crate::labels::Labels;
use crate::owner::Owner;
use crate::process::Pid;
use crate::sample::Sample;
use crate::sweep::Sweep;
use crate::time::{BootTime, WallTime};

use super::delta::{Rows, Section};
use super::frame::Kind;
use super::words::{Row, Texts};

/// Everything that one look at a node showed.
#[derive(Clone, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub struct Moment {
    /// When it was, since boot.
    pub at: BootTime,
    /// When it was, by the machine's time of day.
    pub wall: WallTime,
    /// What there was.
    pub inventory: Inventory,
    /// What units and processes showed. Its cursors are not recorded.
    pub sample: Sample,
    /// The processes, where they could be swept.
    pub sweep: Option<Sweep>,
    /// What containers were given, where that could be read.
    pub containers: Option<Containers>,
}

impl Moment {
    /// A moment in which nothing was seen.
    #[must_use]
    pub const fn new(at: BootTime, wall: WallTime) -> Self {
        Self { at, wall, inventory: Inventory::new(), sample: Sample::new(), sweep: None, containers: None }
    }
}

/// A container or job that has a process, and what people call it.
#[derive(Clone, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub struct Named {
    /// Whose.
    pub owner: Owner,
    /// One of its processes.
    pub pid: Pid,
    /// What people call it.
    pub labels: Labels,
}

impl Named {
    /// An owner with a process, and what people call it.
    #[must_use]
    pub const fn new(owner: Owner, pid: Pid, labels: Labels) -> Self {
        Self { owner, pid, labels }
    }
}

/// What containers and jobs were given: the evidence that was made of the machine's files, not the
/// files themselves.
#[derive(Clone, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub struct Containers {
    /// Who there is.
    pub named: Vec<Named>,
    /// What they were given.
    pub evidence: EvidenceList,
    /// Device memory as the kernel charged it, or why it keeps no account.
    pub kernel_memory: Result<Vec<KernelMemory>, Absence>,
}

impl Default for Containers {
    fn default() -> Self {
        Self { named: Vec::new(), evidence: EvidenceList::new(), kernel_memory: Err(Absence::NotYet) }
    }
}

/// Adds rows to a moment's.
pub(crate) struct Rowed<'a> {
    pub rows: &'a mut Rows,
    pub texts: &'a mut Texts,
    pub now: BootTime,
}

impl Rowed<'_> {
    /// Adds the row of one thing. What it is called says which row of the moment before is its own.
    pub fn row(&mut self, kind: Kind, called: &dyn Display, write: impl FnOnce(&mut Row<'_>)) {
        let start = self.rows.words.len();
        let Self { rows, texts, now } = self;
        write(&mut Row { words: &mut rows.words, texts, now: *now });
        let len = rows.words.len() - start;
        let mut digest = Named64(Digest::new());
        // A digest takes everything.
        let _ = std::fmt::Write::write_fmt(&mut digest, format_args!("{called}"));
        rows.sections.push(Section { kind: kind.number(), key: digest.0.finish(), start, len });
    }
}

/// A digest of text.
struct Named64(Digest);

impl std::fmt::Write for Named64 {
    fn write_str(&mut self, text: &str) -> std::fmt::Result {
        self.0.write(text.as_bytes());
        Ok(())
    }
}
