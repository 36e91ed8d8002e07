//! [`Entry`]: one thing that is to happen to a ledger.

use crate::fingerprint::{Fingerprint, Incarnation};
use crate::id::UnitId;
use crate::owner::Owner;
use crate::quantity::{Bytes, Count};
use crate::time::WallTime;

use super::board::Board;
use super::entry_id::{EntryId, HoldingId};
use super::expiry::Expiry;
use super::key::Key;
use super::label::Label;
use super::node_name::NodeName;
use super::position::Position;

/// One thing that is to happen to the ledger of a node: plain data, and all that decides.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Entry {
    /// Names it: the caller's choice.
    pub id: EntryId,
    /// The node whose ledger it is for.
    pub node: NodeName,
    /// How far the ledger had come when the id was chosen. An entry that is older than a ledger's
    /// memory of ids is refused rather than taken for new: see
    /// [`Ledger`](super::Ledger#what-is-remembered).
    pub seen: Position,
    /// The time of day at which the caller made it, for people and reports; it never decides
    /// anything, and may lie before that of the entry before.
    pub at: Option<WallTime>,
    /// What is to happen.
    pub body: Body,
}

impl Entry {
    /// An entry of this key's own id.
    #[must_use]
    pub const fn new(node: NodeName, key: Key, body: Body) -> Self {
        Self { id: key.id, node, seen: key.seen, at: key.at, body }
    }
}

/// What is to happen.
#[derive(Clone, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub enum Body {
    /// Units are set aside for a holding, all of them or none.
    Reserve(Reserve),
    /// The holder of a reservation is there: from now on it is held.
    Commit(Commit),
    /// A holding ends because nobody wants it any more.
    Release(HoldingId),
    /// A holding ends because its expiry has come.
    Expire(Expire),
    /// A holding expires otherwise from now on.
    Renew(Renew),
    /// What the node was seen to have, all of it: a fact, which is never refused for what it does
    /// to holdings. Ascending by device.
    Inventory(Vec<Board>),
    /// One board is cut otherwise, by agreement: refused where it takes anything from anybody.
    Repartition(Box<Board>),
    /// Units are not to be had any more, whoever sees them. Those who hold them keep them, and
    /// drain. Ascending; devices and partitions.
    Withdraw(Vec<UnitId>),
    /// Units that were withdrawn are to be had again. Ascending; devices and partitions.
    Restore(Vec<UnitId>),
}

impl Body {
    /// A short constant name of the kind, for JSON and logs.
    #[must_use]
    pub const fn kind(&self) -> &'static str {
        match self {
            Self::Reserve(_) => "reserve",
            Self::Commit(_) => "commit",
            Self::Release(_) => "release",
            Self::Expire(_) => "expire",
            Self::Renew(_) => "renew",
            Self::Inventory(_) => "inventory",
            Self::Repartition(_) => "repartition",
            Self::Withdraw(_) => "withdraw",
            Self::Restore(_) => "restore",
        }
    }

    /// The holding that it is about, where it is about one that exists.
    #[must_use]
    pub const fn holding(&self) -> Option<HoldingId> {
        match self {
            Self::Commit(Commit { holding, .. })
            | Self::Release(holding)
            | Self::Expire(Expire { holding, .. })
            | Self::Renew(Renew { holding, .. }) => Some(*holding),
            _ => None,
        }
    }
}

/// Units set aside for a holding.
#[derive(Clone, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub struct Reserve {
    /// The units, ascending.
    pub claims: Vec<Claim>,
    /// What ends the reservation without its holder.
    pub expiry: Expiry,
    /// The caller's own words.
    pub label: Option<Label>,
    /// A digest of the request that the units were chosen for.
    pub asked: Option<Fingerprint>,
}

impl Reserve {
    /// These units, in any order, for ever, without words.
    #[must_use]
    pub fn new(claims: impl IntoIterator<Item = Claim>) -> Self {
        let mut claims: Vec<Claim> = claims.into_iter().collect();
        claims.sort_unstable_by_key(|claim| claim.unit);
        Self { claims, expiry: Expiry::Never, label: None, asked: None }
    }

    /// The same until then.
    #[must_use]
    pub fn until(self, expiry: Expiry) -> Self {
        Self { expiry, ..self }
    }

    /// The same with the caller's own words.
    #[must_use]
    pub fn labelled(self, label: Label) -> Self {
        Self { label: Some(label), ..self }
    }
}

/// One unit that is asked for, and what it has to have.
///
/// A unit is held as a whole: what it has is guaranteed, and is the ceiling. What is asked is the
/// least that will do: a unit that has less is refused, and a holding whose unit comes to have less
/// drains.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
pub struct Claim {
    /// The unit.
    pub unit: UnitId,
    /// Which life of it: for a share, of what it is a share of.
    pub incarnation: Incarnation,
    /// The least memory of its own that it has to have; zero where that does not matter. Shares
    /// have none of their own.
    pub memory: Bytes,
    /// The fewest compute units of its own that it has to have; zero where that does not matter.
    pub compute: Count,
}

impl Claim {
    /// The unit in this life, whatever it has.
    #[must_use]
    pub fn new(unit: impl Into<UnitId>, incarnation: Incarnation) -> Self {
        Self { unit: unit.into(), incarnation, memory: Bytes::ZERO, compute: Count::ZERO }
    }

    /// The same, if it has so much memory of its own.
    #[must_use]
    pub const fn memory(self, least: Bytes) -> Self {
        Self { memory: least, ..self }
    }

    /// The same, if it has so many compute units of its own.
    #[must_use]
    pub const fn compute(self, least: Count) -> Self {
        Self { compute: least, ..self }
    }
}

/// The holder of a reservation.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Commit {
    /// Which reservation.
    pub holding: HoldingId,
    /// Who holds it: a container, job, service or session.
    pub holder: Owner,
    /// What ends it without its holder from now on.
    pub expiry: Expiry,
}

/// A holding whose expiry has come.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct Expire {
    /// Which holding.
    pub holding: HoldingId,
    /// The expiry that has come: refused where the holding has been given another meanwhile.
    pub expiry: Expiry,
}

/// A holding that is given another expiry.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct Renew {
    /// Which holding.
    pub holding: HoldingId,
    /// What ends it from now on.
    pub expiry: Expiry,
}
