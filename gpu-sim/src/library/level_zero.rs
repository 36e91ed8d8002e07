//! The C library with Level Zero's Sysman: where it is built, and how a program is given one.
//!
//! The package `gpu-sim-level-zero` builds it. A copy is a driver for the real loader
//! (`ZE_ENABLE_ALT_DRIVERS=<path>`), and can be loaded in the loader's place.

use std::io;
use std::path::{Path, PathBuf};

use crate::machine::Machine;

/// The name that copies have: not the loader's, which programs may be linked with.
#[must_use]
pub const fn name() -> &'static str {
    "libze_simulated_gpu.so.1"
}

/// The library that cargo built for the profile of the program that runs, as
/// [`built`](super::built) finds NVML's.
///
/// # Errors
/// `NotFound`, with what was looked for, when it has not been built.
pub fn built() -> io::Result<PathBuf> {
    super::built_of("gpu_sim_level_zero", "gpu-sim-level-zero")
}

/// Lays a copy of the library and the machine's description into `folder`, and tells where the
/// copy is. Each copy is a driver of its own, with a machine of its own.
///
/// # Errors
/// When a file cannot be copied or written.
pub fn install(library: &Path, machine: &Machine, folder: &Path) -> io::Result<PathBuf> {
    super::install_as(name(), library, machine, folder)
}
