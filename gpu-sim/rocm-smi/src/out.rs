//! Where a caller's pointers are read and written: nowhere else.
//!
//! The types stand in the signatures of exported functions in place of C's pointers, which they
//! are in memory.

use std::ffi::{CStr, c_char};

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

    /// What the caller has at a position of an array that it said is longer.
    pub fn get_at(self, position: usize) -> Result<T, Code> {
        if self.0.is_null() {
            return Err(Code::INVALID_ARGS);
        }
        // SAFETY: rocm_smi.h: not NULL, so it refers to as many of the type as the caller said, and
        // callers of this function stay below that count. C does not promise alignment to us.
        Ok(unsafe { self.0.add(position).read_unaligned() })
    }

    /// What the caller has there.
    pub fn get(self) -> Result<T, Code> {
        self.get_at(0)
    }

    /// Gives the caller a value.
    pub fn put(self, value: T) -> Result<(), Code> {
        self.put_at(0, value)
    }

    /// Gives the caller the value at a position of an array that it said is longer.
    pub fn put_at(self, position: usize, value: T) -> Result<(), Code> {
        if self.0.is_null() {
            return Err(Code::INVALID_ARGS);
        }
        // SAFETY: as for `get_at`.
        unsafe { self.0.add(position).write_unaligned(value) };
        Ok(())
    }

    /// A list by the header's rule: without room for it, the caller gets the count; with too
    /// little, what fits and a code that says so.
    pub fn list(self, count: Out<u32>, all: &[T]) -> Result<(), Code> {
        let there = u32::try_from(all.len()).unwrap_or(u32::MAX);
        if self.is_null() {
            return count.put(there);
        }
        let room = count.get()?;
        for (position, item) in all.iter().take(room as usize).enumerate() {
            self.put_at(position, *item)?;
        }
        count.put(there.min(room))?;
        if there > room { Err(Code::INSUFFICIENT_SIZE) } else { Ok(()) }
    }
}

/// A caller's buffer for text.
#[repr(transparent)]
#[derive(Clone, Copy)]
pub struct TextOut(*mut c_char);

impl TextOut {
    /// Fills it with text and its terminator: cut, with a code that says so, when it is too short.
    /// `unterminated` fills it up to the end instead.
    pub fn put(self, length: usize, unterminated: bool, text: &str) -> Result<(), Code> {
        if self.0.is_null() || length == 0 {
            return Err(Code::INVALID_ARGS);
        }
        let bytes = Out(self.0.cast::<u8>());
        let fits = text.len().min(length - 1);
        for (position, byte) in text.bytes().take(fits).enumerate() {
            bytes.put_at(position, byte)?;
        }
        if unterminated {
            return (fits..length).try_for_each(|position| bytes.put_at(position, b'~'));
        }
        bytes.put_at(fits, 0)?;
        if fits < text.len() { Err(Code::INSUFFICIENT_SIZE) } else { Ok(()) }
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
            return Err(Code::INVALID_ARGS);
        }
        // SAFETY: texts given to the control functions end in NUL and outlive the call.
        let text = unsafe { CStr::from_ptr(self.0) };
        text.to_str().map_err(|_| Code::INVALID_ARGS)
    }
}
