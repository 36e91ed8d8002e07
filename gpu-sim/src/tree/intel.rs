//! Intel's files for its three kernel drivers, in the forms that the kernel's documents give
//! (`Documentation/ABI/testing/sysfs-driver-intel-*`).

use std::io;
use std::path::Path;

use super::directory;
use super::write::{file, link};
use crate::gpu::{Gpu, IntelDriver, IntelSpec, Silicon};
use crate::scene::{GpuState, Scene};

/// The attributes of one GPU, its tiles, sensors and virtual functions.
pub(super) fn gpu(scene: &Scene, sys: &Path, position: usize, gpu: &Gpu) -> io::Result<()> {
    let Silicon::Intel(intel) = &gpu.silicon else { return Ok(()) };
    let (path, state) = (directory(sys, gpu), scene.gpu(position));
    let card = path.join("drm").join(format!("card{}", gpu.drm.as_ref().map_or(0, |drm| drm.card)));
    if intel.driver == IntelDriver::Xe {
        xe(&path, position, gpu, intel, &state)?;
    } else {
        i915(&path, &card, position, gpu, intel, &state)?;
    }
    if intel.total_vfs > 0 {
        file(&path, "sriov_totalvfs", &format!("{}\n", intel.total_vfs))?;
        file(&path, "sriov_numvfs", &format!("{}\n", intel.vfs.len()))?;
    }
    for vf in &intel.vfs {
        virtual_function(sys, &path, &card, gpu, intel, vf)?;
    }
    Ok(())
}

/// A GT for each tile; frequencies in MHz as text, memory of the card.
fn i915(
    path: &Path,
    card: &Path,
    position: usize,
    gpu: &Gpu,
    intel: &IntelSpec,
    state: &GpuState,
) -> io::Result<()> {
    if intel.driver == IntelDriver::I915Prelim {
        file(card, "lmem_total_bytes", &format!("{}\n", gpu.memory.total.get()))?;
    }
    let mhz = |hertz: gpu_core::Hertz| hertz.get() / 1_000_000;
    for (n, tile) in intel.tiles.iter().enumerate() {
        let gt = card.join(format!("gt/gt{n}"));
        file(&gt, "addr_range", &format!("{:#x}\n", tile.memory.get()))?;
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
            file(&gt, name, &format!("{value}\n"))?;
        }
        for reason in ["status", "pl1", "pl2", "pl4", "thermal", "prochot", "ratl", "vr_tdc", "vr_thermalert"]
        {
            file(&gt, &format!("throttle_reason_{reason}"), "0\n")?;
        }
        ccs(&gt, intel)?;
        if intel.tiles.len() > 1 {
            let chip = path.join(format!("hwmon/hwmon{}", position * 4 + n + 3));
            file(&chip, "name", &format!("i915_gt{n}\n"))?;
            file(&chip, "energy1_input", &format!("{}\n", state.energy.get() / intel.tiles.len() as u64))?;
        }
    }
    let chip = path.join(format!("hwmon/hwmon{}", position * 4 + 2));
    file(&chip, "name", "i915\n")?;
    file(&chip, "energy1_input", &format!("{}\n", state.energy.get()))?;
    file(&chip, "power1_max", &format!("{}\n", gpu.power.limit.get()))?;
    file(&chip, "power1_rated_max", &format!("{}\n", gpu.power.limit_default.get()))
}

/// Tiles of the device, GTs of the tile; the media GT of tile 0 has a clock and is no tile.
fn xe(path: &Path, position: usize, gpu: &Gpu, intel: &IntelSpec, state: &GpuState) -> io::Result<()> {
    let mhz = |hertz: gpu_core::Hertz| hertz.get() / 1_000_000;
    for (t, tile) in intel.tiles.iter().enumerate() {
        let folder = path.join(format!("tile{t}"));
        file(&folder, "physical_vram_size_bytes", &format!("{:#x}\n", tile.memory.get()))?;
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
                file(&gt, &format!("freq0/{name}"), &format!("{value}\n"))?;
            }
            for reason in ["pl1", "pl2", "pl4", "thermal", "prochot", "ratl", "vr_tdc", "vr_thermalert"] {
                file(&gt, &format!("freq0/throttle/reason_{reason}"), "0\n")?;
            }
            file(&gt, "freq0/throttle/status", "0\n")?;
            if g == 0 {
                ccs(&gt, intel)?;
            }
        }
    }
    let chip = path.join(format!("hwmon/hwmon{}", position * 4 + 2));
    file(&chip, "name", "xe\n")?;
    file(&chip, "energy1_label", "card\n")?;
    file(&chip, "energy1_input", &format!("{}\n", state.energy.get()))?;
    file(&chip, "energy2_label", "pkg\n")?;
    file(&chip, "energy2_input", &format!("{}\n", state.energy.get() / 2))?;
    file(&chip, "power1_label", "card\n")?;
    file(&chip, "power1_max", &format!("{}\n", gpu.power.limit.get()))?;
    file(&chip, "power1_rated_max", &format!("{}\n", gpu.power.limit_default.get()))?;
    file(&chip, "temp2_label", "pkg\n")?;
    file(&chip, "temp2_input", &format!("{}\n", state.temperature.get()))?;
    if let Some(above) = gpu.thermal.memory_above {
        file(&chip, "temp3_label", "vram\n")?;
        file(&chip, "temp3_input", &format!("{}\n", state.temperature.get() + above.get()))?;
    }
    Ok(())
}

fn ccs(gt: &Path, intel: &IntelSpec) -> io::Result<()> {
    if let Some(mode) = intel.ccs_mode {
        file(gt, "ccs_mode", &format!("{mode}\n"))?;
        file(gt, "num_cslices", &format!("{}\n", intel.ccs_slices))?;
    }
    Ok(())
}

/// A PCI function of its own, and its quotas in the administrator's tree of the driver.
fn virtual_function(
    sys: &Path,
    parent: &Path,
    card: &Path,
    gpu: &Gpu,
    intel: &IntelSpec,
    vf: &crate::gpu::VfSpec,
) -> io::Result<()> {
    let path = parent.with_file_name(vf.pci.to_string());
    file(&path, "class", "0x038000\n")?;
    file(&path, "vendor", "0x8086\n")?;
    file(&path, "device", &format!("{:#06x}\n", gpu.pci_id.device))?;
    link(parent, &path.join("physfn"))?;
    link(&path, &parent.join(format!("virtfn{}", vf.number - 1)))?;
    link(&path, &sys.join("bus/pci/devices").join(vf.pci.to_string()))?;
    let (folder, memory) = if intel.driver == IntelDriver::Xe {
        (parent.join(format!("sriov_admin/vf{}/profile", vf.number)), "vram_quota")
    } else {
        (card.join(format!("prelim_iov/vf{}/gt0", vf.number)), "lmem_quota")
    };
    file(&folder, memory, &format!("{}\n", vf.memory_quota.get()))?;
    file(&folder, "exec_quantum_ms", &format!("{}\n", vf.exec_quantum_ms))?;
    file(&folder, "preempt_timeout_us", &format!("{}\n", vf.preempt_timeout_us))
}
