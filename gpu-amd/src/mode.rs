//! [`ComputeMode`], [`MemoryMode`], and the [`ModePair`] that both make: how a GPU is cut.

use std::fmt;
use std::str::FromStr;

/// Into how many partitions a GPU's dies are put.
///
/// | mode | partitions | with | on GPUs of |
/// |---|---|---|---|
/// | SPX | 1 | NPS1 | any number of dies |
/// | DPX | 2 | NPS1, NPS2 | 4 or 8 dies |
/// | TPX | 3 | NPS1, NPS4 | 6 dies |
/// | QPX | 4 | NPS1, NPS4 | 8 dies |
/// | CPX | one for each die | NPS1, NPS4 (on gfx950 also NPS2) | more than 1 die |
///
/// Source: the kernel's `aqua_vanjaram.c`; for gfx950 AMD's guide to partitions. What a driver
/// lists (`available_compute_partition`) is preferred to the table.
///
/// ```
/// use gpu_amd::{ComputeMode, MemoryMode};
/// assert_eq!("CPX".parse(), Ok(ComputeMode::Cpx));
/// assert_eq!(ComputeMode::Cpx.partitions(8), 8);
/// assert!(ComputeMode::Spx.goes_with(MemoryMode(1)) && !ComputeMode::Spx.goes_with(MemoryMode(4)));
/// ```
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
#[non_exhaustive]
pub enum ComputeMode {
    /// All dies in one.
    Spx,
    /// Two halves.
    Dpx,
    /// Three thirds.
    Tpx,
    /// Four quarters.
    Qpx,
    /// Each die by itself.
    Cpx,
}

impl ComputeMode {
    /// All of them, the largest partitions first: the kernel's order.
    pub const ALL: [Self; 5] = [Self::Spx, Self::Dpx, Self::Tpx, Self::Qpx, Self::Cpx];

    /// The kernel's name: `SPX`.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Spx => "SPX",
            Self::Dpx => "DPX",
            Self::Tpx => "TPX",
            Self::Qpx => "QPX",
            Self::Cpx => "CPX",
        }
    }

    /// How many partitions it makes of so many dies.
    #[must_use]
    pub const fn partitions(self, dies: u32) -> u32 {
        match self {
            Self::Spx => 1,
            Self::Dpx => 2,
            Self::Tpx => 3,
            Self::Qpx => 4,
            Self::Cpx => dies,
        }
    }

    /// True where GPUs of so many dies have it.
    #[must_use]
    pub const fn fits(self, dies: u32) -> bool {
        match self {
            Self::Spx => dies > 0,
            Self::Dpx => matches!(dies, 4 | 8),
            Self::Tpx => dies == 6,
            Self::Qpx => dies == 8,
            Self::Cpx => matches!(dies, 2 | 4 | 6 | 8),
        }
    }

    /// True where it goes with a memory mode.
    #[must_use]
    pub const fn goes_with(self, memory: MemoryMode) -> bool {
        match self {
            Self::Spx => memory.0 == 1,
            Self::Dpx => matches!(memory.0, 1 | 2),
            Self::Tpx | Self::Qpx | Self::Cpx => matches!(memory.0, 1 | 4),
        }
    }

    /// The same, with what MI350X and MI355X (gfx950) do beyond it.
    pub(crate) const fn goes_with_on(self, memory: MemoryMode, is_gfx950: bool) -> bool {
        self.goes_with(memory) || is_gfx950 && matches!(self, Self::Cpx) && memory.0 == 2
    }
}

impl fmt::Display for ComputeMode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for ComputeMode {
    type Err = NoSuchMode;

    fn from_str(text: &str) -> Result<Self, NoSuchMode> {
        let found = Self::ALL.into_iter().find(|mode| mode.as_str().eq_ignore_ascii_case(text));
        found.ok_or_else(|| NoSuchMode::new(text, "a compute mode is SPX, DPX, TPX, QPX or CPX"))
    }
}

/// Into how many regions a GPU's memory is put: `NPS4` is four.
///
/// ```
/// use gpu_amd::MemoryMode;
/// assert_eq!("nps4".parse(), Ok(MemoryMode(4)));
/// assert_eq!(MemoryMode(4).to_string(), "NPS4");
/// assert!("NPS".parse::<MemoryMode>().is_err());
/// ```
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct MemoryMode(pub u8);

impl fmt::Display for MemoryMode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "NPS{}", self.0)
    }
}

impl FromStr for MemoryMode {
    type Err = NoSuchMode;

    fn from_str(text: &str) -> Result<Self, NoSuchMode> {
        let regions = text
            .split_at_checked(3)
            .filter(|(name, _)| name.eq_ignore_ascii_case("NPS"))
            .map(|(_, number)| number)
            .filter(|number| number.bytes().all(|digit| digit.is_ascii_digit()) && !number.starts_with('0'));
        let mode = regions.and_then(|number| number.parse().ok()).map(Self);
        mode.ok_or_else(|| NoSuchMode::new(text, "a memory mode is NPS1, NPS2, NPS4 or NPS8"))
    }
}

/// Both modes of a GPU: one way of cutting the whole of it. Its text is the name of the device
/// plugin's resource and of the profile in a [board](gpu_core::BoardState)'s geometry.
///
/// ```
/// use gpu_amd::{ComputeMode, MemoryMode, ModePair};
/// let pair: ModePair = "cpx_nps1".parse()?;
/// assert_eq!(pair, ModePair { compute: ComputeMode::Cpx, memory: MemoryMode(1) });
/// assert_eq!(pair.to_string(), "cpx_nps1");
/// # Ok::<(), gpu_amd::NoSuchMode>(())
/// ```
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct ModePair {
    /// How the dies are put together.
    pub compute: ComputeMode,
    /// How the memory is.
    pub memory: MemoryMode,
}

impl fmt::Display for ModePair {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}_nps{}", self.compute.as_str().to_ascii_lowercase(), self.memory.0)
    }
}

impl FromStr for ModePair {
    type Err = NoSuchMode;

    fn from_str(text: &str) -> Result<Self, NoSuchMode> {
        let parts = text.split_once('_');
        let (compute, memory) =
            parts.ok_or_else(|| NoSuchMode::new(text, "a pair of modes is written as cpx_nps1"))?;
        Ok(Self { compute: compute.parse()?, memory: memory.parse()? })
    }
}

/// A text that names no mode: which, and what would.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct NoSuchMode {
    text: String,
    forms: &'static str,
}

impl NoSuchMode {
    fn new(text: &str, forms: &'static str) -> Self {
        Self { text: text.chars().take(40).collect(), forms }
    }
}

impl fmt::Display for NoSuchMode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}: {}", self.text, self.forms)
    }
}

impl std::error::Error for NoSuchMode {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_read_back_in_either_case() {
        for compute in ComputeMode::ALL {
            for memory in [1, 2, 4, 8, 16].map(MemoryMode) {
                let pair = ModePair { compute, memory };
                assert_eq!(pair.to_string().parse(), Ok(pair));
                assert_eq!(format!("{compute}_{memory}").parse(), Ok(pair));
            }
        }
        for text in
            ["", "cpx", "cpx_", "_nps1", "cpx-nps1", "cpx_nps", "cpx_nps01", "cpx_nps+1", "cpx_nps256"]
        {
            assert!(text.parse::<ModePair>().is_err(), "{text:?}");
        }
        assert!("éé".parse::<MemoryMode>().is_err(), "cut within a letter");
    }
}
