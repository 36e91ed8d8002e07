//! The files of a store: where they lie, and how they are made.

use std::fs::{File, OpenOptions};
use std::io;
use std::path::{Path, PathBuf};

use crate::error::{Error, ErrorKind};

use super::fault;
use super::options::SqliteOptions;
use super::trust;

/// Where the files of a store lie.
#[derive(Clone, Debug)]
pub(super) struct Files {
    pub folder: PathBuf,
    pub store: PathBuf,
    pub mark: PathBuf,
}

impl Files {
    /// The files of the store at a path; the folder has to be there.
    pub fn at(path: &Path) -> Result<Self, Error> {
        let name =
            path.file_name().ok_or_else(|| fault::new(ErrorKind::Invalid, path, "it names no file"))?;
        let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
        let folder = folder.canonicalize().map_err(|error| fault::io(folder, error))?;
        let store = folder.join(name);
        Ok(Self { mark: beside(&store, "-mark"), folder, store })
    }

    /// Makes the store's file where there is none, for its owner alone, and passes one that can be
    /// trusted.
    pub fn prepare(&self, options: &SqliteOptions) -> Result<(), Error> {
        let (log, index) = (beside(&self.store, "-wal"), beside(&self.store, "-shm"));
        trust::check(options.trust, &self.folder, &[&self.store, &log, &index, &self.mark])?;
        if options.read_only || !options.creates {
            let found = std::fs::symlink_metadata(&self.store);
            return found.map(drop).map_err(|error| fault::io(&self.store, error));
        }
        let mut made = OpenOptions::new();
        made.write(true).create_new(true);
        private(&mut made);
        match made.open(&self.store) {
            // Nothing but this folder says that the file is there.
            Ok(file) => file.sync_all().and_then(|()| sync(&self.folder)),
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Ok(()),
            Err(error) => Err(error),
        }
        .map_err(|error| fault::io(&self.store, error))
    }
}

fn beside(store: &Path, ending: &str) -> PathBuf {
    let mut name = store.as_os_str().to_owned();
    name.push(ending);
    PathBuf::from(name)
}

/// A file for its owner alone, and no link's.
pub(super) fn private(options: &mut OpenOptions) {
    #[cfg(unix)]
    {
        use std::os::unix::fs::OpenOptionsExt;
        let no_link = rustix::fs::OFlags::NOFOLLOW.bits();
        options.mode(0o600).custom_flags(i32::try_from(no_link).unwrap_or_default());
    }
    #[cfg(not(unix))]
    let _ = options;
}

fn sync(folder: &Path) -> io::Result<()> {
    if cfg!(unix) { File::open(folder)?.sync_all() } else { Ok(()) }
}
