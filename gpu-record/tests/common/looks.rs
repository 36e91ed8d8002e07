//! Recordings of simulated machines, made as an agent makes them.

#![allow(dead_code)] // no test uses all of it

use std::fs;
use std::path::{Path, PathBuf};

use gpu_accounting::record::{Head, Item, Moment, Recorder, Recording};
use gpu_accounting::{Nanoseconds, Node};
use gpu_sim::{Machine, World};

pub const SECOND: Nanoseconds = Nanoseconds(1_000_000_000);

pub fn world(preset: &str) -> World {
    World::new(Machine::preset(preset).expect("the preset is there"))
}

pub fn node(world: &World) -> Node {
    Node::builder().machine(world.host()).build()
}

/// A folder of the test's own, which goes with it.
pub struct Folder(PathBuf);

impl Folder {
    pub fn new(name: &str) -> Self {
        let path = std::env::temp_dir().join(format!("gpu-record-{name}-{}", std::process::id()));
        let _ = fs::remove_dir_all(&path);
        fs::create_dir_all(&path).expect("the folder can be made");
        Self(path)
    }

    pub fn file(&self, name: &str) -> PathBuf {
        self.0.join(name)
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

/// So many looks at a simulated machine, a second apart, and the head of a recording of them.
pub fn looks(preset: &str, count: usize) -> (Head, Vec<Moment>) {
    let world = world(preset);
    let node = node(&world);
    let head = node.recording_head("the tests");
    let mut watch = node.watch();
    let mut moments = Vec::new();
    for _ in 0..count {
        watch.look();
        moments.push(watch.moment());
        world.clock().advance(SECOND);
    }
    (head, moments)
}

/// Records moments into a new file.
pub fn record(path: &Path, head: Head, moments: &[Moment]) {
    let mut recorder = Recorder::create(path, head).expect("the recording can be begun");
    for moment in moments {
        recorder.add(moment).expect("a moment can be added");
    }
}

/// What can be read of a file, and the kind of the error at which it ends.
pub fn read(path: &Path) -> (Vec<Moment>, Option<&'static str>) {
    let mut moments = Vec::new();
    for item in Recording::open(path).expect("the file is there") {
        match item {
            Ok(Item::Moment(moment)) => moments.push(*moment),
            Ok(_) => {}
            Err(error) => return (moments, Some(error.kind())),
        }
    }
    (moments, None)
}
