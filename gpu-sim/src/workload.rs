//! [`Workload`]: a simulated process, and what it does on the GPUs over time.

use gpu_core::{BootTime, Nanoseconds, Pid};
use serde::{Deserialize, Serialize};

/// A simulated process, and what it does on the GPUs over time.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Workload {
    /// Its number in the machine's own namespace.
    pub pid: Pid,
    /// Its name.
    pub name: String,
    /// When it starts.
    pub starts: BootTime,
    /// When it ends; `None` for never.
    #[serde(default)]
    pub ends: Option<BootTime>,
    /// cgroup path that it runs in, such as `/kubepods.slice/…`; `/` outside containers.
    #[serde(default)]
    pub cgroup: String,
    /// What it does, GPU by GPU.
    pub uses: Vec<Use>,
    /// Descriptors that it holds beside one for each of its uses, none of them another client.
    #[serde(default)]
    pub descriptors: Vec<Descriptor>,
    /// Numbers of its threads beside the first. They share its descriptors.
    #[serde(default)]
    pub threads: Vec<Pid>,
}

/// One more descriptor of what is open already: by `dup`, by a fork, or passed on over a socket. To
/// DRM it is the same client, whoever holds it.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Descriptor {
    /// Who opened it: the process itself, the one that it was forked from, or another.
    pub opened_by: Pid,
    /// For which of that process' uses, by position.
    #[serde(default)]
    pub number: usize,
}

/// What a process does on one GPU or partition.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Use {
    /// Position of the GPU in [`Machine::gpus`](crate::Machine::gpus).
    pub gpu: usize,
    /// Where on it.
    #[serde(default)]
    pub part: Part,
    /// How it uses it.
    #[serde(default)]
    pub kind: UseKind,
    /// Device memory over time, in bytes.
    pub memory: Curve,
    /// Part of the time in which its kernels run, over time, in thousandths.
    pub busy: Curve,
    /// Part of the time in which it encodes video, in thousandths.
    #[serde(default)]
    pub encoder_busy: Curve,
    /// Part of the time in which it decodes video, in thousandths.
    #[serde(default)]
    pub decoder_busy: Curve,
}

/// Where on a GPU a process runs.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Part {
    /// The whole GPU.
    #[default]
    Whole,
    /// A MIG device.
    Mig {
        /// GPU instance id.
        gi: u32,
        /// Compute instance id.
        ci: u32,
    },
    /// An AMD compute partition, by position.
    Xcp {
        /// Position in [`AmdSpec::partitions`](crate::AmdSpec::partitions).
        index: u32,
    },
    /// An Intel tile, by position.
    Tile {
        /// Position in [`IntelSpec::tiles`](crate::IntelSpec::tiles).
        index: u32,
    },
    /// An Intel virtual function that the host's own driver drives, by its number.
    Function {
        /// [`VfSpec::number`](crate::VfSpec::number), from 1.
        number: u32,
    },
}

/// How a process uses a GPU.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum UseKind {
    /// Computes.
    #[default]
    Compute,
    /// Draws.
    Graphics,
    /// Both.
    Both,
    /// Computes through an MPS server.
    MpsClient,
}

/// A number over time: constant between its steps, so that sums over time are exact.
///
/// ```
/// use gpu_core::Nanoseconds;
/// use gpu_sim::Curve;
/// let curve = Curve::steps([(Nanoseconds(0), 100), (Nanoseconds(10), 300)]);
/// assert_eq!(curve.at(Nanoseconds(9)), 100);
/// assert_eq!(curve.at(Nanoseconds(10)), 300);
/// assert_eq!(curve.integral(Nanoseconds(0), Nanoseconds(20)), 100 * 10 + 300 * 10);
/// ```
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Curve {
    /// From which time after the process's start on it has which value, ordered by time.
    /// Before the first step the value is 0.
    pub steps: Vec<(Nanoseconds, u64)>,
    /// Starts over after this long; `None` for never.
    #[serde(default)]
    pub period: Option<Nanoseconds>,
}

impl Curve {
    /// The same value at all times.
    #[must_use]
    pub fn constant(value: u64) -> Self {
        Self { steps: vec![(Nanoseconds::ZERO, value)], period: None }
    }

    /// These values from these times on.
    #[must_use]
    pub fn steps(steps: impl IntoIterator<Item = (Nanoseconds, u64)>) -> Self {
        Self { steps: steps.into_iter().collect(), period: None }
    }

    /// The same curve, starting over after `period`.
    #[must_use]
    pub fn repeating(self, period: Nanoseconds) -> Self {
        Self { period: Some(period), ..self }
    }

    /// The value at `time` after the process's start.
    #[must_use]
    pub fn at(&self, time: Nanoseconds) -> u64 {
        let time = match self.period {
            Some(period) if period.0 > 0 => Nanoseconds(time.0 % period.0),
            _ => time,
        };
        self.steps.iter().take_while(|(from, _)| *from <= time).last().map_or(0, |(_, value)| *value)
    }

    /// The exact sum of value × nanoseconds from `from` to `to`.
    #[must_use]
    pub fn integral(&self, from: Nanoseconds, to: Nanoseconds) -> u128 {
        self.integral_to(to).saturating_sub(self.integral_to(from))
    }

    fn integral_to(&self, to: Nanoseconds) -> u128 {
        match self.period {
            Some(period) if period.0 > 0 => {
                let whole = u128::from(to.0 / period.0) * self.once_to(period);
                whole + self.once_to(Nanoseconds(to.0 % period.0))
            }
            _ => self.once_to(to),
        }
    }

    /// The sum up to `to` within the first period.
    fn once_to(&self, to: Nanoseconds) -> u128 {
        let ends = self.steps.iter().skip(1).map(|(from, _)| *from).chain([to]);
        self.steps
            .iter()
            .zip(ends)
            .map(|((from, value), end)| u128::from(end.min(to).0.saturating_sub(from.0)) * u128::from(*value))
            .sum()
    }
}
