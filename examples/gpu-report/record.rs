//! Recording what a node shows, and reporting what a recording shows.

use std::error::Error;
use std::path::Path;
use std::time::Duration;

use gpu_accounting::record::{Recorder, Redaction, Replay};
use gpu_accounting::{Nanoseconds, Node};
use gpu_sim::World;

use crate::args::Recording;

const BY: &str = concat!("gpu-report ", env!("CARGO_PKG_VERSION"));

/// Adds looks at the node to the recording in a file; begins one where there is none.
pub fn record(
    node: &Node,
    world: Option<&World>,
    simulated: Option<&str>,
    wanted: &Recording,
) -> Result<(), Box<dyn Error>> {
    let mut head = node.recording_head(BY);
    head.simulated = simulated.map(str::to_owned);
    if wanted.redact {
        head.redacted = Redaction::EVERYTHING;
    }
    let mut recorder = Recorder::append(&wanted.file, head)?;
    if recorder.removed() > 0 {
        eprintln!(
            "gpu-report: {} bytes at its end, which nobody finished, were taken off",
            recorder.removed()
        );
    }
    let mut watch = node.watch();
    for look in 0..wanted.looks {
        if look > 0 {
            wait(world, wanted.every);
        }
        watch.look();
        recorder.add(&watch.moment())?;
    }
    recorder.sync()?;
    eprintln!("gpu-report: {} looks recorded, {} bytes", wanted.looks, recorder.written());
    Ok(())
}

/// Lets so much time pass: on a simulated machine at once.
fn wait(world: Option<&World>, time: Duration) {
    match world {
        Some(world) => world.clock().advance(Nanoseconds(u64::try_from(time.as_nanos()).unwrap_or(u64::MAX))),
        None => std::thread::sleep(time),
    }
}

/// A recording at one of its moments, the last unless it is told which; and why it cannot be read any
/// further, where it cannot.
pub fn replay(file: &Path, at: Option<u64>) -> Result<(Replay, Option<String>), Box<dyn Error>> {
    let mut replay = Replay::open(file).map_err(|error| format!("{}: {error}", file.display()))?;
    while at != Some(replay.number()) {
        match replay.next() {
            Ok(Some(_)) => {}
            Ok(None) if at.is_some() => {
                let count = replay.number() + 1;
                return Err(format!("{}: there are {count} moments, counted from 0", file.display()).into());
            }
            Ok(None) => break,
            Err(error) => return Ok((replay, Some(format!("{}: {error}", file.display())))),
        }
    }
    Ok((replay, None))
}
