//! [`Damage`]: what may be wrong with a file of a tree.

use std::fs;
use std::io;
use std::path::Path;

use super::disk;
use super::plan::Entry;
use crate::tree::Tree;

/// What may be wrong with a file: a test tries every kind on every file.
///
/// ```
/// use gpu_sim::{Damage, Machine, World};
/// let root = std::env::temp_dir().join(format!("gpu-sim-damage-{}", std::process::id()));
/// let tree = World::new(Machine::preset("b60-2")?).write_tree(&root)?;
/// for file in tree.files() {
///     for damage in Damage::ALL {
///         tree.damage(file, damage)?;
///         // … the reader goes on, and says what it could not read
///     }
///     tree.repair(file)?;
/// }
/// std::fs::remove_dir_all(&root)?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub enum Damage {
    /// There is no such file.
    Missing,
    /// It is empty.
    Empty,
    /// The second half is missing.
    Truncated,
    /// Its content is followed by a page of NULs.
    NulPadded,
    /// It is not UTF-8.
    NotUtf8,
    /// It holds two mebibytes of digits.
    Huge,
    /// Every number in it is larger than 64 bits hold.
    OutOfRange,
    /// It is a directory.
    Directory,
    /// Nobody may read it; root may all the same.
    Forbidden,
}

impl Damage {
    /// Every kind.
    pub const ALL: [Self; 9] = [
        Self::Missing,
        Self::Empty,
        Self::Truncated,
        Self::NulPadded,
        Self::NotUtf8,
        Self::Huge,
        Self::OutOfRange,
        Self::Directory,
        Self::Forbidden,
    ];

    /// What becomes of a file's content, where the damage is one of content.
    fn content(self, whole: &[u8]) -> Option<Vec<u8>> {
        Some(match self {
            Self::Empty => Vec::new(),
            Self::Truncated => whole[..whole.len() / 2].to_vec(),
            Self::NulPadded => [whole, &[0; 4096]].concat(),
            Self::NotUtf8 => [b"\xff\xfe", whole].concat(),
            Self::Huge => vec![b'9'; 2 << 20],
            Self::OutOfRange => out_of_range(whole),
            Self::Missing | Self::Directory | Self::Forbidden => return None,
        })
    }
}

/// Twenty nines in the place of every number.
fn out_of_range(whole: &[u8]) -> Vec<u8> {
    let mut content = Vec::new();
    for (at, byte) in whole.iter().enumerate() {
        match (byte.is_ascii_digit(), at.checked_sub(1).map(|before| whole[before].is_ascii_digit())) {
            (true, Some(true)) => {}
            (true, _) => content.extend([b'9'; 20]),
            (false, _) => content.push(*byte),
        }
    }
    content
}

impl Tree {
    /// Damages one of the tree's [files](Self::files), given as a path below its root. False
    /// where that changes nothing: root may read what is [forbidden](Damage::Forbidden).
    ///
    /// # Errors
    /// `NotFound` when the tree has no such file; others when it cannot be damaged.
    pub fn damage(&self, file: &Path, damage: Damage) -> io::Result<bool> {
        self.repair(file)?;
        let Some(Entry::File(whole)) = self.plan.0.get(file) else { return Err(unknown(file)) };
        let path = self.root.join(file);
        match (damage.content(whole), damage) {
            (Some(content), _) => fs::write(path, content)?,
            (None, Damage::Forbidden) => {
                forbid(&path)?;
                return Ok(fs::read(path).is_err());
            }
            (None, Damage::Directory) => fs::remove_file(&path).and_then(|()| fs::create_dir(&path))?,
            (None, _) => fs::remove_file(path)?,
        }
        Ok(true)
    }

    /// Puts a link that leads to itself at a path below the root, in the place of whatever is there:
    /// a file, or a folder with all that lies in it. [`refresh`](Self::refresh) does not bring that
    /// back.
    ///
    /// # Errors
    /// When the link cannot be made.
    pub fn circle(&self, path: &Path) -> io::Result<()> {
        let path = self.root.join(path);
        match fs::symlink_metadata(&path) {
            Ok(there) if there.is_dir() => fs::remove_dir_all(&path)?,
            Ok(_) => fs::remove_file(&path)?,
            Err(_) => {}
        }
        disk::symlink(&path.clone(), &path)
    }

    /// Writes one of the tree's files again as it was.
    ///
    /// # Errors
    /// `NotFound` when the tree has no such file; others when it cannot be written.
    pub fn repair(&self, file: &Path) -> io::Result<()> {
        let path = self.root.join(file);
        let Some(entry @ Entry::File(_)) = self.plan.0.get(file) else { return Err(unknown(file)) };
        disk::put(&self.root, &path, entry)
    }
}

fn unknown(file: &Path) -> io::Error {
    io::Error::new(io::ErrorKind::NotFound, format!("the tree has no file {}", file.display()))
}

#[cfg(unix)]
fn forbid(path: &Path) -> io::Result<()> {
    use std::os::unix::fs::PermissionsExt;
    fs::set_permissions(path, fs::Permissions::from_mode(0o000))
}

#[cfg(not(unix))]
fn forbid(_path: &Path) -> io::Result<()> {
    Err(io::Error::new(io::ErrorKind::Unsupported, "trees are written on Unix"))
}
