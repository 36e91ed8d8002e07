//! The bill as CSV (RFC 4180): a line each, the rest in lines of its own. Columns:
//!
//! `kind` (`container`, `pod`…, `unattributed`, `untold`, `idle`, `total`), `name`, `held_gpu_hours`,
//! `busy_gpu_hours`, `memory_gib_hours`, `energy_kwh`, `standby_kwh`, `partial`, `simulated`. What nobody
//! tells is empty, never 0. `untold` is a part of `unattributed`; of held there is no idle.

use std::error::Error;

use crate::amount::{Amount, decimal, rounded};
use crate::bill::{Bill, Row};
use crate::text::{GIB_HOUR, KWH};

pub fn bill(bill: &Bill) -> Result<String, Box<dyn Error>> {
    let mut out = csv::Writer::from_writer(Vec::new());
    out.write_record([
        "kind",
        "name",
        "held_gpu_hours",
        "busy_gpu_hours",
        "memory_gib_hours",
        "energy_kwh",
        "standby_kwh",
        "partial",
        "simulated",
    ])?;
    let rest = &bill.rest;
    let kind = bill.by.name();
    let rows = bill.rows.iter().map(|(name, row)| (kind, name.as_str(), row));
    let others = [
        ("unattributed", "", &rest.unattributed),
        ("untold", "", &rest.untold),
        ("idle", "", &rest.idle),
        ("total", "", &rest.total),
    ];
    for (kind, name, row) in rows.chain(others) {
        out.write_record(record(kind, name, row, bill.simulated))?;
    }
    Ok(String::from_utf8(out.into_inner()?)?)
}

fn record(kind: &str, name: &str, row: &Row, simulated: bool) -> [String; 9] {
    let number = |micros: Option<u128>| micros.map(|micros| decimal(micros, 6)).unwrap_or_default();
    [
        kind.to_owned(),
        name.to_owned(),
        number(Some(row.held.micro_hours())),
        number(row.busy.as_ref().map(Amount::micro_hours)),
        number(row.memory.map(|of| rounded(of, GIB_HOUR))),
        number(row.energy.map(|of| rounded(of, KWH))),
        number(Some(rounded(row.standby, KWH))),
        row.is_partial.to_string(),
        simulated.to_string(),
    ]
}
