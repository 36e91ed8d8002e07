//! [`ContainerFacts`]: what the machine shows of what a container was given.

use crate::device_rule::DeviceRules;
use crate::environment::Environment;
use crate::known::Known;
use crate::labels::Labels;
use crate::node_file::DeviceNumber;
use crate::owner::Owner;
use crate::process::Pid;

/// A character device file, as a container or a specification has it.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[non_exhaustive]
pub struct DeviceFile {
    /// Where it lies in the container, such as `/dev/nvidia0`. Its name says nothing of what it
    /// opens: the number does.
    pub path: String,
    /// What it opens; `None` where a specification names a path alone, which is then the machine's.
    pub number: Option<DeviceNumber>,
}

impl DeviceFile {
    /// The device file at `path`.
    #[must_use]
    pub fn new(path: impl Into<String>, number: Option<DeviceNumber>) -> Self {
        Self { path: path.into(), number }
    }
}

/// What a container's OCI bundle (`config.json`) asks of the runtime.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[non_exhaustive]
pub struct Bundle {
    /// `linux.devices`: device files that the runtime makes.
    pub devices: Vec<DeviceFile>,
    /// `linux.resources.devices`: the device cgroup's rules.
    pub rules: DeviceRules,
    /// `process.env`, its variables about GPUs.
    pub environment: Environment,
    /// CDI devices that annotations below `cdi.k8s.io/` name.
    pub cdi: Vec<String>,
}

/// A device that a container names by the Container Device Interface, such as `nvidia.com/gpu=0`.
#[derive(Clone, PartialEq, Eq, Debug)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[non_exhaustive]
pub struct CdiDevice {
    /// The qualified name: vendor, class, device.
    pub name: String,
    /// The device files that its specification hands out, or why no specification was read.
    pub files: Known<Vec<DeviceFile>>,
}

impl CdiDevice {
    /// The device of that name.
    #[must_use]
    pub fn new(name: impl Into<String>, files: Known<Vec<DeviceFile>>) -> Self {
        Self { name: name.into(), files }
    }

    /// `vendor/class` and the device; `None` when the name is not a qualified one.
    ///
    /// ```
    /// use gpu_core::{CdiDevice, Known};
    /// let device = CdiDevice::new("nvidia.com/gpu=0:1", Known::unsupported("no specification"));
    /// assert_eq!(device.parts(), Some(("nvidia.com/gpu", "0:1")));
    /// ```
    #[must_use]
    pub fn parts(&self) -> Option<(&str, &str)> {
        let (kind, device) = self.name.split_once('=')?;
        (kind.contains('/') && !device.is_empty()).then_some((kind, device))
    }
}

/// Devices that kubelet's device plugins gave a container.
#[derive(Clone, PartialEq, Eq, Debug)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[non_exhaustive]
pub struct PluginDevices {
    /// The resource, such as `nvidia.com/gpu`.
    pub resource: String,
    /// The plugin's own ids.
    pub ids: Vec<String>,
}

impl PluginDevices {
    /// These devices of a resource.
    #[must_use]
    pub fn new(resource: impl Into<String>, ids: Vec<String>) -> Self {
        Self { resource: resource.into(), ids }
    }
}

/// A generic resource of Slurm's that a job was given, with the device files of its gres.conf.
#[derive(Clone, PartialEq, Eq, Debug)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[non_exhaustive]
pub struct GresDevice {
    /// Its position among the machine's GPUs, as `SLURM_JOB_GPUS` counts.
    pub index: u32,
    /// The device files, or why they are not known.
    pub files: Known<Vec<DeviceFile>>,
}

impl GresDevice {
    /// The GPU at that position.
    #[must_use]
    pub const fn new(index: u32, files: Known<Vec<DeviceFile>>) -> Self {
        Self { index, files }
    }
}

/// What the machine shows of what a container, job or service was given. Each piece is there, or
/// says why not; none is required.
///
/// `gpu_host` reads it, backends make [`Evidence`](crate::Evidence) of it. It holds no secrets:
/// of environments and annotations only what is about GPUs is kept.
#[derive(Clone, PartialEq, Eq, Debug)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[non_exhaustive]
pub struct ContainerFacts {
    /// Whose they are.
    pub owner: Owner,
    /// The process that they were read from.
    pub pid: Pid,
    /// False when its `/dev` is the machine's own: what lies there was given to nobody.
    pub own_dev: Known<bool>,
    /// The device files in its mount namespace: all in `/dev`, `/dev/dri`, `/dev/nvidia-caps` and
    /// the like.
    pub device_files: Known<Vec<DeviceFile>>,
    /// The rules of its device cgroup (version 1).
    pub device_rules: Known<DeviceRules>,
    /// What its environment says of GPUs.
    pub environment: Known<Environment>,
    /// The names below `/var/run/nvidia-container-devices` that are mounted: `GPU-…`,
    /// `cdi/nvidia.com/gpu/0`.
    pub device_mounts: Known<Vec<String>>,
    /// Its OCI bundle.
    pub bundle: Known<Bundle>,
    /// The CDI devices that environment, mounts and bundle name.
    pub cdi: Vec<CdiDevice>,
    /// What kubelet's checkpoint has for it.
    pub plugin_devices: Known<Vec<PluginDevices>>,
    /// What Slurm gave the job.
    pub gres: Known<Vec<GresDevice>>,
    /// What people call it.
    pub labels: Labels,
}

impl ContainerFacts {
    /// Facts of which only the owner is known; everything else is absent because it was not read.
    #[must_use]
    pub const fn new(owner: Owner, pid: Pid) -> Self {
        const WHY: &str = "not read";
        Self {
            owner,
            pid,
            own_dev: Known::unsupported(WHY),
            device_files: Known::unsupported(WHY),
            device_rules: Known::unsupported(WHY),
            environment: Known::unsupported(WHY),
            device_mounts: Known::unsupported(WHY),
            bundle: Known::unsupported(WHY),
            cdi: Vec::new(),
            plugin_devices: Known::unsupported(WHY),
            gres: Known::unsupported(WHY),
            labels: Labels::unsupported(WHY),
        }
    }
}
