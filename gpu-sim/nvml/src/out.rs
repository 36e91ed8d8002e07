//! Where a caller's pointers are read and written: nowhere else.
//!
//! The types stand in the signatures of exported functions in place of C's pointers, which they
//! are in memory.

use std::ffi::{c_char, c_uint};
use std::fmt;

use crate::abi::{Code, Plain};

/// A pointer to one `T`, or to the first of an array.
#[repr(transparent)]
#[derive(Clone, Copy)]
pub struct Out<T>(*mut T);

impl<T: Plain> Out<T> {
    /// True when the caller gave none.
    pub fn is_null(self) -> bool {
        self.0.is_null()
    }

    /// What the caller has there.
    pub fn get(self) -> Result<T, Code> {
        if self.0.is_null() {
            return Err(Code::INVALID_ARGUMENT);
        }
        // SAFETY: nvml.h: a pointer argument is NULL, which is refused above, or refers to memory
        // of the caller of that type. C does not promise alignment to us, so none is assumed.
        Ok(unsafe { self.0.read_unaligned() })
    }

    /// Gives the caller a value.
    pub fn put(self, value: T) -> Result<(), Code> {
        self.put_at(0, value)
    }

    /// Gives the caller the value at a position of an array that it said is longer.
    pub fn put_at(self, position: usize, value: T) -> Result<(), Code> {
        if self.0.is_null() {
            return Err(Code::INVALID_ARGUMENT);
        }
        // SAFETY: nvml.h: not NULL, so it refers to as many of the type as the caller said, and
        // callers of this function stay below that count.
        unsafe { self.0.add(position).write_unaligned(value) };
        Ok(())
    }

    /// What the caller has at a position of an array that it said is longer.
    pub fn get_at(self, position: usize) -> Result<T, Code> {
        if self.0.is_null() {
            return Err(Code::INVALID_ARGUMENT);
        }
        // SAFETY: as for `put_at`.
        Ok(unsafe { self.0.add(position).read_unaligned() })
    }

    /// The same place seen as another type: for structs whose stride a driver changed.
    pub fn cast<U>(self) -> Out<U> {
        Out(self.0.cast())
    }
}

/// Checks the version word with which a caller's struct starts.
pub fn check_version<T: Plain>(out: Out<T>, versions: &[c_uint]) -> Result<c_uint, Code> {
    let word = out.cast::<c_uint>().get()?;
    if versions.contains(&word) { Ok(word) } else { Err(Code::ARGUMENT_VERSION_MISMATCH) }
}

/// A list by NVML's rule: the caller says how many fit; too few is answered with how many there
/// are (and success when none were asked for and there are none).
pub fn list<T: Plain>(
    count: Out<c_uint>,
    items: Out<T>,
    more: usize,
    all: impl Iterator<Item = T> + Clone,
) -> Result<(), Code> {
    let room = count.get()? as usize;
    let there = all.clone().count() + more;
    count.put(c_uint::try_from(there).unwrap_or(c_uint::MAX))?;
    if there > room {
        return Err(Code::INSUFFICIENT_SIZE);
    }
    // Rows that came between asking and filling repeat the last one.
    let last = all.clone().last();
    let rows = all.chain(last.into_iter().cycle().take(more)).take(room);
    let mut written = 0_u32;
    for (position, item) in rows.enumerate() {
        items.put_at(position, item)?;
        written += 1;
    }
    count.put(written)
}

/// A caller's buffer for text.
#[repr(transparent)]
#[derive(Clone, Copy)]
pub struct TextOut(*mut c_char);

impl TextOut {
    /// Fills it with text and its terminator, or `unterminated` up to the end.
    pub fn put(self, length: c_uint, unterminated: bool, text: fmt::Arguments<'_>) -> Result<(), Code> {
        if self.0.is_null() {
            return Err(Code::INVALID_ARGUMENT);
        }
        let mut fixed = Fixed::<128>::new();
        fixed.write(text);
        let length = length as usize;
        if length <= fixed.length {
            return Err(Code::INSUFFICIENT_SIZE);
        }
        let bytes = Out(self.0.cast::<u8>());
        for (position, byte) in fixed.text().iter().enumerate() {
            bytes.put_at(position, *byte)?;
        }
        if unterminated {
            return (fixed.length..length).try_for_each(|position| bytes.put_at(position, b'~'));
        }
        bytes.put_at(fixed.length, 0)
    }
}

/// A caller's text.
#[repr(transparent)]
#[derive(Clone, Copy)]
pub struct TextIn(*const c_char);

impl TextIn {
    /// The text, if it is there and UTF-8.
    pub fn get(&self) -> Result<&str, Code> {
        if self.0.is_null() {
            return Err(Code::INVALID_ARGUMENT);
        }
        // SAFETY: nvml.h: texts given to NVML end in NUL and outlive the call.
        let text = unsafe { std::ffi::CStr::from_ptr(self.0) };
        text.to_str().map_err(|_| Code::INVALID_ARGUMENT)
    }
}

/// Text in a field of a struct, NUL-padded.
pub fn field<const N: usize>(unterminated: bool, text: fmt::Arguments<'_>) -> [u8; N] {
    let mut fixed = Fixed::<N>::new();
    fixed.write(text);
    if unterminated {
        fixed.bytes[fixed.length..].fill(b'~');
    }
    fixed.bytes
}

/// Text of at most `N` - 1 bytes, made without allocating; what is longer is cut.
struct Fixed<const N: usize> {
    bytes: [u8; N],
    length: usize,
}

impl<const N: usize> Fixed<N> {
    fn new() -> Self {
        Self { bytes: [0; N], length: 0 }
    }

    fn write(&mut self, text: fmt::Arguments<'_>) {
        // Cannot fail: what does not fit is cut.
        let _ = fmt::Write::write_fmt(self, text);
    }

    fn text(&self) -> &[u8] {
        &self.bytes[..self.length]
    }
}

impl<const N: usize> fmt::Write for Fixed<N> {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        let room = N - 1 - self.length;
        let taken = &text.as_bytes()[..text.len().min(room)];
        self.bytes[self.length..self.length + taken.len()].copy_from_slice(taken);
        self.length += taken.len();
        Ok(())
    }
}
