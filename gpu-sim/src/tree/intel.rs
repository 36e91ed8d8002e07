//! Intel's files for its three kernel drivers, in the forms that the kernel's documents give
//! (`Documentation/ABI/testing/sysfs-driver-intel-*`).

use std::path::{Path, PathBuf};

use gpu_core::{Bytes, Hertz};

use super::pci::{self, directory};
use super::plan::Plan;
use crate::gpu::{Gpu, IntelDriver, IntelSpec, Silicon, VfProvision, VfSpec};
use crate::scene::{GpuState, Scene};

/// The attributes of one GPU, its tiles, sensors and virtual functions.
pub(super) fn gpu(plan: &mut Plan, scene: &Scene, position: usize, gpu: &Gpu) {
    let Silicon::Intel(intel) = &gpu.silicon else { return };
    let path = directory(gpu);
    let card = card(&path, gpu);
    let shown = Shown { gpu, intel, state: scene.gpu(position), idle_ms: idle_ms(scene, position) };
    if intel.driver == IntelDriver::Xe {
        shown.xe(plan, &path);
    } else {
        shown.i915(plan, &card);
    }
    // Neither driver has sensors for the graphics of a processor.
    if !gpu.is_processor_graphics() {
        shown.sensors(plan, &path, position);
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
        let by_hand = intel.provisions.iter().any(|of| of.memory != Bytes::ZERO);
        plan.line(&card, "prelim_iov/pf/auto_provisioning", u8::from(!by_hand));
    }
    // The drivers have these files from the start, for every function that there could be.
    for number in 1..=intel.total_vfs {
        quotas(plan, &path, gpu, intel, number);
    }
}

/// How long nothing has run on a GPU since the simulation started: its GTs sleep then (RC6).
fn idle_ms(scene: &Scene, position: usize) -> u64 {
    let span = u128::from(scene.now().since(scene.machine().started_at).get());
    let busy = scene.busy_time(position, None) / 1000;
    u64::try_from(span.saturating_sub(busy) / 1_000_000).unwrap_or(u64::MAX)
}

/// The card's folder below the GPU's.
pub(super) fn card(path: &Path, gpu: &Gpu) -> PathBuf {
    path.join("drm").join(format!("card{}", gpu.drm.as_ref().map_or(0, |drm| drm.card)))
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

const fn mhz(hertz: Hertz) -> u64 {
    hertz.get() / 1_000_000
}

/// One GPU as its driver shows it now.
struct Shown<'a> {
    gpu: &'a Gpu,
    intel: &'a IntelSpec,
    state: GpuState,
    idle_ms: u64,
}

impl Shown<'_> {
    /// A GT for each tile, and after the only one the media GT, which is none; memory of the card.
    fn i915(&self, plan: &mut Plan, card: &Path) {
        if self.intel.driver == IntelDriver::I915Prelim {
            plan.line(card, "lmem_total_bytes", self.gpu.memory.total.get());
        }
        let compute = (self.intel.ccs_slices > 0).then_some("ccs0");
        for engine in ["rcs0"].into_iter().chain(compute) {
            plan.line(card, &format!("engine/{engine}/timeslice_duration_ms"), 1);
            plan.line(card, &format!("engine/{engine}/preempt_timeout_ms"), 640);
        }
        for (n, tile) in self.intel.tiles.iter().enumerate() {
            let gt = card.join(format!("gt/gt{n}"));
            if tile.memory != Bytes::ZERO {
                plan.text(&gt, "addr_range", format!("{:#x}\n", tile.memory.get()));
            }
            self.i915_gt(plan, &gt);
            ccs(plan, &gt, self.intel);
        }
        if self.intel.media_gt && self.intel.tiles.len() == 1 {
            self.i915_gt(plan, &card.join("gt/gt1"));
        }
    }

    /// Frequencies in MHz as text, what slows the GT down, and how long it has slept.
    fn i915_gt(&self, plan: &mut Plan, gt: &Path) {
        let now = mhz(self.state.clock_graphics);
        let (low, high) = (mhz(self.gpu.clocks.graphics_idle), mhz(self.gpu.clocks.graphics_max));
        let clocks = [
            ("rps_min_freq_mhz", low),
            ("rps_max_freq_mhz", high),
            ("rps_act_freq_mhz", now),
            ("rps_cur_freq_mhz", now),
            ("rps_boost_freq_mhz", high),
            ("rps_RP0_freq_mhz", high),
            ("rps_RP1_freq_mhz", low),
            ("rps_RPn_freq_mhz", low),
            ("rc6_enable", 1),
            ("rc6_residency_ms", self.idle_ms),
        ];
        for (name, value) in clocks {
            plan.line(gt, name, value);
        }
        for (reason, is_set) in throttle(self.gpu) {
            plan.line(gt, &format!("throttle_reason_{reason}"), u8::from(is_set));
        }
    }

    /// Tiles of the device, GTs of the tile; the media GT of tile 0 has a clock and is no tile.
    fn xe(&self, plan: &mut Plan, path: &Path) {
        if let Some(health) = &self.gpu.health.gpu_health {
            plan.line(path, "gpu_health", health);
        }
        if self.gpu.health.survivability {
            plan.line(path, "survivability_mode", "Survivability mode type: Runtime");
        }
        for (t, tile) in self.intel.tiles.iter().enumerate() {
            let folder = path.join(format!("tile{t}"));
            if tile.memory != Bytes::ZERO {
                plan.text(&folder, "physical_vram_size_bytes", format!("{:#x}\n", tile.memory.get()));
            }
            self.xe_gt(plan, &folder.join("gt0"), "rc", "ccs");
            ccs(plan, &folder.join("gt0"), self.intel);
            if self.intel.media_gt && t == 0 {
                self.xe_gt(plan, &folder.join("gt1"), "mc", "vcs");
            }
        }
    }

    fn xe_gt(&self, plan: &mut Plan, gt: &Path, idle: &str, engine: &str) {
        let now = mhz(self.state.clock_graphics);
        let (low, high) = (mhz(self.gpu.clocks.graphics_idle), mhz(self.gpu.clocks.graphics_max));
        let clocks = [
            ("min_freq", low),
            ("max_freq", high),
            ("cur_freq", now),
            ("act_freq", now),
            ("rp0_freq", high),
            ("rpe_freq", low),
            ("rpn_freq", low),
        ];
        for (name, value) in clocks {
            plan.line(gt, &format!("freq0/{name}"), value);
        }
        for (reason, is_set) in throttle(self.gpu) {
            let name = if reason == "status" { "status".to_owned() } else { format!("reason_{reason}") };
            plan.line(gt, &format!("freq0/throttle/{name}"), u8::from(is_set));
        }
        let number = if idle == "rc" { 0 } else { 1 };
        plan.line(gt, "gtidle/name", format_args!("gt{number}-{idle}"));
        plan.line(gt, "gtidle/idle_residency_ms", self.idle_ms);
        plan.line(gt, &format!("engines/{engine}/timeslice_duration_us"), 1000);
        plan.line(gt, &format!("engines/{engine}/preempt_timeout_us"), 640_000);
        plan.line(gt, &format!("engines/{engine}/job_timeout_ms"), 5000);
    }

    /// hwmon: i915 has a chip for the card and one for each of several tiles, xe one with channels.
    fn sensors(&self, plan: &mut Plan, path: &Path, position: usize) {
        let (gpu, state) = (self.gpu, &self.state);
        let chip = path.join(format!("hwmon/hwmon{}", position * 4 + 2));
        plan.line(&chip, "energy1_input", state.energy.get());
        plan.line(&chip, "power1_max", gpu.power.limit.get());
        plan.line(&chip, "power1_rated_max", gpu.power.limit_default.get());
        if self.intel.driver != IntelDriver::Xe {
            plan.text(&chip, "name", "i915\n");
            let tiles = self.intel.tiles.len();
            for n in (0..tiles).filter(|_| tiles > 1) {
                let chip = path.join(format!("hwmon/hwmon{}", position * 4 + n + 3));
                plan.text(&chip, "name", format!("i915_gt{n}\n"));
                plan.line(&chip, "energy1_input", state.energy.get() / tiles as u64);
            }
            return;
        }
        plan.text(&chip, "name", "xe\n");
        plan.text(&chip, "energy1_label", "card\n");
        plan.text(&chip, "energy2_label", "pkg\n");
        plan.line(&chip, "energy2_input", state.energy.get() / 2);
        plan.text(&chip, "power1_label", "card\n");
        plan.text(&chip, "temp2_label", "pkg\n");
        plan.line(&chip, "temp2_input", state.temperature.get());
        if let Some(above) = gpu.thermal.memory_above {
            plan.text(&chip, "temp3_label", "vram\n");
            plan.line(&chip, "temp3_input", state.temperature.get() + above.get());
        }
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
    // One that the host keeps has its driver and nodes of its own.
    if let Some(drm) = &vf.drm {
        pci::driver(plan, &path, gpu.driver());
        pci::drm_nodes(plan, &path, drm);
    }
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
