//! Clients of DRM: a machine full of them, their files read bare, their text split.

use std::collections::HashMap;
use std::fs::{self, File};
use std::hint::black_box;
use std::io::Read;
use std::path::Path;

use gpu_core::{BootTime, Bytes, DeviceNumber, Pid};
use gpu_sim::{Curve, Machine, Part, Use, UseKind, Workload};

use crate::written::Written;

const PROCESSES: u32 = 100;

/// Four Data Center GPU Max 1550 with 100 processes, each with three clients; two descriptors more
/// of the first of each: 300 clients in 500 descriptors.
///
/// # Panics
/// When the trees cannot be written.
#[must_use]
pub fn written() -> Written {
    let mut machine = Machine::preset("max-1550-4").expect("the preset is there");
    machine.workloads = (0..PROCESSES).map(process).collect();
    let written = Written::of(machine);
    for pid in 0..PROCESSES {
        let path = written.proc().join((1000 + pid).to_string());
        let link = fs::read_link(path.join("fd/3")).expect("the first descriptor is there");
        for fd in ["20", "21"] {
            std::os::unix::fs::symlink(&link, path.join("fd").join(fd)).expect("a link is made");
            fs::copy(path.join("fdinfo/3"), path.join("fdinfo").join(fd)).expect("a file is copied");
        }
    }
    written
}

fn process(n: u32) -> Workload {
    let of = |gpu: u32| Use {
        gpu: ((n + gpu) % 4) as usize,
        part: Part::Whole,
        kind: UseKind::Compute,
        memory: Curve::constant(Bytes::mib(64).get()),
        busy: Curve::constant(5),
        encoder_busy: Curve::default(),
        decoder_busy: Curve::default(),
    };
    Workload {
        pid: Pid(1000 + n),
        name: format!("job-{n}"),
        starts: BootTime(600_000_000_000),
        ends: None,
        cgroup: "/".to_owned(),
        uses: (0..3).map(of).collect(),
        descriptors: Vec::new(),
        threads: Vec::new(),
    }
}

/// The render nodes of the machine.
#[must_use]
pub fn numbers(machine: &Machine) -> Vec<DeviceNumber> {
    machine.gpus.iter().filter_map(|gpu| gpu.drm.as_ref()).map(|drm| drm.render_number()).collect()
}

/// Lists the processes, reads the link of every descriptor, and of those of DRM the account, and of
/// their processes the state; says how many accounts there were.
///
/// # Panics
/// When a file cannot be read.
#[must_use]
pub fn read(proc: &Path) -> usize {
    let mut page = [0_u8; 8192];
    let mut found = 0;
    for process in fs::read_dir(proc).expect("processes are listed").flatten() {
        let path = process.path();
        let Ok(descriptors) = fs::read_dir(path.join("fd")) else { continue };
        for descriptor in descriptors.flatten() {
            let link = fs::read_link(descriptor.path()).expect("a link is read");
            if link.starts_with("/dev/dri") {
                let file = File::open(path.join("fdinfo").join(descriptor.file_name()));
                black_box(file.and_then(|mut file| file.read(&mut page)).expect("an account is read"));
                found += 1;
            }
        }
        let stat = File::open(path.join("stat"));
        black_box(stat.and_then(|mut file| file.read(&mut page)).expect("a state is read"));
    }
    black_box(&page);
    found
}

/// The text of one descriptor.
///
/// # Panics
/// When it is not there.
#[must_use]
pub fn text(written: &Written) -> String {
    fs::read_to_string(written.proc().join("1000/fdinfo/3")).expect("the first descriptor is there")
}

/// The lines of a text as a map of their keys, each a string of its own: what a general reader of
/// such files does.
pub fn split(text: &str) {
    let mut all: HashMap<String, String> = HashMap::new();
    for line in text.lines() {
        if let Some((key, value)) = line.split_once(':') {
            all.insert(key.trim().to_owned(), value.trim().to_owned());
        }
    }
    black_box(all);
}
