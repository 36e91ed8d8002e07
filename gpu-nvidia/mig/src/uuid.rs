//! [`MigUuid`]: how NVIDIA names a MIG device.

use core::fmt;
use core::str::FromStr;

use gpu_core::{ParseError, Uuid};

use crate::id::{ComputeInstanceId, GpuInstanceId};

/// The UUID of a MIG device, in the form of drivers since R470 or in the older one.
///
/// It names a place: destroyed and made again there, an instance may carry it once more, even
/// with another profile.
///
/// ```
/// use gpu_nvidia_mig::{GpuInstanceId, MigUuid};
/// let new: MigUuid = "MIG-3c92a7a5-7d8e-4b8e-9f8b-0a1b2c3d4e5f".parse()?;
/// assert!(matches!(new, MigUuid::Uuid(_)));
/// let text = "MIG-GPU-3c92a7a5-7d8e-4b8e-9f8b-0a1b2c3d4e5f/7/0";
/// let old: MigUuid = text.parse()?;
/// assert!(matches!(old, MigUuid::Legacy { gpu_instance: GpuInstanceId(7), .. }));
/// assert_eq!(old.to_string(), text);
/// assert!("MIG-GPU-3c92a7a5-7d8e-4b8e-9f8b-0a1b2c3d4e5f/7".parse::<MigUuid>().is_err());
/// # Ok::<(), gpu_core::ParseError>(())
/// ```
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum MigUuid {
    /// `MIG-<uuid>`.
    Uuid(Uuid),
    /// `MIG-GPU-<uuid of the GPU>/<GPU instance>/<compute instance>`.
    Legacy {
        /// The GPU.
        gpu: Uuid,
        /// GPU instance on it.
        gpu_instance: GpuInstanceId,
        /// Compute instance in that.
        compute_instance: ComputeInstanceId,
    },
}

impl fmt::Display for MigUuid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Uuid(uuid) => write!(f, "MIG-{uuid}"),
            Self::Legacy { gpu, gpu_instance, compute_instance } => {
                write!(f, "MIG-GPU-{gpu}/{gpu_instance}/{compute_instance}")
            }
        }
    }
}

impl FromStr for MigUuid {
    type Err = ParseError;

    fn from_str(text: &str) -> Result<Self, ParseError> {
        let refuse = || ParseError::new("MIG UUID", text, "MIG-<uuid> or MIG-GPU-<uuid>/<gi>/<ci>");
        let rest = text.strip_prefix("MIG-").ok_or_else(refuse)?;
        let Some(legacy) = rest.strip_prefix("GPU-") else {
            return rest.parse().map(Self::Uuid).map_err(|_| refuse());
        };
        let mut parts = legacy.split('/');
        let (Some(gpu), Some(gi), Some(ci), None) = (parts.next(), parts.next(), parts.next(), parts.next())
        else {
            return Err(refuse());
        };
        Ok(Self::Legacy {
            gpu: gpu.parse().map_err(|_| refuse())?,
            gpu_instance: GpuInstanceId(number(gi).ok_or_else(refuse)?),
            compute_instance: ComputeInstanceId(number(ci).ok_or_else(refuse)?),
        })
    }
}

/// A decimal number as drivers print it: without sign and leading zeros.
fn number(text: &str) -> Option<u32> {
    let plain = text.bytes().all(|byte| byte.is_ascii_digit()) && (text.len() == 1 || !text.starts_with('0'));
    text.parse().ok().filter(|_| plain)
}

crate::text::serde_as_text!(MigUuid);
