//! [`Batch`]: the records of one append, as one value.
//!
//! | bytes | what |
//! |---|---|
//! | 4 | `GPUB` |
//! | 1 | version: 1 |
//! | 16 | whose append it is: a number that nobody else takes |
//! | 8 | position of the first record |
//! | 4 | how many records there are |
//! | 4 + … | of each its length, and itself |
//!
//! Numbers are written lowest byte first. There is no check sum: etcd has its own, and so have
//! the records of a ledger.

use gpu_core::ledger::Position;

const MAGIC: [u8; 4] = *b"GPUB";
const VERSION: u8 = 1;
const HEAD: usize = 33;

/// What makes one append told apart from all others.
pub(super) type Nonce = [u8; 16];

/// The value of an append: `first` is the position of its first record.
pub(super) fn encode(nonce: Nonce, first: Position, records: &[&[u8]]) -> Vec<u8> {
    let bytes: usize = records.iter().map(|record| 4 + record.len()).sum();
    let mut value = Vec::with_capacity(HEAD + bytes);
    value.extend_from_slice(&MAGIC);
    value.push(VERSION);
    value.extend_from_slice(&nonce);
    value.extend_from_slice(&first.0.to_le_bytes());
    // What a store takes at a time is far below four thousand million.
    value.extend_from_slice(&u32::try_from(records.len()).unwrap_or(u32::MAX).to_le_bytes());
    for record in records {
        value.extend_from_slice(&u32::try_from(record.len()).unwrap_or(u32::MAX).to_le_bytes());
        value.extend_from_slice(record);
    }
    value
}

/// The records of one append.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Batch<'a> {
    pub nonce: Nonce,
    pub first: Position,
    pub records: Vec<&'a [u8]>,
}

/// Why a value is no batch.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) enum Wrong {
    Newer(u8),
    Damaged(&'static str),
}

impl<'a> Batch<'a> {
    /// The append that a value is, whose last record has the position `last`.
    pub fn read(value: &'a [u8], last: Position) -> Result<Self, Wrong> {
        let (head, mut rest) = value.split_at_checked(HEAD).ok_or(Wrong::Damaged("it is cut off"))?;
        if head[..4] != MAGIC {
            return Err(Wrong::Damaged("it is no append of this crate's"));
        }
        if head[4] != VERSION {
            return Err(Wrong::Newer(head[4]));
        }
        let (mut nonce, mut first, mut count) = (Nonce::default(), [0; 8], [0; 4]);
        nonce.copy_from_slice(&head[5..21]);
        first.copy_from_slice(&head[21..29]);
        count.copy_from_slice(&head[29..]);
        let (first, count) = (u64::from_le_bytes(first), u32::from_le_bytes(count));
        if count == 0 || first == 0 || first.checked_add(u64::from(count) - 1) != Some(last.0) {
            return Err(Wrong::Damaged("its records are not those that its key tells"));
        }
        let mut records = Vec::new();
        while let Some((len, after)) = rest.split_first_chunk::<4>() {
            let len = u32::from_le_bytes(*len) as usize;
            let (record, after) = after.split_at_checked(len).ok_or(Wrong::Damaged("a record is cut off"))?;
            records.push(record);
            rest = after;
        }
        if !rest.is_empty() || records.len() as u64 != u64::from(count) {
            return Err(Wrong::Damaged("it has other records than it says"));
        }
        Ok(Self { nonce, first: Position(first), records })
    }

    /// Its records with their positions.
    pub fn placed(&self) -> impl Iterator<Item = (Position, &'a [u8])> + '_ {
        (self.first.0..).map(Position).zip(self.records.iter().copied())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_read() {
        let records: [&[u8]; 3] = [b"one", b"", &[7; 300]];
        let value = encode([9; 16], Position(41), &records);
        assert_eq!(value.len(), HEAD + 3 * 4 + 303);
        let batch = Batch::read(&value, Position(43)).unwrap();
        assert_eq!((batch.nonce, batch.first, &batch.records[..]), ([9; 16], Position(41), &records[..]));
        assert_eq!(batch.placed().last().unwrap().0, Position(43));
    }

    /// Whatever is cut off or changed in head and lengths is noticed, and nothing panics.
    #[test]
    fn damage_is_named() {
        let value = encode([9; 16], Position(41), &[b"one", b"", b"three"]);
        for len in 0..value.len() {
            assert!(Batch::read(&value[..len], Position(43)).is_err(), "cut at {len}");
        }
        for last in [0, 40, 42, 44, u64::MAX] {
            assert!(Batch::read(&value, Position(last)).is_err(), "as if it ended at {last}");
        }
        let structure = (0..5).chain(21..37);
        for at in structure {
            for bit in 0..8 {
                let mut bad = value.clone();
                bad[at] ^= 1 << bit;
                assert!(Batch::read(&bad, Position(43)).is_err(), "byte {at}, bit {bit}");
            }
        }
        let mut newer = value;
        newer[4] = 2;
        assert_eq!(Batch::read(&newer, Position(43)), Err(Wrong::Newer(2)));
        let mut long = encode([0; 16], Position(1), &[b"a"]);
        long.push(0);
        assert!(Batch::read(&long, Position(1)).is_err());
    }
}
