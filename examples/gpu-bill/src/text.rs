//! The bill as text.

use std::fmt::Write;

use gpu_accounting::meter::Dimension;

use crate::amount::{HOUR, decimal, rounded};
use crate::bill::{Bill, Row};
use crate::period::show;
use crate::table::Table;

/// Bytes × nanoseconds of a GiB·hour.
pub const GIB_HOUR: u128 = (1 << 30) * HOUR;
/// Microjoules of a kWh.
pub const KWH: u128 = 3_600_000_000_000;

pub fn bill(bill: &Bill) -> String {
    let mut out = String::new();
    if bill.simulated {
        let _ = writeln!(out, "SIMULATED: nothing below is hardware");
    }
    let nodes: Vec<String> = bill.nodes().map(|of| of.node.to_string()).collect();
    match bill.ends {
        Some((from, to)) => {
            let _ = writeln!(out, "{} to {}, {}", show(from), show(to), nodes.join(", "));
        }
        None => {
            let _ = writeln!(out, "no statement in the period");
        }
    }
    let _ = writeln!(out);
    for line in table(bill).lines() {
        let _ = writeln!(out, "{line}");
    }
    notes(bill, &mut out);
    out
}

fn table(bill: &Bill) -> Table {
    let mut table =
        Table::new(&[bill.by.name(), ">held GPU·h", ">busy GPU·h", ">GiB·h", ">kWh", ">standby kWh", ""]);
    for (key, row) in &bill.rows {
        table.row(cells(key, row, if row.is_partial { "not all told" } else { "" }));
    }
    let rest = &bill.rest;
    table.row(cells("(unattributed)", &rest.unattributed, ""));
    table.row(cells("  of it untold", &rest.untold, "may as well have been idle"));
    table.row(cells("(idle)", &rest.idle, ""));
    table.row(cells("(total)", &rest.total, ""));
    table
}

fn cells(key: &str, row: &Row, note: &str) -> [String; 7] {
    let hours = |micros: Option<u128>| micros.map_or_else(|| "-".to_owned(), |micros| decimal(micros, 4));
    [
        key.to_owned(),
        hours(Some(row.held.micro_hours())),
        hours(row.busy.as_ref().map(super::amount::Amount::micro_hours)),
        hours(row.memory.map(|of| rounded(of, GIB_HOUR))),
        hours(row.energy.map(|of| rounded(of, KWH))),
        hours(Some(rounded(row.standby, KWH))),
        note.to_owned(),
    ]
}

fn notes(bill: &Bill, out: &mut String) {
    let _ = writeln!(out, "\nCoverage");
    for dimension in Dimension::ALL {
        let Some(coverage) = bill.coverage.get(&dimension) else {
            let _ = writeln!(out, "  {dimension:<8} nothing keeps an account of it");
            continue;
        };
        let part = coverage.micros().map_or_else(|| "-".to_owned(), |of| decimal(of * 100, 2));
        let _ = write!(out, "  {dimension:<8} {part} % of the units' time");
        for (gap, time) in &coverage.gaps {
            let _ = write!(out, "; {gap} {} h", decimal(rounded(*time, HOUR), 4));
        }
        let _ = writeln!(out);
    }
    if bill.across > 0 {
        let _ = writeln!(out, "  {} statements lie across an end of the period: left out", bill.across);
    }
    if bill.unsized_units > 0 {
        let what = "of which nobody tells what part of their device they are: their hours are in no line";
        let _ = writeln!(out, "  {} units {what}", bill.unsized_units);
    }
    for (dimension, excess) in &bill.excess {
        let what = match dimension {
            Dimension::Memory => format!("{} GiB·h", decimal(rounded(*excess, GIB_HOUR), 4)),
            Dimension::Energy => format!("{} kWh", decimal(rounded(*excess, KWH), 4)),
            _ => format!("{} h", decimal(rounded(*excess, HOUR), 4)),
        };
        let _ =
            writeln!(out, "  {dimension} of the parts was {what} more than there was, and is scaled to it");
    }
    if !bill.events.is_empty() {
        let _ = writeln!(out, "\nWhat happened");
        for event in bill.events.iter().take(20) {
            let _ = writeln!(out, "  {event}");
        }
        if bill.events.len() > 20 {
            let _ = writeln!(out, "  and {} more", bill.events.len() - 20);
        }
    }
}
