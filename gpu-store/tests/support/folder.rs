//! Folders for tests, gone when they end.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};

/// A folder of its own that nobody else may write.
#[derive(Debug)]
pub struct Folder(PathBuf);

impl Folder {
    pub fn new() -> Self {
        static COUNT: AtomicU64 = AtomicU64::new(0);
        let number = COUNT.fetch_add(1, Ordering::Relaxed);
        Self::at(std::env::temp_dir().join(format!("gpu-store-{}-{number}", std::process::id())))
    }

    /// One in memory where the system has that: what a process writes there outlives it, and no
    /// drive is waited for.
    #[allow(dead_code)] // each test binary uses some of it
    pub fn fast() -> Self {
        let memory = Path::new("/dev/shm");
        let name = Self::new();
        let Some(own) = name.path().file_name().filter(|_| memory.is_dir()) else { return name };
        Self::at(memory.join(own))
    }

    pub fn at(path: PathBuf) -> Self {
        fs::create_dir_all(&path).expect("a folder can be made");
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt;
            fs::set_permissions(&path, fs::Permissions::from_mode(0o700)).expect("it is ours");
        }
        Self(path)
    }

    pub fn path(&self) -> &Path {
        &self.0
    }

    pub fn store(&self) -> PathBuf {
        self.0.join("ledger.db")
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}
