//! AMD's GPUs for the `gpu-accounting` family: from sysfs, hwmon and the compute driver's tree,
//! without any library of the vendor's.
//!
//! ```
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! use gpu_core::BackendExt;
//! use gpu_host::Roots;
//!
//! # let folder = tempdir();
//! # let tree = gpu_sim::Machine::preset("mi300x-8-cpx")?.write_tree(&folder)?;
//! # let (sysfs, proc) = (tree.sysfs(), tree.proc());
//! let found = gpu_amd::discover(&gpu_amd::Options::new(Roots::default().sysfs(sysfs).proc(proc)));
//! let backend = found.backend.expect("the driver is there");
//! let inventory = backend.inventory()?;
//! assert_eq!(inventory.devices.len(), 8);
//! assert_eq!(inventory.devices[0].partitions.len(), 8);
//! let sample = backend.sample()?;
//! println!("{:?}", sample.reading(inventory.devices[0].id).power);
//! # std::fs::remove_dir_all(&folder)?;
//! # Ok(())
//! # }
//! # fn tempdir() -> std::path::PathBuf {
//! #     std::env::temp_dir().join(format!("gpu-amd-doc-{}", std::process::id()))
//! # }
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
mod board;
mod discover;
mod error;
mod inventory;
mod kfd;
mod model;
mod partition;
mod process;
mod reading;
mod topology;

pub use backend::AmdBackend;
pub use discover::{Options, discover};
