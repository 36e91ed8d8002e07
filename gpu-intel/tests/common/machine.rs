//! A simulated machine's trees, and the backend that reads them.

#![allow(dead_code)] // each test takes what it needs

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use gpu_core::{
    Backend, BackendExt, BootTime, Bytes, Clock, DeviceNumber, Pid, PidView, ProcessReading, Query, Sample,
    Sweep, SweepRequest, Sweeper,
};
use gpu_host::{ProcSweeper, Roots};
use gpu_sim::{Curve, IntelDriver, Machine, Part, Silicon, Tree, Use, UseKind, Workload, World};

/// A folder that goes away with the test.
pub struct Folder(pub PathBuf);

impl Folder {
    pub fn new(name: &str) -> Self {
        static NUMBER: AtomicU32 = AtomicU32::new(0);
        let number = NUMBER.fetch_add(1, Ordering::Relaxed);
        Self(std::env::temp_dir().join(format!("gpu-intel-{name}-{}-{number}", std::process::id())))
    }

    /// A file of a process.
    pub fn process(&self, name: &str) -> PathBuf {
        self.0.join("proc").join(name)
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

/// A machine in trees, with what reads it.
pub struct Written {
    pub folder: Folder,
    pub world: World,
    pub tree: Tree,
    pub backend: Box<dyn Backend>,
}

pub fn written(machine: Machine) -> Written {
    let folder = Folder::new(&machine.name);
    let world = World::new(machine);
    let tree = world.write_tree(&folder.0).unwrap();
    let roots = Roots::default().sysfs(tree.sysfs()).proc(tree.proc()).locks(folder.0.join("locks"));
    let options = gpu_intel::Options::new(roots).clock(Arc::new(world.clock().clone()));
    let backend = gpu_intel::discover(&options).backend.expect("a driver is there");
    Written { folder, world, tree, backend }
}

/// A use of one GPU, half of the time.
pub fn half(gpu: usize, part: Part, kind: UseKind, memory: Bytes) -> Use {
    Use {
        gpu,
        part,
        kind,
        memory: Curve::constant(memory.get()),
        busy: Curve::constant(500),
        encoder_busy: Curve::constant(100),
        decoder_busy: Curve::default(),
    }
}

/// A process since ten minutes after boot.
pub fn process(pid: u32, uses: Vec<Use>) -> Workload {
    Workload {
        pid: Pid(pid),
        name: format!("job-{pid}"),
        starts: BootTime(600_000_000_000),
        ends: None,
        cgroup: "/".to_owned(),
        uses,
        descriptors: Vec::new(),
        threads: Vec::new(),
    }
}

impl Written {
    /// Every DRM node of the machine.
    pub fn numbers(&self) -> Vec<DeviceNumber> {
        let inventory = self.backend.inventory().unwrap();
        let parts =
            inventory.devices.iter().flat_map(|device| device.all_partitions().map(|part| &part.nodes));
        let nodes = inventory.devices.iter().map(|device| &device.nodes).chain(parts);
        nodes.flatten().filter_map(|node| node.number).collect()
    }

    pub fn sweep(&self) -> Sweep {
        let clock: Arc<dyn Clock> = Arc::new(self.world.clock().clone());
        let sweeper = ProcSweeper::new(self.tree.proc(), &clock).counting_in(PidView::Host);
        let mut sweep = Sweep::new();
        sweeper.sweep_into(&SweepRequest::new(&self.numbers(), &[]).with_clients(), &mut sweep).unwrap();
        sweep
    }

    pub fn sample(&self) -> Sample {
        let sweep = self.sweep();
        self.backend.sample_of(&Query::everything().sweep(&sweep)).unwrap()
    }
}

pub fn of(sample: &Sample, pid: u32) -> Vec<ProcessReading> {
    sample.processes.iter().filter(|process| process.pid == Pid(pid)).copied().collect()
}

/// One GPU on the driver, idle, that can have eight virtual functions.
pub fn one(driver: IntelDriver) -> Machine {
    let preset = if driver == IntelDriver::Xe { "b60-2" } else { "flex-170-2" };
    let mut machine = Machine::preset(preset).unwrap();
    machine.gpus.truncate(1);
    machine.workloads.clear();
    let Silicon::Intel(intel) = &mut machine.gpus[0].silicon else { panic!() };
    (intel.driver, intel.total_vfs) = (driver, 8);
    machine
}
