//! The C library with NVML's interface: where it is built, and how a program is given one.
//!
//! The package `gpu-sim-nvml` builds it (`cargo build -p gpu-sim-nvml`); nothing here builds or
//! starts anything. [`built`] finds the file, [`install`] lays a copy under the vendor's own name
//! beside a description of the machine that it simulates, and [`Installed`] does so in a folder
//! that goes away again.
//!
//! ```no_run
//! let machine = gpu_sim::Machine::preset("hgx-h100-8")?;
//! let installed = gpu_sim::library::Installed::new(&gpu_sim::library::built()?, &machine)?;
//! // Load `installed.path()`, or start a program with `installed.folder()` in LD_LIBRARY_PATH.
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

use std::env::consts::{DLL_PREFIX, DLL_SUFFIX};
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};

use crate::machine::Machine;

pub mod level_zero;

/// What cargo calls the library, without prefix and suffix.
const CRATE: &str = "gpu_sim_nvml";

/// The name under which programs look for NVML.
#[must_use]
pub const fn name() -> &'static str {
    if cfg!(windows) { "nvml.dll" } else { "libnvidia-ml.so.1" }
}

/// The library that cargo built for the profile of the program that runs: beside it, or in a
/// folder above it (a test runs from `target/debug/deps`).
///
/// # Errors
/// `NotFound`, with what was looked for, when it has not been built.
pub fn built() -> io::Result<PathBuf> {
    built_of(CRATE, "gpu-sim-nvml")
}

fn built_of(library: &str, package: &str) -> io::Result<PathBuf> {
    let program = std::env::current_exe()?;
    let name = format!("{DLL_PREFIX}{library}{DLL_SUFFIX}");
    let found = program.ancestors().skip(1).map(|folder| folder.join(&name)).find(|path| path.is_file());
    found.ok_or_else(|| {
        let what = format!("no {name} above {}: build it with cargo build -p {package}", program.display());
        io::Error::new(io::ErrorKind::NotFound, what)
    })
}

/// Lays a copy of the library and the machine's description into `folder`, and tells where the
/// copy is. Each copy is a library of its own, with a machine of its own.
///
/// # Errors
/// When a file cannot be copied or written.
pub fn install(library: &Path, machine: &Machine, folder: &Path) -> io::Result<PathBuf> {
    install_as(name(), library, machine, folder)
}

fn install_as(name: &str, library: &Path, machine: &Machine, folder: &Path) -> io::Result<PathBuf> {
    fs::create_dir_all(folder)?;
    let path = folder.join(name);
    fs::copy(library, &path)?;
    fs::write(folder.join("machine.json"), machine.to_json())?;
    Ok(path)
}

/// A copy of the library in a folder of its own below the one for temporary files. Dropping it
/// removes the folder; a library that is loaded stays loaded.
#[derive(Debug)]
pub struct Installed {
    folder: PathBuf,
}

impl Installed {
    /// Installs a copy for this machine.
    ///
    /// # Errors
    /// When a file cannot be copied or written.
    pub fn new(library: &Path, machine: &Machine) -> io::Result<Self> {
        static NUMBER: AtomicU32 = AtomicU32::new(0);
        let number = NUMBER.fetch_add(1, Ordering::Relaxed);
        let folder = std::env::temp_dir().join(format!("gpu-sim-library-{}-{number}", std::process::id()));
        let installed = Self { folder };
        install(library, machine, &installed.folder)?;
        Ok(installed)
    }

    /// Where the library lies.
    #[must_use]
    pub fn path(&self) -> PathBuf {
        self.folder.join(name())
    }

    /// The folder with the library and the machine's description, `machine.json`.
    #[must_use]
    pub fn folder(&self) -> &Path {
        &self.folder
    }
}

impl Drop for Installed {
    fn drop(&mut self) {
        // What stays behind lies in the folder for temporary files.
        let _ = fs::remove_dir_all(&self.folder);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_copy_lies_beside_its_machine_and_goes_away() {
        let machine = Machine::preset("l40s-4").unwrap();
        let any_file = std::env::current_exe().unwrap();
        let installed = Installed::new(&any_file, &machine).unwrap();
        assert!(installed.path().ends_with(name()) && installed.path().is_file());
        let text = fs::read_to_string(installed.folder().join("machine.json")).unwrap();
        assert_eq!(Machine::from_json(&text), Ok(machine));
        let folder = installed.folder().to_owned();
        drop(installed);
        assert!(!folder.exists());
    }
}
