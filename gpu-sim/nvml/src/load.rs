//! Where the machine comes from, and the files by which a test drives it.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use gpu_sim::{Fault, Machine};
use serde::Deserialize;

/// What `control.json` may say.
#[derive(Deserialize, Default)]
#[serde(deny_unknown_fields, default)]
pub struct Control {
    /// How long the machine has been up; never goes back.
    pub uptime_ns: Option<u64>,
    /// Faults beside those of the description.
    pub faults: Vec<Fault>,
    /// The machine is another one by now: name of a preset, or path of a description (from the
    /// library's folder, if it is no absolute one).
    pub machine: Option<String>,
}

/// A control file, and what it was when it was read last.
#[derive(Debug)]
pub struct Watched {
    path: PathBuf,
    seen: Option<(SystemTime, u64)>,
}

impl Watched {
    /// The control file beside the library, if there is one.
    pub fn beside_library() -> Option<Self> {
        let path = folder()?.join("control.json");
        path.is_file().then_some(Self { path, seen: None })
    }

    /// What it says, when it changed since it was read last.
    pub fn changed(&mut self) -> Option<Control> {
        let now = fs::metadata(&self.path).ok()?;
        let seen = (now.modified().ok()?, now.len());
        if self.seen == Some(seen) {
            return None;
        }
        self.seen = Some(seen);
        let text = fs::read_to_string(&self.path).ok()?;
        match serde_json::from_str(&text) {
            Ok(control) => Some(control),
            Err(error) => {
                eprintln!("simulated NVML: {}: {error}", self.path.display());
                None
            }
        }
    }
}

/// The machine that a fresh instance of the library simulates. A description that cannot be read
/// is said on the standard error, and is the machine without GPU.
pub fn machine() -> Machine {
    let beside = folder().map(|folder| folder.join("machine.json")).filter(|path| path.is_file());
    let name = match beside {
        Some(path) => path.to_string_lossy().into_owned(),
        None => std::env::var("GPU_SIM_MACHINE").unwrap_or_else(|_| "empty".to_owned()),
    };
    named(&name).unwrap_or_else(empty)
}

impl Control {
    /// The machine that it names, if it names one that can be read.
    pub fn machine(&self) -> Option<Machine> {
        let name = self.machine.as_deref()?;
        let here = folder().map(|folder| folder.join(name)).filter(|path| path.is_file());
        named(&here.map_or_else(|| name.to_owned(), |path| path.to_string_lossy().into_owned()))
    }
}

/// The machine of a preset's name or of a description's path.
pub fn named(name: &str) -> Option<Machine> {
    match Machine::load(name) {
        Ok(machine) => Some(machine),
        Err(error) => {
            eprintln!("simulated NVML: {error}");
            None
        }
    }
}

fn empty() -> Machine {
    // A preset of gpu-sim, checked by its own tests.
    Machine::preset("empty").expect("gpu-sim has the preset `empty`")
}

/// The folder of the file that this code was loaded from.
fn folder() -> Option<PathBuf> {
    let here = folder as fn() -> Option<PathBuf> as usize;
    let maps = fs::read_to_string("/proc/self/maps").ok()?;
    let line = maps.lines().find(|line| covers(line, here))?;
    let path = &line[line.find('/')?..];
    Path::new(path).parent().map(Path::to_path_buf)
}

/// True for a line of `/proc/PID/maps` whose range (`from-to` in hexadecimal) has the address.
fn covers(line: &str, address: usize) -> bool {
    let number = |text: &str| usize::from_str_radix(text, 16).ok();
    let range = line.split(' ').next().and_then(|range| range.split_once('-'));
    let range = range.and_then(|(from, to)| Some(number(from)?..number(to)?));
    range.is_some_and(|range| range.contains(&address))
}
