//! [`Seen`]: what the machine shows of one owner and one unit.

use core::fmt;

use crate::evidence::{Evidence, Strength};
use crate::id::UnitId;
use crate::owner::Owner;
use crate::quantity::Nanoseconds;
use crate::time::WallTime;

/// What the machine shows of one owner and one unit.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
pub struct Seen {
    /// The unit, as exactly as the source tells: the device where it tells no more.
    pub unit: UnitId,
    /// On whose behalf.
    pub owner: Owner,
    /// What was seen.
    pub how: How,
}

impl Seen {
    /// What a piece of evidence shows: that the unit was given, where the kernel enforces it. What
    /// somebody wrote down may be a wish, and is no reason to take anything into a ledger.
    #[must_use]
    pub fn of_evidence(evidence: &Evidence) -> Option<Self> {
        let Evidence { owner, unit, strength, .. } = evidence;
        (*strength == Strength::Enforced).then(|| Self { unit: *unit, owner: owner.clone(), how: How::Given })
    }

    /// That an owner used a unit, last at this time.
    #[must_use]
    pub fn used(owner: impl Into<Owner>, unit: impl Into<UnitId>, last: WallTime) -> Self {
        Self { unit: unit.into(), owner: owner.into(), how: How::Used { last } }
    }
}

/// What was seen.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[cfg_attr(feature = "serde", serde(rename_all = "snake_case"))]
#[non_exhaustive]
pub enum How {
    /// The unit was given to it: device files, the environment, a runtime's configuration say so.
    Given,
    /// It used the unit, last at this time.
    Used {
        /// The last time.
        last: WallTime,
    },
}

/// Whether an owner is there.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[cfg_attr(feature = "serde", serde(rename_all = "snake_case"))]
#[non_exhaustive]
pub enum Presence {
    /// It is there.
    Here,
    /// It is gone.
    Gone,
    /// Nobody can tell: not to be taken for gone.
    Unknown,
}

/// A look at the machine.
#[derive(Clone, Copy)]
pub struct Look<'a> {
    /// What was seen, in any order.
    pub seen: &'a [Seen],
    /// Whether an owner is there.
    pub presence: &'a dyn Fn(&Owner) -> Presence,
    /// The time of the look. A clock that went backwards makes nobody idle, and nothing due.
    pub now: WallTime,
    /// How long a unit may go without use before it counts as unused.
    pub idle_after: Nanoseconds,
}

impl Look<'_> {
    pub(super) fn is_idle(&self, last: WallTime) -> bool {
        self.now.0.saturating_sub(last.0) > self.idle_after.0
    }
}

impl fmt::Debug for Look<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Look").field("seen", &self.seen).field("now", &self.now).finish_non_exhaustive()
    }
}

/// True for two names of one owner: what sources tell beside the name may differ.
pub(super) fn same(one: &Owner, other: &Owner) -> bool {
    match (one, other) {
        (Owner::Container(one), Owner::Container(other)) => one.id == other.id,
        (Owner::Slurm(one), Owner::Slurm(other)) => one.job.is_some() && one.job == other.job,
        (one, other) => one == other,
    }
}

/// True where what was seen can be what is held: the unit itself, something in it, what it is a
/// share of, or the device where the source tells no more.
pub(super) fn covers(held: UnitId, seen: UnitId) -> bool {
    let whole = |unit: UnitId| match unit {
        UnitId::Share(share) => share.whole(),
        unit => unit,
    };
    let (of, at) = (whole(held), whole(seen));
    if held.device() != seen.device() {
        return false;
    }
    match (of, at) {
        (UnitId::Device(_), _) | (_, UnitId::Device(_)) => !other_share(held, seen),
        (UnitId::Partition(of), UnitId::Partition(at)) => {
            (of == at || at.parent() == Some(of) || of.parent() == Some(at)) && !other_share(held, seen)
        }
        _ => false,
    }
}

fn other_share(held: UnitId, seen: UnitId) -> bool {
    matches!((held, seen), (UnitId::Share(held), UnitId::Share(seen)) if held != seen)
}
