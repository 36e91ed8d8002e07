//! Docker's state of a container (`config.v2.json`), and podman's of its store.
//!
//! Docker: moby, `container/container.go`. podman keeps its names in a database (`db.sql`, older
//! `bolt_state.db`), which is not read; its store of containers (containers/storage,
//! `containers.json`) has names and images too.

use std::path::Path;

use gpu_core::{Container, Known, Label, LabelSource, Labels, Runtime};
use serde_json::Value;

use super::json;

const NOT_TOLD: &str = "the runtime's own files do not tell";

/// The names that the runtime itself keeps, where it is one of these two.
pub(super) fn labels(host: &Path, container: &Container) -> Option<Labels> {
    let id = container.id.as_str();
    if id.starts_with('.') {
        return None;
    }
    match container.runtime {
        Runtime::Docker => {
            let path = host.join("var/lib/docker/containers").join(id).join("config.v2.json");
            json::read(&path).ok().map(|state| of_docker(&state))
        }
        Runtime::Podman | Runtime::CriO => of_store(host, id),
        _ => None,
    }
}

fn of_docker(state: &Value) -> Labels {
    let told = |value: &Value| label(value, LabelSource::DockerState);
    let config = &state["Config"];
    let mut labels = Labels::unsupported(NOT_TOLD);
    // Under Kubernetes Docker's own name is made of all of these.
    labels.container = match told(&config["Labels"]["io.kubernetes.container.name"]) {
        known if known.value().is_some() => known,
        _ => match json::text(&state["Name"]) {
            Some(name) => Label::new(name.trim_start_matches('/'), LabelSource::DockerState).into(),
            None => Known::unsupported(NOT_TOLD),
        },
    };
    labels.image = told(&config["Image"]);
    labels.pod = told(&config["Labels"]["io.kubernetes.pod.name"]);
    labels.namespace = told(&config["Labels"]["io.kubernetes.pod.namespace"]);
    labels
}

/// A container in the list of containers/storage. Its field `metadata` is JSON in a text.
fn of_store(host: &Path, id: &str) -> Option<Labels> {
    for driver in ["overlay", "vfs", "btrfs", "zfs"] {
        let list = format!("var/lib/containers/storage/{driver}-containers/containers.json");
        let Ok(list) = json::read(&host.join(list)) else { continue };
        let found = list.as_array()?.iter().find(|entry| entry["id"] == id);
        if let Some(entry) = found {
            return Some(of_entry(entry));
        }
    }
    None
}

fn of_entry(entry: &Value) -> Labels {
    let metadata = entry["metadata"].as_str().unwrap_or("");
    let metadata: Value = serde_json::from_str(metadata).unwrap_or_default();
    let told = |value: &Value| label(value, LabelSource::PodmanState);
    let mut labels = Labels::unsupported(NOT_TOLD);
    labels.container = match told(&metadata["name"]) {
        known if known.value().is_some() => known,
        _ => told(&entry["names"][0]),
    };
    labels.image = told(&metadata["image-name"]);
    labels
}

fn label(value: &Value, source: LabelSource) -> Known<Label> {
    match value.as_str().filter(|text| !text.is_empty()) {
        Some(text) => Label::new(text, source).into(),
        None => Known::unsupported(NOT_TOLD),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn names_of_docker_alone_and_under_kubernetes() {
        let alone = json!({ "Name": "/happy_bell", "Config": { "Image": "busybox", "Labels": {} } });
        let labels = of_docker(&alone);
        assert_eq!(labels.container.value().unwrap().as_str(), "happy_bell");
        assert_eq!(labels.image.value().unwrap().as_str(), "busybox");
        assert!(labels.pod.value().is_none());
        let pod = json!({ "Name": "/k8s_train_train-0_ml_0b5b_0", "Config": { "Image": "sha256:1", "Labels": {
            "io.kubernetes.container.name": "train", "io.kubernetes.pod.name": "train-0",
            "io.kubernetes.pod.namespace": "ml",
        } } });
        let labels = of_docker(&pod);
        let shown =
            [&labels.container, &labels.pod, &labels.namespace].map(|one| one.value().unwrap().as_str());
        assert_eq!(shown, ["train", "train-0", "ml"]);
        assert_eq!(of_docker(&json!([])), Labels::unsupported(NOT_TOLD));
    }

    #[test]
    fn names_of_podman() {
        let entry = json!({ "id": "x", "names": ["train"],
            "metadata": "{\"image-name\":\"docker.io/library/busybox:latest\",\"name\":\"train\"}" });
        let labels = of_entry(&entry);
        assert_eq!(labels.container.value().unwrap().as_str(), "train");
        assert_eq!(labels.image.value().unwrap().as_str(), "docker.io/library/busybox:latest");
        assert_eq!(of_entry(&json!({ "metadata": "{" })), Labels::unsupported(NOT_TOLD));
    }
}
