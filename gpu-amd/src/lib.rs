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
//! | power, temperatures, clocks | hwmon `power1_*`, `temp*` and `freq*` by label; highest clocks: `pp_dpm_*` |
//! | energy, throttling, video engines, PCIe errors | [`gpu_metrics`], read once a sample |
//! | a partition's activity and clock | the partition's own part of [`gpu_metrics`], where its form has one |
//! | memory errors | `ras/*_err_count`, `ras/gpu_vram_bad_pages` |
//! | processes | `class/kfd/kfd/proc/<pid>/{vram_,sdma_,stats_}*`; `/dev/kfd` is never opened |
//! | processes' DRM clients | fdinfo, as the sweep brings it: shown beside the above, never added |
//! | links | `io_links` of type 11 (xGMI); PCIe by the kernel's tree |
//!
//! # Changing modes
//! [`AmdBackend`] is a [`Partitioner`](gpu_core::Partitioner) too: `set_mode` with
//! `compute_partition` or `memory_partition` and a value that the driver lists.
//!
//! | | compute mode | memory mode |
//! |---|---|---|
//! | written to | `current_compute_partition` | `current_memory_partition` |
//! | values | `available_compute_partition`, else the kernel's rules ([`ComputeMode`]) | `available_memory_partition` |
//! | about | one GPU | all GPUs of its xGMI hive |
//! | in force | at once | when amdgpu is loaded again; the compute mode follows (NPS4 makes it CPX) |
//! | refused while | a process has a context of the compute driver on the GPU, or a DRM node open | the same, on any GPU of the hive |
//!
//! A context is in the way whether it holds memory or not: the driver makes one for every GPU that
//! a process may reach by its device cgroup, and looks at no more than that. After a change
//! partitions, gpu_ids and render nodes are others: what is keyed on them is stale. There is no
//! way to read or take back a memory mode that was asked for.
//!
//! # What is left alone
//! A GPU that sleeps (`power/runtime_status`) is not touched and reads `Asleep`.
//!
//! # Where AMD's own tool says otherwise
//! `rocm-smi` 6.1.2 and 6.4.1 over the same files, value by value (`tests/rocm_smi.rs`). What is not
//! in this table is the same everywhere.
//!
//! | what | version | rocm-smi | here | who is right, and why |
//! |---|---|---|---|---|
//! | whole GPU on every partition | both | its memory, power… | the partition's own, or none | here: sums are eightfold |
//! | unit of energy | both | 15.3 µJ | 2⁻¹⁶ J exactly | here: the kernel's header says 2⁻¹⁶; 15.3 bills 0.27 % too much |
//! | newer gpu_metrics | 6.1.2 | nothing of 1.6 and later | all of it | here |
//! | power of the second die | both | 0 W, 0 J | absent: the other die measures both | here: 0 is no measurement |
//! | stepping of the architecture | 6.1.2 | `gfx9010` | `gfx90a` | here: LLVM writes the stepping in hexadecimal |
//! | video engines as memory | 6.1.2 | as "Avg. Memory Bandwidth" | `video_busy` | here: the field is `average_mm_activity`, multimedia |
//! | subsystem id | 6.1.2 | the subsystem's vendor | the subsystem's device, in `pci_id` | here |
//! | function of a partition | both | partition K at function K of the slot | the GPU's function | here: no such function is on the bus |
//! | occupancy of a process | both | per cent of all full dies of the machine | the driver's number of units | here: dies are cut down |
//! | version of the driver | both | the kernel's release, where there is none | an absence | here: drivers of one kernel differ |
//! | name of the card | 6.4.1 | "N/A" | `product_name` | here: it asks libdrm, which finds no GPU behind simulated files |
//! | identity of further partitions | 6.4.1 | "N/A" | the GPU's ids, serial number, firmware | here: they are of one GPU |
//! | energy of an APU | 6.4.1 | 0 | the counter of `gpu_metrics` | here: the file has it |
//!
//! So it is over the topologies of two real machines too, eight MI300X in 63 partitions and eight
//! MI210 in two islands: what those dumps lack (sensors, memory, modes, DRM nodes, processes) is
//! simulated there, what they have (units, places, ids, and the weights and kinds of all links
//! between partitions of different GPUs) is not. They differ by the same rows and no others.
//!
//! 6.4.1 gives each further partition its own memory, and the first one still the whole GPU's;
//! asked for memory in per cent (`--showmemuse`), it ends with an exception on a partition,
//! so that the test does not ask it.

#![forbid(unsafe_code)]

mod backend;
mod blob;
mod board;
pub mod config;
mod discover;
mod error;
mod evidence;
#[doc(hidden)]
pub mod fuzz;
pub mod gpu_metrics;
mod inventory;
mod kfd;
mod mode;
mod model;
pub mod names;
mod partition;
mod partitioner;
mod process;
mod reading;
mod topology;

pub use backend::AmdBackend;
pub use discover::{Options, discover};
pub use mode::{ComputeMode, MemoryMode, ModePair, NoSuchMode};
