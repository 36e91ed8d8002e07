//! What a simulated amdgpu does when the modes of its GPUs are changed: compute partitions at
//! once, memory partitions when the driver is loaded again.
//!
//! Written from the kernel's `aqua_vanjaram.c`, `amdgpu_gfx.c`, `amdgpu_gmc.c` and `kfd_device.c`,
//! independently of any planner: it judges plans.

use std::collections::BTreeSet;
use std::fmt;
use std::hash::{Hash, Hasher};

use gpu_core::{Bytes, Digest, MemoryKind};

use crate::gpu::{AmdSpec, Gpu, Silicon, XcpSpec};
use crate::machine::{DrmNumbers, Machine};
use crate::workload::{Part, UseKind, Workload};
use crate::world::World;

/// Why the driver does not change a mode. Each stands for an error number of a write.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub enum ModeRefusal {
    /// No GPU of AMD's at that position, or it has no such file.
    NotFound,
    /// A context of the compute driver is open on the GPU.
    Busy,
    /// No such mode, or not with the other mode that is in force.
    Invalid,
}

impl ModeRefusal {
    /// The error number that the write of the file would end with.
    #[must_use]
    pub const fn errno(self) -> i32 {
        match self {
            Self::NotFound => 2,
            Self::Busy => 16,
            Self::Invalid => 22,
        }
    }
}

impl fmt::Display for ModeRefusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::NotFound => "no such GPU, or it has no such mode",
            Self::Busy => "a process has a context of the compute driver on it",
            Self::Invalid => "no such mode, or not with the other mode that is in force",
        })
    }
}

impl std::error::Error for ModeRefusal {}

type Answer<T> = Result<T, ModeRefusal>;

/// Compute modes in the kernel's order, each with the memory modes that it goes with.
const COMPUTE: [(&str, &[&str]); 5] = [
    ("SPX", &["NPS1"]),
    ("DPX", &["NPS1", "NPS2"]),
    ("TPX", &["NPS1", "NPS4"]),
    ("QPX", &["NPS1", "NPS4"]),
    ("CPX", &["NPS1", "NPS4"]),
];

/// How many partitions a compute mode makes of so many dies.
fn parts(mode: &str, dies: u32) -> u32 {
    match mode {
        "DPX" => 2,
        "TPX" => 3,
        "QPX" => 4,
        "CPX" => dies.max(1),
        _ => 1,
    }
}

/// Compute modes that a GPU of so many dies has at all.
fn supported(dies: u32) -> &'static [&'static str] {
    match dies {
        8 => &["SPX", "DPX", "QPX", "CPX"],
        6 => &["SPX", "TPX", "CPX"],
        4 => &["SPX", "DPX", "CPX"],
        1 | 2 => &["SPX", "CPX"],
        _ => &[],
    }
}

/// Compute modes that a GPU of so many dies may have with a memory mode.
pub(crate) fn valid(dies: u32, memory: Option<&str>) -> impl Iterator<Item = &'static str> {
    COMPUTE.into_iter().filter_map(move |(mode, goes_with)| {
        let fits = supported(dies).contains(&mode) && (mode != "CPX" || dies > 1);
        (fits && memory.is_none_or(|memory| goes_with.contains(&memory))).then_some(mode)
    })
}

/// The compute mode that the driver takes by itself with a memory mode (`get_auto_mode`).
fn automatic(dies: u32, memory: &str, is_apu: bool) -> Option<&'static str> {
    let regions: u32 = memory.strip_prefix("NPS")?.parse().ok()?;
    Some(match regions {
        1 => "SPX",
        n if n == dies => "CPX",
        n if n == dies / 2 => ["CPX", "TPX"][usize::from(is_apu)],
        2 if !is_apu => "DPX",
        _ => return None,
    })
}

/// The text begins with the name, in whatever case: as the kernel compares.
fn is_named(written: &str, name: &str) -> bool {
    written.get(..name.len()).is_some_and(|start| start.eq_ignore_ascii_case(name))
}

/// Changes of AMD's GPUs as the driver makes them. On [`Machine`] so that every form of the
/// simulation can: [`World::change_modes`] for a live one.
///
/// ```
/// let world = gpu_sim::World::new(gpu_sim::Machine::preset("mi300x-8")?);
/// let busy = world.change_modes(|machine| machine.set_compute_mode(0, "CPX"));
/// assert_eq!(busy, Err(gpu_sim::ModeRefusal::Busy)); // a process computes there
/// world.change(|machine| machine.workloads.clear());
/// world.change_modes(|machine| machine.set_compute_mode(0, "CPX"))?;
/// assert_eq!(world.machine().gpus[0].compute_partitions().len(), 8);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
impl Machine {
    fn amd(&mut self, gpu: usize) -> Answer<&mut AmdSpec> {
        match self.gpus.get_mut(gpu).map(|gpu| &mut gpu.silicon) {
            Some(Silicon::Amd(amd)) => Ok(amd),
            _ => Err(ModeRefusal::NotFound),
        }
    }

    /// Whether a process of the description uses one of these GPUs in some way, now or later.
    fn uses_any(&self, gpus: &[usize], how: impl Fn(UseKind) -> bool) -> bool {
        let uses = self.workloads.iter().flat_map(|workload| &workload.uses);
        uses.into_iter().any(|of| gpus.contains(&of.gpu) && how(of.kind))
    }

    /// Sets a GPU's compute mode, as a write of `current_compute_partition` does: its partitions
    /// end, and others are there, with other numbers of the compute driver and other DRM nodes.
    ///
    /// # Errors
    /// No such file or mode, a mode that does not go with the memory mode, a GPU in use.
    pub fn set_compute_mode(&mut self, gpu: usize, mode: &str) -> Answer<()> {
        let amd = self.amd(gpu)?;
        let current = amd.compute_mode.as_deref().ok_or(ModeRefusal::NotFound)?;
        let all = valid(amd.xcc, amd.memory_mode.as_deref());
        let mode = { all }.find(|name| is_named(mode, name)).ok_or(ModeRefusal::Invalid)?;
        if current == mode {
            return Ok(());
        }
        // Graphics clients are not looked for (`kgd2kfd_check_and_lock_kfd`).
        if self.uses_any(&[gpu], |kind| kind != UseKind::Graphics) {
            return Err(ModeRefusal::Busy);
        }
        self.cut(gpu, mode);
        Ok(())
    }

    /// Asks for a memory mode, as a write of `current_memory_partition` does: for all GPUs of the
    /// xGMI hive, from when [the driver is loaded again](Self::reload_amd_driver). To ask for the
    /// mode that is in force asks for nothing, and takes nothing back.
    ///
    /// # Errors
    /// No such file or mode.
    pub fn set_memory_mode(&mut self, gpu: usize, mode: &str) -> Answer<()> {
        let amd = self.amd(gpu)?;
        let current = amd.memory_mode.clone().ok_or(ModeRefusal::NotFound)?;
        let named = amd.memory_modes.iter().find(|name| is_named(mode, name));
        let mode = named.ok_or(ModeRefusal::Invalid)?.clone();
        if mode != current {
            for member in self.hive(gpu) {
                self.amd(member)?.memory_request = Some(mode.clone());
            }
        }
        Ok(())
    }

    /// The GPUs of one hive, by position; one outside of any is alone.
    fn hive(&self, gpu: usize) -> Vec<usize> {
        let hive = |gpu: &Gpu| match &gpu.silicon {
            Silicon::Amd(amd) => amd.hive_id.filter(|id| *id != 0),
            _ => None,
        };
        let Some(wanted) = self.gpus.get(gpu).and_then(hive) else { return vec![gpu] };
        (0..self.gpus.len()).filter(|position| hive(&self.gpus[*position]) == Some(wanted)).collect()
    }

    /// Unloads amdgpu and loads it again: memory modes that were asked for are in force, and with
    /// them the compute mode that the driver takes by itself.
    ///
    /// # Errors
    /// A process uses any of the driver's GPUs, in whatever way.
    pub fn reload_amd_driver(&mut self) -> Answer<()> {
        let ours: Vec<usize> = (0..self.gpus.len()).filter(|gpu| self.amd(*gpu).is_ok()).collect();
        if self.uses_any(&ours, |_| true) {
            return Err(ModeRefusal::Busy);
        }
        for gpu in ours {
            let is_apu = self.gpus[gpu].memory.kind == MemoryKind::System;
            let amd = self.amd(gpu)?;
            let Some(memory) = amd.memory_request.take() else { continue };
            let compute = automatic(amd.xcc, &memory, is_apu);
            amd.compute_modes = valid(amd.xcc, Some(&memory)).map(str::to_owned).collect();
            amd.memory_mode = Some(memory);
            if let Some(compute) = compute {
                self.cut(gpu, compute);
            }
        }
        Ok(())
    }

    /// Makes a GPU's partitions anew.
    fn cut(&mut self, gpu: usize, mode: &'static str) {
        let Ok(amd) = self.amd(gpu) else { return };
        let dies = amd.xcc;
        amd.compute_mode = Some(mode.to_owned());
        let first = amd.partitions.first().map(|part| part.drm.clone());
        amd.partitions.clear();
        let parts = parts(mode, dies);
        if !amd.isolation.is_empty() {
            amd.isolation = vec![0; parts as usize];
        }
        let mut taken = self.taken();
        let of = &self.gpus[gpu];
        let (units, memory, pci) = (u64::from(of.compute_units), of.memory.total.get(), of.pci);
        // The first keeps the GPU's own nodes.
        let mut nodes = first.or_else(|| of.drm.clone());
        let parts64 = u64::from(parts);
        let share = |all: u64, k: u64| all * (k + 1) / parts64 - all * k / parts64;
        let made = (0..parts).map(|k| XcpSpec {
            gpu_id: taken.gpu_id((pci, k * (dies / parts), dies / parts)),
            #[allow(clippy::cast_possible_truncation)] // no more than the GPU has
            compute_units: share(units, u64::from(k)) as u32,
            memory: Bytes(share(memory, u64::from(k))),
            drm: match nodes.take() {
                Some(nodes) => nodes,
                None => taken.nodes(),
            },
        });
        let made: Vec<XcpSpec> = made.collect();
        if let Ok(amd) = self.amd(gpu) {
            amd.partitions = made;
        }
        self.drop_vanished_parts();
    }

    /// Processes that come to a partition that is gone find the whole GPU.
    fn drop_vanished_parts(&mut self) {
        for of in self.workloads.iter_mut().flat_map(|workload| &mut workload.uses) {
            let Some(gpu) = self.gpus.get(of.gpu) else { continue };
            let is_there = match (of.part, &gpu.silicon) {
                (Part::Xcp { index }, _) => (index as usize) < gpu.compute_partitions().len(),
                (Part::Function { number }, Silicon::Intel(intel)) => intel.vf(number).is_some(),
                _ => true,
            };
            if !is_there {
                of.part = Part::Whole;
            }
        }
    }

    /// The numbers that are in use on the machine.
    fn taken(&self) -> Taken {
        let mut taken = Taken::default();
        for card in self.bystanders.iter().filter_map(|of| of.card) {
            taken.cards.insert(card);
        }
        for gpu in &self.gpus {
            gpu.drm.iter().for_each(|drm| taken.keep(drm));
            for part in gpu.compute_partitions() {
                taken.keep(&part.drm);
                taken.gpu_ids.insert(part.gpu_id);
            }
        }
        taken
    }
}

/// Numbers of device files and of the compute driver that are in use.
#[derive(Default)]
struct Taken {
    cards: BTreeSet<u32>,
    renders: BTreeSet<u32>,
    gpu_ids: BTreeSet<u32>,
}

impl Taken {
    fn keep(&mut self, drm: &DrmNumbers) {
        self.cards.insert(drm.card);
        self.renders.insert(drm.render);
    }

    /// DRM gives out the lowest minors that are free.
    fn nodes(&mut self) -> DrmNumbers {
        let lowest = |taken: &BTreeSet<u32>, from: u32| (from..).find(|n| !taken.contains(n));
        let card = lowest(&self.cards, 0).unwrap_or_default();
        let render = lowest(&self.renders, 128).unwrap_or_default();
        let drm = DrmNumbers { card, render };
        self.keep(&drm);
        drm
    }

    /// The compute driver hashes where a node sits and which dies it has to 16 bits, and counts up
    /// from there where that number is taken (`kfd_generate_gpu_id`).
    fn gpu_id(&mut self, of: impl Hash) -> u32 {
        let mut digest = Digest::new();
        of.hash(&mut digest);
        let first = (digest.finish() & 0xffff) as u32;
        let mut ids = (first..=0xffff).chain(1..first).filter(|id| *id != 0);
        let id = ids.find(|id| !self.gpu_ids.contains(id)).unwrap_or(first);
        self.gpu_ids.insert(id);
        id
    }
}

impl Gpu {
    /// The compute partitions of a GPU of AMD's, one in SPX; none of others.
    #[must_use]
    pub fn compute_partitions(&self) -> &[XcpSpec] {
        match &self.silicon {
            Silicon::Amd(amd) => &amd.partitions,
            _ => &[],
        }
    }
}

impl World {
    /// Changes modes as [`World::change`] does, with the processes that run now alone counting as
    /// users.
    ///
    /// # Errors
    /// What `change` refuses.
    pub fn change_modes<T>(&self, change: impl FnOnce(&mut Machine) -> Answer<T>) -> Answer<T> {
        let now = self.scene().now();
        let runs = |of: &Workload| of.starts <= now && of.ends.is_none_or(|ends| now < ends);
        self.change(|machine| {
            let all = std::mem::take(&mut machine.workloads);
            machine.workloads = all.iter().filter(|of| runs(of)).cloned().collect();
            let answer = change(machine);
            machine.workloads = all;
            machine.drop_vanished_parts();
            answer
        })
    }
}
