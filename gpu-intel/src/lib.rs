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
//! | virtual function | `virtfnN`, `prelim_iov/vfN/gtM` | `virtfnN`, `sriov_admin/vfN/profile` |
//!
//! Memory in use, activity and processes are in none of these files; they are absent, with that
//! reason. A GPU that sleeps (`power/runtime_status`) is not touched and reads `Asleep`.

#![forbid(unsafe_code)]

mod backend;
mod board;
mod discover;
mod error;
mod evidence;
mod i915;
mod inventory;
mod model;
mod partition;
mod reading;
mod topology;
mod xe;

pub use backend::IntelBackend;
pub use discover::{Options, discover};
