//! [`Unmet`]: why no units would do.

use core::fmt;

use crate::ledger::{HoldingId, Outlook};
use crate::unfit::Unfit;

/// Why no units would do.
#[derive(Clone, PartialEq, Eq, Debug)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
pub struct Unmet {
    /// Never, or not now.
    pub outlook: Outlook,
    /// How many units are asked for.
    pub asked: u32,
    /// How many would do if nobody held anything.
    pub there: u32,
    /// How many would do as it is.
    pub free: u32,
    /// Holdings that would have to end, ascending: as few as are found by freeing the units with
    /// the fewest in the way first.
    pub to_free: Vec<HoldingId>,
    /// True where there are enough, and not on one NUMA node, or on one island.
    pub apart: bool,
    /// What would do and is unfit, ascending ([`Request::unfit`](super::Request::unfit)).
    pub unfit: Vec<Unfit>,
}

impl fmt::Display for Unmet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { outlook, asked, there, free, to_free, apart, unfit } = self;
        match outlook {
            Outlook::Never => write!(f, "never: {asked} asked for, and only {there} like that are here")?,
            _ => write!(f, "not now: {asked} asked for, {free} of {there} like that are free")?,
        }
        if *apart {
            f.write_str(", and not together")?;
        }
        for (at, holding) in to_free.iter().enumerate() {
            write!(f, "{}{holding}", if at == 0 { "; to be freed: " } else { ", " })?;
        }
        unfit.iter().try_for_each(|unfit| write!(f, "; {unfit}"))
    }
}

impl std::error::Error for Unmet {}
