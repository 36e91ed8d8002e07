//! [`Recent`]: the ids of the last entries, and how the last holdings ended.

use super::entry_id::{EntryId, HoldingId};
use super::position::Position;
use super::refusal::Ended;

/// The ids and digests of the last [`Recent::WINDOW`] entries. What it takes does not grow beyond
/// that, however many there were.
#[derive(Clone, Debug, Default)]
pub(super) struct Recent {
    /// Of each id a few bits, searched before the ids: they lie close together.
    marks: Vec<u32>,
    ids: Vec<u128>,
    digests: Vec<u64>,
}

impl Recent {
    pub const WINDOW: usize = 256;

    /// Where the entry of that id stands, and the digest of its body.
    pub fn find(&self, id: EntryId, now: Position) -> Option<(Position, u64)> {
        let mark = mark(id);
        for (block, marks) in self.marks.chunks(32).enumerate() {
            // Without an early end, so that the comparisons are made side by side.
            if !marks.iter().fold(false, |any, other| any | (*other == mark)) {
                continue;
            }
            let at = (block * 32..).take(marks.len()).find(|at| self.ids[*at] == id.0);
            if let Some(at) = at {
                return Some((self.position(at, now), self.digests[at]));
            }
        }
        None
    }

    /// Remembers the entry at `position`, and forgets the one that is too old for it.
    pub fn push(&mut self, id: EntryId, digest: u64, position: Position) {
        let at = slot(position);
        if at < self.ids.len() {
            (self.marks[at], self.ids[at], self.digests[at]) = (mark(id), id.0, digest);
        } else {
            self.marks.push(mark(id));
            self.ids.push(id.0);
            self.digests.push(digest);
        }
    }

    /// The memory of so many ids, the oldest first, of which the last stands at `now`. Their number
    /// was checked to be what `now` says.
    pub fn of(all: &[(EntryId, u64)], now: Position) -> Self {
        let mut recent =
            Self { marks: vec![0; all.len()], ids: vec![0; all.len()], digests: vec![0; all.len()] };
        for (back, (id, digest)) in (0..all.len() as u64).rev().zip(all) {
            recent.push(*id, *digest, Position(now.0.saturating_sub(back)));
        }
        recent
    }

    /// Ids and digests, the oldest first. The last stands at `now`.
    pub fn iter(&self, now: Position) -> impl Iterator<Item = (EntryId, u64)> + '_ {
        let first = if self.ids.len() < Self::WINDOW { 0 } else { slot(now.next()) };
        let order = (first..self.ids.len()).chain(0..first);
        order.map(|at| (EntryId(self.ids[at]), self.digests[at]))
    }

    pub fn len(&self) -> usize {
        self.ids.len()
    }

    fn position(&self, at: usize, now: Position) -> Position {
        let back = (slot(now) + Self::WINDOW - at) % Self::WINDOW;
        Position(now.0 - back as u64)
    }
}

/// The first entry, at position 1, comes first.
fn slot(position: Position) -> usize {
    #[allow(clippy::cast_possible_truncation)] // below the window
    let slot = (position.0.wrapping_sub(1) % Recent::WINDOW as u64) as usize;
    slot
}

fn mark(id: EntryId) -> u32 {
    let folded = (id.0 ^ (id.0 >> 64)) as u64;
    #[allow(clippy::cast_possible_truncation)] // the upper half
    let mark = (folded.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 32) as u32;
    mark
}

/// How the last [`Past::WINDOW`] holdings ended, the oldest first.
#[derive(Clone, Debug, Default)]
pub(super) struct Past(std::collections::VecDeque<(HoldingId, Ended)>);

impl Past {
    pub const WINDOW: usize = 64;

    pub fn find(&self, holding: HoldingId) -> Option<Ended> {
        self.0.iter().rev().find(|(id, _)| *id == holding).map(|(_, ended)| *ended)
    }

    pub fn push(&mut self, holding: HoldingId, ended: Ended) {
        if self.0.len() == Self::WINDOW {
            self.0.pop_front();
        }
        self.0.push_back((holding, ended));
    }

    pub fn iter(&self) -> impl ExactSizeIterator<Item = (HoldingId, Ended)> + '_ {
        self.0.iter().copied()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_ones_are_found_where_they_stand_and_no_others() {
        let mut recent = Recent::default();
        for position in 1..=3 * Recent::WINDOW as u64 + 7 {
            let now = Position(position);
            recent.push(EntryId(u128::from(position) << 64), position * 3, now);
            let oldest = position.saturating_sub(Recent::WINDOW as u64) + 1;
            for at in [1, oldest.saturating_sub(1), oldest, position / 2, position] {
                let found = recent.find(EntryId(u128::from(at) << 64), now);
                let expected = (at >= oldest && at > 0).then_some((Position(at), at * 3));
                assert_eq!(found, expected, "{at} at {position}");
            }
            let all: Vec<u64> = recent.iter(now).map(|(_, digest)| digest / 3).collect();
            assert_eq!(all, (oldest..=position).collect::<Vec<_>>());
            let again = Recent::of(&recent.iter(now).collect::<Vec<_>>(), now);
            assert_eq!(again.ids, recent.ids, "at {position}");
        }
        assert_eq!(recent.len(), Recent::WINDOW);
    }
}
