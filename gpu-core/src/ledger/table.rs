//! [`Table`]: the boards of a node as they lie in memory, small, with who has claims on each.

use std::collections::BTreeMap;

use crate::exclusion::Exclusion;
use crate::fingerprint::Incarnation;
use crate::id::{DeviceId, ShareId, UnitId};
use crate::numa::NumaNode;
use crate::pci::PciAddress;
use crate::quantity::{Bytes, Count};

use super::board::Board;
use super::held::{Replica, Spot};
use super::holding::Right;
use super::names::{NameAt, Names};
use super::offer::{Declared, Offer};
use super::refusal::{Reason, Refusal};

/// The boards of a node, ascending by device.
#[derive(Clone, Debug, Default)]
pub(super) struct Table {
    pub rows: Vec<Row>,
    /// What was withdrawn, and in which life. Devices stay withdrawn while they are away.
    pub withdrawn: BTreeMap<UnitId, Incarnation>,
    names: Names,
}

/// A board.
#[derive(Clone, Debug)]
pub(super) struct Row {
    pub device: DeviceId,
    pub model: Option<NameAt>,
    pub pci: Option<PciAddress>,
    pub numa: Option<NumaNode>,
    pub island: Option<u32>,
    /// The device, then its parts, ascending.
    pub seats: Vec<Seat>,
    /// Who has claims on it: in no order that means anything.
    pub claims: Vec<ClaimOn>,
}

/// A claim by where it is: number of the holding, position among its units.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct ClaimOn {
    pub holding: u32,
    pub at: u32,
}

/// A device or partition.
#[derive(Clone, Debug)]
pub(super) struct Seat {
    pub path: Path,
    pub incarnation: Incarnation,
    pub memory: Amount,
    pub compute: Amount,
    pub shared: Option<Box<Declared>>,
    pub profile: Option<NameAt>,
    pub is_holdable: bool,
    /// It was withdrawn, or what it lies in.
    pub is_withdrawn: bool,
    /// How many claims on the board exclude it as a whole.
    pub excluded: u32,
}

/// An amount, or none: in half of what an option takes. The largest is none; no board has that.
#[derive(Clone, Copy, Debug)]
pub(super) struct Amount(u64);

impl Amount {
    pub fn of(amount: Option<u64>) -> Self {
        Self(amount.unwrap_or(u64::MAX))
    }

    pub fn get(self) -> Option<u64> {
        (self.0 != u64::MAX).then_some(self.0)
    }
}

impl Seat {
    pub fn memory(&self) -> Option<Bytes> {
        self.memory.get().map(Bytes)
    }

    pub fn compute(&self) -> Option<Count> {
        self.compute.get().map(Count)
    }
}

/// The steps from a device down, their kinds by number: an eighth of what an identifier takes.
/// Ascends as identifiers do.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(super) struct Path(pub [Step; 2]);

/// No kind has number 0: there is no step.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Default)]
pub(super) struct Step {
    pub kind: u16,
    pub index: u32,
}

impl Table {
    /// The boards as they lie in memory, and nobody has a claim on any. They were checked.
    pub fn new(boards: &[Board], withdrawn: BTreeMap<UnitId, Incarnation>) -> Self {
        let mut names = Names::of(boards);
        let rows = boards.iter().map(|board| names.row(board)).collect();
        let mut table = Self { rows, withdrawn, names };
        table.forget_what_is_over();
        table.mark_withdrawn();
        table
    }

    pub fn row(&self, device: DeviceId) -> Option<u32> {
        let at = self.rows.binary_search_by(|row| row.device.cmp(&device)).ok()?;
        u32::try_from(at).ok()
    }

    /// The unit of a seat.
    pub fn unit(&self, device: DeviceId, seat: &Seat) -> UnitId {
        self.names.unit(device, seat.path)
    }

    /// The seat of a device or partition on its board.
    pub fn seat_of(&self, row: &Row, unit: UnitId) -> Option<u32> {
        let path = self.names.path(unit)?;
        let at = row.seats.binary_search_by(|seat| seat.path.cmp(&path)).ok()?;
        u32::try_from(at).ok()
    }

    pub fn seat(&self, row: u32, seat: u32) -> Option<&Seat> {
        self.rows.get(row as usize)?.seats.get(seat as usize)
    }

    /// Where a unit in that life stands.
    pub fn find(&self, unit: UnitId, incarnation: Incarnation) -> Result<Spot, Refusal> {
        let (whole, share) = match unit {
            UnitId::Share(id) => (id.whole(), Some(Replica { k: id.replica(), n: id.replicas() })),
            whole => (whole, None),
        };
        let unknown = || Refusal::from(Reason::UnknownUnit { unit });
        let row = self.row(unit.device()).ok_or_else(unknown)?;
        let seat = self.seat_of(&self.rows[row as usize], whole).ok_or_else(unknown)?;
        let here = self.seat(row, seat).map_or(incarnation, |seat| seat.incarnation);
        if here != incarnation {
            return Err(Reason::OtherLife { unit, asked: incarnation, here }.into());
        }
        Ok(Spot::Here { row, seat, share })
    }

    /// Which unit stands there, in which life.
    pub fn life(&self, spot: &Spot) -> (UnitId, Incarnation) {
        match spot {
            Spot::Gone(life) => **life,
            Spot::Here { row, seat, share } => {
                let row = &self.rows[*row as usize];
                let seat = &row.seats[*seat as usize];
                (shared(self.unit(row.device, seat), *share), seat.incarnation)
            }
        }
    }

    /// What a holder of that is entitled to.
    pub fn right(&self, row: u32, seat: u32, is_share: bool) -> Right {
        let Some(seat) = self.seat(row, seat) else { return Right::Gone };
        if !is_share {
            return Right::Whole { memory: seat.memory(), compute: seat.compute() };
        }
        // A share that is not declared any more is still no more than a share.
        let none = crate::sharing::Entitlement::NoGuarantee;
        Right::Share(seat.shared.as_ref().map_or(none, |declared| declared.entitlement()))
    }

    /// The boards as they were told.
    pub fn boards(&self) -> impl ExactSizeIterator<Item = Board> + '_ {
        self.rows.iter().map(|row| {
            let mut offers = row.seats.iter().map(|seat| self.offer(row.device, seat));
            let whole = offers.next().unwrap_or_else(|| Offer::new(row.device, Incarnation::default()));
            let mut board = Board::new(self.model(row), whole);
            (board.pci, board.numa, board.island) = (row.pci, row.numa, row.island);
            board.parts = offers.collect();
            board
        })
    }

    /// Enters a claim with its board.
    pub fn enter(&mut self, on: ClaimOn, spot: &Spot) {
        let Spot::Here { row, .. } = spot else { return };
        let claimed = self.life(spot).0;
        let (names, row) = (&self.names, &mut self.rows[*row as usize]);
        row.claims.push(on);
        for seat in &mut row.seats {
            let excludes = Exclusion::between(names.unit(row.device, seat.path), claimed).is_some();
            seat.excluded += u32::from(excludes);
        }
    }

    /// Takes a claim from its board.
    pub fn leave(&mut self, on: ClaimOn, spot: &Spot) {
        let Spot::Here { row, .. } = spot else { return };
        let claimed = self.life(spot).0;
        let (names, row) = (&self.names, &mut self.rows[*row as usize]);
        row.claims.retain(|other| *other != on);
        for seat in &mut row.seats {
            let excludes = Exclusion::between(names.unit(row.device, seat.path), claimed).is_some();
            seat.excluded = seat.excluded.saturating_sub(u32::from(excludes));
        }
    }

    /// Takes every claim from every board.
    pub fn clear(&mut self) {
        for row in &mut self.rows {
            row.claims.clear();
            row.seats.iter_mut().for_each(|seat| seat.excluded = 0);
        }
    }

    pub fn mark_withdrawn(&mut self) {
        let names = &self.names;
        for row in &mut self.rows {
            let device = row.device;
            let is = |unit: UnitId| self.withdrawn.contains_key(&unit);
            for seat in &mut row.seats {
                let unit = names.unit(device, seat.path);
                let around = match unit {
                    UnitId::Partition(id) => id.parent().is_some_and(|parent| is(parent.into())),
                    _ => false,
                };
                seat.is_withdrawn = !self.withdrawn.is_empty() && (is(device.into()) || around || is(unit));
            }
        }
    }

    pub fn model(&self, row: &Row) -> &str {
        row.model.and_then(|at| self.names.get(at)).unwrap_or_default()
    }

    pub fn profile(&self, seat: &Seat) -> Option<&str> {
        seat.profile.and_then(|at| self.names.get(at))
    }

    fn offer(&self, device: DeviceId, seat: &Seat) -> Offer {
        let mut offer = Offer::new(self.unit(device, seat), seat.incarnation);
        (offer.memory, offer.compute) = (seat.memory(), seat.compute());
        offer.holdable = seat.is_holdable;
        offer.profile = self.profile(seat).map(Into::into);
        offer.shared = seat.shared.as_deref().copied();
        offer
    }

    /// A partition that was withdrawn and is gone comes back as another.
    fn forget_what_is_over(&mut self) {
        let withdrawn = std::mem::take(&mut self.withdrawn);
        let lives = |unit: &UnitId, life: &Incarnation| {
            matches!(unit, UnitId::Device(_)) || self.find(*unit, *life).is_ok()
        };
        self.withdrawn = withdrawn.into_iter().filter(|(unit, life)| lives(unit, life)).collect();
    }
}

/// The unit that stands there, or a share of it.
pub(super) fn shared(whole: UnitId, share: Option<Replica>) -> UnitId {
    let share_of = |share: Replica| -> Option<ShareId> {
        match whole {
            UnitId::Device(id) => Some(id.share(share.k, share.n)),
            UnitId::Partition(id) => Some(id.share(share.k, share.n)),
            UnitId::Share(_) => None,
        }
    };
    share.and_then(share_of).map_or(whole, UnitId::Share)
}
