//! [`Refusal`]: why an entry does not happen.

use core::fmt;
use std::error::Error as StdError;

use crate::exclusion::Exclusion;
use crate::fingerprint::Incarnation;
use crate::id::UnitId;

use super::entry_id::{EntryId, HoldingId};
use super::expiry::Expiry;
use super::holding::HoldingState;
use super::node_name::NodeName;
use super::position::Position;

/// Why an entry does not happen. A refusal changes nothing, and is not remembered: the same entry
/// given again is judged anew.
///
/// Cheap to move; what there is to say is in its [`Reason`].
#[derive(Clone, PartialEq, Eq)]
pub struct Refusal(Box<Reason>);

/// What there is to say about a refusal.
#[derive(Clone, PartialEq, Eq, Debug)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[cfg_attr(feature = "serde", serde(rename_all = "snake_case"))]
#[non_exhaustive]
pub enum Reason {
    /// It is for the ledger of another node.
    OtherNode {
        /// Whose ledger the entry is for.
        entry: Box<NodeName>,
        /// Whose this is.
        ledger: Box<NodeName>,
    },
    /// Its id was used for something else.
    IdReused {
        /// The id.
        id: EntryId,
        /// Where the other entry stands.
        position: Position,
    },
    /// It is older than the ledger's memory of ids: whether it happened is not known here. The
    /// journal knows, and so does the holding while it lives.
    Outdated {
        /// How far the ledger had come when its id was chosen.
        seen: Position,
        /// How far it has come.
        position: Position,
    },
    /// Its caller has seen more than this ledger has: entries are missing here, and nothing is
    /// granted.
    Ahead {
        /// How far the ledger had come for the caller.
        seen: Position,
        /// How far this one has.
        position: Position,
    },
    /// The unit is not on this node now.
    UnknownUnit {
        /// The unit.
        unit: UnitId,
    },
    /// The unit is there in another life than the one that was asked for.
    OtherLife {
        /// The unit.
        unit: UnitId,
        /// The life that was asked for.
        asked: Incarnation,
        /// The life that is there.
        here: Incarnation,
    },
    /// The unit cannot be held as it is.
    NotOffered {
        /// The unit.
        unit: UnitId,
        /// Why.
        why: &'static str,
    },
    /// The unit was withdrawn, or lies in something that was.
    Withdrawn {
        /// The unit.
        unit: UnitId,
    },
    /// The unit has less than is asked for.
    TooSmall {
        /// The unit.
        unit: UnitId,
        /// Of what: `memory` in bytes, or `compute units`.
        what: &'static str,
        /// What is asked for.
        asked: u64,
        /// What there is; `None` where it has none of its own.
        has: Option<u64>,
    },
    /// Others hold what is asked for, or what excludes it.
    Taken {
        /// Who, ascending by holding: all of them would have to be released.
        by: Vec<Conflict>,
    },
    /// Two units of the entry exclude each other.
    Contradiction {
        /// One.
        one: UnitId,
        /// The other.
        other: UnitId,
        /// Why.
        exclusion: Exclusion,
    },
    /// There is no such holding.
    NotHeld {
        /// The holding.
        holding: HoldingId,
        /// How it ended, where that is remembered.
        ended: Option<Ended>,
    },
    /// The holding has a holder already.
    AlreadyHeld {
        /// The holding.
        holding: HoldingId,
    },
    /// What was reserved is gone.
    Gone {
        /// The holding.
        holding: HoldingId,
    },
    /// The holding expires otherwise than the entry says.
    OtherExpiry {
        /// The holding.
        holding: HoldingId,
        /// Its expiry.
        expiry: Expiry,
    },
    /// The entry is not one: what is wrong with it.
    Invalid {
        /// What.
        what: &'static str,
    },
}

/// A holding that is in the way.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
pub struct Conflict {
    /// The holding.
    pub holding: HoldingId,
    /// Which of its units.
    pub held: UnitId,
    /// What was asked for.
    pub asked: UnitId,
    /// Why both cannot be.
    pub exclusion: Exclusion,
    /// How the holding stands.
    pub state: HoldingState,
}

/// How a holding ended.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[cfg_attr(feature = "serde", serde(rename_all = "snake_case"))]
pub enum Ended {
    /// It was released.
    Released,
    /// It expired.
    Expired,
}

/// Whether it is worth to ask again.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[cfg_attr(feature = "serde", serde(rename_all = "snake_case"))]
#[non_exhaustive]
pub enum Outlook {
    /// Not now: it may be possible when something is freed, restored or back.
    NotNow,
    /// Never: whatever is freed, this entry is not possible on what the node has.
    Never,
    /// Not like this: the entry rests on something that is not so. Look, and ask anew.
    AskAnew,
}

impl Refusal {
    /// What there is to say about it.
    #[must_use]
    pub fn reason(&self) -> &Reason {
        &self.0
    }

    /// Whether it is worth to ask again.
    #[must_use]
    pub fn outlook(&self) -> Outlook {
        match *self.0 {
            Reason::UnknownUnit { .. } | Reason::Withdrawn { .. } | Reason::Taken { .. } => Outlook::NotNow,
            Reason::TooSmall { .. } | Reason::Contradiction { .. } | Reason::Invalid { .. } => Outlook::Never,
            Reason::OtherNode { .. }
            | Reason::IdReused { .. }
            | Reason::Outdated { .. }
            | Reason::Ahead { .. }
            | Reason::OtherLife { .. }
            | Reason::NotOffered { .. }
            | Reason::NotHeld { .. }
            | Reason::AlreadyHeld { .. }
            | Reason::Gone { .. }
            | Reason::OtherExpiry { .. } => Outlook::AskAnew,
        }
    }

    /// The holdings that would have to end for the entry to be possible, ascending, each once.
    /// None where that would not help.
    #[must_use]
    pub fn to_free(&self) -> Vec<HoldingId> {
        let Reason::Taken { by } = &*self.0 else { return Vec::new() };
        let mut holdings: Vec<HoldingId> = by.iter().map(|conflict| conflict.holding).collect();
        holdings.dedup();
        holdings
    }

    /// A short constant name of the kind, for JSON and logs.
    #[must_use]
    pub fn kind(&self) -> &'static str {
        match *self.0 {
            Reason::OtherNode { .. } => "other_node",
            Reason::IdReused { .. } => "id_reused",
            Reason::Outdated { .. } => "outdated",
            Reason::Ahead { .. } => "ahead",
            Reason::UnknownUnit { .. } => "unknown_unit",
            Reason::OtherLife { .. } => "other_life",
            Reason::NotOffered { .. } => "not_offered",
            Reason::Withdrawn { .. } => "withdrawn",
            Reason::TooSmall { .. } => "too_small",
            Reason::Taken { .. } => "taken",
            Reason::Contradiction { .. } => "contradiction",
            Reason::NotHeld { .. } => "not_held",
            Reason::AlreadyHeld { .. } => "already_held",
            Reason::Gone { .. } => "gone",
            Reason::OtherExpiry { .. } => "other_expiry",
            Reason::Invalid { .. } => "invalid",
        }
    }
}

impl From<Reason> for Refusal {
    fn from(reason: Reason) -> Self {
        Self(Box::new(reason))
    }
}

impl fmt::Debug for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&self.0, f)
    }
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.0, f)
    }
}

impl StdError for Refusal {}

#[cfg(feature = "serde")]
impl serde::Serialize for Refusal {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.0.serialize(serializer)
    }
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::OtherNode { entry, ledger } => {
                write!(f, "the entry is for node {entry}, and this is the ledger of {ledger}")
            }
            Self::IdReused { id, position } => {
                write!(f, "entry id {id} stands for something else since position {position}")
            }
            Self::Outdated { seen, position } => write!(
                f,
                "made at position {seen}, and the ledger is at {position}: too old to tell whether it happened"
            ),
            Self::Ahead { seen, position } => write!(
                f,
                "made at position {seen}, and this ledger is at {position}: entries are missing here"
            ),
            Self::UnknownUnit { unit } => write!(f, "{unit} is not on this node now"),
            Self::OtherLife { unit, asked, here } => {
                write!(f, "{unit} has become another since (it is {here}, not {asked})")
            }
            Self::NotOffered { unit, why } => write!(f, "{unit} cannot be held: {why}"),
            Self::Withdrawn { unit } => write!(f, "{unit} is withdrawn"),
            Self::TooSmall { unit, what, asked, has: Some(has) } => {
                write!(f, "{unit} has {has} of {what}, and {asked} is asked for")
            }
            Self::TooSmall { unit, what, asked, has: None } => {
                write!(f, "{unit} has no {what} of its own, and {asked} is asked for")
            }
            Self::Taken { by } => taken(f, by),
            Self::Contradiction { one, other, exclusion } => {
                write!(f, "{one} and {other} cannot both be held: {exclusion}")
            }
            Self::NotHeld { holding, ended: None } => write!(f, "there is no holding {holding}"),
            Self::NotHeld { holding, ended: Some(Ended::Released) } => {
                write!(f, "holding {holding} was released")
            }
            Self::NotHeld { holding, ended: Some(Ended::Expired) } => write!(f, "holding {holding} expired"),
            Self::AlreadyHeld { holding } => write!(f, "holding {holding} has a holder already"),
            Self::Gone { holding } => write!(f, "what was reserved as {holding} is gone"),
            Self::OtherExpiry { holding, expiry } => write!(f, "holding {holding} expires {expiry}"),
            Self::Invalid { what } => f.write_str(what),
        }
    }
}

fn taken(f: &mut fmt::Formatter<'_>, by: &[Conflict]) -> fmt::Result {
    /// Most conflicts that a text repeats.
    const SHOWN: usize = 4;
    f.write_str("taken; to be freed first:")?;
    for (at, conflict) in by.iter().take(SHOWN).enumerate() {
        let Conflict { holding, held, state, .. } = conflict;
        write!(f, "{} {held} ({state} by {holding})", if at == 0 { "" } else { "," })?;
    }
    match by.len().saturating_sub(SHOWN) {
        0 => Ok(()),
        more => write!(f, ", and {more} more"),
    }
}
