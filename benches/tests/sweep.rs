//! A watching sweep asks for no memory for processes that have not changed, and keeps little of each.

#![cfg(unix)]

use std::fs;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use gpu_benches::Counting;
use gpu_core::{Clock, DeviceNumber, Nanoseconds, Sweep, SweepRequest, Sweeper};
use gpu_host::WatchingSweeper;
use gpu_sim::{Machine, World};

#[global_allocator]
static ALLOCATOR: Counting = Counting;

const WANTED: [DeviceNumber; 2] =
    [DeviceNumber { major: 195, minor: 0 }, DeviceNumber { major: 226, minor: 128 }];

/// A `/proc` of plain files that goes away with the test.
struct Proc(PathBuf);

impl Proc {
    /// So many processes, the first of which hold NVIDIA's file.
    fn new(name: &str, count: u32, clients: u32) -> Self {
        let root = std::env::temp_dir().join(format!("gpu-benches-sweep-{name}-{}", std::process::id()));
        for pid in 1..=count {
            let folder = root.join(pid.to_string());
            fs::create_dir_all(folder.join("fd")).unwrap();
            let stat = format!("{pid} (p) S 1 1 1 0 -1 0 0 0 0 0 0 0 0 0 20 0 1 0 500 0 0\n");
            fs::write(folder.join("stat"), stat).unwrap();
            fs::write(folder.join("cgroup"), "0::/system.slice/nvidia-dcgm.service\n").unwrap();
            let target = if pid <= clients { "/dev/nvidia0" } else { "/var/log/log" };
            symlink(target, folder.join("fd/3")).unwrap();
        }
        Self(root)
    }
}

impl Drop for Proc {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

/// Sweeps of a tree, one a second.
fn sweeps(root: &Path) -> impl FnMut(&mut Sweep) {
    let world = World::new(Machine::preset("mixed").unwrap());
    let clock: Arc<dyn Clock> = Arc::new(world.clock().clone());
    let sweeper = WatchingSweeper::new(root.to_path_buf(), clock).trusting_folder_times();
    move |sweep| {
        world.clock().advance(Nanoseconds::from_secs(1));
        let request = SweepRequest::new(&WANTED, &[]).with_clients().with_owners();
        sweeper.sweep_into(&request, sweep).unwrap();
    }
}

#[test]
fn what_has_not_changed_asks_for_no_memory() {
    let proc = Proc::new("steady", 200, 20);
    let (mut take, mut sweep) = (sweeps(&proc.0), Sweep::new());
    let cold = Counting::during(|| take(&mut sweep));
    assert!(cold > 0, "the first sweep has to make room: the counter counts");
    take(&mut sweep);
    take(&mut sweep);
    let warm = Counting::during(|| (0..20).for_each(|_| take(&mut sweep)));
    assert_eq!((sweep.processes.len(), warm), (20, 0));
    assert!(sweep.processes[0].owner.is_ok());
}

/// Bytes that a sweeper of so many processes keeps, with the sweep.
fn kept(name: &str, count: u32) -> i64 {
    let proc = Proc::new(name, count, 50);
    let (mut sweep, mut sweeper) = (Sweep::new(), None);
    let kept = Counting::kept(|| {
        let mut take = sweeps(&proc.0);
        (0..3).for_each(|_| take(&mut sweep));
        sweeper = Some(take);
    });
    assert_eq!(sweep.processes.len(), 50);
    kept
}

#[test]
fn a_thousand_processes_take_less_than_eight_hundred_kilobytes() {
    let kept = kept("memory", 1000);
    assert!((60_000..800_000).contains(&kept), "{kept} bytes");
}

#[test]
#[ignore = "writes 40,000 files: a minute or two"]
fn ten_thousand_processes_take_less_than_eight_megabytes() {
    let kept = kept("much-memory", 10_000);
    println!("{kept} bytes are kept of 10,000 processes");
    assert!((600_000..8_000_000).contains(&kept), "{kept} bytes");
}
