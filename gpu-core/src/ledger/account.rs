//! [`Account`]: how much of a unit is free, reserved, held and draining.

use core::fmt;

use crate::exclusion::Exclusion;
use crate::id::{PartitionId, UnitId};

use super::Ledger;
use super::holding::HoldingState;
use super::table::{Row, Seat, Table};

/// What is counted.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[cfg_attr(feature = "serde", serde(rename_all = "snake_case"))]
#[non_exhaustive]
pub enum Dimension {
    /// Memory of its own, in bytes.
    Memory,
    /// Compute units of its own.
    Compute,
    /// Shares, where it is declared shared.
    Shares,
}

impl fmt::Display for Dimension {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Memory => "memory",
            Self::Compute => "compute units",
            Self::Shares => "shares",
        })
    }
}

/// How much of a unit is free, reserved, held and draining: together its capacity.
///
/// What is counted is what others cannot have. A unit that is taken whole is bound as a whole. So
/// is one that is taken in shares, in the strongest of their states (held before draining before
/// reserved), and none of them is given any of it; and one that cannot be had because what it lies
/// in, or another way to cut its board, is taken.
///
/// ```
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// use gpu_core::{Backend, Bytes};
/// use gpu_core::ledger::{Account, Board, Body, Claim, Dimension, EntryId, Ledger, Reserve};
/// let inventory = gpu_sim::Machine::preset("mi300x-8-cpx")?.backend().inventory()?;
/// let mut ledger = Ledger::new("node-1".parse()?);
/// ledger.apply(&ledger.entry(ledger.key(EntryId(1)), Body::Inventory(Board::all(&inventory, &[]))))?;
/// let device = &inventory.devices[0];
/// let part = &device.partitions[2];
/// let claim = Claim::new(part.id, part.incarnation);
/// ledger.apply(&ledger.entry(ledger.key(EntryId(2)), Body::Reserve(Reserve::new([claim]))))?;
/// let memory = ledger.account(device.id, Dimension::Memory).expect("it has memory");
/// assert_eq!(Some(&Bytes(memory.reserved)), part.memory_total.value());
/// assert_eq!(memory.free + memory.reserved + memory.held + memory.draining, memory.capacity);
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Default)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
pub struct Account {
    /// All there is.
    pub capacity: u64,
    /// What nobody has.
    pub free: u64,
    /// What is set aside.
    pub reserved: u64,
    /// What somebody holds.
    pub held: u64,
    /// What somebody holds and shall give back.
    pub draining: u64,
}

/// Something that is bound as a whole.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Binder {
    /// The unit that is asked about.
    All,
    /// A part of it.
    Part(PartitionId),
}

impl Ledger {
    /// How much of a device or partition is free, reserved, held and draining. `None` where it is
    /// not here, or has none of that dimension.
    #[must_use]
    pub fn account(&self, unit: impl Into<UnitId>, dimension: Dimension) -> Option<Account> {
        let unit = unit.into();
        let row = &self.table.rows[self.table.row(unit.device())? as usize];
        let seat = row.seats.get(self.table.seat_of(row, unit)? as usize)?;
        if matches!(unit, UnitId::Share(_)) {
            return None;
        }
        let capacity = amount(seat, dimension)?;
        let bound = match dimension {
            Dimension::Shares => self.bound_shares(row, unit, capacity),
            Dimension::Memory | Dimension::Compute => self.bound(row, unit, capacity, dimension),
        };
        let [mut reserved, mut held, mut draining] = [0_u64; 3];
        for (state, amount) in bound {
            let sum = match state {
                HoldingState::Reserved => &mut reserved,
                HoldingState::Held => &mut held,
                HoldingState::Draining => &mut draining,
                HoldingState::Lost => continue,
            };
            *sum = sum.saturating_add(amount);
        }
        let taken = reserved.saturating_add(held).saturating_add(draining);
        Some(Account { capacity, free: capacity.saturating_sub(taken), reserved, held, draining })
    }

    fn claims_on<'a>(&'a self, row: &'a Row) -> impl Iterator<Item = (UnitId, HoldingState)> + 'a {
        row.claims.iter().filter_map(|on| {
            let held = self.holdings.at(on.holding)?;
            let claim = held.claims.as_slice().get(on.at as usize)?;
            Some((self.table.life(&claim.spot).0, claim.state(held.phase())))
        })
    }

    fn bound_shares(&self, row: &Row, unit: UnitId, capacity: u64) -> Vec<(HoldingState, u64)> {
        let excluding = self.claims_on(row).filter_map(|(claimed, state)| match claimed {
            UnitId::Share(share) if share.whole() == unit => Some((state, 1)),
            other => Exclusion::between(other, unit).map(|_| (state, capacity)),
        });
        let bound: Vec<_> = excluding.collect();
        // Several parts of it may be taken; one is enough to bind all.
        match bound.iter().filter(|(_, amount)| *amount == capacity).map(|(state, _)| *state).max_by_key(rank)
        {
            Some(strongest) => vec![(strongest, capacity)],
            None => bound,
        }
    }

    fn bound(&self, row: &Row, unit: UnitId, capacity: u64, of: Dimension) -> Vec<(HoldingState, u64)> {
        let mut bound: Vec<(Binder, HoldingState, u64)> = Vec::new();
        for (claimed, state) in self.claims_on(row) {
            if Exclusion::between(claimed, unit).is_none() {
                continue;
            }
            let (binder, amount) =
                binder(&self.table, row, unit, claimed, of).unwrap_or((Binder::All, capacity));
            match bound.iter_mut().find(|(other, ..)| *other == binder) {
                Some((_, other, _)) => *other = [*other, state].into_iter().max_by_key(rank).unwrap_or(state),
                None => bound.push((binder, state, amount)),
            }
        }
        if bound.iter().any(|(binder, ..)| *binder == Binder::All) {
            let strongest = bound.iter().map(|(_, state, _)| *state).max_by_key(rank);
            return strongest.map(|state| (state, capacity)).into_iter().collect();
        }
        bound.into_iter().map(|(_, state, amount)| (state, amount)).collect()
    }
}

/// Which state stands for several.
fn rank(state: &HoldingState) -> u8 {
    match state {
        HoldingState::Lost => 0,
        HoldingState::Reserved => 1,
        HoldingState::Draining => 2,
        HoldingState::Held => 3,
    }
}

fn amount(seat: &Seat, dimension: Dimension) -> Option<u64> {
    match dimension {
        Dimension::Memory => seat.memory.get(),
        Dimension::Compute => seat.compute.get(),
        Dimension::Shares => seat.shared.as_ref().map(|shared| u64::from(shared.replicas)),
    }
}

/// The smallest part of `unit` that holds all of `claimed` and has an amount of its own. `None`
/// where that is the unit itself, or what is claimed does not lie in it.
fn binder(table: &Table, row: &Row, unit: UnitId, claimed: UnitId, of: Dimension) -> Option<(Binder, u64)> {
    let whole = match claimed {
        UnitId::Share(share) => share.whole(),
        whole => whole,
    };
    let UnitId::Partition(part) = whole else { return None };
    let way_up = core::iter::once(part).chain(part.parent());
    // Whoever excludes a partition without lying in it, lies around it or is cut otherwise.
    let is_inside = |id: PartitionId| match unit {
        UnitId::Device(_) => true,
        unit => id.parent().is_some_and(|parent| UnitId::Partition(parent) == unit),
    };
    way_up.take_while(|id| is_inside(*id)).find_map(|id| {
        let seat = row.seats.get(table.seat_of(row, id.into())? as usize)?;
        Some((Binder::Part(id), amount(seat, of)?))
    })
}
