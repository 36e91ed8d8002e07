//! System calls of one warm sample, counted by `strace`.
//!
//! The program counts itself: it starts itself once more under `strace`, with [`ONCE`] as its
//! first argument and a preset as its second, and there hands both to [`once`].

use std::fs::File;
use std::path::Path;
use std::process::Command;

use gpu_core::{Query, Sample, Vendor};

use crate::written::Written;

/// The argument with which the program is started to be counted.
pub const ONCE: &str = "once";

/// Names no file: opening it marks where the sample begins and ends.
const MARK: &str = "/gpu-benches/mark";

/// The vendor of a preset of one vendor.
#[must_use]
pub fn vendor_of(preset: &str) -> Vendor {
    if preset.starts_with("mi") { Vendor::AMD } else { Vendor::INTEL }
}

/// What is counted: one sample like the two before it.
///
/// # Panics
/// When the sample fails.
pub fn once(preset: &str) {
    let written = Written::new(preset);
    let backend = written.backend(vendor_of(preset));
    let query = Query::everything();
    let mut sample = Sample::new();
    for _ in 0..2 {
        sample.clear();
        backend.sample_into(&query, &mut sample).expect("the tree is read");
    }
    let mark = || File::open(MARK).map_or((), |_| panic!("{MARK} is there"));
    mark();
    sample.clear();
    let sampled = backend.sample_into(&query, &mut sample);
    mark();
    sampled.expect("the tree is read");
    assert!(sample.problems.is_empty(), "{:?}", sample.problems);
}

/// The system calls of one warm sample of a preset, as `strace` writes them; `program` is one
/// that calls [`once`] when it is told so.
///
/// # Errors
/// When `strace` is not there, or the program fails.
pub fn of(program: &Path, preset: &str) -> Result<Vec<String>, String> {
    let log = std::env::temp_dir().join(format!("gpu-benches-{}-{preset}.strace", std::process::id()));
    let mut strace = Command::new("strace");
    // Short strings would cut paths.
    strace.args(["-s", "4096", "-o"]).arg(&log).arg(program).args([ONCE, preset]);
    let status = strace.status().map_err(|error| format!("strace: {error}"))?;
    let text = std::fs::read_to_string(&log).map_err(|error| format!("{}: {error}", log.display()));
    // What stays behind lies in the folder for temporary files.
    let _ = std::fs::remove_file(&log);
    if !status.success() {
        return Err(format!("{} {ONCE} {preset} under strace: {status}", program.display()));
    }
    let text = text?;
    let mut parts = text.split_inclusive('\n').skip_while(|line| !line.contains(MARK)).skip(1);
    let calls: Vec<String> = parts
        .by_ref()
        .take_while(|line| !line.contains(MARK))
        .map(|line| line.trim_end().to_owned())
        .collect();
    if calls.is_empty() {
        Err(format!("strace saw no call between the marks of {preset}"))
    } else {
        Ok(calls)
    }
}

/// The paths that were opened, or tried, in order.
#[must_use]
pub fn opened(calls: &[String]) -> Vec<&str> {
    let opens = calls.iter().filter(|call| call.starts_with("open"));
    opens.filter_map(|call| call.split('"').nth(1)).collect()
}
