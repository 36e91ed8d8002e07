//! Intel's files for its three kernel drivers, in the forms that the kernel's documents give
//! (`Documentation/ABI/testing/sysfs-driver-intel-*`).

use std::path::{Path, PathBuf};

use super::pci::directory;
use super::plan::Plan;
use crate::gpu::{Gpu, IntelDriver, IntelSpec, Silicon, VfProvision, VfSpec};
use crate::scene::{GpuState, Scene};

/// The attributes of one GPU, its tiles, sensors and virtual functions.
pub(super) fn gpu(plan: &mut Plan, scene: &Scene, position: usize, gpu: &Gpu) {
    let Silicon::Intel(intel) = &gpu.silicon else { return };
    let (path, state) = (directory(gpu), scene.gpu(position));
    let card = card(&path, gpu);
    if intel.driver == IntelDriver::Xe {
        xe(plan, &path, position, gpu, intel, &state);
    } else {
        i915(plan, &path, &card, position, gpu, intel, &state);
    }
    super::pmu::of(plan, position, gpu, intel);
    if intel.total_vfs > 0 {
        plan.line(&path, "sriov_totalvfs", intel.total_vfs);
        plan.line(&path, "sriov_numvfs", intel.vfs.len());
    }
    for vf in &intel.vfs {
        virtual_function(plan, &path, gpu, vf);
    }
    if intel.total_vfs > 0 && intel.driver == IntelDriver::I915Prelim {
        let by_hand = intel.provisions.iter().any(|of| of.memory != gpu_core::Bytes::ZERO);
        plan.line(&card, "prelim_iov/pf/auto_provisioning", u8::from(!by_hand));
    }
    // The drivers have these files from the start, for every function that there could be.
    for number in 1..=intel.total_vfs {
        quotas(plan, &path, gpu, intel, number);
    }
}

/// The card's folder below the GPU's.
pub(super) fn card(path: &Path, gpu: &Gpu) -> PathBuf {
    path.join("drm").join(format!("card{}", gpu.drm.as_ref().map_or(0, |drm| drm.card)))
}

/// A GT for each tile; frequencies in MHz as text, memory of the card.
fn i915(
    plan: &mut Plan,
    path: &Path,
    card: &Path,
    position: usize,
    gpu: &Gpu,
    intel: &IntelSpec,
    state: &GpuState,
) {
    if intel.driver == IntelDriver::I915Prelim {
        plan.line(card, "lmem_total_bytes", gpu.memory.total.get());
    }
    for engine in ["rcs0", "ccs0"] {
        plan.line(card, &format!("engine/{engine}/timeslice_duration_ms"), 1);
        plan.line(card, &format!("engine/{engine}/preempt_timeout_ms"), 640);
    }
    let mhz = |hertz: gpu_core::Hertz| hertz.get() / 1_000_000;
    for (n, tile) in intel.tiles.iter().enumerate() {
        let gt = card.join(format!("gt/gt{n}"));
        plan.text(&gt, "addr_range", format!("{:#x}\n", tile.memory.get()));
        let now = mhz(state.clock_graphics);
        let (low, high) = (mhz(gpu.clocks.graphics_idle), mhz(gpu.clocks.graphics_max));
        let clocks = [
            ("rps_min_freq_mhz", low),
            ("rps_max_freq_mhz", high),
            ("rps_act_freq_mhz", now),
            ("rps_cur_freq_mhz", now),
            ("rps_boost_freq_mhz", high),
            ("rps_RP0_freq_mhz", high),
            ("rps_RP1_freq_mhz", low),
            ("rps_RPn_freq_mhz", low),
        ];
        for (name, value) in clocks {
            plan.line(&gt, name, value);
        }
        for (reason, is_set) in throttle(gpu) {
            plan.line(&gt, &format!("throttle_reason_{reason}"), u8::from(is_set));
        }
        ccs(plan, &gt, intel);
        if intel.tiles.len() > 1 {
            let chip = path.join(format!("hwmon/hwmon{}", position * 4 + n + 3));
            plan.text(&chip, "name", format!("i915_gt{n}\n"));
            plan.line(&chip, "energy1_input", state.energy.get() / intel.tiles.len() as u64);
        }
    }
    let chip = path.join(format!("hwmon/hwmon{}", position * 4 + 2));
    plan.text(&chip, "name", "i915\n");
    plan.line(&chip, "energy1_input", state.energy.get());
    plan.line(&chip, "power1_max", gpu.power.limit.get());
    plan.line(&chip, "power1_rated_max", gpu.power.limit_default.get());
}

/// Why the GPU is slowed down, by the drivers' names.
fn throttle(gpu: &Gpu) -> [(&'static str, bool); 9] {
    let (hot, brake) = (gpu.health.hot, gpu.health.power_brake);
    let reasons = ["status", "pl1", "pl2", "pl4", "thermal", "prochot", "ratl", "vr_tdc", "vr_thermalert"];
    reasons.map(|reason| {
        let is_set = match reason {
            "status" => hot || brake,
            "thermal" => hot,
            "prochot" => brake,
            _ => false,
        };
        (reason, is_set)
    })
}

/// Tiles of the device, GTs of the tile; the media GT of tile 0 has a clock and is no tile.
fn xe(plan: &mut Plan, path: &Path, position: usize, gpu: &Gpu, intel: &IntelSpec, state: &GpuState) {
    if let Some(health) = &gpu.health.gpu_health {
        plan.line(path, "gpu_health", health);
    }
    if gpu.health.survivability {
        plan.line(path, "survivability_mode", "Survivability mode type: Runtime");
    }
    let mhz = |hertz: gpu_core::Hertz| hertz.get() / 1_000_000;
    for (t, tile) in intel.tiles.iter().enumerate() {
        let folder = path.join(format!("tile{t}"));
        plan.text(&folder, "physical_vram_size_bytes", format!("{:#x}\n", tile.memory.get()));
        let gts = if intel.media_gt && t == 0 { 2 } else { 1 };
        for g in 0..gts {
            let gt = folder.join(format!("gt{g}"));
            let clocks = [
                ("min_freq", mhz(gpu.clocks.graphics_idle)),
                ("max_freq", mhz(gpu.clocks.graphics_max)),
                ("cur_freq", mhz(state.clock_graphics)),
                ("act_freq", mhz(state.clock_graphics)),
                ("rp0_freq", mhz(gpu.clocks.graphics_max)),
                ("rpe_freq", mhz(gpu.clocks.graphics_idle)),
                ("rpn_freq", mhz(gpu.clocks.graphics_idle)),
            ];
            for (name, value) in clocks {
                plan.line(&gt, &format!("freq0/{name}"), value);
            }
            for (reason, is_set) in throttle(gpu) {
                let name = if reason == "status" { "status".to_owned() } else { format!("reason_{reason}") };
                plan.line(&gt, &format!("freq0/throttle/{name}"), u8::from(is_set));
            }
            let engine = if g == 0 { "ccs" } else { "vcs" };
            plan.line(&gt, &format!("engines/{engine}/timeslice_duration_us"), 1000);
            plan.line(&gt, &format!("engines/{engine}/preempt_timeout_us"), 640_000);
            plan.line(&gt, &format!("engines/{engine}/job_timeout_ms"), 5000);
            if g == 0 {
                ccs(plan, &gt, intel);
            }
        }
    }
    let chip = path.join(format!("hwmon/hwmon{}", position * 4 + 2));
    plan.text(&chip, "name", "xe\n");
    plan.text(&chip, "energy1_label", "card\n");
    plan.line(&chip, "energy1_input", state.energy.get());
    plan.text(&chip, "energy2_label", "pkg\n");
    plan.line(&chip, "energy2_input", state.energy.get() / 2);
    plan.text(&chip, "power1_label", "card\n");
    plan.line(&chip, "power1_max", gpu.power.limit.get());
    plan.line(&chip, "power1_rated_max", gpu.power.limit_default.get());
    plan.text(&chip, "temp2_label", "pkg\n");
    plan.line(&chip, "temp2_input", state.temperature.get());
    if let Some(above) = gpu.thermal.memory_above {
        plan.text(&chip, "temp3_label", "vram\n");
        plan.line(&chip, "temp3_input", state.temperature.get() + above.get());
    }
}

fn ccs(plan: &mut Plan, gt: &Path, intel: &IntelSpec) {
    if let Some(mode) = intel.ccs_mode {
        plan.line(gt, "ccs_mode", mode);
        plan.line(gt, "num_cslices", intel.ccs_slices);
    }
}

/// A PCI function of its own.
fn virtual_function(plan: &mut Plan, parent: &Path, gpu: &Gpu, vf: &VfSpec) {
    let path = parent.with_file_name(vf.pci.to_string());
    plan.text(&path, "class", "0x038000\n");
    plan.text(&path, "vendor", "0x8086\n");
    plan.text(&path, "device", format!("{:#06x}\n", gpu.pci_id.device));
    plan.link(parent, &path.join("physfn"));
    plan.link(&path, &parent.join(format!("virtfn{}", vf.number - 1)));
    plan.link(&path, &Path::new("sys/bus/pci/devices").join(vf.pci.to_string()));
}

/// The quotas of a function, there or not, in the administrator's tree of the driver.
fn quotas(plan: &mut Plan, path: &Path, gpu: &Gpu, intel: &IntelSpec, number: u32) {
    let (folders, memory) = super::function::quotas(path, gpu, intel, number);
    let set = intel.provision(number).unwrap_or(VfProvision::new(number));
    let (bytes, quantum, timeout, priority) = match intel.vfs.iter().find(|vf| vf.number == number) {
        Some(vf) => (vf.memory_quota, vf.exec_quantum_ms, vf.preempt_timeout_us, vf.priority),
        None => (set.memory, set.exec_quantum_ms, set.preempt_timeout_us, set.priority),
    };
    for (tile, folder) in folders.iter().enumerate() {
        // What the driver shares out itself it takes from all tiles alike.
        let part = match folders.len() {
            2 if set.memory != gpu_core::Bytes::ZERO => set.on_tile(tile).get(),
            2 => bytes.get() / 2,
            _ => bytes.get(),
        };
        plan.line(folder, memory, part);
        plan.line(folder, "exec_quantum_ms", quantum);
        plan.line(folder, "preempt_timeout_us", timeout);
    }
    if intel.driver == IntelDriver::Xe {
        // All that there are, the one in force in brackets.
        let choice = |(n, name): (u32, &&str)| {
            if n == priority { format!("[{name}]") } else { (*name).to_owned() }
        };
        let choices: Vec<String> = (0..).zip(super::function::PRIORITIES.iter()).map(choice).collect();
        for folder in &folders {
            plan.line(folder, "sched_priority", choices.join(" "));
        }
    }
}
