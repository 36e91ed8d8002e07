//! [`NodeBuilder`]: what a node is read through.

use std::path::PathBuf;

use gpu_core::{Backend, Discovery, Host, Outcome, Vendor};

use crate::node::Node;
use crate::system::System;

/// Says what a [`Node`] is read through. Everything has a default: the machine as it is.
///
/// No environment variable is read.
///
/// ```
/// use gpu_accounting::{Node, Vendor};
/// let node = Node::builder()
///     .sysfs_root("/host/sys") // an agent in a container, with the host's /sys mounted there
///     .proc_root("/host/proc")
///     .without(Vendor::AMD)
///     .build();
/// assert!(node.outcomes().iter().all(|of| of.vendor != Vendor::AMD || of.outcome.kind() == "disabled"));
/// ```
#[derive(Debug, Default)]
#[must_use = "a builder does nothing until `build` is called"]
pub struct NodeBuilder {
    system: System,
    host: Option<Host>,
    disabled: Vec<Vendor>,
    only: Option<Vec<Vendor>>,
    backends: Vec<Box<dyn Backend>>,
}

impl NodeBuilder {
    /// Reads the kernel's device tree under this directory instead of `/sys`.
    pub fn sysfs_root(mut self, root: impl Into<PathBuf>) -> Self {
        self.system.sysfs_root = Some(root.into());
        self
    }

    /// Reads processes and driver facts under this directory instead of `/proc`.
    pub fn proc_root(mut self, root: impl Into<PathBuf>) -> Self {
        self.system.proc_root = Some(root.into());
        self
    }

    /// Reads control groups under this directory instead of `/sys/fs/cgroup`.
    pub fn cgroup_root(mut self, root: impl Into<PathBuf>) -> Self {
        self.system.cgroup_root = Some(root.into());
        self
    }

    /// Reads the files of container runtimes, kubelet and Slurm below this directory instead of `/`:
    /// an agent in a container names where the machine's own root is mounted.
    pub fn host_root(mut self, root: impl Into<PathBuf>) -> Self {
        self.system.host_root = Some(root.into());
        self
    }

    /// Loads NVIDIA's library from this file alone, instead of looking in the usual places.
    /// Loading a library runs its code: it is to be trusted.
    pub fn nvml(mut self, library: impl Into<PathBuf>) -> Self {
        self.system.nvml = Some(library.into());
        self
    }

    /// Keeps the lock files that writers of this family hold while they change a board in this
    /// folder instead of `/run/gpu-accounting`: an agent in a container names the host's.
    pub fn locks(mut self, folder: impl Into<PathBuf>) -> Self {
        self.system.locks = Some(folder.into());
        self
    }

    /// Has the work of Intel's engines counted by the kernel's perf, which takes `CAP_PERFMON`: see
    /// `gpu_intel::IntelBackend::with_perf`. xe keeps its GPUs awake meanwhile.
    #[cfg(feature = "perf")]
    pub fn perf(mut self) -> Self {
        self.system.perf = true;
        self
    }

    /// Does not look for this vendor's GPUs.
    pub fn without(mut self, vendor: Vendor) -> Self {
        self.disabled.push(vendor);
        self
    }

    /// Looks for these vendors' GPUs and for no others. Several calls add up.
    pub fn only(mut self, vendors: impl IntoIterator<Item = Vendor>) -> Self {
        self.only.get_or_insert_default().extend(vendors);
        self
    }

    /// Reads this machine instead of the one that the program runs on: a simulated one
    /// (`gpu_sim::Machine`), or parts put together by hand. Roots and libraries set here are not
    /// used then.
    pub fn machine(mut self, machine: impl Into<Host>) -> Self {
        self.host = Some(machine.into());
        self
    }

    /// Reads a recording instead of the machine: the moment that the replay shows. Roots and libraries
    /// set here are not used then.
    ///
    /// ```
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// use gpu_accounting::{Node, record::{Recorder, Replay}};
    /// # let folder = std::env::temp_dir().join(format!("gpu-accounting-doc-{}", std::process::id()));
    /// # std::fs::create_dir_all(&folder)?;
    /// # let path = folder.join("node.gpurec");
    /// # let _ = std::fs::remove_file(&path);
    /// # let world = gpu_sim::World::new(gpu_sim::Machine::preset("mixed")?);
    /// # let node = Node::builder().machine(world.host()).build();
    /// let mut recorder = Recorder::create(&path, node.recording_head("my-agent 1.0"))?;
    /// let mut watch = node.watch();
    /// for _ in 0..3 {
    ///     watch.look();
    ///     recorder.add(&watch.moment())?;
    /// #   world.clock().advance(gpu_accounting::Nanoseconds(1_000_000_000));
    ///     // a second passes
    /// }
    ///
    /// let mut replay = Replay::open(&path)?;
    /// let node = Node::builder().replay(&replay).build();
    /// println!("recorded {}", node.recorded().expect("it is a recording"));
    /// let mut watch = node.watch();
    /// watch.look();
    /// while let Some(passed) = replay.next()? {
    ///     println!("{passed} later: {} lines", watch.look().lines.len());
    /// }
    /// # std::fs::remove_dir_all(&folder)?;
    /// # Ok(())
    /// # }
    /// ```
    #[cfg(feature = "record")]
    pub fn replay(self, replay: &gpu_record::Replay) -> Self {
        self.machine(replay.host())
    }

    /// Reads devices through this backend too: a vendor that this crate does not know, or a
    /// decorated one. Use [`without`](Self::without) to replace a built-in backend.
    pub fn backend(mut self, backend: impl Backend + 'static) -> Self {
        self.backends.push(Box::new(backend));
        self
    }

    /// Looks for the vendors' GPUs. Never fails: what came of it is in [`Node::outcomes`].
    #[must_use]
    pub fn build(self) -> Node {
        let Self { system, host, disabled, only, backends } = self;
        let wanted = |vendor: Vendor| {
            !disabled.contains(&vendor) && only.as_ref().is_none_or(|only| only.contains(&vendor))
        };
        let (mut host, sysfs) = match host {
            Some(host) => (host, None),
            None => {
                let (host, sysfs) = system.host(wanted);
                (host, Some(sysfs))
            }
        };
        for discovery in host.discoveries.iter_mut().filter(|of| !wanted(of.vendor)) {
            *discovery = Discovery::without(discovery.vendor, Outcome::Disabled);
        }
        host.discoveries.extend(backends.into_iter().map(Discovery::available));
        Node::new(host, sysfs)
    }
}
