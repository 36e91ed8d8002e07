//! What tests with real container runtimes stand on.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

/// A folder of its own, with busybox as the root of containers, and what runs in it.
pub(crate) struct Ground {
    pub(crate) folder: PathBuf,
    daemons: Vec<Child>,
}

impl Ground {
    pub(crate) fn new(name: &str) -> Self {
        let folder = PathBuf::from(format!("/tmp/gpu-host-{name}-{}", std::process::id()));
        let bin = folder.join("root/bin");
        fs::create_dir_all(&bin).unwrap();
        fs::copy("/bin/busybox", bin.join("busybox")).expect("busybox-static is installed");
        for tool in ["sleep", "sh"] {
            std::os::unix::fs::symlink("busybox", bin.join(tool)).unwrap();
        }
        Self { folder, daemons: Vec::new() }
    }

    pub(crate) fn path(&self, name: &str) -> String {
        self.folder.join(name).display().to_string()
    }

    pub(crate) fn daemon(&mut self, command: &mut Command, socket: &str) {
        let log = fs::File::create(self.folder.join("daemon.log")).unwrap();
        let child = command.stdout(Stdio::null()).stderr(log).spawn().expect("the daemon is installed");
        self.daemons.push(child);
        let started = Instant::now();
        while !Path::new(socket).exists() {
            let log = || fs::read_to_string(self.folder.join("daemon.log")).unwrap_or_default();
            assert!(started.elapsed() < Duration::from_secs(60), "no {socket}: {}", log());
            std::thread::sleep(Duration::from_millis(50));
        }
    }
}

impl Drop for Ground {
    fn drop(&mut self) {
        for daemon in &mut self.daemons {
            let _ = Command::new("kill").arg(daemon.id().to_string()).status();
            let asked = Instant::now();
            while matches!(daemon.try_wait(), Ok(None)) && asked.elapsed() < Duration::from_secs(20) {
                std::thread::sleep(Duration::from_millis(50));
            }
            // What does not end when it is asked to is ended.
            let _ = daemon.kill();
            let _ = daemon.wait();
        }
        let _ = fs::remove_dir_all(&self.folder);
    }
}

pub(crate) fn run(command: &mut Command) -> String {
    let output = command.output().unwrap_or_else(|error| panic!("{command:?}: {error}"));
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{command:?}: {said}");
    String::from_utf8(output.stdout).unwrap()
}
