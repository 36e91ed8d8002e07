//! [`Candidate`]: units that would do, and what speaks for and against them.

use core::fmt;

use crate::ledger::Claim;
use crate::quantity::Bytes;

/// Units that would do, and what speaks for and against them. Earlier is better.
#[derive(Clone, PartialEq, Eq, Debug)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[non_exhaustive]
pub struct Candidate {
    /// The units, ascending.
    pub units: Vec<Chosen>,
    /// Memory beyond what is asked for, of all units together.
    pub waste: Bytes,
    /// On how many boards they are.
    pub boards: u32,
    /// On how many of these boards nobody is yet.
    pub fresh: u32,
    /// How far the farthest is from what they shall be near to: 0 the same NUMA node, 1 the same
    /// PCI domain, 2 elsewhere; and then by the distance of the buses. 0 where that does not
    /// matter.
    pub distance: (u8, u32),
}

/// One unit of a candidate.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[non_exhaustive]
pub struct Chosen {
    /// What a reservation would claim.
    pub claim: Claim,
    /// What sort of unit it is.
    pub way: Way,
}

/// What sort of unit is chosen.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[cfg_attr(feature = "serde", serde(rename_all = "snake_case"))]
#[non_exhaustive]
pub enum Way {
    /// A device.
    Whole,
    /// A partition that is there.
    Partition,
    /// A share.
    Share,
}

impl Candidate {
    /// What a reservation of it claims.
    pub fn claims(&self) -> impl Iterator<Item = Claim> + '_ {
        self.units.iter().map(|chosen| chosen.claim)
    }
}

impl fmt::Display for Candidate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (at, chosen) in self.units.iter().enumerate() {
            write!(f, "{}{}", if at == 0 { "" } else { ", " }, chosen.claim.unit)?;
        }
        f.write_str(":")?;
        if self.waste > Bytes::ZERO {
            write!(f, " {} more than asked for;", self.waste)?;
        }
        match self.fresh {
            0 => f.write_str(" boards that are in use"),
            1 => f.write_str(" a board that nobody is on"),
            fresh => write!(f, " {fresh} boards that nobody is on"),
        }?;
        match self.distance.0 {
            0 => Ok(()),
            1 => f.write_str("; on another NUMA node"),
            _ => f.write_str("; in another PCI domain"),
        }
    }
}
