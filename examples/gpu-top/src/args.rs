//! The command line.

use std::ffi::OsString;
use std::path::PathBuf;
use std::time::Duration;

use gpu_accounting::Vendor;
use gpu_accounting::ledger::NodeName;
use lexopt::prelude::*;

use crate::roots::Roots;
use crate::state::Page;
use crate::vendor::vendor;

pub const HELP: &str = "\
gpu-top: what the GPUs of a machine do, who is on them, and how they are cut

usage: gpu-top [OPTIONS]

  --every SECONDS      look so often (default 1)
  --once               print one frame as text and end
  --looks N            with --once: after so many looks (default 2)
  --width COLUMNS      with --once: so wide (default 120)
  --height LINES       with --once: so high (default: as high as it needs)
  --no-color           no colours; the same as the variable NO_COLOR
  --sim NAME           a simulated machine: a preset's name or a JSON file
  --replay FILE        a recording (of gpu-report's), as fast as it was
  --speed N            with --replay: so many times as fast
  --ledger FILE        a SQLite store of gpu-lease's: who holds what, beside what is seen
  --node NAME          with --ledger: whose ledger, when it is not this machine's name
  --view NAME          begin with this: both, gpus, who, notes, meter, ledger
  --vendor NAME        look for this vendor alone (nvidia, amd, intel); may be repeated
  --sysfs-root DIR     read the kernel's devices here instead of /sys
  --proc-root DIR      read processes here instead of /proc
  --cgroup-root DIR    read control groups here instead of /sys/fs/cgroup
  --host-root DIR      read runtimes' and kubelet's files below here instead of /
  --nvml LIBRARY       load NVIDIA's library from this file
  --help               print this

Press ? while it runs for its keys. The meter counts from the first look; where looks lie farther apart
than five periods (10 s at least), what is between them is a gap. A store is only read.
";

/// What stands below [`HELP`] in a build without the feature.
#[cfg(not(feature = "ledger"))]
pub const MORE: &str = "\nThis gpu-top was built without the feature `ledger`: --ledger is refused.\n";
#[cfg(feature = "ledger")]
pub const MORE: &str = "";

/// The options of [`Roots`] that there are.
const ROOTS: [&str; 5] = ["sysfs-root", "proc-root", "cgroup-root", "host-root", "nvml"];

/// What the command line asks for.
pub enum Asked {
    Help,
    Show(Box<Args>),
}

pub struct Args {
    pub every: Duration,
    pub once: bool,
    pub looks: u32,
    pub width: u16,
    pub height: Option<u16>,
    pub color: bool,
    pub sim: Option<String>,
    pub replay: Option<PathBuf>,
    pub speed: f64,
    pub ledger: Option<PathBuf>,
    pub node: Option<NodeName>,
    pub view: Page,
    pub vendors: Vec<Vendor>,
    pub roots: Roots,
}

impl Default for Args {
    fn default() -> Self {
        Self {
            every: Duration::from_secs(1),
            once: false,
            looks: 2,
            width: 120,
            height: None,
            color: std::env::var_os("NO_COLOR").is_none_or(|set| set.is_empty()),
            sim: None,
            replay: None,
            speed: 1.0,
            ledger: None,
            node: None,
            view: Page::Both,
            vendors: Vec::new(),
            roots: Roots::default(),
        }
    }
}

impl Args {
    pub fn parse(words: impl IntoIterator<Item = OsString>) -> Result<Asked, lexopt::Error> {
        let mut args = Self::default();
        let (mut of_once, mut of_replay) = (None, None);
        let mut parser = lexopt::Parser::from_args(words);
        while let Some(argument) = parser.next()? {
            match argument {
                Long("every") => args.every = seconds(&parser.value()?.string()?)?,
                Long("once") => args.once = true,
                Long("looks") => {
                    args.looks = number("--looks", parser.value()?, 1..=1_000_000)?;
                    of_once = Some("--looks");
                }
                Long("width") => {
                    args.width = number("--width", parser.value()?, 1..=1000)?;
                    of_once = Some("--width");
                }
                Long("height") => {
                    args.height = Some(number("--height", parser.value()?, 1..=1000)?);
                    of_once = Some("--height");
                }
                Long("no-color") => args.color = false,
                Long("sim") => args.sim = Some(parser.value()?.string()?),
                Long("replay") => args.replay = Some(parser.value()?.into()),
                Long("speed") => {
                    args.speed = speed(&parser.value()?.string()?)?;
                    of_replay = Some("--speed");
                }
                Long("ledger") => args.ledger = Some(store(parser.value()?)),
                Long("node") => args.node = Some(parser.value()?.parse()?),
                Long("view") => args.view = view(&parser.value()?.string()?)?,
                Long("vendor") => args.vendors.push(vendor(&parser.value()?.string()?)?),
                Long(option) if ROOTS.contains(&option) => {
                    let option = option.to_owned();
                    args.roots.take(&option, &mut parser)?;
                }
                Short('h') | Long("help") => return Ok(Asked::Help),
                other => return Err(other.unexpected()),
            }
        }
        if let Some(option) = of_once.filter(|_| !args.once) {
            return Err(format!("{option} is about the frame of --once").into());
        }
        if let Some(option) = of_replay.filter(|_| args.replay.is_none()) {
            return Err(format!("{option} is about --replay").into());
        }
        if args.node.is_some() && args.ledger.is_none() {
            return Err("--node is about --ledger".into());
        }
        args.check()?;
        Ok(Asked::Show(Box::new(args)))
    }

    fn check(&self) -> Result<(), lexopt::Error> {
        let has_root = self.roots.are_given();
        if usize::from(self.sim.is_some()) + usize::from(self.replay.is_some()) + usize::from(has_root) > 1 {
            return Err("--sim, --replay, and roots with --nvml are three machines: choose one".into());
        }
        if self.replay.is_some() && self.ledger.is_some() {
            return Err("--ledger says who holds what now, --replay what was then: not both".into());
        }
        if self.view == Page::Ledger && self.ledger.is_none() {
            return Err("--view ledger needs --ledger FILE".into());
        }
        Ok(())
    }
}

fn number<T: std::str::FromStr + PartialOrd + std::fmt::Display>(
    option: &str,
    value: OsString,
    range: std::ops::RangeInclusive<T>,
) -> Result<T, lexopt::Error> {
    let text = value.string()?;
    let number = text.parse().ok().filter(|number| range.contains(number));
    let (least, most) = range.into_inner();
    number.ok_or_else(|| format!("{option} {text:?}: a number from {least} to {most} is asked for").into())
}

/// Seconds, with a fraction: `0.5`. A day is the longest.
fn seconds(text: &str) -> Result<Duration, lexopt::Error> {
    let seconds = text.parse::<f64>().ok().filter(|seconds| (0.05..=86_400.0).contains(seconds));
    seconds
        .map(Duration::from_secs_f64)
        .ok_or_else(|| format!("--every {text:?}: seconds between 0.05 and 86400 are asked for").into())
}

/// A file; gpu-lease's `sqlite:FILE` is one, too.
fn store(word: OsString) -> PathBuf {
    match word.to_str().and_then(|text| text.strip_prefix("sqlite:")) {
        Some(file) => file.into(),
        None => word.into(),
    }
}

fn view(text: &str) -> Result<Page, lexopt::Error> {
    Ok(match text {
        "both" => Page::Both,
        "gpus" => Page::Units,
        "who" => Page::Holders,
        "notes" => Page::Troubles,
        "meter" => Page::Meter,
        "ledger" => Page::Ledger,
        _ => return Err(format!("--view {text:?}: both, gpus, who, notes, meter or ledger").into()),
    })
}

fn speed(text: &str) -> Result<f64, lexopt::Error> {
    let speed = text.parse::<f64>().ok().filter(|speed| (0.01..=1e6).contains(speed));
    speed.ok_or_else(|| format!("--speed {text:?}: a number between 0.01 and 1000000 is asked for").into())
}
