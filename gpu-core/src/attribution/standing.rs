//! [`Standing`]: whether a holder was given what it uses; [`Contradiction`]: where that is at odds.

use core::fmt;

use super::line::Line;
use crate::evidence::{Evidence, EvidenceSource, Strength};
use crate::id::UnitId;
use crate::owner::Owner;
use crate::quantity::Bytes;

/// Whether a holder was given what it uses.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[cfg_attr(feature = "serde", serde(rename_all = "snake_case"))]
#[non_exhaustive]
pub enum Standing {
    /// No evidence was looked for.
    NotAsked,
    /// Nothing shows what this holder was given. So it is for what runs outside of containers and
    /// jobs: nobody gives it anything.
    Unknown,
    /// It was given the unit, or something that the unit lies in.
    Entitled {
        /// The strongest evidence.
        strength: Strength,
        /// Where that comes from.
        source: EvidenceSource,
        /// The smallest limit of device memory that any evidence sets.
        memory_limit: Option<Bytes>,
    },
    /// It was given other units, and not this one.
    NotEntitled,
}

impl fmt::Display for Standing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotAsked => f.pad("not asked"),
            Self::Unknown => f.pad("unknown"),
            Self::Entitled { strength, .. } => strength.fmt(f),
            Self::NotEntitled => f.pad("not entitled"),
        }
    }
}

/// What is at odds between what somebody was given and what is seen.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[cfg_attr(feature = "serde", serde(rename_all = "snake_case"))]
#[non_exhaustive]
pub enum ContradictionKind {
    /// It uses the unit, and was given others only.
    UsedNotEntitled,
    /// It was given the unit, and no process of it is there.
    EntitledNotUsed,
    /// It reaches the unit, and others only were declared for it: the declaration keeps it from
    /// nothing.
    DeclaredNotEnforced,
    /// The unit was declared for it, and the kernel does not let it there.
    DeclaredNotReachable,
}

impl ContradictionKind {
    /// In words, as a clause about the owner.
    #[must_use]
    pub const fn words(self) -> &'static str {
        match self {
            Self::UsedNotEntitled => "uses it and was not given it",
            Self::EntitledNotUsed => "was given it and does not use it",
            Self::DeclaredNotEnforced => "reaches it, though only others were declared",
            Self::DeclaredNotReachable => "was declared it and does not reach it",
        }
    }
}

/// One such thing.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[non_exhaustive]
pub struct Contradiction {
    /// Whose.
    pub owner: Owner,
    /// On which unit.
    pub unit: UnitId,
    /// What.
    pub kind: ContradictionKind,
}

impl fmt::Display for Contradiction {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {} on {}", self.owner, self.kind.words(), self.unit)
    }
}

/// What a piece of evidence gives: of a share, all that is shared, since any of it may be used.
fn given(evidence: &Evidence) -> UnitId {
    match evidence.unit {
        UnitId::Share(share) => share.whole(),
        unit => unit,
    }
}

pub(super) fn standing(owner: Option<&Owner>, unit: UnitId, evidence: Option<&[Evidence]>) -> Standing {
    let Some(evidence) = evidence else { return Standing::NotAsked };
    let mut about = evidence.iter().filter(|of| Some(&of.owner) == owner).peekable();
    if about.peek().is_none() {
        return Standing::Unknown;
    }
    let covers: Vec<&Evidence> = about.filter(|of| unit.lies_in(given(of))).collect();
    match covers.iter().max_by_key(|of| (of.strength, core::cmp::Reverse(of.source))) {
        None => Standing::NotEntitled,
        Some(best) => Standing::Entitled {
            strength: best.strength,
            source: best.source,
            memory_limit: covers.iter().filter_map(|of| of.memory_limit).min(),
        },
    }
}

/// Everything that is at odds, ordered by owner and unit.
pub(super) fn contradictions(lines: &[Line], evidence: &[Evidence]) -> Vec<Contradiction> {
    let mut found = Vec::new();
    let mut add = |owner: &Owner, unit, kind| found.push(Contradiction { owner: owner.clone(), unit, kind });
    for line in lines.iter().filter(|line| line.standing == Standing::NotEntitled) {
        if let Some(owner) = line.holder.owner() {
            add(owner, line.unit, ContradictionKind::UsedNotEntitled);
        }
    }
    for of in evidence {
        let is_used =
            lines.iter().any(|line| line.holder.owner() == Some(&of.owner) && line.unit.lies_in(given(of)));
        if !is_used {
            add(&of.owner, of.unit, ContradictionKind::EntitledNotUsed);
        }
        // Limits of memory say nothing of what else is reached.
        let others = |strength| {
            let of_owner = evidence.iter().filter(move |other| other.owner == of.owner);
            of_owner.filter(move |other| {
                other.strength == strength && other.source != EvidenceSource::MemoryLimit
            })
        };
        let (opposite, kind) = match of.strength {
            Strength::Enforced if of.source == EvidenceSource::MemoryLimit => continue,
            Strength::Enforced => (Strength::Declared, ContradictionKind::DeclaredNotEnforced),
            Strength::Declared => (Strength::Enforced, ContradictionKind::DeclaredNotReachable),
        };
        let mut opposite = others(opposite).peekable();
        // A device's files are needed for its instances too: to reach it is to reach those.
        let overlap = |other: &Evidence| given(of).lies_in(given(other)) || given(other).lies_in(given(of));
        if opposite.peek().is_some() && !opposite.any(overlap) {
            add(&of.owner, of.unit, kind);
        }
    }
    found.sort_unstable();
    found.dedup();
    found
}
