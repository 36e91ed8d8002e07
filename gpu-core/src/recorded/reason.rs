//! Texts that last as long as the program: what an absence's reason is in memory.

use std::collections::BTreeSet;
use std::sync::{Mutex, PoisonError};

/// Most texts that are kept for all recordings together, and the longest of them in bytes. A backend
/// has some dozens of reasons, all of them constants; what goes beyond is no recording of ours, and
/// must not fill the memory.
const MOST: usize = 4096;
const LONGEST: usize = 512;

static KEPT: Mutex<BTreeSet<&'static str>> = Mutex::new(BTreeSet::new());

/// The same text, for as long as the program runs: each is kept once, whatever is read how often.
pub(super) fn lasting(text: &str) -> &'static str {
    let mut kept = KEPT.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(known) = kept.get(text) {
        return known;
    }
    if text.len() > LONGEST || kept.len() >= MOST {
        return "a reason that is not kept: recordings read so far have too many, or too long ones";
    }
    let new: &'static str = Box::leak(text.to_owned().into_boxed_str());
    kept.insert(new);
    new
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_is_kept_once_and_a_long_one_is_not() {
        let first = lasting("no such sensor on this board");
        assert!(std::ptr::eq(first, lasting("no such sensor on this board")));
        assert!(lasting(&"x".repeat(LONGEST + 1)).starts_with("a reason that is not kept"));
    }
}
