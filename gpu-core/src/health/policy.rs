//! [`Policy`]: what can be set about the judgement.

use crate::event::EventKind;
use crate::quantity::Nanoseconds;
use crate::recovery::RecoveryAction;

use super::advice::{Advice, Clears};
use super::state::State;
use super::xid;

/// What can be set about the judgement.
///
/// ```
/// use gpu_core::Nanoseconds;
/// use gpu_core::health::{Policy, State};
/// // Context switch time-outs are taken for the programs' fault, as NVIDIA's device plugin takes them.
/// let policy = Policy::default().xid(109, State::Healthy);
/// assert_eq!(policy.quiet_looks, 3);
/// assert_eq!(policy.overdue_after, Nanoseconds::from_secs(60));
/// ```
#[derive(Clone, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub struct Policy {
    /// How many looks in a row have to be without throttling for it to be over: 3.
    pub quiet_looks: u32,
    /// From how many looks in a row without answer on a device is unhealthy: 3. Before, nobody can tell.
    pub silent_looks: u32,
    /// How long a device may go without a look until it counts as silent: a minute. See
    /// [`Health::tick`](super::Health::tick).
    pub overdue_after: Nanoseconds,
    /// How long notices are told: an hour.
    pub notices_for: Nanoseconds,
    xids: Vec<(u64, State)>,
}

impl Default for Policy {
    fn default() -> Self {
        Self {
            quiet_looks: 3,
            silent_looks: 3,
            overdue_after: Nanoseconds::from_secs(60),
            notices_for: Nanoseconds::from_secs(3600),
            xids: Vec::new(),
        }
    }
}

impl Policy {
    /// The same with another state for an Xid than [`xid_advice`](super::xid_advice) has. `Healthy` makes a
    /// notice of it.
    #[must_use]
    pub fn xid(mut self, number: u64, state: State) -> Self {
        self.xids.retain(|(known, _)| *known != number);
        self.xids.push((number, state));
        self
    }

    /// What an event makes of a unit.
    #[must_use]
    pub fn advice(&self, kind: EventKind) -> Advice {
        use RecoveryAction::{ContactVendor, DrainAndReset, Reset};
        let by_reset = |state, action| Advice::new(state, action, Clears::ByReset);
        match kind {
            EventKind::Xid(number) => self.xid_advice(number),
            EventKind::ErrorUncorrected | EventKind::PoisonFatal | EventKind::Unavailable => {
                by_reset(State::Unhealthy, Reset)
            }
            EventKind::RetirementFailed => by_reset(State::Unhealthy, ContactVendor),
            EventKind::PoisonContained => by_reset(State::Degraded, DrainAndReset),
            EventKind::CorrectedStorm => Advice::new(State::Degraded, RecoveryAction::None, Clears::WithTime),
            EventKind::ErrorsCorrected
            | EventKind::MemoryRetired
            | EventKind::RecoveryChanged
            | EventKind::Unknown { .. } => Advice::notice(RecoveryAction::None),
        }
    }

    fn xid_advice(&self, number: u64) -> Advice {
        let advice = xid::advice(number);
        match self.xids.iter().find(|(known, _)| *known == number) {
            None => advice,
            Some((_, State::Healthy)) => Advice::notice(advice.action),
            Some((_, state)) if advice.clears == Clears::WithTime => {
                Advice::new(*state, advice.action, Clears::ByReset)
            }
            Some((_, state)) => Advice { state: *state, ..advice },
        }
    }
}
