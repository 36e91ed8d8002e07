//! Simulated GPU nodes: test a GPU tool on a machine that you do not have.
//!
//! Under construction.
#![forbid(unsafe_code)]

mod fault;
mod gpu;
mod machine;
mod workload;

pub use fault::Fault;
pub use gpu::*;
pub use machine::{Bystander, DrmNumbers, LinkKindSpec, LinkSpec, Machine, NumaSpec, NvidiaDriver};
pub use workload::{Curve, Part, Use, UseKind, Workload};
