//! The program as a user starts it: what it says of simulated machines, and of odd input.

use std::process::{Command, Output};

use serde_json::Value;

fn who(words: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_gpu-who")).args(words).output().expect("it starts")
}

fn text(words: &[&str]) -> String {
    let output = who(words);
    assert!(output.status.success(), "{words:?}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).expect("text")
}

fn json(words: &[&str]) -> Value {
    serde_json::from_str(&text(words)).expect("one JSON object")
}

/// The container whose id begins so.
fn container<'a>(report: &'a Value, id: &str) -> &'a Value {
    let mut containers = report["containers"].as_array().unwrap().iter();
    containers
        .find(|of| of["id"].as_str().unwrap().starts_with(id))
        .unwrap_or_else(|| panic!("no {id}: {report:#}"))
}

#[test]
fn a_mixed_machine_as_json() {
    let report = json(&["--sim", "mixed", "--json", "--over", "2000"]);
    assert_eq!((&report["schema"], &report["simulated"]), (&1.into(), &true.into()));
    let serve = container(&report, "aaaa");
    assert_eq!(serve["runtime"], "containerd");
    assert_eq!(serve["pod_uid"], "6f1e2d3c-4b5a-4978-8796-a5b4c3d2e1f0");
    let [unit] = &serve["units"].as_array().unwrap()[..] else { panic!("{serve:#}") };
    assert!(unit["unit"].as_str().unwrap().ends_with("/gi:1/ci:0"), "{unit:#}");
    assert_eq!(unit["memory_bytes"], 31_u64 << 30);
    assert_eq!(unit["entitlement"]["strength"], "enforced");
    assert_eq!(unit["processes"][0]["pid"], 9001);
    // Time slices: 300 of 1000 over the two seconds between the looks.
    let worker = &container(&report, "dddd")["units"][0];
    let shader = &worker["engines"][0];
    assert_eq!((&shader["engine"], &shader["share_permille"]), (&"shader".into(), &300.into()));
    assert_eq!((&shader["time_ns"], &shader["covered_ns"]), (&600_000_000.into(), &2_000_000_000_u64.into()));
    assert_eq!(report["jobs"][0]["job"], 4711);
    assert_eq!(report["others"][0]["owner"], "unit render-farm.service");
    for balance in report["balances"].as_array().unwrap() {
        for of in [&balance["memory"], &balance["shader"]].into_iter().filter(|of| of.is_object()) {
            let n = |name: &str| of[name].as_u64().unwrap();
            let sum = n("attributed") - n("excess") + n("unattributed") + n("reserved") + n("free");
            assert_eq!(sum, n("total"), "{balance:#}");
        }
    }
}

/// One look has no length: shares that the driver estimates are there, times are not, and say why.
#[test]
fn one_look_alone() {
    let report = json(&["--sim", "l40s-4", "--json", "--over", "0"]);
    let shader = &report["others"][0]["units"][0]["engines"][0];
    assert!(shader["share_permille"].as_u64().is_some() && shader["time_ns"].is_null(), "{shader:#}");
    assert_eq!(shader["absent"]["time_ns"], "not yet");
}

#[test]
fn every_preset_is_said_to_be_simulated() {
    for preset in gpu_sim::Machine::presets() {
        assert!(text(&["--sim", preset]).starts_with("SIMULATED"), "{preset}");
        assert_eq!(json(&["--sim", preset, "--json"])["simulated"], true, "{preset}");
    }
}

#[test]
fn watching_looks_again() {
    let reports = text(&["--sim", "mixed", "--json", "--watch", "1", "--count", "3"]);
    assert_eq!(reports.lines().count(), 3, "one line each");
    let mut reports = serde_json::Deserializer::from_str(&reports).into_iter::<Value>();
    for _ in 0..3 {
        let report = reports.next().expect("a report").expect("JSON");
        let covered = &container(&report, "dddd")["units"][0]["engines"][0]["covered_ns"];
        assert!(covered.as_u64().is_some_and(|ns| ns > 0), "{covered}");
    }
    assert!(reports.next().is_none());
}

/// A machine without GPU is an outcome, not an error; nothing simulated is shown unasked.
#[test]
fn a_machine_without_gpu() {
    let report =
        json(&["--json", "--over", "0", "--sysfs-root", env!("CARGO_MANIFEST_DIR"), "--vendor", "amd"]);
    assert_eq!(report["simulated"], false);
    assert_eq!((&report["containers"], &report["balances"]), (&Value::Array(vec![]), &Value::Array(vec![])));
    assert!(report["vendors"].as_array().unwrap().iter().any(|of| of["outcome"] == "no_driver"));
}

#[test]
fn odd_input_is_named() {
    for (words, named) in [
        (&["--sim", "no-such"][..], "no-such"),
        (&["--sim", "mixed", "--proc-root", "/"], "--sim replaces"),
        (&["--watch", "0"], "--watch \"0\""),
        (&["--watch", "x"], "--watch \"x\""),
        (&["--count", "2"], "--watch"),
        (&["--watch", "1", "--count", "0"], "--count \"0\""),
        (&["--mps", "fair"], "fair"),
        (&["--vendor", "acme"], "acme"),
        (&["--proc-root", "/nonexistent"], "/nonexistent"),
        (&["--cgroup-root", "/etc/passwd"], "not a directory"),
        (&["--over", "-1"], "-1"),
        (&["more"], "more"),
    ] {
        let output = who(words);
        let error = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(2), "{words:?}");
        assert!(error.starts_with("gpu-who: ") && error.contains(named), "{words:?}: {error}");
        assert!(output.stdout.is_empty(), "{words:?}");
    }
}

/// What is replayed is what was seen: the same lines from a recording as from the simulated machine,
/// made by the same steps of time.
#[test]
fn a_recording_shows_who_was_on_it() {
    use gpu_accounting::record::Recorder;
    use gpu_accounting::{Nanoseconds, Node};
    let path = std::env::temp_dir().join(format!("gpu-who-{}.gpurec", std::process::id()));
    let _ = std::fs::remove_file(&path);
    let world = gpu_sim::World::new(gpu_sim::Machine::preset("mixed").expect("it is there"));
    let node = Node::builder().machine(world.host()).build();
    let mut recorder = Recorder::create(&path, node.recording_head("the tests")).expect("begun");
    let mut watch = node.watch();
    for _ in 0..4 {
        watch.look();
        recorder.add(&watch.moment()).expect("added");
        world.clock().advance(Nanoseconds(1_000_000_000));
    }
    let name = path.to_str().expect("text");
    let mut replayed = json(&["--replay", name, "--json", "--over", "2000"]);
    let live = json(&["--sim", "mixed", "--json", "--over", "2000"]);
    assert!(replayed["recorded"].as_str().is_some_and(|when| when.ends_with("by the tests")), "{replayed:#}");
    replayed["recorded"] = Value::Null;
    assert_eq!(replayed, live);
    let text = text(&["--replay", name, "--watch", "1", "--over", "0"]);
    assert_eq!(text.matches("RECORDED ").count(), 4, "one report a moment, and then the end");
    std::fs::remove_file(&path).expect("it is there");
}
