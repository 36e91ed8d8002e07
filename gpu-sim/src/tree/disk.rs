//! Brings what lies below a root in line with a plan.

use std::fs;
use std::io::{self, ErrorKind};
use std::path::{Path, PathBuf};

use super::plan::{Entry, Plan};

/// Makes the tree below `root`, which holds what `before` says, hold what `after` says. What is
/// as it should be is not touched; files that are not of the plan stay where they are.
pub(super) fn bring(root: &Path, before: &Plan, after: &Plan) -> io::Result<()> {
    bring_where(root, before, after, |_, _| true)
}

/// The same for what has changed between the plans, and for files that somebody wrote, `touched`,
/// each with the text that was taken from it. A file that holds another text by now was written again:
/// it stays, to be looked at next. One that says what it shall is not replaced for its end of line.
pub(super) fn follow(
    root: &Path,
    before: &Plan,
    after: &Plan,
    touched: &[(PathBuf, String)],
) -> io::Result<()> {
    bring_where(root, before, after, |path, entry| {
        let planned = before.0.get(path);
        let taken = touched.iter().find(|(of, _)| of == path).map(|(_, text)| text.as_bytes());
        if planned == Some(entry) && taken.is_none() {
            return false;
        }
        let (Entry::File(content), Some(Entry::File(was))) = (entry, planned) else { return true };
        let Ok(there) = fs::read(root.join(path)) else { return true };
        let there = there.trim_ascii();
        there != content.trim_ascii() && there == taken.unwrap_or(was.trim_ascii())
    })
}

fn bring_where(
    root: &Path,
    before: &Plan,
    after: &Plan,
    is_wanted: impl Fn(&Path, &Entry) -> bool,
) -> io::Result<()> {
    // What lies in a folder goes before the folder.
    for (path, entry) in before.0.iter().rev() {
        let stays = after.0.get(path).is_some_and(|new| same_kind(entry, new));
        if !stays {
            remove(&root.join(path), entry)?;
        }
    }
    for (path, entry) in after.0.iter().filter(|(path, entry)| is_wanted(path, entry)) {
        let at = root.join(path);
        match entry {
            // Nobody follows a tree that is not there yet.
            Entry::File(content) if before.0.is_empty() => fs::write(&at, content)?,
            entry => put(root, &at, entry)?,
        }
    }
    Ok(())
}

fn same_kind(one: &Entry, other: &Entry) -> bool {
    matches!((one, other), (Entry::File(_), Entry::File(_)) | (Entry::Folder, Entry::Folder)) || one == other
}

/// Takes away what was written. A folder in which somebody else has put something stays.
fn remove(path: &Path, entry: &Entry) -> io::Result<()> {
    let done = match entry {
        Entry::Folder => fs::remove_dir(path),
        Entry::File(_) | Entry::Link(_) => fs::remove_file(path),
    };
    match done {
        Err(error) if matches!(entry, Entry::Folder) && error.kind() == ErrorKind::DirectoryNotEmpty => {
            Ok(())
        }
        Err(error) if matches!(error.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory) => Ok(()),
        // Somebody has put a folder in its place; the next step deals with it.
        Err(_) if path.is_dir() => Ok(()),
        done => done,
    }
}

/// Writes one entry, unless it is there as it should be.
pub(super) fn put(root: &Path, path: &Path, entry: &Entry) -> io::Result<()> {
    match entry {
        Entry::Folder => match fs::create_dir_all(path) {
            Err(error) if error.kind() == ErrorKind::AlreadyExists => {
                fs::remove_file(path)?;
                fs::create_dir_all(path)
            }
            done => done,
        },
        Entry::File(content) => {
            if is_file(path) && fs::read(path).is_ok_and(|there| there == *content) {
                return Ok(());
            }
            clear(path)?;
            // Whoever reads meanwhile sees the old or the new, and never a part.
            let fresh = root.join(".fresh");
            fs::write(&fresh, content)?;
            fs::rename(&fresh, path)
        }
        Entry::Link(text) => {
            if fs::read_link(path).is_ok_and(|there| there == *text) {
                return Ok(());
            }
            clear(path)?;
            match fs::remove_file(path) {
                Err(error) if error.kind() != ErrorKind::NotFound => return Err(error),
                _ => {}
            }
            symlink(text, path)
        }
    }
}

fn is_file(path: &Path) -> bool {
    fs::symlink_metadata(path).is_ok_and(|there| there.is_file())
}

/// Takes away a folder that somebody has put in the place of a file of ours.
fn clear(path: &Path) -> io::Result<()> {
    if fs::symlink_metadata(path).is_ok_and(|there| there.is_dir()) {
        fs::remove_dir_all(path)
    } else {
        Ok(())
    }
}

#[cfg(unix)]
pub(super) fn symlink(text: &PathBuf, at: &Path) -> io::Result<()> {
    std::os::unix::fs::symlink(text, at)
}

/// Symbolic links as the kernel makes them need a Unix.
#[cfg(not(unix))]
pub(super) fn symlink(_text: &PathBuf, _at: &Path) -> io::Result<()> {
    Err(io::Error::new(ErrorKind::Unsupported, "trees are written on Unix"))
}
