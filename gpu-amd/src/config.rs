//! [`GpuConfigProfile`]: profiles of the GPU operator's config manager, as changes of modes.
//!
//! Source: ROCm/device-config-manager, `configmanager.go` (`validateProfile`) and its documents.
//! Plain data with the field names of its JSON: read it with whatever reads JSON.

use std::collections::BTreeSet;
use std::fmt;

use gpu_core::{Device, DeviceId, Inventory, LinkKind, Mode, Vendor};

use crate::mode::ModePair;
use crate::names;

/// A profile of the config manager: which modes on how many GPUs.
///
/// ```
/// use gpu_amd::config::{GpuConfigProfile, ProfileConfig};
/// use gpu_core::Backend;
/// # let mut machine = gpu_sim::Machine::preset("mi300x-8")?;
/// # machine.workloads.clear();
/// let backend = machine.backend();
/// let six = ProfileConfig::new("CPX", "NPS1", 6);
/// let profile = GpuConfigProfile { profiles: vec![six], skipped_gpus: vec![0, 1] };
/// let changes = profile.changes(&backend.inventory()?)?;
/// assert_eq!(changes.len(), 6);
/// for change in changes {
///     let board = backend.partitioner()?.board(change.device)?;
///     for (mode, value) in change.steps() {
///         backend.partitioner()?.set_mode(change.device, board.fingerprint(), mode, &value)?;
///     }
/// }
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct GpuConfigProfile {
    /// `profiles`: given to GPUs in their order by address, those that are skipped left out.
    pub profiles: Vec<ProfileConfig>,
    /// `skippedGPUs.ids`: GPUs by number, as `amd-smi` counts them (by address), that stay as
    /// they are.
    pub skipped_gpus: Vec<u32>,
}

/// One part of a profile.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ProfileConfig {
    /// `computePartition`: `CPX`.
    pub compute_partition: String,
    /// `memoryPartition`: `NPS1`.
    pub memory_partition: String,
    /// `numGPUsAssigned`.
    pub num_gpus_assigned: u32,
}

impl ProfileConfig {
    /// These modes on so many GPUs.
    #[must_use]
    pub fn new(compute: impl Into<String>, memory: impl Into<String>, gpus: u32) -> Self {
        Self { compute_partition: compute.into(), memory_partition: memory.into(), num_gpus_assigned: gpus }
    }

    fn modes(&self) -> Result<ModePair, ConfigError> {
        let no_mode = |error: crate::NoSuchMode| ConfigError::NoSuchMode { what: error.to_string() };
        let pair = ModePair {
            compute: self.compute_partition.parse().map_err(no_mode)?,
            memory: self.memory_partition.parse().map_err(no_mode)?,
        };
        // The manager takes capitals only, as the driver's files have them.
        match (
            pair.compute.as_str() == self.compute_partition,
            pair.memory.to_string() == self.memory_partition,
        ) {
            (true, true) => Ok(pair),
            (false, _) => {
                Err(ConfigError::NoSuchMode { what: format!("{:?}: capitals only", self.compute_partition) })
            }
            (_, false) => {
                Err(ConfigError::NoSuchMode { what: format!("{:?}: capitals only", self.memory_partition) })
            }
        }
    }
}

/// What a profile changes on one GPU.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub struct GpuChange {
    /// The GPU.
    pub device: DeviceId,
    /// The modes that it shall have.
    pub to: ModePair,
    /// The memory mode changes: asked for once for a whole hive, and in force when the driver is
    /// loaded again.
    pub memory: bool,
    /// The compute mode changes; where the memory mode does too, only after that is in force.
    pub compute: bool,
}

impl GpuChange {
    /// The modes to [set](gpu_core::Partitioner::set_mode), in this order; the driver has to be
    /// loaded again between a memory mode and what follows it.
    pub fn steps(&self) -> impl Iterator<Item = (&'static str, String)> {
        let memory = self.memory.then(|| (Mode::MEMORY_PARTITION, self.to.memory.to_string()));
        let compute = self.compute.then(|| (Mode::COMPUTE_PARTITION, self.to.compute.to_string()));
        memory.into_iter().chain(compute)
    }
}

/// Why a profile is none for a machine.
#[derive(Clone, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub enum ConfigError {
    /// A text names no mode.
    NoSuchMode {
        /// The text, and what would.
        what: String,
    },
    /// Two modes do not go together, or not on that GPU.
    NotTogether {
        /// The modes.
        modes: ModePair,
        /// The GPU, and what it offers.
        why: String,
    },
    /// Parts of a profile have different memory modes.
    MemoryDiffers {
        /// One.
        one: ModePair,
        /// The other.
        other: ModePair,
    },
    /// A number of a skipped GPU that the machine does not have, or that is there twice.
    Skipped {
        /// The number.
        gpu: u32,
        /// How many GPUs there are.
        gpus: usize,
    },
    /// GPUs assigned and skipped are not all that there are.
    Count {
        /// Assigned by all parts.
        assigned: u64,
        /// Skipped.
        skipped: usize,
        /// On the machine.
        gpus: usize,
    },
    /// A GPU that is skipped would change its memory mode with another of its hive.
    SkippedInHive {
        /// The one that is skipped.
        skipped: DeviceId,
        /// The one that is changed.
        changed: DeviceId,
    },
}

impl fmt::Display for ConfigError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoSuchMode { what } => f.write_str(what),
            Self::NotTogether { modes, why } => write!(f, "{modes}: {why}"),
            Self::MemoryDiffers { one, other } => {
                write!(f, "{one} and {other}: all GPUs of a profile have one memory mode")
            }
            Self::Skipped { gpu, gpus } => {
                write!(f, "skippedGPUs: {gpu} is there twice, or is none of the {gpus} GPUs from 0 on")
            }
            Self::Count { assigned, skipped, gpus } => {
                write!(f, "{assigned} GPUs are assigned and {skipped} skipped, and there are {gpus}")
            }
            Self::SkippedInHive { skipped, changed } => {
                write!(f, "{skipped} is skipped, and would change its memory mode with {changed} of its hive")
            }
        }
    }
}

impl std::error::Error for ConfigError {}

impl GpuConfigProfile {
    /// What the profile changes on a machine; GPUs that are as they shall be are left out. GPUs of
    /// other vendors do not count.
    ///
    /// # Errors
    /// [`ConfigError`]: what the config manager refuses, and what the driver would.
    pub fn changes(&self, inventory: &Inventory) -> Result<Vec<GpuChange>, ConfigError> {
        let mut gpus: Vec<&Device> =
            inventory.devices.iter().filter(|device| device.id.vendor() == Vendor::AMD).collect();
        gpus.sort_by_key(|device| device.pci.value().copied());
        let skipped = self.skipped(gpus.len())?;
        let wanted = self.wanted()?;
        let assigned = wanted.iter().map(|(_, count)| u64::from(*count)).sum();
        if assigned + skipped.len() as u64 != gpus.len() as u64 {
            return Err(ConfigError::Count { assigned, skipped: skipped.len(), gpus: gpus.len() });
        }
        let (mut spared, mut taken) = (Vec::new(), Vec::new());
        for (number, gpu) in (0..).zip(gpus) {
            if skipped.contains(&number) { spared.push(gpu) } else { taken.push(gpu) }
        }
        let each = wanted.iter().flat_map(|(pair, count)| (0..*count).map(|_| *pair));
        let changes: Vec<GpuChange> =
            taken.iter().zip(each).map(|(gpu, to)| change(gpu, to)).collect::<Result<_, _>>()?;
        for changed in changes.iter().filter(|change| change.memory).map(|change| change.device) {
            if let Some(spared) = spared.iter().find(|gpu| are_linked(inventory, gpu.id, changed)) {
                return Err(ConfigError::SkippedInHive { skipped: spared.id, changed });
            }
        }
        Ok(changes.into_iter().filter(|change| change.memory || change.compute).collect())
    }

    fn skipped(&self, gpus: usize) -> Result<BTreeSet<u32>, ConfigError> {
        let mut skipped = BTreeSet::new();
        for gpu in &self.skipped_gpus {
            if *gpu as usize >= gpus || !skipped.insert(*gpu) {
                return Err(ConfigError::Skipped { gpu: *gpu, gpus });
            }
        }
        Ok(skipped)
    }

    fn wanted(&self) -> Result<Vec<(ModePair, u32)>, ConfigError> {
        let parts = self.profiles.iter().map(|part| Ok((part.modes()?, part.num_gpus_assigned)));
        let parts: Vec<(ModePair, u32)> = parts.collect::<Result<_, _>>()?;
        if let Some([(one, _), (other, _)]) =
            parts.windows(2).find(|pair| pair[0].0.memory != pair[1].0.memory)
        {
            return Err(ConfigError::MemoryDiffers { one: *one, other: *other });
        }
        Ok(parts)
    }
}

fn change(gpu: &Device, to: ModePair) -> Result<GpuChange, ConfigError> {
    let refuse = |why: String| Err(ConfigError::NotTogether { modes: to, why });
    let Some(now) = names::modes(gpu) else {
        return refuse(format!("{} has no such modes, or none that are known", gpu.id));
    };
    let (memory, compute) = (now.memory != to.memory, now.compute != to.compute);
    let offered = |mode: &str| gpu.mode(mode).and_then(|mode| mode.available.value());
    if let Some(list) = offered(Mode::MEMORY_PARTITION).filter(|_| memory) {
        if !list.contains(&to.memory.to_string()) {
            return refuse(format!("{} offers {}", gpu.id, list.join(", ")));
        }
    }
    // The driver lists the compute modes that go with the memory mode in force.
    if let Some(list) = offered(Mode::COMPUTE_PARTITION).filter(|_| !memory && compute) {
        if !list.contains(&to.compute.to_string()) {
            return refuse(format!("{} offers {} with {}", gpu.id, list.join(", "), now.memory));
        }
    }
    let is_gfx950 = gpu.architecture.value().is_some_and(|name| name == "gfx950");
    if memory && !to.compute.goes_with_on(to.memory, is_gfx950) {
        return refuse(format!("the compute mode does not go with {} on {}", to.memory, gpu.id));
    }
    Ok(GpuChange { device: gpu.id, to, memory, compute })
}

fn are_linked(inventory: &Inventory, one: DeviceId, other: DeviceId) -> bool {
    let ends = (one.min(other), one.max(other));
    let joins =
        |link: &gpu_core::Link| matches!(link.kind, LinkKind::Xgmi { .. }) && (link.a, link.b) == ends;
    inventory.links.iter().any(joins)
}
