//! Processes: what `/proc/<pid>` says of those that run.

use std::path::{Path, PathBuf};

use super::plan::Plan;
use crate::amd;
use crate::gpu::Silicon;
use crate::scene::Scene;
use crate::workload::{UseKind, Workload};

/// `/proc/<pid>`: stat, name, arguments, cgroup, and a descriptor for each device file in use, as the text of
/// its link.
pub(super) fn processes(plan: &mut Plan, scene: &Scene) {
    for workload in scene.running() {
        let path = PathBuf::from(format!("proc/{}", workload.pid));
        let ticks = workload.starts.0 / 10_000_000;
        let zeros = "0 ".repeat(15);
        let stat = format!("{} ({}) S 1 {zeros}20 0 {ticks} 0 0\n", workload.pid, workload.name);
        plan.text(&path, "stat", stat);
        plan.line(&path, "comm", &workload.name);
        plan.text(&path, "cmdline", format!("{}\0", workload.name));
        plan.line(&path, "cgroup", format_args!("0::{}", workload.cgroup));
        let descriptors = path.join("fd");
        plan.folder(&descriptors);
        for (fd, (file, number)) in device_files(scene, workload).iter().enumerate() {
            let fd = (fd + 3).to_string();
            plan.link_text(Path::new("/dev").join(file), &descriptors.join(&fd));
            if let Some(client) = amd::client(scene, workload, *number) {
                plan.text(&path.join("fdinfo"), &fd, amd::fdinfo(&client));
            }
        }
    }
}

/// The device files that a process holds open. CUDA opens NVIDIA's control file and `nvidia-uvm`
/// too, and a DRM node only to draw. Each with the number of the use that it is for.
fn device_files(scene: &Scene, workload: &Workload) -> Vec<(String, usize)> {
    let mut files: Vec<(String, usize)> = Vec::new();
    for (number, of) in workload.uses.iter().enumerate() {
        let gpu = &scene.machine().gpus[of.gpu];
        if !scene.drives(gpu) {
            continue;
        }
        let render = amd::drm(gpu, of.part).map(|drm| (format!("dri/renderD{}", drm.render), number));
        match &gpu.silicon {
            Silicon::Nvidia(nvidia) => {
                files.extend(["nvidiactl", "nvidia-uvm"].map(|name| (name.to_owned(), number)));
                files.push((format!("nvidia{}", nvidia.minor), number));
                files.extend(render.filter(|_| matches!(of.kind, UseKind::Graphics | UseKind::Both)));
            }
            Silicon::Amd(_) | Silicon::Intel(_) => files.extend(render),
        }
    }
    let mut once: Vec<(String, usize)> = Vec::with_capacity(files.len());
    for (file, number) in files {
        if once.iter().all(|(other, _)| *other != file) {
            once.push((file, number));
        }
    }
    once
}
