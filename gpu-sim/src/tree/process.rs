//! Processes: what `/proc/<pid>` says of those that run.

use std::path::{Path, PathBuf};

use gpu_core::Pid;

use super::plan::Plan;
use crate::amd;
use crate::gpu::Silicon;
use crate::intel;
use crate::scene::Scene;
use crate::workload::{Use, UseKind, Workload};

/// `/proc/<pid>`: stat, name, arguments, cgroup, and a descriptor for each device file in use, as the text of
/// its link; the same of its other threads.
pub(super) fn processes(plan: &mut Plan, scene: &Scene) {
    // The first namespace's own number (kernel: `PROC_PID_INIT_INO`): these are the host's pids.
    plan.link_text("pid:[4026531836]", Path::new("proc/1/ns/pid"));
    for workload in scene.running() {
        let path = PathBuf::from(format!("proc/{}", workload.pid));
        stat(plan, &path, workload.pid, workload);
        plan.text(&path, "cmdline", format!("{}\0", workload.name));
        plan.line(&path, "cgroup", format_args!("0::{}", workload.cgroup));
        let files = device_files(scene, workload);
        descriptors(plan, &path, scene, &files);
        // One table of descriptors for all threads, which the kernel shows for each.
        if !workload.threads.is_empty() {
            for thread in std::iter::once(&workload.pid).chain(&workload.threads) {
                let path = path.join(format!("task/{thread}"));
                stat(plan, &path, *thread, workload);
                descriptors(plan, &path, scene, &files);
            }
        }
    }
}

fn stat(plan: &mut Plan, path: &Path, number: Pid, workload: &Workload) {
    let ticks = workload.starts.0 / 10_000_000;
    let zeros = "0 ".repeat(15);
    plan.text(path, "stat", format!("{number} ({}) S 1 {zeros}20 0 {ticks} 0 0\n", workload.name));
    plan.line(path, "comm", &workload.name);
}

fn descriptors(plan: &mut Plan, path: &Path, scene: &Scene, files: &[Opened<'_>]) {
    let folder = path.join("fd");
    plan.folder(&folder);
    for (fd, opened) in (3..).zip(files) {
        let (fd, of, number) = (fd.to_string(), opened.by, opened.number);
        plan.link_text(Path::new("/dev").join(&opened.file), &folder.join(&fd));
        if let Some(client) = amd::client(scene, of, number) {
            plan.text(&path.join("fdinfo"), &fd, amd::fdinfo(&client));
        }
        if let Some(client) = intel::client(scene, of, number) {
            plan.text(&path.join("fdinfo"), &fd, intel::fdinfo(&client));
        }
    }
}

/// A device file that is open: who opened it, for which of his uses.
struct Opened<'a> {
    file: String,
    by: &'a Workload,
    number: usize,
}

/// The device files that a process holds open, by descriptor.
fn device_files<'a>(scene: &'a Scene, workload: &'a Workload) -> Vec<Opened<'a>> {
    let mut files: Vec<Opened<'a>> = Vec::new();
    for (number, of) in workload.uses.iter().enumerate() {
        // On a GPU of Intel's each use is a client, and has a descriptor of its own.
        let is_client = matches!(scene.machine().gpus[of.gpu].silicon, Silicon::Intel(_));
        for file in files_of(scene, of) {
            if is_client || files.iter().all(|other| other.file != file) {
                files.push(Opened { file, by: workload, number });
            }
        }
    }
    for (by, number) in scene.opened(workload).skip(workload.uses.len()) {
        files.extend(files_of(scene, &by.uses[number]).into_iter().map(|file| Opened { file, by, number }));
    }
    files
}

/// The device files that a use takes. CUDA opens NVIDIA's control file and `nvidia-uvm` too, and a DRM
/// node only to draw.
fn files_of(scene: &Scene, of: &Use) -> Vec<String> {
    let gpu = &scene.machine().gpus[of.gpu];
    if !scene.drives(gpu) {
        return Vec::new();
    }
    let render = amd::drm(gpu, of.part).map(|drm| format!("dri/renderD{}", drm.render));
    match &gpu.silicon {
        Silicon::Nvidia(nvidia) => {
            let mut files = ["nvidiactl", "nvidia-uvm"].map(str::to_owned).to_vec();
            files.push(format!("nvidia{}", nvidia.minor));
            files.extend(render.filter(|_| matches!(of.kind, UseKind::Graphics | UseKind::Both)));
            files
        }
        Silicon::Amd(_) | Silicon::Intel(_) => render.into_iter().collect(),
    }
}
