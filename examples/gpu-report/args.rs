//! The command line.

use std::ffi::OsString;
use std::path::PathBuf;
use std::time::Duration;

use gpu_accounting::Vendor;
use lexopt::prelude::*;

use crate::roots::Roots;
use crate::vendor::vendor;

pub const HELP: &str = "\
gpu-report: every GPU of a machine, how it is cut, and who is on it

usage: gpu-report [OPTIONS]

  --json              print JSON instead of text
  --sim NAME          report a simulated machine: a preset's name or a JSON file
  --vendor NAME       look for this vendor alone (nvidia, amd, intel); may be repeated
  --sysfs-root DIR    read the kernel's devices here instead of /sys
  --proc-root DIR     read processes here instead of /proc
  --nvml LIBRARY      load NVIDIA's library from this file
  --record FILE       add what is seen to the recording in this file, or begin one
  --looks N           record so many looks (default 1)
  --every SECONDS     so far apart (default 1)
  --redact            with pseudonyms for numbers and names of processes and containers
  --replay FILE       report a recording instead of the machine: its last moment
  --at N              another of its moments, counted from 0
  --help              print this
";

/// The options of [`Roots`] that there are.
const ROOTS: [&str; 3] = ["sysfs-root", "proc-root", "nvml"];

/// What the command line asks for.
pub enum Asked {
    Help,
    Report(Box<Args>),
}

#[derive(Default)]
pub struct Args {
    pub json: bool,
    pub sim: Option<String>,
    pub vendors: Vec<Vendor>,
    pub roots: Roots,
    pub record: Option<Recording>,
    pub replay: Option<PathBuf>,
    pub at: Option<u64>,
}

/// What shall be recorded, and where.
pub struct Recording {
    pub file: PathBuf,
    pub looks: u32,
    pub every: Duration,
    pub redact: bool,
}

impl Args {
    pub fn parse(words: impl IntoIterator<Item = OsString>) -> Result<Asked, lexopt::Error> {
        let mut args = Self::default();
        let (mut file, mut looks, mut every, mut redact) = (None, None, None, false);
        let mut parser = lexopt::Parser::from_args(words);
        while let Some(argument) = parser.next()? {
            match argument {
                Long("json") => args.json = true,
                Long("sim") => args.sim = Some(parser.value()?.string()?),
                Long("vendor") => args.vendors.push(vendor(&parser.value()?.string()?)?),
                Long(option) if ROOTS.contains(&option) => {
                    let option = option.to_owned();
                    args.roots.take(&option, &mut parser)?;
                }
                Long("record") => file = Some(PathBuf::from(parser.value()?)),
                Long("looks") => looks = Some(parser.value()?.parse::<u32>()?),
                Long("every") => every = Some(seconds(&parser.value()?.string()?)?),
                Long("redact") => redact = true,
                Long("replay") => args.replay = Some(parser.value()?.into()),
                Long("at") => args.at = Some(parser.value()?.parse::<u64>()?),
                Short('h') | Long("help") => return Ok(Asked::Help),
                other => return Err(other.unexpected()),
            }
        }
        let real_input = args.roots.are_given();
        if args.sim.is_some() && real_input {
            return Err(
                "--sim replaces the whole machine; leave out --sysfs-root, --proc-root and --nvml".into()
            );
        }
        if file.is_none() && (looks.is_some() || every.is_some() || redact) {
            return Err("--looks, --every and --redact say what --record shall do".into());
        }
        args.record = file.map(|file| Recording {
            file,
            looks: looks.unwrap_or(1),
            every: every.unwrap_or(Duration::from_secs(1)),
            redact,
        });
        let elsewhere = args.sim.is_some() || real_input || args.record.is_some();
        if args.replay.is_some() && elsewhere {
            return Err("--replay replaces the whole machine; leave out what reads or records another".into());
        }
        if args.at.is_some() && args.replay.is_none() {
            return Err("--at names a moment of a recording: it needs --replay".into());
        }
        Ok(Asked::Report(Box::new(args)))
    }
}

/// Seconds, with a fraction: `0.5`. A week is the longest.
fn seconds(text: &str) -> Result<Duration, lexopt::Error> {
    let seconds = text.parse::<f64>().ok().filter(|seconds| (0.01..=604_800.0).contains(seconds));
    seconds
        .map(Duration::from_secs_f64)
        .ok_or_else(|| format!("--every {text:?}: seconds between 0.01 and 604800 are asked for").into())
}
