//! [`Observed`]: what one look of a sampler's found, and what it cost.

use std::sync::Arc;
use std::time::Instant;

use gpu_core::attribution::Attribution;
use gpu_core::{
    Absence, BootId, BootTime, Inventory, Labels, Nanoseconds, Owner, Sample, Sweep, Vendor, WallTime,
};

/// What one look at a node found: what there was, what it showed, who was on it, and what the look
/// cost.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct Observed {
    /// Which turn of the schedule it was, from 0 on. A number that is left out is a turn that was
    /// missed: nobody looked then.
    pub number: u64,
    /// When it began, by the node's clock.
    pub taken_at: BootTime,
    /// The time of day then.
    pub wall: WallTime,
    /// The boot that `taken_at` counts in.
    pub boot: BootId,
    /// What there was: of a vendor that did not answer, what there was at its last answer.
    pub inventory: Arc<Inventory>,
    /// What it showed. Units of a vendor that did not answer in time are in it, with every metric
    /// [`Absence::TimedOut`], and its processes are not.
    pub sample: Sample,
    /// The processes on the GPUs.
    pub sweep: Result<Arc<Sweep>, Absence>,
    /// Who used what, counted from the look before; `TimedOut` when that could not be worked out in
    /// time (a `/proc` that hangs).
    pub attribution: Result<Attribution, Absence>,
    /// What people call the containers and jobs, by owner, as far as the machine shows it.
    pub labels: Arc<Vec<(Owner, Labels)>>,
    /// What came of asking each vendor, in the order of the node's backends.
    pub vendors: Vec<VendorLook>,
    /// What the sampler itself took.
    pub cost: Cost,
}

impl Observed {
    /// True when every vendor answered in time.
    #[must_use]
    pub fn is_whole(&self) -> bool {
        self.vendors.iter().all(|vendor| vendor.answer == Answer::InTime)
    }
}

/// What came of asking a vendor, at one look.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct VendorLook {
    /// Whose GPUs were to be read.
    pub vendor: Vendor,
    /// Whether they were.
    pub answer: Answer,
    /// How long after its turn the call began: the jitter of the schedule, and the time of the sweep
    /// before it. Zero where it was not called.
    pub late: Nanoseconds,
    /// How long the call took. Zero where it has not returned.
    pub took: Nanoseconds,
    /// Processor time that the call took; zero where that cannot be told.
    pub processor: Nanoseconds,
}

/// Whether a vendor answered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Answer {
    /// It did. What it could not read is in the sample.
    InTime,
    /// It did not before the deadline. What it still answers is not used.
    TooLate,
    /// It was not asked: an earlier call has not returned, for so long.
    Hanging(Nanoseconds),
}

/// What the sampler itself took for one look, beside the vendors' calls.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub struct Cost {
    /// How long after its turn the look began.
    pub late: Nanoseconds,
    /// From the turn until the look could be published.
    pub took: Nanoseconds,
    /// Processor time of the sweep, the joining and the attribution; zero where it cannot be told.
    pub processor: Nanoseconds,
    /// Turns of the schedule that were missed since the look before, because that took too long.
    pub missed: u64,
}

/// The time from one instant to a later one.
pub(super) fn span(from: Instant, to: Instant) -> Nanoseconds {
    Nanoseconds(u64::try_from(to.saturating_duration_since(from).as_nanos()).unwrap_or(u64::MAX))
}
