//! The program as a user starts it, over a store of its own.

#![allow(dead_code)] // no test file uses all of it

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use serde_json::Value;

/// However busy the machine is.
pub const AT_SOME_TIME: Duration = Duration::from_secs(60);

pub struct Answer {
    pub code: i32,
    pub text: String,
    pub error: String,
}

impl Answer {
    pub fn of(output: Output) -> Self {
        Self {
            code: output.status.code().expect("it was not killed"),
            text: String::from_utf8(output.stdout).expect("text"),
            error: String::from_utf8(output.stderr).expect("text"),
        }
    }

    /// What `--json` printed.
    #[track_caller]
    pub fn json(&self) -> Value {
        let parsed = serde_json::from_str(&self.text);
        parsed.unwrap_or_else(|error| panic!("{error}: {}{}", self.text, self.error))
    }

    #[track_caller]
    pub fn exits(self, code: i32) -> Self {
        assert_eq!(self.code, code, "{}{}", self.text, self.error);
        self
    }

    /// All of this is said on standard error.
    #[track_caller]
    pub fn says(self, parts: &[&str]) -> Self {
        for part in parts {
            assert!(self.error.contains(part), "{part:?} is missing in {:?}", self.error);
        }
        self
    }
}

/// A folder for one test, with a store in it.
pub struct Lease {
    folder: PathBuf,
    pub store: String,
    pub machine: String,
}

impl Lease {
    /// A SQLite file, and a simulated machine.
    pub fn on(machine: &str) -> Self {
        static COUNT: AtomicU64 = AtomicU64::new(0);
        let number = COUNT.fetch_add(1, Ordering::Relaxed);
        let folder = std::env::temp_dir().join(format!("gpu-lease-{}-{number}", std::process::id()));
        let _ = fs::remove_dir_all(&folder);
        fs::create_dir_all(&folder).unwrap();
        fs::set_permissions(&folder, fs::Permissions::from_mode(0o700)).unwrap();
        let store = format!("sqlite:{}", folder.join("ledger.db").display());
        Self { folder, store, machine: machine.to_owned() }
    }

    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// The program with these words, and this store and machine; what comes after `--` last.
    pub fn command(&self, words: &[&str]) -> Command {
        let end = words.iter().position(|word| *word == "--").unwrap_or(words.len());
        let mut command = Command::new(env!("CARGO_BIN_EXE_gpu-lease"));
        command
            .args(&words[..end])
            .args(["--store", &self.store, "--sim", &self.machine])
            .args(&words[end..]);
        command.stdin(Stdio::null());
        command
    }

    pub fn with(&self, words: &[&str]) -> Answer {
        Answer::of(self.command(words).output().expect("it starts"))
    }

    /// The same, of words separated by spaces.
    pub fn call(&self, words: &str) -> Answer {
        self.with(&words.split_whitespace().collect::<Vec<_>>())
    }

    pub fn spawn(&self, words: &[&str]) -> Running {
        Running(self.command(words).stdout(Stdio::null()).stderr(Stdio::null()).spawn().expect("it starts"))
    }

    /// Reserves, and tells the key.
    #[track_caller]
    pub fn key(&self, words: &str) -> String {
        let answer = self.call(&format!("reserve --json {words}")).exits(0);
        answer.json()["key"].as_str().unwrap().to_owned()
    }

    pub fn list(&self) -> Value {
        self.call("list --json").exits(0).json()
    }

    /// How many entries the ledger has: a refusal adds none.
    pub fn position(&self) -> u64 {
        self.list()["position"].as_u64().unwrap()
    }

    /// Units of each holding, by its state.
    pub fn held(&self) -> Vec<(String, String)> {
        let list = self.list();
        let holdings = list["holdings"].as_array().unwrap().iter();
        let text = |value: &Value| value.as_str().unwrap().to_owned();
        let units = holdings.flat_map(|held| {
            let of = held["units"].as_array().unwrap().iter();
            of.map(|unit| (text(&unit["unit"]), text(&held["state"]))).collect::<Vec<_>>()
        });
        units.collect()
    }

    pub fn file(&self, name: &str) -> PathBuf {
        self.folder.join(name)
    }

    /// Waits until a file has a line, and tells it.
    #[track_caller]
    pub fn line_of(&self, name: &str) -> String {
        let mut line = String::new();
        eventually("a line is written", || {
            line = fs::read_to_string(self.file(name)).unwrap_or_default();
            line.ends_with('\n')
        });
        line.trim().to_owned()
    }
}

impl Drop for Lease {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.folder);
    }
}

/// A program that runs, and is killed when the test ends before it.
pub struct Running(pub Child);

impl Running {
    pub fn id(&self) -> i32 {
        i32::try_from(self.0.id()).unwrap()
    }

    pub fn code(mut self) -> Option<i32> {
        let mut status = None;
        eventually("it ends", || {
            status = self.0.try_wait().unwrap();
            status.is_some()
        });
        status.and_then(|status| status.code())
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

#[track_caller]
pub fn eventually(what: &str, mut is_so: impl FnMut() -> bool) {
    let deadline = Instant::now() + AT_SOME_TIME;
    while !is_so() {
        assert!(Instant::now() < deadline, "{what}");
        std::thread::sleep(Duration::from_millis(10));
    }
}

/// Whether a process runs: one that has ended and was not waited for does not.
pub fn runs(pid: &str) -> bool {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    let state = stat.rsplit_once(") ").map(|(_, rest)| rest.starts_with(['Z', 'X']));
    state == Some(false)
}
