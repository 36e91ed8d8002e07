//! [`Work`]: what engines and memory had done when somebody looked last.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};

use gpu_core::{BootTime, Nanoseconds, PciAddress};

/// Who looks: at which GPU's counters, and for which tile or the whole.
pub(super) type Reader = (PciAddress, Counts, Option<u32>);

/// What is counted.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(super) enum Counts {
    /// A group of engines, by its place in the list.
    Engines(usize),
    /// Bytes of a memory module, by its place in the list.
    Memory(usize),
    /// Engines for a virtual function, by its number and the row's place.
    Function(u32, usize),
}

/// What engines and memory had done when somebody looked last. The library counts from an unknown start, so
/// that a share needs two looks.
#[derive(Debug, Default)]
pub(super) struct Work(Mutex<BTreeMap<Reader, Seen>>);

/// Both counters, and when they were read.
type Seen = ((u64, u64), BootTime);

/// What came since.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Since {
    /// In the library's unit.
    pub(super) worked: u64,
    /// In the same unit.
    pub(super) elapsed: u64,
    /// By the reader's clock.
    pub(super) took: Nanoseconds,
}

impl Work {
    /// Notes both counters and says what came since the last look; `None` at the first, and when
    /// the counters began anew or stand still.
    pub(super) fn since_last(&self, reader: Reader, counters: (u64, u64), now: BootTime) -> Option<Since> {
        let mut seen = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let ((worked, elapsed), then) = seen.insert(reader, (counters, now))?;
        let since = Since {
            worked: counters.0.checked_sub(worked)?,
            elapsed: counters.1.checked_sub(elapsed)?,
            took: now.since(then),
        };
        (since.elapsed > 0).then_some(since)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counters_that_fall_begin_anew() {
        let (work, reader) = (Work::default(), (PciAddress::new(0, 3, 0, 0), Counts::Engines(0), None));
        let look = |counters, now| work.since_last(reader, counters, BootTime(now));
        assert_eq!(look((5, 100), 1), None, "the first look");
        assert_eq!(look((8, 110), 4), Some(Since { worked: 3, elapsed: 10, took: Nanoseconds(3) }));
        assert_eq!(look((1, 120), 5), None, "the driver was loaded again");
        assert_eq!(look((1, 120), 6), None, "no time went by");
        assert!(look((2, 121), 7).is_some());
    }
}
