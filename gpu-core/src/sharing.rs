//! [`Sharing`]: a device or partition that several use at once, and the [`Share`]s of it.
//!
//! Shares are declared by whoever embeds this crate (a device plugin's configuration, a
//! scheduler); no hardware shows them. They divide attention, not the thing: a share never becomes
//! a guarantee of memory or time, however many of them one holder has.

use core::fmt;

use crate::fingerprint::Incarnation;
use crate::id::{ShareId, UnitId};
use crate::quantity::{Bytes, Permille};

/// How those who share a unit are kept from each other.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[cfg_attr(feature = "serde", serde(rename_all = "snake_case"))]
#[non_exhaustive]
pub enum SharingKind {
    /// The driver lets contexts run in turns. Nothing else keeps them apart: each sees all the
    /// memory, and one that takes it leaves none for the others.
    TimeSliced,
    /// NVIDIA's multi-process service runs them side by side, within ceilings that it enforces.
    Mps,
}

impl fmt::Display for SharingKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::TimeSliced => "time-sliced",
            Self::Mps => "MPS",
        })
    }
}

/// What a share entitles its holder to.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[cfg_attr(feature = "serde", serde(rename_all = "snake_case"))]
#[non_exhaustive]
pub enum Entitlement {
    /// To take turns, and to nothing that could be counted on: neither memory nor a part of the
    /// time. So are time-sliced shares; two of them are not worth twice one.
    NoGuarantee,
    /// To no more than this. Ceilings are enforced; that there is so much left is not.
    Ceiling {
        /// Most device memory; `None` where no limit is set.
        memory: Option<Bytes>,
        /// Most of the unit's threads (`CUDA_MPS_ACTIVE_THREAD_PERCENTAGE`).
        threads: Permille,
    },
}

/// One replica of a shared unit.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[non_exhaustive]
pub struct Share {
    /// Names it: `…::2of4`.
    pub id: ShareId,
    /// The life of what it is a share of; a device has one life only.
    pub incarnation: Incarnation,
    /// What it entitles its holder to.
    pub entitlement: Entitlement,
}

/// A device or partition that is declared shared.
///
/// ```
/// use gpu_core::{Bytes, Entitlement, Permille, Sharing, UnitId};
/// let gpu: UnitId = "nvidia:pci:0000:1b:00.0".parse()?;
/// let turns = Sharing::time_sliced(gpu, 4)?;
/// assert_eq!(turns.shares().map(|share| share.id.to_string()).nth(2).unwrap(), "nvidia:pci:0000:1b:00.0::2of4");
/// assert!(turns.shares().all(|share| share.entitlement == Entitlement::NoGuarantee));
/// // Four times the memory is promised to be seen, and it is there once.
/// assert_eq!(turns.overcommitment(Bytes::gib(48)), Some(Permille(4000)));
///
/// // As NVIDIA's device plugin sets MPS: an equal part of memory, in whole MiB, and of threads.
/// let mps = Sharing::mps(gpu, 3)?.equal_parts(Bytes::gib(48));
/// let Entitlement::Ceiling { memory, threads } = mps.shares().next().unwrap().entitlement else { unreachable!() };
/// assert_eq!((memory, threads), (Some(Bytes::mib(16 * 1024)), Permille(330)));
/// assert_eq!(mps.overcommitment(Bytes::gib(48)), Some(Permille(1000)));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
pub struct Sharing {
    whole: UnitId,
    incarnation: Incarnation,
    replicas: u16,
    kind: SharingKind,
    memory: Option<Bytes>,
    threads: Permille,
}

impl Sharing {
    /// A unit that so many use in turns.
    ///
    /// # Errors
    /// Fewer than two replicas, or a share of a share.
    pub fn time_sliced(whole: impl Into<UnitId>, replicas: u16) -> Result<Self, SharingError> {
        Self::new(whole.into(), replicas, SharingKind::TimeSliced)
    }

    /// A unit that so many use side by side through MPS, without ceilings so far.
    ///
    /// # Errors
    /// Fewer than two replicas, or a share of a share.
    pub fn mps(whole: impl Into<UnitId>, replicas: u16) -> Result<Self, SharingError> {
        Self::new(whole.into(), replicas, SharingKind::Mps)
    }

    fn new(whole: UnitId, replicas: u16, kind: SharingKind) -> Result<Self, SharingError> {
        let refuse = |what| Err(SharingError { whole, what });
        if replicas < 2 {
            return refuse("a unit is shared by two at least");
        }
        if matches!(whole, UnitId::Share(_)) {
            return refuse("a share cannot be shared again");
        }
        let (incarnation, memory) = (Incarnation::default(), None);
        Ok(Self { whole, incarnation, replicas, kind, memory, threads: Permille(1000) })
    }

    /// The same, of this life of a partition.
    #[must_use]
    pub const fn of_life(self, incarnation: Incarnation) -> Self {
        Self { incarnation, ..self }
    }

    /// The same with a ceiling of memory for each share. Only MPS enforces one: time-sliced shares
    /// stay without.
    #[must_use]
    pub const fn memory_limit(self, limit: Bytes) -> Self {
        Self { memory: Some(limit), ..self }
    }

    /// The same with a ceiling of threads for each share, at most all. Only MPS enforces one.
    #[must_use]
    pub fn thread_limit(self, limit: Permille) -> Self {
        Self { threads: limit.min(Permille(1000)), ..self }
    }

    /// The same with ceilings of an equal part of `total` (in whole MiB, rounded down) and of the
    /// threads (in whole percents, rounded down): what NVIDIA's device plugin sets for MPS.
    #[must_use]
    pub fn equal_parts(self, total: Bytes) -> Self {
        let replicas = u64::from(self.replicas);
        let memory = Bytes::mib((total.get() >> 20) / replicas);
        self.memory_limit(memory).thread_limit(Permille(100 / replicas * 10))
    }

    /// What is shared.
    #[must_use]
    pub const fn whole(&self) -> UnitId {
        self.whole
    }

    /// How many share it.
    #[must_use]
    pub const fn replicas(&self) -> u16 {
        self.replicas
    }

    /// How they are kept from each other.
    #[must_use]
    pub const fn kind(&self) -> SharingKind {
        self.kind
    }

    /// The shares, in order.
    pub fn shares(&self) -> impl Iterator<Item = Share> + '_ {
        let entitlement = match self.kind {
            SharingKind::TimeSliced => Entitlement::NoGuarantee,
            SharingKind::Mps => Entitlement::Ceiling { memory: self.memory, threads: self.threads },
        };
        let incarnation = self.incarnation;
        (0..self.replicas).filter_map(move |replica| {
            let id = match self.whole {
                UnitId::Device(id) => id.share(replica, self.replicas),
                UnitId::Partition(id) => id.share(replica, self.replicas),
                // Refused by `new`.
                UnitId::Share(_) => return None,
            };
            Some(Share { id, incarnation, entitlement })
        })
    }

    /// How much memory all shares together may take, of the `total` that is there: 4000 ‰ where
    /// four see all of it each. `None` for a unit without memory of its own.
    #[must_use]
    pub fn overcommitment(&self, total: Bytes) -> Option<Permille> {
        let each = match self.kind {
            SharingKind::TimeSliced => total,
            SharingKind::Mps => self.memory.unwrap_or(total).min(total),
        };
        let all = u128::from(each.get()) * u128::from(self.replicas) * 1000;
        let part = all.checked_div(u128::from(total.get()))?;
        Some(Permille(u64::try_from(part).unwrap_or(u64::MAX)))
    }
}

/// A sharing that cannot be: of what, and why.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct SharingError {
    whole: UnitId,
    what: &'static str,
}

impl fmt::Display for SharingError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.whole, self.what)
    }
}

impl std::error::Error for SharingError {}

#[cfg(test)]
mod tests {
    use super::*;

    fn gpu() -> UnitId {
        "nvidia:pci:0000:1b:00.0".parse().unwrap()
    }

    #[test]
    fn what_is_not_shared_is_refused() {
        for replicas in [0, 1] {
            let refused = Sharing::time_sliced(gpu(), replicas).unwrap_err();
            assert!(refused.to_string().contains("two at least"), "{refused}");
        }
        let share = Sharing::mps(gpu(), 2).unwrap().shares().next().unwrap();
        let refused = Sharing::time_sliced(share.id, 2).unwrap_err();
        assert!(refused.to_string().contains("shared again"), "{refused}");
    }

    /// Nobody makes a time-sliced share guarantee anything by setting limits on it.
    #[test]
    fn time_slicing_enforces_no_limit() {
        let sharing = Sharing::time_sliced(gpu(), 2).unwrap().equal_parts(Bytes::gib(8));
        assert!(sharing.shares().all(|share| share.entitlement == Entitlement::NoGuarantee));
        assert_eq!(sharing.overcommitment(Bytes::gib(8)), Some(Permille(2000)));
        assert_eq!(sharing.overcommitment(Bytes::ZERO), None);
    }

    #[test]
    fn as_many_shares_as_declared_each_with_its_own_name() {
        let part: UnitId = "nvidia:pci:0000:1b:00.0/gi:3".parse().unwrap();
        let sharing = Sharing::mps(part, u16::MAX).unwrap().of_life(Incarnation(7));
        let ids: std::collections::BTreeSet<_> = sharing.shares().map(|share| share.id).collect();
        assert_eq!(ids.len(), usize::from(u16::MAX));
        assert!(
            sharing.shares().all(|share| share.id.whole() == part && share.incarnation == Incarnation(7))
        );
        assert_eq!(sharing.overcommitment(Bytes(1)), Some(Permille(65_535_000)));
    }
}
