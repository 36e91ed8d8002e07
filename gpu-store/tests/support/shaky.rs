//! A journal over another one, whose answers get lost.

#![allow(dead_code)] // each test binary uses some of it

use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use gpu_core::ledger::Position;
use gpu_store::{Append, Error, ErrorKind, Extent, Journal, Limits, MemoryJournal, Snapshot, Stream};

/// Numbers that look random and are the same for the same seed.
#[derive(Debug)]
pub struct Chance(AtomicU64);

impl Chance {
    pub fn new(seed: u64) -> Self {
        Self(AtomicU64::new(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15)))
    }

    pub fn below(&self, most: u64) -> u64 {
        let state = self.0.fetch_add(0x9e37_79b9_7f4a_7c15, Ordering::Relaxed);
        let mixed = (state ^ (state >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (mixed ^ (mixed >> 31)) % most
    }
}

/// An append that is on its way and may yet arrive.
#[derive(Debug)]
struct Late {
    stream: Stream,
    after: Position,
    records: Vec<Vec<u8>>,
}

/// What a store with a bad line does: of `of` appends, in thousandths, an answer gets lost: after it
/// was done, without its being done, or before it arrives, at some later time.
#[derive(Debug)]
pub struct Shaky {
    pub inner: MemoryJournal,
    chance: Chance,
    permille: AtomicU64,
    late: Mutex<Vec<Late>>,
    pub appends: AtomicU64,
    pub lost: AtomicU64,
}

impl Shaky {
    pub fn new(seed: u64, permille: u64) -> Self {
        Self {
            inner: MemoryJournal::new(),
            chance: Chance::new(seed),
            permille: AtomicU64::new(permille),
            late: Mutex::default(),
            appends: AtomicU64::new(0),
            lost: AtomicU64::new(0),
        }
    }

    pub fn set(&self, permille: u64) {
        self.permille.store(permille, Ordering::Relaxed);
    }

    /// Some of what is on its way arrives.
    fn arrive(&self) {
        let mut late = self.late.lock().unwrap();
        let count = late.len() as u64;
        if count > 0 && self.chance.below(2) == 0 {
            let late = late.swap_remove(self.chance.below(count) as usize);
            let records: Vec<&[u8]> = late.records.iter().map(Vec::as_slice).collect();
            let _ = self.inner.append(&late.stream, late.after, &records).expect("memory takes it");
        }
    }
}

impl Journal for Shaky {
    fn limits(&self) -> Limits {
        self.inner.limits()
    }

    fn extent(&self, stream: &Stream) -> Result<Extent, Error> {
        self.arrive();
        self.inner.extent(stream)
    }

    fn append(&self, stream: &Stream, after: Position, records: &[&[u8]]) -> Result<Append, Error> {
        self.appends.fetch_add(1, Ordering::Relaxed);
        self.arrive();
        if self.chance.below(1000) >= self.permille.load(Ordering::Relaxed) {
            return self.inner.append(stream, after, records);
        }
        self.lost.fetch_add(1, Ordering::Relaxed);
        let why = "the line is bad".to_owned();
        match self.chance.below(4) {
            0 => {
                let _ = self.inner.append(stream, after, records)?;
                Ok(Append::Unknown { why })
            }
            1 => Ok(Append::Unknown { why }),
            2 => {
                let records = records.iter().map(|record| record.to_vec()).collect();
                self.late.lock().unwrap().push(Late { stream: *stream, after, records });
                Ok(Append::Unknown { why })
            }
            _ => Err(Error::new(ErrorKind::Unreachable, "the far end", why)),
        }
    }

    fn read(
        &self,
        stream: &Stream,
        after: Position,
        most: usize,
        each: &mut dyn FnMut(Position, &[u8]),
    ) -> Result<Position, Error> {
        self.arrive();
        self.inner.read(stream, after, most, each)
    }

    fn snapshot(&self, stream: &Stream) -> Result<Option<Snapshot>, Error> {
        self.inner.snapshot(stream)
    }

    fn put_snapshot(&self, stream: &Stream, snapshot: &Snapshot) -> Result<(), Error> {
        self.inner.put_snapshot(stream, snapshot)
    }

    fn compact(&self, stream: &Stream, through: Position) -> Result<(), Error> {
        self.inner.compact(stream, through)
    }

    fn wait(&self, stream: &Stream, after: Position, limit: Duration) -> Result<Position, Error> {
        self.inner.wait(stream, after, limit)
    }

    fn streams(&self) -> Result<Vec<Stream>, Error> {
        self.inner.streams()
    }
}
