//! Virtual functions and the compute mode, changed as the kernel's drivers do (`xe_pci_sriov.c`,
//! `xe_sriov_pf_provision.c`, `xe_gt_ccs_mode.c`, and PCI's own `iov.c`).

use gpu_core::{Bytes, PciAddress};

use crate::amd::ModeRefusal;
use crate::gpu::{Gpu, IntelSpec, Silicon, VfProvision, VfSpec};
use crate::machine::Machine;
use crate::workload::Part;

/// What is set of a virtual function.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Quota {
    /// On a tile; of GPUs with one, and of xe's, all of it is the first's.
    Memory(usize),
    ExecQuantum,
    PreemptTimeout,
    Priority,
}

/// What the driver gives a function that nobody has set up.
const EXEC_QUANTUM_MS: u32 = 20;
const PREEMPT_TIMEOUT_US: u32 = 20_000;

/// The driver shares memory out in pieces of this size.
const PIECE: u64 = 2 << 20;

impl Machine {
    /// Makes so many virtual functions of an Intel GPU, or with 0 takes them away: as a write of
    /// `sriov_numvfs` does. Memory that nobody has set is shared out equally.
    ///
    /// # Errors
    /// What the write ends with: some are there already, the GPU has not so many, or a process is on
    /// the GPU, or to take them away, on one of them.
    pub fn set_virtual_functions(&mut self, gpu: usize, count: u32) -> Result<(), ModeRefusal> {
        let uses = self.workloads.iter().flat_map(|workload| &workload.uses).filter(|of| of.gpu == gpu);
        let on_function = uses.clone().any(|of| matches!(of.part, Part::Function { .. }));
        let busy = uses.count() > 0;
        let (pci, memory, intel) = spec(self, gpu)?;
        match (intel.vfs.len(), count) {
            (_, 0) if on_function => return Err(ModeRefusal::Busy),
            (_, 0) => intel.vfs.clear(),
            (0, count) if count > intel.total_vfs => return Err(ModeRefusal::Invalid),
            (0, _) if busy => return Err(ModeRefusal::Busy),
            (0, count) => intel.vfs = functions(pci, memory, intel, count)?,
            _ => return Err(ModeRefusal::Busy),
        }
        Ok(())
    }

    /// Sets how many compute engines share the slices, on every tile, as a write of `ccs_mode` does.
    ///
    /// # Errors
    /// What the write ends with: a client is open, there are virtual functions, or the slices cannot
    /// be shared so.
    pub fn set_ccs_mode(&mut self, gpu: usize, mode: u32) -> Result<(), ModeRefusal> {
        let busy = self.workloads.iter().any(|workload| workload.uses.iter().any(|of| of.gpu == gpu));
        let (_, _, intel) = spec(self, gpu)?;
        let decides = intel.driver == crate::gpu::IntelDriver::I915Prelim;
        let fits = if mode == 0 { decides } else { intel.ccs_slices % mode == 0 };
        match intel.ccs_mode {
            None => Err(ModeRefusal::NotFound),
            Some(_) if !fits => Err(ModeRefusal::Invalid),
            Some(_) if busy || !intel.vfs.is_empty() => Err(ModeRefusal::Busy),
            Some(_) => {
                intel.ccs_mode = Some(mode);
                Ok(())
            }
        }
    }

    /// True where each tile has memory quotas of its own.
    pub(crate) fn quotas_by_tile(&self, gpu: usize) -> bool {
        let silicon = self.gpus.get(gpu).map(|gpu| &gpu.silicon);
        matches!(silicon, Some(Silicon::Intel(intel))
            if intel.driver == crate::gpu::IntelDriver::I915Prelim && intel.tiles.len() > 1)
    }

    /// Sets a quota of a virtual function, there or not.
    pub(crate) fn set_quota(
        &mut self,
        gpu: usize,
        number: u32,
        quota: Quota,
        value: u64,
    ) -> Result<(), ModeRefusal> {
        let is_apart = self.quotas_by_tile(gpu);
        let (_, memory, intel) = spec(self, gpu)?;
        let room = |tile: usize| match intel.tiles.get(tile) {
            Some(of) if is_apart => of.memory.get(),
            _ => memory.get(),
        };
        let room = if let Quota::Memory(tile) = quota { room(tile) } else { 0 };
        if number == 0 || number > intel.total_vfs {
            return Err(ModeRefusal::NotFound);
        }
        let small = |value| u32::try_from(value).map_err(|_| ModeRefusal::Invalid);
        if quota == Quota::Priority && value > 2 {
            return Err(ModeRefusal::Invalid);
        }
        if intel.provision(number).is_none() {
            intel.provisions.push(VfProvision::new(number));
        }
        let others = |tile: usize| -> u64 {
            let others = intel.provisions.iter().filter(|of| of.number != number);
            others.map(|of| of.on_tile(tile).get()).sum()
        };
        let others = if let Quota::Memory(tile) = quota { others(tile) } else { 0 };
        let live = intel.vfs.iter_mut().find(|vf| vf.number == number);
        let Some(provision) = intel.provisions.iter_mut().find(|of| of.number == number) else {
            return Err(ModeRefusal::NotFound);
        };
        match quota {
            Quota::Memory(_) if others.saturating_add(value) > room => return Err(ModeRefusal::Invalid),
            Quota::Memory(tile) => {
                let (part, rest) = (Bytes(value / PIECE * PIECE), provision.on_tile(1 - tile.min(1)));
                provision.second_tile = if tile == 1 { part } else { provision.second_tile };
                provision.memory = part.saturating_add(rest);
            }
            Quota::ExecQuantum => provision.exec_quantum_ms = small(value)?,
            Quota::PreemptTimeout => provision.preempt_timeout_us = small(value)?,
            Quota::Priority => provision.priority = small(value)?,
        }
        if let Some(vf) = live {
            match quota {
                Quota::Memory(_) => vf.memory_quota = provision.memory,
                Quota::ExecQuantum => vf.exec_quantum_ms = provision.exec_quantum_ms,
                Quota::PreemptTimeout => vf.preempt_timeout_us = provision.preempt_timeout_us,
                Quota::Priority => vf.priority = provision.priority,
            }
        }
        Ok(())
    }
}

impl IntelSpec {
    /// The virtual function of that number, if it is there.
    #[must_use]
    pub fn vf(&self, number: u32) -> Option<&VfSpec> {
        self.vfs.iter().find(|vf| vf.number == number)
    }

    /// What is set for the virtual function of that number.
    #[must_use]
    pub fn provision(&self, number: u32) -> Option<VfProvision> {
        self.provisions.iter().find(|of| of.number == number).copied()
    }
}

fn spec(machine: &mut Machine, gpu: usize) -> Result<(PciAddress, Bytes, &mut IntelSpec), ModeRefusal> {
    let Gpu { pci, memory, silicon: Silicon::Intel(intel), .. } =
        machine.gpus.get_mut(gpu).ok_or(ModeRefusal::NotFound)?
    else {
        return Err(ModeRefusal::NotFound);
    };
    Ok((*pci, memory.total, intel))
}

fn functions(
    pci: PciAddress,
    memory: Bytes,
    intel: &IntelSpec,
    count: u32,
) -> Result<Vec<VfSpec>, ModeRefusal> {
    let set = |number| intel.provision(number).filter(|of| of.memory != Bytes::ZERO);
    let is_set = (1..=count).any(|number| set(number).is_some());
    // The physical function keeps a part for itself.
    let fair = memory.get() * 15 / 16 / u64::from(count) / PIECE * PIECE;
    (1..=count)
        .map(|number| {
            let provision = intel.provision(number).unwrap_or(VfProvision::new(number));
            // A function without memory does not come up once anything was set by hand.
            let quota = match set(number) {
                Some(of) => of.memory,
                None if is_set => return Err(ModeRefusal::Invalid),
                None => Bytes(fair),
            };
            let or = |set: u32, usual| if set == 0 { usual } else { set };
            Ok(VfSpec {
                number,
                pci: function(pci, number),
                drm: None,
                memory_quota: quota,
                exec_quantum_ms: or(provision.exec_quantum_ms, EXEC_QUANTUM_MS),
                preempt_timeout_us: or(provision.preempt_timeout_us, PREEMPT_TIMEOUT_US),
                priority: provision.priority,
            })
        })
        .collect()
}

/// The PCI function of a number: eight to a device.
fn function(pci: PciAddress, number: u32) -> PciAddress {
    let at = u32::from(pci.device) * 8 + u32::from(pci.function) + number;
    #[allow(clippy::cast_possible_truncation)] // within a bus
    PciAddress::new(pci.domain, pci.bus, (at / 8 % 32) as u8, (at % 8) as u8)
}
