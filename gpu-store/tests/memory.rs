//! The journal in memory, held to what every journal must do.

use std::sync::Arc;

use gpu_store::{Journal, MemoryJournal, conformance};

#[test]
fn it_does_what_every_journal_must() {
    conformance::run(&MemoryJournal::new());
}

#[test]
fn so_does_one_behind_pointers() {
    let journal: Box<dyn Journal> = Box::new(Arc::new(MemoryJournal::new()));
    conformance::run(&journal);
    assert_eq!(journal.limits(), MemoryJournal::new().limits());
}
