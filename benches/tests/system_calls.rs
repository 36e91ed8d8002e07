//! The system calls of a warm sample from a tree: three for each file that it needs, each file
//! once.

use std::path::Path;

use gpu_benches::{Written, bare, calls};

fn counted(preset: &str) -> (Vec<String>, usize) {
    let program = Path::new(env!("CARGO_BIN_EXE_ratios"));
    let calls = calls::of(program, preset).unwrap_or_else(|error| panic!("{error}"));
    let written = Written::new(preset);
    (calls, bare::files(&written.machine(), &written.sysfs()).len())
}

fn is_a_tenth_off_at_most(ours: usize, bare: usize) -> bool {
    ours * 10 <= bare * 11 && ours * 10 >= bare * 9
}

#[test]
#[ignore = "needs strace"]
fn of_four_max_1550_with_two_tiles_each() {
    let (calls, files) = counted("max-1550-4");
    let mut opened = calls::opened(&calls);
    assert_eq!(opened.len(), files, "{opened:#?}");
    opened.sort_unstable();
    opened.dedup();
    assert_eq!(opened.len(), files, "a file is opened twice: {calls:#?}");
    assert!(is_a_tenth_off_at_most(calls.len(), 3 * files), "{} calls, {files} files", calls.len());
}

/// Directories count as files: each is opened, read (until nothing is left) and closed.
#[test]
#[ignore = "needs strace"]
fn of_eight_mi300x_in_cpx_mode() {
    let (calls, files) = counted("mi300x-8-cpx");
    assert!(is_a_tenth_off_at_most(calls.len(), 3 * files), "{} calls, {files} files", calls.len());
    assert!(!calls.iter().any(|call| call.contains("ENOENT")), "nothing is asked for that is not there");
    assert_eq!(calls::opened(&calls).len(), files, "{files} files and directories");
}
