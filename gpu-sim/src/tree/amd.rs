//! AMD's files, in the forms that the kernel's sources give (`amdgpu_pm.c`, `kfd_topology.c`,
//! `kfd_process.c`, `amdgpu_ras.c`).

use std::collections::BTreeSet;
use std::fmt::Write;
use std::path::{Path, PathBuf};

use gpu_core::{Hertz, Vendor};

use super::pci::{directory, drm_nodes};
use super::plan::Plan;
use crate::amd::{self, AmdUse, ModeRefusal};
use crate::gpu::{AmdPowerFile, AmdSpec, Gpu, Silicon};
use crate::machine::{LinkKindSpec, Machine};
use crate::scene::Scene;
use crate::world::World;

/// Where the compute driver shows its nodes.
const NODES: &str = "sys/class/kfd/kfd/topology/nodes";

/// The attributes of one GPU, its sensors, and the platform devices of its further partitions.
pub(super) fn gpu(plan: &mut Plan, scene: &Scene, position: usize, gpu: &Gpu) {
    let Silicon::Amd(spec) = &gpu.silicon else { return };
    let (path, state) = (directory(gpu), scene.gpu(position));
    plan.line(&path, "product_name", &gpu.name);
    plan.text(&path, "unique_id", format!("{:x}\n", spec.unique_id.unwrap_or(0)));
    plan.line(&path, "serial_number", gpu.serial.as_deref().unwrap_or(""));
    plan.line(&path, "vbios_version", gpu.firmware.as_deref().unwrap_or(""));
    plan.line(&path, "mem_info_vram_total", gpu.memory.total.get());
    plan.line(&path, "mem_info_vram_used", state.memory_used.get());
    plan.line(&path, "mem_info_gtt_total", gpu.memory.system_total.unwrap_or_default().get());
    plan.line(&path, "mem_info_gtt_used", 0);
    plan.line(&path, "gpu_busy_percent", state.busy / 10);
    let modes = [
        ("current_compute_partition", "available_compute_partition", &spec.compute_mode, &spec.compute_modes),
        ("current_memory_partition", "available_memory_partition", &spec.memory_mode, &spec.memory_modes),
    ];
    for (current, available, mode, choices) in modes {
        if let Some(mode) = mode {
            plan.line(&path, current, mode);
            plan.line(&path, available, choices.join(", "));
        }
    }
    if let Some(ecc) = &gpu.ecc {
        plan.text(&path, "ras/umc_err_count", format!("ue: {}\nce: {}\n", ecc.uncorrected, ecc.corrected));
        plan.text(&path, "ras/gfx_err_count", "ue: 0\nce: 0\n");
        // Which blocks count: bit 0 the memory controllers, bit 2 the shader engines.
        plan.text(&path, "ras/features", "feature mask: 0x5\n");
        // A line for each page: where it is, how large, and that it is retired.
        let flag = |n| if n + 1 == ecc.retired_pages && ecc.retired_pending { 'P' } else { 'R' };
        let page = |n| format!("0x{n:08x} : 0x00001000 : {}\n", flag(n));
        let pages: String = (0..ecc.retired_pages).map(page).collect();
        plan.text(&path, "ras/gpu_vram_bad_pages", pages);
    }
    driver(plan, scene, &path, gpu);
    if let Some(blob) = amd::gpu_metrics(scene, position) {
        plan.text(&path, "gpu_metrics", blob);
    }
    if !spec.isolation.is_empty() {
        let numbers: Vec<String> = spec.isolation.iter().map(u32::to_string).collect();
        plan.line(&path, "enforce_isolation", numbers.join(" "));
    }
    let clocks = &gpu.clocks;
    plan.text(&path, "pp_dpm_sclk", levels(clocks.graphics_idle, clocks.graphics_max, state.clock_graphics));
    plan.text(&path, "pp_dpm_mclk", levels(clocks.memory_idle, clocks.memory_max, state.clock_memory));
    hwmon(plan, scene, &path, position, gpu, spec);
    for part in spec.partitions.iter().skip(1) {
        let device = PathBuf::from(format!("sys/devices/platform/amdgpu_xcp_{}", part.drm.card));
        drm_nodes(plan, &device, &part.drm);
    }
}

/// What tells that amdgpu drives the function, to tools that do not follow the `driver` link.
fn driver(plan: &mut Plan, scene: &Scene, path: &Path, gpu: &Gpu) {
    let module = Path::new("sys/module/amdgpu");
    plan.line(module, "initstate", "live");
    if let Some(version) = &scene.machine().amdgpu_version {
        plan.line(module, "version", version);
    }
    let id = &gpu.pci_id;
    let uevent = format!(
        "DRIVER=amdgpu\nPCI_CLASS=38000\nPCI_ID={:04X}:{:04X}\nPCI_SUBSYS_ID={:04X}:{:04X}\nPCI_SLOT_NAME={}\n",
        id.vendor, id.device, id.subvendor, id.subdevice, gpu.pci
    );
    plan.text(path, "uevent", uevent);
    plan.line(path, "revision", "0x00");
}

/// The driver's levels of a clock, the present one with a star.
fn levels(idle: Hertz, max: Hertz, now: Hertz) -> String {
    let mut levels = vec![idle, max];
    levels.dedup();
    levels.iter().enumerate().fold(String::new(), |mut text, (n, clock)| {
        let star = if *clock == now { " *" } else { "" };
        let _ = writeln!(text, "{n}: {}Mhz{star}", clock.get() / 1_000_000);
        text
    })
}

fn hwmon(plan: &mut Plan, scene: &Scene, path: &Path, position: usize, gpu: &Gpu, amd: &AmdSpec) {
    let (path, state) = (path.join(format!("hwmon/hwmon{}", position + 2)), scene.gpu(position));
    plan.text(&path, "name", "amdgpu\n");
    let power = if amd.power_on_other_die { 0 } else { state.power.get() };
    if amd.power_file != AmdPowerFile::Input {
        plan.line(&path, "power1_average", power);
    }
    if amd.power_file != AmdPowerFile::Average {
        plan.line(&path, "power1_input", power);
    }
    plan.text(&path, "power1_label", "PPT\n");
    plan.line(&path, "power1_cap", gpu.power.limit.get());
    plan.line(&path, "power1_cap_default", gpu.power.limit_default.get());
    plan.line(&path, "power1_cap_min", gpu.power.limit_min.get());
    plan.line(&path, "power1_cap_max", gpu.power.limit_max.get());
    let heat = state.temperature.get();
    let sensors = [
        ("temp1", "edge", Some(0)),
        ("temp2", "junction", gpu.thermal.hotspot_above.map(|above| above.get())),
        ("temp3", "mem", gpu.thermal.memory_above.map(|above| above.get())),
    ];
    for (name, label, above) in sensors {
        if let Some(above) = above {
            plan.line(&path, &format!("{name}_label"), label);
            plan.line(&path, &format!("{name}_input"), heat + above);
        }
    }
    if let (Some(slowdown), Some(shutdown)) = (gpu.thermal.slowdown, gpu.thermal.shutdown) {
        plan.line(&path, "temp2_crit", slowdown.get());
        plan.line(&path, "temp2_emergency", shutdown.get());
    }
    plan.text(&path, "freq1_label", "sclk\n");
    plan.line(&path, "freq1_input", state.clock_graphics.get());
    plan.text(&path, "freq2_label", "mclk\n");
    plan.line(&path, "freq2_input", state.clock_memory.get());
}

/// The compute driver's topology (processors first, then a node for each partition) and processes.
pub(super) fn compute_driver(plan: &mut Plan, scene: &Scene) {
    let gpus: Vec<(usize, &Gpu)> =
        scene.gpus_of(Vendor::AMD).filter(|(i, gpu)| !scene.gpu(*i).lost && scene.drives(gpu)).collect();
    if gpus.is_empty() {
        return;
    }
    let nodes = Path::new(NODES);
    let processors = scene.machine().numa_nodes.len();
    for number in 0..processors {
        let path = nodes.join(number.to_string());
        plan.line(&path, "gpu_id", 0);
        plan.line(&path, "name", "");
        let names = ["simd_count", "vendor_id", "device_id", "location_id", "domain"];
        let zeros = names.map(|name| (name, 0));
        plan.text(&path, "properties", format!("cpu_cores_count 64\n{}", lines(&zeros)));
        let bank = lines(&[("heap_type", 0), ("size_in_bytes", 540_000_000_000)]);
        plan.text(&path, "mem_banks/0/properties", bank);
        plan.folder(&path.join("io_links"));
        plan.folder(&path.join("p2p_links"));
    }
    let mut number = processors;
    // The first node of each GPU: what its links and those of others lead to.
    let mut firsts = Vec::new();
    for (position, gpu) in &gpus {
        firsts.push((*position, number));
        if let Silicon::Amd(amd) = &gpu.silicon {
            number += amd.partitions.len();
        }
    }
    for (position, gpu) in &gpus {
        let Silicon::Amd(amd) = &gpu.silicon else { continue };
        for index in 0..amd.partitions.len() {
            node(plan, scene, *position, index, &firsts);
        }
    }
    processes(plan, scene, &gpus);
}

fn node(plan: &mut Plan, scene: &Scene, position: usize, index: usize, firsts: &[(usize, usize)]) {
    let gpu = &scene.machine().gpus[position];
    let Silicon::Amd(amd) = &gpu.silicon else { return };
    let first = |of: usize| firsts.iter().find(|(position, _)| *position == of).map_or(0, |(_, node)| *node);
    let part = &amd.partitions[index];
    let path = Path::new(NODES).join((first(position) + index).to_string());
    plan.line(&path, "gpu_id", part.gpu_id);
    plan.line(&path, "name", "ip discovery");
    plan.folder(&path.join("p2p_links"));
    let location = u64::from(gpu.pci.bus) << 8 | u64::from(gpu.pci.device) << 3 | index as u64;
    let dies = amd.xcc as usize / amd.partitions.len();
    let properties = [
        ("simd_count", u64::from(part.compute_units) * 4),
        ("simd_per_cu", 4),
        // Of the full die: parts that are cut down have fewer units than this says.
        ("array_count", 4 * dies as u64),
        ("simd_arrays_per_engine", 1),
        ("cu_per_simd_array", 10),
        ("gfx_target_version", u64::from(amd.gfx_target_version)),
        ("vendor_id", u64::from(gpu.pci_id.vendor)),
        ("device_id", u64::from(gpu.pci_id.device)),
        ("location_id", location),
        ("domain", u64::from(gpu.pci.domain)),
        ("drm_render_minor", u64::from(part.drm.render)),
        ("hive_id", amd.hive_id.unwrap_or(0)),
        ("unique_id", amd.unique_id.unwrap_or(0)),
        ("num_xcc", dies as u64),
    ];
    plan.text(&path, "properties", lines(&properties));
    let bank = lines(&[("heap_type", 1), ("size_in_bytes", part.memory.get())]);
    plan.text(&path, "mem_banks/0/properties", bank);
    let from = first(position) + index;
    let mut io_link = |n: usize, kind: u64, to: usize, weight: u32| {
        let properties = [
            ("type", kind),
            ("version_major", 0),
            ("version_minor", 0),
            ("node_from", from as u64),
            ("node_to", to as u64),
            ("weight", u64::from(weight)),
            ("min_latency", 0),
            ("max_latency", 0),
            ("min_bandwidth", 0),
            ("max_bandwidth", 0),
            ("recommended_transfer_size", 0),
            ("flags", 1),
        ];
        plan.text(&path, &format!("io_links/{n}/properties"), lines(&properties));
    };
    io_link(0, 2, gpu.numa.map_or(0, |node| node.0 as usize), 20);
    for (n, link) in scene.machine().links.iter().enumerate() {
        let LinkKindSpec::Xgmi { weight } = link.kind else { continue };
        let other = if link.a == position { link.b } else { link.a };
        if (link.a == position || link.b == position) && firsts.iter().any(|(of, _)| *of == other) {
            io_link(n + 1, 11, first(other), weight);
        }
    }
}

/// The kernel's `name value` lines.
fn lines(properties: &[(&str, u64)]) -> String {
    properties.iter().fold(String::new(), |mut text, (name, value)| {
        let _ = writeln!(text, "{name} {value}");
        text
    })
}

/// Most pairs of a process and a partition for which there are files, as the kernel has them for
/// all. Past that, a process has those of the GPUs that it uses: of 200 processes on 64 partitions
/// all would be 41,000 files, which take several times as long to write as the rest of the tree.
const MOST_PAIRS: usize = 4096;

/// `proc/<pid>`: files for every partition that the process could use, 0 where it holds nothing.
fn processes(plan: &mut Plan, scene: &Scene, gpus: &[(usize, &Gpu)]) {
    let folder = Path::new("sys/class/kfd/kfd/proc");
    plan.folder(folder);
    let mut nodes: Vec<(usize, usize, u32)> = Vec::new();
    let mut uses: Vec<(usize, AmdUse)> = Vec::new();
    for (position, gpu) in gpus {
        let Silicon::Amd(spec) = &gpu.silicon else { continue };
        nodes.extend(spec.partitions.iter().enumerate().map(|(n, part)| (*position, n, part.gpu_id)));
        uses.extend(amd::uses(scene, *position).into_iter().map(|of| (*position, of)));
    }
    uses.retain(|(_, of)| of.computes);
    let pids: BTreeSet<u32> = uses.iter().map(|(_, of)| of.pid.0).collect();
    let all = nodes.len() * pids.len() <= MOST_PAIRS;
    for workload in scene.running() {
        let uses: Vec<_> = uses.iter().filter(|(_, of)| of.pid == workload.pid).collect();
        if uses.is_empty() {
            continue;
        }
        let path = folder.join(workload.pid.to_string());
        plan.line(&path, "pasid", 0x8000 + workload.pid.0);
        for (n, (position, index, gpu_id)) in nodes.iter().enumerate() {
            if all || uses.iter().any(|(on, _)| on == position) {
                let here = |of: &&&(usize, AmdUse)| of.0 == *position && of.1.partition == *index;
                process_on(plan, &path, *gpu_id, n, uses.iter().filter(here).map(|of| &of.1));
            }
        }
    }
}

/// The files of one process about one node.
fn process_on<'a>(
    plan: &mut Plan,
    path: &Path,
    gpu_id: u32,
    queue: usize,
    uses: impl Iterator<Item = &'a AmdUse>,
) {
    let (mut number_of_uses, mut memory, mut copies, mut units) = (0, 0, 0, 0);
    for of in uses {
        number_of_uses += 1;
        memory += of.memory.get();
        copies += of.copies.get() / 1000;
        units += of.units.get();
    }
    if number_of_uses > 0 {
        plan.line(path, &format!("queues/{queue}/gpuid"), gpu_id);
        plan.line(path, &format!("queues/{queue}/type"), 0);
        plan.line(path, &format!("queues/{queue}/size"), 1 << 20);
    }
    plan.line(path, &format!("vram_{gpu_id}"), memory);
    plan.line(path, &format!("sdma_{gpu_id}"), copies);
    plan.line(path, &format!("stats_{gpu_id}/cu_occupancy"), units);
}

/// A mode that somebody wrote into a file.
#[derive(PartialEq)]
pub(super) struct WrittenMode {
    pub(super) path: PathBuf,
    pub(super) text: String,
    gpu: usize,
    setting: Setting,
}

#[derive(Clone, Copy, PartialEq)]
enum Setting {
    Compute,
    Memory,
}

impl WrittenMode {
    pub(super) fn carry_out(self, world: &World) -> Result<(), ModeRefusal> {
        world.change_modes(|machine| match self.setting {
            Setting::Compute => machine.set_compute_mode(self.gpu, &self.text),
            Setting::Memory => machine.set_memory_mode(self.gpu, &self.text),
        })
    }
}

/// The mode files below `root` that hold something else than the machine's modes. One that is
/// empty is being written.
pub(super) fn written_modes(root: &Path, machine: &Machine) -> Vec<WrittenMode> {
    let mut found = Vec::new();
    for (gpu, of) in machine.gpus.iter().enumerate() {
        let Silicon::Amd(spec) = &of.silicon else { continue };
        let mut look = |name: &str, mode: &Option<String>, setting| {
            let path = directory(of).join(name);
            let Ok(text) = std::fs::read_to_string(root.join(&path)) else { return };
            let text = text.trim().to_owned();
            if !text.is_empty() && mode.as_ref().is_some_and(|mode| *mode != text) {
                found.push(WrittenMode { path, text, gpu, setting });
            }
        };
        look("current_compute_partition", &spec.compute_mode, Setting::Compute);
        look("current_memory_partition", &spec.memory_mode, Setting::Memory);
    }
    found
}
