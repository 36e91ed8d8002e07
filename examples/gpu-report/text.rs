//! The report as text.

use std::fmt::{Display, Write};

use gpu_accounting::{Absence, Device, Inventory, Measured, Partition, ProcessReading, Reading, UnitId};

use crate::matrix;
use crate::paint::Paint;
use crate::snapshot::Snapshot;
use crate::table::Table;

/// The whole report.
pub fn report(snapshot: &Snapshot, paint: Paint) -> String {
    let mut out = String::new();
    if let Some(name) = &snapshot.simulated {
        line(&mut out, &paint.warn(&format!("SIMULATED machine {name:?}: nothing below is hardware")));
        out.push('\n');
    }
    vendors(&mut out, snapshot, paint);
    let inventory = &snapshot.inventory;
    for (number, device) in inventory.devices().enumerate() {
        out.push('\n');
        line(
            &mut out,
            &format!(
                "{} {}",
                paint.bold(&format!("#{number}  {}", device.name)),
                paint.dim(&device.id.to_string())
            ),
        );
        facts(&mut out, device, paint);
        health(&mut out, snapshot, device, paint);
        readings(&mut out, snapshot.sample.reading(device.id), paint);
        partitions(&mut out, snapshot, &device.partitions, "     ", paint);
    }
    topology(&mut out, inventory, paint);
    processes(&mut out, snapshot, paint);
    unmanaged(&mut out, inventory, paint);
    problems(&mut out, snapshot, paint);
    out
}

/// What stands between the report of a machine without GPU and the simulated one below it.
pub fn heading_of_simulation(name: &str, paint: Paint) -> String {
    let rule = "─".repeat(78);
    let text = format!(
        "No GPU was found on this machine. What follows is SIMULATED: the report of a\n\
         machine that does not exist ({name:?}), to show what a report looks like.\n"
    );
    format!("\n{rule}\n{}{rule}\n", paint.warn(&text))
}

fn line(out: &mut String, text: &str) {
    out.push_str(text.trim_end());
    out.push('\n');
}

fn section(out: &mut String, title: &str, lines: &[String], paint: Paint) {
    if lines.is_empty() {
        return;
    }
    out.push('\n');
    line(out, &paint.bold(title));
    for text in lines {
        line(out, &format!("  {text}"));
    }
}

fn vendors(out: &mut String, snapshot: &Snapshot, paint: Paint) {
    line(out, &paint.bold("Vendors"));
    for of in &snapshot.outcomes {
        let devices = snapshot.inventory.devices().filter(|device| device.vendor() == of.vendor).count();
        let found = match devices {
            0 => String::new(),
            1 => ", 1 device".to_owned(),
            n => format!(", {n} devices"),
        };
        line(out, &format!("  {:<8} {:#}{found}", of.vendor, of.outcome));
        for place in of.outcome.looked_for() {
            line(out, &paint.dim(&format!("             {place}")));
        }
    }
    for driver in &snapshot.inventory.drivers {
        let mut text = format!("  driver   {}", driver.name);
        for (label, version) in
            [("", &driver.version), ("library ", &driver.library), ("compute API ", &driver.compute_api)]
        {
            if let Some(version) = version.value() {
                let _ = write!(text, "  {label}{version}");
            }
        }
        line(out, &text);
    }
}

/// What does not change: one line of what is known, the rest left out.
fn facts(out: &mut String, device: &Device, paint: Paint) {
    let mut known = Vec::new();
    let mut add = |label: &str, value: Option<String>| {
        if let Some(value) = value {
            known.push(format!("{label} {value}"));
        }
    };
    add("memory", device.memory_total.value().map(ToString::to_string));
    add("units", device.compute_units.value().map(ToString::to_string));
    add("pci", device.pci.value().map(ToString::to_string));
    add("numa", device.numa.value().map(ToString::to_string));
    add("chip", device.architecture.value().cloned());
    add("serial", device.serial.value().cloned());
    add("driver", device.driver.value().cloned());
    for mode in &device.modes {
        let mut text = mode.current.to_string();
        if mode.pending != mode.current {
            let _ = write!(text, " (after reset: {})", mode.pending);
        }
        add(mode.name, Some(text));
    }
    if let Some(absence) = device.memory_total.absence() {
        known.push(format!("memory {}", paint.dim(&format!("({absence})"))));
    }
    line(out, &format!("     {}", known.join(" · ")));
}

/// How well the device is, and what speaks against it or a part of it.
fn health(out: &mut String, snapshot: &Snapshot, device: &Device, paint: Paint) {
    let Some(of) = snapshot.health.get(device.id).filter(|of| !of.evidence.is_empty()) else { return };
    for condition in &of.evidence {
        let at = match condition.at {
            UnitId::Device(_) => String::new(),
            part => format!("{part}: "),
        };
        line(out, &format!("     {}", paint.warn(&format!("{}: {at}{condition}", of.state))));
    }
}

/// What one unit shows, and beneath it what it does not show and why.
fn readings(out: &mut String, reading: &Reading, paint: Paint) {
    let mut shown = Vec::new();
    let mut absent = Vec::new();
    add(&mut shown, &mut absent, "used", reading.memory_used);
    add(&mut shown, &mut absent, "busy", reading.busy);
    add(&mut shown, &mut absent, "power", reading.power);
    if let (Ok(_), Ok(limit)) = (reading.power, reading.power_limit) {
        shown.push(format!("of {limit}"));
    }
    add(&mut shown, &mut absent, "energy", reading.energy);
    add(&mut shown, &mut absent, "temp", reading.temperature);
    add(&mut shown, &mut absent, "clock", reading.clock_graphics);
    if let Ok(throttle) = reading.throttle {
        if !throttle.value.is_empty() {
            shown.push(format!("throttled: {throttle}"));
        }
    }
    if let Ok(errors) = reading.ecc_uncorrected {
        if errors.value.get() > 0 {
            shown.push(paint.warn(&format!("{errors} uncorrected memory errors")));
        }
    }
    if !shown.is_empty() {
        line(out, &format!("     {}", shown.join(" · ").replace(" · of ", " of ")));
    }
    for (why, labels) in grouped(absent) {
        line(out, &paint.dim(&format!("     no {}: {why}", labels.join(", "))));
    }
}

type Absent = Vec<(&'static str, Absence)>;

fn add<T: Display>(
    shown: &mut Vec<String>,
    absent: &mut Absent,
    label: &'static str,
    value: Result<Measured<T>, Absence>,
) {
    match value {
        Ok(value) => shown.push(format!("{label} {value}")),
        Err(absence) => absent.push((label, absence)),
    }
}

/// The labels that are absent for the same reason, together.
fn grouped(absent: Absent) -> Vec<(Absence, Vec<&'static str>)> {
    let mut groups: Vec<(Absence, Vec<&'static str>)> = Vec::new();
    for (label, absence) in absent {
        match groups.iter_mut().find(|(why, _)| *why == absence) {
            Some((_, labels)) => labels.push(label),
            None => groups.push((absence, vec![label])),
        }
    }
    groups
}

fn partitions(out: &mut String, snapshot: &Snapshot, parts: &[Partition], indent: &str, paint: Paint) {
    for (i, part) in parts.iter().enumerate() {
        let last = i + 1 == parts.len();
        let (branch, below) = if last { ("└─ ", "   ") } else { ("├─ ", "│  ") };
        line(out, &format!("{indent}{branch}{}", partition(snapshot, part, paint)));
        partitions(out, snapshot, &part.partitions, &format!("{indent}{below}"), paint);
    }
}

fn partition(snapshot: &Snapshot, part: &Partition, paint: Paint) -> String {
    let place = format!("{} {}", part.kind(), part.id.index());
    let mut text = format!("{place:<6} {:<12}", part.profile.value().map_or("-", String::as_str));
    if let Some(memory) = part.memory_total.value() {
        let _ = write!(text, " {memory:>9}");
    }
    if let Some(units) = part.compute_units.value() {
        let _ = write!(text, "  {units} units");
    }
    if let Some(placement) = part.placement.value() {
        let _ = write!(text, "  at {placement}");
    }
    if let Some(slice) = part.time_slice.value() {
        let _ = write!(text, "  time slice {slice}");
    }
    if let Ok(used) = snapshot.sample.reading(part.id).memory_used {
        let _ = write!(text, "  used {used}");
    }
    if let Some(name) = part.vendor_name.value() {
        let _ = write!(text, "  {}", paint.dim(name));
    }
    text
}

fn topology(out: &mut String, inventory: &Inventory, paint: Paint) {
    if inventory.devices.len() > 1 {
        section(out, "Topology", &matrix::topology(inventory), paint);
    }
}

fn processes(out: &mut String, snapshot: &Snapshot, paint: Paint) {
    if snapshot.processes.is_empty() {
        return;
    }
    let mut table = Table::new(&[">pid", "name", "on", "kind", ">memory", ">busy"]);
    let mut absences = Vec::new();
    for process in &snapshot.processes {
        let mut cell = |label: &'static str, value: Result<String, Absence>| {
            value.unwrap_or_else(|absence| {
                if !absences.contains(&(label, absence)) {
                    absences.push((label, absence));
                }
                "-".to_owned()
            })
        };
        let name = cell("name", process.name.map(|name| name.to_string()));
        let memory = cell("memory", process.memory.map(|memory| memory.to_string()));
        let busy = cell("busy", process.busy.map(|busy| busy.to_string()));
        table.row([
            process.pid.to_string(),
            name,
            place(snapshot, process),
            process.kinds.to_string(),
            memory,
            busy,
        ]);
    }
    let mut lines = table.lines();
    lines.extend(absences.iter().map(|(label, absence)| paint.dim(&format!("- in {label}: {absence}"))));
    section(out, "Processes", &lines, paint);
}

/// Where a process runs, by the numbers that the report gives to devices.
fn place(snapshot: &Snapshot, process: &ProcessReading) -> String {
    let device = snapshot.inventory.devices().position(|device| device.id == process.unit.device());
    let device = device.map_or_else(|| process.unit.device().to_string(), |number| format!("#{number}"));
    match process.unit {
        UnitId::Partition(id) => {
            let text = id.to_string();
            // The text of a partition is its device's and what comes after the first slash.
            let within = text.split_once('/').map_or("", |(_, within)| within);
            format!("{device} {}", within.replace('/', " "))
        }
        _ => device,
    }
}

fn unmanaged(out: &mut String, inventory: &Inventory, paint: Paint) {
    let lines: Vec<String> = inventory
        .unmanaged
        .iter()
        .map(|gpu| {
            let vendor = gpu.vendor.map_or_else(String::new, |vendor| format!(" ({vendor})"));
            let driver = gpu.driver.value().map_or("no driver", String::as_str);
            format!("{}  {}{vendor}  {driver}: {}", gpu.pci, gpu.pci_id, gpu.why)
        })
        .collect();
    section(out, "Present, and not managed by any backend", &lines, paint);
}

fn problems(out: &mut String, snapshot: &Snapshot, paint: Paint) {
    let lines: Vec<String> = snapshot
        .inventory
        .problems
        .iter()
        .chain(&snapshot.sample.problems)
        .map(ToString::to_string)
        .collect();
    section(out, "Could not be read", &lines, paint);
}
