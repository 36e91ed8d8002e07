//! [`Vendor`]: who made a GPU.

use core::fmt;
use core::str::FromStr;

use crate::parse::ParseError;
use crate::tag::Tag;

/// The maker of a device. Open: third-party backends name their own.
///
/// ```
/// use gpu_core::Vendor;
/// assert_eq!(Vendor::AMD.to_string(), "amd");
/// let other: Vendor = "acme".parse()?;
/// assert_ne!(other, Vendor::NVIDIA);
/// # Ok::<(), gpu_core::ParseError>(())
/// ```
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Vendor(Tag);

impl Vendor {
    /// NVIDIA, PCI vendor 0x10de.
    pub const NVIDIA: Self = Self::new(Tag::literal("nvidia"));
    /// AMD, PCI vendor 0x1002.
    pub const AMD: Self = Self::new(Tag::literal("amd"));
    /// Intel, PCI vendor 0x8086.
    pub const INTEL: Self = Self::new(Tag::literal("intel"));

    /// The vendor of that name.
    #[must_use]
    pub const fn new(name: Tag) -> Self {
        Self(name)
    }

    /// The name as text, such as `"nvidia"`.
    #[must_use]
    pub fn as_str(&self) -> &str {
        self.0.as_str()
    }

    /// The vendor that owns this PCI vendor id, if it is one of the three known here.
    #[must_use]
    pub const fn of_pci(vendor_id: u16) -> Option<Self> {
        match vendor_id {
            0x10de => Some(Self::NVIDIA),
            0x1002 => Some(Self::AMD),
            0x8086 => Some(Self::INTEL),
            _ => None,
        }
    }
}

impl fmt::Display for Vendor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.0, f)
    }
}

impl fmt::Debug for Vendor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&self.0, f)
    }
}

impl FromStr for Vendor {
    type Err = ParseError;

    fn from_str(text: &str) -> Result<Self, ParseError> {
        text.parse().map(Self)
    }
}

crate::text::serde_as_text!(Vendor);
