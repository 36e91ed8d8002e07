//! The watching sweeper against what hostile processes do: there are too many of them, they exchange
//! what they hold, their links and names are long.

#![cfg(target_os = "linux")]

#[path = "common/proc.rs"]
#[allow(dead_code)] // other tests need the rest
mod proc;

use std::sync::Arc;

use gpu_core::{BootTime, Clock, Nanoseconds, Pid, Sweep, SweepRequest, Sweeper};
use gpu_host::WatchingSweeper;
use gpu_sim::{Machine, SimClock, World};

use proc::{Proc, WANTED, text};

fn clock() -> SimClock {
    World::new(Machine::preset("mixed").unwrap()).clock().clone()
}

fn sweeper(proc: &Proc, clock: &SimClock) -> WatchingSweeper {
    let clock: Arc<dyn Clock> = Arc::new(clock.clone());
    WatchingSweeper::new(proc.0.clone(), clock).trusting_folder_times()
}

fn pids(sweep: &Sweep) -> Vec<u32> {
    sweep.processes.iter().map(|process| process.key.pid.0).collect()
}

/// What one sweep cannot do is counted, and the next ones do it.
#[test]
fn the_work_of_a_sweep_is_bounded_and_nobody_is_lost() {
    let (proc, clock) = (Proc::new("work"), clock());
    for pid in 1..=60 {
        proc.descriptor(pid, 3, if pid % 20 == 0 { "/dev/dri/renderD128" } else { "/dev/null" }, None);
    }
    let sweeper = sweeper(&proc, &clock).keeping_to(1000, 100);
    let (mut sweep, mut left) = (Sweep::new(), 60);
    let request = SweepRequest::new(&WANTED, &[]);
    for _ in 0..6 {
        sweeper.sweep_into(&request, &mut sweep).unwrap();
        assert!(sweep.postponed < left || left == 0, "{} of {left}", sweep.postponed);
        left = sweep.postponed;
    }
    assert_eq!((pids(&sweep), left), (vec![20, 40, 60], 0));
}

/// Those that were there first are watched; the others are counted, and seen when they are named.
#[test]
fn a_fork_bomb_takes_no_room_from_who_was_there() {
    let (proc, clock) = (Proc::new("bomb"), clock());
    proc.descriptor(500, 3, "/dev/dri/renderD128", Some(&text(1, 1)));
    let sweeper = sweeper(&proc, &clock).keeping_to(10, 1 << 18);
    let mut sweep = Sweep::new();
    let request = SweepRequest::new(&WANTED, &[]);
    sweeper.sweep_into(&request, &mut sweep).unwrap();
    for pid in 1..=200 {
        proc.descriptor(pid, 3, "/dev/dri/renderD129", None);
    }
    clock.advance(Nanoseconds::from_secs(600));
    sweeper.sweep_into(&request, &mut sweep).unwrap();
    assert_eq!((sweep.processes.len(), sweep.unwatched), (10, 191));
    assert!(sweep.process(Pid(500)).is_some(), "it was there first");
    let named = [Pid(150)];
    sweeper.sweep_into(&SweepRequest::new(&WANTED, &named), &mut sweep).unwrap();
    assert_eq!(sweep.process(Pid(150)).unwrap().holds, [WANTED[1]]);
    (1..=200).for_each(|pid| proc.end(pid));
    sweeper.sweep_into(&request, &mut sweep).unwrap();
    assert_eq!((pids(&sweep), sweep.unwatched), (vec![500], 0));
    assert_eq!(sweep.ended.len(), 10, "nine that were watched, and the one that was named");
}

#[test]
fn links_and_names_of_any_length_and_kind_are_read() {
    let (proc, clock) = (Proc::new("hostile"), clock());
    let long = format!("/{}", "x/".repeat(2047));
    for (fd, target) in
        ["/dev/dri/renderD128 (deleted)", &long, "/dev/../dev/dri/renderD128", "\n"].iter().enumerate()
    {
        proc.descriptor(7, fd as u32, target, Some(&text(1, 1)));
    }
    proc.descriptor(8, 3, "/dev/dri/renderD128", None);
    proc.rename(8, ") S 1 (\n\u{1b}", BootTime(1_000_000_000));
    std::fs::create_dir_all(proc.0.join("+9/fd")).unwrap();
    std::fs::create_dir_all(proc.0.join("99999999999/fd")).unwrap();
    let mut sweep = Sweep::new();
    sweeper(&proc, &clock).sweep_into(&SweepRequest::new(&WANTED, &[]).with_owners(), &mut sweep).unwrap();
    assert_eq!((pids(&sweep), sweep.unreadable), (vec![8], 0));
    assert_eq!(sweep.processes[0].name.to_string(), ") S 1 (\\n\\u{1b}");
}

/// The list of processes cannot be read: an error, as of a full walk, and no panic afterwards.
#[test]
fn a_list_that_cannot_be_read_is_an_error() {
    let (proc, clock) = (Proc::new("list"), clock());
    proc.descriptor(7, 3, "/dev/dri/renderD128", None);
    let (sweeper, mut sweep) = (sweeper(&proc, &clock), Sweep::new());
    let request = SweepRequest::new(&WANTED, &[Pid(7)]);
    sweeper.sweep_into(&request, &mut sweep).unwrap();
    let aside = proc.0.with_extension("aside");
    std::fs::rename(&proc.0, &aside).unwrap();
    let error = sweeper.sweep_into(&request, &mut sweep).unwrap_err();
    assert_eq!((error.kind(), pids(&sweep)), (gpu_core::ErrorKind::NotFound, vec![]));
    std::fs::rename(&aside, &proc.0).unwrap();
    sweeper.sweep_into(&request, &mut sweep).unwrap();
    assert_eq!(pids(&sweep), [7]);
}
