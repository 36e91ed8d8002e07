//! Processes over one file of SQLite's that are killed at any point, and that race: what a process
//! was told happened is there, nothing is half there, and no unit is held by two.

#[path = "support/folder.rs"]
mod folder;
#[path = "support/shaky.rs"]
mod shaky;
#[path = "../../gpu-core/tests/support/site.rs"]
mod site;

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use folder::Folder;
use gpu_core::ledger::{Body, EntryId, Ledger, NodeName, Position, Reason};
use gpu_core::stored;
use gpu_store::{Journal, KeepError, Keeper, Policy, SqliteJournal, Stream, verify};
use shaky::Chance;

/// What the test program is to do when it starts itself.
const ROLE: &str = "GPU_STORE_TEST_ROLE";
/// On which file.
const FILE: &str = "GPU_STORE_TEST_FILE";
/// Which one of several it is.
const ME: &str = "GPU_STORE_TEST_ME";

/// Each thread of a writer has a GPU of its own.
const THREADS: u8 = 3;
/// What those who race are after.
const RACED: u8 = 2;
const RACERS: u64 = 4;
const WINS: u32 = 25;

fn stream() -> Stream {
    "ledger/node-1".parse().expect("a name")
}

fn node() -> NodeName {
    stream().node()
}

fn keeper(file: &Path, policy: Policy) -> Keeper<SqliteJournal> {
    let journal = SqliteJournal::open(file).unwrap_or_else(|error| panic!("{}: {error}", error.kind()));
    Keeper::open_with(journal, node(), policy).unwrap_or_else(|error| panic!("{}: {error}", error.kind()))
}

fn start(role: &str, file: &Path, me: u64) -> Child {
    let mut command = Command::new(std::env::current_exe().expect("a program knows its own file"));
    command.args(["--ignored", "--exact", "what_the_others_start", "--nocapture", "--quiet"]);
    command.env(ROLE, role).env(FILE, file).env(ME, me.to_string());
    command.stdout(Stdio::piped()).spawn().expect("it starts")
}

/// The same test program, started by the others.
#[test]
#[ignore = "is started by the others"]
fn what_the_others_start() {
    let Ok(role) = std::env::var(ROLE) else { return };
    let file = std::env::var_os(FILE).expect("it is given");
    let me: u64 = std::env::var(ME).expect("it is given").parse().expect("a number");
    match role.as_str() {
        "write" => write_for_ever(Path::new(&file), me),
        "race" => race(Path::new(&file), me),
        "make" => make(Path::new(&file), me),
        other => panic!("{other}"),
    }
}

/// Tells the parent, at once and as a whole.
fn tell(line: &str) {
    let line = format!("\n@{line}\n");
    std::io::stdout().lock().write_all(line.as_bytes()).expect("the parent listens");
}

/// Rounds with an odd number keep every record, so that all of them can be compared.
fn policy(round: u64) -> Policy {
    if round % 2 == 0 {
        Policy::default().every(8).behind(Some(4))
    } else {
        Policy::default().every(8).behind(None)
    }
}

fn write_for_ever(file: &Path, round: u64) {
    let keeper = keeper(file, policy(round));
    if keeper.ledger().boards().len() == 0 {
        told(&keeper, 1 << 100, Body::Inventory((0..THREADS).map(site::board).collect()));
    }
    let left: Vec<_> = keeper.ledger().holdings().map(|holding| holding.id()).collect();
    for (at, holding) in (0..).zip(left) {
        told(&keeper, u128::from(round) << 64 | 1 << 40 | at, Body::Release(holding));
    }
    thread::scope(|scope| {
        for me in 0..THREADS {
            let keeper = &keeper;
            scope.spawn(move || {
                for number in 0_u128.. {
                    let id = u128::from(round) << 64 | u128::from(me) << 32 | number << 2;
                    told(keeper, id, site::reserve([site::gpu(me).into()]));
                    told(keeper, id + 1, site::commit(id, u32::from(me)));
                    told(keeper, id + 2, site::release(id));
                }
            });
        }
    });
}

fn told(keeper: &Keeper<SqliteJournal>, id: u128, body: Body) {
    let receipt =
        keeper.apply(&keeper.entry(EntryId(id), body)).unwrap_or_else(|error| panic!("{id}: {error}"));
    tell(&format!("{:x} {}", receipt.id.0, receipt.position));
}

/// What the child told, as far as its lines are whole.
fn acknowledged(lines: &[String]) -> Vec<(EntryId, Position)> {
    let of = |line: &String| {
        let (id, position) = line.strip_prefix('@')?.split_once(' ')?;
        Some((EntryId(u128::from_str_radix(id, 16).ok()?), Position(position.parse().ok()?)))
    };
    lines.iter().filter_map(of).collect()
}

#[test]
fn a_writer_that_is_killed_loses_nothing_and_leaves_nothing_half() {
    killed(20, 1);
}

#[test]
#[ignore = "a thousand processes"]
fn a_writer_that_is_killed_a_thousand_times() {
    killed(1000, 2);
}

fn killed(rounds: u64, seed: u64) {
    let chance = Chance::new(seed);
    let mut total = 0;
    // A new store now and then: the making of one is a point to be killed at, too.
    for first in (0..rounds).step_by(10) {
        // On a drive, and where nothing is waited for.
        let folder = if first % 20 == 0 { Folder::fast() } else { Folder::new() };
        let mut all = Vec::new();
        for round in first..rounds.min(first + 10) {
            // The first dies while it opens, the others after some entries.
            let (after, pause) = if round == first { (0, 20_000) } else { (1 + chance.below(40), 4000) };
            let new = kill(&folder.store(), round, after, Duration::from_micros(chance.below(pause)));
            total += new.len();
            all.extend(new);
            examine(&folder.store(), round, &all);
        }
    }
    println!("{rounds} writers killed, {total} entries acknowledged");
    assert!(total as u64 > rounds, "only {total} entries were acknowledged");
}

/// Starts a writer, kills it some time after so many entries were acknowledged, and tells which were.
fn kill(file: &Path, round: u64, after: u64, pause: Duration) -> Vec<(EntryId, Position)> {
    let mut child = start("write", file, round);
    let mut lines = BufReader::new(child.stdout.take().expect("it is piped")).lines();
    let (mut heard, mut count) = (Vec::new(), 0);
    while count < after {
        let Some(line) = lines.next() else { panic!("round {round}: the writer ended: {heard:?}") };
        let line = line.expect("text");
        count += u64::from(line.starts_with('@'));
        heard.push(line);
    }
    // Not for anything to happen: so that the kill comes at any point.
    let until = Instant::now() + pause;
    while Instant::now() < until {
        std::hint::spin_loop();
    }
    child.kill().expect("it runs for ever");
    heard.extend(lines.map_while(Result::ok));
    child.wait().expect("it is dead");
    acknowledged(&heard)
}

fn examine(file: &Path, round: u64, told: &[(EntryId, Position)]) {
    let journal = SqliteJournal::open(file).unwrap_or_else(|error| panic!("round {round}: {error}"));
    journal.check().unwrap_or_else(|error| panic!("round {round}: {error}"));
    let verified = verify(&journal, &stream()).unwrap_or_else(|error| panic!("round {round}: {error}"));
    verified.ledger.check().unwrap_or_else(|broken| panic!("round {round}: {broken}"));
    let mut ids = BTreeMap::new();
    let from = verified.extent.compacted;
    let read = journal.read(&stream(), from, usize::MAX, &mut |position, bytes| {
        ids.insert(position, stored::decode(bytes).expect("verified").entry.id);
    });
    assert_eq!(read.expect("verified"), verified.extent.last);
    for (id, position) in told.iter().filter(|(_, position)| *position > from) {
        assert_eq!(ids.get(position), Some(id), "round {round}: entry {position} was acknowledged");
    }
    // What nobody was told of was being told when the writer was killed.
    let told: BTreeSet<_> = told.iter().map(|(_, position)| *position).collect();
    let of_round = |id: &EntryId| (id.0 >> 64) as u64 == round && id.0 >> 100 == 0;
    let untold = ids.iter().filter(|(position, id)| of_round(id) && !told.contains(position)).count();
    assert!(untold <= usize::from(THREADS), "round {round}: {untold} entries that nobody was told of");
}

/// Processes that open a store that is not there yet, all at once: it is made once, and each gets in.
#[test]
fn a_store_that_many_make_at_once_is_one() {
    const MAKERS: u64 = 6;
    for folder in [Folder::new(), Folder::fast(), Folder::fast()] {
        let children: Vec<Child> = (0..MAKERS).map(|me| start("make", &folder.store(), me)).collect();
        let deadline = Instant::now() + Duration::from_secs(120);
        while (0..MAKERS).any(|me| !folder.path().join(format!("ready-{me}")).exists()) {
            assert!(Instant::now() < deadline, "not all have started");
            thread::yield_now();
        }
        fs::write(folder.path().join("go"), b"").expect("it is ours");
        for child in children {
            let output = child.wait_with_output().expect("it ends");
            let text = String::from_utf8_lossy(&output.stdout);
            assert!(output.status.success() && text.contains("@done"), "{text}");
        }
        let journal = SqliteJournal::open(folder.store()).expect("it opens");
        assert_eq!(verify(&journal, &stream()).expect("it is whole").records, MAKERS);
    }
}

fn make(file: &Path, me: u64) {
    let beside = |name: String| file.with_file_name(name);
    fs::write(beside(format!("ready-{me}")), b"").expect("it is ours");
    let deadline = Instant::now() + Duration::from_secs(120);
    while !beside("go".to_owned()).exists() {
        assert!(Instant::now() < deadline, "nobody said go");
        std::hint::spin_loop();
    }
    let keeper = keeper(file, Policy::default().patience(Duration::from_secs(60)));
    let entry = keeper.entry(EntryId(u128::from(me) + 1), Body::Inventory(Vec::new()));
    keeper.apply(&entry).unwrap_or_else(|error| panic!("maker {me}: {error}"));
    tell("done");
}

/// Processes that race for the same units. Who wins one makes a file that must not be there yet:
/// the file system is the witness.
#[test]
fn of_processes_that_race_each_unit_has_one_holder_at_a_time() {
    let folder = Folder::fast();
    let keeper = keeper(&folder.store(), Policy::default());
    let boards = Body::Inventory((0..RACED).map(site::board).collect());
    keeper.apply(&keeper.entry(EntryId(1 << 100), boards)).expect("it is taken");
    let children: Vec<Child> = (0..RACERS).map(|me| start("race", &folder.store(), me)).collect();
    for child in children {
        let output = child.wait_with_output().expect("it ends");
        let text = String::from_utf8_lossy(&output.stdout);
        assert!(output.status.success() && text.contains("@done"), "{text}");
    }
    let verified = verify(keeper.journal(), &stream()).expect("it is whole");
    assert!(verified.ledger.is_empty());
    // Each win is a reservation and a release, after the inventory.
    assert_eq!(verified.extent.last.0, 1 + RACERS * u64::from(WINS) * 2);
    assert_eq!(replayed(keeper.journal()).history(), verified.ledger.history());
}

fn replayed(journal: &dyn Journal) -> Ledger {
    let mut ledger = Ledger::new(node());
    let read = journal.read(&stream(), Position(0), usize::MAX, &mut |_, bytes| {
        ledger.replay_all([bytes]).unwrap_or_else(|error| panic!("{error}"));
    });
    read.expect("it is read");
    ledger
}

fn race(file: &Path, me: u64) {
    let keeper = keeper(file, Policy::default().every(50).behind(None).patience(Duration::from_secs(60)));
    let deadline = Instant::now() + Duration::from_secs(120);
    let (mut wins, mut tries) = (0, 0_u128);
    while wins < WINS {
        assert!(Instant::now() < deadline, "racer {me} won {wins} times");
        tries += 1;
        let gpu = (tries % u128::from(RACED)) as u8;
        let id = u128::from(me + 1) << 64 | tries << 1;
        match keeper.apply(&keeper.entry(EntryId(id), site::reserve([site::gpu(gpu).into()]))) {
            Ok(_) => {}
            Err(KeepError::Refused(refusal)) if matches!(refusal.reason(), Reason::Taken { .. }) => continue,
            Err(error) => panic!("racer {me}: {error}"),
        }
        let witness = file.with_file_name(format!("held-{gpu}"));
        let made = fs::OpenOptions::new().write(true).create_new(true).open(&witness);
        made.unwrap_or_else(|error| panic!("racer {me}: gpu {gpu} is somebody else's: {error}"));
        thread::yield_now();
        fs::remove_file(&witness).expect("it is ours");
        keeper.apply(&keeper.entry(EntryId(id + 1), site::release(id))).expect("it is held");
        wins += 1;
    }
    tell("done");
}
