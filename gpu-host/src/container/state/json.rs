//! Files of JSON, bounded: by size, and by depth as `serde_json` bounds it.

use std::fs::File;
use std::io::Read;
use std::path::Path;

use gpu_core::{Error, ErrorKind};
use serde_json::Value;

use crate::file;

/// Largest file that is read. A checkpoint has a few hundred bytes for each device of a container.
const LARGEST: u64 = 16 << 20;

/// Longest text that is kept of anything.
pub(super) const LONGEST: usize = 512;

/// What a file of JSON holds.
///
/// # Errors
/// `NotFound`, `NotPermitted`, `Malformed` (no JSON, or over 16 MiB), or `Io`; each with the path.
pub(super) fn read(path: &Path) -> Result<Value, Error> {
    serde_json::from_slice(&bytes(path)?).map_err(|error| {
        Error::new(ErrorKind::Malformed, path.display().to_string(), format!("no JSON: {error}"))
    })
}

/// What a file holds, when it is one and not too large.
///
/// # Errors
/// `NotFound`, `NotPermitted`, `Malformed` (over 16 MiB, or no file), or `Io`; each with the path.
pub(super) fn bytes(path: &Path) -> Result<Vec<u8>, Error> {
    // A FIFO in its place would wait for a writer.
    let kind = std::fs::symlink_metadata(path).map_err(|error| file::at_path(path, error))?;
    if !kind.is_file() {
        return Err(file::malformed(path, "not a file"));
    }
    let mut bytes = Vec::new();
    File::open(path)
        .and_then(|file| file.take(LARGEST + 1).read_to_end(&mut bytes))
        .map_err(|error| file::at_path(path, error))?;
    if bytes.len() as u64 > LARGEST {
        return Err(file::malformed(path, "larger than 16 MiB"));
    }
    Ok(bytes)
}

/// A text of bounded length: what is longer is no name of anything here.
pub(super) fn text(value: &Value) -> Option<&str> {
    value.as_str().filter(|text| text.len() <= LONGEST)
}

/// The texts in a list, at most so many.
pub(super) fn texts(value: &Value, most: usize) -> Vec<String> {
    let list = value.as_array().map(Vec::as_slice).unwrap_or_default();
    list.iter().filter_map(text).take(most).map(str::to_owned).collect()
}

/// A number that fits.
pub(super) fn number(value: &Value) -> Option<u32> {
    value.as_u64().and_then(|number| number.try_into().ok())
}
