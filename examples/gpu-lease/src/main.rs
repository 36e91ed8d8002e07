//! Holds GPUs for commands, and tells who holds what.
//!
//! ```text
//! cargo run -p gpu-lease -- run       --store sqlite:/run/gpu-lease.db --need 20GiB -- python train.py
//! cargo run -p gpu-lease -- reserve   --store etcd:http://10.0.0.1:2379 --need 20GiB --count 2
//! cargo run -p gpu-lease -- commit    KEY --store … --holder container:containerd:3f2a…
//! cargo run -p gpu-lease -- list      --store … [--json]
//! cargo run -p gpu-lease -- reconcile --store … [--repair]
//! cargo run -p gpu-lease -- verify    --store …
//! ```
//!
//! There is no daemon: each call opens the store, looks at the machine, and does one thing. Several at once,
//! on one node by one SQLite file or on many by one etcd, never hold the same unit. What `run` holds ends
//! when its command does, whatever ends it: by a release, or by an expiry that is renewed while it lives.
//! How it exits stands in `--help`, and what `--json` prints in `json.rs`.

mod amount;
mod args;
mod child;
mod failure;
mod fresh;
mod grant;
mod json;
#[path = "../../shared/paint.rs"]
mod paint;
mod reconcile;
#[path = "../../shared/roots.rs"]
mod roots;
mod run;
#[path = "../../shared/simulated.rs"]
mod simulated;
mod source;
mod store;
#[path = "../../shared/table.rs"]
mod table;
mod text;
mod visible;

use std::io::Write;
use std::process::ExitCode;
use std::time::Duration;

use gpu_accounting::ledger::{Body, Commit, Expiry, HoldingId, Receipt, Renew};
use gpu_store::Stream;

use args::{Args, Asked, Named, Verb};
use failure::Failure;
use paint::Paint;
use source::Source;
use store::Store;

/// Something was found that is not as it should be.
const FOUND: u8 = 1;
/// How long what is reserved waits for its holder.
const RESERVED_FOR: Duration = Duration::from_secs(300);

fn main() -> ExitCode {
    let mut words: Vec<_> = std::env::args_os().skip(1).collect();
    if words.first().is_some_and(|word| word == child::VERB) {
        return child::become_the_command(words.split_off(1));
    }
    let args = match Args::parse(words) {
        Ok(Asked::Do(args)) => args,
        Ok(Asked::Help) => return told(write(args::HELP).map(|()| 0), false),
        Err(error) => return told(Err(error.into()), false),
    };
    told(perform(&args), args.json)
}

fn told(done: Result<u8, Failure>, json: bool) -> ExitCode {
    match done {
        Ok(code) => ExitCode::from(code),
        Err(failure) => {
            if json {
                let _ = write(&format!("{:#}\n", failure.json()));
            }
            eprintln!("gpu-lease: {failure}");
            ExitCode::from(failure.code())
        }
    }
}

fn perform(args: &Args) -> Result<u8, Failure> {
    let source = Source::open(args)?;
    let store = Store::open(args, source.name)?;
    if let (Some(what), Verb::Run) = (&source.simulated, args.verb) {
        eprintln!("gpu-lease: SIMULATED {what}: what is held is no hardware");
    }
    match args.verb {
        Verb::Run => run::run(args, &source, &store),
        Verb::Reserve => {
            let granted = grant::reserve(args, &source, &store, args.expires.unwrap_or(RESERVED_FOR))?;
            let inventory = source.node.inventory();
            say(args, json::granted(&source, &inventory, &granted), || {
                text::granted(&source, &inventory, &granted)
            })
        }
        Verb::Commit | Verb::Renew | Verb::Release => {
            store.expire()?;
            let receipt = about(args, &store)?;
            say(args, json::receipt(&source, args.verb, receipt), || text::receipt(args.verb, receipt))
        }
        Verb::List => {
            // Nothing is told or taken away: it may be another node's.
            let ledger = store.ledger()?;
            say(args, json::list(&source, &ledger), || text::list(&source, &ledger, Paint::for_stdout()))
        }
        Verb::Reconcile => {
            let done = reconcile::reconcile(args, &source, &store)?;
            let code = if done.is_clean() { 0 } else { FOUND };
            say(args, json::reconciled(&source, &done), || text::reconciled(&source, &done))?;
            Ok(code)
        }
        Verb::Verify => match gpu_store::verify(&*store.journal, &Stream::ledger(source.name)) {
            Ok(found) => say(args, json::verified(&source, &found), || text::verified(&found)),
            Err(error) if error.kind() == gpu_store::ErrorKind::Damaged => {
                say(args, json::damaged(&source, &error), || format!("damaged: {error}\n"))?;
                Ok(FOUND)
            }
            Err(error) => Err(error.into()),
        },
    }
}

/// What is said about a holding: by its key, again the same call has the effect of once; by its id alone
/// it is a new entry each time.
fn about(args: &Args, store: &Store) -> Result<Receipt, Failure> {
    // The command line was checked for it.
    let named = args.named.ok_or_else(|| Failure::Usage("which holding?".to_owned()))?;
    let holding = HoldingId(named.id);
    let expiry = match args.expires {
        Some(lasts) => store.lasting(lasts)?,
        None => Expiry::Never,
    };
    let holder = args.holder.clone();
    let key = named.key().map(|key| key.at(store.now()));
    let done = match (args.verb, key, holder) {
        (Verb::Commit, Some(key), Some(holder)) => Ok(store.keeper.commit_until(key, holder, expiry)?),
        (Verb::Commit, None, Some(holder)) => {
            grant::by_id(store, fresh::id(), Body::Commit(Commit { holding, holder, expiry }))
        }
        (Verb::Renew, Some(key), _) => Ok(store.keeper.renew(key, expiry)?),
        (Verb::Renew, None, _) => grant::by_id(store, fresh::id(), Body::Renew(Renew { holding, expiry })),
        (_, Some(key), _) => Ok(store.keeper.release(key)?),
        (_, None, _) => grant::by_id(store, fresh::id(), Body::Release(holding)),
    };
    if done.is_err() {
        store.revoke(expiry);
    }
    done
}

/// The key as it is printed, and read again.
fn key_text(named: Named) -> String {
    match named.seen {
        Some(seen) => format!("{}@{seen}", named.id),
        None => named.id.to_string(),
    }
}

fn say(args: &Args, json: serde_json::Value, text: impl FnOnce() -> String) -> Result<u8, Failure> {
    match args.json {
        true => write(&format!("{json:#}\n"))?,
        false => write(&text())?,
    }
    Ok(0)
}

/// Writes to standard output; a reader that has gone away (`| head`) is no error.
fn write(text: &str) -> Result<(), Failure> {
    match std::io::stdout().lock().write_all(text.as_bytes()) {
        Err(error) if error.kind() != std::io::ErrorKind::BrokenPipe => {
            Err(Failure::Machine(error.to_string()))
        }
        _ => Ok(()),
    }
}
