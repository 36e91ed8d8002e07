//! The simulated Level Zero driver, built.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;

use gpu_sim::library;

/// The library as it is now: `cargo test` of this crate alone does not build it.
pub fn built() -> &'static Path {
    static BUILT: OnceLock<PathBuf> = OnceLock::new();
    BUILT.get_or_init(|| {
        // target/debug/deps/level_zero-… → target
        let target = std::env::current_exe().unwrap().ancestors().nth(3).unwrap().to_path_buf();
        let status = Command::new(env!("CARGO"))
            .args(["build", "--quiet", "--locked", "-p", "gpu-sim-level-zero", "--target-dir"])
            .arg(target)
            // In the profile of this test: it is looked for beside it.
            .args((!cfg!(debug_assertions)).then_some("--release"))
            .current_dir(Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap())
            .status()
            .unwrap();
        assert!(status.success(), "cargo build -p gpu-sim-level-zero failed");
        library::level_zero::built().unwrap()
    })
}
