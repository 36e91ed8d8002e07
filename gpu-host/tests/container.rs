//! What a container was given, read from trees of plain files, hostile ones among them.
#![cfg(target_os = "linux")]

use std::fs;
use std::os::unix::fs::symlink;
use std::path::PathBuf;

use gpu_core::{Absence, Container, DeviceNumber, Known, Owner, Pid, Runtime, SlurmJob};
use gpu_host::{ProcContainers, Roots};

const ID: &str = "4444444444444444444444444444444444444444444444444444444444444444";

/// Trees for one process, 7, in a folder of their own.
struct Ground(PathBuf);

impl Ground {
    fn new(name: &str) -> Self {
        let root = std::env::temp_dir().join(format!("gpu-host-container-{name}-{}", std::process::id()));
        let _ = fs::remove_dir_all(&root);
        let ground = Self(root);
        for (pid, cgroup) in [("1", "/init.scope".to_owned()), ("7", format!("/docker/{ID}"))] {
            ground.write(&format!("proc/{pid}/cgroup"), &format!("3:devices:{cgroup}\n0::{cgroup}\n"));
            ground.write(&format!("proc/{pid}/environ"), "PATH=/bin\0");
            ground.write(&format!("proc/{pid}/mountinfo"), "22 1 0:21 / / rw - overlay overlay rw\n");
            fs::create_dir_all(ground.0.join(format!("proc/{pid}/root/dev"))).unwrap();
        }
        ground
    }

    fn write(&self, path: &str, content: &str) {
        let path = self.0.join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, content).unwrap();
    }

    fn reader(&self) -> ProcContainers {
        let root = |name: &str| self.0.join(name);
        let roots = Roots::default().proc(root("proc")).cgroup(root("cgroup")).host(root("host"));
        ProcContainers::new(&roots.sysfs(root("sys")))
    }

    fn path(&self, path: &str) -> PathBuf {
        self.0.join(path)
    }
}

impl Drop for Ground {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

fn owner() -> Owner {
    Owner::Container(Container::new(Runtime::Docker, ID.parse().unwrap()))
}

#[test]
fn everything_that_is_there_is_read() {
    let ground = Ground::new("all");
    ground.write(&format!("cgroup/devices/docker/{ID}/devices.list"), "c 1:3 rwm\nc 195:0 rw\n");
    ground.write("proc/7/environ", "HOME=/\0SECRET=s3cret\0NVIDIA_VISIBLE_DEVICES=nvidia.com/gpu=0\0");
    let mounts = "30 22 0:5 /null /run/nvidia-container-devices/GPU-5eed rw - devtmpfs udev rw\n";
    ground.write("proc/7/mountinfo", mounts);
    let reader = ground.reader();
    assert_eq!(reader.problems(), []);
    let containers = gpu_core::ContainerReader::containers(&reader).unwrap();
    assert_eq!(containers, [(owner(), Pid(7))], "the machine's own processes are no container");
    let (owners, unreadable) = reader.owners().unwrap();
    assert_eq!((owners.contains(&(owner(), Pid(7))), owners.len(), unreadable), (true, 2, 0));
    let facts = reader.read(&owner(), Pid(7));
    let rules = facts.device_rules.value().unwrap();
    assert!(rules.lets_at(DeviceNumber { major: 195, minor: 0 }));
    assert_eq!(facts.device_mounts.value().unwrap(), &["GPU-5eed"]);
    assert_eq!(facts.environment.value().unwrap().iter().count(), 1);
    assert_eq!(facts.cdi[0].name, "nvidia.com/gpu=0");
    assert_eq!((facts.own_dev, facts.device_files), (true.into(), vec![].into()));
    assert!(facts.gres.value().is_none());
    assert!(!format!("{facts:?}", facts = reader.read(&owner(), Pid(7))).contains("s3cret"));
}

#[test]
fn what_is_missing_says_so() {
    let ground = Ground::new("missing");
    let facts = ground.reader().read(&owner(), Pid(99));
    for absence in [facts.own_dev.absence(), facts.device_rules.absence(), facts.environment.absence()] {
        assert!(matches!(absence, Some(Absence::NotSupported { .. })), "{absence:?}");
    }
    // Version 2 alone.
    ground.write("proc/7/cgroup", &format!("0::/docker/{ID}\n"));
    let facts = ground.reader().read(&owner(), Pid(7));
    assert!(facts.device_rules.to_string_of().contains("version 2"));
    // Rules that are understood in part would let at too much or too little.
    ground.write("proc/7/cgroup", "3:devices:/x\n");
    ground.write("cgroup/devices/x/devices.list", "c 195:0 rw\nz 1:2 rwm\n");
    let facts = ground.reader().read(&owner(), Pid(7));
    assert!(matches!(facts.device_rules.absence(), Some(Absence::Failed { .. })));
    // A path that leads elsewhere.
    ground.write("proc/7/cgroup", "3:devices:/../../proc/7\n");
    assert!(ground.reader().read(&owner(), Pid(7)).device_rules.value().is_none());
}

trait Shown {
    fn to_string_of(&self) -> String;
}

impl<T> Shown for Known<T> {
    fn to_string_of(&self) -> String {
        self.absence().map(|absence| absence.to_string()).unwrap_or_default()
    }
}

/// Nothing in a container's `/dev` is opened or followed: a FIFO would wait for ever, a link would
/// lead out.
#[test]
fn a_hostile_dev() {
    use rustix::fs::{CWD, FileType, Mode, mknodat};
    let ground = Ground::new("hostile");
    let dev = ground.path("proc/7/root/dev");
    for name in ["nvidia0", "fifo\nline"] {
        mknodat(CWD, dev.join(name), FileType::Fifo, Mode::RUSR, 0).unwrap();
    }
    symlink("loop", dev.join("loop")).unwrap();
    symlink("/dev/null", dev.join("nvidia1")).unwrap();
    // A folder of GPUs that is a link to the machine's own, one in a circle, and a FIFO.
    symlink("/dev", dev.join("dri")).unwrap();
    symlink("vfio", dev.join("vfio")).unwrap();
    mknodat(CWD, dev.join("nvidia-caps"), FileType::Fifo, Mode::RUSR, 0).unwrap();
    fs::create_dir(dev.join("x".repeat(255))).unwrap();
    let facts = ground.reader().read(&owner(), Pid(7));
    assert_eq!(facts.device_files, vec![].into());

    // The whole folder is a link to the machine's.
    fs::remove_dir_all(&dev).unwrap();
    symlink("/dev", &dev).unwrap();
    let facts = ground.reader().read(&owner(), Pid(7));
    assert!(facts.device_files.value().is_none() && facts.own_dev.value().is_none(), "{facts:?}");

    // A program serves the file system.
    ground.write("proc/7/mountinfo", "33 22 0:9 / /dev rw - fuse.evil evil rw\n");
    let facts = ground.reader().read(&owner(), Pid(7));
    assert!(facts.device_files.to_string_of().contains("program"));
}

#[test]
fn the_machines_own_dev_was_given_to_nobody() {
    let ground = Ground::new("own");
    fs::remove_dir(ground.path("proc/7/root/dev")).unwrap();
    fs::remove_dir(ground.path("proc/7/root")).unwrap();
    symlink("../1/root", ground.path("proc/7/root")).unwrap();
    let facts = ground.reader().read(&owner(), Pid(7));
    assert_eq!(facts.own_dev, false.into());
    assert!(facts.device_files.value().is_none());
}

#[test]
fn an_environment_of_a_mebibyte_and_hostile_names() {
    let ground = Ground::new("environment");
    let mut block = "A=".to_owned() + &"x".repeat(1 << 20) + "\0";
    block += &format!("CUDA_VISIBLE_DEVICES={}\0", "9".repeat(4096));
    block += "NVIDIA_VISIBLE_DEVICES=a\nb\u{7}/=c\0";
    ground.write("proc/7/environ", &block);
    let facts = ground.reader().read(&owner(), Pid(7));
    let environment = facts.environment.value().unwrap();
    assert_eq!(environment.get("CUDA_VISIBLE_DEVICES").unwrap().len(), 4096);
    assert_eq!(environment.get("NVIDIA_VISIBLE_DEVICES"), Some("a\nb\u{7}/=c"));
}

#[test]
fn a_job_of_slurms() {
    let ground = Ground::new("slurm");
    ground.write("proc/sys/kernel/hostname", "tux1\n");
    ground.write("host/etc/slurm/gres.conf", "NodeName=tux[0-9] Name=gpu File=/dev/nvidia[0-3]\n");
    ground.write("proc/7/environ", "SLURM_JOB_ID=4711\0SLURM_JOB_GPUS=1,3,9\0");
    let owner = Owner::Slurm(SlurmJob::new(Some(4711)));
    let facts = ground.reader().read(&owner, Pid(7));
    let gres = facts.gres.value().unwrap();
    let file = |at: usize| gres[at].files.value().map(|files| files[0].path.as_str());
    assert_eq!((file(0), file(1), file(2)), (Some("/dev/nvidia1"), Some("/dev/nvidia3"), None));
    // What changes is read again.
    let reader = ground.reader();
    assert!(reader.read(&owner, Pid(7)).gres.value().unwrap()[0].files.value().is_some());
    fs::remove_file(ground.path("host/etc/slurm/gres.conf")).unwrap();
    let facts = reader.read(&owner, Pid(7));
    assert!(facts.gres.value().unwrap().iter().all(|device| device.files.value().is_none()));
}

/// A thousand containers, as an agent would read them each minute.
#[test]
fn a_thousand_containers() {
    let ground = Ground::new("thousand");
    for pid in 100..1100 {
        let path = format!("proc/{pid}");
        ground.write(&format!("{path}/cgroup"), &format!("0::/docker/{pid:064x}\n"));
        ground.write(&format!("{path}/environ"), "NVIDIA_VISIBLE_DEVICES=0\0");
        ground.write(&format!("{path}/mountinfo"), "22 1 0:21 / / rw - overlay overlay rw\n");
        fs::create_dir_all(ground.path(&format!("{path}/root/dev"))).unwrap();
    }
    let reader = ground.reader();
    let (owners, _) = reader.owners().unwrap();
    assert_eq!(owners.len(), 1002);
    let read = owners.iter().map(|(owner, pid)| reader.read(owner, *pid));
    assert_eq!(read.filter(|facts| facts.own_dev == true.into()).count(), 1001);
}

#[cfg(feature = "containers")]
mod states {
    use super::*;
    use gpu_core::{LabelSource, Pod, QosClass};

    fn write_state(ground: &Ground) {
        let docker = format!("host/var/lib/docker/containers/{ID}/config.v2.json");
        ground.write(&docker, r#"{"Name":"/train\n7","Config":{"Image":"busybox","Labels":{}}}"#);
        let bundle = format!("host/run/docker/containerd/daemon/io.containerd.runtime.v2.task/moby/{ID}");
        let config = r#"{"process":{"env":["NVIDIA_VISIBLE_DEVICES=all"]},"linux":{"devices":
            [{"path":"/dev/nvidia0","type":"c","major":195,"minor":0}]}}"#;
        ground.write(&format!("{bundle}/config.json"), config);
    }

    #[test]
    fn bundle_and_names() {
        let ground = Ground::new("bundle");
        write_state(&ground);
        let facts = ground.reader().read(&owner(), Pid(7));
        let bundle = facts.bundle.value().unwrap();
        assert_eq!(bundle.environment.get("NVIDIA_VISIBLE_DEVICES"), Some("all"));
        assert_eq!(bundle.devices[0].path, "/dev/nvidia0");
        let name = facts.labels.container.value().unwrap();
        assert_eq!((name.to_string().as_str(), name.source()), (r"train\n7", LabelSource::DockerState));
    }

    /// By the state of runc, where the bundle lies somewhere else.
    #[test]
    fn a_bundle_that_a_state_names() {
        let ground = Ground::new("state");
        let state = format!("host/run/runc/{ID}/state.json");
        ground.write(&state, r#"{"config":{"labels":["a=b","bundle=/srv/bundles/x"]}}"#);
        ground.write("host/srv/bundles/x/config.json", r#"{"process":{"env":["ROCR_VISIBLE_DEVICES=0"]}}"#);
        let facts = ground.reader().read(&owner(), Pid(7));
        assert_eq!(facts.bundle.value().unwrap().environment.get("ROCR_VISIBLE_DEVICES"), Some("0"));
        // Not out of the machine's files.
        ground.write(&state, r#"{"config":{"labels":["bundle=/../../etc"]}}"#);
        assert!(ground.reader().read(&owner(), Pid(7)).bundle.value().is_none());
    }

    #[test]
    fn damaged_files_are_absent_and_hide_nothing() {
        let ground = Ground::new("damaged");
        write_state(&ground);
        let checkpoint = "host/var/lib/kubelet/device-plugins/kubelet_internal_checkpoint";
        ground.write("host/etc/cdi/a.json", r#"{"kind":"nvidia.com/gpu","devices":[{"name":"0"}]}"#);
        for damaged in ["", "{", "\0\0\0", "[1,2", "nul", &"[".repeat(100_000), "{\"Data\":7}"] {
            ground.write(checkpoint, damaged);
            ground.write("host/run/cdi/b.json", damaged);
            let reader = ground.reader();
            assert!(!reader.problems().is_empty(), "{damaged:.20?}");
            let mut container = Container::new(Runtime::Docker, ID.parse().unwrap());
            let uid = "0b5b3b3e-0a0d-4c3b-9f5e-1d2c3b4a5f60".parse().unwrap();
            container.pod = Some(Pod { uid, qos: QosClass::Burstable });
            let facts = reader.read(&Owner::Container(container), Pid(7));
            let absence = facts.plugin_devices.absence();
            assert!(matches!(absence, Some(Absence::Failed { .. })), "{damaged:.20?}: {absence:?}");
            assert!(facts.bundle.value().is_some() && facts.labels.image.value().is_some());
        }
        let link = ground.path(checkpoint);
        fs::remove_file(&link).unwrap();
        symlink("/dev/zero", &link).unwrap();
        assert!(!ground.reader().problems().is_empty(), "a file without end is not read");
    }

    #[test]
    fn specifications_in_yaml() {
        let ground = Ground::new("yaml");
        let spec = "kind: nvidia.com/gpu\ndevices:\n- name: '0'\n  containerEdits:\n    deviceNodes:\n    - path: /dev/nvidia3\n";
        ground.write("host/etc/cdi/nvidia.yaml", spec);
        ground.write("proc/7/environ", "NVIDIA_VISIBLE_DEVICES=nvidia.com/gpu=0,nvidia.com/gpu=1\0");
        let reader = ground.reader();
        let facts = reader.read(&owner(), Pid(7));
        assert_eq!(facts.cdi[0].files.value().unwrap()[0].path, "/dev/nvidia3");
        assert!(facts.cdi[1].files.to_string_of().contains("no CDI specification"));
        // What lies in /run goes before, and is seen when it comes.
        ground.write("host/run/cdi/x.yml", &spec.replace("nvidia3", "nvidia4"));
        let facts = reader.read(&owner(), Pid(7));
        assert_eq!(facts.cdi[0].files.value().unwrap()[0].path, "/dev/nvidia4");
    }

    #[test]
    fn an_id_leads_nowhere_else() {
        let ground = Ground::new("id");
        ground.write("host/run/containerd/io.containerd.runtime.v2.task/config.json", "{}");
        let owner = Owner::Container(Container::new(Runtime::Containerd, "..".parse().unwrap()));
        assert!(ground.reader().read(&owner, Pid(7)).bundle.value().is_none());
    }
}
