//! Files of SQLite's that are damaged anywhere: either that is named, or everything that was
//! acknowledged is there and right.

#[path = "support/folder.rs"]
mod folder;
#[path = "support/shaky.rs"]
mod shaky;
#[path = "../../gpu-core/tests/support/site.rs"]
mod site;

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use folder::Folder;
use gpu_core::ledger::{Body, EntryId, NodeName, Position};
use gpu_core::stored;
use gpu_store::{Error, ErrorKind, Journal, Keeper, Policy, SqliteJournal, Stream, verify};
use shaky::Chance;

fn stream() -> Stream {
    "ledger/node-1".parse().expect("a name")
}

fn node() -> NodeName {
    stream().node()
}

/// The files of a store as they were when it was copied, and what was acknowledged by then.
struct Kept {
    files: Vec<(&'static str, Vec<u8>)>,
    state: Vec<u8>,
    records: Vec<Vec<u8>>,
    last: Position,
}

fn beside(store: &Path, ending: &str) -> PathBuf {
    let mut name = store.as_os_str().to_owned();
    name.push(ending);
    PathBuf::from(name)
}

/// A store of some hundred entries, copied while it is open (`-wal` has the newest) or after.
fn kept(is_open: bool, policy: Policy) -> Kept {
    let folder = Folder::fast();
    let store = folder.store();
    let mut keeper = Some(
        Keeper::open_with(SqliteJournal::open(&store).expect("it opens"), node(), policy).expect("it opens"),
    );
    let of = keeper.as_ref().expect("it is open");
    let apply = |id: u128, body| of.apply(&of.entry(EntryId(id), body)).expect("it is taken");
    apply(1 << 100, Body::Inventory((0..8).map(|gpu| site::cut(gpu, 0..7)).collect()));
    for round in 0..150_u128 {
        let unit = site::instance((round % 8) as u8, (round / 8 % 7) as u32);
        apply(round * 4 + 10, site::reserve([unit.into()]));
        apply(round * 4 + 11, site::commit(round * 4 + 10, round as u32));
        // Some of the last stay.
        if round < 100 || round % 5 != 0 {
            apply(round * 4 + 12, site::release(round * 4 + 10));
        }
    }
    let (state, last) = (stored::encode_snapshot(&of.ledger()), of.ledger().position());
    let records = records(of.journal()).expect("they are there");
    if !is_open {
        drop(keeper.take());
    }
    let read = |ending: &'static str| Some((ending, fs::read(beside(&store, ending)).ok()?));
    Kept { files: ["", "-wal", "-mark"].into_iter().filter_map(read).collect(), state, records, last }
}

fn records(journal: &dyn Journal) -> Result<Vec<Vec<u8>>, Error> {
    let mut records = Vec::new();
    let from = journal.extent(&stream())?.compacted;
    journal.read(&stream(), from, usize::MAX, &mut |_, bytes| records.push(bytes.to_vec()))?;
    Ok(records)
}

/// The state, the records and the end of a store.
type Whole = (Vec<u8>, Vec<Vec<u8>>, Position);

/// Opens what is there and reads all of it.
fn tried(store: &Path) -> Result<Whole, Error> {
    let keeper = Keeper::open(SqliteJournal::open(store)?, node())?;
    verify(keeper.journal(), &stream())?;
    let ledger = keeper.ledger();
    Ok((stored::encode_snapshot(&ledger), records(keeper.journal())?, ledger.position()))
}

/// Damages copies, and counts what came of it by kind.
fn campaign(
    kept: &Kept,
    trials: u64,
    mut damage: impl FnMut(u64, &mut Vec<(&'static str, Vec<u8>)>) -> String,
) {
    let folder = Folder::fast();
    let mut counts: BTreeMap<&str, u64> = BTreeMap::new();
    for trial in 0..trials {
        let mut files = kept.files.clone();
        let what = damage(trial, &mut files);
        for ending in ["", "-wal", "-shm", "-mark"] {
            let _ = fs::remove_file(beside(&folder.store(), ending));
        }
        for (ending, bytes) in &files {
            let file = beside(&folder.store(), ending);
            fs::write(&file, bytes).expect("it is ours");
            #[cfg(unix)]
            fs::set_permissions(&file, std::os::unix::fs::PermissionsExt::from_mode(0o600))
                .expect("it is ours");
        }
        match tried(&folder.store()) {
            Ok((state, records, last)) => {
                assert_eq!(last, kept.last, "{what}: acknowledged entries are gone, and nothing is said");
                assert!(
                    state == kept.state && records == kept.records,
                    "{what}: another state, and nothing is said"
                );
                *counts.entry("whole").or_default() += 1;
            }
            Err(error) => {
                let kinds = [
                    ErrorKind::Damaged,
                    // The version, the application's id, and the way to be written are bytes, too.
                    ErrorKind::Newer,
                    ErrorKind::Invalid,
                    ErrorKind::NotPermitted,
                    ErrorKind::Io,
                ];
                assert!(kinds.contains(&error.kind()), "{what}: {}: {error}", error.kind());
                *counts.entry(error.kind().name()).or_default() += 1;
            }
        }
    }
    println!("{trials} damaged: {counts:?}");
    let damaged = counts.get("damaged").copied().unwrap_or(0);
    assert!(damaged > 0, "nothing was ever damaged: {counts:?}");
}

fn flipped(trials: u64) {
    for (at, is_open) in [true, false].into_iter().enumerate() {
        for policy in [Policy::default().every(0), Policy::default().every(50).behind(Some(20))] {
            let kept = kept(is_open, policy);
            let chance = Chance::new(at as u64 + 7);
            campaign(&kept, trials, |trial, files| {
                let bits = 1 + chance.below(3);
                let mut what = format!("trial {trial}:");
                for _ in 0..bits {
                    let which = chance.below(files.len() as u64) as usize;
                    let (ending, bytes) = &mut files[which];
                    let at = chance.below(bytes.len() as u64) as usize;
                    let bit = chance.below(8);
                    bytes[at] ^= 1 << bit;
                    what += &format!(" bit {bit} of byte {at} of FILE{ending},");
                }
                what
            });
        }
    }
}

#[test]
fn flipped_bits_are_named_or_change_nothing() {
    flipped(20);
}

#[test]
#[ignore = "six thousand damaged copies"]
fn a_campaign_of_flipped_bits() {
    flipped(1_500);
}

/// The first page says what the file is: each of its first bytes, damaged in one way and in each.
#[test]
fn every_byte_of_the_header_is_named_or_changes_nothing() {
    header(1);
}

#[test]
#[ignore = "as the one of every byte, eight times as long"]
fn every_bit_of_the_header_is_named_or_changes_nothing() {
    header(8);
}

fn header(bits: u64) {
    let kept = kept(false, Policy::default());
    campaign(&kept, 100 * bits, |trial, files| {
        let (byte, bit) = (trial / bits, if bits == 1 { trial % 8 } else { trial % bits });
        files[0].1[byte as usize] ^= 1 << bit;
        format!("bit {bit} of byte {byte}")
    });
}

#[test]
fn files_that_are_cut_off_are_named_or_whole() {
    for is_open in [true, false] {
        let kept = kept(is_open, Policy::default().every(100).behind(Some(20)));
        let chance = Chance::new(3);
        campaign(&kept, 30, |trial, files| {
            // The marks that are cut off are marks that a power failure took.
            let which = (trial % 2) as usize % (files.len() - 1);
            let (ending, bytes) = &mut files[which];
            bytes.truncate(chance.below(bytes.len() as u64) as usize);
            format!("FILE{ending} of {} bytes", bytes.len())
        });
    }
}

/// Pages of the file as they were earlier: what a drive that lies about its writes leaves.
#[test]
fn pages_of_another_time_are_named_or_change_nothing() {
    let policy = Policy::default().every(50).behind(Some(20));
    let late = kept(false, policy);
    let mut early = None;
    for (ending, bytes) in kept(true, policy).files {
        if ending.is_empty() {
            early = Some(bytes);
        }
    }
    let early = early.expect("a file");
    let chance = Chance::new(11);
    campaign(&late, 40, |trial, files| {
        let pages = files[0].1.len().min(early.len()) / 4096;
        let page = chance.below(pages as u64) as usize * 4096;
        let changed = files[0].1[page..page + 4096] != early[page..page + 4096];
        files[0].1[page..page + 4096].copy_from_slice(&early[page..page + 4096]);
        format!("trial {trial}: page {} of an earlier time, changed: {changed}", page / 4096)
    });
}
