//! [`Tag`]: a short name that is `Copy` and needs no heap.

use core::fmt;
use core::str::FromStr;

use crate::parse::ParseError;

/// A short lower-case name of at most 15 bytes (`a`–`z`, `0`–`9`, `-`, `_`), stored inline.
///
/// Open sets of names (vendors, kinds of partition) are tags, so that a third party can add
/// one without a change here, and identifiers that contain them stay `Copy`.
///
/// ```
/// use gpu_core::Tag;
/// let tag: Tag = "nvidia".parse()?;
/// assert_eq!(tag.as_str(), "nvidia");
/// assert!("Not A Tag".parse::<Tag>().is_err());
/// # Ok::<(), gpu_core::ParseError>(())
/// ```
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Tag {
    bytes: [u8; 15],
    len: u8,
}

impl Tag {
    /// The tag of `text`, checked at compile time when used in a `const`.
    ///
    /// # Panics
    /// When `text` is empty, longer than 15 bytes, or has a character outside the set.
    #[must_use]
    pub const fn literal(text: &str) -> Self {
        match Self::build(text.as_bytes()) {
            Some(tag) => tag,
            None => panic!("a tag is 1 to 15 bytes of a-z, 0-9, '-' or '_'"),
        }
    }

    /// The tag as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        // Only ASCII ever gets in: `build` is the one way to make a tag.
        core::str::from_utf8(&self.bytes[..usize::from(self.len)]).unwrap_or("")
    }

    /// The tag of these bytes; `None` for what is no tag. For readers of a kernel's text, who have no
    /// use for an error that quotes it.
    ///
    /// ```
    /// use gpu_core::Tag;
    /// assert_eq!(Tag::from_bytes(b"vram0"), Some(Tag::literal("vram0")));
    /// assert_eq!(Tag::from_bytes(b"VRAM"), None);
    /// ```
    #[inline]
    #[must_use]
    pub const fn from_bytes(text: &[u8]) -> Option<Self> {
        Self::build(text)
    }

    /// The tag's characters.
    #[inline]
    #[must_use]
    pub fn as_bytes(&self) -> &[u8] {
        &self.bytes[..usize::from(self.len)]
    }

    const fn build(text: &[u8]) -> Option<Self> {
        if text.is_empty() || text.len() > 15 {
            return None;
        }
        let mut bytes = [0_u8; 15];
        let mut i = 0;
        while i < text.len() {
            match text[i] {
                b'a'..=b'z' | b'0'..=b'9' | b'-' | b'_' => bytes[i] = text[i],
                _ => return None,
            }
            i += 1;
        }
        #[allow(clippy::cast_possible_truncation)] // checked above: at most 15
        Some(Self { bytes, len: text.len() as u8 })
    }
}

impl FromStr for Tag {
    type Err = ParseError;

    fn from_str(text: &str) -> Result<Self, ParseError> {
        Self::build(text.as_bytes())
            .ok_or_else(|| ParseError::new("tag", text, "1 to 15 bytes of a-z, 0-9, '-' or '_'"))
    }
}

impl fmt::Display for Tag {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

impl fmt::Debug for Tag {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(self.as_str(), f)
    }
}

crate::text::serde_as_text!(Tag);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bounds_are_enforced() {
        assert_eq!(Tag::literal("abcdefghijklmno").as_str().len(), 15);
        for bad in ["", "abcdefghijklmnop", "a b", "A", "é", "a/b", "a:b"] {
            assert!(bad.parse::<Tag>().is_err(), "{bad:?} must be refused");
        }
    }
}
