//! A simulated machine, as the library and as trees. There is one library in a process: tests take
//! turns.

#![allow(dead_code)] // each test takes what it needs

use std::path::PathBuf;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use gpu_amd_rocm_smi::{Options, RocmSmiBackend};
use gpu_core::{Backend, Nanoseconds};
use gpu_host::Roots;
use gpu_sim::{Fault, Machine, Tree, World};

#[allow(unsafe_code)] // calls the simulated library's controls
#[path = "load.rs"]
pub mod load;

/// The presets with AMD's GPUs.
pub const PRESETS: [&str; 6] = ["mi300x-8", "mi300x-8-cpx", "mi300a-4", "mi210-8", "mi250x-4", "mixed"];

static TURN: Mutex<()> = Mutex::new(());

/// A machine under test. It goes away with the test.
pub struct Simulated {
    pub world: World,
    pub tree: Tree,
    folder: PathBuf,
    _turn: MutexGuard<'static, ()>,
}

impl Simulated {
    pub fn new(machine: Machine) -> Self {
        static NUMBER: AtomicU32 = AtomicU32::new(0);
        let turn = TURN.lock().unwrap_or_else(PoisonError::into_inner);
        let number = NUMBER.fetch_add(1, Ordering::Relaxed);
        let folder = std::env::temp_dir().join(format!("gpu-rocm-smi-{}-{number}", std::process::id()));
        std::fs::create_dir_all(&folder).unwrap();
        let description = folder.join("machine.json");
        std::fs::write(&description, machine.to_json()).unwrap();
        load::machine(&description.to_string_lossy());
        let world = World::new(machine);
        let tree = world.write_tree(&folder.join("tree")).unwrap();
        Self { world, tree, folder, _turn: turn }
    }

    pub fn preset(name: &str) -> Self {
        Self::new(Machine::preset(name).unwrap())
    }

    /// The first GPUs of a preset, with their processes.
    pub fn few(name: &str, gpus: usize) -> Self {
        let mut machine = Machine::preset(name).unwrap();
        machine.gpus.truncate(gpus);
        machine.links.retain(|link| link.a < gpus && link.b < gpus);
        machine.workloads.retain(|workload| workload.uses.iter().all(|of| of.gpu < gpus));
        Self::new(machine)
    }

    pub fn options(&self) -> Options {
        let roots = Roots::default().sysfs(self.tree.sysfs()).proc(self.tree.proc());
        Options::new(roots).clock(Arc::new(self.world.clock().clone()))
    }

    pub fn backend(&self) -> RocmSmiBackend {
        RocmSmiBackend::new(&self.options()).expect("the library is up")
    }

    /// `gpu-amd` over the trees of the same machine.
    pub fn other(&self) -> Box<dyn Backend> {
        let roots = Roots::default().sysfs(self.tree.sysfs()).proc(self.tree.proc());
        let options = gpu_amd::Options::new(roots).clock(Arc::new(self.world.clock().clone()));
        gpu_amd::discover(&options).backend.expect("amdgpu is there")
    }

    /// Lets time pass in the library and in the trees.
    pub fn advance(&mut self, span: Nanoseconds) {
        self.world.clock().advance(span);
        self.tree.refresh().unwrap();
        load::advance(span.get());
    }

    /// Lets a GPU fall off the bus, in the library and in the trees.
    pub fn lose(&mut self, gpu: usize) {
        self.world.lose(gpu);
        self.tree.refresh().unwrap();
        load::fault(&fault(&Fault::DeviceLost { gpu, at: gpu_core::BootTime(0) }));
    }
}

/// A fault as the library takes it.
fn fault(fault: &Fault) -> String {
    let mut machine = Machine::preset("empty").unwrap();
    machine.faults = vec![fault.clone()];
    let text = machine.to_json();
    let (_, list) = text.split_once("\"faults\": [").unwrap();
    list.rsplit_once(']').unwrap().0.trim().to_owned()
}

/// One function answers with a code, on every GPU.
pub fn refuse(function: &str, code: u32) {
    load::fault(&fault(&Fault::ReturnCode { function: function.to_owned(), code, gpu: None }));
}

impl Drop for Simulated {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.folder);
    }
}
