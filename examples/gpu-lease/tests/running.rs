//! Units for the life of a command, whatever ends it.

#[path = "common/program.rs"]
mod program;

use std::fs;

use program::{Answer, Lease, eventually, runs};
use rustix::process::{Pid, Signal, kill_process};

#[test]
fn the_commands_end_is_the_programs() {
    let lease = Lease::on("l40s-4");
    lease.with(&["run", "--", "sh", "-c", "exit 7"]).exits(7);
    lease.with(&["run", "--", "sh", "-c", "kill -KILL $$"]).exits(128 + 9);
    lease.with(&["run", "--", "true"]).exits(0);
    lease.with(&["run", "--", "no-such-command-anywhere"]).exits(127);
    lease.with(&["run", "--", "/"]).exits(126);
    lease.with(&["run", "--need", "1TiB", "--", "true"]).exits(121);
    assert_eq!(lease.held(), [], "all of it was given back");
    assert_eq!(lease.with(&["run", "--", "echo", "--need", "1TiB"]).exits(0).text, "--need 1TiB\n");
}

#[test]
fn the_command_sees_what_it_holds_and_the_ledger_says_so() {
    let lease = Lease::on("l40s-4");
    let (seen, list) = (lease.file("seen"), lease.file("list"));
    let script = format!("echo $CUDA_VISIBLE_DEVICES > {}; cat > {}", seen.display(), list.display());
    let words =
        ["run", "--count", "2", "--label", "two", "--holder", "slurm:4711", "--", "sh", "-c", &script];
    let mut child = lease.command(&words).stdin(std::process::Stdio::piped()).spawn().unwrap();
    let visible = lease.line_of("seen");
    let held = lease.held();
    assert_eq!(held.len(), 2);
    let expected: Vec<String> = held.iter().map(|(unit, _)| unit.replace("nvidia:uuid:", "GPU-")).collect();
    assert_eq!(visible, expected.join(","));
    assert!(held.iter().all(|(_, state)| state == "held"));
    assert_eq!(lease.list()["holdings"][0]["holder"], "slurm 4711");
    // Its input is the command's.
    std::io::Write::write_all(&mut child.stdin.take().unwrap(), b"through\n").unwrap();
    assert!(child.wait().unwrap().success());
    assert_eq!(fs::read_to_string(list).unwrap(), "through\n");
    assert_eq!(lease.held(), []);
}

/// Four processes on one file, each wanting all four boards: the file system says whether two ever had them
/// at once.
#[test]
fn processes_race_for_the_same_units() {
    let lease = Lease::on("l40s-4");
    let (lock, runs) = (lease.file("lock"), lease.file("runs"));
    let script =
        format!("mkdir {0} || exit 99; echo x >> {1}; rmdir {0} || exit 98", lock.display(), runs.display());
    std::thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                for _ in 0..3 {
                    lease.with(&["run", "--count", "4", "--wait", "120", "--", "sh", "-c", &script]).exits(0);
                }
            });
        }
    });
    assert_eq!(fs::read_to_string(runs).unwrap().lines().count(), 12);
    assert_eq!(lease.held(), []);
    lease.call("verify").exits(0);
}

#[test]
fn signals_are_passed_on() {
    let lease = Lease::on("l40s-4");
    for (signal, name, number) in
        [(Signal::TERM, "TERM", 15), (Signal::INT, "INT", 2), (Signal::HUP, "HUP", 1)]
    {
        let file = lease.file(name);
        let script = format!(
            "trap 'exit {}' {name}; echo $$ > {}; while :; do sleep 0.05; done",
            40 + number,
            file.display()
        );
        let running = lease.spawn(&["run", "--", "sh", "-c", &script]);
        lease.line_of(name);
        kill_process(Pid::from_raw(running.id()).unwrap(), signal).unwrap();
        assert_eq!(running.code(), Some(40 + number), "{name}");
        assert_eq!(lease.held(), [], "{name}");
    }
}

/// Killed as nothing can catch it: the command dies with it, the units stay held until their time is over,
/// and whoever looks then takes them away.
#[test]
fn the_holder_is_killed() {
    let lease = Lease::on("l40s-4");
    let script = format!("echo $$ > {}; exec sleep 1000", lease.file("pid").display());
    let running = lease.spawn(&["run", "--count", "4", "--for", "3", "--", "sh", "-c", &script]);
    let pid = lease.line_of("pid");
    eventually("it is committed", || lease.held().iter().all(|(_, state)| state == "held"));
    assert!(runs(&pid));
    kill_process(Pid::from_raw(running.id()).unwrap(), Signal::KILL).unwrap();
    eventually("the command dies with it", || !runs(&pid));
    assert_eq!(lease.held().len(), 4, "nothing has ended yet by itself");
    lease.call("reserve --count 4 --wait 60").exits(0);
    assert_eq!(lease.held().iter().filter(|(_, state)| state == "reserved").count(), 4);
    lease.call("verify").exits(0);
}

/// Renewed while it lives, longer than it would last.
#[test]
fn what_lives_longer_than_its_expiry_keeps_its_units() {
    let lease = Lease::on("l40s-4");
    let script = format!(
        "echo $$ > {}; sleep 4; echo done > {}",
        lease.file("pid").display(),
        lease.file("done").display()
    );
    let running = lease.spawn(&["run", "--count", "4", "--for", "2", "--", "sh", "-c", &script]);
    lease.line_of("pid");
    // Who wants them waits, and takes away what has expired: nothing has.
    let other = format!("test -e {}", lease.file("done").display());
    lease.with(&["run", "--count", "4", "--wait", "60", "--", "sh", "-c", &other]).exits(0);
    assert_eq!(running.code(), Some(0));
}

/// Somebody else gives away what the command holds: it is ended, so that it does not use what is another's.
#[test]
fn a_command_whose_units_are_taken_is_ended() {
    let lease = Lease::on("l40s-4");
    let script = format!("echo $$ > {}; exec sleep 1000", lease.file("pid").display());
    let running = lease.spawn(&["run", "--for", "1", "--", "sh", "-c", &script]);
    let pid = lease.line_of("pid");
    let list = lease.list();
    let holding = list["holdings"][0]["id"].as_str().unwrap();
    lease.call(&format!("release {holding}")).exits(0);
    eventually("it is ended", || !runs(&pid));
    assert_eq!(running.code(), Some(128 + 15));
}

#[test]
fn memory_is_enough_for_one() {
    let mut lease = Lease::on("mixed");
    lease.store = "memory".to_owned();
    let seen = |words: &[&str]| -> Vec<String> {
        let all = [&["run"], words, &["--", "env"]].concat();
        let Answer { text, .. } = lease.with(&all).exits(0);
        let names = [
            "CUDA_VISIBLE_DEVICES=",
            "ROCR_VISIBLE_DEVICES=",
            "ZE_AFFINITY_MASK=",
            "ZE_FLAT_DEVICE_HIERARCHY=",
        ];
        let is_ours = |line: &&str| names.iter().any(|name| line.starts_with(name));
        let mut lines: Vec<String> = text.lines().filter(is_ours).map(str::to_owned).collect();
        lines.sort();
        lines
    };
    let nvidia = seen(&["--vendor", "nvidia", "--profile", "3g.40gb", "--need", "30GiB"]);
    assert!(nvidia[0].starts_with("CUDA_VISIBLE_DEVICES=MIG-"), "{nvidia:?}");
    assert_eq!(nvidia[1], "ROCR_VISIBLE_DEVICES=-1");
    let amd = seen(&["--vendor", "amd", "--profile", "CPX", "--count", "2"]);
    assert_eq!(amd, ["CUDA_VISIBLE_DEVICES=", "ROCR_VISIBLE_DEVICES=0,1"]);
    let intel = seen(&["--vendor", "intel", "--count", "2"]);
    assert_eq!(intel[2..], ["ZE_AFFINITY_MASK=0,1", "ZE_FLAT_DEVICE_HIERARCHY=COMPOSITE"]);
}
