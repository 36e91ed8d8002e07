//! The program as a user starts it, on boards of the tables, simulated machines, and a simulated
//! library that keeps what is changed.

use std::fs;
use std::path::Path;
use std::process::{Command, Output};

use gpu_sim::Machine;
use gpu_sim::library::Installed;
use serde_json::Value;

#[path = "../../../shared/built.rs"]
mod built;
use built::built;

pub struct Answer {
    pub code: i32,
    pub text: String,
    pub error: String,
}

impl Answer {
    fn of(output: Output) -> Self {
        Self {
            code: output.status.code().expect("it was not killed"),
            text: String::from_utf8(output.stdout).expect("text"),
            error: String::from_utf8(output.stderr).expect("text"),
        }
    }

    /// What `--json` printed.
    pub fn json(&self) -> Value {
        serde_json::from_str(&self.text)
            .unwrap_or_else(|error| panic!("{error}: {}{}", self.text, self.error))
    }
}

/// Starts the program with these words, separated by spaces.
pub fn mig(words: &str) -> Answer {
    mig_with(&words.split_whitespace().collect::<Vec<_>>())
}

/// The same, with words that may hold spaces or be empty.
pub fn mig_with(words: &[&str]) -> Answer {
    Answer::of(Command::new(env!("CARGO_BIN_EXE_mig")).args(words).output().expect("it starts"))
}

/// A driver that outlives its clients: a copy of the library that keeps changes in a file.
pub struct Driver {
    installed: Installed,
}

impl Driver {
    pub fn of(machine: &Machine) -> Self {
        let installed = Installed::new(built(), machine).unwrap();
        fs::write(installed.folder().join("state.json"), "").unwrap();
        Self { installed }
    }

    pub fn preset(name: &str) -> Self {
        Self::of(&Machine::preset(name).unwrap())
    }

    pub fn folder(&self) -> &Path {
        self.installed.folder()
    }

    /// Starts the program on this driver.
    pub fn mig(&self, words: &str) -> Answer {
        let (library, locks) = (self.installed.path(), self.folder().join("locks"));
        let mut all: Vec<&str> = words.split_whitespace().collect();
        all.extend(["--nvml", library.to_str().unwrap()]);
        all.extend(["--locks", locks.to_str().unwrap()]);
        mig_with(&all)
    }

    /// A file with this text beside the library, by its path.
    pub fn file(&self, name: &str, text: &str) -> String {
        let path = self.folder().join(name);
        fs::write(&path, text).unwrap();
        path.to_str().unwrap().to_owned()
    }

    /// How the node is cut, as another client of the driver sees it: per GPU profile and slot.
    pub fn cut(&self) -> Vec<Vec<(String, u64)>> {
        let report = self.mig("profiles --json").json();
        let boards = report["boards"].as_array().unwrap().iter();
        boards.map(|board| placed(&board["live"])).collect()
    }

    /// What the driver keeps, to the byte.
    pub fn state(&self) -> Vec<u8> {
        fs::read(self.folder().join("state.json")).unwrap()
    }
}

/// Profile and first slot of each entry, by slot.
pub fn placed(list: &Value) -> Vec<(String, u64)> {
    let entries = list.as_array().unwrap_or_else(|| panic!("a list: {list}")).iter();
    let mut placed: Vec<(String, u64)> = entries
        .map(|one| (one["profile"].as_str().unwrap().to_owned(), one["start"].as_u64().unwrap()))
        .collect();
    placed.sort_by_key(|(_, start)| *start);
    placed
}

/// The same, written by hand: `3g.40gb@4 1g.10gb@0`.
pub fn at(text: &str) -> Vec<(String, u64)> {
    let mut placed: Vec<(String, u64)> = text
        .split_whitespace()
        .map(|one| {
            one.split_once('@').map(|(name, start)| (name.to_owned(), start.parse().unwrap())).unwrap()
        })
        .collect();
    placed.sort_by_key(|(_, start)| *start);
    placed
}
