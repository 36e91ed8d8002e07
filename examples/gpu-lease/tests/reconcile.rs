//! The ledger beside a simulated machine: what is used and not held, held by the dead, lost; and what
//! repairs it.

#[path = "common/program.rs"]
mod program;

use gpu_sim::Machine;
use program::Lease;
use serde_json::Value;

fn findings(report: &Value) -> Vec<(String, String)> {
    let text = |value: &Value| value.as_str().unwrap_or("-").to_owned();
    let lines = report["lines"].as_array().unwrap().iter();
    lines.map(|line| (text(&line["owner"]), text(&line["finding"]))).collect()
}

fn has(report: &Value, owner: &str, finding: &str) -> bool {
    findings(report).iter().any(|line| line == &(owner.to_owned(), finding.to_owned()))
}

#[test]
fn what_is_used_is_taken_in_and_the_dead_are_released() {
    let lease = Lease::on("mixed");
    // One who is there and uses it, one of whom nothing is left.
    let unit = |name: &str| -> String {
        let machine = gpu_accounting::Node::builder().machine(Machine::preset("mixed").unwrap()).build();
        let inventory = machine.inventory();
        let found = inventory.units().find(|unit| unit.to_string().ends_with(name)).unwrap();
        found.to_string()
    };
    let alive = lease.key(&format!("--unit {}", unit("/xcp:3")));
    lease.call(&format!("commit {alive} --holder slurm:4711")).exits(0);
    let dead = lease.key("--vendor intel");
    lease.call(&format!("commit {dead} --holder container:docker:long-gone")).exits(0);
    let position = lease.position();
    // Just now: he may be on his way.
    let young = lease.call("reconcile --json").exits(1).json();
    assert!(!has(&young, "docker long-gone", "held by the dead"), "{young:#}");
    let report = lease.call("reconcile --json --grace 0").exits(1).json();
    assert!(has(&report, "slurm 4711", "held and used"), "{report:#}");
    assert!(has(&report, "docker long-gone", "held by the dead"), "{report:#}");
    assert!(has(&report, "unit render-farm.service", "used and not held"), "{report:#}");
    assert!(has(&report, "containerd bbbbbbbbbbbb", "given and not held"), "{report:#}");
    assert_eq!(lease.position(), position, "nothing is repaired silently");
    let repaired = lease.call("reconcile --json --grace 0 --repair").exits(1).json();
    assert!(repaired["repairs"].as_array().unwrap().iter().all(|one| one["done"] == true), "{repaired:#}");
    let after = lease.call("reconcile --json --grace 0").json();
    assert!(!has(&after, "docker long-gone", "held by the dead"), "{after:#}");
    assert!(has(&after, "containerd bbbbbbbbbbbb", "held and used"), "{after:#}");
    // Use that nobody gave is for people: it stays.
    assert!(has(&after, "unit render-farm.service", "used and not held"), "{after:#}");
    lease.call("verify").exits(0);
}

#[test]
fn what_fell_off_is_lost_and_comes_back() {
    let mut lease = Lease::on("l40s-4");
    let mut machine = Machine::preset("l40s-4").unwrap();
    machine.workloads.clear();
    let write = |lease: &Lease, name: &str, machine: &Machine| {
        let file = lease.file(name);
        std::fs::write(&file, serde_json::to_string(machine).unwrap()).unwrap();
        file.to_str().unwrap().to_owned()
    };
    let whole = write(&lease, "whole.json", &machine);
    lease.machine.clone_from(&whole);
    let keys: Vec<String> = (0..4).map(|_| lease.key("--node n1")).collect();
    for key in &keys[..2] {
        lease.call(&format!("commit {key} --holder container:docker:long-gone --node n1")).exits(0);
    }
    machine.gpus.truncate(1);
    machine.links.clear();
    lease.machine = write(&lease, "less.json", &machine);
    let report = lease.call("reconcile --json --node n1 --grace 0").exits(1).json();
    let lost = findings(&report).into_iter().filter(|(_, finding)| finding == "lost").count();
    assert_eq!(lost, 3, "{report:#}");
    let states = |lease: &Lease| -> Vec<String> {
        let list = lease.call("list --json --node n1").exits(0).json();
        let holdings = list["holdings"].as_array().unwrap().iter();
        holdings.map(|held| held["state"].as_str().unwrap().to_owned()).collect()
    };
    assert_eq!(states(&lease).iter().filter(|state| *state == "lost").count(), 3);
    // Seen again, it is its holder's again.
    lease.machine = whole;
    lease.call("reconcile --node n1").exits(0);
    assert_eq!(states(&lease).iter().filter(|state| *state == "lost").count(), 0);
    assert_eq!(states(&lease).len(), 4);
}
