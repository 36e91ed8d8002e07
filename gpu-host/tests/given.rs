//! Real containers of containerd, Docker and podman: what is read of what they were given, held
//! against what was asked for and what the runtimes themselves say.
#![cfg(all(target_os = "linux", feature = "containers"))]

#[path = "support/ground.rs"]
mod ground;

use std::fs;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::process::Command;

use gpu_core::{
    Backend, ContainerFacts, DeviceNumber, EvidenceList, EvidenceSource, Known, Label, LabelSource, Owner,
    Pid, Strength, Vendor,
};
use gpu_host::{ProcContainers, Roots, cgroup};
use gpu_sim::{Machine, SimBackend, World};
use ground::{Ground, run};

/// GPU 7 of the simulated machine, as its driver numbers it.
const GPU: DeviceNumber = DeviceNumber { major: 195, minor: 7 };

/// A device file of the machine's, of that number, for as long as the test runs. No driver is behind
/// it, and nobody opens it.
struct Node(PathBuf);

impl Node {
    fn new(name: &str) -> Self {
        let path = PathBuf::from(format!("/dev/gpu-accounting-{name}-{}", std::process::id()));
        run(Command::new("mknod").args([path.to_str().unwrap(), "c", "195", "7"]));
        Self(path)
    }

    fn path(&self) -> &str {
        self.0.to_str().unwrap()
    }
}

impl Drop for Node {
    fn drop(&mut self) {
        let _ = fs::remove_file(&self.0);
    }
}

/// The machine, but for the folders of runtimes that the test started elsewhere: each pair is where
/// they usually are, and where they are now.
fn reader(ground: &Ground, links: &[(&str, &str)]) -> ProcContainers {
    let host = ground.folder.join("host");
    fs::create_dir_all(&host).unwrap();
    symlink("/dev", host.join("dev")).unwrap();
    for (usual, now) in links {
        let usual = host.join(usual);
        fs::create_dir_all(usual.parent().unwrap()).unwrap();
        symlink(ground.folder.join(now), usual).unwrap();
    }
    ProcContainers::new(&Roots::default().host(host))
}

/// The facts of the container that the process of that number is in, found among all owners.
fn facts(reader: &ProcContainers, pid: &str) -> ContainerFacts {
    let pid = Pid(pid.trim().parse().unwrap_or_else(|_| panic!("no pid: {pid:?}")));
    let owner = cgroup::owner_of(Path::new("/proc"), pid).unwrap();
    let (owners, _) = reader.owners().unwrap();
    let found = owners.iter().find(|(other, _)| *other == owner).expect("it is among all owners");
    assert_eq!(found.1, pid, "the first process of the container");
    reader.read(&owner, pid)
}

/// The device and nothing else of a GPU's: by its files, its cgroup (where that is of version 1), and
/// its bundle.
fn gave_the_gpu(facts: &ContainerFacts, path: &str) {
    let files = facts.device_files.get().unwrap_or_else(|absence| panic!("no device files: {absence}"));
    assert_eq!(facts.own_dev, true.into());
    let given: Vec<_> = files.iter().filter(|file| file.number == Some(GPU)).collect();
    assert_eq!(given.len(), 1, "{files:?}");
    assert_eq!(given[0].path, path);
    assert!(files.iter().any(|file| file.path == "/dev/null"), "{files:?}");
    let bundle = facts.bundle.get().unwrap_or_else(|absence| panic!("no bundle: {absence}"));
    assert!(bundle.rules.lets_at(GPU) && !bundle.rules.lets_at_everything(), "{:?}", bundle.rules);
    let is_version_1 = Path::new("/sys/fs/cgroup/devices").is_dir();
    match facts.device_rules.get() {
        Ok(rules) => assert!(is_version_1 && rules.lets_at(GPU) && !rules.lets_at_everything(), "{rules:?}"),
        Err(absence) => assert!(!is_version_1, "{absence}"),
    }
    for environment in [facts.environment.value().unwrap(), &bundle.environment] {
        assert_eq!(environment.get("NVIDIA_VISIBLE_DEVICES"), Some("7"));
    }
    assert!(!format!("{facts:?}").contains("s3cret"), "a secret is kept");

    // What a backend makes of it.
    let world = World::new(Machine::preset("hgx-h100-8").unwrap());
    let backend = SimBackend::new(world, Vendor::NVIDIA);
    let (inventory, mut list) = (backend.inventory().unwrap(), EvidenceList::new());
    backend.evidence(facts, &inventory, &mut list).unwrap();
    assert_eq!((list.unrestricted.len(), list.unresolved.len()), (0, 0), "{list:?}");
    assert!(list.evidence.iter().all(|one| one.unit == inventory.devices[7].id.into()), "{list:?}");
    let enforced =
        |source| list.evidence.iter().any(|one| (one.source, one.strength) == (source, Strength::Enforced));
    assert!(enforced(EvidenceSource::DeviceFiles));
    assert_eq!(enforced(EvidenceSource::DeviceCgroup), is_version_1);
}

fn is(label: &Known<Label>, text: &str, source: LabelSource) {
    let label = label.get().unwrap_or_else(|absence| panic!("not told: {absence}"));
    assert_eq!((label.as_str(), label.source()), (text, source));
}

#[test]
#[ignore = "needs root, containerd and busybox-static"]
fn containerd() {
    let mut ground = Ground::new("given-containerd");
    let socket = ground.containerd();
    let ctr = |arguments: &[&str]| ground::ctr(&socket, arguments);
    let node = Node::new("containerd");
    let (root, name) = (ground.path("root"), format!("given-{}", std::process::id()));
    // As the CRI plugin names a container.
    let annotations = ["container-name=train", "sandbox-name=train-0", "sandbox-namespace=ml"];
    let annotations = annotations.map(|one| format!("io.kubernetes.cri.{one}"));
    let mut arguments = vec!["run", "-d", "--device", node.path(), "--rootfs"];
    for annotation in &annotations {
        arguments.extend(["--annotation", annotation]);
    }
    arguments.extend(["--env", "NVIDIA_VISIBLE_DEVICES=7", "--env", "TOKEN=s3cret"]);
    arguments.extend([root.as_str(), &name, "/bin/sleep", "100"]);
    ctr(&arguments);
    let tasks = ctr(&["task", "ls"]);
    let line = tasks.lines().find(|line| line.starts_with(&name)).expect("it runs");
    let reader = reader(&ground, &[("run/containerd", "run")]);
    let facts = facts(&reader, line.split_whitespace().nth(1).unwrap());
    gave_the_gpu(&facts, node.path());
    is(&facts.labels.container, "train", LabelSource::OciBundle);
    is(&facts.labels.pod, "train-0", LabelSource::OciBundle);
    is(&facts.labels.namespace, "ml", LabelSource::OciBundle);
    assert!(facts.labels.image.value().is_none());
    ctr(&["task", "rm", "-f", &name]);
    ctr(&["container", "rm", &name]);
}

#[test]
#[ignore = "needs root, Docker and busybox-static"]
fn docker() {
    let mut ground = Ground::new("given-docker");
    let host = ground.dockerd("busybox");
    let docker = |arguments: &[&str]| ground::docker(&host, arguments);
    let node = Node::new("docker");
    let device = format!("{}:/dev/nvidia0", node.path());
    let name = format!("given-{}", std::process::id());
    let mut arguments = vec!["run", "-d", "--network", "none", "--name", &name, "--device", &device];
    arguments.extend([
        "-e",
        "NVIDIA_VISIBLE_DEVICES=7",
        "-e",
        "TOKEN=s3cret",
        "busybox",
        "/bin/sleep",
        "100",
    ]);
    let id = docker(&arguments);
    let inspect = |what: &str| docker(&["inspect", "--format", what, id.trim()]).trim().to_owned();
    let reader = reader(&ground, &[("run/docker", "exec"), ("var/lib/docker", "data")]);
    let told = facts(&reader, &inspect("{{.State.Pid}}"));
    // Whatever it is called on the machine.
    gave_the_gpu(&told, "/dev/nvidia0");
    is(&told.labels.container, inspect("{{.Name}}").trim_start_matches('/'), LabelSource::DockerState);
    is(&told.labels.image, &inspect("{{.Config.Image}}"), LabelSource::DockerState);
    assert!(told.labels.pod.value().is_none());
    docker(&["rm", "-f", id.trim()]);

    // The device cgroup of one that is privileged, without the capabilities, which not every machine
    // can give away.
    let mut arguments = vec!["run", "-d", "--network", "none", "--device-cgroup-rule", "a *:* rwm"];
    arguments.extend(["busybox", "/bin/sleep", "100"]);
    let id = docker(&arguments);
    let pid = docker(&["inspect", "--format", "{{.State.Pid}}", id.trim()]);
    let told = facts(&reader, &pid);
    let rules = &told.bundle.value().expect("a bundle").rules;
    assert!(rules.lets_at_everything(), "{rules:?}");
    if let Some(rules) = told.device_rules.value() {
        assert!(rules.lets_at_everything(), "{rules:?}");
    }
    docker(&["rm", "-f", id.trim()]);
}

#[test]
#[ignore = "needs root, podman, runc and busybox-static"]
fn podman() {
    let ground = Ground::new("given-podman");
    let podman = |arguments: &[&str]| ground.podman(arguments);
    let node = Node::new("podman");
    let device = format!("{}:/dev/nvidia0", node.path());
    let (root, name) = (ground.path("root"), format!("given-{}", std::process::id()));
    let mut arguments = vec!["run", "-d", "--network", "none", "--name", &name, "--device", &device];
    arguments.extend(["--ulimit", "nofile=1024:1024", "--ulimit", "nproc=1024:1024"]);
    arguments.extend(["-e", "NVIDIA_VISIBLE_DEVICES=7", "-e", "TOKEN=s3cret", "--rootfs", &root]);
    arguments.extend(["/bin/sleep", "100"]);
    let id = podman(&arguments);
    let inspect = |what: &str| podman(&["inspect", "--format", what, id.trim()]).trim().to_owned();
    let reader = reader(&ground, &[("var/lib/containers/storage", "lib"), ("run/containers/storage", "run")]);
    let facts = facts(&reader, &inspect("{{.State.Pid}}"));
    gave_the_gpu(&facts, "/dev/nvidia0");
    is(&facts.labels.container, &inspect("{{.Name}}"), LabelSource::PodmanState);
    podman(&["rm", "-f", "-t", "0", id.trim()]);
}

/// The process that runs this is in no container of its own making: it sees the machine's `/dev`, or
/// the machine is itself a container.
#[test]
fn this_process() {
    let reader = ProcContainers::new(&Roots::default());
    let pid = Pid(std::process::id());
    let owner = cgroup::owner_of(Path::new("/proc"), pid).unwrap();
    let facts = reader.read(&owner, pid);
    assert!(facts.environment.value().is_some(), "{:?}", facts.environment);
    match (&owner, facts.own_dev.value()) {
        (Owner::Container(_), _) | (_, Some(false) | None) => {}
        (owner, Some(true)) => panic!("{owner} has a /dev of its own: {facts:?}"),
    }
}
