//! The command's process, which does not outlive the one that holds units for it.
//!
//! This program starts itself again by [`VERB`], asks the kernel to be killed when its parent dies, and
//! becomes the command: an `exec` keeps that, unless the command changes who it runs as (`setuid`).

use std::ffi::OsString;
use std::os::unix::process::CommandExt;
use std::process::{Command, ExitCode};

use rustix::process::{Pid, Signal, getppid, set_parent_process_death_signal};

/// No word that anybody would call by hand.
pub const VERB: &str = "--become-the-command-of";

/// As `env` and shells say it.
const NOT_FOUND: u8 = 127;
const NOT_STARTED: u8 = 126;

/// The command, to be started by a process of this number.
pub fn command(program: &std::path::Path, words: &[OsString]) -> Command {
    let mut command = Command::new(program);
    command.arg(VERB).arg(std::process::id().to_string()).args(words);
    command
}

/// Runs in the new process. The first word is the parent's number.
pub fn become_the_command(words: Vec<OsString>) -> ExitCode {
    let mut words = words.into_iter();
    let parent = words
        .next()
        .and_then(|word| word.to_str().and_then(|word| word.parse().ok()).and_then(Pid::from_raw));
    let Some(program) = words.next() else { return ExitCode::from(NOT_STARTED) };
    let is_bound = set_parent_process_death_signal(Some(Signal::KILL));
    // It may have died before that was asked.
    if is_bound.is_err() || parent.is_none() || getppid() != parent {
        eprintln!("gpu-lease: nobody holds units for this command any more");
        return ExitCode::from(NOT_STARTED);
    }
    let error = Command::new(&program).args(words).exec();
    eprintln!("gpu-lease: {}: {error}", program.to_string_lossy());
    ExitCode::from(if error.kind() == std::io::ErrorKind::NotFound { NOT_FOUND } else { NOT_STARTED })
}
