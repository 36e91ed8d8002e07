//! [`Balance`]: how the parts make up the whole.

use crate::absence::Absence;
use crate::id::UnitId;
use crate::quantity::{Bytes, Permille};

/// How what was attributed makes up what a unit shows.
///
/// Always, and exactly: `attributed - excess + unattributed + reserved + free = total`.
///
/// ```
/// use gpu_core::attribution::Balance;
/// let balance = Balance::of(80, 2, 50, 44);
/// assert_eq!((balance.unattributed, balance.free, balance.excess), (6, 28, 0));
/// // The driver's two lists are of two moments.
/// let balance = Balance::of(80, 2, 50, 51);
/// assert_eq!((balance.unattributed, balance.free, balance.excess), (0, 28, 1));
/// ```
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[non_exhaustive]
pub struct Balance {
    /// What there is: bytes of memory, or 1000 thousandths of the time.
    pub total: u64,
    /// What driver and firmware keep for themselves.
    pub reserved: u64,
    /// What the lines on the unit and its parts have together.
    pub attributed: u64,
    /// In use, and in nobody's account: managed memory, contexts of the driver's own, what ended
    /// before it was seen.
    pub unattributed: u64,
    /// By how much the parts exceed what the unit itself shows as used.
    pub excess: u64,
    /// Not used.
    pub free: u64,
}

impl Balance {
    /// The balance of a unit that shows `used` of `total`, of which `attributed` is somebody's.
    /// A unit that shows more than there is counts as full.
    #[must_use]
    pub const fn of(total: u64, reserved: u64, used: u64, attributed: u64) -> Self {
        let reserved = if reserved > total { total } else { reserved };
        let room = total - reserved;
        let used = if used > room { room } else { used };
        Self {
            total,
            reserved,
            attributed,
            unattributed: used.saturating_sub(attributed),
            excess: attributed.saturating_sub(used),
            free: room - used,
        }
    }
}

/// What one unit shows, and how much of it is whose.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[non_exhaustive]
pub struct UnitBalance {
    /// Which unit: those that lie in it are in its numbers.
    pub unit: UnitId,
    /// Device memory, in bytes.
    #[cfg_attr(feature = "serde", serde(serialize_with = "crate::process::serialize_fact"))]
    pub memory: Result<Balance, Absence>,
    /// Time of the shaders, in thousandths of the time that each number speaks of. The unit's own
    /// activity is over a window of the driver's, the lines' over theirs.
    #[cfg_attr(feature = "serde", serde(serialize_with = "crate::process::serialize_fact"))]
    pub shader: Result<Balance, Absence>,
    /// What the processes' shares made together before they were scaled to the whole, where they
    /// made more than it.
    pub unscaled_shares: Option<Permille>,
}

impl UnitBalance {
    /// Memory in use that is in nobody's account.
    ///
    /// # Errors
    /// Why the unit has no balance of memory.
    pub fn unattributed_memory(&self) -> Result<Bytes, Absence> {
        self.memory.map(|balance| Bytes(balance.unattributed))
    }
}
