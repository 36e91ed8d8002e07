//! Carrying plans out, board by board; the first that fails is the last.

use gpu_accounting::apply::{Applied, ApplyError, Left, apply as carry_out};
use gpu_accounting::{BoardState, Device, Fingerprint, Inner, Mode, ModeChange, Partitioner, Refusal};
use gpu_nvidia_mig::Board as Table;

use crate::board::{self, Board, Cut};
use crate::filled::Filled;
use crate::plan::{self, BoardPlan};
use crate::source::Source;

/// What became of one board.
#[derive(Default)]
pub struct Done {
    pub position: u32,
    /// What came of setting MIG mode, where it was set.
    pub switched: Option<(bool, ModeChange)>,
    /// The plan, where it was carried out.
    pub applied: Option<Box<Applied>>,
    /// What failed, after that.
    pub failure: Option<Failure>,
}

pub enum Failure {
    /// Mode or board could not be read or set.
    Refused(Refusal),
    /// MIG is on, and then the board could not hold what it shall.
    Planned(String),
    /// A step of the plan failed; with what is left.
    Applied(Box<ApplyError>),
    /// Another board failed before its turn.
    NotBegun,
}

impl Done {
    /// What the mode that was set awaits, where it is not in force.
    pub fn awaits(&self) -> Option<&'static str> {
        self.switched.as_ref()?.1.awaits
    }

    /// True when the board is as was asked for.
    pub fn is_finished(&self) -> bool {
        self.awaits().is_none() && self.failure.is_none()
    }

    /// True when something is not as it was found, or may not be.
    pub fn has_changed(&self) -> bool {
        let cut = self.applied.as_ref().is_some_and(|of| !of.made.is_empty() || !of.destroyed.is_empty());
        let left = match &self.failure {
            Some(Failure::Applied(error)) => !matches!(error.left, Left::Untouched),
            _ => false,
        };
        cut || left || self.switched.is_some()
    }

    /// Why it is not finished, in words.
    pub fn why(&self) -> Option<String> {
        match &self.failure {
            Some(Failure::Refused(refusal)) => Some(refusal.to_string()),
            Some(Failure::Planned(why)) => Some(format!("MIG is on now, and {why}")),
            Some(Failure::Applied(error)) => Some(error.to_string()),
            Some(Failure::NotBegun) => Some("not begun, because of the failure before".to_owned()),
            None => Some(format!("MIG mode awaits {}", self.awaits()?)),
        }
    }

    /// The kind of the failure, a short constant name.
    pub fn kind(&self) -> Option<&'static str> {
        match &self.failure {
            Some(Failure::Refused(refusal)) => Some(refusal.kind()),
            Some(Failure::Planned(_)) => Some("infeasible"),
            Some(Failure::Applied(error)) => Some(error.refusal.kind()),
            Some(Failure::NotBegun) => Some("not_begun"),
            None => self.awaits().map(|_| "awaits"),
        }
    }

    /// The board as it was read back last, where it was.
    pub fn state(&self) -> Option<&BoardState> {
        match &self.failure {
            Some(Failure::Applied(error)) => match &error.left {
                Left::Undone(state) | Left::Half { state: Ok(state), .. } => Some(state),
                _ => None,
            },
            _ => self.applied.as_ref().map(|applied| &applied.state),
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
        let mut done = Done { position, ..Done::default() };
        let attempt = match all.iter().any(|before| before.failure.is_some()) {
            true => Err(Failure::NotBegun),
            false => match node.partitioner(device.id) {
                Ok(partitioner) => Work { partitioner, board, device }.steps(plan, &mut done),
                Err(absence) => Err(Failure::Refused(absence.into())),
            },
        };
        done.failure = attempt.err();
        all.push(done);
    }
    Ok(all)
}

/// One board while it is changed.
struct Work<'a> {
    partitioner: &'a dyn Partitioner,
    board: &'a Board,
    device: &'a Device,
}

impl Work<'_> {
    /// MIG goes on first and off last. What was done is noted step by step: a later one may fail.
    fn steps(&self, mut plan: BoardPlan, done: &mut Done) -> Result<(), Failure> {
        let switch = plan.target.switch;
        if switch == Some(true) {
            done.switched = Some((true, self.set_mode(true, self.device.fingerprint())?));
            if done.awaits().is_some() {
                return Ok(());
            }
            plan = self.plan_again(plan)?;
        }
        let mut on = self.device.fingerprint();
        if switch == Some(true) || self.board.mig.is_on() {
            let applied = self.carry_out(plan)?;
            on = applied.state.fingerprint();
            done.applied = Some(applied);
        }
        if switch == Some(false) {
            done.switched = Some((false, self.set_mode(false, on)?));
        }
        Ok(())
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

    fn carry_out(&self, plan: BoardPlan) -> Result<Box<Applied>, Failure> {
        let filled = Filled::new(self.partitioner, plan.parts);
        let applied = carry_out(&filled, self.device.id, &plan.plan, &Inner::Whole);
        applied.map(Box::new).map_err(Failure::Applied)
    }
}
