//! Stores that the operating system refuses: a full disk, one that may only be read, another user's.
//! They need root, and tools of util-linux.

#![cfg(unix)]

#[path = "support/folder.rs"]
mod folder;

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::Command;

use folder::Folder;
use gpu_core::ledger::Position;
use gpu_store::{Append, ErrorKind, Journal, SqliteJournal, SqliteOptions, Stream, Trust};

/// Set for the test program when it has been started by itself, to the folder that it is about.
const INSIDE: &str = "GPU_STORE_TEST_INSIDE";

fn stream() -> Stream {
    "ledger/node-1".parse().expect("a name")
}

fn run(command: &mut Command) {
    let status = command.status().unwrap_or_else(|error| panic!("{command:?}: {error}"));
    assert!(status.success(), "{command:?}: {status}");
}

/// The folder that a test is about, once it has started itself in a mount namespace of its own.
fn in_a_namespace(test: &str) -> Option<std::path::PathBuf> {
    if let Some(folder) = std::env::var_os(INSIDE) {
        return Some(folder.into());
    }
    let folder = Folder::new();
    let mut unshare = Command::new("unshare");
    unshare.arg("--mount").arg(std::env::current_exe().expect("a program knows its own file"));
    run(unshare.args(["--exact", test, "--ignored", "--nocapture"]).env(INSIDE, folder.path()));
    None
}

fn mount(options: &str, folder: &Path) {
    run(Command::new("mount").args(["-t", "tmpfs", "-o", options, "none"]).arg(folder));
}

#[test]
#[ignore = "needs root: mounts a small file system"]
fn a_full_disk_loses_nothing() {
    let Some(folder) = in_a_namespace("a_full_disk_loses_nothing") else { return };
    mount("size=400k,mode=0700", &folder);
    let store = folder.join("ledger.db");
    let journal = SqliteJournal::open(&store).expect("it fits");
    let mut last = 0;
    let full = loop {
        match journal.append(&stream(), Position(last), &[last.to_string().as_bytes(), &[1; 500]]) {
            Ok(Append::Appended { last: told }) => last = told.0,
            Ok(other) => panic!("{other:?}"),
            Err(error) => break error,
        }
    };
    assert_eq!(full.kind(), ErrorKind::Full, "{full}");
    assert!(last > 20, "only {last} records fit");
    let whole = |journal: &SqliteJournal| {
        let mut records = Vec::new();
        let read =
            journal.read(&stream(), Position(0), usize::MAX, &mut |_, bytes| records.push(bytes.to_vec()));
        assert_eq!(read.expect("it is read"), Position(last));
        for (at, pair) in (0_u64..).step_by(2).zip(records.chunks(2)) {
            assert_eq!(pair, [at.to_string().into_bytes(), vec![1; 500]]);
        }
    };
    whole(&journal);
    drop(journal);
    // Opened again there may be no room for the log: that is named, too.
    match SqliteJournal::open(&store) {
        Ok(journal) => whole(&journal),
        Err(error) => assert_eq!(error.kind(), ErrorKind::Full, "{error}"),
    }
    run(Command::new("mount").args(["-o", "remount,size=4m"]).arg(&folder));
    let journal = SqliteJournal::open(&store).expect("there is room");
    whole(&journal);
    journal.check().expect("it is whole");
    let more = journal.append(&stream(), Position(last), &[b"more"]).expect("there is room");
    assert_eq!(more, Append::Appended { last: Position(last + 1) });
}

#[test]
#[ignore = "needs root: mounts a file system that may only be read"]
fn what_may_only_be_read_is_named() {
    let Some(folder) = in_a_namespace("what_may_only_be_read_is_named") else { return };
    mount("size=4m,mode=0700", &folder);
    let store = folder.join("ledger.db");
    let journal = SqliteJournal::open(&store).expect("it opens");
    let _ = journal.append(&stream(), Position(0), &[b"one"]).expect("there is room");
    drop(journal);
    run(Command::new("mount").args(["-o", "remount,ro"]).arg(&folder));
    let refused = SqliteJournal::open(&store).expect_err("it may only be read");
    assert_eq!(refused.kind(), ErrorKind::NotPermitted, "{refused}");
    let none = SqliteJournal::open(folder.join("new.db")).expect_err("it cannot be made");
    assert_eq!(none.kind(), ErrorKind::NotPermitted, "{none}");
    run(Command::new("mount").args(["-o", "remount,rw"]).arg(&folder));
    let extent = SqliteJournal::open(&store).expect("it may be written").extent(&stream());
    assert_eq!(extent.expect("it is read").last, Position(1));
}

#[test]
#[ignore = "needs root: becomes another user"]
fn another_users_store_is_refused() {
    if let Some(folder) = std::env::var_os(INSIDE) {
        let store = Path::new(&folder).join("ledger.db");
        for options in [SqliteOptions::new(), SqliteOptions::new().trust(Trust::Anybody)] {
            for options in [options, options.creates(false)] {
                let refused = SqliteJournal::open_with(&store, &options).expect_err("it is root's");
                assert_eq!(refused.kind(), ErrorKind::NotPermitted, "{refused}");
            }
        }
        return;
    }
    let folder = Folder::new();
    let journal = SqliteJournal::open(folder.store()).expect("it opens");
    let _ = journal.append(&stream(), Position(0), &[b"one"]).expect("there is room");
    fs::set_permissions(folder.path(), fs::Permissions::from_mode(0o755)).expect("it is ours");
    // The test program lies where only we may look.
    let program = folder.path().join("program");
    fs::copy(std::env::current_exe().expect("a program knows its own file"), &program).expect("it is copied");
    fs::set_permissions(&program, fs::Permissions::from_mode(0o755)).expect("it is ours");
    let mut other = Command::new("setpriv");
    other.args(["--reuid", "65534", "--regid", "65534", "--clear-groups"]).arg(&program);
    run(other.args(["--exact", "another_users_store_is_refused", "--ignored"]).env(INSIDE, folder.path()));
    // A store in another user's folder is refused to root, too.
    let status = Command::new("chown").arg("65534").arg(folder.path()).status().expect("it runs");
    assert!(status.success());
    let refused = SqliteJournal::open(folder.store()).expect_err("its folder is another's");
    assert_eq!(refused.kind(), ErrorKind::NotPermitted, "{refused}");
}
