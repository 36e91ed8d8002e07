//! [`Holding`]: an entitlement to units, as the ledger has it.

use core::fmt;

use crate::fingerprint::{Fingerprint, Incarnation};
use crate::id::UnitId;
use crate::owner::Owner;
use crate::quantity::{Bytes, Count};
use crate::sharing::Entitlement;
use crate::time::WallTime;

use super::entry_id::HoldingId;
use super::expiry::Expiry;
use super::held::{Held, Spot};
use super::position::Position;
use super::table::Table;

/// How a holding stands.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(rename_all = "snake_case"))]
#[non_exhaustive]
pub enum HoldingState {
    /// Set aside, and nobody has come for it yet.
    Reserved,
    /// A holder has it.
    Held,
    /// Its holder has it, and shall give it back: something of it was withdrawn, is not shared like
    /// this any more, or has less than was asked for. Nobody else gets it meanwhile.
    Draining,
    /// Something of it is gone: its device fell off, or its partition was unmade. It stays in the
    /// ledger until it is released.
    Lost,
}

impl fmt::Display for HoldingState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Reserved => "reserved",
            Self::Held => "held",
            Self::Draining => "draining",
            Self::Lost => "lost",
        })
    }
}

/// What a holding entitles to, of one unit. Requests are limits: what is guaranteed is the
/// ceiling.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[cfg_attr(feature = "serde", serde(rename_all = "snake_case"))]
#[non_exhaustive]
pub enum Right {
    /// A device or partition as a whole: to all that it has of its own, and to no more.
    Whole {
        /// Its memory, where it has some of its own.
        memory: Option<Bytes>,
        /// Its compute units, where it has some of its own.
        compute: Option<Count>,
    },
    /// A share: to no memory and no time that could be counted on, however many are held.
    Share(Entitlement),
    /// To nothing any more: the unit is gone.
    Gone,
}

/// One unit of a holding.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[non_exhaustive]
pub struct HeldUnit {
    /// The unit.
    pub unit: UnitId,
    /// Which life of it.
    pub incarnation: Incarnation,
    /// What the holder is entitled to.
    pub right: Right,
    /// How this one unit stands.
    pub state: HoldingState,
}

/// An entitlement to units, as the ledger has it.
#[derive(Clone, Copy)]
pub struct Holding<'a> {
    pub(super) held: &'a Held,
    pub(super) table: &'a Table,
}

impl<'a> Holding<'a> {
    /// What names it.
    #[must_use]
    pub const fn id(&self) -> HoldingId {
        self.held.id
    }

    /// How it stands: as the worst of its units does.
    #[must_use]
    pub fn state(&self) -> HoldingState {
        self.held.state()
    }

    /// Its units, in the order in which they were asked for.
    pub fn units(&self) -> impl Iterator<Item = HeldUnit> + 'a {
        let Self { held, table } = *self;
        let phase = held.phase();
        held.claims.as_slice().iter().map(move |claim| {
            let (unit, incarnation) = table.life(&claim.spot);
            let right = match &claim.spot {
                Spot::Here { row, seat, share } => table.right(*row, *seat, share.is_some()),
                Spot::Gone(_) => Right::Gone,
            };
            HeldUnit { unit, incarnation, right, state: claim.state(phase) }
        })
    }

    /// Who holds it, once somebody does.
    #[must_use]
    pub fn holder(&self) -> Option<Owner> {
        self.held.commit.as_ref()?.holder.get()
    }

    /// What ends it without its holder.
    #[must_use]
    pub const fn expiry(&self) -> Expiry {
        self.held.expiry
    }

    /// The caller's own words on it.
    #[must_use]
    pub fn label(&self) -> Option<&'a str> {
        self.held.words.as_ref()?.label.as_ref().map(super::label::Label::as_str)
    }

    /// A digest of the request that it was chosen for.
    #[must_use]
    pub fn asked(&self) -> Option<Fingerprint> {
        self.held.words.as_ref()?.asked
    }

    /// Where the entry stands that reserved it.
    #[must_use]
    pub const fn reserved_at(&self) -> Position {
        self.held.position
    }

    /// The time of day of the entry that reserved it, where it has one.
    #[must_use]
    pub fn reserved_since(&self) -> Option<WallTime> {
        self.held.at.get()
    }

    /// Where the entry stands that gave it its holder.
    #[must_use]
    pub fn committed_at(&self) -> Option<Position> {
        self.held.commit.as_ref().map(|commit| commit.position)
    }

    /// The time of day of the entry that gave it its holder, where it has one.
    #[must_use]
    pub fn held_since(&self) -> Option<WallTime> {
        self.held.commit.as_ref().and_then(|commit| commit.at.get())
    }
}

impl fmt::Debug for Holding<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let units: Vec<_> = self.units().map(|held| held.unit).collect();
        let mut out = f.debug_struct("Holding");
        out.field("id", &self.id()).field("state", &self.state()).field("units", &units);
        out.field("holder", &self.holder()).field("expiry", &self.expiry()).finish_non_exhaustive()
    }
}
