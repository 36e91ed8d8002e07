//! The simulated library under its real name in a folder of its own, with a machine of its own.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::atomic::{AtomicU32, AtomicUsize, Ordering};
use std::sync::{Arc, OnceLock};

use gpu_core::{Backend, Clock, Discovery};
use gpu_host::Roots;
use gpu_sim::Machine;

/// The library as cargo builds it; built here when `cargo test` was asked for this crate alone.
fn built() -> &'static Path {
    static BUILT: OnceLock<PathBuf> = OnceLock::new();
    BUILT.get_or_init(|| {
        // target/debug/deps/library-… → target/debug
        let here = std::env::current_exe().unwrap();
        let profile = here.parent().and_then(Path::parent).unwrap().to_path_buf();
        let target = profile.parent().unwrap();
        let status = Command::new(env!("CARGO"))
            .args(["build", "--quiet", "--locked", "-p", "gpu-sim-nvml", "--target-dir"])
            .arg(target)
            .current_dir(Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap())
            .status()
            .unwrap();
        assert!(status.success(), "cargo build -p gpu-sim-nvml failed");
        profile.join("libgpu_sim_nvml.so")
    })
}

/// A copy of the library in a folder of its own: an instance with a machine of its own.
pub struct Installed {
    folder: PathBuf,
    count: AtomicUsize,
}

impl Installed {
    pub fn new(machine: &Machine) -> Self {
        static NUMBER: AtomicU32 = AtomicU32::new(0);
        let number = NUMBER.fetch_add(1, Ordering::Relaxed);
        let folder = std::env::temp_dir().join(format!("gpu-nvidia-library-{}-{number}", std::process::id()));
        std::fs::create_dir_all(&folder).unwrap();
        std::fs::copy(built(), folder.join("libnvidia-ml.so.1")).unwrap();
        std::fs::write(folder.join("machine.json"), machine.to_json()).unwrap();
        Self { folder, count: AtomicUsize::new(0) }
    }

    #[allow(dead_code)] // not every test asks
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// Another number at every call.
    #[allow(dead_code)] // not every test asks
    pub fn count(&self) -> usize {
        self.count.fetch_add(1, Ordering::Relaxed) + 1
    }

    fn options(&self) -> gpu_nvidia::Options {
        // Trees of nothing: what the library says is all there is.
        let roots = Roots::default().sysfs(self.folder.join("sys")).proc(self.folder.join("proc"));
        gpu_nvidia::Options::new(roots).library(self.folder.join("libnvidia-ml.so.1"))
    }

    pub fn discover(&self) -> Discovery {
        gpu_nvidia::discover(&self.options())
    }

    #[allow(dead_code)] // not every test asks
    pub fn backend_by(&self, clock: Arc<dyn Clock>) -> Box<dyn Backend> {
        gpu_nvidia::discover(&self.options().clock(clock)).backend.unwrap()
    }

    pub fn backend(&self) -> Box<dyn Backend> {
        let found = self.discover();
        found.backend.unwrap_or_else(|| panic!("{}", found.outcome))
    }
}

impl Drop for Installed {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.folder);
    }
}
