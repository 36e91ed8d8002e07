//! AMD's GPUs for the `gpu-accounting` family as AMD's own `librocm_smi64` tells of them: a second
//! source beside `gpu-amd`, for whoever wants the vendor's word, and what only the library knows
//! ([`RocmSmiBackend::details`], [`RocmSmiBackend::paths`]).
//!
//! ```no_run
//! // Not run: the library is not on every machine, and nothing stands in for it here.
//! let found = gpu_amd_rocm_smi::discover(&gpu_amd_rocm_smi::Options::default());
//! match found.backend {
//!     Some(backend) => println!("{} devices", backend.inventory()?.devices.len()),
//!     None => println!("{}", found.outcome), // what was looked for, or what does not fit
//! }
//! # Ok::<(), gpu_core::Error>(())
//! ```
//!
//! # Prefer `gpu-amd`
//! It reads the files that the library reads, without the library, and knows more: memory,
//! compute units and activity of a partition, every form of `gpu_metrics`. Take this crate
//! knowingly:
//!
//! - **It links at build time.** `librocm_smi64.so` and libclang (for the declarations of
//!   `rocm_smi_lib`) must be there; `rocm_smi_lib_sys` writes into its own source folder. A program
//!   that was linked does not start on a machine without the library.
//! - **The library can end the process.** It asserts: a node of the compute driver without its
//!   folder `io_links` aborts (seen in 6.1.2; a label of a
//!   temperature that it does not know makes it give up). That is looked for before it is first called, and
//!   again before it looks at the machine anew; a file that vanishes between the look and the call,
//!   and whatever it asserts besides, remain. So does a lock that a killed process left in
//!   `/dev/shm`: calls may then hang.
//! - **It may make the caller a process of the GPU**: for the memory of partitions 6.4 opens
//!   `/dev/kfd`, and the caller stands in the compute driver's list from then on. This crate asks
//!   for the memory of whole GPUs only.
//! - **It prints** on the standard error when a file is not as it expects.
//! - **`rsmi_init` counts the devices once for the process.** [`inventory`](gpu_core::Backend::inventory)
//!   has them counted anew when the machine changed; while somebody else in the process holds the
//!   library too, it does not count again, and what is new stays unseen.
//!
//! # Which versions
//! Libraries that call themselves 7 (ROCm 6) and have the functions that came with it. An older one
//! (ROCm 5 has other structs under the same names, and lacks functions) or another number is refused
//! as a mismatch before anything but `rsmi_version_get` is called. Functions that came with 6 are
//! looked up when a program runs, so that it starts beside an older library and says so. Answers
//! are given more room than the header asks for: a later library may write longer structs.
//! `rsmi_dev_gpu_metrics_info_get`, whose struct grew in most releases, is never called.
//!
//! # Why not the wrappers of `rocm_smi_lib`
//! Those of 0.3.2 drop the status of `rsmi_init`; write past the end of their lists (fans, power:
//! `pointer.add(n * 8)` on a pointer to 8 bytes) and read through a null pointer (power profile);
//! give memory of `malloc` to `CString`; make enums of whatever number comes (error state,
//! performance level); index by what the library says (clocks, PCIe), which panics. The sound ones
//! (memory, busy, temperature) fail as a whole when one number is missing, or give floats. So the
//! raw functions are called, all in `ffi.rs`, one at a time in the whole process.
//!
//! # Where it differs from `gpu-amd`
//! Over the same machine, value by value: by the simulated library (`tests/same.rs`), which AMD's
//! 6.1.2 and 6.4.1 are held against (`tests/witness.rs`). What is not in this table is equal or told
//! by one of the two alone.
//!
//! | what | rocm_smi | gpu-amd | who is right, and why |
//! |---|---|---|---|
//! | newer gpu_metrics | no energy | energy | gpu-amd: 6.1.2 knows the forms up to 1.5, 6.4.1 more |
//! | mainline's gpu_metrics 1.6 | 6.4.1: 0 J, from the wrong place: not asked here | energy | gpu-amd |
//! | render node of a partition | the first's for all: absent here | its own | gpu-amd; 6.4.1 is right too |
//! | a partition's numbers | the whole GPU's again: absent here | its own | gpu-amd |
//! | memory activity of APUs | none | from gpu_metrics | gpu-amd |
//! | retired pages that wait | the library has them, this crate does not ask | from the driver's list | gpu-amd |
//! | what a PCIe link could be | none | generation and width at most | gpu-amd |
//! | distance over PCIe | hops: see [`RocmSmiBackend::paths`] | the nearest common bridge | both |
//! | compute units of a process | per cent of full dies: absent here | units | gpu-amd: dies are cut down |
//!
//! Energy is counted in 2⁻¹⁶ J in both; the library's own unit for it, 15.3 µJ, is rounded and not
//! used.

#![deny(unsafe_code)]

mod backend;
mod board;
mod details;
mod discover;
mod error;
#[allow(unsafe_code)] // the one place that calls C
mod ffi;
mod inventory;
#[allow(unsafe_code)] // looks up what older libraries lack
mod load;
mod partition;
mod preflight;
mod process;
mod reading;

pub use backend::RocmSmiBackend;
pub use details::{Details, Firmware, PathDetails};
pub use discover::{Options, discover};
