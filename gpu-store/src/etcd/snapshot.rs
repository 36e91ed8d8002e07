//! Snapshots in parts: all parts first, then the mark that names them.

use gpu_core::ledger::Position;

use crate::error::{Error, ErrorKind};
use crate::journal::Snapshot;
use crate::stream::Stream;

use super::journal::{EtcdJournal, Look, nonce};
use super::mark::{Kept, Mark};
use super::wire::{self, Compare, Op, Txn};

/// Bytes of a part.
const PART: usize = 512 << 10;
/// Parts that are read at a time.
const PAGE: i64 = 8;

impl EtcdJournal {
    pub(super) fn get_snapshot(&self, stream: &Stream) -> Result<Option<Snapshot>, Error> {
        loop {
            let Some(kept) = self.look(stream, None)?.mark.snapshot else { return Ok(None) };
            match self.parts(stream, &kept)? {
                Some(bytes) => return Ok(Some(Snapshot::new(Position(kept.at), bytes))),
                // Another has come meanwhile; or else parts are missing.
                None if self.look(stream, None)?.mark.snapshot.as_ref() != Some(&kept) => {}
                None => {
                    return Err(
                        self.damaged(stream, format!("parts of the snapshot {} are missing", kept.name))
                    );
                }
            }
        }
    }

    /// All parts of a snapshot in a row; `None` where some are missing.
    fn parts(&self, stream: &Stream, kept: &Kept) -> Result<Option<Vec<u8>>, Error> {
        let mut bytes = Vec::new();
        let count = usize::try_from(kept.bytes).unwrap_or(usize::MAX).div_ceil(PART);
        let before = self.keys.after_parts(stream, &kept.name);
        let mut part = 0;
        while part < count {
            let from = self.keys.part(stream, &kept.name, part);
            let txn = Txn { success: vec![Op::range(from, before.as_str(), PAGE)], ..Txn::default() };
            let found = self.ask(&txn, &self.at(stream))?.found(0).unwrap_or_default();
            if found.kvs.is_empty() {
                return Ok(None);
            }
            for pair in found.kvs {
                if pair.key != self.keys.part(stream, &kept.name, part).into() {
                    return Ok(None);
                }
                bytes.extend_from_slice(&pair.value.0);
                part += 1;
            }
        }
        Ok((bytes.len() as u64 == kept.bytes).then_some(bytes))
    }

    pub(super) fn keep_snapshot(&self, stream: &Stream, snapshot: &Snapshot) -> Result<(), Error> {
        let name = format!("{:016x}-{:032x}", snapshot.at.0, u128::from_be_bytes(nonce()));
        let kept = Kept { at: snapshot.at.0, name, bytes: snapshot.bytes.len() as u64 };
        let mut is_written = false;
        loop {
            let look = self.look(stream, None)?;
            if snapshot.at > look.last {
                let detail = format!("a snapshot at {} of a stream that ends at {}", snapshot.at, look.last);
                return Err(Error::new(ErrorKind::Invalid, self.at(stream), detail));
            }
            match look.mark.snapshot.as_ref() {
                Some(there) if there.name == kept.name => return Ok(()),
                Some(there) if there.at >= kept.at => return self.forget_parts(stream, &kept.name),
                _ => {}
            }
            if !is_written {
                self.write_parts(stream, &kept.name, &snapshot.bytes)?;
                is_written = true;
            }
            self.name_snapshot(stream, look, &kept)?;
        }
    }

    fn write_parts(&self, stream: &Stream, name: &str, bytes: &[u8]) -> Result<(), Error> {
        for (part, bytes) in bytes.chunks(PART).enumerate() {
            let put = Op::put(self.keys.part(stream, name, part), wire::Bytes(bytes.to_vec()));
            self.ask(&Txn { success: vec![put], ..Txn::default() }, &self.at(stream))?;
        }
        Ok(())
    }

    /// Makes a snapshot the newest, unless the mark is another than was seen, and forgets those before
    /// it, and what was left of ones that came to nothing.
    fn name_snapshot(&self, stream: &Stream, look: Look, kept: &Kept) -> Result<(), Error> {
        let mark = Mark { snapshot: Some(kept.clone()), ..look.mark };
        // Names begin with the position.
        let later = format!("{:016x}", kept.at.saturating_add(1));
        let txn = Txn {
            compare: vec![Compare::is(self.keys.mark(stream), look.marked)],
            success: vec![
                Op::put(self.keys.mark(stream), mark.text()),
                Op::delete(self.keys.snapshots(stream, ""), self.keys.snapshots(stream, &kept.name)),
                Op::delete(self.keys.after_parts(stream, &kept.name), self.keys.snapshots(stream, &later)),
            ],
            failure: Vec::new(),
        };
        self.ask(&txn, &self.at(stream)).map(drop)
    }

    fn forget_parts(&self, stream: &Stream, name: &str) -> Result<(), Error> {
        let delete = Op::delete(self.keys.part(stream, name, 0), self.keys.after_parts(stream, name));
        self.ask(&Txn { success: vec![delete], ..Txn::default() }, &self.at(stream)).map(drop)
    }
}
