//! The simulated library under its real name in a folder of its own, with a machine of its own.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, OnceLock};

use gpu_core::{Backend, Clock, Discovery};
use gpu_host::Roots;
use gpu_sim::{Machine, library};

/// The library as it is now: `cargo test` of this crate alone does not build it.
fn built() -> &'static Path {
    static BUILT: OnceLock<PathBuf> = OnceLock::new();
    BUILT.get_or_init(|| {
        // target/debug/deps/library-… → target
        let target = std::env::current_exe().unwrap().ancestors().nth(3).unwrap().to_path_buf();
        let status = Command::new(env!("CARGO"))
            .args(["build", "--quiet", "--locked", "-p", "gpu-sim-nvml", "--target-dir"])
            .arg(target)
            // In the profile of this test: it is looked for beside it.
            .args((!cfg!(debug_assertions)).then_some("--release"))
            .current_dir(Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap())
            .status()
            .unwrap();
        assert!(status.success(), "cargo build -p gpu-sim-nvml failed");
        library::built().unwrap()
    })
}

/// A copy of the library in a folder of its own: an instance with a machine of its own.
pub struct Installed {
    copy: library::Installed,
    count: AtomicUsize,
}

impl Installed {
    pub fn new(machine: &Machine) -> Self {
        Self { copy: library::Installed::new(built(), machine).unwrap(), count: AtomicUsize::new(0) }
    }

    #[allow(dead_code)] // not every test asks
    pub fn folder(&self) -> &Path {
        self.copy.folder()
    }

    /// Another number at every call.
    #[allow(dead_code)] // not every test asks
    pub fn count(&self) -> usize {
        self.count.fetch_add(1, Ordering::Relaxed) + 1
    }

    fn options(&self) -> gpu_nvidia::Options {
        // Trees of nothing: what the library says is all there is.
        let folder = self.copy.folder();
        let roots =
            Roots::default().sysfs(folder.join("sys")).proc(folder.join("proc")).locks(folder.join("locks"));
        gpu_nvidia::Options::new(roots).library(self.copy.path())
    }

    #[allow(dead_code)] // not every test asks
    pub fn discover(&self) -> Discovery {
        gpu_nvidia::discover(&self.options())
    }

    #[allow(dead_code)] // not every test asks
    pub fn backend_by(&self, clock: Arc<dyn Clock>) -> Box<dyn Backend> {
        gpu_nvidia::discover(&self.options().clock(clock)).backend.unwrap()
    }

    /// Over trees that somebody else wrote.
    #[allow(dead_code)] // not every test asks
    pub fn backend_over(&self, roots: Roots) -> Box<dyn Backend> {
        gpu_nvidia::discover(&gpu_nvidia::Options::new(roots).library(self.copy.path())).backend.unwrap()
    }

    #[allow(dead_code)] // not every test asks
    pub fn backend(&self) -> Box<dyn Backend> {
        let found = self.discover();
        found.backend.unwrap_or_else(|| panic!("{}", found.outcome))
    }
}
