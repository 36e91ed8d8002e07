//! What a node showed, moment after moment, as bytes.
//!
//! `gpu_record` keeps it in files; here is what the bytes mean. A recording is a row of frames of two
//! sorts, as long as it likes: a [`Head`] says what follows is of, and [`Moment`]s follow. Each frame
//! is, in any version:
//!
//! | bytes | what |
//! |---|---|
//! | 4 | `GPUR` |
//! | 2 | version |
//! | 1 | sort: 1 a head, 2 a moment |
//! | 4 | how many bytes of content follow |
//! | … | the content, compressed |
//! | 4 | CRC-32C of all before |
//!
//! the same frame as that of [`stored`](crate::stored), with another beginning. Content is compressed
//! with DEFLATE (RFC 1951) by `gpu_record`. Below that, version 1 has: the texts that are new, then
//! rows of numbers. Each thing of a moment (a device, a unit's reading, a process…) is one row, written
//! out field by field in `recorded/v1`; a text is its number in the order in which texts came; times
//! are written as their distance from the moment's. What is written of a row is what it differs by
//! from the row of the same thing in the moment before, so that what stays the same takes next to
//! nothing.
//!
//! The form is its own: whatever becomes of the types in memory, bytes of version 1 are read. The head
//! names the metrics of its readings, so that the table of metrics may grow within a version. A newer
//! version is refused by name ([`Error::Newer`]).

mod delta;
mod frame;
mod head;
mod moment;
mod reader;
mod reason;
mod redact;
mod v1;
mod words;
mod writer;

pub use crate::stored::Error;
pub use frame::{MAGIC, Sort, VERSION, frame, length, open};
pub use head::{Head, VendorSeen};
pub use moment::{Containers, Moment, Named};
pub use reader::Reader;
pub use redact::{Redaction, Redactor};
pub use writer::Writer;

pub(crate) use v1::{read_measured, write_measured};
pub(crate) use words::{Row, Taken};
