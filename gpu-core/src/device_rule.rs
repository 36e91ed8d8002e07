//! [`DeviceRules`]: what a device cgroup lets its processes at.

use core::fmt;
use core::str::FromStr;

use crate::node_file::DeviceNumber;
use crate::parse::ParseError;

/// One rule of a device cgroup, as `devices.list` of version 1 and an OCI bundle have it.
///
/// ```
/// use gpu_core::{DeviceNumber, DeviceRule};
/// let rule: DeviceRule = "c 195:* rw".parse()?;
/// assert!(rule.covers(DeviceNumber { major: 195, minor: 3 }));
/// assert!(!rule.is_everything());
/// assert!("a *:* rwm".parse::<DeviceRule>()?.is_everything());
/// // To make a device file is not to open it.
/// assert!(!"c *:* m".parse::<DeviceRule>()?.opens());
/// # Ok::<(), gpu_core::ParseError>(())
/// ```
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
#[non_exhaustive]
pub struct DeviceRule {
    /// True where it lets, false where it forbids (bundles only).
    pub allow: bool,
    /// True where block devices are meant too. GPUs are character devices.
    pub blocks: bool,
    /// True where character devices are meant.
    pub characters: bool,
    /// Which driver; `None` for any.
    pub major: Option<u32>,
    /// Which of the driver's devices; `None` for any.
    pub minor: Option<u32>,
    /// May read.
    pub read: bool,
    /// May write.
    pub write: bool,
    /// May make a device file.
    pub make: bool,
}

impl DeviceRule {
    /// A rule about the character devices of those numbers, with the access letters `rwm`.
    #[must_use]
    pub fn characters(allow: bool, major: Option<u32>, minor: Option<u32>, access: &str) -> Self {
        let has = |letter| access.contains(letter);
        Self {
            allow,
            blocks: false,
            characters: true,
            major,
            minor,
            read: has('r'),
            write: has('w'),
            make: has('m'),
        }
    }

    /// True when the character device of that number is meant.
    #[must_use]
    pub fn covers(&self, number: DeviceNumber) -> bool {
        let is = |rule: Option<u32>, number: u32| rule.is_none_or(|rule| rule == number);
        self.characters && is(self.major, number.major) && is(self.minor, number.minor)
    }

    /// True when it is about reading or writing: what opens a device.
    #[must_use]
    pub const fn opens(&self) -> bool {
        self.read || self.write
    }

    /// True when every character device may be opened by it.
    #[must_use]
    pub const fn is_everything(&self) -> bool {
        self.allow && self.characters && self.major.is_none() && self.minor.is_none() && self.opens()
    }
}

/// As `devices.list` prints it.
impl fmt::Display for DeviceRule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match (self.blocks, self.characters) {
            (true, true) => "a ",
            (true, false) => "b ",
            _ => "c ",
        })?;
        let number = |number: Option<u32>| number.map_or_else(|| "*".to_owned(), |n| n.to_string());
        write!(f, "{}:{} ", number(self.major), number(self.minor))?;
        let letters = [(self.read, "r"), (self.write, "w"), (self.make, "m")];
        letters.iter().filter(|(has, _)| *has).try_for_each(|(_, letter)| f.write_str(letter))
    }
}

impl FromStr for DeviceRule {
    type Err = ParseError;

    fn from_str(text: &str) -> Result<Self, ParseError> {
        let refuse = || ParseError::new("device rule", text, "a line like c 195:* rwm");
        let mut words = text.split_ascii_whitespace();
        let (Some(kind), Some(numbers), access) = (words.next(), words.next(), words.next().unwrap_or(""))
        else {
            return Err(refuse());
        };
        let (blocks, characters) = match kind {
            "a" => (true, true),
            "b" => (true, false),
            "c" | "u" => (false, true),
            _ => return Err(refuse()),
        };
        let number = |text: &str| match text {
            "*" => Ok(None),
            text => text.parse().map(Some).map_err(|_| refuse()),
        };
        let (major, minor) = numbers.split_once(':').ok_or_else(refuse)?;
        if words.next().is_some() || access.bytes().any(|letter| !b"rwm".contains(&letter)) {
            return Err(refuse());
        }
        let rule = Self::characters(true, number(major)?, number(minor)?, access);
        Ok(Self { blocks, characters, ..rule })
    }
}

crate::text::serialize_as_text!(DeviceRule);

/// The rules of a device cgroup, in their order.
///
/// ```
/// use gpu_core::{DeviceNumber, DeviceRules};
/// let (rules, left) = DeviceRules::of_list("c 1:3 rwm\nc 195:0 rw\nc 195:1 m\nnot a rule\n");
/// assert!(rules.lets_at(DeviceNumber { major: 195, minor: 0 }));
/// assert!(!rules.lets_at(DeviceNumber { major: 195, minor: 1 }));
/// assert!(!rules.lets_at_everything());
/// assert_eq!(left, 1);
/// ```
#[derive(Clone, PartialEq, Eq, Hash, Debug, Default)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
pub struct DeviceRules(pub Vec<DeviceRule>);

impl DeviceRules {
    /// Most rules of one cgroup that are kept; runtimes write a dozen or two.
    pub const MOST: usize = 4096;

    /// The rules in a `devices.list`, and how many lines of it are none or were too many.
    #[must_use]
    pub fn of_list(text: &str) -> (Self, usize) {
        let lines = text.lines().filter(|line| !line.trim().is_empty());
        let (mut rules, mut left) = (Vec::new(), 0);
        for line in lines {
            match line.parse() {
                Ok(rule) if rules.len() < Self::MOST => rules.push(rule),
                _ => left += 1,
            }
        }
        (Self(rules), left)
    }

    /// True when a process may open the character device of that number: the last rule about it
    /// counts, and without one it may not.
    #[must_use]
    pub fn lets_at(&self, number: DeviceNumber) -> bool {
        let mut about = self.0.iter().rev().filter(|rule| rule.opens() && rule.covers(number));
        about.next().is_some_and(|rule| rule.allow)
    }

    /// True when no character device is kept from it: nobody gave it anything in particular.
    #[must_use]
    pub fn lets_at_everything(&self) -> bool {
        let mut about = self.0.iter().rev().filter(|rule| rule.characters && rule.opens());
        about.next().is_some_and(DeviceRule::is_everything)
    }
}
