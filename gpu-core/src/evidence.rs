//! [`Evidence`]: what shows that somebody was given a unit.

use core::fmt;

use crate::id::UnitId;
use crate::owner::Owner;
use crate::quantity::Bytes;

/// How much a piece of evidence is worth.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(rename_all = "snake_case"))]
#[non_exhaustive]
pub enum Strength {
    /// Somebody wrote it down: an environment variable, a specification. It may be a wish, or more
    /// than was granted.
    Declared,
    /// The kernel lets the container at this unit, and at what is not listed it does not.
    Enforced,
}

impl fmt::Display for Strength {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Declared => "declared",
            Self::Enforced => "enforced",
        })
    }
}

/// Where a piece of evidence comes from.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(rename_all = "snake_case"))]
#[non_exhaustive]
pub enum EvidenceSource {
    /// The device cgroup of version 1: `devices.list`.
    DeviceCgroup,
    /// The device files in the container's mount namespace: `/proc/<pid>/root/dev`.
    DeviceFiles,
    /// The capability files of a MIG instance among those.
    Capability,
    /// The kernel's limit of device memory: `dmem.max`.
    MemoryLimit,
    /// A visible-devices variable in the container's environment.
    Environment,
    /// A CDI specification that the container names.
    Cdi,
    /// The container's OCI bundle (`config.json`).
    OciBundle,
    /// Kubelet's checkpoint of its device plugins.
    KubeletCheckpoint,
    /// Slurm's gres configuration, and the job's environment.
    Slurm,
    /// The embedding program says so: kubelet's PodResources, an answer of Docker's.
    Embedder,
}

impl EvidenceSource {
    /// A short constant name, for JSON and labels.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::DeviceCgroup => "device_cgroup",
            Self::DeviceFiles => "device_files",
            Self::Capability => "capability",
            Self::MemoryLimit => "memory_limit",
            Self::Environment => "environment",
            Self::Cdi => "cdi",
            Self::OciBundle => "oci_bundle",
            Self::KubeletCheckpoint => "kubelet_checkpoint",
            Self::Slurm => "slurm",
            Self::Embedder => "embedder",
        }
    }
}

impl fmt::Display for EvidenceSource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

/// One piece of evidence that somebody was given a unit.
///
/// Backends make it from what `gpu_host` reads of a container; an embedder that knows more hands
/// in its own.
///
/// ```
/// use gpu_core::{Evidence, EvidenceSource, Owner, Container, Runtime, Strength};
/// let owner = Owner::Container(Container::new(Runtime::Docker, "train-7".parse()?));
/// let unit = "nvidia:pci:0000:1b:00.0".parse::<gpu_core::UnitId>()?;
/// let evidence = Evidence::new(owner, unit, EvidenceSource::Embedder, Strength::Declared);
/// assert_eq!(evidence.memory_limit, None);
/// # Ok::<(), gpu_core::ParseError>(())
/// ```
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[non_exhaustive]
pub struct Evidence {
    /// Who was given it.
    pub owner: Owner,
    /// What.
    pub unit: UnitId,
    /// Where this is known from.
    pub source: EvidenceSource,
    /// What it is worth.
    pub strength: Strength,
    /// Most device memory that goes with it, where the evidence sets a limit.
    pub memory_limit: Option<Bytes>,
}

impl Evidence {
    /// Evidence without a limit of memory.
    #[must_use]
    pub fn new(owner: Owner, unit: impl Into<UnitId>, source: EvidenceSource, strength: Strength) -> Self {
        Self { owner, unit: unit.into(), source, strength, memory_limit: None }
    }
}
