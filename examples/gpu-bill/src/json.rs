//! The bill as JSON, version 1 of its form.
//!
//! | field | what |
//! |---|---|
//! | `schema`, `simulated`, `by` | 1; whether any of it is a simulation's; what `lines` are of |
//! | `from`, `to` | the first and the last time of day of the statements; null where there is none |
//! | `nodes` | their names |
//! | `lines` | each with `name` and the numbers below, and `partial`: some of its time nobody tells |
//! | `unattributed`, `untold`, `idle`, `total` | the same numbers; untold is a part of unattributed |
//! | `coverage` | by dimension `part` of the units' time (0 to 1), and `gap_hours` by reason |
//! | `across` | statements that lie across an end of the period: left out |
//! | `events` | what happened, in words |
//!
//! Numbers: `held_gpu_hours`, `busy_gpu_hours`, `memory_gib_hours`, `energy_kwh`, `standby_kwh`, rounded to
//! millionths; and exactly, as text: `memory_byte_ns`, `energy_uj`. What nobody tells is null.

use std::error::Error;

use serde_json::{Map, Number, Value, json};

use crate::amount::{Amount, HOUR, decimal, rounded};
use crate::bill::{Bill, Coverage, Row};
use crate::period::show;
use crate::text::{GIB_HOUR, KWH};

pub fn bill(bill: &Bill) -> Result<String, Box<dyn Error>> {
    let lines: Vec<Value> = bill.rows.iter().map(|(name, row)| line(name, row)).collect();
    let coverage: Map<String, Value> =
        bill.coverage.iter().map(|(of, coverage)| (of.name().to_owned(), covered(coverage))).collect();
    let nodes: Vec<String> = bill.nodes().map(|of| of.node.to_string()).collect();
    let rest = &bill.rest;
    let all = json!({
        "schema": 1,
        "simulated": bill.simulated,
        "by": bill.by.name(),
        "from": bill.ends.map(|(from, _)| show(from)),
        "to": bill.ends.map(|(_, to)| show(to)),
        "nodes": nodes,
        "lines": lines,
        "unattributed": numbers(&rest.unattributed),
        "untold": numbers(&rest.untold),
        "idle": numbers(&rest.idle),
        "total": numbers(&rest.total),
        "coverage": coverage,
        "across": bill.across,
        "events": bill.events,
    });
    Ok(serde_json::to_string_pretty(&all)? + "\n")
}

fn line(name: &str, row: &Row) -> Value {
    let mut line = numbers(row);
    line.insert("name".to_owned(), name.into());
    line.insert("partial".to_owned(), row.is_partial.into());
    Value::Object(line)
}

fn numbers(row: &Row) -> Map<String, Value> {
    let exact = |value: Option<u128>| value.map(|value| value.to_string());
    let pairs = [
        ("held_gpu_hours", number(Some(row.held.micro_hours()))),
        ("busy_gpu_hours", number(row.busy.as_ref().map(Amount::micro_hours))),
        ("memory_gib_hours", number(row.memory.map(|of| rounded(of, GIB_HOUR)))),
        ("energy_kwh", number(row.energy.map(|of| rounded(of, KWH)))),
        ("standby_kwh", number(Some(rounded(row.standby, KWH)))),
        ("memory_byte_ns", exact(row.memory).into()),
        ("energy_uj", exact(row.energy).into()),
    ];
    pairs.into_iter().map(|(name, value)| (name.to_owned(), value)).collect()
}

fn covered(coverage: &Coverage) -> Value {
    let gaps: Map<String, Value> = coverage
        .gaps
        .iter()
        .map(|(gap, time)| (gap.name().to_owned(), number(Some(rounded(*time, HOUR)))))
        .collect();
    json!({ "part": number(coverage.micros()), "gap_hours": gaps })
}

/// Millionths as a number, without a float in between.
fn number(micros: Option<u128>) -> Value {
    let text = micros.map(|micros| decimal(micros, 6));
    text.and_then(|text| text.parse::<Number>().ok()).map_or(Value::Null, Value::Number)
}
