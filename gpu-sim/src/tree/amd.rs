//! AMD's files, in the forms that the kernel's sources give (`amdgpu_pm.c`, `kfd_topology.c`,
//! `kfd_process.c`, `amdgpu_ras.c`).

use std::fmt::Write;
use std::io;
use std::path::Path;

use gpu_core::{Hertz, Vendor};

use super::write::file;
use super::{directory, drm_nodes};
use crate::amd;
use crate::gpu::{AmdPowerFile, AmdSpec, Gpu, Silicon};
use crate::machine::LinkKindSpec;
use crate::scene::Scene;

/// The attributes of one GPU, its sensors, and the platform devices of its further partitions.
pub(super) fn gpu(scene: &Scene, sys: &Path, position: usize, gpu: &Gpu) -> io::Result<()> {
    let Silicon::Amd(spec) = &gpu.silicon else { return Ok(()) };
    let (path, state) = (directory(sys, gpu), scene.gpu(position));
    let number = |name: &str, n: u64| file(&path, name, &format!("{n}\n"));
    file(&path, "product_name", &format!("{}\n", gpu.name))?;
    file(&path, "unique_id", &format!("{:x}\n", spec.unique_id.unwrap_or(0)))?;
    file(&path, "serial_number", &format!("{}\n", gpu.serial.as_deref().unwrap_or("")))?;
    file(&path, "vbios_version", &format!("{}\n", gpu.firmware.as_deref().unwrap_or("")))?;
    number("mem_info_vram_total", gpu.memory.total.get())?;
    number("mem_info_vram_used", state.memory_used.get())?;
    number("mem_info_gtt_total", gpu.memory.system_total.unwrap_or_default().get())?;
    number("mem_info_gtt_used", 0)?;
    number("gpu_busy_percent", state.busy / 10)?;
    let modes = [
        ("current_compute_partition", "available_compute_partition", &spec.compute_mode, &spec.compute_modes),
        ("current_memory_partition", "available_memory_partition", &spec.memory_mode, &spec.memory_modes),
    ];
    for (current, available, mode, choices) in modes {
        if let Some(mode) = mode {
            file(&path, current, &format!("{mode}\n"))?;
            file(&path, available, &format!("{}\n", choices.join(", ")))?;
        }
    }
    if let Some(ecc) = &gpu.ecc {
        file(&path, "ras/umc_err_count", &format!("ue: {}\nce: {}\n", ecc.uncorrected, ecc.corrected))?;
        file(&path, "ras/gfx_err_count", "ue: 0\nce: 0\n")?;
        // A line for each page: where it is, how large, and that it is retired.
        let pages: String = (0..ecc.retired_pages).map(|n| format!("0x{n:08x} : 0x00001000 : R\n")).collect();
        file(&path, "ras/gpu_vram_bad_pages", &pages)?;
    }
    driver(scene, sys, &path, gpu)?;
    if let Some(blob) = amd::gpu_metrics(scene, position) {
        std::fs::write(path.join("gpu_metrics"), blob)?;
    }
    if !spec.isolation.is_empty() {
        let numbers: Vec<String> = spec.isolation.iter().map(u32::to_string).collect();
        file(&path, "enforce_isolation", &format!("{}\n", numbers.join(" ")))?;
    }
    file(
        &path,
        "pp_dpm_sclk",
        &levels(gpu.clocks.graphics_idle, gpu.clocks.graphics_max, state.clock_graphics),
    )?;
    file(&path, "pp_dpm_mclk", &levels(gpu.clocks.memory_idle, gpu.clocks.memory_max, state.clock_memory))?;
    hwmon(scene, &path, position, gpu, spec)?;
    for part in spec.partitions.iter().skip(1) {
        let device = sys.join(format!("devices/platform/amdgpu_xcp_{}", part.drm.card));
        drm_nodes(sys, &device, &part.drm)?;
    }
    Ok(())
}

/// What tells that amdgpu drives the function, to tools that do not follow the `driver` link.
fn driver(scene: &Scene, sys: &Path, path: &Path, gpu: &Gpu) -> io::Result<()> {
    let module = sys.join("module/amdgpu");
    file(&module, "initstate", "live\n")?;
    if let Some(version) = &scene.machine().amdgpu_version {
        file(&module, "version", &format!("{version}\n"))?;
    }
    let id = &gpu.pci_id;
    let uevent = format!(
        "DRIVER=amdgpu\nPCI_CLASS=38000\nPCI_ID={:04X}:{:04X}\nPCI_SUBSYS_ID={:04X}:{:04X}\nPCI_SLOT_NAME={}\n",
        id.vendor, id.device, id.subvendor, id.subdevice, gpu.pci
    );
    file(path, "uevent", &uevent)?;
    file(path, "revision", "0x00\n")
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

fn hwmon(scene: &Scene, path: &Path, position: usize, gpu: &Gpu, amd: &AmdSpec) -> io::Result<()> {
    let (path, state) = (path.join(format!("hwmon/hwmon{}", position + 2)), scene.gpu(position));
    file(&path, "name", "amdgpu\n")?;
    let number = |name: &str, n: u64| file(&path, name, &format!("{n}\n"));
    let power = if amd.power_on_other_die { 0 } else { state.power.get() };
    if amd.power_file != AmdPowerFile::Input {
        number("power1_average", power)?;
    }
    if amd.power_file != AmdPowerFile::Average {
        number("power1_input", power)?;
    }
    file(&path, "power1_label", "PPT\n")?;
    number("power1_cap", gpu.power.limit.get())?;
    number("power1_cap_default", gpu.power.limit_default.get())?;
    number("power1_cap_min", gpu.power.limit_min.get())?;
    number("power1_cap_max", gpu.power.limit_max.get())?;
    let heat = state.temperature.get();
    let sensors = [
        ("temp1", "edge", Some(0)),
        ("temp2", "junction", gpu.thermal.hotspot_above.map(|above| above.get())),
        ("temp3", "mem", gpu.thermal.memory_above.map(|above| above.get())),
    ];
    for (name, label, above) in sensors {
        if let Some(above) = above {
            file(&path, &format!("{name}_label"), &format!("{label}\n"))?;
            file(&path, &format!("{name}_input"), &format!("{}\n", heat + above))?;
        }
    }
    if let (Some(slowdown), Some(shutdown)) = (gpu.thermal.slowdown, gpu.thermal.shutdown) {
        file(&path, "temp2_crit", &format!("{}\n", slowdown.get()))?;
        file(&path, "temp2_emergency", &format!("{}\n", shutdown.get()))?;
    }
    file(&path, "freq1_label", "sclk\n")?;
    number("freq1_input", state.clock_graphics.get())?;
    file(&path, "freq2_label", "mclk\n")?;
    number("freq2_input", state.clock_memory.get())
}

/// The compute driver's topology (processors first, then a node for each partition) and processes.
pub(super) fn compute_driver(scene: &Scene, sys: &Path) -> io::Result<()> {
    let gpus: Vec<(usize, &Gpu)> = scene.gpus_of(Vendor::AMD).filter(|(i, _)| !scene.gpu(*i).lost).collect();
    if gpus.is_empty() {
        return Ok(());
    }
    let nodes = sys.join("class/kfd/kfd/topology/nodes");
    let processors = scene.machine().numa_nodes.len();
    for number in 0..processors {
        let path = nodes.join(number.to_string());
        file(&path, "gpu_id", "0\n")?;
        file(&path, "name", "\n")?;
        let properties =
            "cpu_cores_count 64\nsimd_count 0\nvendor_id 0\ndevice_id 0\nlocation_id 0\ndomain 0\n";
        file(&path, "properties", properties)?;
        file(&path, "mem_banks/0/properties", "heap_type 0\nsize_in_bytes 540000000000\n")?;
        std::fs::create_dir_all(path.join("io_links"))?;
        std::fs::create_dir_all(path.join("p2p_links"))?;
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
            node(scene, &nodes, *position, gpu, amd, index, &firsts)?;
        }
    }
    processes(scene, sys, &gpus)
}

fn node(
    scene: &Scene,
    nodes: &Path,
    position: usize,
    gpu: &Gpu,
    amd: &AmdSpec,
    index: usize,
    firsts: &[(usize, usize)],
) -> io::Result<()> {
    let first = |of: usize| firsts.iter().find(|(position, _)| *position == of).map_or(0, |(_, node)| *node);
    let part = &amd.partitions[index];
    let path = nodes.join((first(position) + index).to_string());
    file(&path, "gpu_id", &format!("{}\n", part.gpu_id))?;
    file(&path, "name", "ip discovery\n")?;
    std::fs::create_dir_all(path.join("p2p_links"))?;
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
    file(&path, "properties", &lines(&properties))?;
    file(&path, "mem_banks/0/properties", &format!("heap_type 1\nsize_in_bytes {}\n", part.memory.get()))?;
    let from = first(position) + index;
    let io_link = |n: usize, kind: u64, to: usize, weight: u32| {
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
        file(&path, &format!("io_links/{n}/properties"), &lines(&properties))
    };
    io_link(0, 2, gpu.numa.map_or(0, |node| node.0 as usize), 20)?;
    for (n, link) in scene.machine().links.iter().enumerate() {
        let LinkKindSpec::Xgmi { weight } = link.kind else { continue };
        let other = if link.a == position { link.b } else { link.a };
        if (link.a == position || link.b == position) && firsts.iter().any(|(of, _)| *of == other) {
            io_link(n + 1, 11, first(other), weight)?;
        }
    }
    Ok(())
}

/// The kernel's `name value` lines.
fn lines(properties: &[(&str, u64)]) -> String {
    properties.iter().fold(String::new(), |mut text, (name, value)| {
        let _ = writeln!(text, "{name} {value}");
        text
    })
}

/// Most nodes for which every process gets its files, as the kernel does it. On larger machines a
/// process has those of the GPUs that it uses: 200 processes on 64 partitions are 40,000 files.
const MOST_NODES: usize = 16;

/// `proc/<pid>`: files for every partition that the process could use, 0 where it holds nothing.
fn processes(scene: &Scene, sys: &Path, gpus: &[(usize, &Gpu)]) -> io::Result<()> {
    let folder = sys.join("class/kfd/kfd/proc");
    std::fs::create_dir_all(&folder)?;
    let parts = |gpu: &Gpu| match &gpu.silicon {
        Silicon::Amd(spec) => spec.partitions.clone(),
        _ => Vec::new(),
    };
    let nodes: Vec<(usize, usize, u32)> = gpus
        .iter()
        .flat_map(|(position, gpu)| {
            let parts = parts(gpu).into_iter().enumerate();
            parts.map(move |(index, part)| (*position, index, part.gpu_id))
        })
        .collect();
    for workload in scene.running() {
        let uses: Vec<(usize, amd::AmdUse)> = gpus
            .iter()
            .flat_map(|(position, _)| amd::uses(scene, *position).into_iter().map(|of| (*position, of)))
            .filter(|(_, of)| of.pid == workload.pid && of.computes)
            .collect();
        if uses.is_empty() {
            continue;
        }
        let path = folder.join(workload.pid.to_string());
        file(&path, "pasid", &format!("{}\n", 0x8000 + workload.pid.0))?;
        for (n, (position, index, gpu_id)) in nodes.iter().enumerate() {
            if nodes.len() <= MOST_NODES || uses.iter().any(|(on, _)| on == position) {
                let here = |of: &&(usize, amd::AmdUse)| of.0 == *position && of.1.partition == *index;
                process_on(&path, *gpu_id, n, uses.iter().filter(here).map(|(_, of)| of))?;
            }
        }
    }
    Ok(())
}

/// The files of one process about one node.
fn process_on<'a>(
    path: &Path,
    gpu_id: u32,
    queue: usize,
    uses: impl Iterator<Item = &'a amd::AmdUse>,
) -> io::Result<()> {
    let (mut number_of_uses, mut memory, mut copies, mut units) = (0, 0, 0, 0);
    for of in uses {
        number_of_uses += 1;
        memory += of.memory.get();
        copies += of.copies.get() / 1000;
        units += of.units.get();
    }
    let number = |name: String, n: u64| file(path, &name, &format!("{n}\n"));
    if number_of_uses > 0 {
        number(format!("queues/{queue}/gpuid"), u64::from(gpu_id))?;
        number(format!("queues/{queue}/type"), 0)?;
        number(format!("queues/{queue}/size"), 1 << 20)?;
    }
    number(format!("vram_{gpu_id}"), memory)?;
    number(format!("sdma_{gpu_id}"), copies)?;
    number(format!("stats_{gpu_id}/cu_occupancy"), units)
}
