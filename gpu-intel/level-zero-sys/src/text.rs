//! [`text`]: strings that a driver has filled.

use std::ffi::c_char;

/// The text in an array that a driver has filled: up to the terminator, or to the array's end
/// where there is none; what is no UTF-8 is replaced, and white space around it is cut off.
///
/// ```
/// let mut name = [0; 64];
/// name[0] = b'A' as std::ffi::c_char;
/// assert_eq!(level_zero_sys::text(&name), "A");
/// assert_eq!(level_zero_sys::text(&[b'x' as std::ffi::c_char; 64]).len(), 64);
/// ```
#[must_use]
pub fn text(chars: &[c_char]) -> String {
    let bytes: Vec<u8> = chars.iter().map(|c| c.to_ne_bytes()[0]).take_while(|byte| *byte != 0).collect();
    String::from_utf8_lossy(&bytes).trim().to_owned()
}
