//! The command line.

use std::ffi::OsString;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use gpu_accounting::Vendor;
use gpu_accounting::attribution::MpsRule;
use lexopt::prelude::*;

use crate::mps::mps;
use crate::roots::Roots;
use crate::vendor::vendor;

pub const HELP: &str = "\
gpu-exporter: GPUs, their partitions, and who uses them, for Prometheus

usage: gpu-exporter [OPTIONS]

  --listen ADDRESS     where to serve /metrics and /healthz (default 127.0.0.1:9400)
  --period SECONDS     from one look at the GPUs to the next (default 1)
  --series N           most owners, unit by unit, that have series of their own
                       (default 2000); the others have one on each GPU together
  --connections N      most connections at once (default 64); further ones get 503
  --patience SECONDS   cut off who does not read, or come to the end of a request,
                       for so long (default 10)
  --token-file FILE    only who sends this bearer token may read /metrics
  --tls-cert FILE      serve by TLS, with this certificate chain (PEM) ...
  --tls-key FILE       ... and this key; both need a build with feature tls
  --node NAME          what the node is called in statements (default: node)
  --mps RULE           whose the time of an MPS server is: apart (default),
                       equally over its clients, or by memory
  --looks N            look so many times, then go on serving what there was
  --statement FILE     when the looks end or the program is ended, write what was
                       metered, as JSON
  --sim NAME           a simulated machine: a preset's name or a JSON file
  --replay FILE        a recording (of gpu-report's), as fast as it was; at its end
                       its last look is served on
  --speed N            let the simulated or recorded machine's time pass N times as
                       fast, and look N times as often
  --vendor NAME        look for this vendor alone (nvidia, amd, intel); may be repeated
  --sysfs-root DIR     read the kernel's devices here instead of /sys
  --proc-root DIR      read processes here instead of /proc
  --cgroup-root DIR    read control groups here instead of /sys/fs/cgroup
  --host-root DIR      read runtimes' and kubelet's files below here instead of /
  --nvml LIBRARY       load NVIDIA's library from this file
  --help               print this
";

/// The options of [`Roots`] that there are.
const ROOTS: [&str; 5] = ["sysfs-root", "proc-root", "cgroup-root", "host-root", "nvml"];

/// What the command line asks for.
pub enum Asked {
    Help,
    Serve(Box<Args>),
}

pub struct Args {
    pub listen: SocketAddr,
    pub period: Duration,
    pub series: usize,
    pub connections: usize,
    pub patience: Duration,
    pub token_file: Option<PathBuf>,
    pub tls_cert: Option<PathBuf>,
    pub tls_key: Option<PathBuf>,
    pub node: String,
    pub mps: MpsRule,
    pub looks: Option<u64>,
    pub statement: Option<PathBuf>,
    pub sim: Option<String>,
    pub replay: Option<PathBuf>,
    pub speed: u32,
    pub vendors: Vec<Vendor>,
    pub roots: Roots,
}

impl Default for Args {
    fn default() -> Self {
        Self {
            listen: SocketAddr::from(([127, 0, 0, 1], 9400)),
            period: Duration::from_secs(1),
            series: 2000,
            connections: 64,
            patience: Duration::from_secs(10),
            token_file: None,
            tls_cert: None,
            tls_key: None,
            node: "node".to_owned(),
            mps: MpsRule::KeepApart,
            looks: None,
            statement: None,
            sim: None,
            replay: None,
            speed: 1,
            vendors: Vec::new(),
            roots: Roots::default(),
        }
    }
}

impl Args {
    pub fn parse(words: impl IntoIterator<Item = OsString>) -> Result<Asked, lexopt::Error> {
        let mut args = Self::default();
        let mut parser = lexopt::Parser::from_args(words);
        while let Some(argument) = parser.next()? {
            match argument {
                Long("listen") => args.listen = address(&parser.value()?.string()?)?,
                Long("period") => args.period = seconds("--period", &parser.value()?.string()?)?,
                Long("series") => args.series = number("--series", &parser.value()?.string()?)?,
                Long("connections") => {
                    args.connections = number("--connections", &parser.value()?.string()?)?
                }
                Long("patience") => args.patience = seconds("--patience", &parser.value()?.string()?)?,
                Long("token-file") => args.token_file = Some(parser.value()?.into()),
                Long("tls-cert") => args.tls_cert = Some(parser.value()?.into()),
                Long("tls-key") => args.tls_key = Some(parser.value()?.into()),
                Long("node") => args.node = parser.value()?.string()?,
                Long("mps") => args.mps = mps(&parser.value()?.string()?)?,
                Long("looks") => args.looks = Some(number("--looks", &parser.value()?.string()?)? as u64),
                Long("statement") => args.statement = Some(parser.value()?.into()),
                Long("sim") => args.sim = Some(parser.value()?.string()?),
                Long("replay") => args.replay = Some(parser.value()?.into()),
                Long("speed") => {
                    args.speed = number("--speed", &parser.value()?.string()?)?.try_into().unwrap_or(u32::MAX)
                }
                Long("vendor") => args.vendors.push(vendor(&parser.value()?.string()?)?),
                Long(option) if ROOTS.contains(&option) => {
                    let option = option.to_owned();
                    args.roots.take(&option, &mut parser)?;
                }
                Short('h') | Long("help") => return Ok(Asked::Help),
                other => return Err(other.unexpected()),
            }
        }
        args.check()?;
        Ok(Asked::Serve(Box::new(args)))
    }

    fn check(&self) -> Result<(), lexopt::Error> {
        if self.sim.is_some() && self.roots.are_given() {
            return Err("--sim replaces the whole machine; leave out the roots and --nvml".into());
        }
        if self.replay.is_some() && (self.sim.is_some() || self.roots.are_given()) {
            return Err("--replay replaces the whole machine; leave out --sim, the roots and --nvml".into());
        }
        if self.speed != 1 && self.sim.is_none() && self.replay.is_none() {
            return Err(
                "--speed is for a machine that is simulated or recorded: it needs --sim or --replay".into()
            );
        }
        if self.period / self.speed < Duration::from_millis(1) {
            return Err("at that --speed looks would be less than a millisecond apart".into());
        }
        if self.tls_cert.is_some() != self.tls_key.is_some() {
            return Err("--tls-cert and --tls-key go together".into());
        }
        if self.tls_cert.is_some() && !cfg!(feature = "tls") {
            return Err("this build has no TLS: cargo run -p gpu-exporter --features tls".into());
        }
        Ok(())
    }
}

fn address(text: &str) -> Result<SocketAddr, lexopt::Error> {
    text.parse().map_err(|_| {
        format!("--listen {text:?}: an address and a port are asked for, as 127.0.0.1:9400").into()
    })
}

/// Seconds, with a fraction: `0.5`. An hour is the longest.
fn seconds(option: &str, text: &str) -> Result<Duration, lexopt::Error> {
    let seconds = text.parse::<f64>().ok().filter(|seconds| (0.01..=3600.0).contains(seconds));
    seconds
        .map(Duration::from_secs_f64)
        .ok_or_else(|| format!("{option} {text:?}: seconds between 0.01 and 3600 are asked for").into())
}

fn number(option: &str, text: &str) -> Result<usize, lexopt::Error> {
    let number = text.parse().ok().filter(|number| (1..=1_000_000).contains(number));
    number.ok_or_else(|| format!("{option} {text:?}: a number from 1 to 1000000 is asked for").into())
}
