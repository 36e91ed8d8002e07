//! [`Capability`]: the device files by which programs reach MIG instances.

use std::fmt;

use gpu_core::{DeviceNode, DeviceNumber, NodeRole};

/// The major number of the capability files; the kernel gives it out at run time, and this is the
/// simulated machine's.
pub(crate) const MAJOR: u32 = 238;
/// GPU instances and compute instances for which the driver sets minors aside.
const GPU_INSTANCES: u32 = 15;
const COMPUTE_INSTANCES: u32 = 8;

/// What one capability file opens: a GPU instance, or a compute instance in it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Capability {
    /// N of `/dev/nvidiaN`.
    pub(crate) gpu: u32,
    pub(crate) gi: u32,
    pub(crate) ci: Option<u32>,
}

impl Capability {
    pub(crate) const CONFIG_MINOR: u32 = 1;
    pub(crate) const MONITOR_MINOR: u32 = 2;

    /// All that so many GPUs may have, in the order of their minors.
    pub(crate) fn of_gpus(gpus: u32) -> impl Iterator<Item = Self> {
        let instances = (0..gpus).flat_map(|gpu| (0..GPU_INSTANCES).map(move |gi| (gpu, gi)));
        instances.flat_map(|(gpu, gi)| {
            let inner = (0..COMPUTE_INSTANCES).map(Some);
            std::iter::once(None).chain(inner).map(move |ci| Self { gpu, gi, ci })
        })
    }

    /// Minors are set aside for all that could be, in order, after `config` and `monitor`.
    pub(crate) fn minor(self) -> u32 {
        let instance = self.gpu.saturating_mul(GPU_INSTANCES).saturating_add(self.gi);
        let inner = self.ci.map_or(0, |ci| ci.saturating_add(1));
        instance.saturating_mul(COMPUTE_INSTANCES + 1).saturating_add(inner).saturating_add(3)
    }

    pub(crate) fn node(self) -> DeviceNode {
        let minor = self.minor();
        DeviceNode {
            path: format!("/dev/nvidia-caps/nvidia-cap{minor}"),
            number: Some(DeviceNumber { major: MAJOR, minor }),
            role: NodeRole::Capability,
        }
    }
}

/// As `mig-minors` names it.
impl fmt::Display for Capability {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "gpu{}/gi{}/", self.gpu, self.gi)?;
        match self.ci {
            Some(ci) => write!(f, "ci{ci}/access"),
            None => f.write_str("access"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Slurm's documentation of MIG shows a device with `nvidia-cap21` and `nvidia-cap22`.
    #[test]
    fn minors_are_those_that_were_seen() {
        let instance = Capability { gpu: 0, gi: 2, ci: None };
        assert_eq!(instance.minor(), 21);
        assert_eq!(Capability { ci: Some(0), ..instance }.minor(), 22);
        assert!(Capability::of_gpus(2).zip(3..).all(|(capability, minor)| capability.minor() == minor));
    }
}
