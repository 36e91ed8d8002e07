//! Who may be able to write a store.

use std::path::Path;

use crate::error::Error;

use super::options::Trust;

/// Passes a store that only its owner may write: the files that are there, and every folder from
/// the one that they are in upwards.
#[cfg(unix)]
pub(super) fn check(trust: Trust, folder: &Path, files: &[&Path]) -> Result<(), Error> {
    if trust == Trust::Anybody {
        return Ok(());
    }
    for file in files {
        match std::fs::symlink_metadata(file) {
            Ok(found) if !found.is_file() => return Err(refuse(file, "is no ordinary file")),
            Ok(found) => owned(file, &found, false)?,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {}
            Err(error) => return Err(super::fault::io(file, error)),
        }
    }
    for (above, folder) in folder.ancestors().enumerate() {
        let found = std::fs::symlink_metadata(folder).map_err(|error| super::fault::io(folder, error))?;
        owned(folder, &found, above > 0)?;
    }
    Ok(())
}

/// Whose it is and who may write it. In a folder further above with the sticky bit (`/tmp`) others
/// may make things, and not move what is there.
#[cfg(unix)]
fn owned(path: &Path, found: &std::fs::Metadata, sticky_will_do: bool) -> Result<(), Error> {
    use std::os::unix::fs::MetadataExt;
    let (me, mode) = (rustix::process::geteuid().as_raw(), found.mode());
    if found.uid() != me && found.uid() != 0 {
        return Err(refuse(path, &format!("belongs to user {}, who is not user {me} or root", found.uid())));
    }
    if mode & 0o022 != 0 && !(sticky_will_do && mode & 0o1000 != 0) {
        return Err(refuse(path, &format!("may be written by others (mode {:o})", mode & 0o7777)));
    }
    Ok(())
}

#[cfg(unix)]
fn refuse(path: &Path, why: &str) -> Error {
    super::fault::new(crate::error::ErrorKind::NotPermitted, path, format!("it {why}: see `Trust`"))
}

/// Permissions of other systems are not read.
#[cfg(not(unix))]
pub(super) fn check(_: Trust, _: &Path, _: &[&Path]) -> Result<(), Error> {
    Ok(())
}
