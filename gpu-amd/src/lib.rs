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
//! | power, temperatures, clocks | hwmon `power1_*`, `temp*` by label, `freq*` by label; `pp_dpm_*` for the highest clocks |
//! | energy, throttling, video engines, PCIe errors | [`gpu_metrics`], read once a sample |
//! | a partition's activity and clock | the partition's own part of [`gpu_metrics`], where its form has one |
//! | memory errors | `ras/*_err_count`, `ras/gpu_vram_bad_pages` |
//! | processes | `class/kfd/kfd/proc/<pid>` (`vram_`, `sdma_`, `stats_`), and DRM's accounting of their descriptors from the sweep, side by side and never added; `/dev/kfd` is never opened |
//! | links | `io_links` of type 11 (xGMI); PCIe by the kernel's tree |
//!
//! A GPU that sleeps (`power/runtime_status`) is not touched and reads `Asleep`.
//!
//! # Where AMD's own tool says otherwise
//! `rocm-smi` 6.1.2 over the same files, value by value (`tests/rocm_smi.rs`). What is not in this
//! table is the same in both.
//!
//! | what | rocm-smi | here | who is right |
//! |---|---|---|---|
//! | whole GPU on every partition | memory, power, clocks, temperatures and activity of the whole GPU, again on each partition | the partition's own, or an absence that says "whole GPU only" | here: the sum over partitions would be eight times what there is |
//! | unit of energy | 15.3 µJ | 2⁻¹⁶ J, exactly | here: the kernel's header says 2⁻¹⁶ and rounds it to 15.259; 15.3 bills 0.27 % too much |
//! | newer gpu_metrics | nothing of 1.6 and later | all of it | here |
//! | power of the second die | 0 W and 0 J | an absence: the card's other die measures both | here: 0 is no measurement |
//! | stepping of the architecture | `gfx9010` | `gfx90a` | here: LLVM writes the stepping in hexadecimal |
//! | video engines as memory | the activity of video engines under the name "Avg. Memory Bandwidth" | `video_busy` | here: the field is `average_mm_activity`, multimedia |
//! | subsystem id | the subsystem's *vendor* id | the subsystem's device id in `pci_id` | here |
//! | function of a partition | partition K at function K of the GPU's slot | partitions share the GPU's PCI function | here: there is no such function on the bus |
//! | occupancy of a process | per cent of the compute units of all GPUs together, counted on the full die | the driver's number of compute units | here: the share of a machine says nothing of a GPU, and parts that are cut down have fewer units |
//! | version of the driver | the kernel's release, where the driver has no version | an absence | here: drivers of one kernel differ |

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
