//! [`Names`]: what many units of a node have in common, once.

use core::num::NonZeroU16;
use std::sync::Arc;

use crate::id::{DeviceId, PartitionId, PartitionKind, UnitId};
use crate::quantity::{Bytes, Count};

use super::board::Board;
use super::table::{Amount, Path, Row, Seat, Step};

/// Names of models, profiles and kinds of partition: a node has few, and many units of each.
#[derive(Clone, Debug, Default)]
pub(super) struct Names {
    names: Vec<Arc<str>>,
    /// Ascending, so that numbers ascend as kinds do.
    kinds: Vec<PartitionKind>,
}

/// Which name it is, counted from 1.
pub(super) type NameAt = NonZeroU16;

impl Names {
    /// The kinds of these boards' parts, and no names yet.
    pub fn of(boards: &[Board]) -> Self {
        let ids = boards.iter().flat_map(|board| &board.parts).filter_map(|part| match part.unit {
            UnitId::Partition(id) => Some(id),
            UnitId::Device(_) | UnitId::Share(_) => None,
        });
        let mut kinds: Vec<PartitionKind> = ids.map(|id| id.kind()).collect();
        kinds.sort_unstable();
        kinds.dedup();
        kinds.shrink_to_fit();
        Self { names: Vec::new(), kinds }
    }

    pub fn get(&self, at: NameAt) -> Option<&str> {
        self.names.get(usize::from(at.get()) - 1).map(|name| &**name)
    }

    /// The number of a name. A ledger takes no boards with more names than there are numbers.
    fn number(&mut self, name: &str) -> Option<NameAt> {
        let known = self.names.iter().position(|known| &**known == name);
        let at = known.unwrap_or_else(|| {
            self.names.push(name.into());
            self.names.len() - 1
        });
        u16::try_from(at + 1).ok().and_then(NonZeroU16::new)
    }

    pub fn row(&mut self, board: &Board) -> Row {
        let seats = board.offers().filter_map(|offer| {
            Some(Seat {
                path: self.path(offer.unit)?,
                incarnation: offer.incarnation,
                memory: Amount::of(offer.memory.map(Bytes::get)),
                compute: Amount::of(offer.compute.map(Count::get)),
                shared: offer.shared.map(Box::new),
                profile: offer.profile.as_deref().and_then(|profile| self.number(profile)),
                is_holdable: offer.holdable,
                is_withdrawn: false,
                excluded: 0,
            })
        });
        let mut seats: Vec<Seat> = seats.collect();
        seats.shrink_to_fit();
        let Board { device, pci, numa, island, .. } = *board;
        Row { device, model: self.number(&board.model), pci, numa, island, seats, claims: Vec::new() }
    }

    /// The way to a unit; `None` where a step is of a kind that no unit here has.
    pub fn path(&self, unit: UnitId) -> Option<Path> {
        let step = |id: PartitionId| {
            let at = self.kinds.binary_search(&id.kind()).ok()?;
            Some(Step { kind: u16::try_from(at + 1).ok()?, index: id.index() })
        };
        Some(Path(match unit {
            UnitId::Partition(id) => match id.parent() {
                Some(parent) => [step(parent)?, step(id)?],
                None => [step(id)?, Step::default()],
            },
            UnitId::Device(_) | UnitId::Share(_) => [Step::default(); 2],
        }))
    }

    /// The unit at the end of a way.
    pub fn unit(&self, device: DeviceId, path: Path) -> UnitId {
        let step = |step: Step| {
            let kind = usize::from(step.kind).checked_sub(1).and_then(|at| self.kinds.get(at));
            kind.map(|kind| (*kind, step.index))
        };
        let Some((kind, index)) = step(path.0[0]) else { return device.into() };
        let outer = device.partition(kind, index);
        let inner = step(path.0[1]).and_then(|(kind, index)| outer.inner(kind, index));
        inner.unwrap_or(outer).into()
    }
}
