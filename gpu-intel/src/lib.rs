//! Intel's GPUs for the `gpu-accounting` family: from sysfs, hwmon and DRM, without any library of
//! the vendor's.
//!
//! ```
//! let found = gpu_intel::discover(&gpu_intel::Options::default());
//! match found.backend {
//!     Some(backend) => println!("{} devices", backend.inventory()?.devices.len()),
//!     None => println!("{}", found.outcome), // what was looked for, and where
//! }
//! # Ok::<(), gpu_core::Error>(())
//! ```
//!
//! # Where the numbers come from
//! | what | i915 | xe |
//! |---|---|---|
//! | device | PCI functions bound to the driver | the same |
//! | tile | `card/gt/gtN` of products with several tiles | `tileT` |
//! | memory | `lmem_total_bytes`, `gt/gtN/addr_range` | `tileT/physical_vram_size_bytes` |
//! | clocks | `gt/gtN/rps_*_freq_mhz` | `tileT/gtG/freq0/*_freq` |
//! | throttling | `gt/gtN/throttle_reason_*` | `tileT/gtG/freq0/throttle/reason_*` |
//! | energy | hwmon `i915`, a tile's in `i915_gtN` | hwmon `xe`: card, else package |
//! | engines' work | perf: `events/*-busy` of the PMU `i915_<address>` | `xe_<address>`: `engine-active-ticks` |
//! | engines' time slices | `card/engine/<engine>`: [`IntelBackend::engine_settings`] | `tileT/gtG/engines/<class>` |
//! | virtual function | `virtfnN`, `prelim_iov/vfN/gtM` | `virtfnN`, `sriov_admin/vfN/profile` |
//! | processes' memory | DRM's regions `local*`, `system*` | `vram*`, `gtt`, `system` |
//! | processes' engines | DRM's `drm-engine-*`, in time | `drm-cycles-*` beside `drm-total-cycles-*` |
//!
//! Memory in use of a GPU is in none of these files; it is absent, with that reason: what clients
//! hold is not all that is used.
//!
//! # Activity
//! What engines of the whole GPU did, the drivers tell by perf alone. Its counters take `CAP_PERFMON`,
//! and xe keeps a GPU awake while one of them is open: they are opened by a build with the feature
//! `perf`, where the caller asks for it (`Options::perf`). Otherwise `busy` and `video_busy` say which of
//! it is missing: no counters of the driver's, no permission, or that they are not opened.
//!
//! # Cutting
//! [`IntelBackend`] is a [`Partitioner`](gpu_core::Partitioner) too.
//!
//! | what | how | refused while |
//! |---|---|---|
//! | so many virtual functions, or none | `set_mode` with `sriov` | somebody is on the GPU; to 0, on a function |
//! | with memory, times and priority | [`IntelBackend::cut`] | as above; amounts do not add up |
//! | one of them changed | [`IntelBackend::adjust`] | somebody is on it |
//! | engines that share the slices | `set_mode` with `ccs` | somebody is on the GPU, or it is cut |
//!
//! Written to `sriov_numvfs`, from 0 and to 0 only; on xe to `sriov_admin/vfN/profile`, on the
//! backport to `prelim_iov/vfN/gtM`; and to `ccs_mode` of each tile.
//!
//! The hardware enforces a virtual function's memory and its time slice. A share of a GPU
//! ([`Share`](gpu_core::Share), the device plugin's `card0-1`) is advisory: the driver enforces
//! nothing. Tiles are fixed.
//!
//! # Processes
//! The drivers list none; DRM accounts for each open descriptor, and a sweep of the machine's
//! processes brings that ([`Query::sweep`](gpu_core::Query::sweep)). A client counts once, however
//! many descriptors, threads and forks share it, by PCI function and client number: Intel's own
//! library counts it once for each descriptor. Memory that is shared with other clients stands
//! apart too, in `shared_memory`. On GPUs with several tiles memory is told of each tile, work and
//! system memory of the whole GPU: a process has a reading on each of these units, and nothing is
//! in two of them. xe counts cycles: `engine_time_since` an earlier reading makes time of them,
//! which one reading alone cannot. The i915 of mainline tells no engine time where the firmware
//! schedules (most discrete GPUs).
//!
//! A GPU that sleeps (`power/runtime_status`) is not touched and reads `Asleep`.

#![cfg_attr(not(feature = "level-zero"), forbid(unsafe_code))]

mod backend;
mod board;
mod discover;
mod engine;
mod error;
mod evidence;
mod i915;
mod inventory;
#[cfg(feature = "level-zero")]
pub mod level_zero;
mod model;
pub mod names;
mod partition;
mod partitioner;
mod perf;
mod process;
mod reading;
mod second;
mod topology;
mod xe;

pub use backend::IntelBackend;
pub use discover::{Options, discover};
pub use engine::EngineSetting;
pub use partitioner::{FunctionSpec, Priority};
