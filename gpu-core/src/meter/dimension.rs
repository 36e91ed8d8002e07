//! [`Dimension`]: what is metered.

use core::fmt;

/// What is metered, each in a whole number of its own unit.
///
/// | dimension | unit | total | who has a part |
/// |---|---|---|---|
/// | held | ns | one unit × covered time | who holds the unit in the ledger |
/// | busy | ns | one set of shaders × covered time | whose work ran there |
/// | memory | byte × ns | the unit's memory × covered time | whose memory lay there |
/// | energy | µJ | what the power domain's counter grew by | whose work was done for it |
///
/// Held is what somebody was entitled to; the others are what somebody used. They are never added.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[cfg_attr(feature = "serde", serde(rename_all = "snake_case"))]
#[non_exhaustive]
pub enum Dimension {
    /// Time for which a unit was held, in nanoseconds: by the ledger, whatever was done with it.
    Held,
    /// Time for which a unit's shaders ran something, in nanoseconds: by shader, graphics and compute
    /// engines. Copy and video engines have no part in it.
    Busy,
    /// Device memory over time, in bytes × nanoseconds.
    Memory,
    /// Energy, in microjoules.
    Energy,
}

impl Dimension {
    /// All, in order.
    pub const ALL: [Self; 4] = [Self::Held, Self::Busy, Self::Memory, Self::Energy];

    /// A short constant name, for JSON and labels.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Held => "held",
            Self::Busy => "busy",
            Self::Memory => "memory",
            Self::Energy => "energy",
        }
    }
}

impl fmt::Display for Dimension {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}
