//! The watching sweeper on the kernel's own `/proc`: `/dev/full` (1:7) stands for a GPU's file.

#![cfg(target_os = "linux")]

use std::fs::File;
use std::io::{Read, Write};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;

use gpu_core::{Clock, DeviceNumber, Nanoseconds, Pid, Sweep, SweepRequest, Sweeper};
use gpu_host::{Pace, Roots, SystemClock, WatchingSweeper};

/// Not `/dev/null`, which half of the machine has open.
const FULL: [DeviceNumber; 1] = [DeviceNumber { major: 1, minor: 7 }];

/// A shell that does what it is told, a line at a time, and answers when it is done.
struct Shell(Child);

impl Shell {
    fn new() -> Self {
        let mut command = Command::new("sh");
        Self(command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap())
    }

    fn pid(&self) -> Pid {
        Pid(self.0.id())
    }

    /// Puts another program in its place.
    fn becomes(&mut self, program: &str) {
        writeln!(self.0.stdin.as_mut().unwrap(), "exec {program}").unwrap();
        let name = format!("/proc/{}/comm", self.pid());
        for _ in 0..1000 {
            if std::fs::read_to_string(&name).unwrap().trim() == program {
                return;
            }
            std::thread::sleep(std::time::Duration::from_millis(5));
        }
        panic!("the shell has not become {program}");
    }

    fn run(&mut self, line: &str) {
        writeln!(self.0.stdin.as_mut().unwrap(), "{line}\necho").unwrap();
        let mut answer = [0];
        self.0.stdout.as_mut().unwrap().read_exact(&mut answer).unwrap();
    }
}

impl Drop for Shell {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// Sweeps whose clock never says that it is anybody's turn: what is seen, a count has told.
fn sweeper(count: u64) -> WatchingSweeper {
    let roots = Roots::default();
    let clock: Arc<dyn Clock> = Arc::new(SystemClock::new_or_unknown(&roots.proc));
    let mut pace = Pace::default();
    let day = Nanoseconds::from_secs(86_400);
    (pace.list, pace.count) = (Nanoseconds(0), Nanoseconds(count));
    (pace.walk, pace.walk_uncounted) = (day, day);
    WatchingSweeper::new(roots.proc, clock).at_pace(pace)
}

fn holds(sweeper: &WatchingSweeper, pid: Pid) -> bool {
    let mut sweep = Sweep::new();
    sweeper.sweep_into(&SweepRequest::new(&FULL, &[]).with_owners(), &mut sweep).unwrap();
    sweep.process(pid).is_some_and(|process| process.holds == FULL && process.owner.is_ok())
}

/// Whether this kernel shows the number of descriptors as the size of their folder (6.2 and later).
fn is_counted() -> bool {
    let _one = File::open("/dev/null").unwrap();
    std::fs::metadata("/proc/self/fd").unwrap().len() > 0
}

#[test]
fn what_a_child_opens_and_closes_is_seen_by_the_next_sweep() {
    if !is_counted() {
        // The promise is another there, and no clock of a test can wait for it.
        return;
    }
    let (sweeper, mut shell) = (sweeper(0), Shell::new());
    assert!(!holds(&sweeper, shell.pid()));
    assert!(!holds(&sweeper, shell.pid()));
    shell.run("exec 7</dev/full");
    assert!(holds(&sweeper, shell.pid()), "its number of descriptors has changed");
    shell.run("exec 7<&-");
    assert!(!holds(&sweeper, shell.pid()));
    // A count that stays the same tells nothing, and a client is looked at more closely.
    shell.run("exec 7</dev/full");
    assert!(holds(&sweeper, shell.pid()));
    shell.run("exec 7</dev/zero");
    assert!(!holds(&sweeper, shell.pid()), "the descriptor is open on something else");
}

#[test]
fn a_new_process_is_seen_and_its_end_too() {
    let sweeper = sweeper(0);
    let mut shell = Shell::new();
    shell.run("exec 7</dev/full");
    let pid = shell.pid();
    assert!(holds(&sweeper, pid));
    let mut sweep = Sweep::new();
    sweeper.sweep_into(&SweepRequest::new(&FULL, &[]).with_owners(), &mut sweep).unwrap();
    let process = sweep.process(pid).unwrap().clone();
    assert_eq!(process.name.to_string(), "sh");
    // Shells of the tests beside this one come and go.
    assert!(sweep.ended_with(pid).next().is_none());
    drop(shell);
    sweeper.sweep_into(&SweepRequest::new(&FULL, &[pid]).with_owners(), &mut sweep).unwrap();
    assert!(sweep.process(pid).is_none());
    let ended = sweep.ended_with(pid).next().unwrap();
    assert_eq!((ended.key, ended.name, &ended.owner), (process.key, process.name, &process.owner));
}

/// Nobody's turn comes, no list is read: whom the driver names is there all the same.
#[test]
fn who_is_named_is_seen_at_once() {
    let sweeper = sweeper(86_400_000_000_000);
    let mut shell = Shell::new();
    assert!(!holds(&sweeper, shell.pid()));
    shell.run("exec 7</dev/full");
    let mut sweep = Sweep::new();
    let named = [shell.pid()];
    sweeper.sweep_into(&SweepRequest::new(&FULL, &named), &mut sweep).unwrap();
    assert_eq!(sweep.process(named[0]).unwrap().holds, FULL);
    shell.run("exec 7<&-");
    shell.becomes("cat");
    sweeper.sweep_into(&SweepRequest::new(&FULL, &named), &mut sweep).unwrap();
    let process = sweep.process(named[0]).unwrap();
    assert_eq!((process.name.to_string().as_str(), process.holds.len()), ("cat", 0));
}
