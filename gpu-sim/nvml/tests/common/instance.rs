//! A copy of the built library in a folder of its own, loaded through the real bindings.

use gpu_sim::Machine;
use gpu_sim::library::{self, Installed};
use nvml_wrapper_sys::bindings::{NvmlLib, nvmlDevice_t};

/// A copy of the library, over a machine.
pub struct Instance {
    /// The real bindings' symbol table.
    pub lib: NvmlLib,
    /// Keeps the copy where it lies.
    _installed: Installed,
}

/// A copy of the library that `cargo test` built beside this test, with the machine beside it.
pub fn install(machine: &Machine) -> Installed {
    Installed::new(&library::built().expect("it is built"), machine).expect("it is copied")
}

impl Instance {
    /// Loaded, not initialised.
    pub fn loaded(installed: Installed) -> Self {
        // SAFETY: our own library; loading it runs no code of a third party.
        let lib = unsafe { NvmlLib::new(installed.path()) }.expect("the library loads");
        Self { lib, _installed: installed }
    }

    /// Loaded and initialised.
    pub fn new(machine: &Machine) -> Self {
        let instance = Self::loaded(install(machine));
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
