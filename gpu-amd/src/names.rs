//! What the tools around AMD's GPUs call them: Kubernetes' resources, the device plugin's ids, CDI
//! names, lists of visible devices. Texts and plain data; nothing here reads a machine.
//!
//! ```
//! use gpu_amd::names::{DevicePluginId, NamingStrategy, resources};
//! use gpu_core::Backend;
//! let inventory = gpu_sim::Machine::preset("mi300x-8-cpx")?.backend().inventory()?;
//! let shown = resources(&inventory, NamingStrategy::Mixed)?;
//! assert_eq!(shown[0].name.to_string(), "amd.com/cpx_nps1");
//! assert_eq!(shown[0].devices.len(), 64);
//! assert_eq!(shown[0].devices[0].to_string(), "0000:05:00.0"); // the first partition keeps the GPU's
//! let id: DevicePluginId = "amdgpu_xcp.3".parse()?;
//! assert_eq!(id.to_string(), "amdgpu_xcp_3");
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod cdi;
mod plugin;
mod resource;
mod visible;

pub use cdi::CdiName;
pub use plugin::DevicePluginId;
pub(crate) use resource::modes;
pub use resource::{NamingStrategy, Resource, ResourceName, StylesDiffer, resources};
pub use visible::{Visible, VisibleDevices};
