//! Snapshots as bytes.

use crate::fingerprint::{Fingerprint, Incarnation};
use crate::ledger::{CommitImage, Ended, EntryId, History, HoldingId, HoldingImage, Image, Position};
use crate::stored::codec::{Reader, Writer};
use crate::stored::error::Error;
use crate::time::WallTime;

use super::board::{read_board, write_board};
use super::entry::{read_claim, write_claim};
use super::owner::{read_expiry, read_owner, write_expiry, write_owner};
use super::unit::{read_unit, write_unit};

pub(crate) fn write_image(to: &mut Writer<'_>, image: &Image) {
    let Image { node, position, history, boards, withdrawn, holdings, recent, past } = image;
    to.text(node.as_str());
    to.u64(position.0);
    to.u64(history.0);
    to.count(boards.len());
    boards.iter().for_each(|board| write_board(to, board));
    to.count(withdrawn.len());
    for (unit, life) in withdrawn {
        write_unit(to, *unit);
        to.u64(life.0);
    }
    to.count(holdings.len());
    holdings.iter().for_each(|holding| write_holding(to, holding));
    to.count(recent.len());
    for (id, digest) in recent {
        to.u128(id.0);
        to.u64(*digest);
    }
    to.count(past.len());
    for (holding, ended) in past {
        to.u128(holding.0.0);
        to.u8(match ended {
            Ended::Released => 0,
            Ended::Expired => 1,
        });
    }
}

pub(crate) fn read_image(from: &mut Reader<'_>) -> Result<Image, Error> {
    Ok(Image {
        node: from.parsed("no name of a node")?,
        position: Position(from.u64()?),
        history: History(from.u64()?),
        boards: from.list(read_board)?,
        withdrawn: from.list(|from| Ok((read_unit(from)?, Incarnation(from.u64()?))))?,
        holdings: from.list(read_holding)?,
        recent: from.list(|from| Ok((EntryId(from.u128()?), from.u64()?)))?,
        past: from.list(|from| {
            let holding = HoldingId(EntryId(from.u128()?));
            match from.u8()? {
                0 => Ok((holding, Ended::Released)),
                1 => Ok((holding, Ended::Expired)),
                _ => Err(from.wrong("no way in which holdings end")),
            }
        })?,
    })
}

fn write_holding(to: &mut Writer<'_>, holding: &HoldingImage) {
    let HoldingImage { id, digest, position, at, asked, label, expiry, claims, commit } = holding;
    to.u128(id.0.0);
    to.u64(*digest);
    to.u64(position.0);
    to.maybe(*at, |to, at| to.u64(at.0));
    to.maybe(*asked, |to, asked| to.u64(asked.0));
    to.maybe(label.as_ref(), |to, label| to.text(label.as_str()));
    write_expiry(to, *expiry);
    to.count(claims.len());
    for (claim, is_gone) in claims {
        write_claim(to, claim);
        to.u8(u8::from(*is_gone));
    }
    to.maybe(commit.as_ref(), |to, commit| {
        let CommitImage { id, digest, position, at, holder } = commit;
        to.u128(id.0);
        to.u64(*digest);
        to.u64(position.0);
        to.maybe(*at, |to, at| to.u64(at.0));
        write_owner(to, holder);
    });
}

fn read_holding(from: &mut Reader<'_>) -> Result<HoldingImage, Error> {
    Ok(HoldingImage {
        id: HoldingId(EntryId(from.u128()?)),
        digest: from.u64()?,
        position: Position(from.u64()?),
        at: from.maybe(|from| from.u64().map(WallTime))?,
        asked: from.maybe(|from| from.u64().map(Fingerprint))?,
        label: from.maybe(|from| from.parsed("no label"))?,
        expiry: read_expiry(from)?,
        claims: from.list(|from| Ok((read_claim(from)?, from.flag()?)))?,
        commit: from.maybe(|from| {
            Ok(CommitImage {
                id: EntryId(from.u128()?),
                digest: from.u64()?,
                position: Position(from.u64()?),
                at: from.maybe(|from| from.u64().map(WallTime))?,
                holder: read_owner(from)?,
            })
        })?,
    })
}
