//! Statements of a meter in a journal: appended as they are closed, read again by another, and added up
//! to what one statement of all the time would have been.

#[path = "../../gpu-core/tests/support/crowd.rs"]
mod crowd;
#[path = "support/folder.rs"]
mod folder;
#[path = "../../gpu-core/tests/support/hand.rs"]
mod hand;

use crowd::Crowd;
use folder::Folder;
use gpu_core::ledger::Position;
use gpu_core::meter::{Meter, Rules, Statement};
use gpu_core::stored;
use gpu_store::{Append, Journal, MemoryJournal, SqliteJournal, Stream};

/// Keeps the statements of a crowded node in a journal; hands out what all of it comes to.
fn keep(journal: &dyn Journal, stream: &Stream) -> Statement {
    let crowd = Crowd::new(30, 200, false);
    let mut meter = Meter::new(stream.node(), Rules::new());
    let mut whole = Meter::new(stream.node(), Rules::new());
    let (mut statement, mut last) = (Statement::new(stream.node()), Position(0));
    for (n, look) in crowd.looks.iter().enumerate() {
        crowd.tell(&mut meter, look);
        crowd.tell(&mut whole, look);
        if n % 7 == 6 || n == 29 {
            meter.close_into(&mut statement);
            let record = stored::encode_statement(&statement);
            let appended = journal.append(stream, last, &[&record]).unwrap();
            last = Position(last.0 + 1);
            assert_eq!(appended, Append::Appended { last });
            // Who lost the answer and appends again is told that it is there.
            let again = journal.append(stream, Position(last.0 - 1), &[&record]).unwrap();
            assert_eq!(again, Append::Conflict { actual: last });
        }
    }
    whole.close()
}

fn read(journal: &dyn Journal, stream: &Stream) -> Statement {
    let mut all = Statement::new(stream.node());
    let mut count = 0;
    let last = journal.read(stream, Position(0), 100, &mut |_, record| {
        all.add(&stored::decode_statement(record).unwrap()).unwrap();
        count += 1;
    });
    assert_eq!((last.unwrap(), count), (Position(5), 5));
    all.check().unwrap();
    all
}

#[test]
fn statements_are_kept_in_journals() {
    let stream = Stream::statements("node-1".parse().unwrap());
    let memory = MemoryJournal::new();
    let whole = keep(&memory, &stream);
    assert_eq!(read(&memory, &stream), whole);

    let folder = Folder::new();
    let file = folder.store();
    assert_eq!(keep(&SqliteJournal::open(&file).unwrap(), &stream), whole);
    // As another process opens it.
    let again = SqliteJournal::open(&file).unwrap();
    assert_eq!(read(&again, &stream), whole);
}
