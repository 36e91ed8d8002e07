//! Specifications of the Container Device Interface.
//!
//! Form: cncf-tags/container-device-interface, `SPEC.md`: JSON, or YAML, as NVIDIA's toolkit writes
//! it. Files in `/run/cdi` go before those in `/etc/cdi`.

use std::collections::BTreeMap;
use std::path::Path;

use gpu_core::{CdiDevice, ContainerFacts, DeviceFile, DeviceNumber, Error, ErrorKind, Known};
use serde_json::Value;

use super::{json, yaml};
use crate::file;

const NONE: &str = "no CDI specification has it";

/// Most devices of all specifications that are kept.
const MOST: usize = 1 << 14;

/// What the specifications of a machine hand out, by qualified name.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub(crate) struct CdiSpecs {
    devices: BTreeMap<String, Vec<DeviceFile>>,
}

impl CdiSpecs {
    pub(crate) fn read(host: &Path, problems: &mut Vec<Error>) -> Self {
        let mut specs = Self::default();
        // What comes later counts. `/var/run` is a link to `/run`, and would lead out of `host`.
        for folder in ["etc/cdi", "run/cdi"] {
            let folder = host.join(folder);
            let names = match file::list(&folder) {
                Ok(names) => names,
                Err(error) => {
                    problems.extend(Some(error).filter(|error| error.kind() != ErrorKind::NotFound));
                    continue;
                }
            };
            for name in names {
                let path = folder.join(&name);
                let spec = match name.rsplit_once('.') {
                    Some((_, "json")) => json::read(&path),
                    Some((_, "yaml" | "yml")) => yaml::read(&path),
                    _ => continue,
                };
                match spec {
                    Ok(spec) => specs.add(&spec),
                    Err(error) => problems.push(error),
                }
            }
        }
        specs
    }

    fn add(&mut self, spec: &Value) {
        let Some(kind) = json::text(&spec["kind"]) else { return };
        let common = files(&spec["containerEdits"]);
        for device in spec["devices"].as_array().map(Vec::as_slice).unwrap_or_default() {
            let Some(name) = json::text(&device["name"]) else { continue };
            if self.devices.len() >= MOST {
                return;
            }
            let mut files = files(&device["containerEdits"]);
            files.extend(common.iter().cloned());
            self.devices.insert(format!("{kind}={name}"), files);
        }
    }

    /// The devices that a container names, with what their specifications hand out.
    pub(crate) fn of(&self, facts: &ContainerFacts) -> Vec<CdiDevice> {
        let device = |name: String| {
            let files = match self.devices.get(&name) {
                Some(files) => files.clone().into(),
                None => Known::unsupported(NONE),
            };
            CdiDevice::new(name, files)
        };
        super::super::cdi_names(facts).into_iter().map(device).collect()
    }
}

/// `deviceNodes`: by number where the specification has it, else by the path on the machine.
fn files(edits: &Value) -> Vec<DeviceFile> {
    let node = |node: &Value| {
        let path = json::text(&node["hostPath"]).or_else(|| json::text(&node["path"]))?;
        let number = json::number(&node["major"])
            .zip(json::number(&node["minor"]))
            .map(|(major, minor)| DeviceNumber { major, minor });
        let kind = node["type"].as_str().unwrap_or("c");
        matches!(kind, "c" | "u" | "").then(|| DeviceFile::new(path, number))
    };
    let nodes = edits["deviceNodes"].as_array().map(Vec::as_slice).unwrap_or_default();
    nodes.iter().filter_map(node).take(256).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use gpu_core::{Environment, Owner, Pid};
    use serde_json::json;

    #[test]
    fn devices_of_a_specification() {
        let mut specs = CdiSpecs::default();
        specs.add(&json!({ "cdiVersion": "0.5.0", "kind": "nvidia.com/gpu",
            "containerEdits": { "deviceNodes": [{ "path": "/dev/nvidiactl" }] },
            "devices": [
                { "name": "0", "containerEdits": { "deviceNodes": [
                    { "path": "/dev/nvidia0", "hostPath": "/dev/nvidia4", "type": "c", "major": 195, "minor": 4 },
                ] } },
                { "name": 7 }, { "name": "1" },
            ] }));
        for damaged in [json!(null), json!({ "kind": 3 }), json!({ "kind": "a/b", "devices": 7 })] {
            specs.add(&damaged);
        }
        let mut facts = ContainerFacts::new(Owner::Machine, Pid(1));
        let list = "NVIDIA_VISIBLE_DEVICES=nvidia.com/gpu=0,nvidia.com/gpu=9,3";
        facts.environment = Environment::of_list([list]).into();
        facts.device_mounts = vec!["cdi/nvidia.com/gpu/1".to_owned(), "cdi/x".to_owned()].into();
        let devices = specs.of(&facts);
        let names: Vec<&str> = devices.iter().map(|device| device.name.as_str()).collect();
        assert_eq!(names, ["nvidia.com/gpu=1", "nvidia.com/gpu=0", "nvidia.com/gpu=9"]);
        let number = Some(DeviceNumber { major: 195, minor: 4 });
        let expected = [DeviceFile::new("/dev/nvidia4", number), DeviceFile::new("/dev/nvidiactl", None)];
        assert_eq!(devices[1].files.value().unwrap(), &expected);
        assert_eq!(devices[2].files, Known::unsupported(NONE));
    }
}
