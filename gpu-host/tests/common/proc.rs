//! A `/proc` of plain files that goes away with the test.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use gpu_core::{BootTime, Clock, DeviceNumber, PidView, Sweep, SweepRequest, Sweeper};
use gpu_host::{ProcSweeper, SystemClock};

/// The files that are looked for.
pub const WANTED: [DeviceNumber; 2] =
    [DeviceNumber { major: 226, minor: 128 }, DeviceNumber { major: 226, minor: 129 }];

/// A tree of processes.
pub struct Proc(pub PathBuf);

impl Proc {
    pub fn new(name: &str) -> Self {
        let root = std::env::temp_dir().join(format!("gpu-host-sweep-{name}-{}", std::process::id()));
        let _ = fs::remove_dir_all(&root);
        fs::create_dir_all(&root).unwrap();
        Self(root)
    }

    /// A process that started five seconds after boot, or the one that is there.
    pub fn process(&self, pid: u32) -> PathBuf {
        let folder = self.0.join(pid.to_string());
        if !folder.exists() {
            self.start(pid, &format!("p{pid}"), BootTime(5_000_000_000));
        }
        folder
    }

    /// A new process.
    pub fn start(&self, pid: u32, name: &str, start: BootTime) {
        let folder = self.0.join(pid.to_string());
        fs::create_dir_all(folder.join("fd")).unwrap();
        fs::create_dir_all(folder.join("fdinfo")).unwrap();
        self.rename(pid, name, start);
    }

    /// Its name and start time.
    pub fn rename(&self, pid: u32, name: &str, start: BootTime) {
        let ticks = start.0 / 10_000_000;
        let stat = format!("{pid} ({name}) S 1 1 1 0 -1 0 0 0 0 0 0 0 0 0 20 0 1 0 {ticks} 0 0\n");
        self.write(pid, "stat", &stat);
    }

    pub fn write(&self, pid: u32, file: &str, text: &str) {
        fs::write(self.0.join(pid.to_string()).join(file), text).unwrap();
    }

    pub fn end(&self, pid: u32) {
        let _ = fs::remove_dir_all(self.0.join(pid.to_string()));
    }

    /// A descriptor on a device file, with the text of its accounting where there is one.
    pub fn descriptor(&self, pid: u32, fd: u32, device: &str, fdinfo: Option<&str>) {
        let folder = self.process(pid);
        symlink(device, folder.join("fd").join(fd.to_string())).unwrap();
        if let Some(text) = fdinfo {
            fs::write(folder.join("fdinfo").join(fd.to_string()), text).unwrap();
        }
    }

    pub fn close(&self, pid: u32, fd: u32) {
        for folder in ["fd", "fdinfo"] {
            let path = self.0.join(pid.to_string()).join(folder).join(fd.to_string());
            let _ = fs::remove_file(&path);
            let _ = fs::remove_dir(&path);
        }
    }

    /// What a full walk finds.
    pub fn sweep(&self, request: &SweepRequest<'_>) -> Sweep {
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

/// What the kernel writes of a client.
pub fn text(id: u32, kib: u32) -> String {
    format!("drm-driver: amdgpu\ndrm-pdev: 0000:05:00.0\ndrm-client-id: {id}\ndrm-memory-vram: {kib} KiB\n")
}
