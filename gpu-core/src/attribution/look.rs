//! [`Look`]: everything that an attribution is made of.

use crate::evidence_list::EvidenceList;
use crate::inventory::Inventory;
use crate::kernel_memory::KernelMemory;
use crate::sample::Sample;
use crate::sweep::Sweep;

/// By which rule the time of an MPS server is spread.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Default)]
#[non_exhaustive]
pub enum MpsRule {
    /// Not at all: the server has a line of its own.
    #[default]
    KeepApart,
    /// Equally over those of its clients that have no time of their own.
    Equally,
    /// By the memory that they hold.
    ByMemory,
}

/// One look at a node: what an attribution is made of.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct Look<'a> {
    /// What there is.
    pub inventory: &'a Inventory,
    /// What units and processes show.
    pub sample: &'a Sample,
    /// Whose the processes are: a sweep of the sample's processes, with owners.
    pub sweep: &'a Sweep,
    /// What owners were given; `None` when that was not looked for.
    pub evidence: Option<&'a EvidenceList>,
    /// Device memory as the kernel charges it to owners; `None` where it keeps no such account.
    pub kernel_memory: Option<&'a [KernelMemory]>,
    /// What to do with the time of an MPS server.
    pub mps: MpsRule,
}

impl<'a> Look<'a> {
    /// A look without evidence.
    #[must_use]
    pub const fn new(inventory: &'a Inventory, sample: &'a Sample, sweep: &'a Sweep) -> Self {
        Self { inventory, sample, sweep, evidence: None, kernel_memory: None, mps: MpsRule::KeepApart }
    }

    /// The same look with what owners were given.
    #[must_use]
    pub const fn evidence(self, evidence: &'a EvidenceList) -> Self {
        Self { evidence: Some(evidence), ..self }
    }

    /// The same look with the kernel's own account of device memory.
    #[must_use]
    pub const fn kernel_memory(self, memory: &'a [KernelMemory]) -> Self {
        Self { kernel_memory: Some(memory), ..self }
    }

    /// The same look with another rule for MPS.
    #[must_use]
    pub const fn mps(self, mps: MpsRule) -> Self {
        Self { mps, ..self }
    }
}
