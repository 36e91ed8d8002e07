//! [`Beside`]: the simulated Level Zero driver beside a machine's trees.

use std::path::{Path, PathBuf};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU32, Ordering};

use gpu_core::Backend;
use gpu_sim::library::level_zero;

use crate::Written;
use crate::installed::build;

/// A copy of the simulated Level Zero driver, in the loader's place, over the machine of some trees.
/// Nobody has loaded it yet; it lies beside the trees, and goes away with them.
#[derive(Debug)]
pub struct Beside<'a> {
    written: &'a Written,
    library: PathBuf,
}

/// The driver, built in the profile in which this program was.
fn built() -> &'static Path {
    static BUILT: OnceLock<PathBuf> = OnceLock::new();
    BUILT.get_or_init(|| build("gpu-sim-level-zero", "libgpu_sim_level_zero.so"))
}

impl<'a> Beside<'a> {
    /// A new copy.
    ///
    /// # Panics
    /// When it cannot be built or copied.
    #[must_use]
    pub fn new(written: &'a Written) -> Self {
        static NUMBER: AtomicU32 = AtomicU32::new(0);
        let folder = format!("level-zero-{}", NUMBER.fetch_add(1, Ordering::Relaxed));
        let folder = written.root().join(folder);
        let library = level_zero::install(built(), &written.machine(), &folder).expect("it is copied");
        Self { written, library }
    }

    /// Where the copy lies.
    #[must_use]
    pub fn library(&self) -> &Path {
        &self.library
    }

    /// Finds the GPUs in the trees, and starts Level Zero as their second source.
    ///
    /// # Panics
    /// When the driver is not found in the trees.
    #[must_use]
    pub fn backend(&self) -> Box<dyn Backend> {
        let (roots, clock) = self.written.place();
        let options = gpu_intel::Options::new(roots).clock(clock).level_zero(&self.library);
        let found = gpu_intel::discover(&options);
        found.backend.unwrap_or_else(|| panic!("{}", found.outcome))
    }
}
