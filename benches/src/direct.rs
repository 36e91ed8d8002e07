//! [`Direct`]: the calls of a sample, made through the bindings' symbol table.

mod ffi;

pub use ffi::Direct;
