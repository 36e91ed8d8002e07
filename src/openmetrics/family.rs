//! [`Family`]: a name, what it counts, and in which unit.

/// How the numbers of a family behave.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub enum Kind {
    /// They go up and down.
    Gauge,
    /// They only grow, but for a start at 0. Its series end in `_total`.
    Counter,
    /// Always 1: what there is to say is in the labels. Its series end in `_info`.
    Info,
}

/// A family of series: one name, one unit, one meaning.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub struct Family {
    /// Its name, without the unit and without `_total` or `_info`.
    pub stem: &'static str,
    /// How its numbers behave.
    pub kind: Kind,
    /// The unit as the last part of the name, such as `bytes`; empty for a number of things.
    pub unit: &'static str,
    /// What it says, in one line.
    pub help: &'static str,
}

impl Family {
    /// A gauge.
    #[must_use]
    pub const fn gauge(stem: &'static str, unit: &'static str, help: &'static str) -> Self {
        Self { stem, kind: Kind::Gauge, unit, help }
    }

    /// A counter.
    #[must_use]
    pub const fn counter(stem: &'static str, unit: &'static str, help: &'static str) -> Self {
        Self { stem, kind: Kind::Counter, unit, help }
    }

    /// Labels alone.
    #[must_use]
    pub const fn info(stem: &'static str, help: &'static str) -> Self {
        Self { stem, kind: Kind::Info, unit: "", help }
    }
}
