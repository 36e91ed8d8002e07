//! AMD's GPUs for the `gpu-accounting` family: from sysfs, hwmon and the compute driver's tree,
//! without any library of the vendor's.
//!
//! ```
//! let found = gpu_amd::discover(&gpu_amd::Options::default());
//! match found.backend {
//!     Some(backend) => println!("{} devices", backend.inventory()?.devices.len()),
//!     None => println!("{}", found.outcome), // what was looked for, and where
//! }
//! # Ok::<(), gpu_core::Error>(())
//! ```
//!
//! # Where the numbers come from
//! | what | where |
//! |---|---|
//! | device | `bus/pci/devices/*` bound to amdgpu, joined by address with `class/kfd/kfd/topology/nodes/*` |
//! | partition | one node of the compute driver each, when a GPU has more than one |
//! | compute units | `simd_count / simd_per_cu` of the node |
//! | partition's memory | the node's `mem_banks` |
//! | memory, busy | `mem_info_*`, `gpu_busy_percent`, `mem_busy_percent`: the whole GPU |
//! | power, temperatures, clocks | hwmon `power1_*`, `temp*` by label, `freq*` by label |
//! | memory errors | `ras/*_err_count`, `ras/gpu_vram_bad_pages` |
//! | processes | `class/kfd/kfd/proc/<pid>/vram_<gpu_id>`; `/dev/kfd` is never opened |
//! | links | `io_links` of type 11 (xGMI); PCIe by the kernel's tree |
//!
//! A GPU that sleeps (`power/runtime_status`) is not touched and reads `Asleep`.

#![forbid(unsafe_code)]

mod backend;
mod blob;
mod board;
mod discover;
mod error;
pub mod gpu_metrics;
mod inventory;
mod kfd;
mod model;
mod partition;
mod process;
mod reading;
mod topology;

pub use backend::AmdBackend;
pub use discover::{Options, discover};
