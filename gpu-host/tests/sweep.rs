//! The process sweep over trees of plain files: who holds which device file, and what DRM's
//! accounting says of it.

#![cfg(unix)]
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use gpu_core::{
    Absence, Bytes, Clock, DeviceNumber, Owner, Pid, PidView, Runtime, Sandbox, Sweep, SweepRequest, Sweeper,
};
use gpu_host::{ProcSweeper, SystemClock};

/// A `/proc` that goes away with the test.
struct Proc(PathBuf);

impl Proc {
    fn new(name: &str) -> Self {
        let root = std::env::temp_dir().join(format!("gpu-host-sweep-{name}-{}", std::process::id()));
        let _ = fs::remove_dir_all(&root);
        Self(root)
    }

    fn process(&self, pid: u32) -> PathBuf {
        let folder = self.0.join(pid.to_string());
        fs::create_dir_all(folder.join("fd")).unwrap();
        fs::create_dir_all(folder.join("fdinfo")).unwrap();
        let stat = format!("{pid} (p{pid}) S 1 1 1 0 -1 0 0 0 0 0 0 0 0 0 20 0 1 0 500 0 0\n");
        fs::write(folder.join("stat"), stat).unwrap();
        folder
    }

    /// A descriptor on a device file, with the text of its accounting where there is one.
    fn descriptor(&self, pid: u32, fd: u32, device: &str, fdinfo: Option<&str>) {
        let folder = self.process(pid);
        std::os::unix::fs::symlink(device, folder.join("fd").join(fd.to_string())).unwrap();
        if let Some(text) = fdinfo {
            fs::write(folder.join("fdinfo").join(fd.to_string()), text).unwrap();
        }
    }

    fn sweep(&self, request: &SweepRequest<'_>) -> Sweep {
        let clock: Arc<dyn Clock> = Arc::new(SystemClock::new_or_unknown(Path::new("/nowhere")));
        let sweeper = ProcSweeper::new(self.0.clone(), &clock).counting_in(PidView::Host);
        let mut sweep = Sweep::new();
        sweeper.sweep_into(request, &mut sweep).unwrap();
        sweep
    }
}

impl Drop for Proc {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

const WANTED: [DeviceNumber; 2] =
    [DeviceNumber { major: 226, minor: 128 }, DeviceNumber { major: 226, minor: 129 }];

fn text(id: u32, kib: u32) -> String {
    format!("drm-driver: amdgpu\ndrm-pdev: 0000:05:00.0\ndrm-client-id: {id}\ndrm-memory-vram: {kib} KiB\n")
}

#[test]
fn clients_come_only_when_asked_for_and_only_of_wanted_files() {
    let proc = Proc::new("asked");
    proc.descriptor(10, 3, "/dev/dri/renderD128", Some(&text(1, 64)));
    proc.descriptor(10, 4, "/dev/dri/renderD200", Some(&text(2, 1)));
    proc.descriptor(10, 5, "/dev/null", Some(&text(3, 1)));
    let plain = proc.sweep(&SweepRequest::new(&WANTED, &[]));
    assert!(plain.processes[0].clients.is_empty());
    let sweep = proc.sweep(&SweepRequest::new(&WANTED, &[]).with_clients());
    assert_eq!((sweep.processes.len(), sweep.pids), (1, PidView::Host));
    let [client] = &sweep.processes[0].clients[..] else { panic!("{:?}", sweep.processes) };
    assert_eq!((client.id, client.node), (Some(1), WANTED[0]));
    assert_eq!(client.regions[0].held(), Some(Bytes::kib(64)));
}

/// A descriptor that was copied, and one that a child inherited, are the same client.
#[test]
fn a_client_is_listed_once() {
    let proc = Proc::new("once");
    proc.descriptor(20, 3, "/dev/dri/renderD128", Some(&text(7, 64)));
    proc.descriptor(20, 4, "/dev/dri/renderD128", Some(&text(7, 64)));
    proc.descriptor(20, 5, "/dev/dri/renderD129", Some(&text(8, 2)));
    proc.descriptor(9, 3, "/dev/dri/renderD128", Some(&text(7, 64)));
    let sweep = proc.sweep(&SweepRequest::new(&WANTED, &[]).with_clients());
    let of = |pid| sweep.process(Pid(pid)).unwrap().clients.iter().map(|c| c.id).collect::<Vec<_>>();
    assert_eq!((of(9), of(20)), (vec![Some(7)], vec![Some(8)]));
    assert_eq!(sweep.repeated_clients, 2);
    assert_eq!(sweep.process(Pid(20)).unwrap().holds, WANTED, "it still holds both files");
}

/// A descriptor that is closed while it is looked at, accounting that is none, and accounting that
/// cannot be read: the rest is there.
#[test]
fn what_cannot_be_read_is_counted() {
    let proc = Proc::new("unreadable");
    proc.descriptor(30, 3, "/dev/dri/renderD128", None);
    proc.descriptor(30, 4, "/dev/dri/renderD128", Some("pos: 0\n"));
    proc.descriptor(30, 5, "/dev/dri/renderD128", Some(&text(1, 1)));
    fs::create_dir_all(proc.0.join("30/fdinfo/6")).unwrap();
    proc.descriptor(30, 6, "/dev/dri/renderD128", None);
    let huge = format!("{}{}", text(2, 5), "x".repeat(1 << 20));
    proc.descriptor(31, 3, "/dev/dri/renderD129", Some(&huge));
    let sweep = proc.sweep(&SweepRequest::new(&WANTED, &[]).with_clients());
    assert_eq!(sweep.process(Pid(30)).unwrap().clients.len(), 1);
    assert_eq!(sweep.process(Pid(31)).unwrap().clients[0].id, Some(2), "what is beyond is cut off");
    assert_eq!((sweep.unreadable_clients, sweep.unreadable), (1, 0));
}

/// The last line of a gVisor sandbox's, a machine emulator's and a plain process's folder.
#[test]
fn owners_and_sandboxes_come_only_when_asked_for() {
    let proc = Proc::new("owners");
    let id = "5".repeat(64);
    for pid in [40, 41, 42, 43] {
        proc.descriptor(pid, 3, "/dev/dri/renderD128", None);
        fs::write(proc.process(pid).join("cgroup"), format!("0::/docker/{id}\n")).unwrap();
    }
    fs::write(proc.process(41).join("cmdline"), "runsc-sandbox\0--root=/x\0").unwrap();
    proc.descriptor(42, 4, "/dev/vfio/12", None);
    fs::remove_file(proc.0.join("43/cgroup")).unwrap();
    let request = SweepRequest::new(&WANTED, &[]);
    let plain = proc.sweep(&request);
    assert_eq!((&plain.processes[0].owner, plain.processes[1].sandbox), (&Err(Absence::NotYet), None));
    let sweep = proc.sweep(&request.with_owners());
    let told = |pid| sweep.process(Pid(pid)).unwrap();
    let Ok(Owner::Container(container)) = &told(40).owner else { panic!("{:?}", told(40)) };
    assert_eq!((container.runtime, container.id.as_str()), (Runtime::Docker, id.as_str()));
    let sandboxes = [40, 41, 42].map(|pid| told(pid).sandbox);
    assert_eq!(sandboxes, [None, Some(Sandbox::Gvisor), Some(Sandbox::VirtualMachine)]);
    assert_eq!(told(43).owner.as_ref().unwrap_err().kind(), "not_supported");
}

/// A process that a driver names is described like one that holds a file.
#[test]
fn named_processes_have_owners_too() {
    let proc = Proc::new("named");
    fs::write(proc.process(50).join("cgroup"), "0::/system.slice/x.service\n").unwrap();
    for holders_of in [&WANTED[..], &[]] {
        let sweep = proc.sweep(&SweepRequest::new(holders_of, &[Pid(50), Pid(51)]).with_owners());
        let [named] = &sweep.processes[..] else { panic!("{:?}", sweep.processes) };
        assert_eq!(named.owner.as_ref().unwrap().to_string(), "unit x.service");
    }
}
