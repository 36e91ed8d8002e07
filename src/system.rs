//! [`System`]: the machine that the program runs on.

use std::path::PathBuf;
use std::sync::Arc;

use gpu_core::{Clock, Discovery, Host, Vendor};
use gpu_host::{ProcContainers, Roots, SystemClock, WatchingSweeper, pid_namespace};

/// What the builder was told about the machine that the program runs on.
#[derive(Debug, Default)]
pub(crate) struct System {
    pub(crate) sysfs_root: Option<PathBuf>,
    pub(crate) proc_root: Option<PathBuf>,
    pub(crate) cgroup_root: Option<PathBuf>,
    pub(crate) host_root: Option<PathBuf>,
    pub(crate) nvml: Option<PathBuf>,
    pub(crate) locks: Option<PathBuf>,
    #[cfg(feature = "perf")]
    pub(crate) perf: bool,
}

impl System {
    /// The parts that the machine is read through, and where its device tree lies.
    pub(crate) fn host(self, wanted: impl Fn(Vendor) -> bool) -> (Host, PathBuf) {
        let mut roots = Roots::default();
        if let Some(root) = self.sysfs_root {
            roots = roots.sysfs(root);
        }
        if let Some(root) = self.proc_root {
            roots = roots.proc(root);
        }
        if let Some(root) = self.cgroup_root {
            roots = roots.cgroup(root);
        }
        if let Some(root) = self.host_root {
            roots = roots.host(root);
        }
        if let Some(folder) = self.locks {
            roots = roots.locks(folder);
        }
        let clock: Arc<dyn Clock> = Arc::new(SystemClock::new_or_unknown(&roots.proc));
        let pids = pid_namespace::view(&roots.proc, roots.proc_is_usual());
        let sweeper = WatchingSweeper::new(roots.proc.clone(), Arc::clone(&clock)).counting_in(pids);
        let sweeper = Box::new(sweeper.sparing_sleepers(&roots.sysfs));
        let containers = ProcContainers::new(&roots);
        #[cfg(feature = "perf")]
        let perf = self.perf;
        #[cfg(not(feature = "perf"))]
        let perf = false;
        let discoveries = discoveries(&roots, &clock, self.nvml, perf, wanted);
        (Host::new(discoveries, clock, sweeper).pids(pids).containers(containers), roots.sysfs)
    }
}

/// One discovery for each vendor that this build knows.
#[allow(unused_variables, unused_mut)] // a build may know no vendor
fn discoveries(
    roots: &Roots,
    clock: &Arc<dyn Clock>,
    nvml: Option<PathBuf>,
    perf: bool,
    wanted: impl Fn(Vendor) -> bool,
) -> Vec<Discovery> {
    let mut found = Vec::new();
    let disabled = |vendor| Discovery::without(vendor, gpu_core::Outcome::Disabled);
    #[cfg(feature = "nvidia")]
    found.push(if wanted(Vendor::NVIDIA) {
        let mut options = gpu_nvidia::Options::new(roots.clone()).clock(Arc::clone(clock));
        options.library = nvml;
        gpu_nvidia::discover(&options)
    } else {
        disabled(Vendor::NVIDIA)
    });
    #[cfg(feature = "amd")]
    found.push(if wanted(Vendor::AMD) {
        gpu_amd::discover(&gpu_amd::Options::new(roots.clone()).clock(Arc::clone(clock)))
    } else {
        disabled(Vendor::AMD)
    });
    #[cfg(feature = "intel")]
    found.push(if wanted(Vendor::INTEL) {
        let options = gpu_intel::Options::new(roots.clone()).clock(Arc::clone(clock));
        #[cfg(feature = "perf")]
        let options = if perf { options.perf() } else { options };
        gpu_intel::discover(&options)
    } else {
        disabled(Vendor::INTEL)
    });
    found
}
