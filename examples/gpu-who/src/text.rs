//! The report as text.

use std::fmt::Write;

use gpu_accounting::attribution::{Balance, EndedUse, EngineUse, Line, Standing};
use gpu_accounting::{Absence, Bytes, Device, MemoryComparison, Permille};

use crate::paint::Paint;
use crate::report::Report;
use crate::table::Table;

/// Processes of one line that are named; more are counted.
const NAMED: usize = 3;

/// The whole report.
pub fn report(report: &Report<'_>, paint: Paint) -> String {
    let mut out = String::new();
    if let Some(what) = report.simulated {
        let _ = writeln!(out, "{}", paint.warn(&format!("SIMULATED {what}: nothing below is hardware")));
    }
    if report.inventory.devices.is_empty() {
        for of in report.node.outcomes() {
            let _ = writeln!(out, "{:<8} {:#}", of.vendor, of.outcome);
            for place in of.outcome.looked_for() {
                let _ = writeln!(out, "           {place}");
            }
        }
    }
    for (number, device) in report.inventory.devices().enumerate() {
        one_device(&mut out, report, number, device, paint);
    }
    let attribution = report.attribution;
    let contradictions: Vec<String> = attribution
        .contradictions
        .iter()
        .map(|of| format!("{} {} ({})", of.owner, of.kind.words(), report.place(of.unit)))
        .collect();
    let ended: Vec<String> = attribution.ended.iter().map(|of| one_ended(report, of)).collect();
    section(&mut out, "Ended since the look before (estimated)", &ended, paint);
    let accounts: Vec<String> = attribution.memory_accounts.iter().map(|of| account(report, of)).collect();
    section(&mut out, "Memory by the kernel's account, beside the processes'", &accounts, paint);
    section(&mut out, "At odds", &contradictions, paint);
    let unresolved: Vec<String> = report
        .unresolved
        .iter()
        .map(|of| format!("{}: {} {:?}: {}", of.owner, of.source, of.text, of.why))
        .collect();
    section(&mut out, "Given, and not here", &unresolved, paint);
    let mut problems: Vec<String> = report.problems.iter().map(ToString::to_string).collect();
    if report.unreadable() > 0 {
        problems.push(format!("{} processes may not be looked into", report.unreadable()));
    }
    section(&mut out, "Could not be read", &problems, paint);
    out
}

fn one_ended(report: &Report<'_>, of: &EndedUse) -> String {
    let name = of.name.map(|name| format!(" {name}")).unwrap_or_default();
    let fact = |fact: Result<String, Absence>| fact.unwrap_or_else(|absence| format!("- ({absence})"));
    format!(
        "{} {}{name} of {}: at most {}, {} of time, {} of it in no line",
        report.place(of.device.into()),
        of.pid,
        of.holder,
        fact(of.memory_peak.map(|memory| memory.to_string())),
        fact(of.time.map(|time| time.to_string())),
        fact(of.unseen.map(|time| time.to_string())),
    )
}

fn account(report: &Report<'_>, of: &MemoryComparison) -> String {
    let shown = |bytes: Option<Bytes>| bytes.map_or_else(|| "-".to_owned(), |bytes| bytes.to_string());
    let place = report.place(of.device.into());
    let (kernel, processes) = (shown(of.kernel), shown(of.processes));
    let mut text = format!("{place} {}: {kernel} charged, {processes} shown", of.owner);
    if of.only_kernel() > Bytes::ZERO {
        let _ = write!(text, "; {} are in no process", of.only_kernel());
    }
    if of.only_processes() > Bytes::ZERO {
        let _ = write!(text, "; {} are not charged", of.only_processes());
    }
    text
}

fn section(out: &mut String, title: &str, lines: &[String], paint: Paint) {
    if lines.is_empty() {
        return;
    }
    let _ = writeln!(out, "\n{}", paint.bold(title));
    for line in lines {
        let _ = writeln!(out, "  {line}");
    }
}

fn one_device(out: &mut String, report: &Report<'_>, number: usize, device: &Device, paint: Paint) {
    let title = paint.bold(&format!("#{number}  {}", device.name));
    let _ = writeln!(out, "\n{title} {}", paint.dim(&device.id.to_string()));
    if let Some(balance) = report.attribution.balance(device.id) {
        let _ = writeln!(out, "    memory  {}", memory(balance.memory));
        let _ = writeln!(out, "    time    {}", shader(balance.shader, balance.unscaled_shares));
    }
    let mut table = Table::new(&["WHO", "WHAT", "UNIT", ">MEMORY", "ENGINES", "GIVEN", "PROCESSES"]);
    let mut reasons = Vec::new();
    for line in report.attribution.on(device.id) {
        table.row(row(report, line, &mut reasons));
    }
    let lines = table.lines();
    if lines.len() == 1 {
        let _ = writeln!(out, "    nobody is on it");
        return;
    }
    for line in lines {
        let _ = writeln!(out, "    {line}");
    }
    for reason in reasons {
        let _ = writeln!(out, "    {}", paint.dim(&format!("- {reason}")));
    }
}

fn memory(balance: Result<Balance, Absence>) -> String {
    let of = match balance {
        Ok(of) => of,
        Err(absence) => return format!("- ({absence})"),
    };
    let mut text = format!(
        "{} of {} are somebody's, {} nobody's, {} free",
        Bytes(of.attributed),
        Bytes(of.total),
        Bytes(of.unattributed),
        Bytes(of.free)
    );
    if of.reserved > 0 {
        let _ = write!(text, ", {} kept by the driver", Bytes(of.reserved));
    }
    if of.excess > 0 {
        let _ = write!(text, "; processes show {} more than the GPU", Bytes(of.excess));
    }
    text
}

fn shader(balance: Result<Balance, Absence>, unscaled: Option<Permille>) -> String {
    let of = match balance {
        Ok(of) => of,
        Err(absence) => return format!("- ({absence})"),
    };
    let mut text = format!(
        "{} are somebody's, {} nobody's, {} idle",
        Permille(of.attributed),
        Permille(of.unattributed),
        Permille(of.free)
    );
    if let Some(sum) = unscaled {
        let _ = write!(text, "; processes showed {sum} together, scaled to the whole");
    }
    text
}

fn row(report: &Report<'_>, line: &Line, reasons: &mut Vec<String>) -> [String; 7] {
    let mut missing = |label: &str, absence: Absence| {
        let reason = format!("{label}: {absence}");
        if !reasons.contains(&reason) {
            reasons.push(reason);
        }
        "-".to_owned()
    };
    let memory = line.memory.map_or_else(|absence| missing("memory", absence), |memory| memory.to_string());
    let untold = line.untold.map(|absence| missing("engines", absence));
    let engines: Vec<String> = line.engines.iter().map(engine).chain(untold).collect();
    let mut who = report.who(line);
    for other in &line.shared_with {
        let _ = write!(who, ", shared with {other}");
    }
    [
        who,
        line.role.to_string(),
        report.place(line.unit),
        memory,
        engines.join(", "),
        given(line.standing),
        processes(line),
    ]
}

/// `shader 30% ~`: the mark is on what is not counted for each process.
fn engine(of: &EngineUse) -> String {
    let mark = match of.basis {
        gpu_accounting::attribution::Basis::Measured(_) => "",
        gpu_accounting::attribution::Basis::Estimated(_) => " ~",
        _ => " ≈",
    };
    format!("{} {}{mark}", of.engine, of.share)
}

fn given(standing: Standing) -> String {
    match standing {
        Standing::Entitled { strength, source, memory_limit: Some(limit) } => {
            format!("{strength} ({source}), at most {limit}")
        }
        Standing::Entitled { strength, source, memory_limit: None } => format!("{strength} ({source})"),
        Standing::NotAsked | Standing::Unknown => "-".to_owned(),
        other => other.to_string(),
    }
}

fn processes(line: &Line) -> String {
    let named = line.processes.iter().take(NAMED).map(|process| match process.name {
        Ok(name) => format!("{} {name}", process.pid),
        Err(_) => process.pid.to_string(),
    });
    let mut text = named.collect::<Vec<_>>().join(", ");
    if line.processes.len() > NAMED {
        let _ = write!(text, " and {} more", line.processes.len() - NAMED);
    }
    text
}
