//! Bytes of a kernel's text: where a line goes on, and numbers in it.

const ONES: u64 = u64::from_ne_bytes([1; 8]);

/// How far it is to the first byte that is `one` or `other`, eight at a time; the whole length where
/// there is none.
#[inline]
pub(super) fn until(bytes: &[u8], one: u8, other: u8) -> usize {
    let (ones, others) = (ONES * u64::from(one), ONES * u64::from(other));
    let mut at = 0;
    while let Some(word) = bytes.get(at..at + 8).and_then(|word| <[u8; 8]>::try_from(word).ok()) {
        let word = u64::from_le_bytes(word);
        let found = zeros(word ^ ones) | zeros(word ^ others);
        if found != 0 {
            return at + found.trailing_zeros() as usize / 8;
        }
        at += 8;
    }
    let rest = &bytes[at..];
    at + rest.iter().position(|byte| *byte == one || *byte == other).unwrap_or(rest.len())
}

/// The highest bit of each byte that is zero; beyond the first such byte it may be set of others, too.
#[inline]
const fn zeros(word: u64) -> u64 {
    word.wrapping_sub(ONES) & !word & (ONES << 7)
}

/// Without white space at both ends.
#[inline]
pub(super) fn trimmed(bytes: &[u8]) -> &[u8] {
    without(bytes, |byte| byte.is_ascii_whitespace())
}

/// Without white space and NULs at both ends: some drivers end texts of their own with one.
#[inline]
pub(super) fn value(bytes: &[u8]) -> &[u8] {
    without(bytes, |byte| byte == 0 || byte.is_ascii_whitespace())
}

#[inline]
fn without(mut bytes: &[u8], is_space: impl Fn(u8) -> bool) -> &[u8] {
    while let [first, rest @ ..] = bytes {
        if !is_space(*first) {
            break;
        }
        bytes = rest;
    }
    while let [rest @ .., last] = bytes {
        if !is_space(*last) {
            break;
        }
        bytes = rest;
    }
    bytes
}

/// The digits at the beginning as a number, and how many they are; `None` for more than fit.
#[inline]
fn digits(text: &[u8]) -> Option<(u64, usize)> {
    /// As many digits as any number of them fits.
    const FIT: usize = 19;
    let (mut number, mut count) = (0_u64, 0);
    while let Some(digit) = text.get(count).map(|byte| byte.wrapping_sub(b'0')).filter(|digit| *digit < 10) {
        number = if count < FIT {
            number * 10 + u64::from(digit)
        } else {
            number.checked_mul(10)?.checked_add(u64::from(digit))?
        };
        count += 1;
    }
    Some((number, count))
}

/// A number in decimal digits alone: the kernel writes no sign.
#[inline]
pub(super) fn number(text: &[u8]) -> Option<u64> {
    let (number, count) = digits(text)?;
    (count > 0 && count == text.len()).then_some(number)
}

/// A number, and the unit that may stand behind it.
#[inline]
pub(super) fn with_unit(text: &[u8]) -> Option<(u64, &[u8])> {
    let (number, count) = digits(text)?;
    (count > 0).then(|| (number, trimmed(&text[count..])))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Every place of every byte in texts of every length up to four words, beside the plain search.
    #[test]
    fn bytes_are_found_where_they_are() {
        for length in 0..32 {
            for at in 0..length {
                for byte in [b':', b'\n', b';', 0, 0x80, 0xff] {
                    for fill in [b'9', 0xba, 0x0b, 0x01] {
                        let mut text = vec![fill; length];
                        text[at] = byte;
                        let plain = text.iter().position(|of| *of == b':' || *of == b'\n');
                        assert_eq!(until(&text, b':', b'\n'), plain.unwrap_or(length), "{text:?}");
                    }
                }
            }
        }
    }

    #[test]
    fn numbers_end_where_they_do_not_fit() {
        for (text, read) in [
            ("0", Some(0)),
            ("18446744073709551615", Some(u64::MAX)),
            ("00000000000000000000018446744073709551615", Some(u64::MAX)),
            ("18446744073709551616", None),
            ("99999999999999999999", None),
            ("9999999999999999999", Some(9_999_999_999_999_999_999)),
            ("", None),
            ("1 ", None),
            ("-1", None),
        ] {
            assert_eq!(number(text.as_bytes()), read, "{text:?}");
        }
        assert_eq!(with_unit(b"5 MiB"), Some((5, &b"MiB"[..])));
        assert_eq!(with_unit(b"5"), Some((5, &b""[..])));
        assert_eq!(with_unit(b"MiB"), None);
    }
}
