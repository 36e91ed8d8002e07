//! Cgroup paths of every runtime and driver, as their documentation and reports show them, and
//! hostile ones.

use gpu_core::cgroup::owner;
use gpu_core::{Owner, QosClass, Runtime, SlurmStep, UnitName};

const ID: &str = "0f1e2d3c4b5a69788796a5b4c3d2e1f00f1e2d3c4b5a69788796a5b4c3d2e1f0";
const NODE: &str = "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa";
const UID: &str = "0b5b3b3e-0a0d-4c3b-9f5e-1d2c3b4a5f60";

fn of(path: &str) -> Owner {
    let path = path.replace("UID", UID).replace("U_D", &UID.replace('-', "_"));
    owner(&format!("0::{}\n", path.replace("ID", ID).replace("NODE", NODE)))
}

/// A process may end in a cgroup that was removed under it.
#[test]
fn a_cgroup_that_was_removed_still_names_its_owner() {
    for path in ["/docker/ID", "/system.slice/docker-ID.scope", "/system.slice/x.service"] {
        assert_eq!(of(&format!("{path} (deleted)")), of(path), "{path}");
    }
    assert_eq!(of("/docker/ID (deleted)").container().unwrap().runtime, Runtime::Docker);
}

/// Slurm in a container: the job is the owner, not its node. And a user who calls his own cgroups so
/// has no job of Slurm's.
#[test]
fn jobs_in_containers_and_jobs_of_a_users_own_making() {
    let job = of("/system.slice/docker-ID.scope/system.slice/slurmstepd.scope/job_4/step_0/user/task_1");
    assert!(matches!(&job, Owner::Slurm(job) if job.job == Some(4)), "{job}");
    let inside = of("/system.slice/slurmstepd.scope/job_4/step_0/user/docker-ID.scope");
    assert!(inside.container().is_some(), "{inside}");
    let own = of(
        "/user.slice/user-1000.slice/user@1000.service/app.slice/slurmstepd.scope/job_4/step_0/user/task_0",
    );
    assert_eq!(own, Owner::Session { user: 1000 });
}

#[test]
fn containers_of_every_runtime() {
    for (path, runtime, pod, user) in [
        ("/docker/ID", Runtime::Docker, None, None),
        ("/system.slice/docker-ID.scope", Runtime::Docker, None, None),
        (
            "/user.slice/user-1000.slice/user@1000.service/user.slice/docker-ID.scope",
            Runtime::Docker,
            None,
            Some(1000),
        ),
        ("/kubepods/burstable/podUID/ID", Runtime::Kubernetes, Some(QosClass::Burstable), None),
        ("/kubepods/podUID/ID", Runtime::Kubernetes, Some(QosClass::Guaranteed), None),
        (
            "/kubepods.slice/kubepods-burstable.slice/kubepods-burstable-podU_D.slice/cri-containerd-ID.scope",
            Runtime::Containerd,
            Some(QosClass::Burstable),
            None,
        ),
        (
            "/kubepods.slice/kubepods-podU_D.slice/cri-containerd-ID.scope",
            Runtime::Containerd,
            Some(QosClass::Guaranteed),
            None,
        ),
        (
            "/system.slice/containerd.service/kubepods-besteffort-podU_D.slice:cri-containerd:ID",
            Runtime::Containerd,
            Some(QosClass::BestEffort),
            None,
        ),
        (
            "/kubepods.slice/kubepods-besteffort.slice/kubepods-besteffort-podU_D.slice/crio-ID.scope/container",
            Runtime::CriO,
            Some(QosClass::BestEffort),
            None,
        ),
        ("/kubepods/besteffort/podUID/crio-ID", Runtime::CriO, Some(QosClass::BestEffort), None),
        ("/machine.slice/libpod-ID.scope/container", Runtime::Podman, None, None),
        ("/libpod_parent/libpod-ID", Runtime::Podman, None, None),
        ("/machine.slice/x.service/libpod-payload-ID", Runtime::Podman, None, None),
        (
            "/user.slice/user-1001.slice/user@1001.service/user.slice/libpod-ID.scope",
            Runtime::Podman,
            None,
            Some(1001),
        ),
        (
            "/kubepods.slice/kubepods-burstable.slice/kubepods-burstable-podU_D.slice/docker-ID.scope",
            Runtime::Docker,
            Some(QosClass::Burstable),
            None,
        ),
        (
            "/docker/NODE/kubelet/kubepods/burstable/podUID/ID",
            Runtime::Kubernetes,
            Some(QosClass::Burstable),
            None,
        ),
        (
            concat!(
                "/docker/NODE/kubelet.slice/kubelet-kubepods.slice/kubelet-kubepods-besteffort.slice",
                "/kubelet-kubepods-besteffort-podU_D.slice/cri-containerd-ID.scope"
            ),
            Runtime::Containerd,
            Some(QosClass::BestEffort),
            None,
        ),
        ("/ecs/0123456789abcdef0123456789abcdef/ID", Runtime::Ecs, None, None),
    ] {
        let Owner::Container(container) = of(path) else { panic!("{path} is {}", of(path)) };
        assert_eq!((container.runtime, container.id.as_str()), (runtime, ID), "{path}");
        assert_eq!(container.pod.map(|pod| pod.qos), pod, "{path}");
        assert!(container.pod.is_none_or(|pod| pod.uid.to_string() == UID), "{path}");
        assert_eq!(container.user, user, "{path}");
    }
}

#[test]
fn containers_with_names_of_their_own() {
    for (path, runtime, id) in [
        ("/default/train-7", Runtime::Containerd, "train-7"),
        ("/lxc.payload.build/system.slice/cron.service", Runtime::Lxc, "build"),
        ("/lxc/build", Runtime::Lxc, "build"),
        (
            "/ecs/0123456789abcdef0123456789abcdef/0123456789abcdef0123456789abcdef-4009816123",
            Runtime::Ecs,
            "0123456789abcdef0123456789abcdef-4009816123",
        ),
    ] {
        let Owner::Container(container) = of(path) else { panic!("{path} is {}", of(path)) };
        assert_eq!((container.runtime, container.id.as_str()), (runtime, id), "{path}");
    }
}

/// A static pod's uid is a digest, without dashes.
#[test]
fn static_pods() {
    let digest = UID.replace('-', "");
    let Owner::Container(container) = of(&format!("/kubepods/burstable/pod{digest}/ID")) else {
        panic!("a container")
    };
    assert_eq!(container.pod.unwrap().uid.to_string(), UID);
}

/// Several hierarchies, in any order; the ones that say nothing do not win.
#[test]
fn lines_are_judged_by_what_they_say() {
    let v1 = format!("12:pids:/docker/{ID}\n3:cpu,cpuacct:/\n1:name=systemd:/docker/{ID}\n0::/\n");
    let hybrid =
        format!("0::/system.slice/containerd.service\n11:devices:/kubepods/burstable/pod{UID}/{ID}\n");
    for text in [v1, hybrid] {
        assert_eq!(owner(&text).container().unwrap().id.as_str(), ID, "{text}");
        let backwards: Vec<&str> = text.lines().rev().collect();
        assert_eq!(owner(&backwards.join("\n")), owner(&text));
    }
}

#[test]
fn jobs_of_slurm() {
    for (path, text, task) in [
        ("/slurm/uid_1000/job_4711/step_0/task_3", "slurm 4711.0", Some(3)),
        ("/slurm_node7/uid_1000/job_4711/step_batch/task_0", "slurm 4711.batch", Some(0)),
        (
            "/system.slice/slurmstepd.scope/job_4711/step_interactive/user/task_2",
            "slurm 4711.interactive",
            Some(2),
        ),
        (
            "/system.slice/node7_slurmstepd.scope/job_4711/step_extern/user/task_special",
            "slurm 4711.extern",
            None,
        ),
        ("/system.slice/slurmstepd.scope/s1G2H3J4K5/step_12", "slurm", None),
    ] {
        let Owner::Slurm(job) = of(path) else { panic!("{path} is {}", of(path)) };
        assert_eq!((Owner::Slurm(job).to_string().as_str(), job.task), (text, task), "{path}");
    }
    let Owner::Slurm(job) = of("/system.slice/slurmstepd.scope/s1G2H3J4K5/step_12") else { panic!("a job") };
    assert_eq!((job.job, job.step), (None, Some(SlurmStep::Number(12))));
    // A container that a job runs belongs to the container, whose cgroup is the job's no more.
    assert!(of("/system.slice/slurmstepd.scope/job_1/step_0/user/docker-ID.scope").container().is_some());
}

#[test]
fn what_is_no_container() {
    for (path, text) in [
        ("/", "machine"),
        ("/init.scope", "machine"),
        ("/system.slice/nvidia-persistenced.service", "unit nvidia-persistenced.service"),
        ("/user.slice/user-1000.slice/session-2.scope", "user 1000"),
        ("/user.slice/user-1000.slice/user@1000.service/app.slice/app-gnome.scope", "user 1000"),
        ("/machine.slice/libpod-conmon-ID.scope", "machine"),
        ("/system.slice/crio-conmon-ID.scope", "machine"),
        ("/system.slice/docker.service", "unit docker.service"),
        ("/docker/buildkit", "machine"),
        ("/kubepods/burstable/podUID", "machine"),
        ("/../../kubepods/podUID/ID", "hidden"),
        ("/..", "hidden"),
        ("/slurm/uid_1000", "machine"),
        ("/job_1/step_0", "machine"),
        ("/x/default/y", "machine"),
    ] {
        assert_eq!(of(path).to_string(), text, "{path}");
    }
    assert_eq!(owner(""), Owner::Hidden);
    assert_eq!(owner("garbage\n\n::::\n"), Owner::Machine);
}

/// Names that only look like ids are none: too short, too long, upper case, cut off.
#[test]
fn hostile_names() {
    for path in [
        format!("/system.slice/docker-{}.scope", &ID[1..]),
        format!("/system.slice/docker-{ID}0.scope"),
        format!("/system.slice/docker-{}.scope", ID.to_uppercase()),
        format!("/docker/{}", "é".repeat(32)),
        format!("/kubepods/pod{}/{ID}x", UID),
        format!("/kubepods/podnot-a-uid/{ID}"),
        format!("/{}", "a/".repeat(4000)),
        format!("/lxc.payload.{}", "n".repeat(500)),
        "/lxc.payload.a b".to_owned(),
    ] {
        assert!(owner(&format!("0::{path}\n")).container().is_none(), "{path}");
    }
    let long = format!("0::/{}\n", "x".repeat(1 << 20));
    assert_eq!(owner(&long), Owner::Machine);
    assert_eq!(Owner::Unit(UnitName::new("a\x1b[31m.service")).to_string(), "unit a\\u{1b}[31m.service");
}

/// Whatever the text, an answer and no panic; and a container only where its id stands in it.
#[test]
fn mutated_paths_never_panic() {
    let seeds = [
        format!(
            "0::/kubepods.slice/kubepods-burstable-pod{}.slice/cri-containerd-{ID}.scope\n",
            UID.replace('-', "_")
        ),
        format!("12:pids:/docker/{ID}\n0::/system.slice/slurmstepd.scope/job_1/step_0/user/task_0\n"),
        format!("0::/system.slice/containerd.service/kubepods-podx.slice:cri-containerd:{ID}\n"),
    ];
    let mut state = 0x9e37_79b9_7f4a_7c15_u64;
    let mut roll = |below: usize| {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        usize::try_from(state >> 33).unwrap() % below
    };
    for round in 0..60_000 {
        let mut bytes = seeds[round % seeds.len()].clone().into_bytes();
        for _ in 0..=roll(6) {
            let at = roll(bytes.len());
            match roll(4) {
                0 => bytes[at] = b"/-.:\n_0f"[roll(8)],
                1 => bytes.truncate(at.max(1)),
                2 => bytes.insert(at, b"/:-."[roll(4)]),
                _ => drop(bytes.drain(at..(at + roll(8)).min(bytes.len() - 1).max(at))),
            }
        }
        let text = String::from_utf8_lossy(&bytes);
        if let Some(container) = owner(&text).container() {
            assert!(text.contains(container.id.as_str()), "{text:?} is {container:?}");
        }
    }
}
