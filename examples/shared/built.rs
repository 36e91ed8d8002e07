//! The simulated NVML, built.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;

use gpu_sim::library;

/// The library as it is now: `cargo test` of this package alone does not build it.
pub fn built() -> &'static Path {
    static BUILT: OnceLock<PathBuf> = OnceLock::new();
    BUILT.get_or_init(|| {
        // target/debug/deps/apply-… → target
        let target = std::env::current_exe().unwrap().ancestors().nth(3).unwrap().to_path_buf();
        let status = Command::new(env!("CARGO"))
            .args(["build", "--quiet", "--locked", "-p", "gpu-sim-nvml", "--target-dir"])
            .arg(target)
            .current_dir(Path::new(env!("CARGO_MANIFEST_DIR")).ancestors().nth(2).unwrap())
            .status()
            .unwrap();
        assert!(status.success(), "cargo build -p gpu-sim-nvml failed");
        library::built().unwrap()
    })
}
