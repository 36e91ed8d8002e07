//! Who is on which GPU: containers, pods, jobs and processes, what they use, and whether they were
//! given it.
//!
//! ```text
//! cargo run -p gpu-who -- --sim mixed
//! cargo run -p gpu-who -- --watch 1
//! cargo run -p gpu-who -- --replay node.gpurec --watch 1
//! cargo run -p gpu-who -- --json --over 1000 --proc-root /host/proc --sysfs-root /host/sys
//! ```
//!
//! Engine time is counted between two looks, half a second apart unless `--over` says otherwise.
//! What `--json` prints is described in `json.rs`. On a machine without GPU it says what came of
//! looking for each vendor, and exits with 0.

mod args;
#[path = "../../shared/facts.rs"]
mod facts;
mod json;
#[path = "../../shared/mps.rs"]
mod mps;
#[path = "../../shared/paint.rs"]
mod paint;
mod report;
#[path = "../../shared/roots.rs"]
mod roots;
#[path = "../../shared/simulated.rs"]
mod simulated;
mod source;
#[path = "../../shared/table.rs"]
mod table;
mod text;
#[path = "../../shared/vendor.rs"]
mod vendor;

use std::error::Error;
use std::io::Write;
use std::process::ExitCode;

use args::{Args, Asked};
use paint::Paint;
use report::Report;
use source::Source;

fn main() -> ExitCode {
    match run() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("gpu-who: {error}");
            ExitCode::from(2)
        }
    }
}

fn run() -> Result<(), Box<dyn Error>> {
    let args = match Args::parse(std::env::args_os().skip(1))? {
        Asked::Help => return write(args::HELP).map(drop),
        Asked::Report(args) => args,
    };
    let source = Source::open(&args)?;
    let mut watch = source.node().watch().mps(args.mps);
    if !args.over.is_zero() {
        watch.look();
        source.wait(args.over)?;
    }
    let paint = Paint::for_stdout();
    let mut left = args.count;
    loop {
        let attribution = watch.look();
        let report = Report::new(&source, &watch, &attribution);
        let shown = if args.json {
            json::report(&report, args.watch.is_some())?
        } else {
            text::report(&report, paint)
        };
        let is_read = write(&shown)?;
        left = left.map(|left| left.saturating_sub(1));
        match args.watch {
            Some(period) if is_read && left != Some(0) && source.wait(period)? => {}
            _ => return Ok(()),
        }
    }
}

/// Writes to standard output; says whether anybody still reads there (`| head`).
fn write(text: &str) -> Result<bool, Box<dyn Error>> {
    let mut out = std::io::stdout().lock();
    match out.write_all(text.as_bytes()).and_then(|()| out.flush()) {
        Ok(()) => Ok(true),
        Err(error) if error.kind() == std::io::ErrorKind::BrokenPipe => Ok(false),
        Err(error) => Err(error.into()),
    }
}
