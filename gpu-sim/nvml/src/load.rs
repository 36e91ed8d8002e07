//! Where the machine comes from, and the files by which a test drives it.

use std::fs;
use std::os::fd::OwnedFd;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use gpu_sim::{Fault, Machine};
use rustix::fs::{FlockOperation, flock};
use serde::Deserialize;
use serde::de::DeserializeOwned;

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

/// A file that others write, and what it was when it was read last.
#[derive(Debug)]
pub struct Watched {
    path: PathBuf,
    seen: Option<(SystemTime, u64, u64)>,
}

impl Watched {
    /// The file of that name beside the library, if there is one.
    pub fn beside_library(name: &str) -> Option<Self> {
        let path = folder()?.join(name);
        path.is_file().then_some(Self { path, seen: None })
    }

    /// What it is now. Files are replaced by renaming, so that another one has another number.
    fn now(&self) -> Option<(SystemTime, u64, u64)> {
        use std::os::unix::fs::MetadataExt;
        let now = fs::metadata(&self.path).ok()?;
        Some((now.modified().ok()?, now.len(), now.ino()))
    }

    /// What it says, when it changed since it was read or written last.
    pub fn changed<T: DeserializeOwned>(&mut self) -> Option<T> {
        let now = self.now()?;
        if self.seen == Some(now) {
            return None;
        }
        self.seen = Some(now);
        let text = fs::read_to_string(&self.path).ok().filter(|text| !text.is_empty())?;
        match serde_json::from_str(&text) {
            Ok(told) => Some(told),
            Err(error) => {
                eprintln!("simulated NVML: {}: {error}", self.path.display());
                None
            }
        }
    }

    /// Replaces what it says.
    pub fn replace(&mut self, text: &str) {
        let next = self.path.with_extension(format!("{}.next", std::process::id()));
        let written = fs::write(&next, text).and_then(|()| fs::rename(&next, &self.path));
        if let Err(error) = written {
            eprintln!("simulated NVML: {}: {error}", self.path.display());
        }
        self.seen = self.now();
    }

    /// Keeps other processes' changes away until the answer is dropped.
    pub fn lock(&self) -> Option<OwnedFd> {
        let path = self.path.with_extension("lock");
        let file = fs::OpenOptions::new().create(true).truncate(false).write(true).open(path).ok()?;
        flock(&file, FlockOperation::LockExclusive).ok()?;
        Some(file.into())
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
