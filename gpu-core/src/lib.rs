//! The model and the rules of the `gpu-accounting` family: what GPUs a machine has, how they
//! are cut, and what each part and process showed. No vendor, no I/O, no unsafe code.
//!
//! # Words
//! | word | meaning | here |
//! |---|---|---|
//! | node | the machine | `gpu_accounting::Node`, over a [`Host`] |
//! | device | one physical GPU | [`Device`], [`DeviceId`] |
//! | partition | hardware-isolated part of a device | [`Partition`], [`PartitionId`] |
//! | share | replica k of n, without isolation of its own | [`Share`], [`ShareId`] |
//! | unit | device, partition or share | [`UnitId`] |
//! | plan | how a board gets from one layout to another | [`plan`], [`Partitioner`] |
//! | incarnation | one life of a unit | [`Incarnation`] |
//! | reading | what one unit showed at one time | [`Reading`], in a [`Sample`] |
//!
//! # Rules that hold everywhere
//! - What is missing is named: a metric is `Ok(Measured)` or `Err(Absence)`, never 0 or −1.
//! - Quantities are integers with the unit in the type: [`Bytes`], [`Microwatts`]…
//! - Identifiers are places, `Copy`, with one canonical text; indexes are for display.
//! - Time comes from a [`Clock`]; [`BootTime`] and [`WallTime`] do not mix.
//!
//! How a board is cut is planned in [`plan`].
//!
//! # Features
//! - `serde`: `Serialize` for the model; `Deserialize` for identifiers, addresses and
//!   quantities. For display and interchange, not for storage.
//! - `conformance`: the `conformance` module, test functions that every backend must pass.

#![forbid(unsafe_code)]

mod absence;
pub mod apply;
mod backend;
mod capability;
pub mod choose;
#[cfg(feature = "conformance")]
pub mod conformance;
mod cursor;
mod device;
mod driver;
mod drm_client;
mod error;
mod exclusion;
mod fingerprint;
mod host;
mod id;
mod inventory;
mod known;
pub mod ledger;
mod link;
mod measured;
mod mode;
mod node_file;
mod numa;
mod outcome;
mod owner;
mod parse;
mod partition;
mod partitioner;
mod pci;
pub mod plan;
mod problem;
mod process;
mod quantity;
mod query;
mod reading;
mod refusal;
mod sample;
mod sharing;
pub mod stored;
mod sweep;
mod tag;
mod text;
mod throttle;
mod time;
mod uuid;
mod vendor;

pub use absence::{Absence, Need};
pub use backend::{Backend, BackendExt};
pub use capability::Capabilities;
pub use cursor::{Cursor, Cursors};
pub use device::{Device, MemoryKind};
pub use driver::Driver;
pub use drm_client::{DrmClient, DrmEngine, DrmRegion};
pub use error::{Error, ErrorKind};
pub use exclusion::Exclusion;
pub use fingerprint::{Digest, Fingerprint, Incarnation};
pub use host::Host;
pub use id::{DeviceId, PartitionId, PartitionKind, ShareId, Stability, UnitId};
pub use inventory::{Inventory, Unmanaged};
pub use known::Known;
pub use link::{Link, LinkKind, PcieAncestor};
pub use measured::{Measured, Source};
pub use mode::Mode;
pub use node_file::{DeviceNode, DeviceNumber, NodeRole};
pub use numa::NumaNode;
pub use outcome::{Discovery, LookedFor, Outcome};
pub use owner::{Container, ContainerId, Owner, Pod, QosClass, Runtime, SlurmJob, SlurmStep};
pub use parse::ParseError;
pub use partition::{Engines, Partition, Placement};
pub use partitioner::{BoardState, Done, Inner, Made, ModeChange, Partitioner, User};
pub use pci::{PciAddress, PciId};
pub use problem::Problem;
pub use process::{Pid, PidView, ProcessKey, ProcessKinds, ProcessName, ProcessReading};
pub use quantity::{Bytes, Count, Hertz, Microjoules, Microwatts, Millicelsius, Nanoseconds, Permille, Rpm};
pub use query::{Query, Units};
pub use reading::{Behaviour, Metric, MetricSet, Reading, Value};
pub use refusal::Refusal;
pub use sample::{Sample, UnitReading};
pub use sharing::{Entitlement, Share, Sharing, SharingError, SharingKind};
pub use sweep::{Sweep, SweepRequest, Sweeper, SweptProcess};
pub use tag::Tag;
pub use throttle::ThrottleReasons;
pub use time::{BootId, BootTime, Clock, WallTime};
pub use uuid::Uuid;
pub use vendor::Vendor;
