//! Real containers of containerd, Docker and podman, started here and named by their cgroups, held
//! against what the runtimes themselves say of them.

#[path = "support/ground.rs"]
mod ground;

use std::fs;
use std::path::Path;

use gpu_core::{Container, Owner, Pid, QosClass, Runtime};
use gpu_host::cgroup::owner_of;
use ground::Ground;

fn container(pid: &str) -> Container {
    let pid = Pid(pid.trim().parse().unwrap_or_else(|_| panic!("no pid: {pid:?}")));
    let owner = owner_of(Path::new("/proc"), pid).unwrap();
    match owner {
        Owner::Container(container) => container,
        other => panic!("process {pid} belongs to {other}: {}", cgroup(pid)),
    }
}

fn cgroup(pid: Pid) -> String {
    fs::read_to_string(format!("/proc/{pid}/cgroup")).unwrap()
}

#[test]
#[ignore = "needs root, containerd and busybox-static"]
fn containerd_alone_and_as_kubelet_would() {
    let mut ground = Ground::new("containerd");
    let socket = ground.containerd();
    let ctr = |arguments: &[&str]| ground::ctr(&socket, arguments);
    let uid = "0b5b3b3e-0a0d-4c3b-9f5e-1d2c3b4a5f60";
    // runc keeps what it knows in one place for all: names of this run alone.
    let id = format!("0f1e2d3c4b5a69788796a5b4c3d2e1f00f1e2d3c4b5a69788796a5b4{:08x}", std::process::id());
    let name = format!("train-{}", std::process::id());
    let (id, name) = (id.as_str(), name.as_str());
    let path = format!("/kubepods/burstable/pod{uid}/{id}");
    let root = ground.path("root");
    ctr(&["run", "-d", "--rootfs", &root, name, "/bin/sleep", "100"]);
    ctr(&["run", "-d", "--cgroup", &path, "--rootfs", &root, id, "/bin/sleep", "100"]);
    // TASK PID STATUS, as the runtime tells.
    let tasks = ctr(&["task", "ls"]);
    let mut seen = 0;
    for line in tasks.lines().skip(1) {
        let mut words = line.split_whitespace();
        let (task, pid) = (words.next().unwrap(), words.next().unwrap());
        let container = container(pid);
        assert_eq!(container.id.as_str(), task);
        if task == id {
            let pod = container.pod.expect("in a pod");
            assert_eq!((pod.uid.to_string().as_str(), pod.qos), (uid, QosClass::Burstable));
        } else {
            assert_eq!((container.runtime, container.pod), (Runtime::Containerd, None));
        }
        seen += 1;
    }
    assert_eq!(seen, 2, "{tasks}");
    for name in [name, id] {
        ctr(&["task", "rm", "-f", name]);
        ctr(&["container", "rm", name]);
    }
}

#[test]
#[ignore = "needs root, Docker and busybox-static"]
fn docker() {
    let mut ground = Ground::new("docker");
    let host = ground.dockerd("busybox");
    let docker = |arguments: &[&str]| ground::docker(&host, arguments);
    let id = docker(&["run", "-d", "--network", "none", "busybox", "/bin/sleep", "100"]);
    let pid = docker(&["inspect", "--format", "{{.State.Pid}}", id.trim()]);
    let told = docker(&["inspect", "--format", "{{.Id}}", id.trim()]);
    let container = container(&pid);
    assert_eq!((container.runtime, container.id.as_str()), (Runtime::Docker, told.trim()));
    docker(&["rm", "-f", id.trim()]);
}

#[test]
#[ignore = "needs root, podman, runc and busybox-static"]
fn podman() {
    let ground = Ground::new("podman");
    let podman = |arguments: &[&str]| ground.podman(arguments);
    let limits = ["--ulimit", "nofile=1024:1024", "--ulimit", "nproc=1024:1024"];
    let root = ground.path("root");
    let mut arguments = vec!["run", "-d", "--network", "none"];
    arguments.extend(limits);
    arguments.extend(["--rootfs", &root, "/bin/sleep", "100"]);
    let id = podman(&arguments);
    let pid = podman(&["inspect", "--format", "{{.State.Pid}}", id.trim()]);
    let told = podman(&["inspect", "--format", "{{.Id}}", id.trim()]);
    let container = container(&pid);
    assert_eq!((container.runtime, container.id.as_str()), (Runtime::Podman, told.trim()));
    podman(&["rm", "-f", "-t", "0", id.trim()]);
}
