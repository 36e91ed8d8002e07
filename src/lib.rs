//! What GPUs a machine has, how they are cut, who is on them, and what each part shows: whoever
//! made them, in one call, from one binary that starts on every machine.
//!
//! ```
//! use gpu_accounting::Node;
//!
//! let node = Node::discover(); // no GPU, no driver, no library: an outcome, not an error
//! for device in node.inventory().devices() {
//!     println!("{}  {}  {}", device.name, device.memory_total, device.pci);
//!     for part in device.partitions() {
//!         println!("  {}  {}", part.profile, part.memory_total);
//!     }
//! }
//! ```
//!
//! A value is there, or says why not:
//!
//! ```
//! use gpu_accounting::{Absence, Node};
//!
//! let node = Node::discover();
//! let sample = node.sample();
//! for device in node.inventory().devices() {
//!     match sample.reading(device.id).power {
//!         Ok(power) => println!("{}: {power}", device.name),
//!         Err(Absence::NotPermitted { needs }) => println!("{}: ask for {needs}", device.name),
//!         Err(absence) => println!("{}: {absence}", device.name),
//!     }
//! }
//! ```
//!
//! Test your own tool on a machine that you do not have:
//!
//! ```
//! use gpu_accounting::Node;
//!
//! let node = Node::builder().machine(gpu_sim::Machine::preset("mi300x-8-cpx")?).build();
//! assert_eq!(node.inventory().devices.len(), 8);
//! assert_eq!(node.simulated(), Some("mi300x-8-cpx"));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! # What is here
//! - [`Node`]: one machine; [`NodeBuilder`] says what it is read through.
//! - [`Watch`]: who uses what, look after look.
//! - `sampler`: the same on a schedule, whatever hangs; `openmetrics`: text for Prometheus. Both by feature.
//! - `HealthWatch` (feature `health`): who is well, watched by threads of its own.
//! - Everything else is the model, from [`gpu_core`].
//!
//! # Features
//! `sampler`: looks on a schedule, on threads of its own. `openmetrics`: text for Prometheus and the
//! like; brings `sampler` and `meter`. `meter`: see `gpu_core::meter`; brings `ledger`.
//! `level-zero`: Intel's Sysman library as a second source for `intel`, loaded at run time.
//! `perf`: the work of Intel's engines by the kernel's perf, for who asks (`NodeBuilder::perf`) and may.
//! `nvidia`, `amd`, `intel` (all on): the vendors. Each needs nothing at build time, and at run
//! time only what it finds. `health`: who is well, on what evidence, and what is to be done. `serde`: see [`gpu_core`].
//! `record`: recordings, the module `record`.
//!
//! # What it never does
//! It starts no process, and a thread only for who asks for one (`Sampler`, `HealthWatch`); it prints
//! nothing, reads no environment variable, wakes no GPU that sleeps, and changes no setting. What perf counts of a GPU
//! of xe's keeps that awake.

#![forbid(unsafe_code)]

mod builder;
mod given;
#[cfg(feature = "health")]
mod health_watch;
mod join;
mod node;
#[cfg(feature = "openmetrics")]
pub mod openmetrics;
#[cfg(feature = "sampler")]
pub mod sampler;
mod system;
mod unmanaged;
mod watch;

pub use builder::NodeBuilder;
pub use gpu_core;
#[doc(no_inline)]
pub use gpu_core::*;
#[cfg(feature = "record")]
pub use gpu_record as record;
#[cfg(feature = "health")]
pub use health_watch::{HealthOptions, HealthWatch};
pub use node::{Node, VendorOutcome};
pub use watch::Watch;
