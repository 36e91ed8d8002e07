//! DRM's accounting of a client of i915 and xe, as text (kernel: `i915_drm_client.c`,
//! `xe_drm_client.c`) and as what it says.

use std::fmt::Write;

use gpu_core::{Bytes, DeviceNumber, DrmClient, DrmRegion, Nanoseconds, Tag};

use crate::amd::busy_time;
use crate::gpu::{Gpu, IntelDriver, IntelSpec};
use crate::scene::Scene;
use crate::workload::{Part, Use, UseKind, Workload};

/// System memory that every client has.
const SYSTEM: Bytes = Bytes::mib(2);

/// Work of one client by what engines do: drawing, computing, copying, video.
pub(super) struct Work {
    pub(super) render: Nanoseconds,
    pub(super) compute: Nanoseconds,
    pub(super) copy: Nanoseconds,
    pub(super) video: Nanoseconds,
}

pub(super) fn work(of: &Use, age: Nanoseconds) -> Work {
    let busy = busy_time(of, age);
    let video =
        of.encoder_busy.integral(Nanoseconds::ZERO, age) + of.decoder_busy.integral(Nanoseconds::ZERO, age);
    let (render, compute) = match of.kind {
        UseKind::Compute | UseKind::MpsClient => (Nanoseconds::ZERO, busy),
        UseKind::Graphics => (busy, Nanoseconds::ZERO),
        UseKind::Both => (Nanoseconds(busy.get() / 2), Nanoseconds(busy.get() / 2)),
    };
    let video = Nanoseconds(u64::try_from(video / 1000).unwrap_or(u64::MAX));
    Work { render, compute, copy: Nanoseconds(busy.get() / 16), video }
}

/// Cycles of the clock that xe counts in, 19.2 MHz, in a span of time.
fn cycles(time: Nanoseconds) -> u64 {
    u64::try_from(u128::from(time.get()) * 24 / 1250).unwrap_or(u64::MAX)
}

/// What the client of a process' n-th use shows.
pub(super) fn client(
    scene: &Scene,
    workload: &Workload,
    number: usize,
    gpu: &Gpu,
    intel: &IntelSpec,
    node: DeviceNumber,
) -> DrmClient {
    let of = &workload.uses[number];
    let age = scene.now().since(workload.starts);
    let mut client = DrmClient::new(node);
    client.driver =
        Some(if intel.driver == IntelDriver::Xe { Tag::literal("xe") } else { Tag::literal("i915") });
    client.pdev = Some(match of.part {
        Part::Function { number } => intel.vf(number).map_or(gpu.pci, |vf| vf.pci),
        _ => gpu.pci,
    });
    // The same for the life of the process.
    client.id = Some(u64::from(workload.pid.0) * 100 + number as u64);
    let held = Bytes(of.memory.at(age) / 1024 * 1024);
    if gpu.is_processor_graphics() {
        regions_of_processor(&mut client, intel, held);
    } else {
        regions(&mut client, of, intel, held);
    }
    let work = work(of, age);
    // Where no engine computes alone, the one that draws does it, too.
    let (render, compute) = match intel.ccs_slices {
        0 => (work.render.saturating_add(work.compute), None),
        _ => (work.render, Some(work.compute)),
    };
    match intel.driver {
        IntelDriver::Xe => {
            let total = cycles(Nanoseconds(scene.now().0));
            // Battlemage has two of each, Lunar Lake one (kernel: `xe_pci.c`).
            let media = if gpu.is_processor_graphics() { 1 } else { 2 };
            let engines = [
                ("rcs", render, 1),
                ("bcs", work.copy, 1),
                ("vcs", work.video, media),
                ("vecs", Nanoseconds::ZERO, media),
            ];
            let compute = compute.map(|time| ("ccs", time, intel.ccs_mode.unwrap_or(1).max(1)));
            for (name, time, capacity) in engines.into_iter().chain(compute) {
                let engine = client.engine(Tag::literal(name));
                engine.cycles = Some(cycles(time));
                (engine.total_cycles, engine.capacity) = (Some(total), capacity);
            }
        }
        IntelDriver::I915 | IntelDriver::I915Prelim => {
            let engines = [
                ("render", render, 1),
                ("copy", work.copy, 1),
                ("video", work.video, 2),
                ("video-enhance", Nanoseconds::ZERO, if gpu.is_processor_graphics() { 1 } else { 2 }),
            ];
            for (name, time, capacity) in engines.into_iter().chain(compute.map(|time| ("compute", time, 4)))
            {
                let engine = client.engine(Tag::literal(name));
                (engine.time, engine.capacity) = (Some(time), capacity);
            }
        }
    }
    client
}

/// Everything in the machine's memory: xe tells what programs see apart from what the driver keeps for
/// them, i915 does not. What the firmware has set aside is nobody's.
fn regions_of_processor(client: &mut DrmClient, intel: &IntelSpec, memory: Bytes) {
    let regions = match intel.driver {
        IntelDriver::Xe => [Some(("system", SYSTEM)), Some(("gtt", memory)), Some(("stolen", Bytes::ZERO))],
        _ => [Some(("system0", memory.saturating_add(SYSTEM))), Some(("stolen-system0", Bytes::ZERO)), None],
    };
    for (name, held) in regions.into_iter().flatten() {
        fill(client.region(Tag::literal(name)), held);
    }
}

/// Memory in the regions of the tile that is used; of a whole GPU or a function, in equal parts in all.
fn regions(client: &mut DrmClient, of: &Use, intel: &IntelSpec, memory: Bytes) {
    let (system, local) = match intel.driver {
        IntelDriver::Xe => ("gtt", "vram"),
        _ => ("system0", "local"),
    };
    fill(client.region(Tag::literal(system)), SYSTEM);
    let tiles = intel.tiles.len().max(1) as u64;
    for tile in 0..tiles {
        let held = match of.part {
            Part::Tile { index } if u64::from(index) == tile => memory,
            Part::Tile { .. } => Bytes::ZERO,
            _ => share(memory, tile, tiles),
        };
        if let Ok(name) = format!("{local}{tile}").parse() {
            fill(client.region(name), held);
        }
    }
}

/// The part of one tile, in whole KiB; the first has what is left over.
pub(super) fn share(memory: Bytes, tile: u64, tiles: u64) -> Bytes {
    let part = memory.get() / tiles / 1024 * 1024;
    Bytes(if tile == 0 { memory.get() - part * (tiles - 1) } else { part })
}

fn fill(region: &mut DrmRegion, held: Bytes) {
    (region.total, region.resident, region.shared) = (Some(held), Some(held), Some(Bytes::ZERO));
    (region.active, region.purgeable) = (Some(Bytes::ZERO), Some(Bytes::ZERO));
}

/// The text of the client's file.
pub(crate) fn text(client: &DrmClient) -> String {
    let mut text = "pos:\t0\nflags:\t02100002\nmnt_id:\t26\nino:\t525\n".to_owned();
    let mut line = |key: &str, value: String| {
        let _ = writeln!(text, "{key}:\t{value}");
    };
    if let Some(driver) = client.driver {
        line("drm-driver", driver.to_string());
    }
    if let Some(id) = client.id {
        line("drm-client-id", id.to_string());
    }
    if let Some(pdev) = client.pdev {
        line("drm-pdev", pdev.to_string());
    }
    for region in &client.regions {
        let keys = [
            ("total", region.total),
            ("shared", region.shared),
            ("active", region.active),
            ("resident", region.resident),
            ("purgeable", region.purgeable),
        ];
        for (verb, bytes) in keys {
            if let Some(amount) = bytes {
                line(&format!("drm-{verb}-{}", region.name), amount_of(amount));
            }
        }
    }
    for engine in &client.engines {
        if let Some(time) = engine.time {
            line(&format!("drm-engine-{}", engine.name), format!("{} ns", time.get()));
        }
        if let (Some(cycles), Some(total)) = (engine.cycles, engine.total_cycles) {
            line(&format!("drm-cycles-{}", engine.name), cycles.to_string());
            line(&format!("drm-total-cycles-{}", engine.name), total.to_string());
        }
        if engine.capacity > 1 {
            line(&format!("drm-engine-capacity-{}", engine.name), engine.capacity.to_string());
        }
    }
    text
}

/// In the largest unit without a remainder, as `drm_fdinfo_print_size` writes it.
fn amount_of(bytes: Bytes) -> String {
    match bytes.get() {
        n if n == 0 || n % 1024 != 0 => n.to_string(),
        n if n % (1 << 20) != 0 => format!("{} KiB", n >> 10),
        n => format!("{} MiB", n >> 20),
    }
}
