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
//! | holding | an entitlement to units, in the ledger of a node | `ledger::Holding`, `ledger::Ledger` |
//! | event | something that happened to a device, as its driver told it | [`Event`], from [`Events`] |
//! | reading | what one unit showed at one time | [`Reading`], in a [`Sample`] |
//! | statement | closed account of an interval | `meter::Statement`, by `meter::Meter` |
//!
//! # Rules that hold everywhere
//! - What is missing is named: a metric is `Ok(Measured)` or `Err(Absence)`, never 0 or −1.
//! - Quantities are integers with the unit in the type: [`Bytes`], [`Microwatts`]…
//! - Identifiers are places, `Copy`, with one canonical text; indexes are for display.
//! - Time comes from a [`Clock`]; [`BootTime`] and [`WallTime`] do not mix.
//!
//! How a board is cut is planned in [`plan`]; whose a use is, told by [`attribution`]. Who holds what
//! is in the `ledger`; which units would do is found by `choose`; what a ledger is kept as is `stored`;
//! what the machine shows of it is told by `reconcile`. How much each held and used over time is told
//! by the statements of `meter`.
//! what the machine shows of it is told by `reconcile`. Which units are well is told by `health`.
//!
//! # Features
//! - `serde`: `Serialize` for the model; `Deserialize` for identifiers, addresses and
//!   quantities. For display and interchange, not for storage.
//! - `ledger`: the modules `ledger`, `stored`, `choose` and `reconcile`; a third of this crate's code,
//!   which who only looks does not build.
//! - `meter`: the module `meter`: statements of who held and used how much. Brings `ledger`.
//! - `health`: the module `health`.
//! - `conformance`: the `conformance` module, test functions that every backend must pass.

#![forbid(unsafe_code)]

mod absence;
pub mod apply;
mod apportion;
pub mod attribution;
mod backend;
mod capability;
pub mod cgroup;
#[cfg(feature = "ledger")]
pub mod choose;
mod client_sums;
#[cfg(feature = "conformance")]
pub mod conformance;
mod container_facts;
mod container_reader;
mod cursor;
mod device;
mod device_rule;
mod driver;
mod driver_health;
mod drm_client;
mod ended;
mod engine_cycles;
mod environment;
mod error;
mod event;
mod evidence;
mod evidence_list;
mod exclusion;
mod fabric;
mod fingerprint;
#[cfg(feature = "health")]
pub mod health;
mod host;
mod id;
pub mod interpretation;
mod inventory;
mod kernel_memory;
mod known;
mod labels;
#[cfg(feature = "ledger")]
pub mod ledger;
mod link;
mod measured;
#[cfg(feature = "meter")]
pub mod meter;
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
#[cfg(feature = "ledger")]
pub mod reconcile;
mod recovery;
mod refusal;
mod sample;
mod sandbox;
mod sharing;
#[cfg(feature = "ledger")]
pub mod stored;
mod sweep;
mod tag;
mod text;
mod throttle;
mod time;
mod unfit;
mod uuid;
mod vendor;

pub use absence::{Absence, Need};
pub use apportion::apportion;
pub use backend::{Backend, BackendExt};
pub use capability::Capabilities;
pub use client_sums::{ClientNames, ClientSums, EngineKind, RegionKind, add_clients};
pub use container_facts::{Bundle, CdiDevice, ContainerFacts, DeviceFile, GresDevice, PluginDevices};
pub use container_reader::ContainerReader;
pub use cursor::{Cursor, Cursors};
pub use device::{Device, MemoryKind};
pub use device_rule::{DeviceRule, DeviceRules};
pub use driver::Driver;
pub use driver_health::DriverHealth;
pub use drm_client::{DrmClient, DrmEngine, DrmRegion};
pub use ended::{EndedList, EndedReading};
pub use engine_cycles::EngineCycles;
pub use environment::Environment;
pub use error::{Error, ErrorKind};
pub use event::{Event, EventKind, Events};
pub use evidence::{Evidence, EvidenceSource, Strength};
pub use evidence_list::{EvidenceList, Unresolved};
pub use exclusion::Exclusion;
pub use fabric::{Fabric, FabricIssues, FabricState};
pub use fingerprint::{Digest, Fingerprint, Incarnation};
pub use host::Host;
pub use id::{DeviceId, PartitionId, PartitionKind, ShareId, Stability, UnitId};
pub use interpretation::Interpretation;
pub use inventory::{Inventory, Unmanaged};
pub use kernel_memory::{KernelMemory, MemoryComparison, compare_memory};
pub use known::Known;
pub use labels::{Label, LabelSource, Labels};
pub use link::{Link, LinkKind, PcieAncestor};
pub use measured::{Measured, Source};
pub use mode::Mode;
pub use node_file::{DeviceNode, DeviceNumber, NodeRole};
pub use numa::NumaNode;
pub use outcome::{Discovery, LookedFor, Outcome};
pub use owner::{Container, ContainerId, Owner, Pod, QosClass, Runtime, SlurmJob, SlurmStep, UnitName};
pub use parse::ParseError;
pub use partition::{Engines, Partition, Placement};
pub use partitioner::{BoardState, Done, Inner, Made, ModeChange, Partitioner, User};
pub use pci::{PciAddress, PciId};
pub use problem::Problem;
pub use process::{Pid, PidView, ProcessKey, ProcessKinds, ProcessName, ProcessReading};
pub use quantity::{Bytes, Count, Hertz, Microjoules, Microwatts, Millicelsius, Nanoseconds, Permille, Rpm};
pub use query::{Query, Units};
pub use reading::{Behaviour, Metric, MetricSet, Reading, Value};
pub use recovery::RecoveryAction;
pub use refusal::Refusal;
pub use sample::{Sample, UnitReading};
pub use sandbox::Sandbox;
pub use sharing::{Entitlement, Share, Sharing, SharingError, SharingKind};
pub use sweep::{EndedProcess, Sweep, SweepRequest, Sweeper, SweptProcess};
pub use tag::Tag;
pub use throttle::ThrottleReasons;
pub use time::{BootId, BootTime, Clock, WallTime};
pub use unfit::Unfit;
pub use uuid::Uuid;
pub use vendor::Vendor;
