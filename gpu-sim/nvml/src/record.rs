//! The calls that clients made, while somebody wants to know them.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

/// A function, and the position of the GPU that its first argument named.
pub type Call = (&'static str, Option<usize>);

static IS_ON: AtomicBool = AtomicBool::new(false);
static CALLS: Mutex<Vec<Call>> = Mutex::new(Vec::new());

fn calls() -> MutexGuard<'static, Vec<Call>> {
    CALLS.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Forgets what was recorded and starts, or stops and keeps it.
pub fn switch(on: bool) {
    if on {
        calls().clear();
    }
    IS_ON.store(on, Ordering::SeqCst);
}

/// Notes one call, if calls are recorded: otherwise it costs next to nothing.
pub fn note(function: &'static str, gpu: Option<usize>) {
    if IS_ON.load(Ordering::Relaxed) {
        calls().push((function, gpu));
    }
}

/// The call at a position of the record.
pub fn at(position: usize) -> Option<Call> {
    calls().get(position).copied()
}
