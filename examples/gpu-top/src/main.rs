//! What the GPUs of a machine do, who is on them, and how they are cut, in a terminal.
//!
//! ```text
//! cargo run -p gpu-top                              # this machine
//! cargo run -p gpu-top -- --sim mixed               # a simulated one
//! cargo run -p gpu-top -- --replay node.gpurec      # a recording of gpu-report's
//! cargo run -p gpu-top -- --sim mixed --once        # one frame as text
//! cargo run -p gpu-top -- --ledger gpus.db          # beside what gpu-lease holds
//! ```
//!
//! What is not known is said to be so, never shown as 0: `n/a`, `denied`, `asleep`… with the reason in
//! the details. Simulated and recorded data says so, all the time.

mod args;
mod draw;
#[cfg_attr(not(feature = "ledger"), path = "no_ledger.rs")]
mod ledger;
mod model;
mod once;
#[path = "../../shared/roots.rs"]
mod roots;
mod screen;
#[path = "../../shared/simulated.rs"]
mod simulated;
mod source;
mod state;
#[cfg(test)]
mod tests;
mod text;
#[path = "../../shared/vendor.rs"]
mod vendor;
mod worker;

use std::error::Error;
use std::io::Write;
use std::process::ExitCode;

use args::{Args, Asked};

fn main() -> ExitCode {
    match run() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("gpu-top: {error}");
            ExitCode::from(2)
        }
    }
}

fn run() -> Result<(), Box<dyn Error>> {
    let args = match Args::parse(std::env::args_os().skip(1))? {
        Asked::Help => return write(&format!("{}{}", args::HELP, args::MORE)),
        Asked::Show(args) => args,
    };
    if args.once { write(&once::once(&args)?) } else { screen::show(&args) }
}

/// Writes to standard output; a reader that has gone away (`| head`) is no error.
fn write(text: &str) -> Result<(), Box<dyn Error>> {
    match std::io::stdout().lock().write_all(text.as_bytes()) {
        Err(error) if error.kind() != std::io::ErrorKind::BrokenPipe => Err(error.into()),
        _ => Ok(()),
    }
}
