//! Nodes that share one etcd: leases that are kept up while a command runs, and end when its holder is
//! killed.

#[path = "../../../gpu-store/tests/support/etcd.rs"]
mod etcd;
#[path = "common/program.rs"]
mod program;

use std::fs;

use etcd::Etcd;
use program::{Lease, eventually, runs};
use rustix::process::{Pid, Signal, kill_process};

fn on(etcd: &Etcd, machine: &str) -> Lease {
    let mut lease = Lease::on(machine);
    lease.store = format!("etcd:{}", etcd.url());
    lease
}

#[test]
#[ignore = "needs etcd: .ci/run installs it"]
fn the_holder_is_killed_and_its_lease_ends() {
    let etcd = Etcd::start();
    let lease = on(&etcd, "l40s-4");
    let script = format!("echo $$ > {}; exec sleep 1000", lease.file("pid").display());
    let running = lease.spawn(&["run", "--count", "4", "--for", "3", "--", "sh", "-c", &script]);
    let pid = lease.line_of("pid");
    assert!(lease.held().iter().all(|(_, state)| state == "held"));
    let number = lease.list()["holdings"][0]["expiry"]["lease"].as_u64().unwrap();
    assert!(etcd.etcdctl(&["lease", "list"]).contains(&format!("{number:x}")));
    // Longer than it lasts without being kept up: whoever wants it finds it held.
    lease.call("reserve --wait 6").exits(122);
    kill_process(Pid::from_raw(running.id()).unwrap(), Signal::KILL).unwrap();
    eventually("the command dies with it", || !runs(&pid));
    lease.call("reserve --count 4 --wait 60").exits(0);
    lease.call("verify").exits(0);
}

#[test]
#[ignore = "needs etcd: .ci/run installs it"]
fn leases_are_given_back_with_the_units() {
    let etcd = Etcd::start();
    let lease = on(&etcd, "l40s-4");
    lease.with(&["run", "--", "true"]).exits(0);
    lease.with(&["run", "--", "no-such-command-anywhere"]).exits(127);
    lease.call("reserve --need 1TiB").exits(121);
    assert_eq!(lease.held(), []);
    assert_eq!(etcd.etcdctl(&["lease", "list"]).lines().next(), Some("found 0 leases"));
    let key = lease.key("--for 1000");
    lease.call(&format!("commit {key} --holder slurm:1")).exits(0);
    lease.call(&format!("renew {key} --for 500")).exits(0);
    assert!(lease.list()["holdings"][0]["expiry"]["lease"].is_u64());
}

/// A holder that etcd does not answer ends its command before anybody else can be given its units.
#[test]
#[ignore = "needs etcd: .ci/run installs it"]
fn a_command_ends_when_nobody_can_renew() {
    let etcd = Etcd::start();
    let lease = on(&etcd, "l40s-4");
    let script = format!("echo $$ > {}; exec sleep 1000", lease.file("pid").display());
    let running = lease.spawn(&["run", "--for", "3", "--", "sh", "-c", &script]);
    let pid = lease.line_of("pid");
    etcd.stop();
    eventually("it is ended", || !runs(&pid));
    etcd.go_on();
    assert_eq!(running.code(), Some(128 + 15));
}

#[test]
#[ignore = "needs etcd: .ci/run installs it"]
fn nodes_race_apart_and_processes_of_one_race_together() {
    let etcd = Etcd::start();
    let nodes = [on(&etcd, "l40s-4"), on(&etcd, "b60-2")];
    std::thread::scope(|scope| {
        for (lease, count) in nodes.iter().zip(["4", "2"]) {
            let (lock, runs) = (lease.file("lock"), lease.file("runs"));
            let script = format!(
                "mkdir {0} || exit 99; echo x >> {1}; rmdir {0} || exit 98",
                lock.display(),
                runs.display()
            );
            for _ in 0..3 {
                let script = script.clone();
                scope.spawn(move || {
                    for _ in 0..2 {
                        lease
                            .with(&["run", "--count", count, "--wait", "120", "--", "sh", "-c", &script])
                            .exits(0);
                    }
                });
            }
        }
    });
    for lease in &nodes {
        assert_eq!(fs::read_to_string(lease.file("runs")).unwrap().lines().count(), 6);
        assert_eq!(lease.held(), []);
        lease.call("verify").exits(0);
    }
    // Another node's ledger can be listed and checked from here, and is not told of this machine.
    let position = nodes[1].position();
    nodes[0].call("list --node simulated-b60-2").exits(0);
    nodes[0].call("verify --node simulated-b60-2").exits(0);
    assert_eq!(nodes[1].position(), position);
}

#[test]
#[ignore = "needs etcd: .ci/run installs it"]
fn a_password_comes_from_a_file() {
    let etcd = Etcd::start();
    etcd.etcdctl(&["user", "add", "root:t0p-secret"]);
    etcd.etcdctl(&["user", "grant-role", "root", "root"]);
    etcd.etcdctl(&["auth", "enable"]);
    let lease = on(&etcd, "l40s-4");
    let file = lease.file("password");
    fs::write(&file, "t0p-secret\n").unwrap();
    let file = file.to_str().unwrap();
    lease.call("reserve").exits(124);
    lease.call(&format!("reserve --etcd-user root --etcd-password-file {file}")).exits(0);
    fs::write(file, "t0p-secrer\n").unwrap();
    let answer = lease.call(&format!("reserve --etcd-user root --etcd-password-file {file}")).exits(124);
    assert!(!answer.error.contains("t0p"), "{}", answer.error);
}
