//! [`Table`]: the boards of a node as they lie in memory, small, with who has claims on each.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::fingerprint::Incarnation;
use crate::id::{DeviceId, PartitionId, PartitionKind, ShareId, UnitId};
use crate::numa::NumaNode;
use crate::pci::PciAddress;
use crate::quantity::{Bytes, Count};

use super::board::Board;
use super::held::{Replica, Spot};
use super::holding::Right;
use super::offer::{Declared, Offer};
use super::refusal::{Reason, Refusal};

/// The boards of a node, ascending by device.
#[derive(Clone, Debug, Default)]
pub(super) struct Table {
    pub rows: Vec<Row>,
    /// What was withdrawn, and in which life. Devices stay withdrawn while they are away.
    pub withdrawn: BTreeMap<UnitId, Incarnation>,
}

/// A board.
#[derive(Clone, Debug)]
pub(super) struct Row {
    pub device: DeviceId,
    pub model: Arc<str>,
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
    pub memory: Option<Bytes>,
    pub compute: Option<Count>,
    pub profile: Option<Arc<str>>,
    pub shared: Option<Box<Declared>>,
    pub is_holdable: bool,
    /// It was withdrawn, or what it lies in.
    pub is_withdrawn: bool,
}

/// The steps from a device down: half of what an identifier takes.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(super) struct Path {
    outer: Option<(PartitionKind, u32)>,
    inner: Option<(PartitionKind, u32)>,
}

impl Path {
    fn of(unit: UnitId) -> Self {
        let step = |id: PartitionId| (id.kind(), id.index());
        match unit {
            UnitId::Partition(id) => match id.parent() {
                Some(parent) => Self { outer: Some(step(parent)), inner: Some(step(id)) },
                None => Self { outer: Some(step(id)), inner: None },
            },
            UnitId::Device(_) | UnitId::Share(_) => Self { outer: None, inner: None },
        }
    }

    pub fn unit(self, device: DeviceId) -> UnitId {
        let Some((kind, index)) = self.outer else { return device.into() };
        let outer = device.partition(kind, index);
        let inner = self.inner.and_then(|(kind, index)| outer.inner(kind, index));
        inner.unwrap_or(outer).into()
    }
}

impl Row {
    pub fn unit(&self, seat: u32) -> UnitId {
        self.seats.get(seat as usize).map_or(self.device.into(), |seat| seat.path.unit(self.device))
    }

    /// The seat of a device or partition.
    pub fn seat(&self, unit: UnitId) -> Option<u32> {
        let path = Path::of(unit);
        let at = self.seats.binary_search_by(|seat| seat.path.cmp(&path)).ok()?;
        u32::try_from(at).ok()
    }
}

impl Table {
    /// The boards as they lie in memory, and nobody has a claim on any. They were checked.
    pub fn new(boards: &[Board], withdrawn: BTreeMap<UnitId, Incarnation>) -> Self {
        let mut names = Names::default();
        let rows = boards.iter().map(|board| names.row(board)).collect();
        let mut table = Self { rows, withdrawn };
        table.forget_what_is_over();
        table.mark_withdrawn();
        table
    }

    pub fn row(&self, device: DeviceId) -> Option<u32> {
        let at = self.rows.binary_search_by(|row| row.device.cmp(&device)).ok()?;
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
        let seat = self.rows[row as usize].seat(whole).ok_or_else(unknown)?;
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
                let incarnation = row.seats[*seat as usize].incarnation;
                (shared(row.unit(*seat), *share), incarnation)
            }
        }
    }

    /// What a holder of that is entitled to.
    pub fn right(&self, row: u32, seat: u32, is_share: bool) -> Right {
        let Some(seat) = self.seat(row, seat) else { return Right::Gone };
        if !is_share {
            return Right::Whole { memory: seat.memory, compute: seat.compute };
        }
        // A share that is not declared any more is still no more than a share.
        let none = crate::sharing::Entitlement::NoGuarantee;
        Right::Share(seat.shared.as_ref().map_or(none, |declared| declared.entitlement()))
    }

    /// The boards as they were told.
    pub fn boards(&self) -> impl ExactSizeIterator<Item = Board> + '_ {
        self.rows.iter().map(|row| {
            let mut offers = row.seats.iter().map(|seat| seat.offer(row.device));
            let whole = offers.next().unwrap_or_else(|| Offer::new(row.device, Incarnation::default()));
            let mut board = Board::new(&row.model, whole);
            (board.pci, board.numa, board.island) = (row.pci, row.numa, row.island);
            board.parts = offers.collect();
            board
        })
    }

    pub fn mark_withdrawn(&mut self) {
        for row in &mut self.rows {
            let device = row.device;
            let is = |unit: UnitId| self.withdrawn.contains_key(&unit);
            for seat in &mut row.seats {
                let around = match seat.path.unit(device) {
                    UnitId::Partition(id) => id.parent().is_some_and(|parent| is(parent.into())),
                    _ => false,
                };
                seat.is_withdrawn =
                    !self.withdrawn.is_empty() && (is(device.into()) || around || is(seat.path.unit(device)));
            }
        }
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

impl Seat {
    fn offer(&self, device: DeviceId) -> Offer {
        let mut offer = Offer::new(self.path.unit(device), self.incarnation);
        (offer.memory, offer.compute, offer.holdable) = (self.memory, self.compute, self.is_holdable);
        offer.profile = self.profile.as_ref().map(|profile| (**profile).into());
        offer.shared = self.shared.as_deref().copied();
        offer
    }
}

/// Names that are there already: a node has few models and profiles, and many of each.
#[derive(Default)]
struct Names(Vec<Arc<str>>);

impl Names {
    fn get(&mut self, name: &str) -> Arc<str> {
        if let Some(known) = self.0.iter().find(|known| &***known == name) {
            return Arc::clone(known);
        }
        let new: Arc<str> = name.into();
        self.0.push(Arc::clone(&new));
        new
    }

    fn row(&mut self, board: &Board) -> Row {
        let seats = board.offers().map(|offer| Seat {
            path: Path::of(offer.unit),
            incarnation: offer.incarnation,
            memory: offer.memory,
            compute: offer.compute,
            profile: offer.profile.as_deref().map(|profile| self.get(profile)),
            shared: offer.shared.map(Box::new),
            is_holdable: offer.holdable,
            is_withdrawn: false,
        });
        let seats = seats.collect();
        let Board { device, pci, numa, island, .. } = *board;
        Row { device, model: self.get(&board.model), pci, numa, island, seats, claims: Vec::new() }
    }
}
