//! Looking for AMD's GPUs.

use std::sync::Arc;

use gpu_core::{Clock, Discovery, ErrorKind, LookedFor, Need, Outcome, Vendor};
use gpu_host::{Roots, SystemClock};

use crate::backend::AmdBackend;

/// Where and how to look.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Options {
    /// Where the machine's trees lie.
    pub roots: Roots,
    /// Tells the time that readings carry.
    pub clock: Arc<dyn Clock>,
}

impl Default for Options {
    /// The machine's own trees and clock.
    fn default() -> Self {
        Self::new(Roots::default())
    }
}

impl Options {
    /// These trees, with the machine's own clock.
    #[must_use]
    pub fn new(roots: Roots) -> Self {
        let clock = Arc::new(SystemClock::new_or_unknown(&roots.proc));
        Self { roots, clock }
    }

    /// The same options with another clock.
    #[must_use]
    pub fn clock(self, clock: Arc<dyn Clock>) -> Self {
        Self { clock, ..self }
    }
}

/// Looks for amdgpu and its GPUs. Never fails: what came of it is in the outcome.
///
/// The driver is there when `module/amdgpu`, `bus/pci/drivers/amdgpu` or the compute driver's
/// `class/kfd/kfd` is.
#[must_use]
pub fn discover(options: &Options) -> Discovery {
    if !cfg!(target_os = "linux") && options.roots.sysfs_is_usual() {
        let why = "AMD's GPUs are read from Linux' sysfs";
        return Discovery::without(Vendor::AMD, Outcome::UnsupportedPlatform { why });
    }
    let sysfs = &options.roots.sysfs;
    let traces = ["module/amdgpu", "bus/pci/drivers/amdgpu", "class/kfd/kfd"].map(|trace| sysfs.join(trace));
    if !traces.iter().any(|trace| trace.exists()) {
        let looked_for = traces
            .iter()
            .map(|trace| LookedFor { what: trace.display().to_string(), found: "not found".to_owned() })
            .collect();
        return Discovery::without(Vendor::AMD, Outcome::NoDriver { looked_for });
    }
    match AmdBackend::new(options.roots.clone(), Arc::clone(&options.clock)) {
        Ok(backend) => Discovery::available(Box::new(backend)),
        Err(error) if error.kind() == ErrorKind::NotPermitted => {
            let needs = Need::Other("to list the PCI and DRM devices in sysfs");
            Discovery::without(Vendor::AMD, Outcome::NotPermitted { needs, detail: error.to_string() })
        }
        Err(error) => Discovery::without(Vendor::AMD, Outcome::Failed(error)),
    }
}
