//! What a sample costs beside the bare calls and files that it is made of.
//!
//! `cargo run --release -p gpu-benches --bin ratios` prints the ratios that `BENCHMARKS.md` holds
//! and fails when one is over what is promised; `cargo bench -p gpu-benches --features criterion`
//! follows the times behind them from change to change. `cargo run --release -p gpu-benches --features
//! level-zero --bin level_zero` prints what Level Zero adds to reading files.
//!
//! | module | what it has |
//! |---|---|
//! | [`Installed`] | the simulated NVIDIA library in a folder of its own, over a machine |
//! | [`Direct`] | the calls of a sample, made through the bindings' symbol table |
//! | [`Written`] | a simulated machine's trees in a folder of their own |
//! | [`bare`] | the files of a sample, opened, read and closed |
//! | [`clients`] | clients of DRM: a machine full of them, their files read bare, their text split |
//! | `beside` | the simulated Level Zero driver beside a machine's trees (feature `level-zero`) |
//! | [`Ratio`] | two ways of doing the same, timed side by side |
//! | [`Counting`] | an allocator that counts |
//! | [`Crowd`] | real processes that sleep and hold descriptors |
//! | [`calls`] | system calls, counted by `strace` |

#![deny(unsafe_code)]

pub mod bare;
#[cfg(feature = "level-zero")]
pub mod beside;
pub mod calls;
pub mod clients;
mod counting;
#[cfg(target_os = "linux")]
pub mod crowd;
mod direct;
mod installed;
mod ratio;
mod written;

pub use counting::Counting;
#[cfg(target_os = "linux")]
pub use crowd::{Crowd, walk_and_stat};
pub use direct::Direct;
pub use installed::Installed;
pub use ratio::Ratio;
pub use written::Written;
