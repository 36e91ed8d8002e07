//! The program as a user starts it: what it collects of simulated machines, what it shows of that, and
//! what it says of damaged files and odd input.

use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::time::{Duration, Instant};

use gpu_accounting::Node;
use gpu_accounting::record::Recorder;
use gpu_core::ledger::{Board, Body, Claim, EntryId, Reserve};
use gpu_core::{Backend, Container, Incarnation, Nanoseconds, Runtime};
use gpu_sim::{Machine, World};
use gpu_store::{Keeper, SqliteJournal};
use serde_json::Value;

/// A folder of a test's own, which goes with it.
struct Folder(PathBuf);

impl Folder {
    fn new(name: &str) -> Self {
        let path = std::env::temp_dir().join(format!("gpu-bill-{name}-{}", std::process::id()));
        let _ = std::fs::remove_dir_all(&path);
        std::fs::create_dir_all(&path).unwrap();
        Self(path)
    }

    fn file(&self, name: &str) -> PathBuf {
        self.0.join(name)
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

fn bill(words: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_gpu-bill")).args(words).output().expect("it starts")
}

fn bill_of(words: &[&str]) -> Output {
    bill(&[&["collect"][..], words].concat())
}

fn done(words: &[&str]) -> Output {
    let output = bill(words);
    assert!(output.status.success(), "{words:?}: {}", String::from_utf8_lossy(&output.stderr));
    output
}

fn collect(file: &Path, length: &str, more: &[&str]) {
    let words = ["collect", "--sim", "mixed", "--for", length, "--out", file.to_str().unwrap()];
    let output = done(&[&words[..], more].concat());
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(said.contains("SIMULATED"), "{said}");
}

fn show(file: &Path, more: &[&str]) -> String {
    let output = done(&[&["show", file.to_str().unwrap()][..], more].concat());
    String::from_utf8(output.stdout).unwrap()
}

fn json(file: &Path, more: &[&str]) -> Value {
    serde_json::from_str(&show(file, &[&["--format", "json"][..], more].concat())).expect("JSON")
}

fn exact(of: &Value, name: &str) -> u128 {
    of[name].as_str().map_or(0, |text| text.parse().unwrap())
}

/// What the file comes to is what the simulator's own counters grew by, to the microjoule; and the lines,
/// however they are cut, make it up exactly.
#[test]
fn lines_add_up_to_the_devices_counters() {
    let folder = Folder::new("sum");
    let file = folder.file("statements.gpul");
    collect(&file, "5m", &[]);
    let world = World::new(Machine::preset("mixed").unwrap());
    let energy = || -> u128 {
        // The fourth sleeps, and is left asleep.
        [0, 1, 2, 4].map(|gpu| u128::from(world.gpu(gpu).energy.get())).iter().sum()
    };
    let before = energy();
    world.clock().advance(Nanoseconds::from_secs(300));
    let drawn = energy() - before;
    for by in ["container", "pod", "namespace", "job"] {
        let bill = json(&file, &["--by", by]);
        assert_eq!((&bill["schema"], &bill["simulated"], &bill["by"]), (&1.into(), &true.into(), &by.into()));
        assert_eq!(exact(&bill["total"], "energy_uj"), drawn);
        for name in ["energy_uj", "memory_byte_ns"] {
            let lines: u128 = bill["lines"].as_array().unwrap().iter().map(|line| exact(line, name)).sum();
            let rest = exact(&bill["unattributed"], name) + exact(&bill["idle"], name);
            assert_eq!(lines + rest, exact(&bill["total"], name), "{by} {name}");
        }
    }
}

/// The numbers of one line, by hand: a container that takes 300 ‰ of a GPU, holds 9 GiB, and was given
/// half of it.
#[test]
fn a_line_is_what_it_is() {
    let folder = Folder::new("line");
    let file = folder.file("statements.gpul");
    collect(&file, "1h", &["--every", "5s", "--close", "10m"]);
    let bill = json(&file, &[]);
    let line = |name: &str| {
        let lines = bill["lines"].as_array().unwrap();
        lines.iter().find(|line| line["name"].as_str().unwrap().starts_with(name)).unwrap().clone()
    };
    let docker = line("docker dddd");
    assert_eq!((&docker["busy_gpu_hours"], &docker["memory_gib_hours"]), (&0.3.into(), &9.0.into()));
    assert_eq!((&docker["held_gpu_hours"], &docker["partial"]), (&0.5.into(), &false.into()));
    // Nobody tells how busy a MIG instance's processes are: that is no zero.
    let serve = line("containerd aaaa");
    assert!(serve["busy_gpu_hours"].is_null() && serve["partial"] == true, "{serve:#}");
    assert_eq!((&bill["coverage"]["held"]["part"], &bill["across"]), (&1.0.into(), &0.into()));
    assert!(bill["coverage"]["energy"]["gap_hours"]["asleep"] == 1.0, "{:#}", bill["coverage"]);
    let table = show(&file, &[]);
    assert!(table.starts_with("SIMULATED"), "{table}");
    for what in ["(unattributed)", "(idle)", "(total)", "Coverage", "asleep 1.0000 h"] {
        assert!(table.contains(what), "{what}: {table}");
    }
    csv_says_the_same(&show(&file, &["--format", "csv"]), &docker);
}

fn csv_says_the_same(text: &str, docker: &Value) {
    let mut reader = csv::Reader::from_reader(text.as_bytes());
    let heads = reader.headers().unwrap().clone();
    let rows: Vec<csv::StringRecord> = reader.records().map(Result::unwrap).collect();
    let column = |name: &str| heads.iter().position(|head| head == name).unwrap();
    let row = rows.iter().find(|row| row[column("name")].starts_with("docker dddd")).unwrap();
    for name in ["held_gpu_hours", "busy_gpu_hours", "memory_gib_hours", "energy_kwh"] {
        assert_eq!(row[column(name)].parse::<f64>().unwrap(), docker[name].as_f64().unwrap(), "{name}");
    }
    assert!(rows.iter().all(|row| &row[column("simulated")] == "true"));
    let kinds: Vec<&str> = rows.iter().map(|row| &row[column("kind")]).collect();
    assert!(kinds.ends_with(&["unattributed", "untold", "idle", "total"]), "{kinds:?}");
}

/// Collecting twice is collecting for as long at once.
#[test]
fn statements_are_added() {
    let folder = Folder::new("added");
    let (once, twice) = (folder.file("once.gpul"), folder.file("twice.gpul"));
    collect(&once, "4m", &[]);
    collect(&twice, "2m", &[]);
    let length = std::fs::metadata(&twice).unwrap().len();
    collect(&twice, "2m", &[]);
    assert!(std::fs::metadata(&twice).unwrap().len() > length);
    assert_eq!(json(&once, &[]), json(&twice, &[]));
    // The same file twice would be the same time twice.
    let name = once.to_str().unwrap();
    let refused = bill(&["show", name, name]);
    let error = String::from_utf8_lossy(&refused.stderr);
    assert!(refused.status.code() == Some(2) && error.contains("time in common"), "{error}");
}

/// A period takes whole statements: what lies across its ends is counted, and not cut.
#[test]
fn periods_take_whole_statements() {
    let folder = Folder::new("period");
    let file = folder.file("statements.gpul");
    collect(&file, "10m", &[]);
    let all = json(&file, &[]);
    let (from, to) = (all["from"].as_str().unwrap(), all["to"].as_str().unwrap());
    assert_eq!((from, to), ("2025-06-15T16:06:40Z", "2025-06-15T16:16:40Z"));
    let some = json(&file, &["--from", "2025-06-15T16:08:40Z", "--to", "2025-06-15T16:12:10Z"]);
    assert_eq!(
        (&some["from"], &some["to"]),
        (&"2025-06-15T16:08:40Z".into(), &"2025-06-15T16:11:40Z".into())
    );
    assert_eq!(some["across"], 1);
    let none = json(&file, &["--to", "2020-01-01T00:00:00Z"]);
    assert!(none["from"].is_null() && none["lines"].as_array().unwrap().is_empty());
    assert!(show(&file, &["--to", "2020-01-01T00:00:00Z"]).contains("no statement in the period"));
}

/// A file that ends in the middle of a record is read up to there, and added to from there; one that is
/// damaged is refused, and says where.
#[test]
fn damaged_files() {
    let folder = Folder::new("damaged");
    let file = folder.file("statements.gpul");
    collect(&file, "3m", &[]);
    let whole = std::fs::read(&file).unwrap();
    std::fs::write(&file, &whole[..whole.len() - 7]).unwrap();
    let shown = done(&["show", file.to_str().unwrap()]);
    assert!(String::from_utf8_lossy(&shown.stderr).contains("in the middle of a record"));
    assert!(String::from_utf8_lossy(&shown.stdout).contains("16:06:40Z to 2025-06-15T16:08:40Z"));
    collect(&file, "1m", &[]);
    assert_eq!(std::fs::read(&file).unwrap(), whole, "what was cut off was collected again");
    let mut damaged = whole.clone();
    damaged[whole.len() / 2] ^= 1;
    std::fs::write(&file, &damaged).unwrap();
    for words in [
        &["show", file.to_str().unwrap()][..],
        &["collect", "--sim", "mixed", "--for", "1m", "--out", file.to_str().unwrap()],
    ] {
        let refused = bill(words);
        let error = String::from_utf8_lossy(&refused.stderr);
        assert!(refused.status.code() == Some(2) && error.contains("at byte"), "{error}");
    }
    assert_eq!(std::fs::read(&file).unwrap(), damaged, "it is left as it is");
}

/// A disk that is full: named, and what was closed before is there.
#[test]
fn a_full_disk() {
    let folder = Folder::new("full");
    let file = folder.file("statements.gpul");
    let program = env!("CARGO_BIN_EXE_gpu-bill");
    // Files may grow to 16 blocks of 512 bytes.
    let script = format!(
        "trap '' XFSZ; ulimit -f 16; exec '{program}' collect --sim mixed --for 10m --out '{}'",
        file.display()
    );
    let output = Command::new("sh").args(["-c", &script]).output().expect("a shell");
    let error = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(2), "{error}");
    assert!(error.contains("too large") || error.contains("os error"), "{error}");
    let bill = json(&file, &[]);
    assert!(!bill["lines"].as_array().unwrap().is_empty());
}

/// With a ledger, held is what it says: a unit that nobody was given is held by who has it there.
#[test]
fn a_ledger_says_who_holds() {
    let folder = Folder::new("ledger");
    let (store, file) = (folder.file("ledger.db"), folder.file("statements.gpul"));
    let private = std::os::unix::fs::PermissionsExt::from_mode(0o700);
    std::fs::set_permissions(&folder.0, private).unwrap();
    let inventory = Machine::preset("mixed").unwrap().backend().inventory().unwrap();
    let free = inventory.devices().find(|device| device.partitions.is_empty()).unwrap().id;
    let keeper =
        Keeper::open(SqliteJournal::open(&store).unwrap(), "mixed".parse().unwrap()).expect("it is new");
    keeper.apply(&keeper.entry(EntryId(1), Body::Inventory(Board::all(&inventory, &[])))).unwrap();
    let claim = Claim::new(free, Incarnation::default());
    let reserved = keeper.entry(EntryId(4), Body::Reserve(Reserve::new([claim])));
    let key = keeper.key(EntryId(4));
    keeper.apply(&reserved).unwrap();
    keeper.commit(key, Container::new(Runtime::Containerd, "by-ledger".parse().unwrap())).unwrap();
    drop(keeper);
    collect(&file, "2m", &["--ledger", store.to_str().unwrap()]);
    let bill = json(&file, &[]);
    let lines = bill["lines"].as_array().unwrap();
    let hours = |line: &Value| line["held_gpu_hours"].as_f64().unwrap();
    let held: Vec<&Value> = lines.iter().filter(|line| hours(line) > 0.0).collect();
    let [line] = held[..] else { panic!("{held:#?}") };
    // A whole GPU for two minutes.
    assert!((hours(line) - 1.0 / 30.0).abs() < 1e-6, "{line:#}");
    assert!(line.to_string().contains("by-ledger"), "{line:#}");

    for (store, node, words) in [
        (store.as_path(), "another", "no ledger of node another"),
        (Path::new("/nonexistent/ledger.db"), "mixed", "/nonexistent"),
        (file.as_path(), "mixed", "statements.gpul"),
    ] {
        let out = folder.file("none.gpul");
        let paths = (store.to_str().unwrap(), out.to_str().unwrap());
        let refused = bill_of(&[
            "--sim", "mixed", "--for", "1s", "--node", node, "--ledger", paths.0, "--out", paths.1,
        ]);
        let error = String::from_utf8_lossy(&refused.stderr).into_owned();
        assert!(refused.status.code() == Some(2) && error.contains(words), "{error}");
        assert!(!out.exists());
    }
}

/// What was recorded is billed as it would have been at the time; what is damaged, up to there.
#[test]
fn a_recording_is_billed_like_the_machine() {
    let folder = Folder::new("replay");
    let (recording, live, replayed) =
        (folder.file("node.gpurec"), folder.file("live.gpul"), folder.file("replayed.gpul"));
    collect(&live, "3m", &[]);
    let world = World::new(Machine::preset("mixed").unwrap());
    let node = Node::builder().machine(world.host()).build();
    let mut watch = node.watch();
    let mut recorder = Recorder::create(&recording, node.recording_head("a test")).unwrap();
    let mut lengths = Vec::new();
    for second in 0..=180 {
        watch.look();
        recorder.add(&watch.moment()).unwrap();
        lengths.push(std::fs::metadata(&recording).unwrap().len());
        if second < 180 {
            world.clock().advance(Nanoseconds::from_secs(1));
        }
    }
    drop(recorder);
    let words = [
        "collect",
        "--replay",
        recording.to_str().unwrap(),
        "--out",
        replayed.to_str().unwrap(),
        "--node",
        "mixed",
    ];
    let said = String::from_utf8_lossy(&done(&words).stderr).into_owned();
    assert!(said.contains("SIMULATED") && said.contains("RECORDED"), "{said}");
    assert_eq!(json(&replayed, &[]), json(&live, &[]));
    assert_eq!(show(&replayed, &["--by", "pod"]), show(&live, &["--by", "pod"]));

    // In the middle of a look: those before it are billed, and the program says so.
    let whole = std::fs::read(&recording).unwrap();
    let cut = usize::try_from(lengths[60]).unwrap() + 3;
    std::fs::write(&recording, &whole[..cut]).unwrap();
    std::fs::remove_file(&replayed).unwrap();
    let broken = bill(&words);
    let error = String::from_utf8_lossy(&broken.stderr).into_owned();
    assert!(broken.status.code() == Some(2) && error.contains("what comes before it is added"), "{error}");
    assert_eq!(json(&replayed, &[])["to"], "2025-06-15T16:07:40Z");
}

/// The real machine of whoever runs this: whatever it has, the file is read again.
#[test]
fn this_machine() {
    let folder = Folder::new("here");
    let file = folder.file("statements.gpul");
    done(&[
        "collect",
        "--for",
        "200ms",
        "--every",
        "50ms",
        "--close",
        "100ms",
        "--out",
        file.to_str().unwrap(),
    ]);
    assert_eq!(json(&file, &[])["simulated"], false);
}

/// Whether the process has a file locked, as the kernel has it.
fn is_locking(pid: u32) -> bool {
    let Ok(files) = std::fs::read_dir(format!("/proc/{pid}/fdinfo")) else { return false };
    let texts = files.filter_map(|file| std::fs::read_to_string(file.ok()?.path()).ok());
    texts.into_iter().any(|text| text.contains("FLOCK"))
}

/// Told to end, it writes what is open; while it runs, nobody else adds to its file.
#[test]
fn it_ends_when_told() {
    let folder = Folder::new("ends");
    let file = folder.file("statements.gpul");
    let words =
        ["collect", "--for", "1h", "--every", "50ms", "--close", "1h", "--out", file.to_str().unwrap()];
    for signal in ["TERM", "INT", "HUP"] {
        let length = std::fs::metadata(&file).map_or(0, |of| of.len());
        let mut running =
            Command::new(env!("CARGO_BIN_EXE_gpu-bill")).args(words).spawn().expect("it starts");
        let end = Instant::now() + Duration::from_secs(60);
        while !is_locking(running.id()) {
            assert!(Instant::now() < end, "it never locks its file");
            std::thread::sleep(Duration::from_millis(5));
        }
        let refused = bill(&["collect", "--for", "1s", "--out", file.to_str().unwrap()]);
        let error = String::from_utf8_lossy(&refused.stderr).into_owned();
        assert!(refused.status.code() == Some(2) && error.contains("another gpu-bill adds to it"), "{error}");
        let pid = running.id().to_string();
        assert!(Command::new("kill").args(["-s", signal, &pid]).status().expect("kill").success());
        let ended = running.wait().expect("it runs");
        assert!(ended.success(), "{signal}: {ended}");
        assert!(std::fs::metadata(&file).unwrap().len() > length, "{signal}: nothing is written");
    }
    assert!(json(&file, &[])["to"].is_string());
}

#[test]
fn odd_input_is_named() {
    let folder = Folder::new("odd");
    let (file, other) = (folder.file("none.gpul"), folder.file("text.gpul"));
    std::fs::write(&other, "these are no statements, and more than fifteen bytes").unwrap();
    let (file, other) = (file.to_str().unwrap(), other.to_str().unwrap());
    for (words, named) in [
        (&[][..], "collect or show"),
        (&["bill"], "bill"),
        (&["collect", "--out", file], "--for"),
        (&["collect", "--for", "1h"], "--out"),
        (&["collect", "--for", "1 hour", "--out", file], "1 hour"),
        (&["collect", "--for", "0s", "--out", file], "0s"),
        (&["collect", "--for", "1h", "--out", file, "--every", "2m"], "--every"),
        (&["collect", "--for", "1h", "--out", file, "--sim", "no-such"], "no-such"),
        (&["collect", "--for", "1h", "--out", file, "--sim", "mixed", "--nvml", "/x"], "--sim replaces"),
        (&["collect", "--for", "1h", "--out", "/dev/full", "--sim", "mixed"], "/dev/full"),
        (&["collect", "--for", "1h", "--out", "/", "--sim", "mixed"], "not a file"),
        (&["collect", "--for", "1h", "--out", file, "--node", "two words"], "two words"),
        (&["collect", "--for", "1h", "--out", file, "--energy", "fair"], "fair"),
        (&["collect", "--for", "1h", "--out", file, "--idle", "me"], "me"),
        (&["collect", "--for", "1h", "--out", file, "--baseline", "much"], "much"),
        (&["show"], "name one"),
        (&["show", file], "none.gpul"),
        (&["show", other], "no record"),
        (&["show", "/"], "not a file"),
        (&["show", other, "--by", "user"], "user"),
        (&["show", other, "--format", "xml"], "xml"),
        (&["show", other, "--from", "yesterday"], "yesterday"),
        (&["show", other, "--from", "2026-01-01T00:00:00Z", "--to", "2025-01-01T00:00:00Z"], "not before"),
    ] {
        let output = bill(words);
        let error = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(2), "{words:?}: {error}");
        assert!(error.contains("gpu-bill: ") && error.contains(named), "{words:?}: {error}");
        assert!(output.stdout.is_empty(), "{words:?}");
    }
}
