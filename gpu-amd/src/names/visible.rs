//! [`VisibleDevices`]: the lists in `AMD_VISIBLE_DEVICES`.

use std::fmt;
use std::str::FromStr;

use gpu_core::ParseError;

/// What `AMD_VISIBLE_DEVICES` asks AMD's container runtime for: numbers, ranges, and unique ids in
/// hexadecimal, separated by commas; `all`; or nothing (ROCm/container-toolkit, `parseDeviceList`,
/// `parseGPUsList`).
///
/// Text of more than eight hexadecimal digits is a unique id without `0x` too, as the toolkit
/// takes it. All partitions of a GPU have its unique id.
///
/// ```
/// use gpu_amd::names::VisibleDevices;
/// let list: VisibleDevices = "0-2,5,0xEF2C1799A1F3E2ED".parse()?;
/// assert!(list.shows(1, None) && !list.shows(3, None));
/// assert!(list.shows(3, Some(0xef2c_1799_a1f3_e2ed)));
/// assert_eq!(list.to_string(), "0-2,5,0xef2c1799a1f3e2ed");
/// assert_eq!("void".parse(), Ok(VisibleDevices::Nothing));
/// # Ok::<(), gpu_core::ParseError>(())
/// ```
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
#[non_exhaustive]
pub enum VisibleDevices {
    /// `all`.
    All,
    /// `none`, `void`, or an empty text.
    Nothing,
    /// These.
    These(Vec<Visible>),
}

/// One entry of a list of visible devices.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
#[non_exhaustive]
pub enum Visible {
    /// The toolkit's numbers from the first to the last; one where both are equal.
    Numbers {
        /// The first.
        first: u32,
        /// The last.
        last: u32,
    },
    /// A GPU's unique id.
    UniqueId(u64),
}

impl VisibleDevices {
    /// True when it shows the device with that number of the toolkit's and that unique id.
    #[must_use]
    pub fn shows(&self, number: u32, unique_id: Option<u64>) -> bool {
        match self {
            Self::All => true,
            Self::Nothing => false,
            Self::These(entries) => entries.iter().any(|entry| match entry {
                Visible::Numbers { first, last } => (first..=last).contains(&&number),
                Visible::UniqueId(id) => unique_id == Some(*id),
            }),
        }
    }
}

impl fmt::Display for VisibleDevices {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::All => f.write_str("all"),
            Self::Nothing => f.write_str("void"),
            Self::These(entries) => entries.iter().enumerate().try_for_each(|(at, entry)| {
                if at > 0 {
                    f.write_str(",")?;
                }
                entry.fmt(f)
            }),
        }
    }
}

impl fmt::Display for Visible {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Numbers { first, last } if first == last => first.fmt(f),
            Self::Numbers { first, last } => write!(f, "{first}-{last}"),
            Self::UniqueId(id) => write!(f, "{id:#018x}"),
        }
    }
}

impl FromStr for VisibleDevices {
    type Err = ParseError;

    fn from_str(text: &str) -> Result<Self, ParseError> {
        match text.trim() {
            "" | "none" | "void" => return Ok(Self::Nothing),
            "all" | "All" | "ALL" => return Ok(Self::All),
            _ => {}
        }
        let entries = text.split(',').map(str::trim).filter(|entry| !entry.is_empty());
        let entries: Vec<Visible> = entries.map(str::parse).collect::<Result<_, _>>()?;
        Ok(if entries.is_empty() { Self::Nothing } else { Self::These(entries) })
    }
}

impl FromStr for Visible {
    type Err = ParseError;

    fn from_str(text: &str) -> Result<Self, ParseError> {
        const FORM: &str = "a number, a range such as 0-3, or a unique id in hexadecimal";
        let refuse = || ParseError::new("visible device", text, FORM);
        let digits = text.strip_prefix("0x").or_else(|| text.strip_prefix("0X"));
        let is_long = text.len() > 8 && text.bytes().all(|digit| digit.is_ascii_hexdigit());
        if let Some(digits) = digits.or_else(|| is_long.then_some(text)) {
            let all_digits = digits.bytes().all(|digit| digit.is_ascii_hexdigit());
            let id = all_digits.then(|| u64::from_str_radix(digits, 16).ok()).flatten();
            return id.map(Self::UniqueId).ok_or_else(refuse);
        }
        let (first, last) = text.split_once('-').unwrap_or((text, text));
        match (number(first), number(last)) {
            (Some(first), Some(last)) if first <= last => Ok(Self::Numbers { first, last }),
            _ => Err(refuse()),
        }
    }
}

/// A number in decimal digits and nothing else.
pub(super) fn number(text: &str) -> Option<u32> {
    text.bytes().all(|digit| digit.is_ascii_digit()).then(|| text.parse().ok()).flatten()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lists_as_people_write_them() {
        let one = |number| Visible::Numbers { first: number, last: number };
        for (text, wanted) in [
            ("all", VisibleDevices::All),
            ("", VisibleDevices::Nothing),
            (" none ", VisibleDevices::Nothing),
            (",", VisibleDevices::Nothing),
            ("0, 2,", VisibleDevices::These(vec![one(0), one(2)])),
            ("0X1", VisibleDevices::These(vec![Visible::UniqueId(1)])),
            // Nine digits are an id, eight are a number: as the toolkit takes them.
            ("123456789", VisibleDevices::These(vec![Visible::UniqueId(0x1_2345_6789)])),
            ("12345678", VisibleDevices::These(vec![one(12_345_678)])),
        ] {
            assert_eq!(text.parse(), Ok(wanted), "{text:?}");
        }
        for text in
            ["x", "3-1", "-1", "1-", "+1", "0x", "0xg", "0x+1", "0,all", "0x12345678901234567", "1-2-3"]
        {
            assert!(text.parse::<VisibleDevices>().is_err(), "{text:?}");
        }
    }
}
