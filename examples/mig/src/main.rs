//! Plans, changes and shows how NVIDIA's boards are cut.
//!
//! ```text
//! cargo run -p mig -- profiles  --board h100-80
//! cargo run -p mig -- plan      --board h100-80 --live 1g.10gb@1,1g.10gb@6 --want 3g.40gb,1g.10gb
//! cargo run -p mig -- apply     --sim mixed --want 3g.40gb,1g.10gb --add [--dry-run]
//! cargo run -p mig -- export    --sim dgx-a100-8
//! cargo run -p mig -- plan      --replay node.gpurec --want 1g.10gb --add
//! cargo run -p mig -- resources --sim dgx-a100-8 --config plugin.yaml
//! ```
//!
//! Exits with 0 when what was asked for is done, or can be; with 2 when it is refused and nothing
//! was changed; with 1 when something was changed and what was asked for is not there: it failed
//! half way, or awaits a reset. What `--json` prints is described in `json.rs`.

mod apply;
mod args;
mod board;
mod export;
mod filled;
mod json;
mod list;
#[path = "../../shared/paint.rs"]
mod paint;
mod picture;
mod plan;
mod profiles;
mod resources;
#[path = "../../shared/simulated.rs"]
mod simulated;
mod source;
#[path = "../../shared/table.rs"]
mod table;
mod target;
mod text;

use std::error::Error;
use std::io::Write;
use std::process::ExitCode;

use args::{Args, Asked, Verb};
use paint::Paint;
use picture::Style;
use source::Source;

/// Nothing was changed.
const REFUSED: u8 = 2;
/// Something was changed, and what was asked for is not there.
const UNFINISHED: u8 = 1;

fn main() -> ExitCode {
    match run() {
        Ok(code) => ExitCode::from(code),
        Err(error) => {
            eprintln!("mig: {error}");
            ExitCode::from(REFUSED)
        }
    }
}

fn run() -> Result<u8, Box<dyn Error>> {
    let args = match Args::parse(std::env::args_os().skip(1))? {
        Asked::Help => {
            write(args::HELP)?;
            return Ok(0);
        }
        Asked::Do(args) => *args,
    };
    let source = Source::open(&args)?;
    let style = Style { paint: Paint::for_stdout(), ascii: args.ascii };
    match args.verb {
        Verb::Profiles => {
            let chosen = source.chosen(&args.gpus)?;
            say(&args, json::profiles(&source, &chosen), || text::profiles(&source, &chosen, style))
        }
        Verb::Plan => plan_or_apply(&source, &args, style, false),
        Verb::Apply => plan_or_apply(&source, &args, style, !args.dry_run),
        Verb::Export => {
            let exported = export::Exported::of(&source, args.label.as_deref().unwrap_or("current"))?;
            say(&args, json::export(&source, &exported), || exported.text(&source))
        }
        Verb::Resources => {
            let offered = resources::Resources::of(&source, &args)?;
            say(&args, json::resources(&source, &offered), || text::resources(&source, &offered, style))
        }
    }
}

/// Plans for every board before any is touched.
fn plan_or_apply(source: &Source, args: &Args, style: Style, really: bool) -> Result<u8, Box<dyn Error>> {
    let planned = plan::plan(source, target::targets(source, args)?);
    if !planned.refused.is_empty() || !really {
        let applied = (args.verb == Verb::Apply).then_some(args.dry_run);
        say(args, json::plan(source, &planned, applied), || text::plan(source, &planned, style))?;
        for refused in &planned.refused {
            eprintln!("mig: {}", refused.told(source));
        }
        return Ok(if planned.refused.is_empty() { 0 } else { REFUSED });
    }
    let done = apply::apply(source, planned.plans)?;
    say(args, json::apply(source, &done), || text::apply(source, &done, style))?;
    for (position, why) in done.iter().filter_map(|of| Some((of.position, of.why()?))) {
        eprintln!("mig: GPU {position}: {why}");
    }
    Ok(match (done.iter().all(apply::Done::is_finished), done.iter().any(apply::Done::has_changed)) {
        (true, _) => 0,
        (false, true) => UNFINISHED,
        (false, false) => REFUSED,
    })
}

fn say(args: &Args, json: serde_json::Value, text: impl FnOnce() -> String) -> Result<u8, Box<dyn Error>> {
    match args.json {
        true => write(&(serde_json::to_string_pretty(&json)? + "\n"))?,
        false => write(&text())?,
    }
    Ok(0)
}

/// Writes to standard output; a reader that has gone away (`| head`) is no error.
fn write(text: &str) -> Result<(), Box<dyn Error>> {
    match std::io::stdout().lock().write_all(text.as_bytes()) {
        Err(error) if error.kind() != std::io::ErrorKind::BrokenPipe => Err(error.into()),
        _ => Ok(()),
    }
}
