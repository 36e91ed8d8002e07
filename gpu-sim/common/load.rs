//! Where the machine comes from, and the file by which a test drives it: of the simulated ROCm SMI
//! and of the simulated Level Zero driver, whose crates have the module by its path.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use gpu_sim::{Fault, Machine};
use serde::Deserialize;

use crate::NAME;

/// What `control.json` may say.
#[derive(Deserialize, Default)]
#[serde(deny_unknown_fields, default)]
pub struct Control {
    /// How long the machine has been up; never goes back.
    pub uptime_ns: Option<u64>,
    /// Faults beside those of the description.
    pub faults: Vec<Fault>,
}

/// `control.json`, and what it was when it was read last.
#[derive(Debug)]
pub struct Watched {
    path: PathBuf,
    seen: Option<(SystemTime, u64, u64)>,
}

impl Watched {
    /// The file beside the library, if there is one.
    pub fn beside_library() -> Option<Self> {
        let path = folder()?.join("control.json");
        path.is_file().then_some(Self { path, seen: None })
    }

    /// What it says, when it changed since it was read last. It is replaced by renaming, so that
    /// another one has another number.
    pub fn changed(&mut self) -> Option<Control> {
        use std::os::unix::fs::MetadataExt;
        let now = fs::metadata(&self.path).ok()?;
        let now = (now.modified().ok()?, now.len(), now.ino());
        if self.seen == Some(now) {
            return None;
        }
        self.seen = Some(now);
        let text = fs::read_to_string(&self.path).ok()?;
        match serde_json::from_str(&text) {
            Ok(control) => Some(control),
            Err(error) => {
                eprintln!("simulated {NAME}: {}: {error}", self.path.display());
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
    // A preset of gpu-sim, checked by its own tests.
    named(&name).unwrap_or_else(|| Machine::preset("empty").expect("gpu-sim has the preset `empty`"))
}

/// The machine of a preset's name or of a description's path.
pub fn named(name: &str) -> Option<Machine> {
    match Machine::load(name) {
        Ok(machine) => Some(machine),
        Err(error) => {
            eprintln!("simulated {NAME}: {error}");
            None
        }
    }
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
