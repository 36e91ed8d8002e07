//! [`apply`]: a plan carried out step by step, checked, and undone when a step fails.

use core::fmt;
use std::error::Error as StdError;

use crate::fingerprint::{Fingerprint, Incarnation};
use crate::id::{DeviceId, PartitionId, UnitId};
use crate::partition::Partition;
use crate::partitioner::{BoardState, Done, Inner, Made, Partitioner};
use crate::plan::{Live, New, Plan};
use crate::refusal::Refusal;

/// What was done.
#[derive(Clone, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub struct Applied {
    /// The board as it was read back after the last step.
    pub state: BoardState,
    /// What was made, in the order of the plan: a partition before the parts in it.
    pub made: Vec<Made>,
    /// Which lives ended.
    pub destroyed: Vec<(PartitionId, Incarnation)>,
}

/// A step of a plan.
#[derive(Clone, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub enum Step {
    /// Looking whether the plan can be carried out at all.
    Check,
    /// Destroying a partition.
    Destroy(PartitionId),
    /// Making one.
    Create(New),
}

impl fmt::Display for Step {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Check => f.write_str("before anything was touched"),
            Self::Destroy(id) => write!(f, "destroying {id}"),
            Self::Create(new) => write!(f, "making {} at {}", new.name, new.placement),
        }
    }
}

/// What a plan that failed has left behind.
#[derive(Clone, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub enum Left {
    /// The board is as it was: no step had been taken, or the one that failed was the first.
    Untouched,
    /// The board is cut as it was. What had been destroyed was made again: another life of the
    /// same place, which whatever knew the old one has to learn.
    Undone(Box<BoardState>),
    /// Undoing failed too: the board is as it stands here.
    Half {
        /// What the board shows, or why that cannot be read.
        state: Result<Box<BoardState>, Box<Refusal>>,
        /// Why it was not undone.
        because: Box<Refusal>,
    },
}

/// A plan that was not carried out: at which step, why, and what the board is like now.
#[derive(Clone, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub struct ApplyError {
    /// The step that failed.
    pub step: Step,
    /// Why it failed.
    pub refusal: Refusal,
    /// What is left.
    pub left: Left,
}

impl fmt::Display for ApplyError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}; ", self.step, self.refusal)?;
        match &self.left {
            Left::Untouched => f.write_str("the board is as it was"),
            Left::Undone(_) => {
                f.write_str("the board is cut as it was, what had been destroyed by new instances")
            }
            Left::Half { state: Ok(state), because } => {
                write!(f, "undoing it failed ({because}), and the board now has")?;
                let mut none = " nothing";
                for part in state.device.partitions() {
                    write!(f, " {} ({})", part.id, part.profile)?;
                    none = "";
                }
                f.write_str(none)
            }
            Left::Half { state: Err(unread), because } => {
                write!(f, "undoing it failed ({because}), and what the board has cannot be read: {unread}")
            }
        }
    }
}

impl StdError for ApplyError {
    fn source(&self) -> Option<&(dyn StdError + 'static)> {
        Some(&self.refusal)
    }
}

/// Carries out a plan: destroys, then makes, step by step, each checked by reading back. `inner`
/// says what is made in each new partition.
///
/// Everything that can be refused beforehand is: a plan made on another state of the board, and
/// partitions in use, with their processes. A step that fails later is undone with all before it.
///
/// # Errors
/// [`ApplyError`]: the step, why it failed, and what is left. A board is never left half made
/// without that being said.
///
/// ```
/// use gpu_core::plan::Request;
/// use gpu_core::{Inner, Partitioner, apply::apply};
/// # let world = gpu_sim::World::new(gpu_sim::Machine::preset("hgx-h100-8")?);
/// # world.change(|machine| { machine.workloads.clear(); machine.set_mig_mode(0, true) })?;
/// # let partitioner = gpu_sim::SimPartitioner::new(world.clone());
/// # let device = { use gpu_core::Backend; gpu_sim::SimBackend::new(world, gpu_core::Vendor::NVIDIA).inventory()?.devices[0].id };
/// let board = partitioner.board(device)?;
/// let wanted = board.geometry.wanted(["3g.40gb", "1g.10gb", "1g.10gb"])?;
/// let plan = board.geometry.plan(&board.layout, &Request::add(wanted))?;
/// let done = apply(&partitioner, device, &plan, &Inner::Whole)?;
/// assert_eq!(done.state.device.partitions.len(), 3);
/// // The same plan again is of a state that is no more.
/// let again = apply(&partitioner, device, &plan, &Inner::Whole).unwrap_err();
/// assert_eq!(again.refusal.kind(), "stale");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub fn apply(
    partitioner: &dyn Partitioner,
    device: DeviceId,
    plan: &Plan,
    inner: &Inner,
) -> Result<Applied, Box<ApplyError>> {
    let refused = |refusal| Box::new(ApplyError { step: Step::Check, refusal, left: Left::Untouched });
    let state = partitioner.board(device).map_err(refused)?;
    let doomed = check(&state, plan).map_err(refused)?;
    let start = state.fingerprint();
    let mut work = Work { partitioner, device, start, state, made: Vec::new(), destroyed: Vec::new() };
    match work.carry_out(plan, &doomed, inner) {
        Ok(()) => {
            let destroyed = work.destroyed.iter().map(|part| (part.id, part.incarnation)).collect();
            Ok(Applied { state: work.state, made: work.made, destroyed })
        }
        Err(failed) => {
            let (step, refusal) = *failed;
            let left = work.undo(&refusal);
            Err(Box::new(ApplyError { step, refusal, left }))
        }
    }
}

/// The partitions that the plan destroys, when it is for this state of the board and nobody uses
/// them.
fn check(state: &BoardState, plan: &Plan) -> Result<Vec<Partition>, Refusal> {
    let (device, planned, found) = (state.device.id, plan.fingerprint, state.fingerprint());
    if planned != found {
        return Err(Refusal::Stale { device, planned, found });
    }
    let doomed: Vec<Partition> =
        plan.destroy.iter().map(|live| partition_of(state, live).cloned()).collect::<Result<_, _>>()?;
    for part in &doomed {
        let by: Vec<_> = state.users_of(part.id).cloned().collect();
        if !by.is_empty() {
            return Err(Refusal::InUse { unit: UnitId::Partition(part.id), by });
        }
    }
    Ok(doomed)
}

/// The partition that a live instance of the layout is: the tag is the number in its id.
fn partition_of<'a>(state: &'a BoardState, live: &Live) -> Result<&'a Partition, Refusal> {
    let mut parts = state.device.partitions();
    let found =
        parts.find(|part| part.id.index() == live.tag && part.placement.value() == Some(&live.placement));
    found.ok_or_else(|| Refusal::Invalid {
        what: format!("{} has no instance {} at {}", state.device.id, live.tag, live.placement),
    })
}

/// A plan while it is carried out.
struct Work<'a> {
    partitioner: &'a dyn Partitioner,
    device: DeviceId,
    start: Fingerprint,
    state: BoardState,
    made: Vec<Made>,
    destroyed: Vec<Partition>,
}

impl Work<'_> {
    fn carry_out(
        &mut self,
        plan: &Plan,
        doomed: &[Partition],
        inner: &Inner,
    ) -> Result<(), Box<(Step, Refusal)>> {
        for part in doomed {
            let done = self.partitioner.destroy(part.id, self.state.fingerprint());
            let done = done.map_err(|refusal| Box::new((Step::Destroy(part.id), refusal)))?;
            self.destroyed.push(part.clone());
            self.take(done);
        }
        for new in &plan.create {
            let done = self.partitioner.create(self.device, self.state.fingerprint(), new, inner);
            self.take(done.map_err(|refusal| Box::new((Step::Create(new.clone()), refusal)))?);
        }
        Ok(())
    }

    fn take(&mut self, done: Done) {
        self.state = done.state;
        self.made.extend(done.made);
    }

    /// Takes the steps back, the last one first. Where somebody else has changed the board, it is
    /// left as it is: undoing could undo theirs.
    fn undo(&mut self, refusal: &Refusal) -> Left {
        let interfered = matches!(refusal, Refusal::Interfered { .. } | Refusal::Stale { .. });
        let undone = match self.made.is_empty() && self.destroyed.is_empty() {
            _ if interfered => Err(refusal.clone()),
            // The first step failed. That it left nothing is not believed but looked at.
            true => match self.partitioner.board(self.device) {
                Ok(state) if state.fingerprint() == self.start => return Left::Untouched,
                _ => Err(refusal.clone()),
            },
            false => self.take_back(),
        };
        match undone {
            Ok(()) => Left::Undone(Box::new(self.state.clone())),
            Err(because) => {
                let state = self.partitioner.board(self.device).map(Box::new).map_err(Box::new);
                Left::Half { state, because: Box::new(because) }
            }
        }
    }

    fn take_back(&mut self) -> Result<(), Refusal> {
        self.state = self.partitioner.board(self.device)?;
        let made = std::mem::take(&mut self.made);
        for made in made.iter().rev().filter(|made| made.id.parent().is_none()) {
            let done = self.partitioner.destroy(made.id, self.state.fingerprint())?;
            self.state = done.state;
        }
        for part in std::mem::take(&mut self.destroyed) {
            let (new, inner) = again(&self.state, &part)?;
            let done = self.partitioner.create(self.device, self.state.fingerprint(), &new, &inner)?;
            self.state = done.state;
        }
        Ok(())
    }
}

/// How a partition that was destroyed is made again, with the parts that were in it.
fn again(state: &BoardState, part: &Partition) -> Result<(New, Inner), Refusal> {
    let name = part.profile.value().map(String::as_str).unwrap_or_default();
    let profile = state.geometry.named(name);
    let (Some(profile), Some(placement)) = (profile, part.placement.value()) else {
        let what = format!("{} was a {}, which the board does not offer any more", part.id, part.profile);
        return Err(Refusal::Invalid { what });
    };
    let slices = part.partitions().filter_map(|inner| inner.compute_slices.value());
    let slices = slices.map(|count| u32::try_from(count.0).unwrap_or(u32::MAX)).collect();
    let new = New { profile: profile.key(), name: name.to_owned(), placement: *placement };
    Ok((new, Inner::Slices(slices)))
}
