//! [`Gap`]: why some time is in no account; [`Gaps`]: how much.

use core::fmt;

use crate::absence::Absence;
use crate::quantity::Nanoseconds;

/// Why some time of a unit is in no account of a dimension.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[cfg_attr(feature = "serde", serde(rename_all = "snake_case"))]
#[non_exhaustive]
pub enum Gap {
    /// Two looks lay farther apart than [`Rules::longest_step`](super::Rules::longest_step).
    Unobserved,
    /// Nobody said who held what.
    NotTold,
    /// The hardware, driver or source has no such number.
    NotSupported,
    /// The caller may not read it.
    NotPermitted,
    /// The number needs an earlier one.
    NotYet,
    /// The device slept, and was left asleep.
    Asleep,
    /// The source did not answer in time.
    TimedOut,
    /// The unit was gone.
    Lost,
    /// The source answered with an error or nonsense.
    Failed,
    /// The counter fell: the driver was loaded anew, the device was reset, or the counter wrapped.
    CounterFell,
    /// The counter grew by more than can be.
    CounterJumped,
}

impl Gap {
    /// All, in order.
    pub const ALL: [Self; 11] = [
        Self::Unobserved,
        Self::NotTold,
        Self::NotSupported,
        Self::NotPermitted,
        Self::NotYet,
        Self::Asleep,
        Self::TimedOut,
        Self::Lost,
        Self::Failed,
        Self::CounterFell,
        Self::CounterJumped,
    ];

    /// A short constant name, for JSON and labels.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Unobserved => "unobserved",
            Self::NotTold => "not_told",
            Self::NotSupported => "not_supported",
            Self::NotPermitted => "not_permitted",
            Self::NotYet => "not_yet",
            Self::Asleep => "asleep",
            Self::TimedOut => "timed_out",
            Self::Lost => "lost",
            Self::Failed => "failed",
            Self::CounterFell => "counter_fell",
            Self::CounterJumped => "counter_jumped",
        }
    }

    /// What stands in the place of a number that the whole interval has none of.
    #[must_use]
    pub const fn absence(self) -> Absence {
        match self {
            Self::NotTold => Absence::NotSupported { why: "nobody said who held what" },
            Self::NotSupported => Absence::NotSupported { why: "no source has a total of it" },
            Self::NotPermitted => Absence::NotPermitted {
                needs: crate::absence::Need::Other("more than the meter's reader had"),
            },
            Self::NotYet => Absence::NotYet,
            Self::Asleep => Absence::Asleep,
            Self::TimedOut => Absence::TimedOut,
            Self::Lost => Absence::Lost,
            Self::Unobserved => Absence::Failed { at: "looks that lay too far apart", code: None },
            Self::Failed => Absence::Failed { at: "the source", code: None },
            Self::CounterFell => Absence::Failed { at: "a counter that fell", code: None },
            Self::CounterJumped => Absence::Failed { at: "a counter that jumped", code: None },
        }
    }
}

impl From<Absence> for Gap {
    fn from(absence: Absence) -> Self {
        match absence {
            Absence::NotSupported { .. } | Absence::UnknownVersion { .. } => Self::NotSupported,
            Absence::NotPermitted { .. } => Self::NotPermitted,
            Absence::NotYet => Self::NotYet,
            Absence::Asleep => Self::Asleep,
            Absence::TimedOut => Self::TimedOut,
            Absence::Lost => Self::Lost,
            Absence::Failed { .. } => Self::Failed,
        }
    }
}

impl fmt::Display for Gap {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

/// How much time is in no account, by reason.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Default)]
pub struct Gaps([u64; Gap::ALL.len()]);

impl Gaps {
    /// No gap.
    pub const NONE: Self = Self([0; Gap::ALL.len()]);

    /// The time that is missing for that reason.
    #[must_use]
    pub const fn get(&self, gap: Gap) -> Nanoseconds {
        Nanoseconds(self.0[gap as usize])
    }

    /// All reasons for which time is missing, with how much, in order.
    pub fn iter(&self) -> impl Iterator<Item = (Gap, Nanoseconds)> + '_ {
        Gap::ALL.into_iter().map(|gap| (gap, self.get(gap))).filter(|(_, time)| *time != Nanoseconds::ZERO)
    }

    /// The time that is missing for any reason.
    #[must_use]
    pub fn total(&self) -> Nanoseconds {
        Nanoseconds(self.0.iter().fold(0, |sum, time| u64::saturating_add(sum, *time)))
    }

    /// The reason for which most is missing; among equals the first.
    #[must_use]
    pub fn main(&self) -> Option<Gap> {
        let longest = self.0.iter().copied().max().filter(|time| *time > 0)?;
        Gap::ALL.into_iter().find(|gap| self.0[*gap as usize] == longest)
    }

    pub(crate) fn add(&mut self, gap: Gap, time: Nanoseconds) {
        let sum = &mut self.0[gap as usize];
        *sum = sum.saturating_add(time.get());
    }

    pub(crate) fn checked_add(mut self, other: &Self) -> Option<Self> {
        for (mine, theirs) in self.0.iter_mut().zip(other.0) {
            *mine = mine.checked_add(theirs)?;
        }
        Some(self)
    }
}

#[cfg(feature = "serde")]
impl serde::Serialize for Gaps {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(self.iter().map(|(gap, time)| (gap.name(), time)))
    }
}
