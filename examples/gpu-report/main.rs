//! A report of every GPU of a machine: devices, partitions, topology, processes.
//!
//! ```text
//! cargo run --example gpu-report -- [--json] [--sim PRESET-or-FILE] [--vendor NAME]...
//!                                   [--sysfs-root DIR] [--proc-root DIR] [--nvml LIBRARY]
//!                                   [--record FILE [--looks N] [--every SECONDS] [--redact]]
//!                                   [--replay FILE [--at N]]
//! ```
//!
//! On a machine without GPU it says what came of looking for each vendor, exits with 0, and
//! shows a simulated machine's report under a heading that says so. With `--json` (the form is
//! described in `json.rs`) nothing simulated is shown unasked.

mod args;
#[path = "../shared/facts.rs"]
mod facts;
mod json;
mod matrix;
#[path = "../shared/paint.rs"]
mod paint;
mod record;
#[path = "../shared/roots.rs"]
mod roots;
#[path = "../shared/simulated.rs"]
mod simulated;
mod snapshot;
#[path = "../shared/table.rs"]
mod table;
mod text;
#[path = "../shared/vendor.rs"]
mod vendor;

use std::io::Write;
use std::process::ExitCode;

use args::{Args, Asked};
use snapshot::Snapshot;

/// What a report looks like is shown with this machine where there is no GPU.
const SHOWN_WITHOUT_GPU: &str = "mixed";

fn main() -> ExitCode {
    match run() {
        Ok(None) => ExitCode::SUCCESS,
        Ok(Some(damage)) => {
            eprintln!("gpu-report: {damage}; this is the last moment before that");
            ExitCode::FAILURE
        }
        Err(error) => {
            eprintln!("gpu-report: {error}");
            ExitCode::from(2)
        }
    }
}

/// Says why a recording cannot be read to its end, where it cannot.
fn run() -> Result<Option<String>, Box<dyn std::error::Error>> {
    let args = match Args::parse(std::env::args_os().skip(1))? {
        Asked::Help => return write(args::HELP).map(|()| None),
        Asked::Report(args) => args,
    };
    let snapshot = Snapshot::take(&args)?;
    if args.json {
        write(&json::report(&snapshot)?)?;
        return Ok(snapshot.damage);
    }
    let paint = paint::Paint::for_stdout();
    let mut report = text::report(&snapshot, paint);
    let is_here = snapshot.simulated.is_none() && snapshot.recorded.is_none();
    if is_here && snapshot.inventory.devices.is_empty() {
        report += &text::heading_of_simulation(SHOWN_WITHOUT_GPU, paint);
        report += &text::report(&Snapshot::of_preset(SHOWN_WITHOUT_GPU)?, paint);
    }
    write(&report)?;
    Ok(snapshot.damage)
}

/// Writes to standard output; a reader that has gone away (`| head`) is no error.
fn write(report: &str) -> Result<(), Box<dyn std::error::Error>> {
    match std::io::stdout().lock().write_all(report.as_bytes()) {
        Err(error) if error.kind() != std::io::ErrorKind::BrokenPipe => Err(error.into()),
        _ => Ok(()),
    }
}
