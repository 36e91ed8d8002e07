//! `run`: units for the life of a command.

use std::os::unix::process::ExitStatusExt;
use std::process::{Child, ExitStatus};
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::thread;
use std::time::{Duration, Instant};

use gpu_accounting::UnitId;
use gpu_accounting::ledger::{Expiry, Key, Reason, Refusal};
use gpu_store::KeepError;
use rustix::process::{Pid, Signal, kill_process};
use signal_hook::consts::{SIGCHLD, SIGHUP, SIGINT, SIGQUIT, SIGTERM, SIGUSR1, SIGUSR2};
use signal_hook::iterator::Signals;

use crate::args::Args;
use crate::failure::Failure;
use crate::source::{Source, own_owner};
use crate::store::{Kept, Store};
use crate::{child, grant, visible};

/// How long a holding lasts from one renewal to the next, unless the command line says otherwise.
const LASTS: Duration = Duration::from_secs(30);
/// How long a command has to end by itself when its units are not its own any more.
const GRACE: Duration = Duration::from_secs(5);

/// Units that a command has, and that are kept up while it runs.
struct Held<'a> {
    store: &'a Store,
    key: Key,
    expiry: Expiry,
    lasts: Duration,
}

/// What whoever attends a command is told.
enum Word {
    Signal(i32),
    /// The units are certainly ours until then, by a clock that nobody sets.
    Ours(Instant),
    /// They could not be renewed yet.
    NotYet(String),
    /// They are not ours any more.
    Lost(String),
}

/// Holds units, runs the command, and gives them back. Returns what to exit with.
pub fn run(args: &Args, source: &Source, store: &Store) -> Result<u8, Failure> {
    let lasts = args.expires.unwrap_or(LASTS);
    // Before anything starts, so that no signal is missed.
    let (sender, words) = channel();
    signals(sender.clone())?;
    let granted = grant::reserve(args, source, store, lasts)?;
    let held = granted.ledger.holding(granted.key.holding());
    let expiry = held.as_ref().map_or(Expiry::Never, |held| held.expiry());
    let units: Vec<_> = held.iter().flat_map(|held| held.units()).map(|held| held.unit).collect();
    let mut held = Held { store, key: granted.key, expiry, lasts };
    let done = match started(args, source, &mut held, &units) {
        Ok((child, until)) => kept_up(child, until, &mut held, sender, &words),
        Err(failure) => Err(failure),
    };
    held.give_back();
    done
}

/// The command, begun, and until when its units are certainly its own.
fn started(
    args: &Args,
    source: &Source,
    held: &mut Held<'_>,
    units: &[UnitId],
) -> Result<(Child, Instant), Failure> {
    let inventory = source.node.inventory();
    let variables = visible::variables(&inventory, units).map_err(Failure::Machine)?;
    let until = held.keep_up()?;
    let holder = args.holder.clone().unwrap_or_else(own_owner);
    held.store.keeper.commit_until(held.key, holder, held.expiry)?;
    let unstarted = |error| Failure::Machine(format!("the command cannot be started: {error}"));
    let program = std::env::current_exe().map_err(unstarted)?;
    let mut command = child::command(&program, &args.command);
    command.envs(&variables);
    Ok((command.spawn().map_err(unstarted)?, until))
}

/// Attends the command while another thread keeps its units up: a store that does not answer holds
/// nobody up here.
fn kept_up(
    child: Child,
    until: Instant,
    held: &mut Held<'_>,
    sender: Sender<Word>,
    words: &Receiver<Word>,
) -> Result<u8, Failure> {
    let (stop, stopped) = channel::<()>();
    thread::scope(|scope| {
        scope.spawn(move || {
            let mut pause = held.lasts / 3;
            while stopped.recv_timeout(pause) == Err(RecvTimeoutError::Timeout) {
                let word = match held.keep_up() {
                    Ok(until) => Word::Ours(until),
                    Err(failure @ Failure::Refused(_)) => Word::Lost(failure.to_string()),
                    Err(failure) => Word::NotYet(failure.to_string()),
                };
                pause = if matches!(word, Word::NotYet(_)) { held.lasts / 10 } else { held.lasts / 3 };
                if sender.send(word).is_err() {
                    break;
                }
            }
        });
        let done = attend(child, until, words);
        drop(stop);
        done
    })
}

/// Passes signals on until the command has ended, and ends it when its units are not its own any more.
fn attend(mut child: Child, mut until: Instant, words: &Receiver<Word>) -> Result<u8, Failure> {
    let mut killed_at = None;
    loop {
        if let Some(status) = child.try_wait().map_err(|error| Failure::Machine(error.to_string()))? {
            return Ok(code(status));
        }
        let next = killed_at.unwrap_or(until);
        let lost = match words.recv_timeout(next.saturating_duration_since(Instant::now())) {
            // Its end is looked for above.
            Ok(Word::Signal(SIGCHLD)) => None,
            Ok(Word::Signal(signal)) => {
                pass_on(&child, signal);
                None
            }
            Ok(Word::Ours(longer)) => {
                until = longer;
                None
            }
            Ok(Word::NotYet(why)) => {
                eprintln!("gpu-lease: the holding could not be renewed yet: {why}");
                None
            }
            Ok(Word::Lost(why)) => Some(why),
            Err(_) if killed_at.is_some() => {
                send(&child, Signal::KILL);
                killed_at = Some(Instant::now() + GRACE);
                None
            }
            Err(_) => Some("its time is over, and it could not be renewed".to_owned()),
        };
        if let (Some(why), None) = (lost, killed_at) {
            eprintln!("gpu-lease: the units are not this command's any more, so it is ended: {why}");
            send(&child, Signal::TERM);
            killed_at = Some(Instant::now() + GRACE);
        }
    }
}

impl Held<'_> {
    /// From now on it lasts as long again: until when.
    fn keep_up(&mut self) -> Result<Instant, Failure> {
        let began = Instant::now();
        match self.expiry {
            Expiry::Lease(lease) => {
                // Somebody may have released it though its lease lives on.
                let is_there = self.store.ledger()?.holding(self.key.holding()).is_some();
                if !is_there || self.store.keep_alive(lease)? == Kept::Ended {
                    return Err(self.ended());
                }
            }
            _ => {
                let expiry = self.store.at(self.lasts);
                self.store.keeper.renew(self.key.at(self.store.now()), expiry)?;
                self.expiry = expiry;
            }
        }
        Ok(began + self.lasts)
    }

    fn ended(&self) -> Failure {
        let holding = self.key.holding();
        Refusal::from(Reason::NotHeld { holding, ended: None }).into()
    }

    /// If this fails, it expires.
    fn give_back(&self) {
        match self.store.keeper.release(self.key) {
            Ok(_) => {}
            Err(KeepError::Refused(refusal)) if matches!(refusal.reason(), Reason::NotHeld { .. }) => {}
            Err(error) => eprintln!("gpu-lease: not given back, and left to expire: {error}"),
        }
        self.store.revoke(self.expiry);
    }
}

/// Signals as they come, and SIGCHLD when the command may have ended.
fn signals(sender: Sender<Word>) -> Result<(), Failure> {
    let all = [SIGCHLD, SIGHUP, SIGINT, SIGQUIT, SIGTERM, SIGUSR1, SIGUSR2];
    let mut signals = Signals::new(all).map_err(|error| Failure::Machine(error.to_string()))?;
    thread::spawn(move || {
        for signal in signals.forever() {
            if sender.send(Word::Signal(signal)).is_err() {
                break;
            }
        }
    });
    Ok(())
}

fn pass_on(child: &Child, signal: i32) {
    // What is typed at a terminal goes to all of its foreground, the command included.
    if matches!(signal, SIGINT | SIGQUIT) && is_foreground() {
        return;
    }
    if let Some(signal) = Signal::from_named_raw(signal) {
        send(child, signal);
    }
}

fn is_foreground() -> bool {
    let group = rustix::process::getpgrp();
    let terminals = [rustix::stdio::stdin(), rustix::stdio::stdout(), rustix::stdio::stderr()];
    terminals.into_iter().any(|terminal| rustix::termios::tcgetpgrp(terminal).is_ok_and(|of| of == group))
}

/// The number is the command's until it is waited for, which only `attend` does.
fn send(child: &Child, signal: Signal) {
    let pid = i32::try_from(child.id()).ok().and_then(Pid::from_raw);
    if let Some(pid) = pid {
        let _ = kill_process(pid, signal);
    }
}

/// As shells say it.
fn code(status: ExitStatus) -> u8 {
    let code = status.code().or_else(|| status.signal().map(|signal| 128 + signal));
    code.and_then(|code| u8::try_from(code).ok()).unwrap_or(u8::MAX)
}
