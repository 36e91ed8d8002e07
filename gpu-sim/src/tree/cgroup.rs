//! cgroups of version 2 with the controller `dmem` (kernel: `Documentation/admin-guide/cgroup-v2.rst`,
//! "DMEM"): for machines whose processes are in cgroups.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write;
use std::path::{Path, PathBuf};

use super::plan::Plan;
use crate::kernel_memory;
use crate::scene::Scene;

const ROOT: &str = "sys/fs/cgroup";
const CONTROLLERS: &str = "cpu memory dmem pids";

/// The hierarchy, with every cgroup of a workload and those above it.
pub(super) fn hierarchy(plan: &mut Plan, scene: &Scene) {
    let mut processes: BTreeMap<&str, Vec<u32>> = BTreeMap::new();
    for workload in scene.running() {
        processes.entry(workload.cgroup.trim_end_matches('/')).or_default().push(workload.pid.0);
    }
    let mut paths: BTreeSet<&str> = BTreeSet::new();
    for path in processes.keys().filter(|path| path.starts_with('/')) {
        let ends = path.char_indices().skip(1).filter(|(_, letter)| *letter == '/').map(|(at, _)| at);
        paths.extend(ends.chain([path.len()]).map(|end| &path[..end]));
    }
    if paths.is_empty() {
        return;
    }
    let regions = regions(scene);
    let charges = kernel_memory::charges(scene);
    let root = Path::new(ROOT);
    plan.line(root, "cgroup.controllers", CONTROLLERS);
    plan.line(root, "cgroup.subtree_control", CONTROLLERS);
    plan.text(root, "dmem.capacity", lines(&regions, |(_, _, bytes)| bytes.to_string()));
    for path in &paths {
        let folder = PathBuf::from(format!("{ROOT}{path}"));
        let below = format!("{path}/");
        let current = |(position, region, _): &Region| {
            let is_here = |at: &str| at == *path || at.starts_with(&below);
            let of_it = charges
                .iter()
                .filter(|((at, gpu, name), _)| *gpu == *position && name == region && is_here(at));
            of_it.map(|(_, bytes)| bytes).sum::<u64>()
        };
        plan.line(&folder, "cgroup.controllers", CONTROLLERS);
        plan.line(&folder, "cgroup.subtree_control", CONTROLLERS);
        let pids = processes.get(path).into_iter().flatten().map(|pid| format!("{pid}\n"));
        plan.text(&folder, "cgroup.procs", pids.collect::<String>());
        plan.text(&folder, "dmem.current", lines(&regions, |region| current(region).to_string()));
        plan.text(&folder, "dmem.peak", lines(&regions, |region| current(region).to_string()));
        plan.text(&folder, "dmem.max", lines(&regions, |_| "max".to_owned()));
        for name in ["dmem.min", "dmem.low"] {
            plan.text(&folder, name, lines(&regions, |_| "0".to_owned()));
        }
    }
}

/// Position of a GPU, name of a region, its size.
type Region = (usize, String, u64);

fn regions(scene: &Scene) -> Vec<(String, Region)> {
    let gpus = scene.machine().gpus.iter().enumerate();
    let driven = gpus.filter(|(position, gpu)| !scene.gpu(*position).lost && scene.drives(gpu));
    let region = |(position, gpu): (usize, &crate::gpu::Gpu)| {
        let pci = gpu.pci;
        let regions = kernel_memory::regions(gpu).into_iter();
        regions
            .map(move |(name, size)| (format!("drm/{pci}/{name}"), (position, name, size.get())))
            .collect::<Vec<_>>()
    };
    driven.flat_map(region).collect()
}

fn lines(regions: &[(String, Region)], value: impl Fn(&Region) -> String) -> String {
    let mut text = String::new();
    for (name, region) in regions {
        // Writing to a string does not fail.
        let _ = writeln!(text, "{name} {}", value(region));
    }
    text
}
