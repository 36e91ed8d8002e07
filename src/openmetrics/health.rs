//! How well units are, on a page.

use gpu_core::health::{Condition, Fault, Report, State};
use gpu_core::{EventKind, UnitId};

use super::decimal::Decimal;
use super::family::Family;
use super::tally::unit_labels;
use super::text::{LabelSet, Text};

/// What OpenTelemetry's `hw.state` calls a state; it has no word for not knowing.
const STATES: [(State, &str); 4] = [
    (State::Healthy, "hw_state=\"ok\""),
    (State::Degraded, "hw_state=\"degraded\""),
    (State::Unhealthy, "hw_state=\"failed\""),
    (State::Unknown, "hw_state=\"unknown\""),
];

/// Writes the families of health.
pub(super) fn write(report: &Report, text: &mut Text) {
    text.family(&Family::gauge(
        "hw_status",
        "",
        "1 for the state that a GPU is in, 0 for the others: nothing new belongs on one that has failed.",
    ));
    for unit in report.units.iter().filter(|of| matches!(of.unit, UnitId::Device(_))) {
        states(&unit_labels(unit.unit).with("hw_type", "gpu"), unit.state, text);
    }
    text.family(&Family::gauge(
        "gpu_partition_status",
        "",
        "The same of a partition: a fault of its GPU is its own, too.",
    ));
    for unit in report.units.iter().filter(|of| is_outermost(of.unit)) {
        states(&unit_labels(unit.unit), unit.state, text);
    }
    text.family(&Family::gauge(
        "gpu_fault",
        "",
        "How often this was told of a GPU or partition, where it is; 1 for what looks show. Gone when it is over.",
    ));
    for (labels, condition) in faults(report) {
        text.series(&labels, "", Decimal::from(condition.times));
    }
    text.family(&Family::gauge(
        "gpu_fault_duration",
        "seconds",
        "How long ago this was seen first of a GPU or partition.",
    ));
    for (labels, condition) in faults(report) {
        text.series(&labels, "", Decimal::unsigned(report.at.since(condition.since).get().into(), 9));
    }
}

fn states(labels: &LabelSet, state: State, text: &mut Text) {
    for (of, further) in STATES {
        text.series(labels, further, Decimal::from(u64::from(of == state)));
    }
}

/// What lies in a partition is as well as that is: one series says it.
fn is_outermost(unit: UnitId) -> bool {
    matches!(unit, UnitId::Partition(id) if id.parent().is_none())
}

/// Each fault once, at the unit where it is: what lies in that unit has it as evidence, too.
fn faults(report: &Report) -> impl Iterator<Item = (LabelSet, &Condition)> {
    let conditions =
        report.units.iter().flat_map(|of| of.evidence.iter().filter(|fault| fault.at == of.unit));
    conditions.map(|condition| (fault_labels(condition), condition))
}

fn fault_labels(condition: &Condition) -> LabelSet {
    let code = match condition.fault {
        Fault::Event(EventKind::Xid(number)) => number.to_string(),
        Fault::Event(kind) => kind.to_string(),
        _ => String::new(),
    };
    unit_labels(condition.at)
        .with("fault", condition.fault.kind())
        .with("code", &code)
        .with("action", condition.advice.action.name())
}
