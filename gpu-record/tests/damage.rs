//! Recordings that end too early, are damaged, are none, or are written to by two.

#[path = "common/looks.rs"]
mod looks;

use std::fs::{self, OpenOptions};
use std::io::Write;
use std::path::Path;

use gpu_accounting::record::{Error, Item, Recorder, Recording, Replay};
use gpu_core::recorded;
use looks::{Folder, looks as looks_at, read, record};

/// Where the frames of a file begin, and its end.
fn borders(bytes: &[u8]) -> Vec<usize> {
    let mut borders = vec![0];
    let mut at = 0;
    while at < bytes.len() {
        at += recorded::length(&bytes[at..]).expect("it is whole");
        borders.push(at);
    }
    borders
}

fn write(path: &Path, bytes: &[u8]) {
    fs::write(path, bytes).expect("it can be written");
}

#[test]
fn a_file_cut_anywhere_is_read_up_to_there() {
    let folder = Folder::new("cut");
    let (whole, cut) = (folder.file("whole"), folder.file("cut"));
    let (head, moments) = looks_at("l40s-4", 4);
    record(&whole, head, &moments);
    let bytes = fs::read(&whole).expect("it is there");
    let borders = borders(&bytes);
    assert_eq!(borders.len(), 1 + 1 + moments.len(), "a head, and a frame a moment");
    for len in 0..bytes.len() {
        write(&cut, &bytes[..len]);
        let (back, error) = read(&cut);
        // The first border is the head's end.
        let expected = borders[2..].iter().filter(|border| **border <= len).count();
        assert_eq!(back.len(), expected, "cut at {len}");
        assert!(back.iter().zip(&moments).all(|(back, moment)| back.at == moment.at));
        let is_between = borders.contains(&len);
        assert_eq!(error, (!is_between).then_some("truncated"), "cut at {len}");
    }
}

#[test]
fn a_flipped_bit_anywhere_is_named_and_nothing_before_it_is_lost() {
    let folder = Folder::new("flip");
    let (whole, flipped) = (folder.file("whole"), folder.file("flipped"));
    let (head, moments) = looks_at("b60-2", 3);
    record(&whole, head, &moments);
    let bytes = fs::read(&whole).expect("it is there");
    let borders = borders(&bytes);
    for at in 0..bytes.len() {
        let mut damaged = bytes.clone();
        damaged[at] ^= 1 << (at % 8);
        write(&flipped, &damaged);
        let (back, error) = read(&flipped);
        let frame = borders.iter().filter(|border| **border <= at).count() - 1;
        assert_eq!(back.len(), frame.saturating_sub(1), "flipped at {at}");
        let expected = match at - borders[frame] {
            0..4 => &["not_ours"][..],
            // A length that is wrong: the frame ends elsewhere, or nowhere.
            7..11 => &["damaged", "truncated", "malformed"][..],
            _ => &["damaged"][..],
        };
        assert!(error.is_some_and(|error| expected.contains(&error)), "flipped at {at}: {error:?}");
    }
}

#[test]
fn what_is_no_recording_is_said_to_be_none() {
    let folder = Folder::new("none");
    let path = folder.file("file");
    let kind = |bytes: &[u8]| {
        write(&path, bytes);
        Replay::open(&path).err().map(|error| (error.kind(), error.to_string()))
    };
    assert_eq!(kind(b"").expect("refused").0, "empty");
    assert_eq!(kind(b"GPUR").expect("refused").0, "truncated");
    let (kind_of, text) = kind(b"{\"schema\": 1, \"what\": \"something else\"}").expect("refused");
    assert_eq!((kind_of, text.as_str()), ("not_ours", "this is no recording of a GPU node"));
    let missing = Replay::open(folder.file("missing")).err().map(|error| error.kind());
    assert_eq!(missing, Some("io"));

    // A newer version, whole by its check sum.
    let (head, moments) = looks_at("b60-2", 1);
    record(&folder.file("whole"), head, &moments);
    let bytes = fs::read(folder.file("whole")).expect("it is there");
    let first = recorded::length(&bytes).expect("whole");
    let mut newer = bytes[..first].to_vec();
    newer[4] = 9;
    let sum = crc32c(&newer[..first - 4]);
    newer[first - 4..].copy_from_slice(&sum.to_le_bytes());
    let (kind_of, text) = kind(&newer).expect("refused");
    assert_eq!(kind_of, "newer");
    assert!(text.contains('9'), "{text}");

    // Moments without a head.
    assert_eq!(kind(&bytes[first..]).expect("refused").0, "malformed");
    // A head without moments.
    assert_eq!(kind(&bytes[..first]).expect("refused").0, "empty");
}

/// CRC-32C, bit by bit.
fn crc32c(bytes: &[u8]) -> u32 {
    !bytes.iter().fold(u32::MAX, |crc, byte| {
        (0..8).fold(crc ^ u32::from(*byte), |crc, _| (crc >> 1) ^ (0x82f6_3b78 & (crc & 1).wrapping_neg()))
    })
}

#[test]
fn a_frame_that_nobody_finished_is_taken_off_when_the_recording_goes_on() {
    let folder = Folder::new("torn");
    let path = folder.file("file");
    let (head, moments) = looks_at("l40s-4", 4);
    record(&path, head.clone(), &moments[..2]);
    let bytes = fs::read(&path).expect("it is there");
    for torn in [1, 3, 14, 40] {
        write(&path, &bytes);
        let tail = &bytes[borders(&bytes)[1]..];
        let mut file = OpenOptions::new().append(true).open(&path).expect("it is there");
        file.write_all(&tail[..torn]).expect("it can be written");
        drop(file);
        let mut recorder = Recorder::append(&path, head.clone()).expect("it goes on");
        assert_eq!(recorder.removed(), torn as u64);
        for moment in &moments[2..] {
            recorder.add(moment).expect("added");
        }
        let (back, error) = read(&path);
        assert_eq!(error, None);
        assert!(back.iter().map(|of| of.at).eq(moments.iter().map(|of| of.at)));
    }
}

#[test]
fn a_recording_with_damage_in_it_is_not_gone_on_with_and_not_touched() {
    let folder = Folder::new("middle");
    let path = folder.file("file");
    let (head, moments) = looks_at("l40s-4", 3);
    record(&path, head.clone(), &moments);
    let mut bytes = fs::read(&path).expect("it is there");
    let second = borders(&bytes)[2];
    bytes[second + 20] ^= 1;
    write(&path, &bytes);
    let refused = Recorder::append(&path, head.clone()).err();
    assert_eq!(refused.as_ref().map(Error::kind), Some("damaged"));
    assert_eq!(refused.and_then(|error| error.position()), Some(second as u64));
    assert_eq!(fs::read(&path).expect("it is there"), bytes, "it was changed");

    write(&path, b"somebody's letters, and no recording");
    assert_eq!(Recorder::append(&path, head).err().map(|error| error.kind()), Some("not_ours"));
    assert_eq!(fs::read(&path).expect("it is there"), b"somebody's letters, and no recording");
}

#[test]
fn a_recording_is_of_one_machine() {
    let folder = Folder::new("machines");
    let path = folder.file("file");
    let (head, moments) = looks_at("l40s-4", 1);
    record(&path, head, &moments);
    let (other, _) = looks_at("mi210-8", 1);
    let refused = Recorder::append(&path, other).err();
    assert_eq!(refused.as_ref().map(Error::kind), Some("other_machine"));

    // Put together by hand, it is read up to there.
    let (head, moments) = looks_at("mi210-8", 1);
    record(&folder.file("other"), head, &moments);
    let both = [fs::read(&path).expect("there"), fs::read(folder.file("other")).expect("there")].concat();
    write(&path, &both);
    let mut replay = Replay::open(&path).expect("it can be read");
    assert_eq!(replay.next().err().map(|error| error.kind()), Some("other_machine"));
}

#[test]
fn two_who_write_at_once_notice() {
    let folder = Folder::new("two");
    let path = folder.file("file");
    let (head, moments) = looks_at("l40s-4", 2);
    let mut one = Recorder::create(&path, head.clone()).expect("begun");
    one.add(&moments[0]).expect("added");
    let mut other = Recorder::append(&path, head.clone()).expect("it goes on");
    other.add(&moments[1]).expect("added");
    assert_eq!(one.add(&moments[1]).err().map(|error| error.kind()), Some("changed"));
    assert_eq!(read(&path).0.len(), 2);
    assert_eq!(Recorder::create(&path, head).err().map(|error| error.kind()), Some("io"), "it exists");
}

#[test]
fn long_recordings_begin_anew_by_themselves() {
    let folder = Folder::new("long");
    let path = folder.file("file");
    let (head, moments) = looks_at("b60-2", 8);
    let mut recorder = Recorder::create(&path, head).expect("begun");
    for number in 0..3000 {
        recorder.add(&moments[number % moments.len()]).expect("added");
    }
    let items: Vec<Item> = Recording::open(&path).expect("there").map(|item| item.expect("whole")).collect();
    let heads = items.iter().filter(|item| matches!(item, Item::Head(_))).count();
    assert_eq!(items.len() - heads, 3000);
    assert_eq!(heads, 3, "one at the start, and one after each 1024");
}
