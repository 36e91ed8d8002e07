//! The environment that a process was started with.

use std::fs::File;
use std::io::Read;
use std::path::Path;

use gpu_core::{Absence, Environment, Known};

use crate::file;

/// Most of a block that is looked at. The kernel allows a quarter of the stack's limit: 2 MiB as a
/// rule.
const LARGEST: u64 = 8 << 20;
const NAME: &str = "/proc/<pid>/environ";

pub(super) fn read(folder: &Path) -> Known<Environment> {
    let mut block = Vec::new();
    let read = File::open(folder.join("environ"))
        .and_then(|file| file.take(LARGEST).read_to_end(&mut block))
        .map_err(|error| file::absence(&error, NAME));
    match read {
        Ok(_) => Environment::of_block(&block).into(),
        // EIO of a process without memory of its own: the kernel's, or one that is ending.
        Err(Absence::Failed { code: Some(5), .. }) => Environment::new().into(),
        Err(absence) => Known::absent(absence),
    }
}
