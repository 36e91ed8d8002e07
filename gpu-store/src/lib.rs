//! Durable journals: what a [`Ledger`](gpu_core::ledger::Ledger) is made of again after a crash, and
//! what others follow.
//!
//! A [`Journal`] keeps streams of records, one [`Stream`] per node and sort. It looks into no record:
//! what stands in one is [`gpu_core::stored`]'s. Nothing about storage or agreement is made here:
//! that is SQLite's and etcd's.

#![forbid(unsafe_code)]

#[cfg(feature = "conformance")]
pub mod conformance;
mod error;
#[cfg(feature = "etcd")]
mod etcd;
mod extent;
mod follower;
mod forward;
mod journal;
mod keep_error;
mod keeper;
mod limits;
mod memory;
mod policy;
mod replica;
#[cfg(feature = "sqlite")]
mod sqlite;
mod stream;
mod verify;

pub use error::{Error, ErrorKind};
#[cfg(feature = "etcd")]
pub use etcd::{EtcdConfig, EtcdJournal, Lease, LeaseState};
pub use extent::Extent;
pub use follower::Follower;
pub use journal::{Append, Journal, Snapshot};
pub use keep_error::KeepError;
pub use keeper::Keeper;
pub use limits::Limits;
pub use memory::MemoryJournal;
pub use policy::Policy;
#[cfg(feature = "sqlite")]
pub use sqlite::{Durability, SqliteJournal, SqliteOptions, Trust};
pub use stream::Stream;
pub use verify::{Verified, verify};
