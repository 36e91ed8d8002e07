//! Looking for Intel's GPUs.

use std::sync::Arc;

use gpu_core::{Clock, Discovery, ErrorKind, LookedFor, Need, Outcome, Vendor};
use gpu_host::{Roots, SystemClock};

use crate::backend::IntelBackend;

/// Where and how to look.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Options {
    /// Where the machine's trees lie.
    pub roots: Roots,
    /// Tells the time that readings carry.
    pub clock: Arc<dyn Clock>,
    /// Which Level Zero loader to load as a second source, by name or path; `None` for none.
    /// [`level_zero::LOADER`](crate::level_zero::LOADER) unless told otherwise.
    #[cfg(feature = "level-zero")]
    pub level_zero: Option<std::path::PathBuf>,
    /// Whether engines are counted by perf: see [`IntelBackend::with_perf`]. Not, unless told otherwise.
    #[cfg(feature = "perf")]
    pub perf: bool,
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
        Self {
            roots,
            clock,
            #[cfg(feature = "level-zero")]
            level_zero: Some(crate::level_zero::LOADER.into()),
            #[cfg(feature = "perf")]
            perf: false,
        }
    }

    /// The same options with another clock.
    #[must_use]
    pub fn clock(self, clock: Arc<dyn Clock>) -> Self {
        Self { clock, ..self }
    }

    /// The same options with this library in the place of the system's Level Zero loader.
    #[cfg(feature = "level-zero")]
    #[must_use]
    pub fn level_zero(self, library: impl Into<std::path::PathBuf>) -> Self {
        Self { level_zero: Some(library.into()), ..self }
    }

    /// The same options with engines counted by perf: see [`IntelBackend::with_perf`].
    #[cfg(feature = "perf")]
    #[must_use]
    pub fn perf(self) -> Self {
        Self { perf: true, ..self }
    }

    /// The same options without Level Zero.
    #[cfg(feature = "level-zero")]
    #[must_use]
    pub fn without_level_zero(self) -> Self {
        Self { level_zero: None, ..self }
    }
}

/// Looks for i915 and xe and their GPUs. Never fails: what came of it is in the outcome.
///
/// A driver is there when it is below `module` or `bus/pci/drivers`.
#[must_use]
pub fn discover(options: &Options) -> Discovery {
    if !cfg!(target_os = "linux") && options.roots.sysfs_is_usual() {
        let why = "Intel's GPUs are read from Linux' sysfs";
        return Discovery::without(Vendor::INTEL, Outcome::UnsupportedPlatform { why });
    }
    let sysfs = &options.roots.sysfs;
    let traces = ["module/i915", "bus/pci/drivers/i915", "module/xe", "bus/pci/drivers/xe"]
        .map(|trace| sysfs.join(trace));
    if !traces.iter().any(|trace| trace.exists()) {
        let looked_for = traces
            .iter()
            .map(|trace| LookedFor { what: trace.display().to_string(), found: "not found".to_owned() })
            .collect();
        return Discovery::without(Vendor::INTEL, Outcome::NoDriver { looked_for });
    }
    match IntelBackend::new(options.roots.clone(), Arc::clone(&options.clock)) {
        Ok(backend) => Discovery::available(Box::new(with_perf(with_second(backend, options), options))),
        Err(error) if error.kind() == ErrorKind::NotPermitted => {
            let needs = Need::Other("to list the PCI and DRM devices in sysfs");
            Discovery::without(Vendor::INTEL, Outcome::NotPermitted { needs, detail: error.to_string() })
        }
        Err(error) => Discovery::without(Vendor::INTEL, Outcome::Failed(error)),
    }
}

#[cfg(feature = "level-zero")]
fn with_second(backend: IntelBackend, options: &Options) -> IntelBackend {
    use crate::level_zero::{LevelZero, LevelZeroError};
    let library = options.level_zero.as_deref();
    backend.with_level_zero(library.map_or(Err(LevelZeroError::Off), LevelZero::start))
}

#[cfg(not(feature = "level-zero"))]
const fn with_second(backend: IntelBackend, _: &Options) -> IntelBackend {
    backend
}

#[cfg(feature = "perf")]
fn with_perf(backend: IntelBackend, options: &Options) -> IntelBackend {
    if options.perf { backend.with_perf() } else { backend }
}

#[cfg(not(feature = "perf"))]
const fn with_perf(backend: IntelBackend, _: &Options) -> IntelBackend {
    backend
}
