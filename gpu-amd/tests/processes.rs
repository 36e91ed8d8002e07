//! Processes of the compute driver in the forms that newer kernels have: secondary contexts, and
//! queues without memory.

use std::fs;
use std::path::{Path, PathBuf};

use gpu_core::{BackendExt, Pid, Sample};
use gpu_host::Roots;
use gpu_sim::{Machine, World};

/// A tree of a machine without processes, which goes away with the test.
struct Machinery {
    root: PathBuf,
    gpus: Vec<u32>,
}

impl Machinery {
    fn new(name: &str) -> Self {
        let root = std::env::temp_dir().join(format!("gpu-amd-processes-{name}-{}", std::process::id()));
        let mut machine = Machine::preset("mi210-8").unwrap();
        machine.workloads.clear();
        World::new(machine).write_tree(&root).unwrap();
        let nodes = fs::read_dir(root.join("sys/class/kfd/kfd/topology/nodes")).unwrap();
        let id = |node: PathBuf| fs::read_to_string(node.join("gpu_id")).ok()?.trim().parse().ok();
        let mut gpus: Vec<u32> = nodes.filter_map(|node| id(node.unwrap().path())).collect();
        gpus.retain(|gpu| *gpu != 0);
        gpus.sort_unstable();
        assert_eq!(gpus.len(), 8);
        Self { root, gpus }
    }

    fn put(&self, path: &str, content: &str) {
        let path: PathBuf = self.root.join("sys/class/kfd/kfd/proc").join(path);
        fs::create_dir_all(path.parent().map_or(Path::new(""), |parent| parent)).unwrap();
        fs::write(path, content).unwrap();
    }

    fn sample(&self) -> Sample {
        let roots = Roots::default().sysfs(self.root.join("sys")).proc(self.root.join("proc"));
        gpu_amd::discover(&gpu_amd::Options::new(roots)).backend.unwrap().sample().unwrap()
    }
}

impl Drop for Machinery {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.root);
    }
}

fn rows(sample: &Sample) -> Vec<(Pid, Option<u64>)> {
    let row = |process: &gpu_core::ProcessReading| (process.pid, process.memory.ok().map(|m| m.value.get()));
    let mut rows: Vec<_> = sample.processes.iter().map(row).collect();
    rows.sort_unstable();
    rows
}

#[test]
fn memory_of_all_contexts_is_one_holding() {
    let machine = Machinery::new("contexts");
    let (one, other) = (machine.gpus[0], machine.gpus[1]);
    machine.put(&format!("700/vram_{one}"), "4096\n");
    machine.put(&format!("700/context_1/vram_{one}"), "100\n");
    machine.put(&format!("700/context_2/vram_{one}"), "20\n");
    machine.put(&format!("700/context_2/vram_{other}"), "3\n");
    machine.put(&format!("700/vram_{}", machine.gpus[2]), "0\n");
    assert_eq!(rows(&machine.sample()), [(Pid(700), Some(3)), (Pid(700), Some(4216))]);
}

#[test]
fn a_queue_without_memory_is_a_process_too() {
    let machine = Machinery::new("queues");
    for gpu in &machine.gpus {
        machine.put(&format!("800/vram_{gpu}"), "0\n");
        machine.put(&format!("900/vram_{gpu}"), "0\n");
    }
    machine.put("800/queues/0/gpuid", &format!("{}\n", machine.gpus[3]));
    machine.put("800/queues/1/gpuid", &format!("{}\n", machine.gpus[3]));
    machine.put("800/queues/2/gpuid", "nonsense\n");
    assert_eq!(rows(&machine.sample()), [(Pid(800), Some(0))]);
}

#[test]
fn what_is_no_number_is_said() {
    let machine = Machinery::new("nonsense");
    machine.put(&format!("700/vram_{}", machine.gpus[0]), "lots\n");
    machine.put("self/vram_1", "4096\n");
    assert_eq!(rows(&machine.sample()), [(Pid(700), None)]);
}
