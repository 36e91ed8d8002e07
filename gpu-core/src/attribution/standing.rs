//! [`Standing`]: whether a holder was given what it uses; [`Contradiction`]: where that is at odds.

use core::fmt;

use super::line::Line;
use crate::evidence::{Evidence, EvidenceSource, Strength};
use crate::evidence_list::EvidenceList;
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
    /// Nothing shows that it was given the unit, and the kernel keeps it from none (a privileged
    /// container).
    Unrestricted,
    /// It was given other units, and not this one.
    NotEntitled,
}

impl fmt::Display for Standing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotAsked => f.pad("not asked"),
            Self::Unknown => f.pad("unknown"),
            Self::Entitled { strength, .. } => strength.fmt(f),
            Self::Unrestricted => f.pad("unrestricted"),
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
    /// The unit was declared for it, and the kernel keeps it from no other either.
    DeclaredUnrestricted,
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
            Self::DeclaredUnrestricted => "was declared it and nothing keeps it from others",
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

/// Evidence by owner: a thousand containers have some tens of thousand pieces.
pub(super) struct Given<'a> {
    evidence: Vec<&'a Evidence>,
    unrestricted: Vec<&'a Owner>,
}

impl<'a> Given<'a> {
    pub(super) fn new(list: &'a EvidenceList) -> Self {
        let mut evidence: Vec<&Evidence> = list.evidence.iter().collect();
        evidence.sort_by(|one, other| one.owner.cmp(&other.owner));
        let mut unrestricted: Vec<&Owner> = list.unrestricted.iter().collect();
        unrestricted.sort_unstable();
        Self { evidence, unrestricted }
    }

    /// What there is about an owner.
    fn of(&self, owner: &Owner) -> &[&'a Evidence] {
        let from = self.evidence.partition_point(|of| of.owner < *owner);
        let count = self.evidence[from..].partition_point(|of| of.owner == *owner);
        &self.evidence[from..from + count]
    }

    fn is_unrestricted(&self, owner: &Owner) -> bool {
        self.unrestricted.binary_search(&owner).is_ok()
    }
}

pub(super) fn standing(owner: Option<&Owner>, unit: UnitId, all: Option<&Given<'_>>) -> Standing {
    let Some(all) = all else { return Standing::NotAsked };
    let Some(owner) = owner else { return Standing::Unknown };
    let about = all.of(owner);
    let covers = about.iter().filter(|of| unit.lies_in(given(of)));
    match covers.clone().max_by_key(|of| (of.strength, core::cmp::Reverse(of.source))) {
        Some(best) => Standing::Entitled {
            strength: best.strength,
            source: best.source,
            memory_limit: covers.filter_map(|of| of.memory_limit).min(),
        },
        None if all.is_unrestricted(owner) => Standing::Unrestricted,
        None if !about.is_empty() => Standing::NotEntitled,
        None => Standing::Unknown,
    }
}

/// Everything that is at odds, ordered by owner and unit.
pub(super) fn contradictions(lines: &[Line], all: &Given<'_>) -> Vec<Contradiction> {
    let mut found = Vec::new();
    let mut add = |owner: &Owner, unit, kind| found.push(Contradiction { owner: owner.clone(), unit, kind });
    let mut used: Vec<(&Owner, UnitId)> = Vec::new();
    for line in lines {
        let Some(owner) = line.holder.owner() else { continue };
        used.push((owner, line.unit));
        if line.standing == Standing::NotEntitled {
            add(owner, line.unit, ContradictionKind::UsedNotEntitled);
        }
    }
    used.sort_unstable();
    for about in all.evidence.chunk_by(|one, other| one.owner == other.owner) {
        let owner = &about[0].owner;
        let from = used.partition_point(|(of, _)| *of < owner);
        let theirs = &used[from..];
        for of in about {
            let mut theirs = theirs.iter().take_while(|(other, _)| *other == owner);
            if !theirs.any(|(_, unit)| unit.lies_in(given(of))) {
                add(owner, of.unit, ContradictionKind::EntitledNotUsed);
            }
            if let Some(kind) = disagreement(of, about, all.is_unrestricted(owner)) {
                add(owner, of.unit, kind);
            }
        }
    }
    found.sort_unstable();
    found.dedup();
    found
}

/// How what was declared for an owner and what the kernel lets it at disagree on what `of` gives.
fn disagreement(of: &Evidence, about: &[&Evidence], is_unrestricted: bool) -> Option<ContradictionKind> {
    // A limit of memory says nothing of what else is reached.
    let is_place = |evidence: &&&Evidence| evidence.source != EvidenceSource::MemoryLimit;
    if of.source == EvidenceSource::MemoryLimit {
        return None;
    }
    let is_declared = of.strength == Strength::Declared;
    if is_declared && is_unrestricted {
        return Some(ContradictionKind::DeclaredUnrestricted);
    }
    let mut opposite = about.iter().filter(is_place).filter(|other| other.strength != of.strength).peekable();
    opposite.peek()?;
    // Where one lies in the other they agree: a device's files are needed for its instances too.
    let agrees = |other: &&Evidence| given(of).lies_in(given(other)) || given(other).lies_in(given(of));
    match (opposite.any(agrees), is_declared) {
        (true, _) => None,
        (false, true) => Some(ContradictionKind::DeclaredNotReachable),
        (false, false) => Some(ContradictionKind::DeclaredNotEnforced),
    }
}
