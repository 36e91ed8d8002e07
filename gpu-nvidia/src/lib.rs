//! NVIDIA's GPUs for the `gpu-accounting` family: through NVML, loaded when it is asked for.
//!
//! ```
//! let found = gpu_nvidia::discover(&gpu_nvidia::Options::default());
//! match found.backend {
//!     Some(backend) => println!("{} devices", backend.inventory()?.devices.len()),
//!     None => println!("{}", found.outcome), // what was looked for, and where
//! }
//! # Ok::<(), gpu_core::Error>(())
//! ```
//!
//! Where NVML cannot be used and the kernel module is loaded (an agent's container), GPUs and live
//! MIG instances are listed by what the module shows in `/proc`, under the same ids; everything
//! that only NVML tells is absent with that reason.
//!
//! Dropping the backend shuts NVML down and unloads the library. A GPU that sleeps
//! (`power/runtime_status`) is not touched by a sample and reads `Asleep`.

mod backend;
mod board;
mod capability;
mod cut;
mod discover;
mod ended;
mod error;
mod events;
mod evidence;
mod ffi;
mod gpm;
mod health;
mod inventory;
mod kernel;
mod partition;
mod partitioner;
mod process;
mod profile;
mod reading;
mod topology;
mod utilization;

pub use backend::NvidiaBackend;
pub use discover::{Options, discover};
