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

/// The runtimes, each on folders of its own.
impl Ground {
    /// Starts containerd; hands out its socket, for [`ctr`].
    pub(crate) fn containerd(&mut self) -> String {
        let socket = self.path("containerd.sock");
        let mut daemon = Command::new("containerd");
        daemon.args(["--root", &self.path("lib"), "--state", &self.path("run"), "--address", &socket]);
        self.daemon(&mut daemon, &socket);
        socket
    }

    /// Starts Docker's daemon, which has an image of that name of what lies below `root`; hands out
    /// its address, for [`docker`].
    pub(crate) fn dockerd(&mut self, image: &str) -> String {
        let socket = self.path("docker.sock");
        let host = format!("unix://{socket}");
        let mut daemon = Command::new("dockerd");
        daemon.args(["--data-root", &self.path("data"), "--exec-root", &self.path("exec")]);
        daemon.args(["-H", &host, "--pidfile", &self.path("pid"), "--iptables=false", "--ip-masq=false"]);
        daemon.args(["--bridge=none", "--storage-driver", "vfs", "--default-ulimit", "nofile=1024:1024"]);
        self.daemon(&mut daemon, &socket);
        let archive = self.path("image.tar");
        run(Command::new("tar").args(["-C", &self.path("root"), "-cf", &archive, "."]));
        docker(&host, &["import", &archive, image]);
        host
    }

    /// Calls podman, which has no daemon.
    pub(crate) fn podman(&self, arguments: &[&str]) -> String {
        run(Command::new("podman")
            .args(["--root", &self.path("lib"), "--runroot", &self.path("run"), "--storage-driver", "vfs"])
            .args(["--cgroup-manager", "cgroupfs", "--events-backend", "file", "--runtime", "runc"])
            .args(arguments))
    }
}

/// Calls containerd's own client.
pub(crate) fn ctr(socket: &str, arguments: &[&str]) -> String {
    run(Command::new("ctr").args(["-a", socket]).args(arguments))
}

/// Calls Docker's client.
pub(crate) fn docker(host: &str, arguments: &[&str]) -> String {
    run(Command::new("docker").args(["-H", host]).args(arguments))
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
