//! The command line.

use std::ffi::OsString;
use std::path::PathBuf;

use gpu_accounting::Vendor;
use lexopt::prelude::*;

pub const HELP: &str = "\
gpu-report: every GPU of a machine, how it is cut, and who is on it

usage: gpu-report [OPTIONS]

  --json              print JSON instead of text
  --sim NAME          report a simulated machine: a preset's name or a JSON file
  --vendor NAME       look for this vendor alone (nvidia, amd, intel); may be repeated
  --sysfs-root DIR    read the kernel's devices here instead of /sys
  --proc-root DIR     read processes here instead of /proc
  --nvml LIBRARY      load NVIDIA's library from this file
  --help              print this
";

/// What the command line asks for.
pub enum Asked {
    Help,
    Report(Args),
}

#[derive(Default)]
pub struct Args {
    pub json: bool,
    pub sim: Option<String>,
    pub vendors: Vec<Vendor>,
    pub sysfs_root: Option<PathBuf>,
    pub proc_root: Option<PathBuf>,
    pub nvml: Option<PathBuf>,
}

impl Args {
    pub fn parse(words: impl IntoIterator<Item = OsString>) -> Result<Asked, lexopt::Error> {
        let mut args = Self::default();
        let mut parser = lexopt::Parser::from_args(words);
        while let Some(argument) = parser.next()? {
            match argument {
                Long("json") => args.json = true,
                Long("sim") => args.sim = Some(parser.value()?.string()?),
                Long("vendor") => args.vendors.push(vendor(&parser.value()?.string()?)?),
                Long("sysfs-root") => args.sysfs_root = Some(directory(parser.value()?)?),
                Long("proc-root") => args.proc_root = Some(directory(parser.value()?)?),
                Long("nvml") => args.nvml = Some(parser.value()?.into()),
                Short('h') | Long("help") => return Ok(Asked::Help),
                other => return Err(other.unexpected()),
            }
        }
        let real_input = args.sysfs_root.is_some() || args.proc_root.is_some() || args.nvml.is_some();
        if args.sim.is_some() && real_input {
            return Err(
                "--sim replaces the whole machine; leave out --sysfs-root, --proc-root and --nvml".into()
            );
        }
        Ok(Asked::Report(args))
    }
}

/// A vendor that this program knows.
fn vendor(name: &str) -> Result<Vendor, lexopt::Error> {
    let known = [Vendor::NVIDIA, Vendor::AMD, Vendor::INTEL];
    known
        .into_iter()
        .find(|vendor| vendor.as_str() == name)
        .ok_or_else(|| format!("no vendor {name:?}; there are nvidia, amd and intel").into())
}

/// A root that does not exist would read as a machine without GPU.
fn directory(path: OsString) -> Result<PathBuf, lexopt::Error> {
    let path = PathBuf::from(path);
    if path.is_dir() { Ok(path) } else { Err(format!("{} is not a directory", path.display()).into()) }
}
