//! Where runtimes keep what they know of a container.

use std::path::{Component, Path, PathBuf};

use gpu_core::{Container, Runtime};

use super::json;

/// containerd's namespaces, as Kubernetes, `ctr`, Docker and nerdctl use them.
const NAMESPACES: [&str; 4] = ["k8s.io", "default", "moby", "nerdctl"];

/// The folders in which containerd keeps bundles: its own, and that of the one which Docker starts.
const CONTAINERD: [&str; 3] = [
    "run/containerd/io.containerd.runtime.v2.task",
    "run/docker/containerd/daemon/io.containerd.runtime.v2.task",
    "run/containerd/io.containerd.runtime.v1.linux",
];

/// The stores of podman and CRI-O, and their storage drivers.
const STORES: [&str; 2] = ["run/containers/storage", "var/lib/containers/storage"];
const DRIVERS: [&str; 4] = ["overlay", "vfs", "btrfs", "zfs"];

/// Where runc and crun keep their states.
const STATES: [&str; 6] = [
    "run/runc",
    "run/crun",
    "run/containerd/runc/k8s.io",
    "run/containerd/runc/default",
    "run/docker/runtime-runc/moby",
    "run/containerd/runc/moby",
];

/// Where the bundle of a container may lie, the likely places first. Rootless runtimes keep theirs
/// in a user's own folders, which are not looked for.
pub(super) fn bundles(host: &Path, container: &Container) -> Vec<PathBuf> {
    let id = container.id.as_str();
    // An id is without slashes; it must not lead upwards either.
    if id.starts_with('.') {
        return Vec::new();
    }
    let mut places = Vec::new();
    let tasks =
        CONTAINERD.iter().flat_map(|root| NAMESPACES.iter().map(move |name| format!("{root}/{name}/{id}")));
    let stores = STORES
        .iter()
        .flat_map(|root| DRIVERS.iter().map(move |name| format!("{root}/{name}-containers/{id}/userdata")));
    match container.runtime {
        Runtime::Podman | Runtime::CriO => places.extend(stores.chain(tasks)),
        _ => places.extend(tasks.chain(stores)),
    }
    let mut places: Vec<PathBuf> = places.iter().map(|place| host.join(place)).collect();
    places.extend(STATES.iter().filter_map(|root| by_state(host, &host.join(root).join(id))));
    places.iter().map(|place| place.join("config.json")).collect()
}

/// The bundle that a low-level runtime's state names: runc's as a label, crun's as a field.
fn by_state(host: &Path, folder: &Path) -> Option<PathBuf> {
    let runc = || {
        let state = json::read(&folder.join("state.json")).ok()?;
        let labels = json::texts(&state["config"]["labels"], 64);
        labels.iter().find_map(|label| label.strip_prefix("bundle=").map(str::to_owned))
    };
    let crun = || {
        let state = json::read(&folder.join("status")).ok()?;
        json::text(&state["bundle"]).map(str::to_owned)
    };
    below(host, &runc().or_else(crun)?)
}

/// A path of the machine's, below where the machine's files are.
pub(super) fn below(host: &Path, path: &str) -> Option<PathBuf> {
    let path = Path::new(path.trim_start_matches('/'));
    let plain = path.components().all(|part| matches!(part, Component::Normal(_)));
    (plain && path.components().next().is_some()).then(|| host.join(path))
}
