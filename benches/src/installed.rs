//! [`Installed`]: the simulated NVIDIA library in a folder of its own.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU32, Ordering};

use gpu_core::Backend;
use gpu_host::Roots;
use gpu_sim::Machine;

/// The simulated NVIDIA library in a folder of its own, over a machine: an instance of its own.
/// The folder goes away with it.
#[derive(Debug)]
pub struct Installed {
    folder: PathBuf,
}

/// The library, built in the profile in which this program was.
fn built() -> &'static Path {
    static BUILT: OnceLock<PathBuf> = OnceLock::new();
    BUILT.get_or_init(|| build("gpu-sim-nvml", "libgpu_sim_nvml.so"))
}

/// The library of a package, built in the profile in which this program was.
pub(crate) fn build(package: &str, file: &str) -> PathBuf {
    let here = std::env::current_exe().expect("a program knows its own file");
    let profile = here.ancestors().find(|folder| folder.join("deps").is_dir());
    let profile = profile.expect("cargo builds into a profile's folder");
    let target = profile.parent().expect("a profile's folder is in a target folder");
    let mut cargo = Command::new(env!("CARGO"));
    cargo.args(["build", "--quiet", "--locked", "-p", package, "--target-dir"]).arg(target);
    if profile.ends_with("release") {
        cargo.arg("--release");
    }
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("the package lies in the project");
    let status = cargo.current_dir(root).status().expect("cargo runs");
    assert!(status.success(), "cargo build -p {package} failed");
    profile.join(file)
}

impl Installed {
    /// A copy of the library over that machine.
    ///
    /// # Panics
    /// When it cannot be built or copied.
    #[must_use]
    pub fn new(machine: &Machine) -> Self {
        static NUMBER: AtomicU32 = AtomicU32::new(0);
        let number = NUMBER.fetch_add(1, Ordering::Relaxed);
        let folder = std::env::temp_dir().join(format!("gpu-benches-nvml-{}-{number}", std::process::id()));
        std::fs::create_dir_all(&folder).expect("the folder for temporary files is writable");
        let installed = Self { folder };
        std::fs::copy(built(), installed.library()).expect("the library is copied");
        let description = installed.folder.join("machine.json");
        std::fs::write(description, machine.to_json()).expect("the description is written");
        installed
    }

    /// Where the library lies.
    #[must_use]
    pub fn library(&self) -> PathBuf {
        self.folder.join("libnvidia-ml.so.1")
    }

    /// gpu-nvidia over it, with trees of nothing: what the library says is all there is.
    ///
    /// # Panics
    /// When the library is refused.
    #[must_use]
    pub fn backend(&self) -> Box<dyn Backend> {
        self.backend_under(&self.folder)
    }

    /// gpu-nvidia over it, with the trees `sys` and `proc` below a folder.
    ///
    /// # Panics
    /// When the library is refused.
    #[must_use]
    pub fn backend_under(&self, trees: &Path) -> Box<dyn Backend> {
        let roots = Roots::default().sysfs(trees.join("sys")).proc(trees.join("proc"));
        let found = gpu_nvidia::discover(&gpu_nvidia::Options::new(roots).library(self.library()));
        found.backend.unwrap_or_else(|| panic!("{}", found.outcome))
    }
}

impl Drop for Installed {
    fn drop(&mut self) {
        // What stays behind lies in the folder for temporary files.
        let _ = std::fs::remove_dir_all(&self.folder);
    }
}
