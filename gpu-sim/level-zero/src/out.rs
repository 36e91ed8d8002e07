//! Where a caller's pointers are read and written: nowhere else.

use std::ffi::{CStr, c_char, c_void};

use level_zero_sys::{Zero, ze_result_t};

use crate::handle::Handle;

/// A pointer to one `T`, or to the first of an array.
#[repr(transparent)]
#[derive(Clone, Copy)]
pub struct Out<T>(*mut T);

/// What may be read and written as it lies: plain data of C.
pub trait Plain: Copy {}

impl<T: Zero> Plain for T {}
impl Plain for Handle {}

impl<T: Plain> Out<T> {
    /// What the caller has at a position of an array that it said is longer.
    pub fn get_at(self, position: usize) -> Result<T, ze_result_t> {
        if self.0.is_null() {
            return Err(ze_result_t::ERROR_INVALID_NULL_POINTER);
        }
        // SAFETY: the specification: not null, so it refers to as many of the type as the caller
        // said, and callers of this function stay below that count.
        Ok(unsafe { self.0.add(position).read_unaligned() })
    }

    pub fn get(self) -> Result<T, ze_result_t> {
        self.get_at(0)
    }

    /// Gives the caller a value.
    pub fn put(self, value: T) -> Result<(), ze_result_t> {
        self.put_at(0, value)
    }

    pub fn put_at(self, position: usize, value: T) -> Result<(), ze_result_t> {
        if self.0.is_null() {
            return Err(ze_result_t::ERROR_INVALID_NULL_POINTER);
        }
        // SAFETY: as for `get_at`.
        unsafe { self.0.add(position).write_unaligned(value) };
        Ok(())
    }
}

/// What structs begin with that can be extended.
#[repr(C)]
#[derive(Clone, Copy)]
struct Head {
    stype: u32,
    next: *mut c_void,
}

impl Plain for Head {}

/// The extension of that type among those that hang on a struct.
pub fn extension<T>(mut next: *mut c_void, stype: u32) -> Option<Out<T>> {
    // A chain of a few; a circle ends too.
    for _ in 0..16 {
        let head = Out(next.cast::<Head>()).get().ok()?;
        if head.stype == stype {
            return Some(Out(next.cast()));
        }
        next = head.next;
    }
    None
}

/// Text in an array of C, cut and terminated; up to the end and without terminator when asked.
pub fn text<const N: usize>(text: &str, unterminated: bool) -> [c_char; N] {
    let filler = if unterminated { b'~' } else { 0 };
    let mut out = [c_char::from_ne_bytes([filler]); N];
    let room = if unterminated { N } else { N - 1 };
    for (slot, byte) in out.iter_mut().zip(text.bytes().take(room)) {
        *slot = c_char::from_ne_bytes([byte]);
    }
    out
}

/// A caller's text.
#[repr(transparent)]
#[derive(Clone, Copy)]
pub struct TextIn(*const c_char);

impl TextIn {
    /// The text, if it is there and UTF-8.
    pub fn get(&self) -> Result<&str, ze_result_t> {
        if self.0.is_null() {
            return Err(ze_result_t::ERROR_INVALID_NULL_POINTER);
        }
        // SAFETY: texts given to the control functions end in NUL and outlive the call.
        let text = unsafe { CStr::from_ptr(self.0) };
        text.to_str().map_err(|_| ze_result_t::ERROR_INVALID_ARGUMENT)
    }
}
