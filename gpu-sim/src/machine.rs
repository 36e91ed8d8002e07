//! [`Machine`]: the description of one simulated node.

use gpu_core::{BootId, BootTime, DeviceNumber, NumaNode, PciAddress, PciId, WallTime};
use serde::{Deserialize, Serialize};

use crate::fault::Fault;
use crate::gpu::Gpu;
use crate::workload::Workload;

/// The description of one simulated node: the source of all three forms (in process, C library,
/// file trees). It is data: build it by hand, take a preset, or read it from JSON.
///
/// ```
/// let machine = gpu_sim::Machine::preset("hgx-h100-8")?;
/// assert_eq!(machine.gpus.len(), 8);
/// let text = machine.to_json();
/// assert_eq!(gpu_sim::Machine::from_json(&text)?, machine);
/// # Ok::<(), gpu_sim::DescriptionError>(())
/// ```
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Machine {
    /// Version of this description's form: [`Machine::SCHEMA`].
    pub schema: u32,
    /// What the machine is called; a preset's name.
    pub name: String,
    /// Release of the simulated kernel, such as `6.8.0`.
    pub kernel: String,
    /// The boot it is in.
    pub boot_id: BootId,
    /// The time of day at which it booted.
    pub booted_at: WallTime,
    /// How long it has been up when the simulation starts.
    pub started_at: BootTime,
    /// NUMA nodes, each with its processors as the kernel lists them (`0-15`).
    pub numa_nodes: Vec<NumaSpec>,
    /// NVIDIA's driver, if loaded.
    #[serde(default)]
    pub nvidia_driver: Option<NvidiaDriver>,
    /// Version text of amdgpu (`module/amdgpu/version`); `None` for an in-tree driver or none.
    #[serde(default)]
    pub amdgpu_version: Option<String>,
    /// The GPUs, in PCI order.
    pub gpus: Vec<Gpu>,
    /// Paths between GPUs other than PCIe, by position in `gpus`.
    #[serde(default)]
    pub links: Vec<LinkSpec>,
    /// Other display functions on the bus that no GPU driver of ours drives.
    #[serde(default)]
    pub bystanders: Vec<Bystander>,
    /// Processes, with what they do on the GPUs over time.
    #[serde(default)]
    pub workloads: Vec<Workload>,
    /// What is broken.
    #[serde(default)]
    pub faults: Vec<Fault>,
}

/// A NUMA node of the simulated machine.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NumaSpec {
    /// Its number.
    pub node: NumaNode,
    /// Its processors, as in `devices/system/node/nodeN/cpulist`.
    pub cpus: String,
}

/// NVIDIA's kernel driver and library.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NvidiaDriver {
    /// Version of the kernel driver, such as `550.54.15`.
    pub version: String,
    /// Version of the library, when it differs (that makes NVML refuse).
    #[serde(default)]
    pub library_version: Option<String>,
    /// CUDA version as NVML writes it: 12040 for 12.4.
    pub cuda: i32,
}

/// A path between two GPUs.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LinkSpec {
    /// Position of one end in `gpus`.
    pub a: usize,
    /// Position of the other end in `gpus`.
    pub b: usize,
    /// What it is made of.
    pub kind: LinkKindSpec,
}

/// What a path between two GPUs is made of.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum LinkKindSpec {
    /// NVLink straight between two boards, so many links.
    NvLink {
        /// Number of links.
        links: u32,
    },
    /// xGMI, with the kernel's weight (15 for one hop).
    Xgmi {
        /// The kernel's weight.
        weight: u32,
    },
    /// Xe Link.
    XeLink,
}

/// A display function that no GPU driver of ours drives: a BMC, a GPU handed to a VM.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Bystander {
    /// Where it sits.
    pub pci: PciAddress,
    /// What it says it is.
    pub pci_id: PciId,
    /// PCI class, such as 0x030000.
    pub class: u32,
    /// Kernel driver bound to it (`ast`, `vfio-pci`), if one is.
    #[serde(default)]
    pub driver: Option<String>,
    /// Its DRM card, if it has one.
    #[serde(default)]
    pub card: Option<u32>,
}

/// Numbers of a GPU's device files.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DrmNumbers {
    /// N of `/dev/dri/cardN`.
    pub card: u32,
    /// N of `/dev/dri/renderDN`.
    pub render: u32,
}

impl DrmNumbers {
    /// Major number of DRM devices on Linux.
    pub const MAJOR: u32 = 226;

    /// Device number of the card node.
    #[must_use]
    pub const fn card_number(&self) -> DeviceNumber {
        DeviceNumber { major: Self::MAJOR, minor: self.card }
    }

    /// Device number of the render node.
    #[must_use]
    pub const fn render_number(&self) -> DeviceNumber {
        DeviceNumber { major: Self::MAJOR, minor: self.render }
    }
}

impl Machine {
    /// The machine with so many of its first GPU, each at a place and with numbers of its own, and
    /// nothing running: for what has to work with any number of GPUs.
    ///
    /// ```
    /// let machine = gpu_sim::Machine::preset("mi210-8")?.with_copies(64);
    /// assert_eq!(machine.gpus.len(), 64);
    /// assert_ne!(machine.gpus[0].pci, machine.gpus[63].pci);
    /// assert!(gpu_sim::Machine::preset("b60-2")?.with_copies(0).gpus.is_empty());
    /// # Ok::<(), gpu_sim::DescriptionError>(())
    /// ```
    #[must_use]
    pub fn with_copies(mut self, count: u8) -> Self {
        let first = self.gpus.drain(..).next();
        self.links.clear();
        self.workloads.clear();
        self.gpus = first.into_iter().flat_map(|gpu| (0..count).map(move |n| gpu.copy(n))).collect();
        self
    }

    /// The version of the description's form that this crate reads and writes.
    pub const SCHEMA: u32 = 1;
}
