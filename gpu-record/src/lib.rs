//! Recordings of GPU nodes: what a node showed, moment after moment, in a file, and a node that is read
//! from it instead of hardware.
//!
//! A [`Recorder`] adds a [`Moment`] for each look; a [`Replay`] gives a [`Host`](gpu_core::Host) that
//! shows one moment after the other, to whatever program reads a node; a [`Recording`] reads heads and
//! moments one by one. What the bytes mean is in [`gpu_core::recorded`].
//!
//! ```
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! use gpu_core::{BackendExt, BootTime, PidView, WallTime};
//! use gpu_record::{Head, Moment, Recorder, Replay, VendorSeen};
//! # let folder = std::env::temp_dir().join(format!("gpu-record-doc-{}", std::process::id()));
//! # std::fs::create_dir_all(&folder)?;
//! # let path = folder.join("node.gpurec");
//! # let _ = std::fs::remove_file(&path);
//! let host = gpu_sim::World::new(gpu_sim::Machine::preset("l40s-4")?).host();
//! let mut head = Head::new(host.clock.wall_now(), host.clock.boot_id(), PidView::Host);
//! head.simulated = host.simulated.clone();
//! for found in &host.discoveries {
//!     head.vendors.push(VendorSeen::new(found.vendor, found.outcome.clone()));
//! }
//! let mut recorder = Recorder::create(&path, head)?;
//! let mut moment = Moment::new(host.clock.boot_now(), host.clock.wall_now());
//! for backend in host.discoveries.iter().filter_map(|found| found.backend.as_ref()) {
//!     moment.inventory.append(backend.inventory()?);
//!     backend.sample_into(&gpu_core::Query::everything(), &mut moment.sample)?;
//! }
//! recorder.add(&moment)?;
//! drop(recorder);
//!
//! let replay = Replay::open(&path)?;
//! assert_eq!(replay.head().simulated.as_deref(), Some("l40s-4"));
//! let host = replay.host();
//! let nvidia = host.discoveries[0].backend.as_ref().expect("it was there");
//! assert_eq!(nvidia.inventory()?.devices, moment.inventory.devices);
//! # std::fs::remove_dir_all(&folder)?;
//! # Ok(())
//! # }
//! ```
//!
//! `gpu_accounting` with the feature `record` makes heads and moments of a node itself.
//!
//! # What is promised
//! - What was added is whole: a frame is written at once, and one that could not be written (a full
//!   disk) is taken off again. Nothing that was added before is touched.
//! - A file that ends in the middle of a frame, or is damaged, is read up to there, and the
//!   [`Error`] says where and how.
//! - A recording of a newer form is refused by name.
//! - What is read from outside never makes it panic, nor take memory that it does not announce by its
//!   own length: a moment is 64 MiB at most.
//! - It is safe against a program that ends; against a machine that loses power, after
//!   [`Recorder::sync`].
//!
//! Nobody else may write to the file meanwhile. Who does is noticed ([`Error::Changed`]).

#![forbid(unsafe_code)]

mod backend;
mod clock;
mod containers;
mod error;
mod recorder;
mod recording;
mod replay;
mod shown;
mod stamp;
mod sweeper;

pub use error::Error;
pub use gpu_core::recorded::{Containers, Head, Moment, Named, Redaction, VendorSeen};
pub use recorder::Recorder;
pub use recording::{Item, Recording};
pub use replay::Replay;
