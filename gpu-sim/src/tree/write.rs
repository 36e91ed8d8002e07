//! Files and links of a tree.

use std::io;
use std::path::Path;

/// Writes a file below `folder`, with the folders that it lies in.
pub(super) fn file(folder: &Path, name: &str, content: &str) -> io::Result<()> {
    let path = folder.join(name);
    if let Some(parent) = path.parent() {
        std::fs::create_dir_all(parent)?;
    }
    std::fs::write(path, content)
}

/// Makes a symbolic link at `at`.
#[cfg(unix)]
pub(super) fn link(target: &Path, at: &Path) -> io::Result<()> {
    if let Some(parent) = at.parent() {
        std::fs::create_dir_all(parent)?;
    }
    std::os::unix::fs::symlink(target, at)
}

/// Symbolic links as the kernel makes them need a Unix.
#[cfg(not(unix))]
pub(super) fn link(_target: &Path, _at: &Path) -> io::Result<()> {
    Err(io::Error::new(io::ErrorKind::Unsupported, "trees are written on Unix"))
}
