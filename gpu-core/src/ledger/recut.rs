//! [`Recut`]: other boards under the same holdings.

use std::collections::BTreeMap;

use crate::exclusion::Exclusion;
use crate::fingerprint::Incarnation;
use crate::id::UnitId;

use super::Ledger;
use super::board::Board;
use super::held::Spot;
use super::holding::HoldingState;
use super::judge::Effect;
use super::receipt::Moved;
use super::refusal::{Conflict, Reason, Refusal};
use super::shape;
use super::table::{ClaimOn, Table};

/// A table that takes the place of another.
pub(super) struct Recut {
    pub table: Table,
}

impl Ledger {
    /// What was seen is so, whatever it does to holdings.
    pub(super) fn inventory(&self, boards: &[Board]) -> Effect {
        recut(Table::new(boards, self.table.withdrawn.clone()))
    }

    /// One board is cut otherwise, unless that takes anything from anybody.
    pub(super) fn repartition(&self, board: &Board) -> Result<Effect, Refusal> {
        let unit = UnitId::Device(board.device);
        let row = self.table.row(board.device).ok_or(Reason::UnknownUnit { unit })?;
        let mut boards: Vec<Board> = self.table.boards().collect();
        let before = std::mem::replace(&mut boards[row as usize], board.clone());
        shape::names_of(&boards)?;
        let mut by = Vec::new();
        for changed in changed(&before, board) {
            self.conflicts(changed, &mut by);
        }
        if before.whole != board.whole {
            let mut around = Vec::new();
            self.conflicts(unit, &mut around);
            // What lies in the device has its own line above.
            by.extend(around.into_iter().filter(|conflict| is_of(conflict, unit)));
        }
        if by.is_empty() {
            return Ok(recut(Table::new(&boards, self.table.withdrawn.clone())));
        }
        by.sort_unstable();
        Err(Reason::Taken { by }.into())
    }

    pub(super) fn withdraw(&self, units: &[UnitId]) -> Result<Effect, Refusal> {
        let mut withdrawn = self.table.withdrawn.clone();
        for unit in units {
            withdrawn.insert(*unit, self.here(*unit)?);
        }
        if withdrawn.len() > Self::MOST_WITHDRAWN {
            return Err(Reason::Invalid { what: "more is withdrawn than a ledger remembers" }.into());
        }
        Ok(self.with_withdrawn(withdrawn))
    }

    pub(super) fn restore(&self, units: &[UnitId]) -> Result<Effect, Refusal> {
        let mut withdrawn = self.table.withdrawn.clone();
        for unit in units {
            if withdrawn.remove(unit).is_none() {
                let is_here = self.here(*unit);
                let not_withdrawn = || Reason::Invalid { what: "it is not withdrawn" }.into();
                return Err(is_here.err().unwrap_or_else(not_withdrawn));
            }
        }
        Ok(self.with_withdrawn(withdrawn))
    }

    fn with_withdrawn(&self, withdrawn: BTreeMap<UnitId, Incarnation>) -> Effect {
        let mut table = self.table.clone();
        table.withdrawn = withdrawn;
        table.clear();
        table.mark_withdrawn();
        recut(table)
    }

    /// The life of a unit that is here.
    pub(super) fn here(&self, unit: UnitId) -> Result<Incarnation, Refusal> {
        let unknown = || Refusal::from(Reason::UnknownUnit { unit });
        let Some(row) = self.table.row(unit.device()) else { return Err(unknown()) };
        let seat = self.table.seat_of(&self.table.rows[row as usize], unit);
        let seat = seat.and_then(|seat| self.table.seat(row, seat));
        seat.map(|seat| seat.incarnation).ok_or_else(unknown)
    }

    /// Puts the other table in place, and every holding on it.
    pub(super) fn settle_recut(&mut self, recut: Recut) {
        let before = std::mem::replace(&mut self.table, recut.table);
        let numbers: Vec<u32> = self.holdings.numbers().collect();
        let states: Vec<Option<HoldingState>> =
            numbers.iter().map(|number| self.holdings.at(*number).map(super::held::Held::state)).collect();
        // First those that had something: what comes back must not push them aside.
        for returning in [false, true] {
            for number in &numbers {
                self.relink(*number, returning, &before);
            }
        }
        for (number, from) in numbers.iter().zip(states) {
            let Some((held, from)) = self.holdings.at(*number).zip(from) else { continue };
            let to = held.state();
            if from != to {
                self.moved.push(Moved { holding: held.id, from, to });
            }
        }
    }

    fn relink(&mut self, number: u32, returning: bool, before: &Table) {
        let count = self.holdings.at(number).map_or(0, |held| held.claims.as_slice().len());
        for at in 0..count {
            self.relink_claim(
                ClaimOn { holding: number, at: u32::try_from(at).unwrap_or(0) },
                returning,
                before,
            );
        }
    }

    fn relink_claim(&mut self, on: ClaimOn, returning: bool, before: &Table) {
        let claims = self.holdings.at(on.holding).map(|held| held.claims.as_slice());
        let Some(mut claim) = claims.and_then(|claims| claims.get(on.at as usize)).cloned() else { return };
        let was_gone = matches!(claim.spot, Spot::Gone(_));
        // In the second round what was put aside in the first is looked at again, to no effect.
        if was_gone != returning {
            return;
        }
        let (unit, incarnation) = before.life(&claim.spot);
        let mut in_the_way = Vec::new();
        if was_gone {
            self.conflicts(unit, &mut in_the_way);
        }
        claim.spot = match self.table.find(unit, incarnation) {
            Ok(spot) if in_the_way.is_empty() => spot,
            _ => Spot::Gone(Box::new((unit, incarnation))),
        };
        claim.is_draining = self.strain(&claim).is_some();
        self.table.enter(on, &claim.spot);
        if let Some(held) = self.holdings.at_mut(on.holding) {
            held.claims.as_mut_slice()[on.at as usize] = claim;
        }
    }
}

fn recut(table: Table) -> Effect {
    Effect::Recut(Box::new(Recut { table }))
}

/// Parts that one of the two boards has and the other has not, or has otherwise.
fn changed(before: &Board, after: &Board) -> Vec<UnitId> {
    let only = |of: &Board, other: &Board| -> Vec<UnitId> {
        of.parts.iter().filter(|part| !other.parts.contains(part)).map(|part| part.unit).collect()
    };
    let mut changed = only(before, after);
    changed.extend(only(after, before));
    changed.sort_unstable();
    changed.dedup();
    changed
}

/// True where the unit itself is held, or shares of it.
fn is_of(conflict: &Conflict, unit: UnitId) -> bool {
    let whole = match conflict.held {
        UnitId::Share(share) => share.whole(),
        whole => whole,
    };
    whole == unit && conflict.exclusion != Exclusion::CutOtherwise
}
