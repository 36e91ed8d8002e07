//! [`Partitioner`], the write side of one vendor's GPUs.

use core::fmt;

use crate::absence::Absence;
use crate::device::Device;
use crate::fingerprint::{Fingerprint, Incarnation};
use crate::id::{DeviceId, PartitionId};
use crate::owner::Owner;
use crate::partition::Placement;
use crate::plan::{Geometry, Layout, New};
use crate::process::{Pid, PidView};
use crate::refusal::Refusal;

/// The write side of one vendor's GPUs: changes how boards are cut. Needs privilege.
///
/// Every change names the fingerprint of the board's state that it was planned on, and is refused
/// when the board shows another one. Vendors have no compare-and-set, so this *notices* others
/// and does not prevent them: a lock file keeps writers of this family apart, and every change is
/// checked by reading back what the board then shows.
///
/// What a plan needs as a whole is [`apply`](crate::apply::apply): it takes these steps one after
/// the other, and undoes them when one fails.
///
/// *Implementers:*
/// - Refuse before touching anything: stale fingerprint, unknown unit, in use, not permitted.
/// - Read back after every change; what came about otherwise than asked is
///   [`Refusal::Interfered`].
/// - Never leave half of a partition: what was made for a step that fails is unmade.
pub trait Partitioner: Send + Sync + fmt::Debug {
    /// What a board can be cut into, how it is cut now, and who uses its parts. Reads the machine
    /// at every call.
    ///
    /// # Errors
    /// When the device is not here, cannot be cut or does not tell how; see [`Refusal`].
    fn board(&self, device: DeviceId) -> Result<BoardState, Refusal>;

    /// Makes a partition, and in it what `inner` says.
    ///
    /// # Errors
    /// See [`Refusal`]. After one the board is as it was before, unless it says otherwise.
    fn create(&self, device: DeviceId, on: Fingerprint, new: &New, inner: &Inner) -> Result<Done, Refusal>;

    /// Makes a part of `slices` compute slices in a partition that has room for it.
    ///
    /// # Errors
    /// See [`Refusal`]; vendors whose partitions have no parts refuse with
    /// [`Refusal::NotSupported`].
    fn create_inner(&self, parent: PartitionId, on: Fingerprint, slices: u32) -> Result<Done, Refusal>;

    /// Destroys a partition, with the parts in it.
    ///
    /// # Errors
    /// See [`Refusal`]: [`Refusal::InUse`] with the processes while any runs there.
    fn destroy(&self, partition: PartitionId, on: Fingerprint) -> Result<Done, Refusal>;

    /// Sets a [mode](crate::Mode) of a device, such as `mig` to `enabled`.
    ///
    /// # Errors
    /// See [`Refusal`].
    fn set_mode(
        &self,
        device: DeviceId,
        on: Fingerprint,
        mode: &str,
        value: &str,
    ) -> Result<ModeChange, Refusal>;
}

/// A board as a partitioner sees it: what it can be cut into, how it is cut, who uses it.
#[derive(Clone, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub struct BoardState {
    /// The device, with its modes and partitions.
    pub device: Device,
    /// What it can be cut into, by the driver's own answer.
    pub geometry: Geometry,
    /// How it is cut now. Instances in use are pinned: no plan moves them.
    pub layout: Layout,
    /// Processes in its partitions.
    pub users: Vec<User>,
}

/// A process in a partition.
#[derive(Clone, PartialEq, Eq, Debug)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[non_exhaustive]
pub struct User {
    /// The partition: the smallest that the driver names.
    pub partition: PartitionId,
    /// The process.
    pub pid: Pid,
    /// The namespace in which its number counts.
    pub pid_view: PidView,
    /// On whose behalf it runs, where somebody has looked.
    #[cfg_attr(feature = "serde", serde(serialize_with = "crate::process::serialize_fact"))]
    pub owner: Result<Owner, Absence>,
}

impl User {
    /// A process of which nobody has looked yet on whose behalf it runs.
    #[must_use]
    pub const fn new(partition: PartitionId, pid: Pid, pid_view: PidView) -> Self {
        Self { partition, pid, pid_view, owner: Err(Absence::NotYet) }
    }
}

/// Prints as the process and who is behind it, where that is somebody: `7012 (docker 3f2a…)`.
impl fmt::Display for User {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.pid.fmt(f)?;
        match &self.owner {
            Ok(Owner::Machine | Owner::Hidden) | Err(_) => Ok(()),
            Ok(owner) => write!(f, " ({owner})"),
        }
    }
}

impl BoardState {
    /// A board of which everything is known. For backends.
    #[must_use]
    pub const fn new(device: Device, geometry: Geometry, layout: Layout, users: Vec<User>) -> Self {
        Self { device, geometry, layout, users }
    }

    /// The state of the board: what changes are planned on.
    #[must_use]
    pub const fn fingerprint(&self) -> Fingerprint {
        self.layout.fingerprint
    }

    /// The processes in a partition, and in its parts.
    pub fn users_of(&self, partition: PartitionId) -> impl Iterator<Item = &User> {
        let lies_in =
            move |of: PartitionId| of == partition || of.parent().is_some_and(|parent| parent == partition);
        self.users.iter().filter(move |user| lies_in(user.partition))
    }

    /// What became of the board between two states: the top partitions that are gone, and those
    /// that are new.
    pub(crate) fn difference(&self, after: &Self) -> (Vec<PartitionId>, Vec<PartitionId>) {
        let lives = |of: &Self| -> Vec<(PartitionId, Incarnation)> {
            of.device.partitions().map(|part| (part.id, part.incarnation)).collect()
        };
        let (before, now) = (lives(self), lives(after));
        let only = |of: &[(PartitionId, Incarnation)], other: &[(PartitionId, Incarnation)]| {
            of.iter().filter(|life| !other.contains(life)).map(|life| life.0).collect()
        };
        (only(&before, &now), only(&now, &before))
    }

    /// Checks that between two states nothing became of the board but this: the top partitions
    /// `gone` are gone, and `made` are new. For backends, after a change.
    ///
    /// # Errors
    /// [`Refusal::Interfered`], with what else happened.
    pub fn became(&self, after: &Self, gone: &[PartitionId], made: &[PartitionId]) -> Result<(), Refusal> {
        let (mut lost, mut found) = self.difference(after);
        lost.retain(|id| !gone.contains(id));
        found.retain(|id| !made.contains(id));
        if lost.is_empty() && found.is_empty() {
            return Ok(());
        }
        Err(Refusal::Interfered { device: self.device.id, gone: lost, made: found })
    }
}

/// What is made inside a new partition.
#[derive(Clone, PartialEq, Eq, Hash, Debug, Default)]
#[non_exhaustive]
pub enum Inner {
    /// One part over the whole of it, as most use it. Vendors whose partitions have no parts make
    /// none.
    #[default]
    Whole,
    /// Nothing: it cannot be used until something is.
    Nothing,
    /// Parts of so many compute slices each, in this order.
    Slices(Vec<u32>),
}

/// A partition that was made.
#[derive(Clone, PartialEq, Eq, Debug)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[non_exhaustive]
pub struct Made {
    /// Its place. It may have been another partition's before.
    pub id: PartitionId,
    /// Which life of the place it is.
    pub incarnation: Incarnation,
    /// The name of its profile, as the driver tells it.
    pub profile: String,
    /// Where it sits, where the driver places it.
    pub placement: Option<Placement>,
    /// The vendor's own text for it, such as `MIG-…`, where it has one of its own.
    pub vendor_name: Option<String>,
}

impl Made {
    /// The partition of that id in a board that was read back. For backends.
    #[must_use]
    pub fn of(state: &BoardState, id: PartitionId) -> Option<Self> {
        let partition = state.device.all_partitions().find(|partition| partition.id == id)?;
        Some(Self {
            id,
            incarnation: partition.incarnation,
            profile: partition.profile.value().cloned().unwrap_or_default(),
            placement: partition.placement.value().copied(),
            vendor_name: partition.vendor_name.value().cloned(),
        })
    }
}

/// A change that was made.
#[derive(Clone, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub struct Done {
    /// The board as it was read back after the change: the next change is planned on this.
    pub state: BoardState,
    /// What was made: a partition before the parts in it. Empty after a destruction.
    pub made: Vec<Made>,
}

impl Done {
    /// A change with what was read back and made. For backends.
    #[must_use]
    pub const fn new(state: BoardState, made: Vec<Made>) -> Self {
        Self { state, made }
    }
}

/// A mode that was set.
#[derive(Clone, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub struct ModeChange {
    /// The device as it was read back.
    pub device: Device,
    /// What has to happen before the mode is in force; nothing when it is already.
    pub awaits: Option<&'static str>,
    /// What else may be different now, or may not last: to be told to people.
    pub notes: Vec<&'static str>,
}

impl ModeChange {
    /// A mode that is set on `device`, and in force. For backends.
    #[must_use]
    pub const fn new(device: Device) -> Self {
        Self { device, awaits: None, notes: Vec::new() }
    }
}
