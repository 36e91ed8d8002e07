//! Recordings in place of a machine: what is listed and planned is what the recorded machine's own driver
//! would have had listed and planned; nothing is applied.

#[allow(dead_code)] // every test file uses its part
#[path = "common/program.rs"]
mod program;

use std::path::{Path, PathBuf};

use gpu_accounting::record::Recorder;
use gpu_accounting::{Nanoseconds, Node};
use gpu_sim::{Machine, World};
use program::mig;
use serde_json::{Value, json};

/// A recording of a simulated machine, gone when the test ends.
struct Recording(PathBuf);

impl Recording {
    fn of(preset: &str) -> Self {
        let path = std::env::temp_dir().join(format!("mig-replay-{preset}-{}.gpurec", std::process::id()));
        let _ = std::fs::remove_file(&path);
        let world = World::new(Machine::preset(preset).unwrap());
        let node = Node::builder().machine(world.host()).build();
        let mut recorder = Recorder::create(&path, node.recording_head("the tests")).unwrap();
        let mut watch = node.watch();
        for _ in 0..3 {
            watch.look();
            recorder.add(&watch.moment()).unwrap();
            world.clock().advance(Nanoseconds(1_000_000_000));
        }
        Self(path)
    }

    fn path(&self) -> &Path {
        &self.0
    }
}

impl Drop for Recording {
    fn drop(&mut self) {
        let _ = std::fs::remove_file(&self.0);
    }
}

/// What both say of the boards, without who told it.
fn told(words: &str, keys: &[&str]) -> (i32, Vec<Value>) {
    let answer = mig(words);
    let json = answer.json();
    (answer.code, keys.iter().map(|key| json[*key].clone()).collect())
}

#[test]
fn what_is_planned_is_what_the_machine_itself_would_have_planned() {
    let recording = Recording::of("mixed");
    let file = recording.path().display();
    let keys = ["feasible", "placements", "keep", "destroy", "create"];
    for want in [
        "--want 1g.10gb --add",
        "--want 3g.40gb,2g.20gb,2x1g.10gb",
        "--want 3g.40gb --add --allow-moving",
        "--want 7g.80gb",
    ] {
        let live = told(&format!("plan --json --sim mixed --gpu 0 {want}"), &keys);
        let replayed = told(&format!("plan --json --replay {file} --gpu 0 {want}"), &keys);
        assert_eq!(replayed, live, "{want}");
    }
    let live = mig("profiles --json --sim mixed --gpu 0").json();
    let replayed = mig(&format!("profiles --json --replay {file} --gpu 0")).json();
    for key in ["live", "slots", "fragmentation_permille"] {
        assert_eq!(replayed["boards"][0][key], live["boards"][0][key], "{key}");
    }
    assert_eq!(replayed["boards"][0]["live"].as_array().unwrap().len(), 3);
    assert_eq!((&replayed["source"], &replayed["simulated"]), (&json!("recording"), &json!(true)));
    assert!(replayed["recorded"].as_str().unwrap().contains("the tests"), "{}", replayed["recorded"]);
    let live = mig("export --json --sim mixed").json();
    let replayed = mig(&format!("export --json --replay {file} --at 2"));
    assert_eq!(replayed.json()["yaml"], live["yaml"]);
    let text = mig(&format!("profiles --replay {file}")).text;
    assert!(text.contains("RECORDED ") && text.contains("SIMULATED"), "{text}");
}

#[test]
fn a_recording_is_not_changed() {
    let recording = Recording::of("dgx-a100-8");
    let file = recording.path().display();
    let before = std::fs::read(recording.path()).unwrap();
    let refused = mig(&format!("apply --replay {file} --gpu 0 --want none"));
    assert_eq!((refused.code, &refused.text[..]), (2, ""));
    assert!(refused.error.contains("a recording, which nobody can change"), "{}", refused.error);
    assert_ne!(mig(&format!("apply --replay {file} --gpu 0 --want none --dry-run --json")).text, "");
    assert_eq!(std::fs::read(recording.path()).unwrap(), before);
    for (words, what) in [
        ("--replay /nonexistent".to_owned(), "No such file"),
        ("--replay /etc/passwd".to_owned(), "/etc/passwd"),
        (format!("--replay {file} --at 99"), "its last moment is 2"),
        (format!("--replay {file} --sim mixed"), "one of them"),
        ("--at 1".to_owned(), "needs --replay"),
    ] {
        let answer = mig(&format!("profiles {words}"));
        assert!(answer.code == 2 && answer.error.contains(what), "{words}: {}", answer.error);
    }
}
