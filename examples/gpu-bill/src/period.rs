//! [`Period`]: from when to when, by the clock on the wall.

use gpu_accounting::WallTime;
use gpu_accounting::meter::Statement;

/// From when to when statements are added up.
#[derive(Clone, Copy, Default)]
pub struct Period {
    pub from: Option<WallTime>,
    pub to: Option<WallTime>,
}

/// How a statement lies to a period.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Lies {
    Inside,
    Outside,
    /// Across one of its ends: it cannot be cut.
    Across,
}

impl Period {
    pub fn of(&self, statement: &Statement) -> Lies {
        let Some((from, to)) = ends(statement) else { return Lies::Inside };
        let (first, last) = (self.from.unwrap_or(WallTime(0)), self.to.unwrap_or(WallTime(u64::MAX)));
        if from >= first && to <= last {
            Lies::Inside
        } else if to <= first || from >= last {
            Lies::Outside
        } else {
            Lies::Across
        }
    }
}

/// The earliest and the latest time of day of a statement.
pub fn ends(statement: &Statement) -> Option<(WallTime, WallTime)> {
    let times = || statement.spans.iter().flat_map(|span| [span.wall_from, span.wall_to]);
    times().min().zip(times().max())
}

/// A time as people write it, in UTC.
pub fn parse(name: &str, text: &str) -> Result<WallTime, lexopt::Error> {
    let time = text.parse::<jiff::Timestamp>().ok().and_then(|time| u64::try_from(time.as_nanosecond()).ok());
    time.map(WallTime)
        .ok_or_else(|| format!("{name} {text:?}: a time such as 2026-11-01T00:00:00Z is asked for").into())
}

/// A time as people read it, in UTC and whole seconds.
pub fn show(time: WallTime) -> String {
    let seconds = i64::try_from(time.0 / 1_000_000_000).unwrap_or(i64::MAX);
    jiff::Timestamp::from_second(seconds).map_or_else(|_| time.0.to_string(), |time| time.to_string())
}
