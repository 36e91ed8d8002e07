//! [`EngineCycles`]: work of engines that a driver counts in cycles, beside all cycles.

use core::fmt;

use crate::quantity::{Nanoseconds, Permille};

/// Work of one kind of engine, counted in cycles of the GPU's own clock, beside the cycles that
/// the clock has run. Both count on from an unknown start: only what two readings differ by says
/// something, and how long a cycle is does not matter then.
///
/// ```
/// use gpu_core::{EngineCycles, Nanoseconds, Permille};
/// let earlier = EngineCycles { worked: 1_000, elapsed: 500_000, engines: 2 };
/// let later = EngineCycles { worked: 1_600, elapsed: 501_000, engines: 2 };
/// let between = later.since(earlier).expect("no client was closed in between");
/// assert_eq!(between.share(), Some(Permille(300))); // 600 of 1000 cycles, of two engines
/// assert_eq!(between.time(Nanoseconds::from_secs(10)), Some(Nanoseconds::from_secs(6)));
/// ```
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Default)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
pub struct EngineCycles {
    /// Cycles that the engines have worked, summed over engines and clients.
    pub worked: u64,
    /// Cycles that the clock has run, whoever the engines worked for.
    pub elapsed: u64,
    /// Number of engines of the kind.
    pub engines: u32,
}

impl EngineCycles {
    /// What came since an earlier reading; `None` when either number fell: a client was closed,
    /// or the counters began anew.
    #[must_use]
    pub const fn since(self, earlier: Self) -> Option<Self> {
        let (worked, elapsed) =
            (self.worked.checked_sub(earlier.worked), self.elapsed.checked_sub(earlier.elapsed));
        match (worked, elapsed) {
            (Some(worked), Some(elapsed)) => Some(Self { worked, elapsed, engines: self.engines }),
            _ => None,
        }
    }

    /// The part of what all engines of the kind could have done, in thousandths: at most 1000,
    /// though clients are not read all at the same moment. `None` when no cycle has run.
    #[must_use]
    pub fn share(self) -> Option<Permille> {
        let all = u128::from(self.elapsed) * u128::from(self.engines.max(1));
        let share = (u128::from(self.worked) * 1000).checked_div(all)?.min(1000);
        u64::try_from(share).ok().map(Permille)
    }

    /// How long engines have worked, when `elapsed` cycles took `took`: the same measure as of
    /// drivers that count time, so that two engines work two seconds in one. `None` when no cycle
    /// has run.
    #[must_use]
    pub fn time(self, took: Nanoseconds) -> Option<Nanoseconds> {
        let time =
            (u128::from(self.worked) * u128::from(took.get())).checked_div(u128::from(self.elapsed))?;
        Some(Nanoseconds(u64::try_from(time).unwrap_or(u64::MAX)))
    }
}

impl fmt::Display for EngineCycles {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} of {} cycles", self.worked, self.elapsed)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counters_that_fall_say_nothing() {
        let one = EngineCycles { worked: 10, elapsed: 100, engines: 1 };
        assert_eq!(one.since(EngineCycles { worked: 11, ..one }), None, "a client was closed");
        assert_eq!(one.since(EngineCycles { elapsed: 101, ..one }), None, "the GPU was reset");
        assert_eq!(one.since(one).unwrap().share(), None, "no cycle has run");
        assert_eq!(one.since(one).unwrap().time(Nanoseconds(5)), None);
    }

    #[test]
    fn the_largest_numbers_do_not_overflow() {
        let most = EngineCycles { worked: u64::MAX, elapsed: 1, engines: u32::MAX };
        assert_eq!(most.share(), Some(Permille(1000)));
        assert_eq!(most.time(Nanoseconds(u64::MAX)), Some(Nanoseconds(u64::MAX)));
        let none = EngineCycles { worked: u64::MAX, elapsed: 1, engines: 0 };
        assert_eq!(none.share(), Some(Permille(1000)));
    }
}
