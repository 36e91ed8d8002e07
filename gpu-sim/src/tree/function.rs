//! Files of Intel's drivers that somebody has written, and what the drivers make of it.

use std::path::{Path, PathBuf};

use super::intel::card;
use super::pci::directory;
use super::plan::{Entry, Plan};
use crate::amd::ModeRefusal;
use crate::gpu::{Gpu, IntelDriver, IntelSpec, Silicon};
use crate::intel::Quota;
use crate::machine::Machine;
use crate::world::World;

/// xe's names of priorities, the lowest first.
pub(super) const PRIORITIES: [&str; 3] = ["low", "normal", "high"];

/// What a file sets.
#[derive(Clone, Copy, PartialEq, Debug)]
enum Setting {
    Quota(u32, Quota),
    Functions,
    Ccs,
}

/// A file that holds something else than its driver has put there.
#[derive(PartialEq, Debug)]
pub(super) struct Written {
    pub(super) path: PathBuf,
    gpu: usize,
    setting: Setting,
    pub(super) text: String,
}

impl Written {
    /// Does what the driver does.
    pub(super) fn carry_out(&self, world: &World) -> Result<(), ModeRefusal> {
        let value: u64 = match (self.setting, PRIORITIES.iter().position(|name| *name == self.text)) {
            (Setting::Quota(_, Quota::Priority), Some(at)) => at as u64,
            (Setting::Quota(_, Quota::Priority), None) => return Err(ModeRefusal::Invalid),
            _ => self.text.parse().map_err(|_| ModeRefusal::Invalid)?,
        };
        let small = || u32::try_from(value).map_err(|_| ModeRefusal::Invalid);
        world.change_modes(|machine| match self.setting {
            Setting::Functions => machine.set_virtual_functions(self.gpu, small()?),
            Setting::Ccs => machine.set_ccs_mode(self.gpu, small()?),
            Setting::Quota(number, quota) => machine.set_quota(self.gpu, number, quota, value),
        })
    }
}

/// The files below `root` that hold something else than `plan` has put there, quotas first. One that
/// is empty is being written.
pub(super) fn written(root: &Path, plan: &Plan, machine: &Machine) -> Vec<Written> {
    let mut found = Vec::new();
    for (position, gpu) in machine.gpus.iter().enumerate() {
        let Silicon::Intel(intel) = &gpu.silicon else { continue };
        for (path, setting) in settings(gpu, intel) {
            let Some(Entry::File(planned)) = plan.0.get(&path) else { continue };
            let Ok(text) = std::fs::read_to_string(root.join(&path)) else { continue };
            let text = text.trim().to_owned();
            if !text.is_empty() && text.as_bytes() != planned.trim_ascii() {
                found.push(Written { path, gpu: position, setting, text });
            }
        }
    }
    found
}

fn settings(gpu: &Gpu, intel: &IntelSpec) -> Vec<(PathBuf, Setting)> {
    let path = directory(gpu);
    let is_xe = intel.driver == IntelDriver::Xe;
    let mut all = Vec::new();
    for number in 1..=intel.total_vfs {
        let (folders, memory) = quotas(&path, gpu, intel, number);
        for (tile, folder) in folders.iter().enumerate() {
            let names = [
                (memory, Quota::Memory(tile)),
                ("exec_quantum_ms", Quota::ExecQuantum),
                ("preempt_timeout_us", Quota::PreemptTimeout),
                ("sched_priority", Quota::Priority),
            ];
            all.extend(names.map(|(name, quota)| (folder.join(name), Setting::Quota(number, quota))));
        }
    }
    all.push((path.join("sriov_numvfs"), Setting::Functions));
    let gt = if is_xe { path.join("tile0/gt0") } else { card(&path, gpu).join("gt/gt0") };
    all.push((gt.join("ccs_mode"), Setting::Ccs));
    all
}

/// The folders of a function's quotas, and the name of its memory's: xe has one for all tiles, the backport
/// one for each.
pub(super) fn quotas(path: &Path, gpu: &Gpu, intel: &IntelSpec, number: u32) -> (Vec<PathBuf>, &'static str) {
    if intel.driver == IntelDriver::Xe {
        (vec![path.join(format!("sriov_admin/vf{number}/profile"))], "vram_quota")
    } else {
        let folder = card(path, gpu).join(format!("prelim_iov/vf{number}"));
        ((0..intel.tiles.len()).map(|gt| folder.join(format!("gt{gt}"))).collect(), "lmem_quota")
    }
}
