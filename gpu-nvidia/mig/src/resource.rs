//! [`ResourceName`]: how Kubernetes counts a profile.

use core::fmt;
use core::str::FromStr;

use gpu_core::ParseError;

use crate::name::ProfileName;

/// The resource under which NVIDIA's device plugin offers the instances of a profile, with
/// strategy `mixed`: `nvidia.com/mig-` and the name, with `+` written as `.`.
///
/// Only profiles of whole GPU instances are offered, and only names with at most one attribute
/// have such a form. Back again, everything between `gb` and the end is one attribute: `.me.all`
/// is `+me.all`.
///
/// ```
/// use gpu_nvidia_mig::{ProfileName, ResourceName};
/// let name: ProfileName = "1g.24gb+me.all".parse()?;
/// let resource = ResourceName::of(&name).expect("a whole GPU instance");
/// assert_eq!(resource.to_string(), "nvidia.com/mig-1g.24gb.me.all");
/// assert_eq!("nvidia.com/mig-1g.24gb.me.all".parse::<ResourceName>()?.profile(), &name);
/// assert_eq!("nvidia.com/mig-1g.24gb-me".parse::<ResourceName>()?.profile().to_string(), "1g.24gb-me");
/// assert_eq!(ResourceName::of(&"1c.3g.20gb".parse()?), None);
/// # Ok::<(), gpu_core::ParseError>(())
/// ```
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct ResourceName(ProfileName);

/// What stands before the profile.
const PREFIX: &str = "nvidia.com/mig-";

impl ResourceName {
    /// The resource of a profile; `None` for a part of a GPU instance and for several attributes.
    #[must_use]
    pub fn of(profile: &ProfileName) -> Option<Self> {
        let offered = !profile.is_partial() && profile.attributes().count() < 2;
        offered.then(|| Self(profile.clone()))
    }

    /// The profile.
    #[must_use]
    pub const fn profile(&self) -> &ProfileName {
        &self.0
    }

    /// The name without domain and `mig-`, as labels of configurations have it too
    /// (`all-1g.24gb.me`).
    ///
    /// ```
    /// use gpu_nvidia_mig::ResourceName;
    /// let resource: ResourceName = "nvidia.com/mig-1g.10gb.me".parse()?;
    /// assert_eq!(resource.label(), "1g.10gb.me");
    /// # Ok::<(), gpu_core::ParseError>(())
    /// ```
    #[must_use]
    pub fn label(&self) -> String {
        self.0.to_string().replace('+', ".")
    }
}

impl fmt::Display for ResourceName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{PREFIX}{}", self.label())
    }
}

impl FromStr for ResourceName {
    type Err = ParseError;

    fn from_str(text: &str) -> Result<Self, ParseError> {
        const FORM: &str = "nvidia.com/mig- and a profile of a whole GPU instance, with '.' for '+'";
        let refuse = || ParseError::new("MIG resource", text, FORM);
        let label = text.strip_prefix(PREFIX).filter(|label| !label.contains('+')).ok_or_else(refuse)?;
        let size = label.find("gb").map(|at| at + 2).ok_or_else(refuse)?;
        let (size, rest) = label.split_at(size);
        let name = match rest.strip_prefix('.') {
            Some(attribute) => format!("{size}+{attribute}"),
            None => label.to_owned(),
        };
        let name: ProfileName = name.parse().map_err(|_| refuse())?;
        // What would be printed in another way is another resource.
        Self::of(&name).filter(|resource| resource.label() == label).ok_or_else(refuse)
    }
}

crate::text::serde_as_text!(ResourceName);
