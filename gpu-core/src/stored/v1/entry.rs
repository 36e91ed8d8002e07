//! Entries as bytes.

use crate::fingerprint::{Fingerprint, Incarnation};
use crate::ledger::{Body, Claim, Commit, Entry, EntryId, Expire, HoldingId, Key, Position, Renew, Reserve};
use crate::quantity::{Bytes, Count};
use crate::stored::codec::{Reader, Writer};
use crate::stored::error::Error;
use crate::time::WallTime;

use super::board::{read_board, write_board};
use super::owner::{read_expiry, read_owner, write_expiry, write_owner};
use super::unit::{read_unit, write_unit};

/// Adds an entry. The body comes last: it alone is what two entries are compared by.
pub(crate) fn write_entry(to: &mut Writer<'_>, entry: &Entry) {
    write_head(to, entry);
    write_body(to, &entry.body);
}

pub(crate) fn write_head(to: &mut Writer<'_>, entry: &Entry) {
    to.u128(entry.id.0);
    to.text(entry.node.as_str());
    to.u64(entry.seen.0);
    to.maybe(entry.at, |to, at| to.u64(at.0));
}

pub(crate) fn read_entry(from: &mut Reader<'_>) -> Result<Entry, Error> {
    let id = EntryId(from.u128()?);
    let node = from.parsed("no name of a node")?;
    let key = Key::new(id, Position(from.u64()?));
    let at = from.maybe(|from| from.u64().map(WallTime))?;
    Ok(Entry::new(node, Key { at, ..key }, read_body(from)?))
}

pub(crate) fn write_body(to: &mut Writer<'_>, body: &Body) {
    match body {
        Body::Reserve(reserve) => {
            to.u8(0);
            write_reserve(to, reserve);
        }
        Body::Commit(Commit { holding, holder, expiry }) => {
            to.u8(1);
            to.u128(holding.0.0);
            write_owner(to, holder);
            write_expiry(to, *expiry);
        }
        Body::Release(holding) => {
            to.u8(2);
            to.u128(holding.0.0);
        }
        Body::Expire(Expire { holding, expiry }) => {
            to.u8(3);
            to.u128(holding.0.0);
            write_expiry(to, *expiry);
        }
        Body::Renew(Renew { holding, expiry }) => {
            to.u8(4);
            to.u128(holding.0.0);
            write_expiry(to, *expiry);
        }
        Body::Inventory(boards) => {
            to.u8(5);
            to.count(boards.len());
            boards.iter().for_each(|board| write_board(to, board));
        }
        Body::Repartition(board) => {
            to.u8(6);
            write_board(to, board);
        }
        Body::Withdraw(units) => {
            to.u8(7);
            write_units(to, units);
        }
        Body::Restore(units) => {
            to.u8(8);
            write_units(to, units);
        }
    }
}

fn read_body(from: &mut Reader<'_>) -> Result<Body, Error> {
    let sort = from.u8()?;
    let holding = |from: &mut Reader<'_>| from.u128().map(|id| HoldingId(EntryId(id)));
    Ok(match sort {
        0 => Body::Reserve(read_reserve(from)?),
        1 => Body::Commit(Commit {
            holding: holding(from)?,
            holder: read_owner(from)?,
            expiry: read_expiry(from)?,
        }),
        2 => Body::Release(holding(from)?),
        3 => Body::Expire(Expire { holding: holding(from)?, expiry: read_expiry(from)? }),
        4 => Body::Renew(Renew { holding: holding(from)?, expiry: read_expiry(from)? }),
        5 => Body::Inventory(from.list(read_board)?),
        6 => Body::Repartition(Box::new(read_board(from)?)),
        7 => Body::Withdraw(from.list(read_unit)?),
        8 => Body::Restore(from.list(read_unit)?),
        _ => return Err(from.wrong("no sort of entry")),
    })
}

fn write_units(to: &mut Writer<'_>, units: &[crate::id::UnitId]) {
    to.count(units.len());
    units.iter().for_each(|unit| write_unit(to, *unit));
}

fn write_reserve(to: &mut Writer<'_>, reserve: &Reserve) {
    to.count(reserve.claims.len());
    reserve.claims.iter().for_each(|claim| write_claim(to, claim));
    write_expiry(to, reserve.expiry);
    to.maybe(reserve.label.as_ref(), |to, label| to.text(label.as_str()));
    to.maybe(reserve.asked, |to, asked| to.u64(asked.0));
}

fn read_reserve(from: &mut Reader<'_>) -> Result<Reserve, Error> {
    let claims = from.list(read_claim)?;
    if !claims.windows(2).all(|pair| pair[0].unit < pair[1].unit) {
        return Err(from.wrong("units that do not ascend"));
    }
    let mut reserve = Reserve::new(claims).until(read_expiry(from)?);
    reserve.label = from.maybe(|from| from.parsed("no label"))?;
    reserve.asked = from.maybe(|from| from.u64().map(Fingerprint))?;
    Ok(reserve)
}

pub(super) fn write_claim(to: &mut Writer<'_>, claim: &Claim) {
    let Claim { unit, incarnation, memory, compute } = claim;
    write_unit(to, *unit);
    to.u64(incarnation.0);
    to.u64(memory.get());
    to.u64(compute.get());
}

pub(super) fn read_claim(from: &mut Reader<'_>) -> Result<Claim, Error> {
    let unit = read_unit(from)?;
    let claim = Claim::new(unit, Incarnation(from.u64()?));
    Ok(claim.memory(Bytes(from.u64()?)).compute(Count(from.u64()?)))
}
