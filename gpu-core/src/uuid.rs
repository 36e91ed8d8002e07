//! [`Uuid`]: sixteen bytes in the usual form.

use core::fmt;
use core::str::FromStr;

use crate::parse::ParseError;

/// A 128-bit identifier, printed as `8-4-4-4-12` lower-case hexadecimal digits.
///
/// ```
/// use gpu_core::Uuid;
/// let uuid: Uuid = "3c92a7a5-7d8e-4b8e-9f8b-0a1b2c3d4e5f".parse()?;
/// assert_eq!(uuid.to_string(), "3c92a7a5-7d8e-4b8e-9f8b-0a1b2c3d4e5f");
/// # Ok::<(), gpu_core::ParseError>(())
/// ```
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Uuid(pub [u8; 16]);

impl fmt::Display for Uuid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (i, byte) in self.0.iter().enumerate() {
            if matches!(i, 4 | 6 | 8 | 10) {
                f.write_str("-")?;
            }
            write!(f, "{byte:02x}")?;
        }
        Ok(())
    }
}

impl fmt::Debug for Uuid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl FromStr for Uuid {
    type Err = ParseError;

    fn from_str(text: &str) -> Result<Self, ParseError> {
        parse(text.as_bytes())
            .map(Self)
            .ok_or_else(|| ParseError::new("UUID", text, "8-4-4-4-12 hexadecimal digits"))
    }
}

/// The sixteen bytes of `8-4-4-4-12` hexadecimal digits.
fn parse(text: &[u8]) -> Option<[u8; 16]> {
    if text.len() != 36 {
        return None;
    }
    let mut bytes = [0_u8; 16];
    let mut digits = 0;
    for (i, c) in text.iter().enumerate() {
        if matches!(i, 8 | 13 | 18 | 23) {
            if *c != b'-' {
                return None;
            }
            continue;
        }
        let digit = char::from(*c).to_digit(16)?;
        #[allow(clippy::cast_possible_truncation)] // one hexadecimal digit
        let digit = digit as u8;
        bytes[digits / 2] = bytes[digits / 2] << 4 | digit;
        digits += 1;
    }
    Some(bytes)
}

crate::text::serde_as_text!(Uuid);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn other_shapes_are_refused() {
        for bad in [
            "",
            "3c92a7a57d8e4b8e9f8b0a1b2c3d4e5f",
            "3c92a7a5-7d8e-4b8e-9f8b-0a1b2c3d4e5",
            "3c92a7a5-7d8e-4b8e-9f8b-0a1b2c3d4e5g",
            "3c92a7a57-d8e-4b8e-9f8b-0a1b2c3d4e5f",
        ] {
            assert!(bad.parse::<Uuid>().is_err(), "{bad:?} must be refused");
        }
    }
}
