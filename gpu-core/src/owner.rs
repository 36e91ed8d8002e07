//! [`Owner`]: on whose behalf a process runs: a container, a job, a service, a session.

use core::fmt;
use core::str::FromStr;
use std::sync::Arc;

use crate::parse::ParseError;
use crate::uuid::Uuid;

/// What runs a container.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(rename_all = "snake_case"))]
#[non_exhaustive]
pub enum Runtime {
    /// Docker, alone or under Kubernetes.
    Docker,
    /// containerd.
    Containerd,
    /// CRI-O.
    CriO,
    /// podman.
    Podman,
    /// Amazon ECS, by Docker or containerd.
    Ecs,
    /// LXC or Incus.
    Lxc,
    /// Kubernetes runs it, and its path does not say by what.
    Kubernetes,
}

impl fmt::Display for Runtime {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Docker => "docker",
            Self::Containerd => "containerd",
            Self::CriO => "cri-o",
            Self::Podman => "podman",
            Self::Ecs => "ecs",
            Self::Lxc => "lxc",
            Self::Kubernetes => "kubernetes",
        })
    }
}

/// Names a container on its machine, by the runtime's own id: 64 hexadecimal digits for most, a
/// name for LXC and for containerd without Kubernetes. At most 95 bytes.
///
/// ```
/// use gpu_core::ContainerId;
/// let id: ContainerId = "train-7".parse()?;
/// assert_eq!(id.as_str(), "train-7");
/// assert!("a\nb".parse::<ContainerId>().is_err());
/// # Ok::<(), gpu_core::ParseError>(())
/// ```
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ContainerId {
    bytes: [u8; Self::LONGEST],
    len: u8,
}

impl ContainerId {
    /// The longest id, in bytes.
    pub const LONGEST: usize = 95;

    /// The id as text: printable ASCII without spaces and slashes.
    #[must_use]
    pub fn as_str(&self) -> &str {
        // Only ASCII ever gets in: `from_str` is the one way to make an id.
        core::str::from_utf8(&self.bytes[..usize::from(self.len)]).unwrap_or("")
    }

    /// The first twelve characters, as the tools of most runtimes show it.
    #[must_use]
    pub fn short(&self) -> &str {
        let text = self.as_str();
        text.get(..12).unwrap_or(text)
    }
}

impl FromStr for ContainerId {
    type Err = ParseError;

    fn from_str(text: &str) -> Result<Self, ParseError> {
        let is_plain = text.bytes().all(|byte| byte.is_ascii_graphic() && byte != b'/');
        if text.is_empty() || text.len() > Self::LONGEST || !is_plain {
            let expected = "1 to 95 printable characters without spaces and slashes";
            return Err(ParseError::new("container id", text, expected));
        }
        let mut bytes = [0; Self::LONGEST];
        bytes[..text.len()].copy_from_slice(text.as_bytes());
        #[allow(clippy::cast_possible_truncation)] // at most 95
        Ok(Self { bytes, len: text.len() as u8 })
    }
}

impl fmt::Display for ContainerId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

impl fmt::Debug for ContainerId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(self.as_str(), f)
    }
}

crate::text::serde_as_text!(ContainerId);

/// Kubernetes' class of a pod by its requests and limits.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(rename_all = "snake_case"))]
#[non_exhaustive]
pub enum QosClass {
    /// Requests equal limits.
    Guaranteed,
    /// Requests, and higher limits or none.
    Burstable,
    /// Neither.
    BestEffort,
}

/// A pod, as its cgroup names it.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct Pod {
    /// Its uid. A static pod's is a digest that kubelet prints without dashes.
    pub uid: Uuid,
    /// Its class.
    pub qos: QosClass,
}

/// A container, as the cgroup of its processes names it.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[non_exhaustive]
pub struct Container {
    /// What runs it.
    pub runtime: Runtime,
    /// Its id.
    pub id: ContainerId,
    /// The pod that it belongs to, under Kubernetes.
    pub pod: Option<Pod>,
    /// The user whose own tree of cgroups it lies in (rootless docker or podman). That user may
    /// name cgroups as he likes: the identity is his word.
    pub user: Option<u32>,
}

impl Container {
    /// A container of no pod, that root's runtime runs.
    #[must_use]
    pub const fn new(runtime: Runtime, id: ContainerId) -> Self {
        Self { runtime, id, pod: None, user: None }
    }
}

/// A step of a Slurm job.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(rename_all = "snake_case"))]
#[non_exhaustive]
pub enum SlurmStep {
    /// The batch script.
    Batch,
    /// What `salloc` and interactive allocations run in.
    Interactive,
    /// What comes in from outside, such as ssh sessions that Slurm adopts.
    Extern,
    /// A numbered step: one `srun`.
    Number(u32),
}

impl fmt::Display for SlurmStep {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Batch => f.write_str("batch"),
            Self::Interactive => f.write_str("interactive"),
            Self::Extern => f.write_str("extern"),
            Self::Number(number) => write!(f, "{number}"),
        }
    }
}

/// A Slurm job's part that a process runs in.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[non_exhaustive]
pub struct SlurmJob {
    /// The job's number; `None` where the cgroup has only Slurm's own id (26.05 and later): it is
    /// then in the process's environment, `SLURM_JOB_ID`.
    pub job: Option<u32>,
    /// The step.
    pub step: Option<SlurmStep>,
    /// The task of the step.
    pub task: Option<u32>,
    /// The user, where the cgroup names him (version 1).
    pub user: Option<u32>,
}

impl SlurmJob {
    /// The job of that number, as a whole.
    #[must_use]
    pub const fn new(job: Option<u32>) -> Self {
        Self { job, step: None, task: None, user: None }
    }
}

/// The name of a unit of systemd's, such as `nvidia-dcgm.service`. A clone shares the text.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct UnitName(Arc<str>);

impl UnitName {
    /// The unit of that name.
    #[must_use]
    pub fn new(name: &str) -> Self {
        Self(name.into())
    }

    /// The name as the cgroup has it: who may make cgroups may choose it.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// Prints with everything but printable ASCII escaped.
impl fmt::Display for UnitName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.0.escape_default(), f)
    }
}

impl fmt::Debug for UnitName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(self.as_str(), f)
    }
}

crate::text::serialize_as_text!(UnitName);

/// On whose behalf a process runs, by its cgroup.
///
/// Prints as one word or two: `docker 3f2a…`, `slurm 4711.0`, `unit nvidia-dcgm.service`.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[cfg_attr(feature = "serde", serde(rename_all = "snake_case"))]
#[non_exhaustive]
pub enum Owner {
    /// A container.
    Container(Container),
    /// A job of the batch system.
    Slurm(SlurmJob),
    /// A service of the machine's own.
    Unit(UnitName),
    /// A user who is logged in, or one of his own services: not a container.
    Session {
        /// The user's number.
        user: u32,
    },
    /// None of these: the kernel's, or a cgroup of somebody's own making.
    Machine,
    /// The reader sees cgroups from inside a namespace of its own, and this process lies outside.
    Hidden,
}

impl Owner {
    /// The container, where it is one.
    #[must_use]
    pub const fn container(&self) -> Option<&Container> {
        match self {
            Self::Container(container) => Some(container),
            _ => None,
        }
    }
}

impl fmt::Display for Owner {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Container(container) => write!(f, "{} {}", container.runtime, container.id.short()),
            Self::Slurm(SlurmJob { job: Some(job), step: Some(step), .. }) => write!(f, "slurm {job}.{step}"),
            Self::Slurm(SlurmJob { job: Some(job), .. }) => write!(f, "slurm {job}"),
            Self::Slurm(_) => f.write_str("slurm"),
            Self::Unit(name) => write!(f, "unit {name}"),
            Self::Session { user } => write!(f, "user {user}"),
            Self::Machine => f.write_str("machine"),
            Self::Hidden => f.write_str("hidden"),
        }
    }
}
