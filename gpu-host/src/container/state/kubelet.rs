//! Kubelet's checkpoint of its device plugins.
//!
//! Form: kubernetes, `pkg/kubelet/cm/devicemanager/checkpoint`: `{"Data": {"PodDeviceEntries": […],
//! "RegisteredDevices": …}, "Checksum": …}`; devices by NUMA node since 1.20, before that in one list;
//! in the first releases without `Data`. The checksum is of Go's own printing of the structure and is
//! not verified. Pods that have ended may still be in it.

use std::path::Path;

use gpu_core::{
    Absence, ContainerFacts, Error, ErrorKind, Known, Label, LabelSource, Owner, PluginDevices, Uuid,
};
use serde_json::Value;

use super::json;

const NAME: &str = "kubelet_internal_checkpoint";
const NO_KUBELET: &str = "this machine has no checkpoint of kubelet's";
const NO_POD: &str = "it is in no pod";
const NOTHING: &str = "the checkpoint has nothing for its pod";
const WHICH: &str = "the checkpoint has several containers of its pod, and its own name is not known";

/// Most entries, and most devices of one, that are kept.
const MOST: usize = 1 << 16;
const MOST_IDS: usize = 4096;

#[derive(Clone, PartialEq, Eq, Debug)]
struct Entry {
    /// A static pod's is written without dashes.
    pod: Option<Uuid>,
    container: String,
    devices: PluginDevices,
}

/// What kubelet's device plugins gave the pods of a machine.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Checkpoint(Vec<Entry>);

impl Checkpoint {
    pub(crate) fn read(host: &Path, problems: &mut Vec<Error>) -> Known<Self> {
        let path = host.join("var/lib/kubelet/device-plugins").join(NAME);
        let read = json::read(&path).and_then(|value| {
            let refuse =
                || Error::new(ErrorKind::Malformed, path.display().to_string(), "no list of devices");
            Self::parse(&value).ok_or_else(refuse)
        });
        match read {
            Ok(checkpoint) => checkpoint.into(),
            Err(error) if error.kind() == ErrorKind::NotFound => Known::unsupported(NO_KUBELET),
            Err(error) => {
                let absence = error.absence(NAME);
                problems.push(error);
                Known::absent(absence)
            }
        }
    }

    /// `None` where it is no checkpoint at all. Entries that make no sense are left out.
    fn parse(value: &Value) -> Option<Self> {
        let data = if value["Data"].is_object() { &value["Data"] } else { value };
        // Go writes an empty list as null.
        let entries = match data.as_object()?.get("PodDeviceEntries")? {
            Value::Null => &[],
            list => list.as_array()?.as_slice(),
        };
        Some(Self(entries.iter().filter_map(entry).take(MOST).collect()))
    }
}

fn entry(value: &Value) -> Option<Entry> {
    let resource = json::text(&value["ResourceName"])?;
    let ids = match &value["DeviceIDs"] {
        Value::Array(_) => json::texts(&value["DeviceIDs"], MOST_IDS),
        Value::Object(by_numa) => by_numa.values().flat_map(|list| json::texts(list, MOST_IDS)).collect(),
        _ => return None,
    };
    Some(Entry {
        pod: uuid(json::text(&value["PodUID"])?),
        container: json::text(&value["ContainerName"])?.to_owned(),
        devices: PluginDevices::new(resource, ids),
    })
}

fn uuid(text: &str) -> Option<Uuid> {
    if text.len() == 32 && text.is_ascii() {
        let parts = [&text[..8], &text[8..12], &text[12..16], &text[16..20], &text[20..]];
        return parts.join("-").parse().ok();
    }
    text.parse().ok()
}

/// What the checkpoint has for the container whose facts these are. Where nothing else told its name
/// and the pod has one container with devices, that is its name.
pub(crate) fn plugin_devices(
    checkpoint: &Known<Checkpoint>,
    facts: &mut ContainerFacts,
) -> Known<Vec<PluginDevices>> {
    let pod = match &facts.owner {
        Owner::Container(container) => container.pod,
        _ => None,
    };
    let Some(pod) = pod else { return Known::unsupported(NO_POD) };
    let checkpoint = match checkpoint.get() {
        Ok(checkpoint) => checkpoint,
        Err(absence) => return Known::absent(absence),
    };
    let entries: Vec<&Entry> = checkpoint.0.iter().filter(|entry| entry.pod == Some(pod.uid)).collect();
    let Some(first) = entries.first() else { return Known::unsupported(NOTHING) };
    let name = match facts.labels.container.value() {
        Some(label) => label.as_str().to_owned(),
        None if entries.iter().any(|entry| entry.container != first.container) => {
            return Known::absent(Absence::NotSupported { why: WHICH });
        }
        // The pause container of the pod looks the same, and holds nothing.
        None => {
            facts.labels.container = Label::new(&first.container, LabelSource::KubeletCheckpoint).into();
            first.container.clone()
        }
    };
    let of_it = entries.iter().filter(|entry| entry.container == name);
    of_it.map(|entry| entry.devices.clone()).collect::<Vec<_>>().into()
}

#[cfg(test)]
mod tests {
    use super::*;
    use gpu_core::{Container, Pid, Pod, QosClass, Runtime};
    use serde_json::json;

    const UID: &str = "0b5b3b3e-0a0d-4c3b-9f5e-1d2c3b4a5f60";

    fn facts(uid: &str) -> ContainerFacts {
        let mut container = Container::new(Runtime::Containerd, "c".repeat(64).parse().unwrap());
        container.pod = Some(Pod { uid: uid.parse().unwrap(), qos: QosClass::Guaranteed });
        ContainerFacts::new(Owner::Container(container), Pid(7))
    }

    fn read(value: &Value, facts: &mut ContainerFacts) -> Known<Vec<PluginDevices>> {
        plugin_devices(&Checkpoint::parse(value).unwrap().into(), facts)
    }

    fn entry(container: &str, ids: Value) -> Value {
        json!({ "PodUID": UID, "ContainerName": container, "ResourceName": "nvidia.com/gpu",
            "DeviceIDs": ids, "AllocResp": "CkQKFk5W" })
    }

    #[test]
    fn every_form_that_kubelet_wrote() {
        let by_numa = json!({ "Data": { "PodDeviceEntries": [entry("train", json!({ "-1": ["GPU-a"],
            "1": ["GPU-b"] }))], "RegisteredDevices": {} }, "Checksum": 3 });
        let flat = json!({ "Data": { "PodDeviceEntries": [entry("train", json!(["GPU-a", "GPU-b"]))] } });
        let first = json!({ "PodDeviceEntries": [entry("train", json!(["GPU-a", "GPU-b"]))] });
        for value in [by_numa, flat, first] {
            let mut facts = facts(UID);
            let devices = read(&value, &mut facts);
            let expected = PluginDevices::new("nvidia.com/gpu", vec!["GPU-a".to_owned(), "GPU-b".to_owned()]);
            assert_eq!(devices.value().unwrap(), &[expected], "{value}");
            // Its only container: so that is its name.
            let label = facts.labels.container.value().unwrap();
            assert_eq!((label.as_str(), label.source()), ("train", LabelSource::KubeletCheckpoint));
        }
        let none = json!({ "Data": { "PodDeviceEntries": null, "RegisteredDevices": {} }, "Checksum": 1 });
        assert_eq!(read(&none, &mut facts(UID)), Known::unsupported(NOTHING));
    }

    #[test]
    fn containers_of_a_pod_are_kept_apart() {
        let value = json!({ "Data": { "PodDeviceEntries": [
            entry("train", json!(["GPU-a"])), entry("serve", json!(["GPU-b"])), { "PodUID": UID }, 7,
        ] } });
        let mut facts = facts(UID);
        assert_eq!(read(&value, &mut facts), Known::unsupported(WHICH));
        facts.labels.container = Label::new("serve", LabelSource::OciBundle).into();
        assert_eq!(read(&value, &mut facts).value().unwrap()[0].ids, ["GPU-b"]);
        facts.labels.container = Label::new("proxy", LabelSource::OciBundle).into();
        assert_eq!(read(&value, &mut facts).value().unwrap().len(), 0);
        let other = "11111111-0a0d-4c3b-9f5e-1d2c3b4a5f60";
        assert_eq!(read(&value, &mut self::facts(other)), Known::unsupported(NOTHING));
        assert_eq!(uuid("0b5b3b3e0a0d4c3b9f5e1d2c3b4a5f60"), UID.parse().ok());
    }

    #[test]
    fn what_is_damaged_is_no_checkpoint() {
        for value in
            [json!(null), json!([]), json!({}), json!({ "Data": {} }), json!({ "PodDeviceEntries": 7 })]
        {
            assert_eq!(Checkpoint::parse(&value), None, "{value}");
        }
    }
}
