//! [`Offer`]: a device or partition that a ledger gives out.

use crate::device::Device;
use crate::fingerprint::Incarnation;
use crate::id::{PartitionId, PartitionKind, UnitId};
use crate::mode::Mode;
use crate::partition::Partition;
use crate::quantity::{Bytes, Count, Permille};
use crate::sharing::{Entitlement, Sharing, SharingKind};

use super::board::cut;

/// A device or partition that a ledger gives out, and what it has of its own.
#[derive(Clone, PartialEq, Eq, Debug)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[non_exhaustive]
pub struct Offer {
    /// The device or partition.
    pub unit: UnitId,
    /// Which life of it.
    pub incarnation: Incarnation,
    /// Memory of its own; `None` where it has none, or nobody knows how much.
    pub memory: Option<Bytes>,
    /// Compute units of its own; `None` where it has none, or nobody knows how many.
    pub compute: Option<Count>,
    /// True where it can be held as it is. A device in MIG mode cannot, nor can a GPU instance
    /// without compute instance.
    pub holdable: bool,
    /// The name of its profile, at most [`Board::LONGEST_NAME`](super::Board::LONGEST_NAME) bytes.
    pub profile: Option<Box<str>>,
    /// How it is shared, where it is declared so.
    pub shared: Option<Declared>,
}

impl Offer {
    /// A unit that can be held, in this life, with nothing of its own that is known.
    #[must_use]
    pub fn new(unit: impl Into<UnitId>, incarnation: Incarnation) -> Self {
        let unit = unit.into();
        Self { unit, incarnation, memory: None, compute: None, holdable: true, profile: None, shared: None }
    }

    /// The same with so much memory of its own.
    #[must_use]
    pub fn memory(self, memory: Bytes) -> Self {
        Self { memory: Some(memory), ..self }
    }

    /// The same with so many compute units of its own.
    #[must_use]
    pub fn compute(self, compute: Count) -> Self {
        Self { compute: Some(compute), ..self }
    }

    /// The same with the name of its profile, cut where it is too long.
    #[must_use]
    pub fn profile(self, profile: &str) -> Self {
        Self { profile: Some(cut(profile)), ..self }
    }

    /// The same, shared.
    #[must_use]
    pub fn shared(self, shared: Declared) -> Self {
        Self { shared: Some(shared), ..self }
    }

    /// The same, but it cannot be held itself: only parts of it can.
    #[must_use]
    pub fn not_itself(self) -> Self {
        Self { holdable: false, ..self }
    }

    pub(super) fn of_device(device: &Device, shared: &[Sharing]) -> Self {
        let is_mig = device.mode(Mode::MIG).and_then(|mode| mode.current.value());
        let offer = Self::new(device.id, Incarnation::default());
        Self {
            memory: device.memory_total.value().copied(),
            compute: device.compute_units.value().copied(),
            holdable: is_mig.is_none_or(|value| value != "enabled"),
            ..offer
        }
        .declared(shared)
    }

    pub(super) fn of_partition(part: &Partition, shared: &[Sharing]) -> Self {
        let is_empty = part.kind() == PartitionKind::GPU_INSTANCE && part.partitions.is_empty();
        let offer = Self::new(part.id, part.incarnation);
        Self {
            memory: part.memory_total.value().copied(),
            compute: part.compute_units.value().copied(),
            holdable: !is_empty,
            profile: part.profile.value().map(|profile| cut(profile)),
            ..offer
        }
        .declared(shared)
    }

    fn declared(self, shared: &[Sharing]) -> Self {
        let of = shared.iter().find(|sharing| sharing.whole() == self.unit);
        Self { shared: of.map(Declared::from), ..self }
    }

    /// True for a part directly in that partition.
    pub(super) fn lies_in(&self, partition: PartitionId) -> bool {
        matches!(self.unit, UnitId::Partition(id) if id.parent() == Some(partition))
    }

    /// Which way of cutting the board it belongs to, for a part directly below the device.
    pub(super) fn cut(&self) -> Option<PartitionKind> {
        match self.unit {
            UnitId::Partition(id) if id.parent().is_none() => Some(id.kind()),
            _ => None,
        }
    }
}

/// How a unit is declared shared.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
pub struct Declared {
    /// How those who share it are kept from each other.
    pub kind: SharingKind,
    /// How many share it: two at least.
    pub replicas: u16,
    /// Most memory that each may take, where a limit is enforced.
    pub memory: Option<Bytes>,
    /// Most of the unit's threads that each may use.
    pub threads: Permille,
}

impl From<&Sharing> for Declared {
    fn from(sharing: &Sharing) -> Self {
        let (memory, threads) = match sharing.shares().next().map(|share| share.entitlement) {
            Some(Entitlement::Ceiling { memory, threads }) => (memory, threads),
            Some(Entitlement::NoGuarantee) | None => (None, Permille(1000)),
        };
        Self { kind: sharing.kind(), replicas: sharing.replicas(), memory, threads }
    }
}

impl Declared {
    /// What each share entitles its holder to: never to memory or time that could be counted on.
    #[must_use]
    pub const fn entitlement(&self) -> Entitlement {
        match self.kind {
            SharingKind::TimeSliced => Entitlement::NoGuarantee,
            SharingKind::Mps => Entitlement::Ceiling { memory: self.memory, threads: self.threads },
        }
    }
}
