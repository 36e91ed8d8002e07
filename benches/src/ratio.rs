//! [`Ratio`]: two ways of doing the same, timed side by side.

use std::time::{Duration, Instant};

/// How long two ways of doing the same take, once, in nanoseconds.
#[derive(Debug, Clone, Copy)]
pub struct Ratio {
    /// This project's way.
    pub ours_ns: u64,
    /// The bare way.
    pub bare_ns: u64,
}

/// How long both are repeated.
const FOR: Duration = Duration::from_millis(1500);
/// The length of a stretch of one way, before the other has its turn: shorter than the machine's
/// other work lasts, longer than the clock's grain.
const STRETCH: Duration = Duration::from_millis(1);

impl Ratio {
    /// Times both in turn, in short stretches, and takes the fastest stretch of each: whatever
    /// else the machine does only ever adds, and adds to both.
    pub fn of(mut ours: impl FnMut(), mut bare: impl FnMut()) -> Self {
        let times = (repeats(&mut ours), repeats(&mut bare));
        let mut best = Self { ours_ns: u64::MAX, bare_ns: u64::MAX };
        let start = Instant::now();
        while start.elapsed() < FOR {
            best.ours_ns = best.ours_ns.min(stretch(&mut ours, times.0));
            best.bare_ns = best.bare_ns.min(stretch(&mut bare, times.1));
        }
        best
    }

    /// The fastest of both, side by side: a pair of which one side was disturbed all the time
    /// says nothing, and the lower of two ratios would prefer it.
    #[must_use]
    pub fn best(self, other: Self) -> Self {
        Self { ours_ns: self.ours_ns.min(other.ours_ns), bare_ns: self.bare_ns.min(other.bare_ns) }
    }

    /// Ours in thousandths of the bare way's.
    #[must_use]
    pub fn permille(self) -> u64 {
        self.ours_ns.saturating_mul(1000) / self.bare_ns.max(1)
    }
}

/// How often `body` fits into a stretch; it is warm after this.
fn repeats(body: &mut impl FnMut()) -> u32 {
    let start = Instant::now();
    let mut count = 0;
    while start.elapsed() < STRETCH {
        body();
        count += 1;
    }
    count
}

fn stretch(body: &mut impl FnMut(), times: u32) -> u64 {
    let start = Instant::now();
    for _ in 0..times {
        body();
    }
    u64::try_from(start.elapsed().as_nanos()).unwrap_or(u64::MAX) / u64::from(times)
}
