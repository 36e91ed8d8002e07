//! [`Written`]: a simulated machine's trees in a folder of their own.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use gpu_core::{Backend, Clock, Discovery, Vendor};
use gpu_host::Roots;
use gpu_sim::{Machine, Tree, World};

/// A simulated machine's trees in a folder of their own, which goes away with it.
#[derive(Debug)]
pub struct Written {
    root: PathBuf,
    tree: Tree,
    world: World,
}

impl Written {
    /// The trees of that preset.
    ///
    /// # Panics
    /// When there is no such preset, or they cannot be written.
    #[must_use]
    pub fn new(preset: &str) -> Self {
        Self::of(Machine::preset(preset).expect("the preset is there"))
    }

    /// The trees of that machine.
    ///
    /// # Panics
    /// When they cannot be written.
    #[must_use]
    pub fn of(machine: Machine) -> Self {
        static NUMBER: AtomicU32 = AtomicU32::new(0);
        let number = NUMBER.fetch_add(1, Ordering::Relaxed);
        let root = std::env::temp_dir().join(format!("gpu-benches-tree-{}-{number}", std::process::id()));
        let world = World::new(machine);
        let tree = world.write_tree(&root).expect("the trees are written");
        Self { root, tree, world }
    }

    /// The folder that holds `sys` and `proc`.
    #[must_use]
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// What stands for `/sys`.
    #[must_use]
    pub fn sysfs(&self) -> PathBuf {
        self.tree.sysfs()
    }

    /// What stands for `/proc`.
    #[must_use]
    pub fn proc(&self) -> PathBuf {
        self.tree.proc()
    }

    /// The description.
    #[must_use]
    pub fn machine(&self) -> Arc<Machine> {
        self.world.machine()
    }

    /// Where those trees are, and the clock of their machine.
    #[cfg(feature = "level-zero")]
    pub(crate) fn place(&self) -> (Roots, Arc<dyn Clock>) {
        let roots = Roots::default().sysfs(self.tree.sysfs()).proc(self.tree.proc());
        (roots, Arc::new(self.world.clock().clone()))
    }

    /// The reader of those trees, for AMD's or Intel's GPUs.
    ///
    /// # Panics
    /// When the driver is not found in the trees, or the vendor has no reader of trees.
    #[must_use]
    pub fn backend(&self, vendor: Vendor) -> Box<dyn Backend> {
        let roots = Roots::default().sysfs(self.tree.sysfs()).proc(self.tree.proc());
        let clock: Arc<dyn Clock> = Arc::new(self.world.clock().clone());
        let Discovery { backend, outcome, .. } = match vendor {
            Vendor::AMD => gpu_amd::discover(&gpu_amd::Options::new(roots).clock(clock)),
            Vendor::INTEL => {
                let options = gpu_intel::Options::new(roots).clock(clock);
                // Nothing of this machine's own is started.
                #[cfg(feature = "level-zero")]
                let options = options.without_level_zero();
                gpu_intel::discover(&options)
            }
            other => panic!("{other} has no reader of trees"),
        };
        backend.unwrap_or_else(|| panic!("{outcome}"))
    }
}

impl Drop for Written {
    fn drop(&mut self) {
        // What stays behind lies in the folder for temporary files.
        let _ = std::fs::remove_dir_all(&self.root);
    }
}
