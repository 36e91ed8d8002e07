//! A ledger beside what a simulated machine shows: what is held and used, held and unused, used and not
//! held, held by the dead; a store that is none, damaged, newer, or becomes unreadable; and in a real
//! terminal what gpu-lease does, as it does it.

#[path = "common/tmux.rs"]
mod tmux;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::time::{Duration, SystemTime};

use gpu_accounting::ledger::{Board, Body, Claim, Commit, EntryId, Expiry, Key, NodeName, Reserve};
use gpu_accounting::{Inventory, Node, Owner, SlurmJob, UnitId, WallTime};
use gpu_store::{Keeper, SqliteJournal};
use tmux::Tmux;

const PROGRAM: &str = env!("CARGO_BIN_EXE_gpu-top");

/// A folder that only its owner may write, with a store in it.
struct Folder(PathBuf);

impl Folder {
    fn new(name: &str) -> Self {
        let path = std::env::temp_dir().join(format!("gpu-top-ledger-{name}-{}", std::process::id()));
        let _ = fs::remove_dir_all(&path);
        fs::create_dir_all(&path).expect("a folder can be made");
        fs::set_permissions(&path, std::os::unix::fs::PermissionsExt::from_mode(0o700)).expect("it is ours");
        Self(path)
    }

    fn store(&self) -> PathBuf {
        self.0.join("gpus.db")
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

fn top(store: &Path, words: &[&str]) -> Output {
    let mut command = Command::new(PROGRAM);
    command.args(["--sim", "mixed", "--ledger"]).arg(store).args(words);
    command.output().expect("it starts")
}

#[track_caller]
fn shown(store: &Path, words: &[&str]) -> String {
    let output = top(store, words);
    assert!(output.status.success(), "{words:?}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).expect("text")
}

#[track_caller]
fn refused(store: &Path, words: &[&str]) -> String {
    let output = top(store, words);
    let error = String::from_utf8(output.stderr).expect("text");
    assert_eq!(output.status.code(), Some(2), "{error}");
    assert!(output.stdout.is_empty() && error.starts_with("gpu-top: "), "{error}");
    error
}

#[track_caller]
fn line<'s>(screen: &'s str, has: &[&str]) -> &'s str {
    let found = screen.lines().find(|line| has.iter().all(|text| line.contains(text)));
    found.unwrap_or_else(|| panic!("no {has:?} in\n{screen}"))
}

fn node() -> NodeName {
    "simulated-mixed".parse().expect("a name")
}

fn inventory() -> Inventory {
    let machine = gpu_sim::Machine::preset("mixed").expect("it is there");
    Node::builder().machine(machine).build().inventory()
}

fn unit(number: usize) -> UnitId {
    inventory().devices().nth(number).expect("it is there").id.into()
}

fn container(digit: char) -> Owner {
    let id = digit.to_string().repeat(64).parse().expect("an id");
    let runtime =
        if digit == 'd' { gpu_accounting::Runtime::Docker } else { gpu_accounting::Runtime::Containerd };
    gpu_accounting::Container::new(runtime, id).into()
}

fn ago(seconds: u64) -> WallTime {
    let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).expect("after 1970");
    WallTime(u64::try_from((now - Duration::from_secs(seconds)).as_nanos()).expect("before 2554"))
}

/// What is held, by whom, since how many seconds and until when.
fn hold(store: &Path, held: &[(UnitId, Option<Owner>, u64, Expiry)]) {
    let keeper = Keeper::open(SqliteJournal::open(store).expect("it opens"), node()).expect("it is a ledger");
    let mut id = keeper.ledger().position().0 * 100;
    let mut apply = |seconds: u64, body: Body| {
        id += 1;
        let key = keeper.key(EntryId(id.into())).at(ago(seconds));
        keeper.apply(&keeper.ledger().entry(key, body)).unwrap_or_else(|error| panic!("{error}"));
        key
    };
    apply(0, Body::Inventory(Board::all(&inventory(), &[])));
    for (unit, owner, since, expiry) in held {
        let life = keeper.ledger().life(*unit).expect("it is there");
        let reserve = Reserve::new([Claim::new(*unit, life)]).until(*expiry);
        let key: Key = apply(*since, Body::Reserve(reserve));
        let Some(owner) = owner.clone() else { continue };
        let commit = Commit { holding: key.holding(), holder: owner, expiry: *expiry };
        apply(*since, Body::Commit(commit));
    }
}

/// A machine on which each finding is one holding's, and what is not held is used all the same.
fn everything(store: &Path) {
    let mut xcp = inventory().units().find(|unit| unit.to_string().ends_with("/xcp:3"));
    let job = Owner::Slurm(SlurmJob::new(Some(4711)));
    let in_an_hour = Expiry::At(WallTime(ago(0).0 + 3_630_000_000_000));
    hold(
        store,
        &[
            (unit(1), Some(container('d')), 720, in_an_hour),
            (unit(4), Some(container('b')), 600, Expiry::Never),
            (xcp.take().expect("it is there"), Some(job), 60, Expiry::Never),
            (unit(3), Some(container('e')), 7200, Expiry::Never),
        ],
    );
}

#[test]
fn a_ledger_stands_beside_what_the_machine_shows() {
    let folder = Folder::new("beside");
    everything(&folder.store());
    let ledger = shown(&folder.store(), &["--once", "--width", "150", "--view", "ledger"]);
    assert!(ledger.contains("simulated-mixed of ") && ledger.contains("9 entries"), "{ledger}");
    line(&ledger, &["held 12 min", "#1", "dddddddddddd", "in 1 h 0 min"]);
    line(&ledger, &["UNUSED 10 min", "#4", "bbbbbbbbbbbb", "never"]);
    line(&ledger, &["held 1 min", "#2 xcp:3", "slurm 4711"]);
    line(&ledger, &["dead 2 h 0 min", "#3", "eeeeeeeeeeee"]);
    line(&ledger, &["not held", "#1", "cccccccccccc"]);
    line(&ledger, &["not held", "#1", "render-farm"]);
    // A container's row says what it holds, since when and until when; in the narrow since when alone.
    let wide = shown(&folder.store(), &["--once", "--width", "150", "--view", "who"]);
    line(&wide, &["dddddddddddd", " 9G ", "held 12 min", "#1 ", "in 1 h 0 min"]);
    line(&wide, &["hpc-rank", "held 1 min", "#2 xcp:3", "never"]);
    line(&wide, &["bbbbbbbbbbbb", "unused", "UNUSED 10 min", "#4", "never"]);
    line(&wide, &["eeeeeeeeeeee", "dead 2 h 0 min", "#3"]);
    let narrow = shown(&folder.store(), &["--once", "--width", "80", "--view", "who"]);
    line(&narrow, &["dddddddddddd", "held 12 min"]);
    line(&narrow, &["UNUSED 10 min"]);
    assert!(narrow.lines().all(|line| line.chars().count() <= 80), "{narrow}");
}

/// Who was seen to use what he holds, and does no more, holds it unused since then, not since he got it;
/// who has no process any more is dead.
#[test]
fn unused_is_told_since_the_last_use() {
    let folder = Folder::new("since");
    everything(&folder.store());
    let mut machine = gpu_sim::Machine::preset("mixed").expect("it is there");
    let worker = machine.workloads.iter_mut().find(|of| of.name == "worker-a").expect("it is there");
    worker.ends = Some(gpu_accounting::BootTime(machine.started_at.0 + 5_500_000_000));
    let mut other = worker.clone();
    let file = folder.0.join("mixed.json");
    let write = |machine: &gpu_sim::Machine| {
        fs::write(&file, serde_json::to_string(machine).expect("JSON")).expect("written");
    };
    write(&machine);
    let shown = |looks: &str| {
        let words =
            ["--once", "--looks", looks, "--width", "150", "--view", "ledger", "--node", "simulated-mixed"];
        let mut command = Command::new(PROGRAM);
        command.args(["--sim", file.to_str().expect("text"), "--ledger"]).arg(folder.store()).args(words);
        String::from_utf8(command.output().expect("it starts").stdout).expect("text")
    };
    line(&shown("3"), &["held 12 min", "dddddddddddd"]);
    line(&shown("100"), &["dead 12 min", "dddddddddddd"]);
    // Somebody else of the same container is still there, and uses no GPU.
    (other.pid, other.ends, other.uses) = (gpu_accounting::Pid(9100), None, Vec::new());
    machine.workloads.push(other);
    write(&machine);
    let after = shown("100");
    let row = line(&after, &["UNUSED", "#1", "dddddddddddd"]);
    assert!(!row.contains("12 min"), "{row}");
}

/// What the meter calls held is the ledger's then: who was given something and holds nothing has none.
#[test]
fn the_meter_goes_by_the_ledger() {
    let folder = Folder::new("meter");
    everything(&folder.store());
    let meter = shown(&folder.store(), &["--once", "--looks", "61", "--width", "150", "--view", "meter"]);
    assert!(meter.contains("held by the ledger"), "{meter}");
    line(&meter, &["dddddddddddd", " 1 min ", " 18.0 s~ ", " 9G"]);
    line(&meter, &["cccccccccccc", " 0 s ", " 12G"]);
    // Held and not used: time, and nothing else.
    line(&meter, &["bbbbbbbbbbbb", "#4", " 1 min ", "unused"]);
}

#[test]
fn a_store_is_read_and_left_as_it_is() {
    let folder = Folder::new("left");
    everything(&folder.store());
    let files = || {
        let mark = folder.store().with_file_name("gpus.db-mark");
        [folder.store(), mark].map(|file| {
            (fs::read(&file).expect("it is there"), fs::metadata(&file).expect("it is there").modified().ok())
        })
    };
    let before = files();
    let prefixed = format!("sqlite:{}", folder.store().display());
    assert!(shown(Path::new(&prefixed), &["--once"]).contains("held 12 min"));
    assert!(files() == before, "nothing is written");
}

#[test]
fn what_is_no_ledger_is_named_before_anything_is_shown() {
    let folder = Folder::new("none");
    let file = |name: &str| folder.0.join(name);
    assert!(refused(&file("missing"), &[]).contains("No such file"));
    assert!(!file("missing").exists(), "none is made");
    fs::write(file("text"), "no store at all, and long enough to be looked into".repeat(200))
        .expect("written");
    assert!(refused(&file("text"), &[]).contains("not a database"));
    fs::write(file("empty"), "").expect("written");
    assert!(refused(&file("empty"), &[]).contains("empty"));
    everything(&folder.store());
    assert!(
        refused(&folder.store(), &["--node", "elsewhere"]).contains("simulated-mixed"),
        "it names who is there"
    );
    let both = ["--once", "--sim", "l40s-4"];
    assert!(refused(&folder.store(), &both).contains("no ledger of node simulated-l40s-4"));
    let replay = ["--replay", "x"];
    refused(&folder.store(), &replay);
    // Damaged: a page of it is overwritten. Newer: its tables are of a version to come.
    let bytes = fs::read(folder.store()).expect("it is there");
    let mut newer = bytes.clone();
    newer[63] = 99;
    fs::write(file("newer"), &newer).expect("written");
    assert!(refused(&file("newer"), &[]).contains("version 99"));
    let mut damaged = bytes;
    damaged[4096..12288].fill(0xff);
    fs::write(file("damaged"), &damaged).expect("written");
    refused(&file("damaged"), &[]);
}

/// gpu-lease, built where this program was.
fn lease() -> PathBuf {
    let target = Path::new(PROGRAM).ancestors().nth(2).expect("target");
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).ancestors().nth(2).expect("the project");
    let mut cargo = Command::new(env!("CARGO"));
    cargo.args(["build", "--quiet", "--locked", "-p", "gpu-lease", "--target-dir"]).arg(target);
    assert!(cargo.current_dir(root).status().expect("cargo starts").success());
    target.join("debug/gpu-lease")
}

#[test]
#[ignore = "needs tmux"]
fn on_a_real_terminal_what_gpu_lease_does_is_followed() {
    let folder = Folder::new("tmux");
    let (lease, file) = (lease(), folder.store());
    let store = format!("sqlite:{}", file.display());
    let run = |words: &str| -> String {
        let mut command = Command::new(&lease);
        command.args(words.split(' ')).args(["--store", &store, "--sim", "mixed"]);
        let output = command.output().expect("it starts");
        assert!(output.status.success(), "{words}: {}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).expect("text")
    };
    let reserve = |unit: UnitId| {
        let answer: serde_json::Value =
            serde_json::from_str(&run(&format!("reserve --json --unit {unit} --label night"))).expect("JSON");
        answer["key"].as_str().expect("a key").to_owned()
    };
    let key = reserve(unit(1));
    let command = format!(
        "NO_COLOR=1 {PROGRAM} --sim mixed --every 0.2 --ledger {}; echo left; read line",
        file.display()
    );
    let tmux = Tmux::start("ledger", 150, 50, &command);
    // Set aside, and nobody has come for it.
    let screen = tmux.screen("the reservation", |screen| screen.contains("reserved"));
    assert!(line(&screen, &["nobody yet"]).contains("#1 "), "{screen}");
    let docker = format!("container:docker:{}", "d".repeat(64));
    run(&format!("commit {key} --holder {docker} --for 3600"));
    let is_held = |screen: &str| {
        screen
            .lines()
            .any(|of| of.contains("dddddddddddd") && of.contains("held ") && !of.contains("not held"))
    };
    let screen = tmux.screen("the holding", is_held);
    let row = line(&screen, &["dddddddddddd"]);
    assert!(row.contains("#1 ") && row.contains("in 59 min") || row.contains("in 1 h 0 min"), "{row}");
    tmux.keys(&["l"]);
    let screen = tmux.screen("the ledger", |screen| screen.contains("THE LEDGER SAYS"));
    line(&screen, &["held ", "#1", "dddddddddddd", "night"]);
    tmux.keys(&["m"]);
    tmux.screen("the meter", |screen| {
        screen.contains("held by the ledger") && screen.contains("(unattributed)")
    });
    assert!(tmux.colours().is_empty(), "{:?}", tmux.colours());
    tmux.run(&["resize-window", "-x", "60", "-y", "20"]);
    tmux.screen("a narrow one", |screen| {
        screen.contains("ENERGY") && screen.lines().all(|line| line.chars().count() <= 60)
    });
    tmux.run(&["resize-window", "-x", "150", "-y", "50"]);
    tmux.keys(&["m"]);
    // Given to who is there and does not use it: that stands out, in words, too.
    let unused = reserve(unit(4));
    run(&format!("commit {unused} --holder {docker}"));
    let screen = tmux.screen("what is unused", |screen| screen.contains("UNUSED"));
    line(&screen, &["dddddddddddd", "#4", "UNUSED"]);
    assert!(tmux.colours().is_empty(), "{:?}", tmux.colours());
    run(&format!("release {key}"));
    tmux.screen("it is given back", |screen| !is_held(screen) && screen.contains("not held"));
    // What was a store is none any more: it is said, what was read stands, and nothing ends.
    fs::write(&file, "no store").expect("overwritten");
    let screen = tmux.screen("that it cannot be read", |screen| screen.contains("the ledger cannot be read"));
    line(&screen, &["dddddddddddd", "#4", "UNUSED"]);
    tmux.keys(&["q"]);
    let left = tmux.screen("the end", |screen| screen.lines().any(|line| line == "left"));
    assert!(!left.contains("SIMULATED"), "{left}");
}
