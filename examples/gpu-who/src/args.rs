//! The command line.

use std::ffi::OsString;
use std::path::PathBuf;
use std::time::Duration;

use gpu_accounting::Vendor;
use gpu_accounting::attribution::MpsRule;
use lexopt::prelude::*;

use crate::mps::mps;
use crate::roots::Roots;
use crate::vendor::vendor;

pub const HELP: &str = "\
gpu-who: who is on which GPU, what they use of it, and whether they were given it

usage: gpu-who [OPTIONS]

  --json               print JSON instead of text, one object a look
  --watch SECONDS      look again and again, so far apart
  --count N            end after N looks (with --watch)
  --over MILLISECONDS  count engine time over so long before the first report
                       (default 500; 0 for one look, without engine times)
  --mps RULE           whose the time of an MPS server is: apart (default),
                       equally over its clients, or by memory
  --sim NAME           a simulated machine: a preset's name or a JSON file
  --vendor NAME        look for this vendor alone (nvidia, amd, intel); may be repeated
  --sysfs-root DIR     read the kernel's devices here instead of /sys
  --proc-root DIR      read processes here instead of /proc
  --cgroup-root DIR    read control groups here instead of /sys/fs/cgroup
  --host-root DIR      read runtimes' and kubelet's files below here instead of /
  --replay FILE        a recording (of gpu-report's) instead of the machine, look by look,
                       as fast as they are shown; --over and --watch count in its time
  --nvml LIBRARY       load NVIDIA's library from this file
  --help               print this
";

/// The options of [`Roots`] that there are.
const ROOTS: [&str; 5] = ["sysfs-root", "proc-root", "cgroup-root", "host-root", "nvml"];

/// What the command line asks for.
pub enum Asked {
    Help,
    Report(Box<Args>),
}

pub struct Args {
    pub json: bool,
    pub watch: Option<Duration>,
    pub count: Option<u32>,
    pub over: Duration,
    pub mps: MpsRule,
    pub sim: Option<String>,
    pub vendors: Vec<Vendor>,
    pub roots: Roots,
    pub replay: Option<PathBuf>,
}

impl Default for Args {
    fn default() -> Self {
        Self {
            json: false,
            watch: None,
            count: None,
            over: Duration::from_millis(500),
            mps: MpsRule::KeepApart,
            sim: None,
            vendors: Vec::new(),
            roots: Roots::default(),
            replay: None,
        }
    }
}

impl Args {
    pub fn parse(words: impl IntoIterator<Item = OsString>) -> Result<Asked, lexopt::Error> {
        let mut args = Self::default();
        let mut parser = lexopt::Parser::from_args(words);
        while let Some(argument) = parser.next()? {
            match argument {
                Long("json") => args.json = true,
                Long("watch") => args.watch = Some(seconds(&parser.value()?.string()?)?),
                Long("count") => args.count = Some(count(&parser.value()?.string()?)?),
                Long("over") => args.over = Duration::from_millis(parser.value()?.parse::<u32>()?.into()),
                Long("mps") => args.mps = mps(&parser.value()?.string()?)?,
                Long("sim") => args.sim = Some(parser.value()?.string()?),
                Long("vendor") => args.vendors.push(vendor(&parser.value()?.string()?)?),
                Long(option) if ROOTS.contains(&option) => {
                    let option = option.to_owned();
                    args.roots.take(&option, &mut parser)?;
                }
                Long("replay") => args.replay = Some(parser.value()?.into()),
                Short('h') | Long("help") => return Ok(Asked::Help),
                other => return Err(other.unexpected()),
            }
        }
        args.check()?;
        Ok(Asked::Report(Box::new(args)))
    }

    fn check(&self) -> Result<(), lexopt::Error> {
        if self.sim.is_some() && self.roots.are_given() {
            return Err("--sim replaces the whole machine; leave out the roots and --nvml".into());
        }
        if self.replay.is_some() && (self.sim.is_some() || self.roots.are_given()) {
            return Err("--replay replaces the whole machine; leave out --sim, the roots and --nvml".into());
        }
        if self.count.is_some() && self.watch.is_none() {
            return Err("--count says how often to look: it needs --watch".into());
        }
        Ok(())
    }
}

/// Seconds, with a fraction: `0.5`. A week is the longest.
fn seconds(text: &str) -> Result<Duration, lexopt::Error> {
    let seconds = text.parse::<f64>().ok().filter(|seconds| (0.01..=604_800.0).contains(seconds));
    seconds
        .map(Duration::from_secs_f64)
        .ok_or_else(|| format!("--watch {text:?}: seconds between 0.01 and 604800 are asked for").into())
}

fn count(text: &str) -> Result<u32, lexopt::Error> {
    let count = text.parse().ok().filter(|count| *count > 0);
    count.ok_or_else(|| format!("--count {text:?}: a number from 1 on is asked for").into())
}
