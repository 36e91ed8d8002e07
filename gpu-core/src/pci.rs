//! Where a device sits on the PCI bus, and what it says it is.

use core::fmt;
use core::str::FromStr;

use crate::parse::ParseError;

/// A PCI address: domain, bus, device, function.
///
/// The text form is the kernel's, `0000:1b:00.0`. Domains above `ffff` print with eight digits,
/// and eight digits are accepted too, as NVML writes them.
///
/// ```
/// use gpu_core::PciAddress;
/// let address: PciAddress = "00000000:1B:00.0".parse()?;
/// assert_eq!(address.to_string(), "0000:1b:00.0");
/// assert_eq!(address, PciAddress::new(0, 0x1b, 0, 0));
/// # Ok::<(), gpu_core::ParseError>(())
/// ```
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct PciAddress {
    /// PCI domain (segment).
    pub domain: u32,
    /// Bus number.
    pub bus: u8,
    /// Device number, 0 to 31.
    pub device: u8,
    /// Function number, 0 to 7.
    pub function: u8,
}

impl PciAddress {
    /// The address of these four numbers; device and function are cut to five and three bits.
    #[must_use]
    pub const fn new(domain: u32, bus: u8, device: u8, function: u8) -> Self {
        Self { domain, bus, device: device & 0x1f, function: function & 0x7 }
    }

    /// The same slot with function 0.
    #[must_use]
    pub const fn slot(self) -> Self {
        Self { function: 0, ..self }
    }
}

impl fmt::Display for PciAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { domain, bus, device, function } = self;
        if *domain > 0xffff {
            write!(f, "{domain:08x}:{bus:02x}:{device:02x}.{function:x}")
        } else {
            write!(f, "{domain:04x}:{bus:02x}:{device:02x}.{function:x}")
        }
    }
}

impl FromStr for PciAddress {
    type Err = ParseError;

    fn from_str(text: &str) -> Result<Self, ParseError> {
        let refuse = || ParseError::new("PCI address", text, "DDDD:BB:DD.F in hexadecimal");
        // `from_str_radix` takes a leading '+', which no kernel writes.
        let hex = |part: &str, most: usize| {
            if part.is_empty() || part.len() > most || !part.bytes().all(|b| b.is_ascii_hexdigit()) {
                return None;
            }
            u32::from_str_radix(part, 16).ok()
        };
        let mut parts = text.split(':');
        let (Some(domain), Some(bus), Some(rest), None) =
            (parts.next(), parts.next(), parts.next(), parts.next())
        else {
            return Err(refuse());
        };
        let (device, function) = rest.split_once('.').ok_or_else(refuse)?;
        let domain = hex(domain, 8).ok_or_else(refuse)?;
        let bus = hex(bus, 2).ok_or_else(refuse)?;
        let device = hex(device, 2).filter(|d| *d < 32).ok_or_else(refuse)?;
        let function = hex(function, 1).filter(|f| *f < 8).ok_or_else(refuse)?;
        #[allow(clippy::cast_possible_truncation)] // two hexadecimal digits at most
        Ok(Self::new(domain, bus as u8, device as u8, function as u8))
    }
}

crate::text::serde_as_text!(PciAddress);

/// What a PCI function says it is: vendor, device and subsystem.
///
/// ```
/// use gpu_core::PciId;
/// let id = PciId { vendor: 0x10de, device: 0x2330, subvendor: 0x10de, subdevice: 0x16c1 };
/// assert_eq!(id.to_string(), "10de:2330");
/// ```
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Default)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct PciId {
    /// Vendor id, such as 0x10de.
    pub vendor: u16,
    /// Device id, such as 0x2330.
    pub device: u16,
    /// Subsystem vendor id; 0 where the machine does not tell.
    pub subvendor: u16,
    /// Subsystem device id; 0 where the machine does not tell.
    pub subdevice: u16,
}

impl fmt::Display for PciId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:04x}:{:04x}", self.vendor, self.device)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_no_address_is_refused() {
        let bad = [
            "",
            "0000:1b:00",
            "0000:1b:00.8",
            "0000:1b:20.0",
            "0000:1bb:00.0",
            "000000000:1b:00.0",
            "0000:+b:00.0",
            "0000:1b:00.0:1",
            "g000:1b:00.0",
            "0000 :1b:00.0",
            "0000:1b:00.0 ",
        ];
        for text in bad {
            assert!(text.parse::<PciAddress>().is_err(), "{text:?} must be refused");
        }
    }

    #[test]
    fn wide_domains_keep_all_digits() {
        let address = PciAddress::new(0x1_0000, 0x3b, 0, 1);
        assert_eq!(address.to_string(), "00010000:3b:00.1");
        assert_eq!(address.to_string().parse(), Ok(address));
    }
}
