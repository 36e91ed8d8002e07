//! Which boot the machine is in.

use std::path::Path;

use gpu_core::{BootId, Error, Uuid};

use crate::file;

/// Stands for a boot that is not known.
pub(crate) const UNKNOWN: BootId = BootId(Uuid([0; 16]));

/// The boot id under `proc`: `sys/kernel/random/boot_id`.
///
/// # Errors
/// As [`file::read_text`]; `Malformed` when it is no UUID.
pub fn id(proc: &Path) -> Result<BootId, Error> {
    let path = proc.join("sys/kernel/random/boot_id");
    file::read_text(&path)?.parse().map_err(|error| file::malformed(&path, &format!("{error}")))
}
