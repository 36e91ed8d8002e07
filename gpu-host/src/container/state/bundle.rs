//! OCI bundles (`config.json`): devices, rules, environment, annotations.
//!
//! Form: opencontainers/runtime-spec, `config.md` and `config-linux.md`. Annotations: containerd,
//! `pkg/cri/annotations`; CRI-O, `pkg/annotations`; CDI, `SPEC.md`.

use std::path::Path;

use gpu_core::{
    Absence, Bundle, Container, DeviceFile, DeviceNumber, DeviceRule, DeviceRules, Environment, Error,
    ErrorKind, Known, Label, LabelSource, Labels, Owner,
};
use serde_json::Value;

use super::{docker, json, place};

const NAME: &str = "config.json";
const NO_CONTAINER: &str = "it is no container";
const NOT_FOUND: &str = "no bundle of it in the places where runtimes keep them";
const NO_ANNOTATION: &str = "the runtime's own files do not tell";

/// Most devices, rules and names of one bundle that are kept.
const MOST: usize = 4096;

/// Finds bundles and names below the machine's files.
pub(crate) struct Bundles<'a> {
    pub(crate) host: &'a Path,
}

impl Bundles<'_> {
    /// The bundle and the names of a container.
    pub(crate) fn read(&self, owner: &Owner) -> (Known<Bundle>, Labels) {
        let Some(container) = owner.container() else {
            return (Known::unsupported(NO_CONTAINER), Labels::unsupported(NO_CONTAINER));
        };
        let (bundle, mut labels) = match self.config(container) {
            Ok(config) => (Known::from(bundle(&config)), labels(&config)),
            Err(absence) => (Known::absent(absence), absent(absence)),
        };
        if let Some(told) = docker::labels(self.host, container) {
            // Docker's own name is the container's; the bundle of a container has none.
            labels.complete(&told);
        }
        (bundle, labels)
    }

    /// The first `config.json` that is there.
    fn config(&self, container: &Container) -> Result<Value, Absence> {
        let mut failed: Option<Error> = None;
        for path in place::bundles(self.host, container) {
            match json::read(&path) {
                Ok(config) => return Ok(config),
                Err(error) if error.kind() == ErrorKind::NotFound => {}
                Err(error) => failed = failed.or(Some(error)),
            }
        }
        Err(failed.map_or(Absence::NotSupported { why: NOT_FOUND }, |error| error.absence(NAME)))
    }
}

fn absent(absence: Absence) -> Labels {
    let mut labels = Labels::unsupported(NO_ANNOTATION);
    labels.container = Known::absent(absence);
    labels.image = Known::absent(absence);
    labels.pod = Known::absent(absence);
    labels.namespace = Known::absent(absence);
    labels
}

fn bundle(config: &Value) -> Bundle {
    let mut bundle = Bundle::default();
    let linux = &config["linux"];
    bundle.devices = list(&linux["devices"]).filter_map(device).collect();
    bundle.rules = DeviceRules(list(&linux["resources"]["devices"]).filter_map(rule).collect());
    let environment = list(&config["process"]["env"]).filter_map(Value::as_str);
    bundle.environment = Environment::of_list(environment);
    bundle.cdi = annotations(config)
        .filter(|(name, _)| name.starts_with("cdi.k8s.io/"))
        .flat_map(|(_, value)| value.split(',').map(|item| item.trim().to_owned()).collect::<Vec<_>>())
        .filter(|name| !name.is_empty() && name.len() <= json::LONGEST)
        .take(MOST)
        .collect();
    bundle
}

fn list(value: &Value) -> impl Iterator<Item = &Value> {
    value.as_array().map(Vec::as_slice).unwrap_or_default().iter().take(MOST)
}

fn annotations(config: &Value) -> impl Iterator<Item = (&str, &str)> {
    let all = config["annotations"].as_object().into_iter().flatten();
    all.filter_map(|(name, value)| Some((name.as_str(), value.as_str()?)))
}

/// A character device (`c`, or `u` without a buffer) of `linux.devices`.
fn device(value: &Value) -> Option<DeviceFile> {
    let kind = value["type"].as_str().unwrap_or("c");
    let number = json::number(&value["major"])
        .zip(json::number(&value["minor"]))
        .map(|(major, minor)| DeviceNumber { major, minor });
    let path = json::text(&value["path"])?;
    matches!(kind, "c" | "u").then(|| DeviceFile::new(path, number))
}

/// A rule of `linux.resources.devices`; `a` and no kind at all are all devices.
fn rule(value: &Value) -> Option<DeviceRule> {
    let access = value["access"].as_str().unwrap_or("rwm");
    // No number, or −1: any.
    let number = |value: &Value| json::number(value);
    let allow = value["allow"].as_bool()?;
    let mut rule = DeviceRule::characters(allow, number(&value["major"]), number(&value["minor"]), access);
    match value["type"].as_str().unwrap_or("a") {
        "c" | "u" => {}
        "a" | "" => rule.blocks = true,
        "b" => (rule.blocks, rule.characters) = (true, false),
        _ => return None,
    }
    Some(rule)
}

/// What annotations of Kubernetes' runtimes say.
fn labels(config: &Value) -> Labels {
    let told = |names: &[&str]| {
        let found = annotations(config).find(|(name, value)| names.contains(name) && !value.is_empty());
        match found {
            Some((_, value)) => Label::new(value, LabelSource::OciBundle).into(),
            None => Known::unsupported(NO_ANNOTATION),
        }
    };
    let mut labels = Labels::unsupported(NO_ANNOTATION);
    labels.container = told(&["io.kubernetes.cri.container-name", "io.kubernetes.container.name"]);
    labels.image = told(&[
        "io.kubernetes.cri.image-name",
        "io.kubernetes.cri-o.ImageName",
        "io.kubernetes.cri-o.Image",
        "io.podman.annotations.image",
        "org.opencontainers.image.ref.name",
    ]);
    labels.pod = told(&["io.kubernetes.cri.sandbox-name", "io.kubernetes.pod.name"]);
    labels.namespace = told(&["io.kubernetes.cri.sandbox-namespace", "io.kubernetes.pod.namespace"]);
    labels
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn what_a_bundle_says_of_gpus() {
        let config = json!({
            "process": { "env": ["PATH=/bin", "TOKEN=secret", "NVIDIA_VISIBLE_DEVICES=0"] },
            "annotations": {
                "io.kubernetes.cri.container-name": "train", "io.kubernetes.cri.sandbox-name": "train-0",
                "io.kubernetes.cri.sandbox-namespace": "ml", "io.kubernetes.cri.image-name": "example/train:7",
                "cdi.k8s.io/plugin_a": "nvidia.com/gpu=0, nvidia.com/gpu=1", "secret": "s3cret",
            },
            "linux": {
                "devices": [
                    { "path": "/dev/nvidia0", "type": "c", "major": 195, "minor": 0 },
                    { "path": "/dev/sda", "type": "b", "major": 8, "minor": 0 }, { "type": "c" },
                ],
                "resources": { "devices": [
                    { "allow": false, "access": "rwm" },
                    { "allow": true, "type": "c", "major": 195, "minor": 0, "access": "rw" },
                    { "allow": true, "type": "c", "major": 1, "minor": -1, "access": "rwm" },
                    { "type": "c" }, 7,
                ] },
            },
        });
        let bundle = bundle(&config);
        let number = Some(DeviceNumber { major: 195, minor: 0 });
        assert_eq!(bundle.devices, [DeviceFile::new("/dev/nvidia0", number)]);
        assert!(bundle.rules.lets_at(DeviceNumber { major: 195, minor: 0 }));
        assert!(bundle.rules.lets_at(DeviceNumber { major: 1, minor: 3 }));
        assert!(!bundle.rules.lets_at(DeviceNumber { major: 195, minor: 1 }));
        assert_eq!(bundle.cdi, ["nvidia.com/gpu=0", "nvidia.com/gpu=1"]);
        assert_eq!(bundle.environment.iter().count(), 1);
        let labels = labels(&config);
        assert_eq!(labels.pod.value().unwrap().as_str(), "train-0");
        assert_eq!(labels.image.value().unwrap().to_string(), "example/train:7");
        let kept = format!("{bundle:?} {labels:?}");
        assert!(!kept.contains("s3cret") && !kept.contains("secret"), "{kept}");
    }

    #[test]
    fn what_is_no_bundle_has_nothing() {
        for config in [json!(null), json!([]), json!({ "linux": 3, "process": [], "annotations": [1] })] {
            assert_eq!(bundle(&config), Bundle::default());
            assert_eq!(labels(&config), Labels::unsupported(NO_ANNOTATION));
        }
        let privileged =
            json!({ "linux": { "resources": { "devices": [{ "allow": true, "access": "rwm" }] } } });
        assert!(bundle(&privileged).rules.lets_at_everything());
    }
}
