//! `gpu-report --record` and `--replay`, as a user starts them: what is replayed is what was reported.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::sync::OnceLock;

use serde_json::{Value, json};

/// The example as it is now: `cargo test --test record` does not build it.
fn program() -> &'static Path {
    static PROGRAM: OnceLock<PathBuf> = OnceLock::new();
    PROGRAM.get_or_init(|| {
        // target/debug/deps/record-… → target/debug
        let tests = std::env::current_exe().expect("this program has a file");
        let profile = tests.ancestors().nth(2).expect("it lies in target/debug/deps");
        let mut cargo = Command::new(env!("CARGO"));
        cargo.args([
            "build",
            "--quiet",
            "--locked",
            "-p",
            "gpu-accounting",
            "--example",
            "gpu-report",
            "--target-dir",
        ]);
        let status =
            cargo.arg(profile.parent().expect("target")).current_dir(env!("CARGO_MANIFEST_DIR")).status();
        assert!(status.expect("cargo starts").success(), "the example is built");
        profile.join("examples/gpu-report")
    })
}

fn report(words: &[&str]) -> Output {
    Command::new(program()).args(words).output().expect("the example starts")
}

fn parsed(output: &Output) -> Value {
    let text = String::from_utf8_lossy(&output.stdout);
    serde_json::from_str(&text).unwrap_or_else(|error| panic!("{error}: {output:?}"))
}

fn json_of(words: &[&str]) -> Value {
    let output = report(words);
    assert!(output.status.success(), "{words:?}: {}", String::from_utf8_lossy(&output.stderr));
    parsed(&output)
}

fn file(name: &str) -> PathBuf {
    let path = std::env::temp_dir().join(format!("gpu-report-{name}-{}.gpurec", std::process::id()));
    let _ = fs::remove_file(&path);
    path
}

/// What one report shows, without what says that it is a recording; processes by unit and number.
fn shown(mut report: Value) -> Value {
    report["recorded"] = Value::Null;
    let processes = report["processes"].as_array_mut().expect("a list");
    processes.sort_by_key(|of| (of["unit"].to_string(), of["pid"].as_u64()));
    report
}

#[test]
fn a_replayed_report_is_the_report_and_says_that_it_is_recorded() {
    for preset in ["mixed", "hgx-h100-8", "mi300x-8-cpx", "max-1550-4"] {
        let path = file(preset);
        let path = path.to_str().expect("text");
        let live = json_of(&["--json", "--sim", preset, "--record", path, "--looks", "5"]);
        assert_eq!(live["recorded"], Value::Null);
        let again = json_of(&["--json", "--replay", path]);
        let recorded = again["recorded"].as_str().expect("it says when");
        assert!(recorded.contains("by gpu-report"), "{recorded}");
        assert_eq!((&again["simulated"], &again["machine"]), (&json!(true), &json!(preset)));
        assert_eq!(shown(again), shown(live), "{preset}");
        // Earlier moments show other numbers.
        let first = json_of(&["--json", "--replay", path, "--at", "0"]);
        assert_ne!(first["devices"], json_of(&["--json", "--replay", path])["devices"]);
        let text = report(&["--replay", path]);
        let text = String::from_utf8_lossy(&text.stdout).into_owned();
        assert!(text.starts_with("RECORDED ") && text.contains("SIMULATED machine"), "{text}");
        fs::remove_file(path).expect("it is there");
    }
}

#[test]
fn a_recording_is_gone_on_with_and_damage_is_reported_beside_what_came_before() {
    let path = file("damaged");
    let name = path.to_str().expect("text");
    json_of(&["--json", "--sim", "b60-2", "--record", name, "--looks", "3"]);
    json_of(&["--json", "--sim", "b60-2", "--record", name, "--looks", "2"]);
    let whole = fs::read(&path).expect("it is there");
    assert!(report(&["--json", "--replay", name, "--at", "4"]).status.success());
    let beyond = report(&["--json", "--replay", name, "--at", "5"]);
    assert_eq!(beyond.status.code(), Some(2));
    assert!(String::from_utf8_lossy(&beyond.stderr).contains("there are 5 moments"), "{beyond:?}");

    fs::write(&path, &whole[..whole.len() - 7]).expect("it can be written");
    let damaged = report(&["--json", "--replay", name]);
    assert_eq!(damaged.status.code(), Some(1));
    assert!(String::from_utf8_lossy(&damaged.stderr).contains("truncated"), "{damaged:?}");
    assert_eq!(parsed(&damaged)["devices"].as_array().map(Vec::len), Some(2), "what came before is shown");

    fs::write(&path, b"no recording at all").expect("it can be written");
    let refused = report(&["--json", "--replay", name]);
    assert_eq!(refused.status.code(), Some(2));
    assert!(String::from_utf8_lossy(&refused.stderr).contains("no recording of a GPU node"), "{refused:?}");
    let full = report(&["--json", "--sim", "b60-2", "--record", "/dev/full"]);
    assert_eq!(full.status.code(), Some(2));
    assert!(full.stdout.is_empty() && !full.stderr.is_empty());
    fs::remove_file(&path).expect("it is there");
}

#[test]
fn pseudonyms_stand_for_processes() {
    let path = file("redacted");
    let name = path.to_str().expect("text");
    let live = json_of(&["--json", "--sim", "mixed", "--record", name, "--redact"]);
    let again = json_of(&["--json", "--replay", name]);
    let of = |report: &Value, field: &str| -> Vec<Value> {
        report["processes"].as_array().expect("a list").iter().map(|of| of[field].clone()).collect()
    };
    assert_eq!(of(&live, "pid").len(), of(&again, "pid").len());
    assert!(of(&again, "pid").iter().all(|pid| pid.as_u64().is_some_and(|pid| pid < 100)));
    let names = of(&again, "name");
    assert!(names.iter().filter_map(Value::as_str).all(|name| name.starts_with("process-")), "{names:?}");
    assert!(again["recorded"].as_str().is_some_and(|of| of.contains("names replaced")));
    fs::remove_file(&path).expect("it is there");
}

#[test]
fn what_does_not_go_together_is_refused() {
    for words in [
        &["--replay", "x", "--sim", "mixed"][..],
        &["--replay", "x", "--record", "y"],
        &["--at", "1"],
        &["--looks", "3"],
        &["--redact"],
        &["--record", "x", "--every", "0"],
        &["--replay", "/nonexistent/file"],
    ] {
        let refused = report(words);
        assert_eq!(refused.status.code(), Some(2), "{words:?}");
        assert!(refused.stdout.is_empty() && !refused.stderr.is_empty(), "{words:?}: {refused:?}");
    }
}
