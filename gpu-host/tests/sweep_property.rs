//! For any tree of processes and any sequence of changes: the watching sweeper never charges a
//! client to a container whose cgroup its process is not in, and finds what a full walk finds once
//! its stated time is over. A failure prints its seed.

#![cfg(target_os = "linux")]

#[path = "common/proc.rs"]
#[allow(dead_code)] // other tests need the rest
mod proc;
#[path = "common/random.rs"]
mod random;

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::sync::Arc;

use gpu_core::{BootTime, Clock, Nanoseconds, Owner, Pid, ProcessKey, Sweep, SweepRequest, Sweeper};
use gpu_host::{Pace, ProcSweeper, WatchingSweeper};
use gpu_sim::{Machine, SimClock, World};

use proc::{Proc, WANTED, text};
use random::Random;

const SECOND: u64 = 1_000_000_000;

/// One process as it really is.
struct Real {
    start: BootTime,
    cgroup: String,
    /// What each descriptor is open on.
    open: BTreeMap<u32, &'static str>,
}

/// A tree, what is in it, and what was told of it.
struct Story {
    random: Random,
    proc: Proc,
    clock: SimClock,
    real: BTreeMap<u32, Real>,
    starts: u64,
    clients: u32,
    /// Who was told of, and on whose behalf it ran then.
    told: BTreeMap<ProcessKey, Option<Owner>>,
}

const DEVICES: [&str; 5] =
    ["/dev/dri/renderD128", "/dev/dri/renderD129", "/dev/nvidia0", "/dev/null", "socket:[4711]"];

impl Story {
    fn new(which: &str, seed: u64) -> Self {
        let world = World::new(Machine::preset("mixed").unwrap());
        Self {
            random: Random::new(seed),
            proc: Proc::new(&format!("property-{which}-{seed}")),
            clock: world.clock().clone(),
            real: BTreeMap::new(),
            starts: 1,
            clients: 0,
            told: BTreeMap::new(),
        }
    }

    fn cgroup(&mut self) -> String {
        match self.random.below(6) {
            0 => "/user.slice/user-7.slice/session-1.scope".to_owned(),
            1 => format!("/system.slice/docker-{}.scope/{}", "f".repeat(64), "x".repeat(4096)),
            2 => "/a cgroup\u{1b}[2J of its own".to_owned(),
            n => format!("/system.slice/docker-{:064x}.scope", n + self.random.below(3)),
        }
    }

    fn start(&mut self, pid: u32) {
        self.starts += 1;
        let start = BootTime(self.starts * SECOND);
        let name = *self.random.one_of(&["python3", ") R (", "a\nb", "", "\u{1b}[2J"]);
        self.proc.start(pid, name, start);
        let cgroup = self.cgroup();
        self.proc.write(pid, "cgroup", &format!("0::{cgroup}\n"));
        self.real.insert(pid, Real { start, cgroup, open: BTreeMap::new() });
    }

    fn end(&mut self, pid: u32) {
        self.proc.end(pid);
        self.real.remove(&pid);
    }

    fn open(&mut self, pid: u32) {
        let device = *self.random.one_of(&DEVICES);
        let fd = (3..).find(|fd| !self.real[&pid].open.contains_key(fd)).unwrap();
        // Some are inherited, and some have accounting that cannot be read.
        self.clients += u32::from(self.random.below(3) > 0);
        let accounting = text(self.clients, 64);
        self.proc.descriptor(pid, fd, device, device.contains("dri").then_some(&accounting));
        if self.random.below(10) == 0 {
            let path = self.proc.0.join(format!("{pid}/fdinfo/{fd}"));
            let _ = fs::remove_file(&path);
            fs::create_dir_all(path).unwrap();
        }
        self.real.get_mut(&pid).unwrap().open.insert(fd, device);
    }

    fn close(&mut self, pid: u32) {
        if let Some((fd, _)) = self.real.get_mut(&pid).unwrap().open.pop_first() {
            self.proc.close(pid, fd);
        }
    }

    /// Any one thing that processes do.
    fn change(&mut self) {
        let pid = self.random.below(24) as u32 + 1;
        if !self.real.contains_key(&pid) {
            return self.start(pid);
        }
        match self.random.below(16) {
            0..=4 => self.open(pid),
            5..=6 => self.close(pid),
            7 => {
                self.close(pid);
                self.open(pid);
            }
            8 => self.end(pid),
            9 => {
                self.end(pid);
                self.start(pid);
            }
            10 | 11 => {
                let cgroup = self.cgroup();
                self.proc.write(pid, "cgroup", &format!("1:name=systemd:/\n0::{cgroup}\n"));
                self.real.get_mut(&pid).unwrap().cgroup = cgroup;
            }
            12 => self.proc.rename(pid, "renamed", self.real[&pid].start),
            13 => self.proc.write(pid, "stat", "nonsense"),
            14 => {
                // For whoever is not root.
                let mode = *self.random.one_of(&[0o000, 0o755]);
                let folder = self.proc.0.join(format!("{pid}/fd"));
                fs::set_permissions(folder, fs::Permissions::from_mode(mode)).unwrap();
            }
            _ => self.proc.write(pid, "cmdline", "runsc-sandbox\0"),
        }
    }

    fn holds_wanted(&self, pid: u32) -> bool {
        self.real[&pid].open.values().any(|device| device.contains("dri"))
    }

    /// What must be true of every sweep, however old what it knows may be.
    fn check(&mut self, sweep: &Sweep, named: &[Pid]) {
        for process in &sweep.processes {
            let pid = process.key.pid;
            let real = self.real.get(&pid.0).unwrap_or_else(|| panic!("{pid} is gone: {process:?}"));
            assert_eq!(process.key.start, real.start, "{pid} is another process by now");
            let owner = gpu_core::cgroup::owner(&format!("0::{}\n", real.cgroup));
            assert_eq!(process.owner.as_ref(), Ok(&owner), "{pid} in {:?}", real.cgroup);
            for number in &process.holds {
                let device = format!("/dev/dri/renderD{}", number.minor);
                assert!(real.open.values().any(|open| **open == device), "{pid} does not hold {device}");
            }
            assert!(!process.holds.is_empty() || named.contains(&pid), "{pid} was not asked for");
            self.told.insert(process.key, Some(owner));
        }
        for pid in named {
            let is_there = self.real.contains_key(&pid.0) && self.has_stat(pid.0);
            assert_eq!(sweep.process(*pid).is_some(), is_there, "{pid} was named");
        }
        for ended in &sweep.ended {
            let is_same = |real: &Real| real.start == ended.key.start;
            assert!(!self.real.get(&ended.key.pid.0).is_some_and(is_same), "{ended:?} has not ended");
            let owner = &self.told[&ended.key];
            assert_eq!(ended.owner.as_ref().ok(), owner.as_ref(), "{ended:?}");
        }
    }

    /// Everybody who was told of is there, or is told to have ended.
    fn check_ended(&self, sweep: &Sweep) {
        for key in self.told.keys() {
            let is_there = self.real.get(&key.pid.0).is_some_and(|real| real.start == key.start);
            let is_told = sweep.ended.iter().any(|ended| ended.key == *key);
            assert!(is_there || is_told, "{key:?} has ended, and nobody says so");
        }
    }

    fn has_stat(&self, pid: u32) -> bool {
        fs::read_to_string(self.proc.0.join(format!("{pid}/stat"))).is_ok_and(|text| text != "nonsense")
    }

    /// Mends what was damaged, so that whoever is there can be read.
    fn mend(&self) {
        for (pid, real) in &self.real {
            self.proc.rename(*pid, "mended", real.start);
        }
    }
}

fn tell(seed: u64, pace: Option<Pace>) {
    let mut story = Story::new(if pace.is_some() { "timed" } else { "whole" }, seed);
    let clock: Arc<dyn Clock> = Arc::new(story.clock.clone());
    let mut watching = WatchingSweeper::new(story.proc.0.clone(), Arc::clone(&clock));
    let is_trusting = pace.is_some();
    if let Some(pace) = pace {
        watching = watching.trusting_folder_times().at_pace(pace);
    }
    let reference = ProcSweeper::new(story.proc.0.clone(), &clock);
    let (mut sweep, mut whole) = (Sweep::new(), Sweep::new());
    for step in 0..40 {
        for _ in 0..story.random.below(8) {
            story.change();
        }
        story.clock.advance(Nanoseconds(story.random.below(3) * SECOND));
        let mut named: Vec<Pid> =
            (0..story.random.below(4)).map(|_| Pid(story.random.below(24) as u32 + 1)).collect();
        named.extend(named.first().copied());
        let request = SweepRequest::new(&WANTED, &named).with_clients().with_owners();
        watching.sweep_into(&request, &mut sweep).unwrap();
        story.check(&sweep, &named);
        if story.random.below(4) == 0 {
            // Another question in between, as a node asks it.
            watching.sweep_into(&SweepRequest::new(&[], &named), &mut sweep).unwrap();
            assert!(sweep.processes.iter().all(|process| named.contains(&process.key.pid)));
        }
        if step % 5 == 4 || !is_trusting {
            if is_trusting {
                story.mend();
                story.clock.advance(pace.unwrap_or_default().walk);
            }
            let request = SweepRequest::new(&WANTED, &named).with_clients().with_owners();
            watching.sweep_into(&request, &mut sweep).unwrap();
            reference.sweep_into(&request, &mut whole).unwrap();
            story.check(&sweep, &named);
            story.check_ended(&sweep);
            sweep.ended.clear();
            assert_eq!(sweep, whole, "step {step}");
            let holders = story.real.keys().filter(|pid| story.holds_wanted(**pid)).count();
            assert!(sweep.processes.len() <= holders + named.len());
        }
    }
}

fn campaign(pace: Option<Pace>) {
    let seeds = std::env::var("GPU_ACCOUNTING_CAMPAIGN").ok().and_then(|text| text.parse().ok());
    for seed in 0..seeds.unwrap_or(10) {
        if let Err(panic) = std::panic::catch_unwind(|| tell(seed, pace)) {
            eprintln!("seed {seed}, pace {pace:?}");
            std::panic::resume_unwind(panic);
        }
    }
}

#[test]
fn a_tree_is_walked_whole_every_time() {
    campaign(None);
}

#[test]
fn what_is_remembered_is_right_after_the_stated_time() {
    let mut pace = Pace::default();
    (pace.list, pace.count, pace.walk) =
        (Nanoseconds::from_secs(2), Nanoseconds::from_secs(4), Nanoseconds::from_secs(20));
    campaign(Some(pace));
}
