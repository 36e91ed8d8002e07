//! [`Symptom`]: what one reading shows of a unit's health, and [`Known`], what earlier ones showed.

use crate::absence::Absence;
use crate::driver_health::DriverHealth;
use crate::fabric::{Fabric, FabricIssues};
use crate::measured::{Measured, Source};
use crate::quantity::Count;
use crate::reading::Reading;
use crate::recovery::RecoveryAction;
use crate::throttle::ThrottleReasons;

use super::advice::{Advice, Clears};
use super::fault::Fault;
use super::state::State;

/// What one reading shows.
pub(super) struct Symptom {
    pub fault: Fault,
    pub advice: Advice,
    pub source: Source,
}

/// What earlier readings of a unit showed, as far as a later one is held against it.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub(super) struct Known {
    corrected: Count,
    uncorrected: Count,
    row_pending: bool,
    pages_pending: bool,
    recovery: Option<RecoveryAction>,
    links_up: Count,
    /// Errors that were acknowledged.
    baseline: Count,
}

impl Known {
    /// True when the reading shows that the device was reset since the last one.
    pub fn was_reset(&self, reading: &Reading) -> bool {
        let fell = |slot, before: Count| value(slot).is_some_and(|now: Count| now < before);
        let is_over = |slot, before: bool| before && value(slot) == Some(Count::ZERO);
        let asked = self.recovery.is_some_and(RecoveryAction::is_reset);
        fell(reading.ecc_corrected, self.corrected)
            || fell(reading.ecc_uncorrected, self.uncorrected)
            || is_over(reading.remapped_rows_pending, self.row_pending)
            || is_over(reading.retired_pages_pending, self.pages_pending)
            || asked && value(reading.recovery_action) == Some(RecoveryAction::None)
    }

    /// Takes over what the reading shows. What it does not show is as it was.
    pub fn learn(&mut self, reading: &Reading) {
        let count = |slot: Result<Measured<Count>, Absence>, known: &mut Count| {
            *known = value(slot).unwrap_or(*known);
        };
        count(reading.ecc_corrected, &mut self.corrected);
        count(reading.ecc_uncorrected, &mut self.uncorrected);
        self.baseline = self.baseline.min(self.uncorrected);
        let flag = |slot, known: &mut bool| *known = value(slot).map_or(*known, |n: Count| n > Count::ZERO);
        flag(reading.remapped_rows_pending, &mut self.row_pending);
        flag(reading.retired_pages_pending, &mut self.pages_pending);
        self.recovery = value(reading.recovery_action).or(self.recovery);
        self.links_up = value(reading.links_up).map_or(self.links_up, |up| up.max(self.links_up));
    }

    /// Errors and links are by now as they shall be.
    pub fn acknowledge(&mut self) {
        (self.baseline, self.links_up) = (self.uncorrected, Count::ZERO);
    }

    /// What the reading shows, held against what was known.
    pub fn symptoms(&self, reading: &Reading) -> Vec<Symptom> {
        let mut found = Found(Vec::new());
        found.add(reading.recovery_action, recovery);
        found.add(reading.ecc_uncorrected, |count| self.uncorrected(count, reading));
        let pending = Advice::new(State::Degraded, RecoveryAction::DrainAndReset, Clears::ByReset);
        let failed = Advice::new(State::Unhealthy, RecoveryAction::Replace, Clears::Never);
        found.flag(reading.remapped_rows_pending, Fault::RowRemapPending, pending);
        found.flag(reading.retired_pages_pending, Fault::PagesPending, pending);
        found.flag(reading.remapped_rows_failed, Fault::RowRemapFailed, failed);
        found.add(reading.fabric, fabric);
        found.add(reading.links_down, |down| self.links(down, reading));
        found.add(reading.pcie_width, |width| narrow(width, reading));
        found.add(reading.throttle, throttled);
        found.add(reading.driver_health, judged);
        found.0
    }

    fn uncorrected(&self, count: Count, reading: &Reading) -> Option<(Fault, Advice)> {
        let baseline = if count < self.uncorrected { Count::ZERO } else { self.baseline };
        let new = Count(count.0.saturating_sub(baseline.0));
        let (state, action) = match value(reading.recovery_action) {
            // The driver itself has judged these errors.
            Some(RecoveryAction::None) => (State::Degraded, RecoveryAction::None),
            _ => (State::Unhealthy, RecoveryAction::Reset),
        };
        let advice = Advice::new(state, action, Clears::ByReset);
        (new > Count::ZERO).then_some((Fault::UncorrectedErrors(new), advice))
    }

    /// Where no link is up and none ever was, nothing is plugged in.
    fn links(&self, down: Count, reading: &Reading) -> Option<(Fault, Advice)> {
        let up = value(reading.links_up)?;
        let is_partial = down > Count::ZERO && up > Count::ZERO;
        let advice = Advice::new(State::Degraded, RecoveryAction::CheckHardware, Clears::WhenGone);
        (is_partial || up < self.links_up).then_some((Fault::LinksDown { down, up }, advice))
    }
}

struct Found(Vec<Symptom>);

impl Found {
    fn add<T>(
        &mut self,
        slot: Result<Measured<T>, Absence>,
        judge: impl FnOnce(T) -> Option<(Fault, Advice)>,
    ) {
        let Ok(Measured { value, source, .. }) = slot else { return };
        self.0.extend(judge(value).map(|(fault, advice)| Symptom { fault, advice, source }));
    }

    fn flag(&mut self, slot: Result<Measured<Count>, Absence>, fault: Fault, advice: Advice) {
        self.add(slot, |count| (count > Count::ZERO).then_some((fault, advice)));
    }
}

fn value<T>(slot: Result<Measured<T>, Absence>) -> Option<T> {
    slot.ok().map(|measured| measured.value)
}

fn recovery(action: RecoveryAction) -> Option<(Fault, Advice)> {
    let state = match action {
        RecoveryAction::None => return None,
        RecoveryAction::DrainPeers => State::Degraded,
        _ => State::Unhealthy,
    };
    Some((Fault::RecoveryWanted(action), Advice::new(state, action, Clears::WhenGone)))
}

fn fabric(fabric: Fabric) -> Option<(Fault, Advice)> {
    const BROKEN: FabricIssues = FabricIssues {
        known: FabricIssues::ROUTE_UNHEALTHY.known
            | FabricIssues::MISCONFIGURED.known
            | FabricIssues::UNHEALTHY.known,
        raw: 0,
    };
    let advice = match () {
        () if !fabric.is_up() || fabric.issues.has_any(BROKEN) => {
            Advice::new(State::Unhealthy, RecoveryAction::RestartFabricManager, Clears::WhenGone)
        }
        () if fabric.issues != FabricIssues::NONE => {
            Advice::new(State::Degraded, RecoveryAction::None, Clears::WhenGone)
        }
        () => return None,
    };
    Some((Fault::Fabric(fabric), advice))
}

fn narrow(width: Count, reading: &Reading) -> Option<(Fault, Advice)> {
    let most = value(reading.pcie_width_max)?;
    let advice = Advice::new(State::Degraded, RecoveryAction::CheckHardware, Clears::WhenGone);
    // A link of no lanes is that of a GPU that is part of the processor.
    (Count::ZERO < width && width < most).then_some((Fault::PcieNarrow { width, most }, advice))
}

fn throttled(reasons: ThrottleReasons) -> Option<(Fault, Advice)> {
    const BAD: u32 =
        ThrottleReasons::THERMAL.known | ThrottleReasons::POWER_BRAKE.known | ThrottleReasons::HARDWARE.known;
    let bad = ThrottleReasons { known: reasons.known & BAD, raw: 0 };
    let advice = Advice::new(State::Degraded, RecoveryAction::None, Clears::AfterQuiet);
    (!bad.is_empty()).then_some((Fault::Throttled(bad), advice))
}

fn judged(health: DriverHealth) -> Option<(Fault, Advice)> {
    let (state, action) = match health {
        DriverHealth::Ok => return None,
        DriverHealth::Warning => (State::Degraded, RecoveryAction::None),
        DriverHealth::Critical => (State::Unhealthy, RecoveryAction::Reset),
        DriverHealth::NeedsFirmware => (State::Unhealthy, RecoveryAction::FlashFirmware),
        DriverHealth::Replace => (State::Unhealthy, RecoveryAction::Replace),
        DriverHealth::Unknown(_) => (State::Unknown, RecoveryAction::ContactVendor),
    };
    Some((Fault::Driver(health), Advice::new(state, action, Clears::WhenGone)))
}
