//! Who held and used how much of which GPU, over a period: statements are collected into a file, and
//! shown from it.
//!
//! ```text
//! cargo run -p gpu-bill -- collect --sim mixed --for 1h --out statements.gpul
//! cargo run -p gpu-bill -- collect --replay node.gpurec --node n1 --out statements.gpul
//! cargo run -p gpu-bill -- show statements.gpul --by pod
//! cargo run -p gpu-bill -- show statements.gpul --by namespace --from 2026-11-01T00:00:00Z --format csv
//! ```
//!
//! The file is a row of the records of `gpu_core::stored`: statements are only ever added to it, each by
//! one write, and what a crash left half written is cut off by the next who adds. One at a time adds to
//! a file. Told to end (SIGINT, SIGTERM, SIGHUP), `collect` writes what is open and leaves with success.
//!
//! Held is what the machine shows that somebody was given (device files, plugins' checkpoints, jobs'
//! resources), or what a ledger says (`--ledger`, a store of `gpu-lease`'s).

mod amount;
mod args;
mod bill;
mod collect;
mod csv;
mod ending;
mod file;
#[path = "../../shared/given.rs"]
mod given;
mod holders;
mod json;
mod period;
#[path = "../../shared/roots.rs"]
mod roots;
#[path = "../../shared/simulated.rs"]
mod simulated;
#[path = "../../shared/slices.rs"]
mod slices;
mod source;
#[path = "../../shared/table.rs"]
mod table;
mod text;

use std::error::Error;
use std::io::Write;
use std::process::ExitCode;

use args::{Asked, Format, Show};
use bill::Bill;

fn main() -> ExitCode {
    match run() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("gpu-bill: {error}");
            ExitCode::from(2)
        }
    }
}

fn run() -> Result<(), Box<dyn Error>> {
    match args::parse(std::env::args_os().skip(1))? {
        Asked::Help => write(args::HELP),
        Asked::Collect(args) => collect::collect(&args),
        Asked::Show(args) => show(&args),
    }
}

fn show(args: &Show) -> Result<(), Box<dyn Error>> {
    let mut bill = Bill::new(args.by, args.period);
    for path in &args.files {
        let read = file::read(path)?;
        if let Some(tail) = read.tail {
            eprintln!("gpu-bill: {}: {tail}; what comes before it is shown", path.display());
        }
        for statement in &read.statements {
            bill.add(statement).map_err(|error| format!("{}: {error}", path.display()))?;
        }
    }
    bill.finish();
    write(&match args.format {
        Format::Table => text::bill(&bill),
        Format::Csv => csv::bill(&bill)?,
        Format::Json => json::bill(&bill)?,
    })
}

/// Writes to standard output, whether anybody still reads there or not (`| head`).
fn write(text: &str) -> Result<(), Box<dyn Error>> {
    let mut out = std::io::stdout().lock();
    match out.write_all(text.as_bytes()).and_then(|()| out.flush()) {
        Err(error) if error.kind() != std::io::ErrorKind::BrokenPipe => Err(error.into()),
        _ => Ok(()),
    }
}
