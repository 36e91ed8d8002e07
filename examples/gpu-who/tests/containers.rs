//! Real containers and a real job: started here, with GPU work simulated under their real process
//! numbers by the simulated NVML and by AMD's files in a tree, and told apart by gpu-who on the real
//! kernel. What the runtimes themselves say of them is the witness.
#![cfg(target_os = "linux")]

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use gpu_sim::{Curve, Machine, Part, Use, UseKind, Workload, World};
use serde_json::Value;

#[path = "../../shared/built.rs"]
mod built;
#[path = "../../../gpu-host/tests/support/ground.rs"]
mod ground;
use ground::{Ground, run};

/// GPU 1 of the preset: a whole NVIDIA GPU that several take turns on.
const SHARED: usize = 1;
/// GPU 2: AMD's, in eight partitions.
const CUT: usize = 2;

/// A simulated machine on which the processes of these numbers work, laid out as files.
struct Simulated {
    folder: PathBuf,
    library: PathBuf,
}

impl Simulated {
    fn new(ground: &Ground, pids: &[u32]) -> Self {
        let mut machine = Machine::preset("mixed").unwrap();
        let like = machine.workloads[2].clone();
        let one = |gpu, part, mib: u64, busy| Use {
            gpu,
            part,
            kind: UseKind::Compute,
            memory: Curve::constant(mib << 20),
            busy: Curve::constant(busy),
            encoder_busy: Curve::default(),
            decoder_busy: Curve::default(),
        };
        machine.workloads = pids
            .iter()
            .zip(1..)
            .map(|(pid, n)| {
                let part = Part::Xcp { index: u32::try_from(n).unwrap() };
                let uses = vec![one(SHARED, Part::Whole, memory(n), 100), one(CUT, part, 10 * memory(n), 0)];
                Workload { pid: gpu_accounting::Pid(*pid), uses, ..like.clone() }
            })
            .collect();
        let folder = ground.folder.join("simulated");
        World::new(machine.clone()).write_tree(&folder).unwrap();
        let library = gpu_sim::library::install(built::built(), &machine, &folder).unwrap();
        Self { folder, library }
    }

    fn path(&self, name: &str) -> String {
        self.folder.join(name).display().to_string()
    }

    /// What gpu-who says, over the machine's own processes.
    fn who(&self, more: &[&str]) -> Value {
        let (sysfs, library) = (self.path("sys"), self.library.display().to_string());
        let mut words = vec!["--json", "--over", "0", "--sysfs-root", &sysfs, "--nvml", &library];
        words.extend(more);
        serde_json::from_str(&run(Command::new(program()).args(words))).unwrap()
    }
}

fn program() -> &'static str {
    env!("CARGO_BIN_EXE_gpu-who")
}

/// Memory of the nth process on the shared GPU, in MiB; ten times that on its partition.
const fn memory(n: u64) -> u64 {
    100 * n
}

/// The nth process is the container of that id, and nobody else is: on the GPU that is shared and on
/// a partition of its own.
fn is_container(report: &Value, n: u64, runtime: &str, id: &str) {
    let containers = report["containers"].as_array().unwrap();
    let found: Vec<&Value> = containers.iter().filter(|of| of["id"] == id).collect();
    let [container] = found[..] else { panic!("{id} is there {} times: {report:#}", found.len()) };
    assert_eq!(container["runtime"], runtime);
    uses(container, n);
}

fn uses(owner: &Value, n: u64) {
    let units = owner["units"].as_array().unwrap();
    let memory_on = |is: &dyn Fn(&str) -> bool| {
        let unit = units.iter().find(|unit| is(unit["unit"].as_str().unwrap()));
        unit.unwrap_or_else(|| panic!("{owner:#}"))["memory_bytes"].as_u64().unwrap() >> 20
    };
    assert_eq!(memory_on(&|unit| unit.starts_with("nvidia:")), memory(n), "{owner:#}");
    assert_eq!(memory_on(&|unit| unit.ends_with(&format!("/xcp:{n}"))), 10 * memory(n), "{owner:#}");
    assert_eq!(units.len(), 2, "{owner:#}");
}

#[test]
#[ignore = "needs root, containerd and busybox-static"]
fn containers_of_containerd_alone_and_in_a_pod() {
    let mut ground = Ground::new("who-containerd");
    let socket = ground.containerd();
    let ctr = |arguments: &[&str]| ground::ctr(&socket, arguments);
    let uid = "0b5b3b3e-0a0d-4c3b-9f5e-1d2c3b4a5f60";
    let id = |digit: char| format!("{}{:08x}", digit.to_string().repeat(56), std::process::id());
    let (first, second, alone) = (id('1'), id('2'), format!("who-{}", std::process::id()));
    let root = ground.path("root");
    // Two of one pod, placed as kubelet does, and one alone.
    for id in [&first, &second] {
        let path = format!("/kubepods/burstable/pod{uid}/{id}");
        ctr(&["run", "-d", "--cgroup", &path, "--rootfs", &root, id, "/bin/sleep", "100"]);
    }
    ctr(&["run", "-d", "--rootfs", &root, &alone, "/bin/sleep", "100"]);
    let tasks = ctr(&["task", "ls"]);
    let pid = |id: &str| -> u32 {
        let line = tasks.lines().find(|line| line.starts_with(id)).unwrap_or_else(|| panic!("{id}: {tasks}"));
        line.split_whitespace().nth(1).unwrap().parse().unwrap()
    };
    let simulated = Simulated::new(&ground, &[pid(&first), pid(&second), pid(&alone), std::process::id()]);
    let report = simulated.who(&[]);
    // The path that kubelet chooses does not say by what runtime.
    is_container(&report, 1, "kubernetes", &first);
    is_container(&report, 2, "kubernetes", &second);
    is_container(&report, 3, "containerd", &alone);
    for container in report["containers"].as_array().unwrap() {
        let is_alone = container["id"].as_str() == Some(&alone);
        assert_eq!(container["pod_uid"], if is_alone { Value::Null } else { uid.into() });
    }
    // This test's own process is outside.
    assert_eq!(report["others"].as_array().unwrap().len(), 1, "{report:#}");
    uses(&report["others"][0], 4);
    for id in [&first, &second, &alone] {
        ctr(&["task", "rm", "-f", id]);
        ctr(&["container", "rm", id]);
    }
}

/// Docker's daemon with an image that can run gpu-who.
struct Docker {
    ground: Ground,
    host: String,
}

impl Docker {
    fn new(name: &str) -> Self {
        let mut ground = Ground::new(name);
        copy_with_libraries(Path::new(program()), &ground.folder.join("root"));
        let host = ground.dockerd("image");
        Self { ground, host }
    }

    fn call(&self, arguments: &[&str]) -> String {
        ground::docker(&self.host, arguments).trim().to_owned()
    }

    /// Starts a container that sleeps; its id and the number of its process, as Docker tells them.
    fn sleeper(&self) -> (String, u32) {
        let id = self.call(&["run", "-d", "--network", "none", "image", "/bin/sleep", "100"]);
        let told = self.call(&["inspect", "--format", "{{.Id}} {{.State.Pid}}", &id]);
        let (id, pid) = told.split_once(' ').unwrap();
        (id.to_owned(), pid.parse().unwrap())
    }
}

/// A program and the libraries that it is linked with, below `root`.
fn copy_with_libraries(program: &Path, root: &Path) {
    let linked = run(Command::new("ldd").arg(program));
    let paths = linked.split_whitespace().filter(|word| word.starts_with('/'));
    for path in paths {
        let to = root.join(path.trim_start_matches('/'));
        fs::create_dir_all(to.parent().unwrap()).unwrap();
        fs::copy(path, to).unwrap();
    }
    fs::copy(program, root.join("bin").join(program.file_name().unwrap())).unwrap();
}

#[test]
#[ignore = "needs root, Docker and busybox-static"]
fn containers_of_docker_seen_from_outside_and_from_inside_one() {
    let docker = Docker::new("who-docker");
    let (one, other) = (docker.sleeper(), docker.sleeper());
    let simulated = Simulated::new(&docker.ground, &[one.1, other.1]);
    let report = simulated.who(&[]);
    is_container(&report, 1, "docker", &one.0);
    is_container(&report, 2, "docker", &other.0);

    // As an agent in a container: the machine's /proc mounted elsewhere, the trees and the library too.
    let trees = format!("{}:/simulated:ro", simulated.folder.display());
    let inside = |more: &[&str]| -> Value {
        let mut words = vec!["run", "--rm", "--network", "none", "-v", "/proc:/host/proc:ro", "-v", &trees];
        words.extend(more);
        words.extend(["image", "/bin/gpu-who", "--json", "--over", "0", "--proc-root", "/host/proc"]);
        let library = format!("/simulated/{}", gpu_sim::library::name());
        words.extend(["--sysfs-root", "/simulated/sys", "--nvml", &library]);
        serde_json::from_str(&docker.call(&words)).unwrap()
    };
    let report = inside(&["--cgroupns", "host"]);
    is_container(&report, 1, "docker", &one.0);
    is_container(&report, 2, "docker", &other.0);
    for (id, _) in [one, other] {
        docker.call(&["rm", "-f", &id]);
    }
}

/// A cgroup namespace of its own hides the others' paths: they are said to be hidden.
#[test]
#[ignore = "needs root, Docker and busybox-static"]
fn from_a_cgroup_namespace_of_its_own_others_are_hidden() {
    let docker = Docker::new("who-hidden");
    let one = docker.sleeper();
    let simulated = Simulated::new(&docker.ground, &[one.1]);
    let trees = format!("{}:/simulated:ro", simulated.folder.display());
    let library = format!("/simulated/{}", gpu_sim::library::name());
    let mut words = vec!["run", "--rm", "--network", "none", "-v", "/proc:/host/proc:ro", "-v", &trees];
    words.extend([
        "--cap-add",
        "SYS_PTRACE",
        "--cgroupns",
        "private",
        "image",
        "/bin/gpu-who",
        "--json",
        "--over",
        "0",
    ]);
    words.extend(["--proc-root", "/host/proc", "--sysfs-root", "/simulated/sys", "--nvml", &library]);
    let report: Value = serde_json::from_str(&docker.call(&words)).unwrap();
    assert_eq!(report["containers"], Value::Array(vec![]), "{report:#}");
    assert_eq!(report["others"][0]["kind"], "hidden", "{report:#}");
    docker.call(&["rm", "-f", &one.0]);
}

#[test]
#[ignore = "needs root, podman, runc and busybox-static"]
fn a_container_of_podman() {
    let ground = Ground::new("who-podman");
    let podman = |arguments: &[&str]| ground.podman(arguments);
    let root = ground.path("root");
    let mut arguments = vec!["run", "-d", "--network", "none", "--ulimit", "nofile=1024:1024"];
    arguments.extend(["--ulimit", "nproc=1024:1024", "--rootfs", &root, "/bin/sleep", "100"]);
    let id = podman(&arguments);
    let told = podman(&["inspect", "--format", "{{.Id}} {{.State.Pid}}", id.trim()]);
    let (id, pid) = told.trim().split_once(' ').unwrap();
    let report = Simulated::new(&ground, &[pid.parse().unwrap()]).who(&[]);
    is_container(&report, 1, "podman", id);
    podman(&["rm", "-f", "-t", "0", id]);
}

/// One node of Slurm's with a GPU that it hands out.
struct Slurm {
    ground: Ground,
    device: PathBuf,
}

impl Slurm {
    fn new() -> Self {
        let mut ground = Ground::new("who-slurm");
        let path = |name: &str| ground.path(name);
        let node = run(&mut Command::new("hostname")).trim().to_owned();
        let device = PathBuf::from(format!("/dev/gpu-accounting-slurm-{}", std::process::id()));
        run(Command::new("mknod").arg(&device).args(["c", "195", "1"]));
        for folder in ["state", "spool", "munge"] {
            fs::create_dir_all(path(folder)).unwrap();
        }
        fs::write(path("munge/key"), [7; 1024]).unwrap();
        run(Command::new("chown").args(["-R", "munge", &path("munge")]));
        run(Command::new("chmod").args(["600", &path("munge/key")]));
        // Others must reach the socket, and nobody else may write beside it.
        run(Command::new("chmod").args(["711", &path("munge")]));
        run(Command::new("chmod").args(["755", &path("")]));
        let socket = path("munge/socket");
        let port = 20_000 + std::process::id() % 20_000;
        let (state, spool) = (path("state"), path("spool"));
        let configuration = format!(
            "ClusterName=test\nSlurmctldHost={node}(127.0.0.1)\nAuthType=auth/munge\nCryptoType=crypto/munge\n\
             AuthInfo=socket={socket}\nSlurmUser=root\nSlurmdUser=root\nStateSaveLocation={state}\n\
             SlurmdSpoolDir={spool}\nSlurmctldPidFile={state}/c\nSlurmdPidFile={state}/d\n\
             SlurmctldPort={port}\nSlurmdPort={}\nProctrackType=proctrack/cgroup\nTaskPlugin=task/cgroup\n\
             MpiDefault=none\nSelectType=select/cons_tres\nGresTypes=gpu\nReturnToService=2\n\
             NodeName={node} NodeAddr=127.0.0.1 CPUs=1 RealMemory=500 Gres=gpu:1\n\
             PartitionName=all Nodes={node} Default=YES State=UP\n",
            port + 1
        );
        fs::write(path("slurm.conf"), configuration).unwrap();
        let gres = format!("NodeName={node} Name=gpu File={}\n", device.display());
        fs::write(path("gres.conf"), gres).unwrap();
        fs::write(path("cgroup.conf"), "CgroupPlugin=cgroup/v1\nConstrainDevices=yes\n").unwrap();
        let configuration = path("slurm.conf");
        let mut munged = Command::new("runuser");
        munged.args(["-u", "munge", "--", "munged", "--foreground"]);
        for (option, name) in
            [("key-file", "key"), ("socket", "socket"), ("pid-file", "pid"), ("log-file", "log")]
        {
            munged.arg(format!("--{option}={}", path(&format!("munge/{name}"))));
        }
        munged.arg(format!("--seed-file={}", path("munge/seed")));
        ground.daemon(&mut munged, &socket);
        let mut controller = Command::new("slurmctld");
        controller.arg("-D").env("SLURM_CONF", &configuration);
        let state = ground.path("state");
        ground.daemon(&mut controller, &format!("{state}/c"));
        let mut daemon = Command::new("slurmd");
        daemon.args(["-D", "-N", &node]).env("SLURM_CONF", &configuration);
        ground.daemon(&mut daemon, &format!("{state}/d"));
        Self { ground, device }
    }

    fn call(&self, program: &str, arguments: &[&str]) -> String {
        let configuration = self.ground.path("slurm.conf");
        run(Command::new(program).args(arguments).env("SLURM_CONF", configuration)).trim().to_owned()
    }
}

impl Slurm {
    /// Ends a job, and waits until it has: what Slurm leaves behind would run on.
    fn cancel(&self, job: &str) {
        self.call("scancel", &[job]);
        let asked = Instant::now();
        while !self.call("squeue", &["--noheader"]).is_empty() {
            assert!(asked.elapsed() < Duration::from_secs(60), "the job does not end");
            std::thread::sleep(Duration::from_millis(100));
        }
    }
}

impl Drop for Slurm {
    fn drop(&mut self) {
        let _ = fs::remove_file(&self.device);
    }
}

#[test]
#[ignore = "needs root, slurmd, slurmctld, munge and cgroup version 1"]
fn a_job_of_slurm() {
    let slurm = Slurm::new();
    let out = slurm.ground.path("out");
    // It says its own number; what is started in its stead has the same.
    let job = slurm
        .call("sbatch", &["--parsable", "--gres=gpu:1", "-o", &out, "--wrap", "echo $$; exec sleep 100"]);
    let started = Instant::now();
    let pid: u32 = loop {
        if let Ok(pid) = fs::read_to_string(&out).unwrap_or_default().trim().parse() {
            break pid;
        }
        let state = || slurm.call("squeue", &[]);
        assert!(started.elapsed() < Duration::from_secs(60), "the job does not start: {}", state());
        std::thread::sleep(Duration::from_millis(100));
    };
    // What Slurm itself says of the process.
    let listed = slurm.call("scontrol", &["listpids", &job]);
    assert!(listed.lines().any(|line| line.split_whitespace().next() == Some(&pid.to_string())), "{listed}");
    let simulated = Simulated::new(&slurm.ground, &[pid]);
    // Where gres.conf is, below a root of the machine's files.
    let host = slurm.ground.folder.join("host");
    fs::create_dir_all(host.join("etc")).unwrap();
    std::os::unix::fs::symlink("/dev", host.join("dev")).unwrap();
    std::os::unix::fs::symlink(&slurm.ground.folder, host.join("etc/slurm")).unwrap();
    let report = simulated.who(&["--host-root", host.to_str().unwrap()]);
    let [told] = &report["jobs"].as_array().unwrap()[..] else { panic!("{report:#}") };
    assert_eq!(told["job"].to_string(), job);
    assert_eq!(told["step"], "batch");
    uses(told, 1);
    let on_nvidia = told["units"].as_array().unwrap().iter();
    let on_nvidia = on_nvidia.filter(|unit| unit["unit"].as_str().unwrap().starts_with("nvidia:"));
    for unit in on_nvidia {
        assert_eq!(unit["entitlement"]["source"], "slurm", "{unit:#}");
    }
    slurm.cancel(&job);
}
