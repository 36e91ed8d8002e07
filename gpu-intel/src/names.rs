//! What the tools around Intel's GPUs call them: Kubernetes' resources, the device plugin's ids, CDI
//! names, what the DRA driver publishes. Texts and plain data; nothing here reads a machine.
//!
//! ```
//! use gpu_core::Backend;
//! use gpu_intel::names::{DevicePluginId, DraName, resources};
//! let inventory = gpu_sim::Machine::preset("b60-2")?.backend().inventory()?;
//! let shown = resources(&inventory, 2);
//! assert_eq!(shown[0].name.to_string(), "gpu.intel.com/xe");
//! let ids: Vec<String> = shown[0].devices.iter().map(DevicePluginId::to_string).collect();
//! assert_eq!(ids, ["card1-0", "card1-1", "card2-0", "card2-1"]);
//! let name = DraName::of_device(&inventory.devices[0]).expect("it is on PCI");
//! assert_eq!(name.to_string(), "0000-3a-00-0-0xe211");
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod cdi;
mod dra;
mod plugin;

pub use cdi::CdiName;
pub use dra::{DraDevice, DraName, dra_devices};
pub use plugin::{DevicePluginId, Resource, ResourceName, resources};

/// A number in decimal digits and nothing else.
fn number(text: &str) -> Option<u32> {
    text.bytes().all(|digit| digit.is_ascii_digit()).then(|| text.parse().ok()).flatten()
}
