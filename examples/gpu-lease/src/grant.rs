//! Setting units aside: the machine first, then the ledger.

use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

use gpu_accounting::ledger::{Board, Body, Claim, EntryId, Expiry, Key, Ledger, Receipt, Reserve};

use crate::args::Args;
use crate::failure::Failure;
use crate::fresh;
use crate::source::{self, Source};
use crate::store::Store;

/// Between two tries of what is not to be had now.
const AGAIN: Duration = Duration::from_millis(500);

/// What was set aside.
pub struct Granted {
    pub key: Key,
    pub receipt: Receipt,
    pub ledger: Arc<Ledger>,
}

/// Tells the ledger what the machine has, and takes away what has expired.
pub fn refresh(args: &Args, source: &Source, store: &Store) -> Result<(), Failure> {
    tell_inventory(args, source, store)?;
    store.expire()
}

/// Tells the ledger what the machine has, where that has changed. A look that did not see everything tells
/// nothing: what it missed would count as gone.
pub fn tell_inventory(args: &Args, source: &Source, store: &Store) -> Result<(), Failure> {
    let inventory = source.node.inventory();
    let ledger = store.ledger()?;
    let shared = match args.shares {
        Some(by) => source::shared(&inventory, by)?,
        None => Vec::new(),
    };
    match source.boards(&inventory, &shared) {
        Ok(mut boards) => {
            if args.shares.is_none() {
                keep_shares(&ledger, &mut boards);
            }
            if !ledger.boards().eq(boards.iter().cloned()) {
                let entry = store.keeper.entry(fresh::id(), Body::Inventory(boards));
                store.keeper.apply(&entry)?;
            }
        }
        Err(why) => eprintln!(
            "gpu-lease: not all of the machine could be seen, so the ledger is not told of it: {why}"
        ),
    }
    Ok(())
}

/// What was declared shared stays so until it is said otherwise.
fn keep_shares(ledger: &Ledger, boards: &mut [Board]) {
    for before in ledger.boards() {
        let Some(board) = boards.iter_mut().find(|board| board.device == before.device) else { continue };
        board.whole.shared = before.whole.shared;
        for part in &mut board.parts {
            part.shared = before.parts.iter().find(|of| of.unit == part.unit).and_then(|of| of.shared);
        }
    }
}

/// Sets aside what the command line asks for, and waits for it as long as it says.
pub fn reserve(args: &Args, source: &Source, store: &Store, lasts: Duration) -> Result<Granted, Failure> {
    let deadline = Instant::now() + args.wait;
    let id = args.named.map_or_else(fresh::id, |named| named.id);
    // Of what was set aside already: the same call again asks for the same.
    let mut expiry =
        store.ledger()?.holding(Key::new(id, Default::default()).holding()).map(|held| held.expiry());
    loop {
        refresh(args, source, store)?;
        let until = match expiry {
            Some(expiry) => expiry,
            None => *expiry.insert(store.lasting(lasts)?),
        };
        let seen = args.named.and_then(|named| named.key());
        let key = seen.unwrap_or_else(|| store.keeper.key(id)).at(store.now());
        match once(args, store, key, until) {
            Ok(receipt) => return Ok(Granted { key, receipt, ledger: store.ledger()? }),
            Err(failure) if failure.is_for_now() && Instant::now() < deadline => {
                // A later try is to last as long as this one would have.
                if matches!(until, Expiry::At(_)) {
                    expiry = None;
                }
                thread::sleep(AGAIN.min(deadline.saturating_duration_since(Instant::now())));
            }
            Err(failure) => {
                if !matches!(failure, Failure::Unknown(_)) && args.named.is_none() {
                    store.revoke(until);
                }
                return Err(failure);
            }
        }
        if let (Some(Expiry::Lease(lease)), true) = (expiry, args.wait > Duration::ZERO) {
            if store.keep_alive(lease)? == crate::store::Kept::Ended {
                expiry = None;
            }
        }
    }
}

fn once(args: &Args, store: &Store, key: Key, until: Expiry) -> Result<Receipt, Failure> {
    if args.units.is_empty() {
        let mut request = args.request.clone().until(until);
        if let Some(label) = &args.label {
            request = request.labelled(label.clone());
        }
        return Ok(store.keeper.reserve(key, &request)?);
    }
    let ledger = store.keeper.ledger();
    let claim = |unit| {
        let life = ledger.life(unit).unwrap_or_default();
        Claim::new(unit, life).memory(args.need).compute(args.compute)
    };
    let mut reserve = Reserve::new(args.units.iter().map(|unit| claim(*unit))).until(until);
    reserve.label.clone_from(&args.label);
    Ok(store.keeper.apply(&ledger.entry(key, Body::Reserve(reserve)))?)
}

/// An entry about a holding that is named by its id alone.
pub fn by_id(store: &Store, id: EntryId, body: Body) -> Result<Receipt, Failure> {
    let key = store.keeper.key(id).at(store.now());
    let entry = store.keeper.ledger().entry(key, body);
    Ok(store.keeper.apply(&entry)?)
}
