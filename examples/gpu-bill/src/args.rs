//! The command line.

use std::ffi::OsString;
use std::path::PathBuf;
use std::time::Duration;

use gpu_accounting::Microwatts;
use gpu_accounting::ledger::NodeName;
use gpu_accounting::meter::{Baseline, By, IdlePower, Rules};
use lexopt::prelude::*;

use crate::period::{self, Period};
use crate::roots::Roots;

pub const HELP: &str = "\
gpu-bill: who held and used how much of which GPU, over a period

usage: gpu-bill collect --out FILE --for TIME [OPTIONS]
       gpu-bill collect --out FILE --replay FILE [OPTIONS]
       gpu-bill show FILE... [OPTIONS]

collect: meter this node, and add a statement to the file every so often
  --out FILE           the file; statements are added to what it has
  --for TIME           how long, such as 90s, 15m, 1h, 2d (a recording: all of it)
  --every TIME         between two looks (default 1s)
  --close TIME         between two statements (default 1m)
  --node NAME          what the node is called (default: the machine's name)
  --energy RULE        energy is spread by engine-time (default), memory, slices,
                       compute-units or equally
  --otherwise RULE     and where that says nothing, by this (default: it is
                       unattributed)
  --baseline POWER     what idling takes: so many watts, or the least that was
                       seen (default: not known; while anything runs, all that
                       is drawn is for what runs)
  --idle WHO           the energy of idling goes to nobody (default) or holders
  --ledger FILE        who holds what is what this ledger says (a store of
                       gpu-lease's), not what the machine shows that was given
  --sim NAME           a simulated machine, by its own clock: a preset's name or a
                       JSON file
  --replay FILE        a recording (of gpu-report's) instead of the machine, look by
                       look; --every says how far these are apart: more than five
                       times that is a gap
  --sysfs-root, --proc-root, --cgroup-root, --host-root DIR, --nvml LIBRARY
                       where the machine is read instead of its usual places

show: add the statements of a period up
  --by WHAT            container (default), pod, namespace or job
  --from TIME          no statement that begins before: 2026-11-01T00:00:00Z
  --to TIME            no statement that ends after
  --format FORM        table (default), csv or json

  --help               print this
";

/// The options of [`Roots`] that there are.
const ROOTS: [&str; 5] = ["sysfs-root", "proc-root", "cgroup-root", "host-root", "nvml"];

/// What the command line asks for.
pub enum Asked {
    Help,
    Collect(Box<Collect>),
    Show(Box<Show>),
}

#[derive(Default)]
pub struct Collect {
    pub out: PathBuf,
    pub length: Duration,
    pub every: Duration,
    pub close: Duration,
    pub node: Option<NodeName>,
    pub rules: Rules,
    pub ledger: Option<PathBuf>,
    pub sim: Option<String>,
    pub replay: Option<PathBuf>,
    pub roots: Roots,
}

pub struct Show {
    pub files: Vec<PathBuf>,
    pub by: ShowBy,
    pub period: Period,
    pub format: Format,
}

/// What lines are of.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum ShowBy {
    Container,
    Pod,
    Namespace,
    Job,
}

impl ShowBy {
    pub const fn name(self) -> &'static str {
        match self {
            Self::Container => "container",
            Self::Pod => "pod",
            Self::Namespace => "namespace",
            Self::Job => "job",
        }
    }
}

#[derive(Clone, Copy)]
pub enum Format {
    Table,
    Csv,
    Json,
}

type Parsed<T> = Result<T, lexopt::Error>;

pub fn parse(words: impl IntoIterator<Item = OsString>) -> Parsed<Asked> {
    let mut parser = lexopt::Parser::from_args(words);
    match parser.next()? {
        Some(Value(verb)) if verb == "collect" => collect(&mut parser),
        Some(Value(verb)) if verb == "show" => show(&mut parser),
        Some(Short('h') | Long("help")) => Ok(Asked::Help),
        Some(Value(verb)) => Err(format!("no command {verb:?}; there are collect and show").into()),
        Some(other) => Err(other.unexpected()),
        None => Err("a command is asked for: collect or show".into()),
    }
}

fn collect(parser: &mut lexopt::Parser) -> Parsed<Asked> {
    let (mut out, mut length) = (None, None);
    let (every, close) = (Duration::from_secs(1), Duration::from_secs(60));
    let mut args = Collect { every, close, ..Collect::default() };
    while let Some(argument) = parser.next()? {
        match argument {
            Long("out") => out = Some(PathBuf::from(parser.value()?)),
            Long("for") => length = Some(time("--for", &parser.value()?.string()?)?),
            Long("every") => args.every = time("--every", &parser.value()?.string()?)?,
            Long("close") => args.close = time("--close", &parser.value()?.string()?)?,
            Long("node") => args.node = Some(parser.value()?.parse()?),
            Long("energy") => args.rules.energy = rule(&parser.value()?.string()?)?,
            Long("otherwise") => args.rules.otherwise = Some(rule(&parser.value()?.string()?)?),
            Long("idle") => args.rules.idle_power = idle(&parser.value()?.string()?)?,
            Long("baseline") => args.rules.baseline = baseline(&parser.value()?.string()?)?,
            Long("ledger") => args.ledger = Some(parser.value()?.into()),
            Long("sim") => args.sim = Some(parser.value()?.string()?),
            Long("replay") => args.replay = Some(parser.value()?.into()),
            Long(option) if ROOTS.contains(&option) => {
                let option = option.to_owned();
                args.roots.take(&option, parser)?;
            }
            Short('h') | Long("help") => return Ok(Asked::Help),
            other => return Err(other.unexpected()),
        }
    }
    args.out = out.ok_or("collect writes a file: it needs --out")?;
    args.length = match (length, &args.replay) {
        (Some(length), _) => length,
        (None, Some(_)) => Duration::MAX,
        (None, None) => return Err("collect ends some time: it needs --for".into()),
    };
    check(&args)?;
    Ok(Asked::Collect(Box::new(args)))
}

fn check(args: &Collect) -> Parsed<()> {
    if args.sim.is_some() && args.roots.are_given() {
        return Err("--sim replaces the whole machine; leave out the roots and --nvml".into());
    }
    if args.replay.is_some() && (args.sim.is_some() || args.roots.are_given()) {
        return Err("--replay replaces the whole machine; leave out --sim, the roots and --nvml".into());
    }
    if args.ledger.is_some() && args.replay.is_some() {
        return Err("--ledger says who holds what now, and a recording is of another time".into());
    }
    if args.every > args.close {
        return Err("--every is longer than --close: a statement takes two looks at least".into());
    }
    Ok(())
}

fn show(parser: &mut lexopt::Parser) -> Parsed<Asked> {
    let period = Period::default();
    let mut args = Show { files: Vec::new(), by: ShowBy::Container, period, format: Format::Table };
    while let Some(argument) = parser.next()? {
        match argument {
            Value(path) => args.files.push(path.into()),
            Long("by") => args.by = by(&parser.value()?.string()?)?,
            Long("from") => args.period.from = Some(period::parse("--from", &parser.value()?.string()?)?),
            Long("to") => args.period.to = Some(period::parse("--to", &parser.value()?.string()?)?),
            Long("format") => args.format = format(&parser.value()?.string()?)?,
            Short('h') | Long("help") => return Ok(Asked::Help),
            other => return Err(other.unexpected()),
        }
    }
    if args.files.is_empty() {
        return Err("show reads files: name one".into());
    }
    if args.period.from.zip(args.period.to).is_some_and(|(from, to)| from >= to) {
        return Err("--from is not before --to".into());
    }
    Ok(Asked::Show(Box::new(args)))
}

/// A length of time: a whole number and a unit. A year is the longest.
fn time(name: &str, text: &str) -> Parsed<Duration> {
    let units = [("ms", 1), ("s", 1_000), ("m", 60_000), ("h", 3_600_000), ("d", 86_400_000_u64)];
    let parsed = units.into_iter().find_map(|(unit, length)| {
        let number = text.strip_suffix(unit)?.parse::<u64>().ok()?;
        number.checked_mul(length)
    });
    let parsed = parsed.filter(|length| (1..=366 * 86_400_000).contains(length));
    parsed.map(Duration::from_millis).ok_or_else(|| {
        format!("{name} {text:?}: a time such as 500ms, 90s, 15m, 1h or 2d is asked for").into()
    })
}

fn rule(text: &str) -> Parsed<By> {
    Ok(match text {
        "engine-time" => By::EngineTime,
        "memory" => By::MemoryHeld,
        "slices" => By::Slices,
        "compute-units" => By::ComputeUnits,
        "equally" => By::Equal,
        other => {
            let known = "engine-time, memory, slices, compute-units and equally";
            return Err(format!("no rule {other:?}; there are {known}").into());
        }
    })
}

fn idle(text: &str) -> Parsed<IdlePower> {
    match text {
        "nobody" => Ok(IdlePower::ToNobody),
        "holders" => Ok(IdlePower::ToHolders),
        other => Err(format!("--idle {other:?}: nobody or holders is asked for").into()),
    }
}

fn baseline(text: &str) -> Parsed<Baseline> {
    if text == "least" {
        return Ok(Baseline::LeastSeen);
    }
    let watts = text.parse::<u64>().ok().filter(|watts| *watts <= 100_000);
    watts
        .map(|watts| Baseline::Each(Microwatts::from_watts(watts)))
        .ok_or_else(|| format!("--baseline {text:?}: whole watts of a GPU, or least, is asked for").into())
}

fn by(text: &str) -> Parsed<ShowBy> {
    let all = [ShowBy::Container, ShowBy::Pod, ShowBy::Namespace, ShowBy::Job];
    let found = all.into_iter().find(|by| by.name() == text);
    found.ok_or_else(|| format!("--by {text:?}: container, pod, namespace or job is asked for").into())
}

fn format(text: &str) -> Parsed<Format> {
    match text {
        "table" => Ok(Format::Table),
        "csv" => Ok(Format::Csv),
        "json" => Ok(Format::Json),
        other => Err(format!("--format {other:?}: table, csv or json is asked for").into()),
    }
}
