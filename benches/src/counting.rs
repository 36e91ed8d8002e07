//! [`Counting`]: an allocator that counts.

mod ffi;

pub use ffi::Counting;
