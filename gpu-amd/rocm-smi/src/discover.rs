//! Looking for AMD's GPUs through the library.

use std::sync::Arc;

use gpu_core::{Clock, Discovery, ErrorKind, LookedFor, Need, Outcome, Vendor};
use gpu_host::{Roots, SystemClock};

use crate::backend::RocmSmiBackend;

/// Where and how to look.
///
/// The library always reads the machine's own `/sys`. The roots say where this crate looks before
/// it calls the library: other ones are for tests.
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

/// Looks for amdgpu and the library's GPUs. Never fails: what came of it is in the outcome. A
/// library that does not fit is a `Mismatch`.
#[must_use]
pub fn discover(options: &Options) -> Discovery {
    let sysfs = &options.roots.sysfs;
    // Without these the library fails, and prints.
    let traces = ["class/drm", "class/kfd/kfd/topology/nodes"].map(|trace| sysfs.join(trace));
    let missing: Vec<LookedFor> = traces
        .iter()
        .filter(|trace| !trace.exists())
        .map(|trace| LookedFor { what: trace.display().to_string(), found: "not found".to_owned() })
        .collect();
    if !missing.is_empty() {
        return Discovery::without(Vendor::AMD, Outcome::NoDriver { looked_for: missing });
    }
    match RocmSmiBackend::new(options) {
        Ok(backend) => Discovery::available(Box::new(backend)),
        Err(error) => {
            let outcome = match error.kind() {
                ErrorKind::NotSupported => Outcome::Mismatch { detail: error.to_string() },
                ErrorKind::NotPermitted => {
                    let needs = Need::Other("to read what rocm_smi reads");
                    Outcome::NotPermitted { needs, detail: error.to_string() }
                }
                _ => Outcome::Failed(error),
            };
            Discovery::without(Vendor::AMD, outcome)
        }
    }
}
