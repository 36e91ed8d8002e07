//! Journals in etcd: one cluster for many nodes, and leases that end with whoever took them.
//!
//! Asked by etcd's own JSON gateway, which every member from 3.4 on has at `/v3/`: what this needs is
//! HTTP and JSON.
//!
//! # What stands where
//! Below the [prefix](EtcdConfig::prefix), `gpu-store/` unless another is given:
//!
//! | key | value |
//! |---|---|
//! | `format` | the version of all this: `1` |
//! | `end/STREAM` | the position of the last record, in decimal digits |
//! | `log/STREAM/LAST` | one append: its records in one frame; `LAST` is the last one's position, in 16 hexadecimal digits |
//! | `mark/STREAM` | how far the stream is compacted, and which is its snapshot: JSON |
//! | `snap/STREAM/NAME/PART` | a part of that snapshot |
//!
//! An append is one transaction: where `end` is what the caller expects, `end` and one key of `log`
//! are written, and otherwise `end` is read. So it costs two writes however many records it has, and
//! `end` only ever grows: a transaction that is repeated, or comes late, happens once or not at all.

mod batch;
mod client;
mod config;
mod journal;
mod key;
mod lease;
mod mark;
mod snapshot;
mod trouble;
mod watch;
mod wire;

pub use config::EtcdConfig;
pub use journal::EtcdJournal;
pub use lease::{Lease, LeaseState};
