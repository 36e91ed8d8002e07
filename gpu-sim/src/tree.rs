//! A world as `/sys` and `/proc` trees under a folder.
//!
//! Written: PCI functions with their bridges, DRM nodes, NUMA nodes, processes with what they hold
//! open, and the files of the vendors' kernel drivers: NVIDIA's in `/proc`, AMD's (sysfs, hwmon,
//! the compute driver's topology and processes) and Intel's (i915, i915 with the backport, xe;
//! sysfs, hwmon, virtual functions, what perf would count of engines). Links are relative: a tree may be moved.

mod amd;
mod cgroup;
mod damage;
mod disk;
mod function;
mod intel;
mod nvidia;
mod pci;
mod plan;
mod pmu;
mod process;

use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use crate::amd::ModeRefusal;
use crate::fault::Fault;
use crate::gpu::Silicon;
use crate::scene::Scene;
use crate::world::World;
use plan::{Entry, Plan};

pub use damage::Damage;

/// Trees that show a world as it was when they were last written.
#[derive(Clone, Debug)]
pub struct Tree {
    root: PathBuf,
    world: World,
    plan: Plan,
}

impl Tree {
    /// The device tree: stands for `/sys`.
    #[must_use]
    pub fn sysfs(&self) -> PathBuf {
        self.root.join("sys")
    }

    /// The process tree: stands for `/proc`.
    #[must_use]
    pub fn proc(&self) -> PathBuf {
        self.root.join("proc")
    }

    /// The tree of cgroups of version 2: stands for `/sys/fs/cgroup`. Written where processes are in
    /// cgroups, with what the controller `dmem` charges.
    #[must_use]
    pub fn cgroup(&self) -> PathBuf {
        self.root.join("sys/fs/cgroup")
    }

    /// Every file of the trees, as a path below their root.
    pub fn files(&self) -> impl Iterator<Item = &Path> {
        self.plan
            .0
            .iter()
            .filter(|(_, entry)| matches!(entry, Entry::File(_)))
            .map(|(path, _)| path.as_path())
    }

    /// Writes the trees again in place, as the world is now: what changed is replaced, each file
    /// at once, and what vanished is removed. Files that others have put there stay, unless one
    /// is in the way.
    ///
    /// # Errors
    /// When a file cannot be written or removed.
    ///
    /// ```
    /// use gpu_core::Nanoseconds;
    /// let world = gpu_sim::World::new(gpu_sim::Machine::preset("mi210-8")?);
    /// let root = std::env::temp_dir().join(format!("gpu-sim-follow-{}", std::process::id()));
    /// let mut tree = world.write_tree(&root)?;
    /// world.lose(0);
    /// world.clock().advance(Nanoseconds::from_secs(1));
    /// tree.refresh()?;
    /// let gpus = std::fs::read_dir(tree.sysfs().join("bus/pci/devices"))?;
    /// assert_eq!(gpus.count(), 7);
    /// std::fs::remove_dir_all(&root)?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn refresh(&mut self) -> io::Result<()> {
        let plan = plan(&self.world.scene());
        disk::bring(&self.root, &self.plan, &plan)?;
        self.plan = plan;
        Ok(())
    }

    /// Does what drivers do when their files are written (modes, and of Intel's GPUs virtual
    /// functions with their quotas): where somebody has written another mode
    /// into a file of a GPU of AMD's, the world is changed as its driver would, and the trees with
    /// it. Says what became of each write; a mode that was refused reads as before.
    ///
    /// A kernel does this before the write ends, a folder of files cannot: until then the written
    /// text stands there, and nothing else has changed. [`into_driver`](Self::into_driver) does it
    /// before the write ends, for who can wait for it. Beside a writer who cannot, one that waits
    /// after each change for what comes of it is followed: writes are seen in their order, and a
    /// file that was written again since is left for the next call.
    ///
    /// # Errors
    /// When a file cannot be written or removed.
    ///
    /// ```
    /// let mut machine = gpu_sim::Machine::preset("mi300x-8")?;
    /// machine.workloads.clear();
    /// let root = std::env::temp_dir().join(format!("gpu-sim-obey-{}", std::process::id()));
    /// let mut tree = gpu_sim::World::new(machine).write_tree(&root)?;
    /// let mode = tree.sysfs().join("bus/pci/devices/0000:05:00.0/current_compute_partition");
    /// std::fs::write(&mode, "CPX")?;
    /// assert_eq!(tree.obey()?, [Ok(())]);
    /// let nodes = std::fs::read_dir(tree.sysfs().join("class/kfd/kfd/topology/nodes"))?;
    /// assert_eq!(nodes.count(), 2 + 8 + 7); // two processors, the GPU in parts, and seven whole
    /// std::fs::write(&mode, "TPX")?;
    /// assert_eq!(tree.obey()?, [Err(gpu_sim::ModeRefusal::Invalid)]);
    /// assert_eq!(std::fs::read_to_string(&mode)?, "CPX\n");
    /// # std::fs::remove_dir_all(&root)?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn obey(&mut self) -> io::Result<Vec<Result<(), ModeRefusal>>> {
        let Taken { modes, functions } = self.taken();
        let mut touched: Vec<Touched> =
            functions.iter().map(|of| (of.path.clone(), of.text.clone())).collect();
        touched.extend(modes.iter().map(|of| (of.path.clone(), of.text.clone())));
        let mut answers: Vec<_> = modes.into_iter().map(|write| write.carry_out(&self.world)).collect();
        answers.extend(functions.iter().map(|write| write.carry_out(&self.world)));
        if !answers.is_empty() {
            let plan = plan(&self.world.scene());
            disk::follow(&self.root, &self.plan, &plan, &touched)?;
            self.plan = plan;
        }
        Ok(answers)
    }

    /// What was written, as it stood at one moment: two looks at all files that find the same. Files
    /// that are looked at one after another show a later write and miss an earlier one.
    fn taken(&self) -> Taken {
        let look = || Taken {
            modes: amd::written_modes(&self.root, &self.world.machine()),
            functions: function::written(&self.root, &self.plan, &self.world.machine()),
        };
        let mut last = look();
        loop {
            let again = look();
            if again == last {
                return last;
            }
            last = again;
        }
    }

    /// The driver behind these trees as a function, for who writes through one that tells it: it is
    /// given the path of a file that was written, does what the driver does, and answers with the
    /// error that the write ends with. Nothing runs beside the writer, so that nothing can be late.
    ///
    /// ```
    /// let mut machine = gpu_sim::Machine::preset("mi300x-8")?;
    /// machine.workloads.clear();
    /// let root = std::env::temp_dir().join(format!("gpu-sim-driver-{}", std::process::id()));
    /// let tree = gpu_sim::World::new(machine).write_tree(&root)?;
    /// let mode = tree.sysfs().join("bus/pci/devices/0000:05:00.0/current_compute_partition");
    /// let driver = tree.into_driver();
    /// std::fs::write(&mode, "TPX")?;
    /// assert_eq!(driver(&mode).unwrap_err().raw_os_error(), Some(22)); // EINVAL
    /// std::fs::write(&mode, "CPX")?;
    /// driver(&mode)?;
    /// # std::fs::remove_dir_all(&root)?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn into_driver(self) -> impl Fn(&Path) -> io::Result<()> + Send + Sync + 'static {
        let tree = Mutex::new(self);
        move |_| {
            let mut tree = tree.lock().unwrap_or_else(PoisonError::into_inner);
            let refused = tree.obey()?.into_iter().find_map(Result::err);
            refused.map_or(Ok(()), |refusal| Err(io::Error::from_raw_os_error(refusal.errno())))
        }
    }
}

/// What was written into files of drivers.
#[derive(PartialEq)]
struct Taken {
    modes: Vec<amd::WrittenMode>,
    functions: Vec<function::Written>,
}

/// A file with the text that was taken from it.
type Touched = (PathBuf, String);

impl World {
    /// Writes the trees as they are now into `root`, which should be empty. A GPU that is lost is
    /// left out, and [faults](Fault) of files are applied.
    ///
    /// # Errors
    /// When a file cannot be written.
    ///
    /// ```
    /// let world = gpu_sim::World::new(gpu_sim::Machine::preset("mi300x-8-cpx")?);
    /// let root = std::env::temp_dir().join(format!("gpu-sim-doc-{}", std::process::id()));
    /// let tree = world.write_tree(&root)?;
    /// let nodes = std::fs::read_dir(tree.sysfs().join("class/kfd/kfd/topology/nodes"))?;
    /// assert_eq!(nodes.count(), 2 + 64); // two processors, and a node for each partition
    /// std::fs::remove_dir_all(&root)?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn write_tree(&self, root: &Path) -> io::Result<Tree> {
        let mut tree = Tree { root: root.to_path_buf(), world: self.clone(), plan: Plan::default() };
        tree.refresh()?;
        Ok(tree)
    }
}

/// What the trees of a scene hold.
fn plan(scene: &Scene) -> Plan {
    let mut plan = Plan::default();
    for folder in ["sys/bus/pci/devices", "sys/class/drm", "proc"] {
        plan.folder(Path::new(folder));
    }
    plan.line(Path::new("proc/sys/kernel/random"), "boot_id", scene.machine().boot_id);
    // What mainline sets: counters of processors are for the privileged.
    plan.line(Path::new("proc/sys/kernel"), "perf_event_paranoid", 2);
    for numa in &scene.machine().numa_nodes {
        let folder = PathBuf::from(format!("sys/devices/system/node/node{}", numa.node));
        plan.line(&folder, "cpulist", &numa.cpus);
    }
    for bystander in &scene.machine().bystanders {
        pci::bystander(&mut plan, bystander);
    }
    for (position, gpu) in scene.machine().gpus.iter().enumerate() {
        if scene.gpu(position).lost {
            continue;
        }
        pci::gpu(&mut plan, scene, gpu);
        match gpu.silicon {
            _ if !scene.drives(gpu) => {}
            Silicon::Amd(_) => amd::gpu(&mut plan, scene, position, gpu),
            Silicon::Intel(_) => intel::gpu(&mut plan, scene, position, gpu),
            Silicon::Nvidia(_) => nvidia::gpu(&mut plan, scene, gpu),
        }
    }
    amd::compute_driver(&mut plan, scene);
    nvidia::driver(&mut plan, scene);
    process::processes(&mut plan, scene);
    cgroup::hierarchy(&mut plan, scene);
    for fault in &scene.machine().faults {
        apply(fault, &mut plan);
    }
    plan
}

/// What is wrong with files.
fn apply(fault: &Fault, plan: &mut Plan) {
    let (path, entry) = match fault {
        Fault::FileContent { path, content } => (path, Some(Entry::File(content.clone()))),
        Fault::FileMissing { path } => (path, None),
        Fault::FileUnreadable { path } => (path, Some(Entry::Folder)),
        _ => return,
    };
    let path = plan.resolve(Path::new(path));
    plan.remove(&path);
    if let Some(entry) = entry {
        plan.put(path, entry);
    }
}
