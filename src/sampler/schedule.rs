//! [`Schedule`]: which turn comes when.

use std::time::{Duration, Instant};

/// Turns that are a period apart, counted from the first. A turn that is over is never made up for.
#[derive(Debug, Clone, Copy)]
pub(super) struct Schedule {
    first: Instant,
    period: Duration,
}

impl Schedule {
    pub(super) const fn new(first: Instant, period: Duration) -> Self {
        Self { first, period }
    }

    /// When a turn is.
    pub(super) fn at(&self, turn: u64) -> Instant {
        let nanoseconds = self.period.as_nanos().saturating_mul(u128::from(turn));
        let span = Duration::new(
            u64::try_from(nanoseconds / 1_000_000_000).unwrap_or(u64::MAX),
            u32::try_from(nanoseconds % 1_000_000_000).unwrap_or(0),
        );
        // Past what the clock can count: never.
        self.first.checked_add(span).unwrap_or(self.first)
    }

    /// The turn after `turn` that is not over at `now`: one that has begun counts while less than a
    /// period has passed.
    pub(super) fn after(&self, turn: u64, now: Instant) -> u64 {
        let passed = now.saturating_duration_since(self.first).as_nanos() / self.period.as_nanos().max(1);
        u64::try_from(passed).unwrap_or(u64::MAX).max(turn.saturating_add(1))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_turn_that_is_over_is_missed() {
        let first = Instant::now();
        let of = |milliseconds| Duration::from_millis(milliseconds);
        let schedule = Schedule::new(first, of(100));
        assert_eq!(schedule.at(3), first + of(300));
        assert_eq!(schedule.after(0, first + of(40)), 1);
        // The look took until the next turn, which is taken late.
        assert_eq!(schedule.after(0, first + of(130)), 1);
        assert_eq!(schedule.after(0, first + of(350)), 3);
        assert_eq!(schedule.after(5, first + of(350)), 6);
    }
}
