//! [`Report`]: what ledger and machine show of each other.

use core::fmt;

use crate::id::UnitId;
use crate::ledger::{
    Body, Claim, Commit, Entry, EntryId, Expire, Expiry, HeldUnit, Holding, HoldingId, HoldingState, Ledger,
    Reserve,
};
use crate::owner::Owner;
use crate::time::WallTime;
use crate::unfit::Unfit;

use super::seen::{How, Look, Presence, Seen, covers, same};

/// What ledger and machine show of each other: a line for each unit that is held, ascending by
/// holding, and then one for each that is given or used without being held.
#[derive(Clone, PartialEq, Eq, Debug)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
pub struct Report {
    /// The lines.
    pub lines: Vec<Line>,
}

/// What is found of one unit and one owner.
#[derive(Clone, PartialEq, Eq, Debug)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[non_exhaustive]
pub struct Line {
    /// The holding; `None` for what is not held.
    pub holding: Option<HoldingId>,
    /// The unit that is held, or that was seen.
    pub unit: UnitId,
    /// Who holds it, or was seen; `None` for a reservation.
    pub owner: Option<Owner>,
    /// What is found.
    pub finding: Finding,
    /// Why nothing shall be placed on the unit, where something was said so: [`Report::with_unfit`].
    pub unfit: Option<Box<str>>,
}

/// What is found.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[cfg_attr(feature = "serde", serde(rename_all = "snake_case"))]
#[non_exhaustive]
pub enum Finding {
    /// Its holder uses it.
    HeldAndUsed,
    /// Its holder does not use it.
    HeldAndUnused {
        /// Since when: since it was used last, or else since it is held; `None` where neither is
        /// known.
        since: Option<WallTime>,
    },
    /// Set aside, and nobody has come for it yet.
    Reserved,
    /// Its expiry has come by the time of the look, and no entry says so yet.
    Overdue,
    /// Its holder is gone.
    HeldByTheDead,
    /// It is gone, and its holder is there and has to be told.
    LostToTheLiving,
    /// It is gone, and so is its holder, if it had one.
    Lost,
    /// It was given to somebody who does not hold it, whether used or not: something was given
    /// past the ledger.
    GivenAndNotHeld,
    /// Somebody uses it who neither holds it nor was given it.
    UsedAndNotHeld,
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::HeldAndUsed => "held and used",
            Self::HeldAndUnused { .. } => "held and unused",
            Self::Reserved => "reserved",
            Self::Overdue => "overdue",
            Self::HeldByTheDead => "held by the dead",
            Self::LostToTheLiving => "lost to the living",
            Self::Lost => "lost",
            Self::GivenAndNotHeld => "given and not held",
            Self::UsedAndNotHeld => "used and not held",
        })
    }
}

impl fmt::Display for Line {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.unit, self.finding)?;
        if let Some(owner) = &self.owner {
            write!(f, " by {owner}")?;
        }
        match &self.unfit {
            Some(why) => write!(f, " ({why})"),
            None => Ok(()),
        }
    }
}

impl Report {
    /// Holds the ledger against a look at the machine.
    #[must_use]
    pub fn of(ledger: &Ledger, look: &Look<'_>) -> Self {
        let mut lines = Vec::new();
        for holding in ledger.holdings() {
            let owner = holding.holder();
            let presence = owner.as_ref().map(look.presence);
            for held in holding.units() {
                let finding = found(look, &holding, &held, owner.as_ref(), presence);
                let (unit, owner) = (held.unit, owner.clone());
                lines.push(Line { holding: Some(holding.id()), unit, owner, finding, unfit: None });
            }
        }
        lines.extend(not_held(ledger, look));
        Self { lines }
    }

    /// The same, with the units that nothing shall be placed on: who is on them is marked with the reason, and
    /// has to be told. Nothing is repaired for that: work that runs may run on.
    #[must_use]
    pub fn with_unfit(mut self, unfit: &[Unfit]) -> Self {
        for line in &mut self.lines {
            let reaches = |of: &&Unfit| line.unit.lies_in(of.unit) || of.unit.lies_in(line.unit);
            line.unfit = unfit.iter().find(reaches).map(|of| of.why.clone());
        }
        self
    }

    /// Whether there is nothing to be repaired or told.
    #[must_use]
    pub fn is_clean(&self) -> bool {
        let is_fine = |finding| {
            matches!(finding, Finding::HeldAndUsed | Finding::HeldAndUnused { .. } | Finding::Reserved)
        };
        self.lines.iter().all(|line| is_fine(line.finding) && line.unfit.is_none())
    }

    /// The entries that would make the ledger what the machine shows, in order, each with an id of
    /// `fresh`: the dead and the lost without holder are released, what is overdue expires, and
    /// what was given past the ledger is taken in, where nobody else holds it. Nothing is done about
    /// what is lost to the living, and about use that nobody gave: that is for people.
    #[must_use]
    pub fn repairs(&self, ledger: &Ledger, mut fresh: impl FnMut() -> EntryId) -> Vec<Entry> {
        let mut entries = Vec::new();
        let mut ended: Vec<HoldingId> = Vec::new();
        // What is set free first may be taken in.
        for line in &self.lines {
            let Some(holding) = line.holding.filter(|holding| ended.last() != Some(holding)) else {
                continue;
            };
            let expiry = ledger.holding(holding).map_or(Expiry::Never, |holding| holding.expiry());
            let body = match line.finding {
                Finding::HeldByTheDead | Finding::Lost => Body::Release(holding),
                Finding::Overdue => Body::Expire(Expire { holding, expiry }),
                _ => continue,
            };
            ended.push(holding);
            entries.push(ledger.entry(ledger.key(fresh()), body));
        }
        let mut scratch = ledger.clone();
        entries.iter().for_each(|entry| drop(scratch.apply(entry)));
        for line in self.lines.iter().filter(|line| line.finding == Finding::GivenAndNotHeld) {
            let taken_in = line.owner.as_ref().and_then(|owner| {
                let claim = Claim::new(line.unit, scratch.life(line.unit)?);
                let key = ledger.key(fresh());
                let reserve = ledger.entry(key, Body::Reserve(Reserve::new([claim])));
                scratch.apply(&reserve).ok()?;
                let (holding, holder) = (key.holding(), owner.clone());
                let commit = Body::Commit(Commit { holding, holder, expiry: Expiry::Never });
                let commit = ledger.entry(ledger.key(fresh()), commit);
                scratch.apply(&commit).ok()?;
                Some([reserve, commit])
            });
            entries.extend(taken_in.into_iter().flatten());
        }
        entries
    }
}

fn found(
    look: &Look<'_>,
    holding: &Holding<'_>,
    held: &HeldUnit,
    owner: Option<&Owner>,
    presence: Option<Presence>,
) -> Finding {
    let is_due = matches!(holding.expiry(), Expiry::At(time) if time <= look.now);
    match (held.state, owner, presence) {
        (_, _, Some(Presence::Gone)) if held.state != HoldingState::Lost => Finding::HeldByTheDead,
        (HoldingState::Lost, _, Some(Presence::Here | Presence::Unknown)) => Finding::LostToTheLiving,
        // Lost in part: the rest is still set aside, and has lines of its own.
        (HoldingState::Lost, ..) => Finding::Lost,
        _ if is_due => Finding::Overdue,
        (_, Some(owner), _) => use_of(look, holding, held.unit, owner),
        (_, None, _) => Finding::Reserved,
    }
}

fn use_of(look: &Look<'_>, holding: &Holding<'_>, unit: UnitId, owner: &Owner) -> Finding {
    let of = look.seen.iter().filter(|seen| same(&seen.owner, owner) && covers(unit, seen.unit));
    let last = of.filter_map(|seen| match seen.how {
        How::Used { last } => Some(last),
        How::Given => None,
    });
    let last = last.max();
    match last {
        Some(last) if !look.is_idle(last) => Finding::HeldAndUsed,
        last => Finding::HeldAndUnused { since: last.or(holding.held_since()) },
    }
}

/// What was seen of those who hold nothing that it could be, each owner and unit once.
fn not_held(ledger: &Ledger, look: &Look<'_>) -> Vec<Line> {
    let mut held: Vec<(Owner, UnitId)> = Vec::new();
    for holding in ledger.holdings() {
        if let Some(owner) = holding.holder() {
            held.extend(holding.units().map(|unit| (owner.clone(), unit.unit)));
        }
    }
    let is_held =
        |seen: &Seen| held.iter().any(|(owner, unit)| same(owner, &seen.owner) && covers(*unit, seen.unit));
    let mut strange: Vec<&Seen> = look.seen.iter().filter(|seen| !is_held(seen)).collect();
    // Given comes before used: what was given is told as that.
    strange.sort_unstable();
    strange.dedup_by(|next, first| next.unit == first.unit && same(&next.owner, &first.owner));
    let lines = strange.into_iter().filter_map(|seen| {
        let finding = match seen.how {
            How::Given => Finding::GivenAndNotHeld,
            // Long ago is not now.
            How::Used { last } if look.is_idle(last) => return None,
            How::Used { .. } => Finding::UsedAndNotHeld,
        };
        Some(Line { holding: None, unit: seen.unit, owner: Some(seen.owner.clone()), finding, unfit: None })
    });
    lines.collect()
}
