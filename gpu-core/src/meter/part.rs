//! [`Part`]: what one owner has of one unit; [`Metered`]: one such number.

use super::dimension::Dimension;
use crate::absence::Absence;
use crate::attribution::Basis;
use crate::owner::Owner;
use crate::quantity::Nanoseconds;

/// What one owner used of one unit in one dimension.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Default)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[non_exhaustive]
pub struct Metered {
    /// How much, in the unit of the [`Dimension`].
    pub value: u128,
    /// Where it came from: of what was added, what says least. `None` where nothing was added.
    pub basis: Option<Basis>,
    /// The time for which there was a number.
    pub told: Nanoseconds,
    /// The time for which the owner was there, and there was none.
    pub untold: Nanoseconds,
}

impl Metered {
    /// How much, if there was ever a number.
    ///
    /// # Errors
    /// [`Absence::NotSupported`] where there was none while the owner was there, [`Absence::NotYet`]
    /// where the owner was not there.
    pub fn get(&self) -> Result<u128, Absence> {
        const WHY: &str = "the driver tells no such number of this owner's processes";
        match (self.basis, self.untold) {
            (None, Nanoseconds::ZERO) => Err(Absence::NotYet),
            (None, _) => Err(Absence::NotSupported { why: WHY }),
            (Some(_), _) => Ok(self.value),
        }
    }

    /// Adds what was told of a time.
    pub(super) fn put(&mut self, value: u128, basis: Basis, time: Nanoseconds) {
        self.value += value;
        self.basis = self.basis.max(Some(basis));
        self.told = self.told.saturating_add(time);
    }

    /// Notes a time of which nothing was told.
    pub(super) fn miss(&mut self, time: Nanoseconds) {
        self.untold = self.untold.saturating_add(time);
    }
}

/// What one owner held and used of one unit. What it held stands beside what it used: the two are never
/// in one number.
#[derive(Clone, PartialEq, Eq, Debug)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[non_exhaustive]
pub struct Part {
    /// Whose.
    pub owner: Owner,
    /// For how long it held the unit, in nanoseconds, by the ledger.
    pub held: Nanoseconds,
    /// Time for which the unit's shaders worked for it, in nanoseconds.
    pub busy: Metered,
    /// Memory over time, in bytes × nanoseconds.
    pub memory: Metered,
    /// Energy that its work took, in microjoules.
    pub energy: Metered,
    /// Idle energy of the unit while it held it, in microjoules: by its holding, not by its use.
    pub standby: u128,
}

impl Part {
    /// The part of somebody who has nothing yet.
    #[must_use]
    pub const fn new(owner: Owner) -> Self {
        const NOTHING: Metered =
            Metered { value: 0, basis: None, told: Nanoseconds::ZERO, untold: Nanoseconds::ZERO };
        Self { owner, held: Nanoseconds::ZERO, busy: NOTHING, memory: NOTHING, energy: NOTHING, standby: 0 }
    }

    /// The number of a dimension. Of [`Dimension::Held`] it is the ledger's
    /// ([`Basis::Held`]).
    #[must_use]
    pub fn get(&self, dimension: Dimension) -> Metered {
        match dimension {
            Dimension::Held => Metered {
                value: u128::from(self.held.get()),
                basis: Some(Basis::Held),
                told: self.held,
                untold: Nanoseconds::ZERO,
            },
            Dimension::Busy => self.busy,
            Dimension::Memory => self.memory,
            Dimension::Energy => self.energy,
        }
    }
}
