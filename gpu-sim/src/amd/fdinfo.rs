//! DRM's accounting of an AMD client, as text (kernel: `amdgpu_fdinfo.c`) and as what it says.

use std::fmt::Write;

use gpu_core::{Bytes, DeviceNumber, DrmClient, Nanoseconds, Tag};

use super::busy_time;
use crate::gpu::Gpu;
use crate::scene::Scene;
use crate::workload::{UseKind, Workload};

/// The number of the client of a process' n-th use: the same for the life of the process.
fn id(workload: &Workload, number: usize) -> u64 {
    u64::from(workload.pid.0) * 100 + number as u64
}

/// What the client of a process' n-th use shows.
pub(super) fn client(
    scene: &Scene,
    workload: &Workload,
    number: usize,
    gpu: &Gpu,
    node: DeviceNumber,
) -> DrmClient {
    let of = &workload.uses[number];
    let age = scene.now().since(workload.starts);
    let mut client = DrmClient::new(node);
    client.driver = Some(Tag::literal("amdgpu"));
    client.pdev = Some(gpu.pci);
    client.id = Some(id(workload, number));
    // The driver writes whole KiB.
    let memory = Bytes(of.memory.at(age) / 1024 * 1024);
    let vram = client.region(Tag::literal("vram"));
    (vram.resident, vram.evicted) = (Some(memory), Some(Bytes::ZERO));
    client.region(Tag::literal("gtt")).resident = Some(Bytes::mib(2));
    // Work of compute queues does not pass through DRM: only drawing shows, and only if there is any.
    let drawn = busy_time(of, age);
    if matches!(of.kind, UseKind::Graphics | UseKind::Both) && drawn != Nanoseconds::ZERO {
        client.engine(Tag::literal("gfx")).time = Some(drawn);
    }
    client
}

/// The text of the client's file.
pub(crate) fn text(client: &DrmClient) -> String {
    let mut text = "pos:\t0\nflags:\t02100002\nmnt_id:\t26\nino:\t525\npasid:\t32771\n".to_owned();
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
        let kib = |bytes: Option<Bytes>| bytes.map(|bytes| format!("{} KiB", bytes.get() / 1024));
        let keys = [("drm-memory", region.resident), ("amd-evicted", region.evicted)];
        for (key, bytes) in keys {
            if let Some(amount) = kib(bytes) {
                line(&format!("{key}-{}", region.name), amount);
            }
        }
    }
    for engine in &client.engines {
        if let Some(time) = engine.time {
            line(&format!("drm-engine-{}", engine.name), format!("{} ns", time.get()));
        }
    }
    text
}
