//! [`DeviceName`]: what NVML calls a MIG device.

use core::fmt;
use core::str::FromStr;

use gpu_core::ParseError;

use crate::name::ProfileName;

/// The name of a MIG device: the product where it is told, `MIG`, the profile.
///
/// ```
/// use gpu_nvidia_mig::DeviceName;
/// let name: DeviceName = "NVIDIA H200 MIG 1c.3g.71gb".parse()?;
/// assert_eq!((name.product(), name.profile().to_string()), (Some("NVIDIA H200"), "1c.3g.71gb".to_owned()));
/// assert_eq!(name.to_string(), "NVIDIA H200 MIG 1c.3g.71gb");
/// assert_eq!("MIG 1g.5gb+me".parse::<DeviceName>()?.product(), None);
/// assert!("NVIDIA H200".parse::<DeviceName>().is_err());
/// # Ok::<(), gpu_core::ParseError>(())
/// ```
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct DeviceName {
    product: Option<String>,
    profile: ProfileName,
}

impl DeviceName {
    /// The product, where the name has one.
    #[must_use]
    pub fn product(&self) -> Option<&str> {
        self.product.as_deref()
    }

    /// The profile: of the compute instance, where it does not span its GPU instance.
    #[must_use]
    pub const fn profile(&self) -> &ProfileName {
        &self.profile
    }
}

impl fmt::Display for DeviceName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.product {
            Some(product) => write!(f, "{product} MIG {}", self.profile),
            None => write!(f, "MIG {}", self.profile),
        }
    }
}

impl FromStr for DeviceName {
    type Err = ParseError;

    fn from_str(text: &str) -> Result<Self, ParseError> {
        let refuse = || ParseError::new("MIG device name", text, "a name like NVIDIA H200 MIG 1g.18gb");
        let (product, profile) = match text.strip_prefix("MIG ") {
            Some(profile) => ("", profile),
            None => {
                text.rsplit_once(" MIG ").filter(|(product, _)| !product.is_empty()).ok_or_else(refuse)?
            }
        };
        let product = Some(product.to_owned()).filter(|product| !product.is_empty());
        Ok(Self { product, profile: profile.trim_end().parse()? })
    }
}

crate::text::serde_as_text!(DeviceName);
