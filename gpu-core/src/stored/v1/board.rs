//! Boards as bytes.

use crate::fingerprint::Incarnation;
use crate::ledger::{Board, Declared, Offer};
use crate::numa::NumaNode;
use crate::quantity::{Bytes, Count, Permille};
use crate::sharing::SharingKind;
use crate::stored::codec::{Reader, Writer};
use crate::stored::error::Error;

use super::unit::{read_pci, read_unit, write_pci, write_unit};

pub(crate) fn write_board(to: &mut Writer<'_>, board: &Board) {
    let Board { device: _, model, pci, numa, island, whole, parts } = board;
    to.text(model);
    to.maybe(*pci, write_pci);
    to.maybe(*numa, |to, numa| to.u32(numa.0));
    to.maybe(*island, Writer::u32);
    write_offer(to, whole);
    to.count(parts.len());
    parts.iter().for_each(|part| write_offer(to, part));
}

pub(crate) fn read_board(from: &mut Reader<'_>) -> Result<Board, Error> {
    let model = read_name(from)?;
    let pci = from.maybe(read_pci)?;
    let numa = from.maybe(|from| from.u32().map(NumaNode))?;
    let island = from.maybe(Reader::u32)?;
    let mut board = Board::new(model, read_offer(from)?);
    (board.pci, board.numa, board.island) = (pci, numa, island);
    board.parts = from.list(read_offer)?;
    Ok(board)
}

fn read_name<'a>(from: &mut Reader<'a>) -> Result<&'a str, Error> {
    let name = from.text()?;
    if name.len() > Board::LONGEST_NAME { Err(from.wrong("too long a name")) } else { Ok(name) }
}

fn write_offer(to: &mut Writer<'_>, offer: &Offer) {
    let Offer { unit, incarnation, memory, compute, holdable, profile, shared } = offer;
    write_unit(to, *unit);
    to.u64(incarnation.0);
    to.maybe(*memory, |to, memory| to.u64(memory.get()));
    to.maybe(*compute, |to, compute| to.u64(compute.get()));
    to.u8(u8::from(*holdable));
    to.maybe(profile.as_ref(), |to, profile| to.text(profile));
    to.maybe(shared.as_ref(), write_declared);
}

fn read_offer(from: &mut Reader<'_>) -> Result<Offer, Error> {
    let unit = read_unit(from)?;
    let mut offer = Offer::new(unit, Incarnation(from.u64()?));
    offer.memory = from.maybe(|from| from.u64().map(Bytes))?;
    offer.compute = from.maybe(|from| from.u64().map(Count))?;
    offer.holdable = from.flag()?;
    offer.profile = from.maybe(|from| read_name(from).map(Into::into))?;
    offer.shared = from.maybe(read_declared)?;
    Ok(offer)
}

fn write_declared(to: &mut Writer<'_>, declared: &Declared) {
    let Declared { kind, replicas, memory, threads } = declared;
    to.u8(match kind {
        SharingKind::TimeSliced => 0,
        SharingKind::Mps => 1,
    });
    to.u16(*replicas);
    to.maybe(*memory, |to, memory| to.u64(memory.get()));
    to.u64(threads.get());
}

fn read_declared(from: &mut Reader<'_>) -> Result<Declared, Error> {
    let kind = match from.u8()? {
        0 => SharingKind::TimeSliced,
        1 => SharingKind::Mps,
        _ => return Err(from.wrong("no kind of sharing")),
    };
    let replicas = from.u16()?;
    let memory = from.maybe(|from| from.u64().map(Bytes))?;
    Ok(Declared { kind, replicas, memory, threads: Permille(from.u64()?) })
}
