//! The program as a user starts it; and in a real terminal, tmux's, beside what gpu-report reads.

#[path = "common/tmux.rs"]
mod tmux;

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use gpu_accounting::record::Recorder;
use gpu_accounting::{Nanoseconds, Node};
use serde_json::Value;
use tmux::Tmux;

const PROGRAM: &str = env!("CARGO_BIN_EXE_gpu-top");

fn top(words: &[&str]) -> Output {
    Command::new(PROGRAM).args(words).output().expect("it starts")
}

fn text(words: &[&str]) -> String {
    let output = top(words);
    assert!(output.status.success(), "{words:?}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).expect("text")
}

fn recording(name: &str, looks: u32) -> PathBuf {
    let path = std::env::temp_dir().join(format!("gpu-top-{name}-{}.gpurec", std::process::id()));
    let _ = std::fs::remove_file(&path);
    let world = gpu_sim::World::new(gpu_sim::Machine::preset("mixed").expect("it is there"));
    let node = Node::builder().machine(world.host()).build();
    let mut recorder = Recorder::create(&path, node.recording_head("the tests")).expect("begun");
    let mut watch = node.watch();
    for _ in 0..looks {
        watch.look();
        recorder.add(&watch.moment()).expect("added");
        world.clock().advance(Nanoseconds(1_000_000_000));
    }
    path
}

#[test]
fn a_recording_shows_what_the_machine_showed() {
    let path = recording("same", 5);
    let name = path.to_str().expect("text");
    let words = ["--once", "--looks", "4", "--width", "150"];
    let live = text(&[&words[..], &["--sim", "mixed"]].concat());
    let replayed = text(&[&words[..], &["--replay", name]].concat());
    assert!(replayed.contains(" RECORDED ") && replayed.contains(", by the tests"), "{replayed}");
    let same = |text: &str| -> Vec<String> {
        // How many slots a board has only its driver tells.
        let lines = text.lines().filter(|line| !line.contains("RECORDED") && !line.contains('▕'));
        lines.map(str::to_owned).collect()
    };
    assert_eq!(same(&replayed), same(&live));
    assert!(live.contains("SIMULATED") && live.contains("llm-serve"), "{live}");
    // Cut in the middle of its last moment, it says so.
    let bytes = std::fs::read(&path).expect("it is there");
    std::fs::write(&path, &bytes[..bytes.len() - 3]).expect("it can be written");
    let damaged = text(&["--once", "--looks", "99", "--replay", name]);
    assert!(damaged.contains("truncated") && damaged.contains("llm-serve"), "{damaged}");
    std::fs::remove_file(&path).expect("it is there");
}

#[test]
fn a_frame_is_as_large_as_it_is_told() {
    for (width, height) in [(40, 10), (80, 24), (200, 60)] {
        let (w, h) = (width.to_string(), height.to_string());
        let frame = text(&["--once", "--sim", "mi300x-8-cpx", "--width", &w, "--height", &h]);
        assert_eq!(frame.lines().count(), height);
        assert!(frame.lines().all(|line| line.chars().count() <= width), "{frame}");
    }
}

#[test]
fn odd_input_is_named() {
    for words in [
        &["--sim", "no-such-preset", "--once"][..],
        &["--replay", "/nonexistent", "--once"],
        &["--replay", "/etc/passwd", "--once"],
        &["--sim", "mixed", "--replay", "x"],
        &["--every", "0"],
        &["--width", "100"],
        &["--once", "--width", "0"],
        &["--speed", "2"],
        &["--vendor", "acme"],
        &["--view", "all"],
        &["--node", "a"],
        &["--sim", "mixed", "--view", "ledger"],
        &["--sim", "mixed", "--ledger", "/nonexistent/gpus.db"],
        &["--sysfs-root", "/nonexistent"],
        &["--what"],
    ] {
        let output = top(words);
        assert_eq!(output.status.code(), Some(2), "{words:?}");
        let error = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(error.starts_with("gpu-top: ") && output.stdout.is_empty(), "{words:?}: {error}");
    }
}

/// The example gpu-report over the same simulated machine, as JSON.
fn reported(preset: &str) -> Value {
    let target = Path::new(PROGRAM).ancestors().nth(2).expect("target");
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
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).ancestors().nth(2).expect("the project");
    assert!(cargo.arg(target).current_dir(root).status().expect("cargo starts").success());
    let report = target.join("debug/examples/gpu-report");
    let output = Command::new(report).args(["--json", "--sim", preset]).output().expect("it starts");
    serde_json::from_slice(&output.stdout).expect("JSON")
}

fn line<'s>(screen: &'s str, has: &str) -> &'s str {
    screen.lines().find(|line| line.contains(has)).unwrap_or_else(|| panic!("no {has:?} in\n{screen}"))
}

#[test]
#[ignore = "needs tmux"]
fn on_a_real_terminal_the_numbers_are_those_that_gpu_report_reads() {
    let report = reported("mixed");
    // One look, at the time at which the simulation starts, as gpu-report's.
    let tmux = Tmux::start("numbers", 160, 50, &format!("{PROGRAM} --sim mixed --every 86400"));
    let screen = tmux.screen("the first look", |screen| screen.contains("llm-serve"));
    assert!(line(&screen, "SIMULATED").contains("mixed"), "{screen}");
    for (number, device) in report["devices"].as_array().expect("a list").iter().enumerate() {
        let row = line(&screen, &format!("#{number} "));
        let name = device["name"].as_str().expect("a name");
        assert!(row.contains(name), "{row}");
        let value = |metric: &str| device["readings"][metric]["value"].as_u64();
        if let Some(power) = value("power") {
            assert!(row.contains(&format!(" {}/", (power + 500_000) / 1_000_000)), "{power}: {row}");
            let heat = value("temperature").expect("told") / 1000;
            assert!(row.contains(&format!(" {heat} °C")), "{heat}: {row}");
            let used = value("memory_used").expect("told");
            let gib = used as f64 / f64::from(1 << 30);
            let shown = row
                .split_whitespace()
                .find(|word| word.contains('/') && word.ends_with(['G', 'M']))
                .expect("used of total");
            let shown: f64 =
                shown.split(['G', 'M', '/']).next().expect("a number").parse().expect("a number");
            assert!((shown - gib).abs() < 0.1 || used < 1 << 30, "{used}: {row}");
        } else {
            assert_eq!(device["readings"]["power"]["absent"], "asleep");
            assert!(row.contains("asleep") && !row.contains("°C"), "{row}");
        }
    }
    for process in report["processes"].as_array().expect("a list") {
        let row = line(&screen, &format!("{} ", process["pid"]));
        let gib = process["memory_bytes"].as_u64().map(|bytes| bytes >> 30);
        if let Some(gib) = gib {
            assert!(row.contains(&format!(" {gib}G")), "{gib}: {row}");
        }
    }
    let taken: usize = report["devices"][0]["partitions"].as_array().expect("a list").len();
    assert_eq!(taken, 3);
    let slots = line(&screen, "▕");
    assert!(["2g.20gb", "1g.10gb", "free", "3g.40gb"].iter().all(|name| slots.contains(name)), "{slots}");
}

#[test]
#[ignore = "needs tmux"]
fn on_a_real_terminal_keys_work_and_it_follows_the_size() {
    let tmux = Tmux::start(
        "keys",
        120,
        40,
        &format!("NO_COLOR=1 {PROGRAM} --sim mixed --every 0.2; echo left; read line"),
    );
    tmux.screen("the first look", |screen| screen.contains("llm-serve"));
    tmux.keys(&["/", "hpc", "Enter"]);
    tmux.screen("the filter", |screen| screen.contains("hpc-rank") && !screen.contains("llm-serve"));
    tmux.keys(&["Escape"]);
    tmux.screen("all again", |screen| screen.contains("llm-serve"));
    tmux.keys(&["?"]);
    tmux.screen("the help", |screen| screen.contains("keys and signs"));
    tmux.keys(&["x", "Enter"]);
    let details = tmux.screen("the details", |screen| screen.contains("memory_used"));
    assert!(details.contains("GPU-") || details.contains("nvidia:uuid"), "{details}");
    tmux.keys(&["Enter", "s"]);
    let sorted = tmux.screen("the order", |screen| screen.contains("MEMORY↓"));
    let at = |name: &str| sorted.lines().position(|line| line.contains(name));
    assert!(at("llm-serve") < at("hpc-rank") && at("hpc-rank") < at("worker-b"), "{sorted}");
    let colours = tmux.colours();
    assert!(colours.is_empty(), "{colours:?}");
    for (columns, rows) in [("50", "15"), ("200", "50")] {
        tmux.run(&["resize-window", "-x", columns, "-y", rows]);
        let most: usize = columns.parse().expect("a number");
        let wide = most > 100;
        tmux.screen("the new size", |screen| {
            screen.contains("HISTORY") == wide && screen.lines().all(|line| line.chars().count() <= most)
        });
    }
    tmux.keys(&["q"]);
    let left = tmux.screen("the end", |screen| screen.lines().any(|line| line == "left"));
    assert!(!left.contains("SIMULATED"), "the screen is as it was before:\n{left}");
}

#[test]
#[ignore = "needs tmux"]
fn on_a_real_terminal_a_recording_plays_and_ends() {
    let path = recording("tmux", 4);
    let command = format!("{PROGRAM} --replay {} --speed 20", path.display());
    let tmux = Tmux::start("replay", 120, 30, &command);
    let screen = tmux.screen("the end", |screen| screen.contains("the recording ends here"));
    assert!(
        screen.contains("RECORDED") && screen.contains("SIMULATED") && screen.contains("llm-serve"),
        "{screen}"
    );
    tmux.keys(&["q"]);
    std::fs::remove_file(&path).expect("it is there");
}
