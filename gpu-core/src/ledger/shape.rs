//! What an entry has to be whatever the ledger holds: bounds, order, and that it agrees with
//! itself.

use crate::exclusion::Exclusion;
use crate::id::UnitId;
use crate::owner::Owner;
use crate::quantity::{Bytes, Count};

use super::Ledger;
use super::board::Board;
use super::entry::{Body, Reserve};
use super::offer::Offer;
use super::refusal::{Reason, Refusal};

pub(super) fn check(body: &Body) -> Result<(), Refusal> {
    match body {
        Body::Reserve(reserve) => claims(reserve),
        Body::Commit(commit) => holder(&commit.holder),
        Body::Inventory(all) => boards(all),
        Body::Repartition(one) => board(one),
        Body::Withdraw(units) | Body::Restore(units) => places(units),
        Body::Release(_) | Body::Expire(_) | Body::Renew(_) => Ok(()),
    }
}

fn wrong(what: &'static str) -> Result<(), Refusal> {
    Err(Reason::Invalid { what }.into())
}

fn claims(reserve: &Reserve) -> Result<(), Refusal> {
    let claims = &reserve.claims;
    if claims.is_empty() {
        return wrong("a reservation of nothing");
    }
    if claims.len() > Ledger::MOST_CLAIMS {
        return wrong("more units than one holding may have");
    }
    for (at, one) in claims.iter().enumerate() {
        for other in &claims[at + 1..] {
            if let Some(exclusion) = Exclusion::between(one.unit, other.unit) {
                return Err(Reason::Contradiction { one: one.unit, other: other.unit, exclusion }.into());
            }
        }
    }
    if claims.is_sorted_by(|one, next| one.unit < next.unit) {
        Ok(())
    } else {
        wrong("units that do not ascend")
    }
}

/// Longest name of a service, as systemd has it.
const LONGEST_UNIT: usize = 255;

fn holder(holder: &Owner) -> Result<(), Refusal> {
    match holder {
        Owner::Machine | Owner::Hidden => wrong("nobody in particular cannot hold anything"),
        Owner::Unit(name) if name.as_str().is_empty() || name.as_str().len() > LONGEST_UNIT => {
            wrong("a service has a name of 1 to 255 bytes")
        }
        _ => Ok(()),
    }
}

fn boards(all: &[Board]) -> Result<(), Refusal> {
    if all.len() > Ledger::MOST_BOARDS {
        return wrong("more boards than a node may have");
    }
    if !all.is_sorted_by(|one, next| one.device < next.device) {
        return wrong("boards that do not ascend");
    }
    all.iter().try_for_each(board)?;
    names_of(all)
}

/// No more names than a table has numbers for.
pub(super) fn names_of(all: &[Board]) -> Result<(), Refusal> {
    let mut names: Vec<&str> = all.iter().flat_map(names).collect();
    names.sort_unstable();
    names.dedup();
    if names.len() > Ledger::MOST_NAMES {
        wrong("more names of models and profiles than a node may have")
    } else {
        Ok(())
    }
}

fn names(board: &Board) -> impl Iterator<Item = &str> {
    core::iter::once(&*board.model).chain(board.offers().filter_map(|offer| offer.profile.as_deref()))
}

fn board(board: &Board) -> Result<(), Refusal> {
    if board.whole.unit != UnitId::Device(board.device) {
        return wrong("a board whose device is another one's");
    }
    if board.parts.len() > Ledger::MOST_PARTS {
        return wrong("more parts than a board may have");
    }
    if !board.parts.is_sorted_by(|one, next| one.unit < next.unit) {
        return wrong("parts that do not ascend");
    }
    if names(board).any(|name| name.len() > Board::LONGEST_NAME) {
        return wrong("too long a name of a model or profile");
    }
    board.offers().try_for_each(|offer| self::offer(board, offer))?;
    let fits = |amount: &dyn Fn(&Offer) -> Option<u64>| board.fits(amount);
    if !fits(&|offer| offer.memory.map(Bytes::get)) || !fits(&|offer| offer.compute.map(Count::get)) {
        return wrong("parts that have more together than what they lie in");
    }
    Ok(())
}

fn offer(board: &Board, offer: &Offer) -> Result<(), Refusal> {
    if offer.shared.is_some_and(|shared| shared.replicas < 2) {
        return wrong("a unit is shared by two at least");
    }
    if offer.memory == Some(Bytes(u64::MAX)) || offer.compute == Some(Count(u64::MAX)) {
        return wrong("more than any unit has");
    }
    match offer.unit {
        UnitId::Share(_) => wrong("a share is declared by what it is a share of"),
        unit if unit.device() != board.device => wrong("a part of another device"),
        UnitId::Partition(id) => {
            let has = |parent| board.parts.iter().any(|part| part.unit == UnitId::Partition(parent));
            if id.parent().is_none_or(has) { Ok(()) } else { wrong("a part in something that is not there") }
        }
        // Only the board itself: parts ascend, and none of them is the device.
        UnitId::Device(_) if core::ptr::eq(offer, &board.whole) => Ok(()),
        UnitId::Device(_) => wrong("a device that is a part"),
    }
}

fn places(units: &[UnitId]) -> Result<(), Refusal> {
    if units.is_empty() || units.len() > Ledger::MOST_BOARDS {
        return wrong("units: at least one, and no more than a node may have boards");
    }
    if units.iter().any(|unit| matches!(unit, UnitId::Share(_))) {
        return wrong("shares are withdrawn by declaring the unit otherwise");
    }
    if units.is_sorted_by(|one, next| one < next) { Ok(()) } else { wrong("units that do not ascend") }
}
