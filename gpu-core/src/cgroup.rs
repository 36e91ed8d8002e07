//! [`owner`]: from the cgroup of a process to the container, job or service that it belongs to.
//!
//! The text is that of `/proc/<pid>/cgroup`: a line for each hierarchy of version 1, and `0::path`
//! for version 2; hybrid machines have both. Lines are judged by what their paths say, not by
//! their order, and of several names in one path the last counts: a node that is itself a
//! container has the others' paths below its own.
//!
//! | who | a part of the path |
//! |---|---|
//! | docker | `/docker/<id>`, `docker-<id>.scope` |
//! | containerd | `cri-containerd-<id>.scope`, `…slice:cri-containerd:<id>`, `/default/<name>` |
//! | CRI-O | `crio-<id>.scope`, `/crio-<id>`; not `crio-conmon-` |
//! | podman | `libpod-<id>.scope`, `/libpod-<id>`, `libpod-payload-<id>`; not `libpod-conmon-` |
//! | Kubernetes | `kubepods…/pod<uid>/<id>`, `…-pod<uid>.slice`, prefixed for kind and the like |
//! | Slurm | `/uid_N/job_N/step_X/task_N`, below `slurmstepd.scope` in version 2 |
//! | ECS, LXC | `/ecs/<task>/<id>`; `/lxc.payload.<name>`, `/lxc/<name>` |

use crate::owner::{Container, ContainerId, Owner, Pod, QosClass, Runtime, SlurmJob, SlurmStep, UnitName};
use crate::uuid::Uuid;

/// Longest text that is looked at: a page for each of the hierarchies that there can be.
const LONGEST: usize = 1 << 16;

/// On whose behalf the process runs whose `/proc/<pid>/cgroup` reads so.
///
/// Never fails: what no rule knows is [`Owner::Machine`], and a path outside the reader's own
/// cgroup namespace [`Owner::Hidden`].
///
/// ```
/// use gpu_core::{Owner, Runtime};
/// let id = "4".repeat(64);
/// let pod = "kubepods-burstable-pod0b5b3b3e_0a0d_4c3b_9f5e_1d2c3b4a5f60.slice";
/// let text = format!("0::/kubepods.slice/kubepods-burstable.slice/{pod}/cri-containerd-{id}.scope\n");
/// let Owner::Container(container) = gpu_core::cgroup::owner(&text) else { panic!("a container") };
/// assert_eq!((container.runtime, container.id.as_str()), (Runtime::Containerd, id.as_str()));
/// assert_eq!(container.pod.unwrap().uid.to_string(), "0b5b3b3e-0a0d-4c3b-9f5e-1d2c3b4a5f60");
/// assert_eq!(gpu_core::cgroup::owner("0::/user.slice/user-1000.slice/session-2.scope\n").to_string(), "user 1000");
/// ```
#[must_use]
pub fn owner(text: &str) -> Owner {
    let text = text.get(..LONGEST).unwrap_or(text);
    let paths = text.lines().filter_map(|line| line.splitn(3, ':').nth(2));
    let owners = paths.map(of_path);
    owners.reduce(|best, next| if rank(&next) > rank(&best) { next } else { best }).unwrap_or(Owner::Hidden)
}

/// Which of two answers says more.
const fn rank(owner: &Owner) -> u8 {
    match owner {
        // The pod makes it whole.
        Owner::Container(Container { pod: Some(_), .. }) => 6,
        Owner::Container(_) => 5,
        Owner::Slurm(_) => 4,
        Owner::Unit(_) => 3,
        Owner::Session { .. } => 2,
        Owner::Hidden => 1,
        _ => 0,
    }
}

fn of_path(path: &str) -> Owner {
    // Seen from a namespace of the reader's own.
    if path.starts_with("/..") {
        return Owner::Hidden;
    }
    // Somebody removed the cgroup of a process that still ends in it (kernel: `proc_cgroup_show`).
    let path = path.strip_suffix(" (deleted)").unwrap_or(path);
    let mut reader = Reader::default();
    for part in path.split('/').filter(|part| !part.is_empty()) {
        reader.part(part);
    }
    reader.owner()
}

/// What the parts of one path have said so far.
#[derive(Default)]
struct Reader<'a> {
    before: &'a str,
    depth: u32,
    user: Option<u32>,
    unit: Option<&'a str>,
    pod: Option<Pod>,
    container: Option<Container>,
    in_slurm: bool,
    slurm: Option<SlurmJob>,
}

impl<'a> Reader<'a> {
    fn part(&mut self, part: &'a str) {
        if let Some(user) = user_of(part) {
            self.user = Some(user);
        }
        if part.ends_with(".service") {
            self.unit = Some(part);
        }
        self.pods(part);
        if let Some((runtime, id)) = self.container_of(part) {
            let mut container = Container::new(runtime, id);
            (container.pod, container.user) = (self.pod, self.user);
            self.container = Some(container);
            self.slurm = None;
        }
        self.slurm(part);
        self.before = part;
        self.depth += 1;
    }

    /// A pod; what it lies in (a node that is a container) is not what the process belongs to.
    fn pods(&mut self, part: &str) {
        let name = part.strip_suffix(".slice").or_else(|| part.split_once(".slice:").map(|split| split.0));
        let name = name.unwrap_or(part);
        let uid = match name.rsplit_once("-pod") {
            Some((prefix, uid)) if prefix.contains("kubepods") => Some((uid, prefix)),
            _ => name.strip_prefix("pod").map(|uid| (uid, self.before)),
        };
        if let Some((Some(uid), class)) = uid.map(|(uid, class)| (pod_uid(uid), class)) {
            self.pod = Some(Pod { uid, qos: qos(class) });
            self.container = None;
        }
    }

    fn container_of(&self, part: &str) -> Option<(Runtime, ContainerId)> {
        let scope = part.strip_suffix(".scope").unwrap_or(part);
        // containerd with systemd's names and without its driver: `slice:cri-containerd:<id>`.
        if let Some((_, rest)) = part.split_once(".slice:") {
            let (prefix, id) = rest.rsplit_once(':')?;
            return Some((runtime_of(prefix)?, hex(id)?));
        }
        if let Some((prefix, id)) = scope.rsplit_once('-') {
            if let (Some(runtime), Some(id)) = (runtime_of(prefix), hex(id)) {
                return Some((runtime, id));
            }
        }
        if let Some(name) = part.strip_prefix("lxc.payload.") {
            return Some((Runtime::Lxc, name.parse().ok()?));
        }
        match self.before {
            "docker" => Some((Runtime::Docker, hex(part)?)),
            "lxc" if self.depth == 1 => Some((Runtime::Lxc, part.parse().ok()?)),
            "default" if self.depth == 1 => Some((Runtime::Containerd, part.parse().ok()?)),
            // kubelet's own driver: the pod's cgroup, and the container's in it.
            before if self.pod.is_some() && before.contains("pod") => Some((Runtime::Kubernetes, hex(part)?)),
            before if self.depth >= 2 && is_task(before) => {
                Some((Runtime::Ecs, hex(part).or_else(|| task(part))?))
            }
            _ => None,
        }
    }

    fn slurm(&mut self, part: &str) {
        let is_slurm = |part: &str| part == "slurm" || part.starts_with("slurm_");
        if is_slurm(part) && self.depth == 0 || part.ends_with("slurmstepd.scope") {
            self.in_slurm = true;
            return;
        }
        // In a tree of his own a user names cgroups as he likes: none of them is Slurm's.
        if !self.in_slurm || self.user.is_some() {
            return;
        }
        let number = |prefix: &str| part.strip_prefix(prefix).and_then(|n| n.parse::<u32>().ok());
        let mut job = self.slurm.unwrap_or(SlurmJob::new(None));
        if let Some(user) = number("uid_") {
            job = SlurmJob::new(None);
            job.user = Some(user);
        } else if let Some(number) = number("job_") {
            (job.job, job.step, job.task) = (Some(number), None, None);
        } else if let Some(step) = part.strip_prefix("step_").and_then(step) {
            (job.step, job.task) = (Some(step), None);
        } else if let Some(task) = number("task_") {
            job.task = Some(task);
        } else {
            return;
        }
        // What Slurm itself runs in (a node that is a container) is not what the job is.
        self.container = None;
        self.slurm = Some(job);
    }

    fn owner(self) -> Owner {
        if let Some(container) = self.container {
            return Owner::Container(container);
        }
        // A user's cgroup alone, between jobs, is no job.
        if let Some(job) = self.slurm.filter(|job| job.job.is_some() || job.step.is_some()) {
            return Owner::Slurm(job);
        }
        match (self.user, self.unit) {
            (Some(user), _) => Owner::Session { user },
            (None, Some(unit)) => Owner::Unit(UnitName::new(unit)),
            (None, None) => Owner::Machine,
        }
    }
}

/// The runtime whose prefix it is. What watches over a container (`conmon`) is not in it.
fn runtime_of(prefix: &str) -> Option<Runtime> {
    match prefix {
        "docker" => Some(Runtime::Docker),
        "cri-containerd" | "containerd" | "nerdctl" => Some(Runtime::Containerd),
        "crio" => Some(Runtime::CriO),
        "libpod" | "libpod-payload" => Some(Runtime::Podman),
        _ => None,
    }
}

/// An id of 64 lower-case hexadecimal digits.
fn hex(text: &str) -> Option<ContainerId> {
    let is_hex = |byte: u8| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte);
    (text.len() == 64 && text.bytes().all(is_hex)).then(|| text.parse().ok()).flatten()
}

/// A task of ECS: 32 hexadecimal digits.
fn is_task(text: &str) -> bool {
    text.len() == 32 && text.bytes().all(|byte| byte.is_ascii_hexdigit())
}

/// A container of Fargate: its task and a number.
fn task(text: &str) -> Option<ContainerId> {
    let (id, number) = text.split_once('-')?;
    let is_number = !number.is_empty() && number.bytes().all(|byte| byte.is_ascii_digit());
    (is_task(id) && is_number).then(|| text.parse().ok()).flatten()
}

/// The user whose slice or service manager it is.
fn user_of(part: &str) -> Option<u32> {
    let slice = part.strip_prefix("user-").and_then(|rest| rest.strip_suffix(".slice"));
    let manager = part.strip_prefix("user@").and_then(|rest| rest.strip_suffix(".service"));
    slice.or(manager)?.parse().ok()
}

/// A pod's uid: with dashes, with underscores (systemd's names), or a static pod's digest.
fn pod_uid(text: &str) -> Option<Uuid> {
    if text.len() == 36 {
        return text.replace('_', "-").parse().ok();
    }
    if text.len() != 32 || !text.is_ascii() {
        return None;
    }
    let parts = [&text[..8], &text[8..12], &text[12..16], &text[16..20], &text[20..]];
    parts.join("-").parse().ok()
}

fn qos(class: &str) -> QosClass {
    match class {
        class if class.contains("besteffort") => QosClass::BestEffort,
        class if class.contains("burstable") => QosClass::Burstable,
        _ => QosClass::Guaranteed,
    }
}

fn step(text: &str) -> Option<SlurmStep> {
    match text {
        "batch" => Some(SlurmStep::Batch),
        "interactive" => Some(SlurmStep::Interactive),
        "extern" => Some(SlurmStep::Extern),
        number => number.parse().ok().map(SlurmStep::Number),
    }
}
