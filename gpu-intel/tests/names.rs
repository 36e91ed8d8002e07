//! Names of the tools around Intel's GPUs, there and back, over whole machines.

use gpu_core::{Backend, Bytes, UnitId};
use gpu_intel::names::{CdiName, DevicePluginId, DraName, ResourceName, dra_devices, resources};
use gpu_sim::Machine;

fn inventory(preset: &str) -> gpu_core::Inventory {
    Machine::preset(preset).unwrap().backend().inventory().unwrap()
}

/// A GPU that is cut into virtual functions is not offered beside them.
#[test]
fn the_physical_function_is_not_offered_while_there_are_others() {
    let inventory = inventory("flex-170-2");
    let [whole, cut] = &inventory.devices[..] else { panic!() };
    let published = dra_devices(&inventory);
    let units: Vec<UnitId> = published.iter().map(|device| device.unit).collect();
    assert_eq!(units, [whole.id.into(), cut.partitions[0].id.into(), cut.partitions[1].id.into()]);
    assert_eq!(published[1].memory, Some(Bytes::gib(6)));
    assert_eq!(published[1].name.to_string(), "0000-4b-00-1-0x56c0");
    let attribute = |n: usize, name: &str| {
        published[n].attributes.iter().find(|(key, _)| *key == name).map(|(_, value)| value.clone())
    };
    assert_eq!(attribute(0, "type").as_deref(), Some("gpu"));
    assert_eq!(attribute(1, "type").as_deref(), Some("vf"));
    assert_eq!(attribute(0, "family").as_deref(), Some("Flex"));
    assert_eq!(attribute(0, "model").as_deref(), Some("Data Center GPU Flex 170"));
    assert_eq!(attribute(0, "driver").as_deref(), Some("i915"));
    assert_eq!(attribute(0, "pciId").as_deref(), Some("0x56c0"));
    // No driver of the host's holds the functions: they have no card.
    let shown = resources(&inventory, 1);
    assert_eq!(shown.len(), 1);
    assert_eq!((shown[0].name, shown[0].devices.len()), (ResourceName::I915, 1));
}

#[test]
fn ids_lead_back_to_what_they_name() {
    let inventory = inventory("max-1550-4");
    let shown = resources(&inventory, 3);
    assert_eq!(shown[0].devices.len(), 12);
    for (n, id) in shown[0].devices.iter().enumerate() {
        assert_eq!(id.to_string().parse(), Ok(*id));
        assert_eq!(id.unit(&inventory), Some(inventory.devices[n / 3].id.into()));
    }
    assert_eq!(DevicePluginId { card: 77, share: 0 }.unit(&inventory), None);
    for device in &inventory.devices {
        let name = DraName::of_device(device).unwrap();
        assert_eq!(name.to_string().parse(), Ok(name));
        assert_eq!(CdiName::Dra(name).to_string().parse(), Ok(CdiName::Dra(name)));
    }
}

#[test]
fn what_is_no_name_is_refused() {
    for text in ["", "card", "card-1", "card0-", "card0-+1", "card0--1", "card99999999999-0", "gpu0-1"] {
        assert!(text.parse::<DevicePluginId>().is_err(), "{text}");
    }
    for text in [
        "",
        "0000-03-00-0-56c0",
        "0000-03-00-0-0x56c",
        "0000-03-00-0-0x56c00",
        "0-3-0-0x56c0",
        "zzzz-03-00-0-0x56c0",
        "0000-03-00-0-0x+6c0",
    ] {
        assert!(text.parse::<DraName>().is_err(), "{text}");
    }
    for text in ["intel.com/gpu", "intel.com/gpu=", "intel.com/gpu=cardx", "amd.com/gpu=all"] {
        assert!(text.parse::<CdiName>().is_err(), "{text}");
    }
    assert!("gpu.intel.com/".parse::<ResourceName>().is_err());
}
