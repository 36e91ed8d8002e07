//! Planning: what stays, what goes, what is made, for every board before any is touched.

use std::fmt::Write;

use gpu_accounting::plan::{Freeing, Infeasible, Live, Plan, PlanError, ProfileKey};

use crate::board::{Board, Cut};
use crate::source::Source;
use crate::target::{Target, Targets};

/// A plan for one board.
pub struct BoardPlan {
    pub target: Target,
    pub plan: Plan,
    /// Compute instances, by slices, in what is made; see [`Target::parts`].
    pub parts: Vec<(ProfileKey, Vec<u32>)>,
}

/// Why a board, or the node, cannot hold what it shall.
pub struct Refused {
    pub position: Option<u32>,
    pub why: String,
    pub infeasible: Option<Infeasible>,
}

impl Refused {
    /// Why, with the board, and who is in the way.
    pub fn told(&self, source: &Source) -> String {
        let mut text = match self.position {
            Some(position) => format!("GPU {position}: {}", self.why),
            None => self.why.clone(),
        };
        let board = self.position.and_then(|position| source.board(position));
        let Some(board) = board else { return text };
        let Ok(cut) = &board.cut else { return text };
        for live in self.pinned() {
            let Some(part) = board.part(live) else { continue };
            let lies_in = |user: &&gpu_accounting::User| {
                user.partition == part.id || user.partition.parent() == Some(part.id)
            };
            let users: Vec<String> = cut.users.iter().filter(lies_in).map(ToString::to_string).collect();
            if !users.is_empty() {
                let _ = write!(text, "; instance {} is in use by process {}", live.tag, users.join(", "));
            }
        }
        text
    }
}

impl Refused {
    /// Instances in use that are in the way.
    fn pinned(&self) -> Vec<&Live> {
        match self.infeasible.as_ref().map(|infeasible| &infeasible.to_free) {
            Some(Freeing::Move(live) | Freeing::Destroy(live) | Freeing::Unpin(live)) => {
                live.iter().filter(|live| live.pinned).collect()
            }
            _ => Vec::new(),
        }
    }
}

#[derive(Default)]
pub struct Planned {
    pub plans: Vec<BoardPlan>,
    pub refused: Vec<Refused>,
}

/// A plan for each target, or why there is none.
pub fn plan(source: &Source, targets: Targets) -> Planned {
    let mut planned = Planned::default();
    planned.refused.extend(targets.refused.map(|why| Refused { position: None, why, infeasible: None }));
    for target in targets.list {
        let Some(board) = source.board(target.position) else { continue };
        match one(board, target) {
            Ok(plan) => planned.plans.push(plan),
            Err(refused) => planned.refused.push(*refused),
        }
    }
    planned
}

fn one(board: &Board, target: Target) -> Result<BoardPlan, Box<Refused>> {
    let Ok(cut) = &board.cut else {
        // Nothing can be there, and a target that wants something was refused before.
        return Ok(BoardPlan { target, plan: nothing(board), parts: Vec::new() });
    };
    on(board, cut, target)
}

/// The plan for a board that is cut like this: as it was found, or as it is once MIG is on.
pub fn on(board: &Board, cut: &Cut, target: Target) -> Result<BoardPlan, Box<Refused>> {
    let refuse = |why, infeasible| Box::new(Refused { position: Some(board.position), why, infeasible });
    let plan = cut.geometry.plan(&cut.layout, &target.request).map_err(|error| match error {
        PlanError::Infeasible(infeasible) => refuse(infeasible.to_string(), Some(infeasible)),
        other => refuse(other.to_string(), None),
    })?;
    let parts = left(board, cut, &target, &plan).map_err(|why| refuse(why, None))?;
    Ok(BoardPlan { target, plan, parts })
}

/// What goes into the instances that are made, when those that stay are as they shall be.
fn left(
    board: &Board,
    cut: &Cut,
    target: &Target,
    plan: &Plan,
) -> Result<Vec<(ProfileKey, Vec<u32>)>, String> {
    let Some(mut parts) = target.parts.clone() else { return Ok(Vec::new()) };
    // Those that are wanted with one compute instance over the whole of them.
    let whole = |(profile, count): (ProfileKey, u32)| {
        let partial = parts.iter().filter(|part| part.0 == profile).count();
        (profile, (count as usize).saturating_sub(partial))
    };
    let mut wholes: Vec<(ProfileKey, usize)> = target.request.wanted().iter().map(whole).collect();
    for live in &plan.keep {
        let Some(part) = board.part(live) else { continue };
        let slices = part.partitions().filter_map(|inner| inner.compute_slices.value());
        let slices: Vec<u32> = slices.map(|count| u32::try_from(count.0).unwrap_or(u32::MAX)).collect();
        let all = part.compute_slices.value().and_then(|count| u32::try_from(count.0).ok());
        let same = parts.iter().position(|(profile, of)| *profile == live.profile && *of == slices);
        let spans = slices.len() == 1 && slices.first().copied() == all;
        let as_whole = wholes.iter_mut().find(|(profile, left)| *profile == live.profile && *left > 0);
        match (same, as_whole) {
            (Some(at), _) => drop(parts.remove(at)),
            (None, Some((_, left))) if spans => *left -= 1,
            _ => return Err(other_parts(cut, live, &slices)),
        }
    }
    Ok(parts)
}

fn other_parts(cut: &Cut, live: &Live, slices: &[u32]) -> String {
    let (name, start) = (cut.name(live.profile), live.placement.start);
    format!(
        "instance {} ({name} at {start}) has compute instances of {slices:?} slices, and others are wanted: \
         destroy it first (--want with the rest)",
        live.tag
    )
}

fn nothing(board: &Board) -> Plan {
    let fingerprint = board.device.as_ref().map(|device| device.fingerprint()).unwrap_or_default();
    Plan { fingerprint, keep: Vec::new(), destroy: Vec::new(), create: Vec::new() }
}

/// Where each destroyed instance goes: the first slot of a new one of the same profile.
pub fn moves(plan: &Plan) -> Vec<Option<u32>> {
    let mut made: Vec<_> = plan.create.iter().collect();
    let to = plan.destroy.iter().map(|gone| {
        let at = made.iter().position(|new| new.profile == gone.profile)?;
        Some(made.remove(at).placement.start)
    });
    to.collect()
}
