//! [`Held`]: a holding as it lies in memory, small, and [`Holdings`], all of a node.

use std::collections::BTreeMap;

use crate::fingerprint::{Fingerprint, Incarnation};
use crate::id::UnitId;
use crate::time::WallTime;

use super::entry_id::{EntryId, HoldingId};
use super::expiry::Expiry;
use super::holder::Holder;
use super::holding::HoldingState;
use super::label::Label;
use super::position::Position;

/// A holding as it lies in memory.
#[derive(Clone, Debug)]
pub(super) struct Held {
    pub id: HoldingId,
    /// Digest of the entry that reserved it, and where that stands.
    pub digest: u64,
    pub position: Position,
    pub at: When,
    pub words: Option<Box<Words>>,
    pub expiry: Expiry,
    pub claims: Claims,
    pub commit: Option<Committed>,
}

/// What most holdings do not have.
#[derive(Clone, Debug)]
pub(super) struct Words {
    pub asked: Option<Fingerprint>,
    pub label: Option<Label>,
}

impl Words {
    pub fn of(asked: Option<Fingerprint>, label: Option<Label>) -> Option<Box<Self>> {
        (asked.is_some() || label.is_some()).then(|| Box::new(Self { asked, label }))
    }
}

/// A time of day or none, in half of what an option takes. The last nanosecond that there is, in
/// the year 2554, is none.
#[derive(Clone, Copy, Debug)]
pub(super) struct When(u64);

impl When {
    pub fn of(time: Option<WallTime>) -> Self {
        Self(time.map_or(u64::MAX, |time| time.0))
    }

    pub fn get(self) -> Option<WallTime> {
        (self.0 != u64::MAX).then_some(WallTime(self.0))
    }
}

/// The entry that gave a holding its holder.
#[derive(Clone, Debug)]
pub(super) struct Committed {
    pub id: EntryId,
    pub digest: u64,
    pub position: Position,
    pub at: When,
    pub holder: Holder,
}

/// The units of a holding: mostly one, which needs no list.
#[derive(Clone, Debug)]
pub(super) enum Claims {
    One([HeldClaim; 1]),
    Many(Box<[HeldClaim]>),
}

/// A unit of a holding.
#[derive(Clone, Debug)]
pub(super) struct HeldClaim {
    pub spot: Spot,
    /// The least that was asked for.
    pub memory: u64,
    pub compute: u64,
    pub is_draining: bool,
}

/// Where a unit that is held stands.
#[derive(Clone, Debug)]
pub(super) enum Spot {
    Here { row: u32, seat: u32, share: Option<Replica> },
    Gone(Box<(UnitId, Incarnation)>),
}

/// Replica `k` of `n`.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Replica {
    pub k: u16,
    pub n: u16,
}

impl Claims {
    pub fn as_slice(&self) -> &[HeldClaim] {
        match self {
            Self::One(one) => one,
            Self::Many(many) => many,
        }
    }

    pub fn as_mut_slice(&mut self) -> &mut [HeldClaim] {
        match self {
            Self::One(one) => one,
            Self::Many(many) => many,
        }
    }
}

impl From<Vec<HeldClaim>> for Claims {
    fn from(claims: Vec<HeldClaim>) -> Self {
        match <[HeldClaim; 1]>::try_from(claims) {
            Ok(one) => Self::One(one),
            Err(many) => Self::Many(many.into()),
        }
    }
}

impl HeldClaim {
    pub fn state(&self, phase: HoldingState) -> HoldingState {
        match &self.spot {
            Spot::Gone(_) => HoldingState::Lost,
            Spot::Here { .. } if self.is_draining => HoldingState::Draining,
            Spot::Here { .. } => phase,
        }
    }
}

impl Held {
    /// How it would stand if nothing had happened to its units.
    pub fn phase(&self) -> HoldingState {
        if self.commit.is_some() { HoldingState::Held } else { HoldingState::Reserved }
    }

    pub fn state(&self) -> HoldingState {
        let phase = self.phase();
        self.claims.as_slice().iter().map(|claim| claim.state(phase)).max().unwrap_or(phase)
    }
}

/// All holdings of a node: found by id, and by a number that stays while they live.
#[derive(Clone, Debug, Default)]
pub(super) struct Holdings {
    slots: Vec<Option<Held>>,
    free: Vec<u32>,
    by_id: BTreeMap<HoldingId, u32>,
}

impl Holdings {
    pub fn len(&self) -> usize {
        self.by_id.len()
    }

    pub fn number(&self, id: HoldingId) -> Option<u32> {
        self.by_id.get(&id).copied()
    }

    pub fn get(&self, id: HoldingId) -> Option<&Held> {
        self.at(self.number(id)?)
    }

    pub fn at(&self, number: u32) -> Option<&Held> {
        self.slots.get(number as usize)?.as_ref()
    }

    pub fn at_mut(&mut self, number: u32) -> Option<&mut Held> {
        self.slots.get_mut(number as usize)?.as_mut()
    }

    pub fn get_mut(&mut self, id: HoldingId) -> Option<&mut Held> {
        let number = self.number(id)?;
        self.slots.get_mut(number as usize)?.as_mut()
    }

    pub fn insert(&mut self, held: Held) -> u32 {
        let id = held.id;
        let number = if let Some(number) = self.free.pop() {
            self.slots[number as usize] = Some(held);
            number
        } else {
            // Nodes are many, and mostly all of one is held: no more room than is needed.
            if self.slots.len() == self.slots.capacity() {
                self.slots.reserve_exact((self.slots.len() / 8).max(8));
            }
            self.slots.push(Some(held));
            // One for each unit that is held: far below what the number can say.
            u32::try_from(self.slots.len() - 1).unwrap_or(u32::MAX)
        };
        self.by_id.insert(id, number);
        number
    }

    pub fn remove(&mut self, id: HoldingId) -> Option<(u32, Held)> {
        let number = self.by_id.remove(&id)?;
        let held = self.slots.get_mut(number as usize)?.take()?;
        self.free.push(number);
        Some((number, held))
    }

    /// Numbers, ascending by id.
    pub fn numbers(&self) -> impl ExactSizeIterator<Item = u32> + '_ {
        self.by_id.values().copied()
    }

    /// Ascending by id.
    pub fn iter(&self) -> impl Iterator<Item = &Held> + '_ {
        self.numbers().filter_map(|number| self.at(number))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_of_holdings_that_ended_are_used_again() {
        let mut holdings = Holdings::default();
        let held = |id| Held {
            id: HoldingId(EntryId(id)),
            digest: 0,
            position: Position(0),
            at: When::of(None),
            words: None,
            expiry: Expiry::Never,
            claims: Claims::from(Vec::new()),
            commit: None,
        };
        for id in 0..1_000 {
            holdings.insert(held(id));
            if id >= 10 {
                assert!(holdings.remove(HoldingId(EntryId(id - 10))).is_some());
            }
        }
        assert_eq!((holdings.len(), holdings.slots.len()), (10, 11));
    }

    /// What the state of a large cluster takes follows from these.
    #[test]
    fn holdings_and_seats_are_small() {
        let sizes = [size_of::<Held>(), size_of::<HeldClaim>(), size_of::<super::super::table::Seat>()];
        assert_eq!(sizes, [176, 40, 56]);
    }
}
