//! Version 1 of what is stored. Never changed once it has been released: what comes to be stored
//! otherwise is version 2, beside it.

mod board;
mod entry;
mod image;
mod owner;
#[cfg(feature = "meter")]
mod statement;
mod unit;

pub(crate) use entry::{read_entry, write_body, write_entry, write_head};
pub(crate) use image::{read_image, write_image};
pub(crate) use owner::{read_owner, write_owner};
#[cfg(feature = "meter")]
pub(crate) use statement::{read_statement, write_statement};
