//! What containers, jobs and services were given, read: [`ProcContainers`].
//!
//! | fact | from | needs |
//! |---|---|---|
//! | device files | `/proc/<pid>/root/dev` and the folders of GPUs in it | root, or the same user |
//! | device rules | `devices.list` of the device cgroup, version 1; version 2 has a program instead | nothing |
//! | environment | `/proc/<pid>/environ`, variables about GPUs alone | root, or the same user |
//! | mounts | `/proc/<pid>/mountinfo`, below `/var/run/nvidia-container-devices` | root, or the same user |
//! | OCI bundle, names | `config.json` and the states of containerd, CRI-O, Docker, podman | feature `containers`, root |
//! | CDI | specifications in `/etc/cdi` and `/run/cdi` | feature `containers` |
//! | kubelet's devices | `kubelet_internal_checkpoint` | feature `containers`, root |
//! | Slurm's | `gres.conf`, and the job's own environment | nothing |
//!
//! Nothing in a container is opened but folders, and no link in it is followed: who runs in a
//! container decides what lies there. File systems that a program serves (FUSE) are not looked into.

mod dev;
mod environ;
mod gres;
mod mount;
mod node_state;
mod rules;
#[cfg(feature = "containers")]
pub(crate) mod state;

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use gpu_core::{
    Absence, ContainerFacts, ContainerReader, Error, ErrorKind, Inventory, KernelMemory, Known, Owner, Pid,
};

use crate::{Dmem, Roots, cgroup, file};
use node_state::NodeState;

#[cfg(feature = "containers")]
const ROOTLESS: &str = "a user's own runtime runs it: what it is called is his word";
#[cfg(not(feature = "containers"))]
const NO_FEATURE: &str = "built without the feature containers";

/// Reads what containers, jobs and services were given. What is the machine's (kubelet's checkpoint,
/// CDI specifications, Slurm's configuration) is read again when its file has changed.
///
/// ```
/// use gpu_host::{ProcContainers, Roots};
/// let reader = ProcContainers::new(&Roots::default());
/// let (owners, _) = reader.owners()?;
/// let facts = reader.read(&owners[0].0, owners[0].1);
/// println!("{}: {} device rules", facts.owner, facts.device_rules.map(|rules| rules.0.len()));
/// # Ok::<(), gpu_core::Error>(())
/// ```
#[derive(Debug)]
pub struct ProcContainers {
    roots: Roots,
    state: Mutex<Arc<NodeState>>,
}

impl ProcContainers {
    /// A reader of the machine under these roots: processes, cgroups, and the machine's files.
    #[must_use]
    pub fn new(roots: &Roots) -> Self {
        Self { roots: roots.clone(), state: Mutex::new(Arc::new(NodeState::read(roots))) }
    }

    /// What of the machine's own files could not be read or makes no sense. A file that does not
    /// exist is none of these: most machines have no Slurm.
    #[must_use]
    pub fn problems(&self) -> Vec<Error> {
        self.state().problems.clone()
    }

    /// Everybody on whose behalf a process runs, each with the process of the lowest number, which
    /// is a container's first in most cases; and how many processes could not be looked at. Walks
    /// all of `/proc` and reads one file of each process.
    ///
    /// # Errors
    /// When `/proc` cannot be listed.
    pub fn owners(&self) -> Result<(Vec<(Owner, Pid)>, u32), Error> {
        let mut owners: BTreeMap<Owner, Pid> = BTreeMap::new();
        let mut unreadable = 0;
        for name in file::list(&self.roots.proc)? {
            let Ok(pid) = name.parse().map(Pid) else { continue };
            match cgroup::owner_of(&self.roots.proc, pid) {
                Ok(owner) => {
                    let first = owners.entry(owner).or_insert(pid);
                    *first = pid.min(*first);
                }
                // Exiting in between is normal.
                Err(error) if error.kind() == ErrorKind::NotFound || is_gone(&error) => {}
                Err(_) => unreadable += 1,
            }
        }
        Ok((owners.into_iter().collect(), unreadable))
    }

    /// What `owner` was given, as one of its processes shows it; each piece there, or absent with
    /// its reason. A process that is gone has none.
    #[must_use]
    pub fn read(&self, owner: &Owner, pid: Pid) -> ContainerFacts {
        let folder = self.roots.proc.join(pid.to_string());
        let state = self.state();
        let mut facts = ContainerFacts::new(owner.clone(), pid);
        let mounts = mount::read(&folder);
        facts.device_rules = rules::read(&self.roots, &folder);
        facts.environment = environ::read(&folder);
        facts.device_mounts = match &mounts {
            Ok(mounts) => mounts.devices.clone().into(),
            Err(absence) => Known::absent(*absence),
        };
        (facts.own_dev, facts.device_files) = match &mounts {
            Ok(mounts) => dev::read(&self.roots, &folder, Some(mounts)),
            // Which of its folders a program serves is not known: none is looked into.
            Err(absence) => (Known::absent(*absence), Known::absent(*absence)),
        };
        facts.gres = gres::of_job(&state.gres, &self.roots.host, &facts);
        self.states(&state, &mut facts);
        facts
    }

    /// What is the machine's, read again where it has changed.
    fn state(&self) -> Arc<NodeState> {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        if !state.is_current(&self.roots) {
            *state = Arc::new(NodeState::read(&self.roots));
        }
        Arc::clone(&state)
    }

    #[cfg(feature = "containers")]
    fn states(&self, state: &NodeState, facts: &mut ContainerFacts) {
        if facts.owner.container().is_some_and(|container| container.user.is_some()) {
            // The id is that user's word: it may be another's.
            facts.bundle = Known::unsupported(ROOTLESS);
            facts.plugin_devices = Known::unsupported(ROOTLESS);
            facts.labels = gpu_core::Labels::unsupported(ROOTLESS);
            facts.cdi = state.specs.of(facts);
            return;
        }
        let bundles = state::Bundles { host: &self.roots.host };
        (facts.bundle, facts.labels) = bundles.read(&facts.owner);
        facts.plugin_devices = state::plugin_devices(&state.checkpoint, facts);
        facts.cdi = state.specs.of(facts);
    }

    #[cfg(not(feature = "containers"))]
    #[allow(clippy::unused_self)]
    fn states(&self, _: &NodeState, facts: &mut ContainerFacts) {
        facts.bundle = Known::unsupported(NO_FEATURE);
        facts.plugin_devices = Known::unsupported(NO_FEATURE);
        facts.labels = gpu_core::Labels::unsupported(NO_FEATURE);
        let names = cdi_names(facts);
        let device = |name| gpu_core::CdiDevice::new(name, Known::unsupported(NO_FEATURE));
        facts.cdi = names.into_iter().map(device).collect();
    }
}

impl ContainerReader for ProcContainers {
    fn containers(&self) -> Result<Vec<(Owner, Pid)>, Error> {
        let (mut owners, _) = self.owners()?;
        owners.retain(|(owner, _)| matches!(owner, Owner::Container(_) | Owner::Slurm(_)));
        Ok(owners)
    }

    fn is_current(&self, owner: &Owner, pid: Pid) -> bool {
        cgroup::owner_of(&self.roots.proc, pid).is_ok_and(|now| now == *owner)
    }

    fn facts(&self, owner: &Owner, pid: Pid) -> ContainerFacts {
        let facts = self.read(owner, pid);
        // The number may have passed to another's process while it was read.
        if self.is_current(owner, pid) { facts } else { ContainerFacts::new(owner.clone(), pid) }
    }

    /// What [`Dmem::read`] tells. Whoever wants to know what it could not read asks that.
    fn kernel_memory(&self, inventory: &Inventory) -> Result<Vec<KernelMemory>, Absence> {
        let dmem = Dmem::find(&self.roots).map_err(|error| crate::dmem::absence(&error))?;
        Ok(dmem.read(inventory).memory)
    }
}

/// ESRCH: the process ended while its file was read.
fn is_gone(error: &Error) -> bool {
    let source = std::error::Error::source(error).and_then(|source| source.downcast_ref::<std::io::Error>());
    source.and_then(std::io::Error::raw_os_error) == Some(3)
}

/// The CDI devices that environment, mounts and bundle name, each once.
fn cdi_names(facts: &ContainerFacts) -> Vec<String> {
    /// No container has more.
    const MOST: usize = 1024;
    let is_qualified = |name: &str| name.contains('/') && name.contains('=');
    let mut names: Vec<String> = Vec::new();
    if let Some(bundle) = facts.bundle.value() {
        names.extend(bundle.cdi.iter().cloned());
    }
    for name in facts.device_mounts.value().into_iter().flatten() {
        let parts: Option<Vec<&str>> = name.strip_prefix("cdi/").map(|rest| rest.splitn(3, '/').collect());
        if let Some([vendor, class, device]) = parts.as_deref() {
            names.push(format!("{vendor}/{class}={device}"));
        }
    }
    let environments = [facts.environment.value(), facts.bundle.value().map(|bundle| &bundle.environment)];
    for environment in environments.into_iter().flatten() {
        for (_, value) in environment.iter() {
            let items = value.split(',').map(str::trim);
            names.extend(items.filter(|item| is_qualified(item)).map(str::to_owned));
        }
    }
    let mut once: Vec<String> = Vec::new();
    for name in names {
        if once.len() < MOST && !once.contains(&name) {
            once.push(name);
        }
    }
    once
}
