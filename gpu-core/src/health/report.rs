//! [`Report`]: how well every unit is.

use crate::event::Event;
use crate::id::UnitId;
use crate::recovery::RecoveryAction;
use crate::time::BootTime;
use crate::unfit::Unfit;

use super::condition::Condition;
use super::state::State;

/// How well every unit is, at one time.
#[derive(Clone, PartialEq, Eq, Debug)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[non_exhaustive]
pub struct Report {
    /// When.
    pub at: BootTime,
    /// Every device and partition: each device, then its partitions, each before those in it.
    pub units: Vec<UnitHealth>,
    /// The last events that named no device that is known, the oldest first: at most sixteen.
    pub strangers: Vec<Event>,
}

/// How well one unit is.
#[derive(Clone, PartialEq, Eq, Debug)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[non_exhaustive]
pub struct UnitHealth {
    /// Which unit.
    pub unit: UnitId,
    /// How well it is.
    pub state: State,
    /// Since when it is so, or since when it is known.
    pub since: BootTime,
    /// What is to be done: the most that any evidence asks for.
    pub action: RecoveryAction,
    /// On what evidence, the worst first: what is at the unit, at what it lies in, and at its parts.
    pub evidence: Vec<Condition>,
}

impl Report {
    /// How well a unit is; a share is as well as what it shares. `None` for a unit that no look has shown.
    #[must_use]
    pub fn get(&self, unit: impl Into<UnitId>) -> Option<&UnitHealth> {
        let unit = match unit.into() {
            UnitId::Share(share) => share.whole(),
            unit => unit,
        };
        self.units.iter().find(|of| of.unit == unit)
    }

    /// The state of a unit; [`Unknown`](State::Unknown) for one that no look has shown.
    #[must_use]
    pub fn state(&self, unit: impl Into<UnitId>) -> State {
        self.get(unit).map_or(State::Unknown, |of| of.state)
    }

    /// The units that nothing shall be placed on, and why: for `choose::Request::unfit`. Each once: what
    /// lies in one is not listed, and is meant.
    #[must_use]
    pub fn forbidden(&self) -> Vec<Unfit> {
        let bad = |unit: UnitId| self.state(unit) == State::Unhealthy;
        let is_inherited = |unit: UnitId| match unit {
            UnitId::Partition(id) => {
                bad(id.device().into()) || id.parent().is_some_and(|parent| bad(parent.into()))
            }
            _ => false,
        };
        let outermost = self.units.iter().filter(|of| bad(of.unit) && !is_inherited(of.unit));
        outermost.map(|of| Unfit::new(of.unit, of.why())).collect()
    }
}

impl UnitHealth {
    /// In words: the state, and the worst evidence.
    #[must_use]
    pub fn why(&self) -> String {
        match self.evidence.first() {
            Some(worst) if self.state > State::Healthy => format!("{}: {worst}", self.state),
            _ => self.state.to_string(),
        }
    }
}
