//! Disks that are full.

#[path = "common/looks.rs"]
mod looks;

use std::fs;
use std::io::{self, Write};
use std::path::PathBuf;
use std::process::Command;
use std::sync::{Arc, Mutex};

use gpu_accounting::record::{Item, Recorder, Recording};
use looks::{looks as looks_at, read};

#[test]
fn a_disk_that_is_full_from_the_start_is_named_before_there_is_anything_to_lose() {
    let (head, _) = looks_at("b60-2", 1);
    let error = Recorder::append("/dev/full", head).expect_err("it takes nothing");
    assert_eq!(error.kind(), "full");
    assert!(error.to_string().starts_with("/dev/full: "), "{error}");
}

/// Takes so many bytes, and then half of one write and nothing more.
#[derive(Clone)]
struct Narrow(Arc<Mutex<(Vec<u8>, usize)>>);

impl Write for Narrow {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let (taken, room) = &mut *self.0.lock().expect("nobody panics");
        let count = bytes.len().min(*room - taken.len());
        if count == 0 {
            return Err(io::ErrorKind::StorageFull.into());
        }
        taken.extend_from_slice(&bytes[..count]);
        Ok(count)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[test]
fn what_is_no_file_takes_nothing_after_a_write_that_failed() {
    let (head, moments) = looks_at("l40s-4", 20);
    let sink = Narrow(Arc::new(Mutex::new((Vec::new(), 2600))));
    let mut recorder = Recorder::new(sink.clone(), head).expect("there is room for the head");
    let kinds: Vec<_> = moments.iter().map(|moment| recorder.add(moment).err().map(|of| of.kind())).collect();
    let added = kinds.iter().take_while(|kind| kind.is_none()).count();
    assert!((2..moments.len() - 2).contains(&added), "{kinds:?}");
    assert_eq!(kinds[added], Some("full"));
    assert!(kinds[added + 1..].iter().all(|kind| *kind == Some("broken")));
    let bytes = sink.0.lock().expect("nobody panics").0.clone();
    let items: Vec<_> = Recording::from_reader(io::Cursor::new(bytes)).collect();
    let moments = items.iter().filter(|item| matches!(item, Ok(Item::Moment(_)))).count();
    assert_eq!(moments, added);
    assert!(items.last().is_some_and(|last| last.as_ref().is_err_and(|error| error.kind() == "truncated")));
}

/// A file system of 64 KiB, which goes with the test.
struct Tiny(PathBuf);

impl Tiny {
    fn new() -> Self {
        let path = std::env::temp_dir().join(format!("gpu-record-tiny-{}", std::process::id()));
        fs::create_dir_all(&path).expect("the folder can be made");
        let mount = ["-t", "tmpfs", "-o", "size=64k", "gpu-record-tests"];
        let status = Command::new("mount").args(mount).arg(&path).status().expect("mount is there");
        assert!(status.success(), "a file system can be mounted");
        Self(path)
    }
}

impl Drop for Tiny {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg(&self.0).status();
        let _ = fs::remove_dir(&self.0);
    }
}

#[test]
#[ignore = "needs root, to mount a small file system"]
fn a_disk_that_fills_up_loses_nothing_and_is_gone_on_with_when_there_is_room() {
    let disk = Tiny::new();
    let (path, ballast) = (disk.0.join("node.gpurec"), disk.0.join("ballast"));
    fs::write(&ballast, vec![0; 40 << 10]).expect("there is room");
    let (head, moments) = looks_at("mixed", 200);
    let mut recorder = Recorder::create(&path, head).expect("begun");
    let mut added = Vec::new();
    for moment in &moments {
        match recorder.add(moment) {
            Ok(_) => added.push(moment.at),
            Err(error) => {
                assert_eq!(error.kind(), "full", "{error}");
                break;
            }
        }
    }
    assert!((5..150).contains(&added.len()), "{} moments fit", added.len());
    let (back, error) = read(&path);
    assert_eq!(error, None, "what did not fit was taken off");
    assert!(back.iter().map(|of| of.at).eq(added.iter().copied()));
    let still = recorder.add(&moments[190]).err().map(|error| error.kind());
    assert_eq!(still, Some("full"));

    fs::remove_file(&ballast).expect("it is there");
    for moment in &moments[195..] {
        recorder.add(moment).expect("there is room again");
        added.push(moment.at);
    }
    let (back, error) = read(&path);
    assert_eq!(error, None);
    assert!(back.iter().map(|of| of.at).eq(added), "and nothing is missing");
}
