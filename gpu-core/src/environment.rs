//! [`Environment`]: what a container's environment says of GPUs, and nothing else of it.

/// The variables that are kept, by whom they are read. All others may be secrets.
const VARIABLES: [&str; 20] = [
    // NVIDIA's container runtime and driver.
    "NVIDIA_VISIBLE_DEVICES",
    "NVIDIA_MIG_CONFIG_DEVICES",
    "NVIDIA_MIG_MONITOR_DEVICES",
    "NVIDIA_IMEX_CHANNELS",
    "NVIDIA_DRIVER_CAPABILITIES",
    "NVIDIA_REQUIRE_CUDA",
    "CUDA_VERSION",
    "CUDA_VISIBLE_DEVICES",
    "CUDA_DEVICE_ORDER",
    // AMD's container runtime and ROCm.
    "AMD_VISIBLE_DEVICES",
    "ROCR_VISIBLE_DEVICES",
    "HIP_VISIBLE_DEVICES",
    "GPU_DEVICE_ORDINAL",
    // Intel's Level Zero and oneAPI.
    "ZE_AFFINITY_MASK",
    "ZE_FLAT_DEVICE_HIERARCHY",
    "ONEAPI_DEVICE_SELECTOR",
    // Slurm.
    "SLURM_JOB_ID",
    "SLURM_STEP_ID",
    "SLURM_JOB_GPUS",
    "SLURM_STEP_GPUS",
];

/// The variables about GPUs in a process's environment. No other is ever kept.
///
/// ```
/// use gpu_core::Environment;
/// let block = b"PATH=/bin\0NVIDIA_VISIBLE_DEVICES=0,1\0API_TOKEN=s3cret\0";
/// let environment = Environment::of_block(block);
/// assert_eq!(environment.get("NVIDIA_VISIBLE_DEVICES"), Some("0,1"));
/// assert_eq!(environment.get("API_TOKEN"), None);
/// assert_eq!(environment.iter().count(), 1);
/// ```
#[derive(Clone, PartialEq, Eq, Hash, Debug, Default)]
pub struct Environment(Vec<(&'static str, String)>);

impl Environment {
    /// The longest value that is kept, in bytes: a few hundred UUIDs.
    pub const LONGEST: usize = 16 * 1024;

    /// An environment without any of the variables.
    #[must_use]
    pub const fn new() -> Self {
        Self(Vec::new())
    }

    /// The variables in a block as `/proc/<pid>/environ` has it: `NAME=value`, each ended by a NUL.
    /// Of a name that comes twice the first counts, as for `getenv`.
    #[must_use]
    pub fn of_block(block: &[u8]) -> Self {
        let mut environment = Self::new();
        for entry in block.split(|byte| *byte == 0) {
            environment.add(entry);
        }
        environment
    }

    /// The variables in a list of `NAME=value`, as an OCI bundle has it.
    #[must_use]
    pub fn of_list<'a>(list: impl IntoIterator<Item = &'a str>) -> Self {
        let mut environment = Self::new();
        for entry in list {
            environment.add(entry.as_bytes());
        }
        environment
    }

    fn add(&mut self, entry: &[u8]) {
        let Some(at) = entry.iter().position(|byte| *byte == b'=') else { return };
        let (name, value) = (&entry[..at], &entry[at + 1..]);
        let Some(name) = VARIABLES.iter().find(|known| known.as_bytes() == name) else { return };
        // What is too long is no list of devices.
        if value.len() > Self::LONGEST || self.get(name).is_some() {
            return;
        }
        self.0.push((name, String::from_utf8_lossy(value).into_owned()));
    }

    /// The value of a variable; `None` where it is not set, or is not one about GPUs.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&str> {
        self.0.iter().find(|(known, _)| *known == name).map(|(_, value)| value.as_str())
    }

    /// The variables with their values.
    pub fn iter(&self) -> impl Iterator<Item = (&'static str, &str)> {
        self.0.iter().map(|(name, value)| (*name, value.as_str()))
    }
}

#[cfg(feature = "serde")]
impl serde::Serialize for Environment {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(self.iter())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_block_of_a_mebibyte_and_worse() {
        let mut block = vec![b'x'; 1 << 20];
        block.extend(b"\0CUDA_VISIBLE_DEVICES=\xff\xfe1\0");
        block.extend(b"CUDA_VISIBLE_DEVICES=2\0=\0\0NVIDIA_VISIBLE_DEVICES\0ROCR_VISIBLE_DEVICES=\0");
        let environment = Environment::of_block(&block);
        assert_eq!(environment.get("CUDA_VISIBLE_DEVICES"), Some("\u{fffd}\u{fffd}1"));
        assert_eq!(environment.get("NVIDIA_VISIBLE_DEVICES"), None);
        assert_eq!(environment.get("ROCR_VISIBLE_DEVICES"), Some(""));
        let long = format!("AMD_VISIBLE_DEVICES={}", "0,".repeat(Environment::LONGEST));
        assert_eq!(Environment::of_block(long.as_bytes()), Environment::new());
    }
}
