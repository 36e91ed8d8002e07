//! [`Advice`]: what a fault makes of a unit, what is to be done, and what ends it.

use crate::recovery::RecoveryAction;

use super::state::State;

/// What a fault makes of a unit, what is to be done, and what ends it.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[non_exhaustive]
pub struct Advice {
    /// What it makes of the unit. [`Healthy`](State::Healthy) is a notice.
    pub state: State,
    /// What is to be done.
    pub action: RecoveryAction,
    /// What ends it.
    pub clears: Clears,
}

impl Advice {
    /// Such an advice.
    #[must_use]
    pub const fn new(state: State, action: RecoveryAction, clears: Clears) -> Self {
        Self { state, action, clears }
    }

    /// A notice: it says nothing against the unit.
    #[must_use]
    pub const fn notice(action: RecoveryAction) -> Self {
        Self::new(State::Healthy, action, Clears::WithTime)
    }
}

/// What ends a condition.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[cfg_attr(feature = "serde", serde(rename_all = "snake_case"))]
#[non_exhaustive]
pub enum Clears {
    /// A look that shows it no more.
    WhenGone,
    /// Several looks in a row that do not show it ([`Policy::quiet_looks`](super::Policy::quiet_looks)).
    AfterQuiet,
    /// Time ([`Policy::notices_for`](super::Policy::notices_for)).
    WithTime,
    /// A reset of the device.
    ByReset,
    /// Nothing but somebody who says so ([`Health::acknowledge`](super::Health::acknowledge)).
    Never,
}
