//! A copy of the built library in a folder of its own, loaded through the real bindings.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};

use gpu_sim::Machine;
use nvml_wrapper_sys::bindings::{NvmlLib, nvmlDevice_t};

/// A copy of the library, over a machine.
pub struct Instance {
    /// The real bindings' symbol table.
    pub lib: NvmlLib,
    /// Where it lies.
    pub folder: PathBuf,
}

/// The library that `cargo test` built beside this test.
fn built() -> PathBuf {
    let test = std::env::current_exe().expect("a test knows its own file");
    let found = test.ancestors().map(|folder| folder.join("libgpu_sim_nvml.so")).find(|path| path.is_file());
    found.expect("`cargo build -p gpu-sim-nvml` has built the library")
}

/// A fresh folder with the library under its real name and the machine beside it.
pub fn install(machine: &Machine) -> PathBuf {
    static COUNT: AtomicUsize = AtomicUsize::new(0);
    let number = COUNT.fetch_add(1, Ordering::Relaxed);
    let folder = std::env::temp_dir().join(format!("gpu-sim-nvml-{}-{number}", std::process::id()));
    fs::create_dir_all(&folder).expect("the folder for temporary files is writable");
    fs::copy(built(), folder.join("libnvidia-ml.so.1")).expect("the library is copied");
    fs::write(folder.join("machine.json"), machine.to_json()).expect("the description is written");
    folder
}

impl Instance {
    /// Loaded, not initialised.
    pub fn loaded(folder: &Path) -> Self {
        let path = folder.join("libnvidia-ml.so.1");
        // SAFETY: our own library; loading it runs no code of a third party.
        let lib = unsafe { NvmlLib::new(path) }.expect("the library loads");
        Self { lib, folder: folder.to_owned() }
    }

    /// Loaded and initialised.
    pub fn new(machine: &Machine) -> Self {
        let instance = Self::loaded(&install(machine));
        // SAFETY: nvml.h: takes nothing.
        assert_eq!(unsafe { instance.lib.nvmlInit_v2() }, 0);
        instance
    }

    /// The GPU of an index.
    pub fn device(&self, index: u32) -> nvmlDevice_t {
        let mut device = std::ptr::null_mut();
        // SAFETY: nvml.h: the pointer is to one handle.
        assert_eq!(unsafe { self.lib.nvmlDeviceGetHandleByIndex_v2(index, &mut device) }, 0);
        device
    }
}

impl Drop for Instance {
    fn drop(&mut self) {
        // What stays behind lies in the folder for temporary files.
        let _ = fs::remove_dir_all(&self.folder);
    }
}
