//! Numbers and names that shall not be in a recording are not in it.

#[path = "common/looks.rs"]
mod looks;

use std::collections::{BTreeMap, BTreeSet};
use std::fs;

use gpu_accounting::record::{Item, Recording, Redaction, Replay};
use gpu_accounting::{Node, Owner};
use gpu_core::recorded;
use looks::{Folder, looks as looks_at, read, record};
use miniz_oxide::inflate::decompress_to_vec;

/// Everything that a file holds, before it was compressed.
fn contents(path: &std::path::Path) -> Vec<u8> {
    let bytes = fs::read(path).expect("it is there");
    let (mut at, mut all) = (0, Vec::new());
    while at < bytes.len() {
        let len = recorded::length(&bytes[at..]).expect("whole");
        let (_, content) = recorded::open(&bytes[at..at + len]).expect("whole");
        all.extend(decompress_to_vec(content).expect("whole"));
        at += len;
    }
    all
}

fn has(bytes: &[u8], text: &str) -> bool {
    bytes.windows(text.len()).any(|window| window == text.as_bytes())
}

#[test]
fn names_are_nowhere_in_the_bytes() {
    let folder = Folder::new("names");
    let (head, moments) = looks_at("mixed", 3);
    let mut names = BTreeSet::new();
    for moment in &moments {
        for of in moment.containers.iter().flat_map(|containers| &containers.named) {
            let labels = [&of.labels.container, &of.labels.pod, &of.labels.namespace, &of.labels.image];
            names.extend(
                labels.iter().filter_map(|label| label.value()).map(|label| label.as_str().to_owned()),
            );
        }
        for process in &moment.sweep.as_ref().expect("swept").processes {
            if let Ok(Owner::Container(container)) = &process.owner {
                names.insert(container.id.as_str().to_owned());
                names.extend(container.pod.map(|pod| pod.uid.to_string()));
            }
        }
    }
    assert!(names.len() >= 5, "there is something to hide: {names:?}");
    let plain = folder.file("plain");
    record(&plain, head.clone(), &moments);
    let shown = contents(&plain);
    assert!(names.iter().all(|name| has(&shown, name)), "as long as nothing is hidden, they are there");

    let mut head = head;
    head.redacted = Redaction::EVERYTHING;
    let hidden = folder.file("hidden");
    record(&hidden, head, &moments);
    let shown = contents(&hidden);
    let left: Vec<_> = names.iter().filter(|name| has(&shown, name)).collect();
    assert!(left.is_empty(), "{left:?}");
    let replay = Replay::open(&hidden).expect("it can be read");
    assert!(replay.to_string().ends_with("process numbers and names replaced"));
}

#[test]
fn the_same_process_has_the_same_pseudonym_and_no_two_have_one() {
    let folder = Folder::new("stable");
    let path = folder.file("file");
    let (mut head, moments) = looks_at("hgx-h100-8", 6);
    head.redacted = Redaction::EVERYTHING;
    record(&path, head, &moments);
    let (back, error) = read(&path);
    assert_eq!(error, None);
    let mut pseudonyms = BTreeMap::new();
    for (moment, back) in moments.iter().zip(&back) {
        for (process, back) in moment.sample.processes.iter().zip(&back.sample.processes) {
            assert_eq!(*pseudonyms.entry(process.pid).or_insert(back.pid), back.pid);
            assert_eq!((process.memory, process.busy, process.unit), (back.memory, back.busy, back.unit));
        }
        let sweep = back.sweep.as_ref().expect("swept");
        assert!(sweep.processes.is_sorted_by_key(|process| process.key.pid));
        assert!(back.sample.processes.iter().any(|process| sweep.process(process.pid).is_some()));
    }
    let distinct: BTreeSet<_> = pseudonyms.values().collect();
    assert_eq!(distinct.len(), pseudonyms.len());
    assert!(pseudonyms.len() > 3 && pseudonyms.keys().all(|pid| !distinct.contains(pid)), "{pseudonyms:?}");
}

#[test]
fn who_uses_what_is_as_before_by_other_names() {
    let folder = Folder::new("lines");
    let mut lines = Vec::new();
    for redacted in [Redaction::NOTHING, Redaction::EVERYTHING] {
        let path = folder.file(&format!("{redacted:?}"));
        let (mut head, moments) = looks_at("mixed", 2);
        head.redacted = redacted;
        record(&path, head, &moments);
        let mut replay = Replay::open(&path).expect("it can be read");
        let node = Node::builder().replay(&replay).build();
        let mut watch = node.watch();
        watch.look();
        replay.next().expect("it can be read on");
        let attribution = watch.look();
        let mut seen: Vec<String> = attribution
            .lines
            .iter()
            .map(|line| {
                format!("{} {:?} {:?} {}", line.unit, line.memory, line.engines, line.processes.len())
            })
            .collect();
        seen.sort();
        lines.push((seen, attribution.balances, attribution.contradictions.len()));
    }
    assert!(!lines[0].0.is_empty());
    assert_eq!(lines[0], lines[1]);
}

#[test]
fn the_head_says_what_was_replaced() {
    let folder = Folder::new("head");
    let path = folder.file("file");
    let (mut head, moments) = looks_at("b60-2", 1);
    head.redacted = Redaction::NOTHING;
    head.redacted.pids = true;
    record(&path, head.clone(), &moments);
    let mut items = Recording::open(&path).expect("there");
    let Some(Ok(Item::Head(read))) = items.next() else { panic!("it begins with a head") };
    assert_eq!(read.redacted, head.redacted);
    assert_eq!((read.by, read.vendors, read.simulated), (head.by, head.vendors, head.simulated));
}
