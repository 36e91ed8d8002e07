//! Carrying plans out, board by board; the first that fails is the last.

use gpu_accounting::apply::{Applied, ApplyError, apply as carry_out};
use gpu_accounting::{
    Absence, BoardState, Device, Fingerprint, Inner, Mode, ModeChange, Partitioner, Refusal,
};
use gpu_nvidia_mig::Board as Table;

use crate::board::{self, Board, Cut};
use crate::filled::Filled;
use crate::plan::{self, BoardPlan};
use crate::source::Source;

/// What became of one board.
pub struct Done {
    pub position: u32,
    /// What came of setting MIG mode, where that was asked for.
    pub switched: Option<(bool, ModeChange)>,
    pub outcome: Outcome,
}

pub enum Outcome {
    /// The plan is carried out.
    Applied(Box<Applied>),
    /// There was no instance to make or to destroy.
    Nothing,
    /// The mode that was set is not in force: nothing can be made yet.
    Awaits,
    /// It failed; with what is left.
    Failed(Failure),
    /// Another board failed before its turn.
    NotBegun,
}

pub enum Failure {
    /// Mode or board could not be read or set.
    Refused(Refusal),
    /// MIG is on, and then the board could not hold what it shall.
    Planned(String),
    /// A step of the plan failed.
    Applied(Box<ApplyError>),
}

impl Done {
    /// True when the board is as was asked for.
    pub fn is_finished(&self) -> bool {
        let in_force = self.switched.as_ref().is_none_or(|(_, change)| change.awaits.is_none());
        in_force && matches!(self.outcome, Outcome::Applied(_) | Outcome::Nothing)
    }

    /// True when something is not as it was found.
    pub fn has_changed(&self) -> bool {
        let cut = match &self.outcome {
            Outcome::Applied(applied) => !applied.made.is_empty() || !applied.destroyed.is_empty(),
            Outcome::Failed(Failure::Applied(error)) => {
                !matches!(error.left, gpu_accounting::apply::Left::Untouched)
            }
            _ => false,
        };
        cut || self.switched.is_some()
    }

    /// Why it is not finished, in words.
    pub fn failure(&self) -> Option<String> {
        match &self.outcome {
            Outcome::Failed(Failure::Refused(refusal)) => Some(refusal.to_string()),
            Outcome::Failed(Failure::Planned(why)) => Some(format!("MIG is on now, and {why}")),
            Outcome::Failed(Failure::Applied(error)) => Some(error.to_string()),
            Outcome::NotBegun => Some("not begun, because of the failure before".to_owned()),
            Outcome::Applied(_) | Outcome::Nothing | Outcome::Awaits => {
                let awaits = self.switched.as_ref()?.1.awaits?;
                Some(format!("MIG mode awaits {awaits}"))
            }
        }
    }

    /// The kind of the failure, a short constant name.
    pub fn kind(&self) -> Option<&'static str> {
        match &self.outcome {
            Outcome::Failed(Failure::Refused(refusal)) => Some(refusal.kind()),
            Outcome::Failed(Failure::Planned(_)) => Some("infeasible"),
            Outcome::Failed(Failure::Applied(error)) => Some(error.refusal.kind()),
            Outcome::NotBegun => Some("not_begun"),
            _ if !self.is_finished() => Some("awaits"),
            _ => None,
        }
    }

    /// The board as it was read back last, where it was.
    pub fn state(&self) -> Option<&BoardState> {
        use gpu_accounting::apply::Left;
        match &self.outcome {
            Outcome::Applied(applied) => Some(&applied.state),
            Outcome::Failed(Failure::Applied(error)) => match &error.left {
                Left::Undone(state) => Some(state),
                Left::Half { state: Ok(state), .. } => Some(state),
                _ => None,
            },
            _ => None,
        }
    }
}

/// Carries out the plans, in the order of the boards.
pub fn apply(source: &Source, plans: Vec<BoardPlan>) -> Result<Vec<Done>, String> {
    let node = source.node.as_ref().ok_or("there is no node to change")?;
    let mut all: Vec<Done> = Vec::new();
    for plan in plans {
        let position = plan.target.position;
        let known = source.board(position).and_then(|board| Some((board, board.device.as_ref()?)));
        let Some((board, device)) = known else { continue };
        let failed = all.iter().any(|done| matches!(done.outcome, Outcome::Failed(_) | Outcome::NotBegun));
        let mut done = Done { position, switched: None, outcome: Outcome::NotBegun };
        if !failed {
            done.outcome = match node.partitioner(device.id) {
                Ok(partitioner) => Work { partitioner, board, device }.all(plan, &mut done.switched),
                Err(absence) => Outcome::Failed(Failure::Refused(refusal(absence))),
            };
        }
        all.push(done);
    }
    Ok(all)
}

fn refusal(absence: Absence) -> Refusal {
    absence.into()
}

/// One board while it is changed.
struct Work<'a> {
    partitioner: &'a dyn Partitioner,
    board: &'a Board,
    device: &'a Device,
}

impl Work<'_> {
    fn all(&self, plan: BoardPlan, switched: &mut Option<(bool, ModeChange)>) -> Outcome {
        match self.steps(plan, switched) {
            Ok(outcome) => outcome,
            Err(failure) => Outcome::Failed(failure),
        }
    }

    fn steps(
        &self,
        mut plan: BoardPlan,
        switched: &mut Option<(bool, ModeChange)>,
    ) -> Result<Outcome, Failure> {
        let switch = plan.target.switch;
        if switch == Some(true) {
            let change = self.set_mode(true, self.device.fingerprint())?;
            let awaits = change.awaits.is_some();
            *switched = Some((true, change));
            if awaits {
                return Ok(Outcome::Awaits);
            }
            plan = self.plan_again(plan)?;
        }
        let outcome = match switch == Some(true) || self.board.mig.is_on() {
            true => self.carry_out(plan)?,
            false => Outcome::Nothing,
        };
        if switch == Some(false) {
            let on = match &outcome {
                Outcome::Applied(applied) => applied.state.fingerprint(),
                _ => self.device.fingerprint(),
            };
            *switched = Some((false, self.set_mode(false, on)?));
        }
        Ok(outcome)
    }

    fn set_mode(&self, enable: bool, on: Fingerprint) -> Result<ModeChange, Failure> {
        let value = if enable { "enabled" } else { "disabled" };
        self.partitioner.set_mode(self.device.id, on, Mode::MIG, value).map_err(Failure::Refused)
    }

    /// With MIG on, the driver tells what the board offers: its answer counts, not the table's.
    fn plan_again(&self, plan: BoardPlan) -> Result<BoardPlan, Failure> {
        let BoardState { geometry, layout, users, .. } = self
            .partitioner
            .board(self.device.id)
            .map_err(|refusal| Failure::Planned(refusal.to_string()))?;
        let table = Table::of_pci_device(self.board.pci_id.device);
        let profiles = board::told(&geometry, table, &self.board.name);
        let cut = Cut { profiles, geometry, layout, users, told_by: "driver" };
        plan::on(self.board, &cut, plan.target).map_err(|refused| Failure::Planned(refused.why))
    }

    fn carry_out(&self, plan: BoardPlan) -> Result<Outcome, Failure> {
        let filled = Filled::new(self.partitioner, plan.parts);
        match carry_out(&filled, self.device.id, &plan.plan, &Inner::Whole) {
            Ok(applied) => Ok(Outcome::Applied(Box::new(applied))),
            Err(error) => Err(Failure::Applied(error)),
        }
    }
}
