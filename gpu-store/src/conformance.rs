//! What every [`Journal`] must do, as functions that panic when it does not.
//!
//! For the tests of those who write a journal or a wrapper around one:
//!
//! ```
//! gpu_store::conformance::run(&gpu_store::MemoryJournal::new());
//! ```
//!
//! Each function writes streams of its own nodes, named after it (`conformance-…`), of which the
//! store must know nothing yet. Outside semver: a release may check more.

use core::time::Duration;
use std::collections::BTreeSet;
use std::thread;
use std::time::Instant;

use gpu_core::ledger::Position;

use crate::error::{Error, ErrorKind};
use crate::extent::Extent;
use crate::journal::{Append, Journal, Snapshot};
use crate::stream::Stream;

/// For what has to happen at some time, however busy the machine is.
const AT_SOME_TIME: Duration = Duration::from_secs(60);

/// Runs every check.
///
/// # Panics
/// When the journal breaks a rule; the message says which.
pub fn run(journal: &dyn Journal) {
    nothing_is_known_of_a_new_stream(journal);
    records_come_back_as_they_were(journal);
    records_are_read_in_parts(journal);
    who_appends_elsewhere_meets_a_conflict(journal);
    an_append_is_whole_or_not_at_all(journal);
    nothing_appended_tells_where_the_end_is(journal);
    streams_are_apart(journal);
    the_newest_snapshot_is_kept(journal);
    compacted_records_are_named(journal);
    what_is_too_large_is_refused(journal);
    waiting_ends_when_something_comes(journal);
    waiting_ends_when_nothing_comes(journal);
    of_many_writers_each_record_is_there_once(journal);
    readers_see_a_beginning(journal);
}

fn stream(name: &str) -> Stream {
    Stream::ledger(format!("conformance-{name}").parse().unwrap_or_else(|error| panic!("{error}")))
}

#[track_caller]
fn good<T>(answer: Result<T, Error>) -> T {
    answer.unwrap_or_else(|error| panic!("it must be possible: {} {error}", error.kind()))
}

#[track_caller]
fn kind<T>(answer: Result<T, Error>) -> ErrorKind {
    match answer {
        Err(error) => error.kind(),
        Ok(_) => panic!("it must be refused"),
    }
}

/// Appends, and again where the answer was lost.
#[track_caller]
fn append(journal: &dyn Journal, stream: &Stream, after: u64, records: &[&[u8]]) -> Append {
    let deadline = Instant::now() + AT_SOME_TIME;
    loop {
        match good(journal.append(stream, Position(after), records)) {
            Append::Unknown { why } => {
                assert!(Instant::now() < deadline, "{stream}: unknown for ever: {why}")
            }
            answer => return answer,
        }
    }
}

#[track_caller]
fn appended(journal: &dyn Journal, stream: &Stream, after: u64, records: &[&[u8]]) {
    let last = Position(after + records.len() as u64);
    match append(journal, stream, after, records) {
        Append::Appended { last: told } if told == last => {}
        // Where an answer was lost it may have been these.
        Append::Conflict { actual } if actual == last && tail(journal, stream, after) == records => {}
        other => panic!("{stream}: appended {} after {after}, and the answer is {other:?}", records.len()),
    }
}

/// All records after a position.
#[track_caller]
fn tail(journal: &dyn Journal, stream: &Stream, after: u64) -> Vec<Vec<u8>> {
    let mut records = Vec::new();
    let mut expected = after;
    let last = good(journal.read(stream, Position(after), usize::MAX, &mut |position, bytes| {
        expected += 1;
        assert_eq!(position.0, expected, "{stream}: records are handed on in order");
        records.push(bytes.to_vec());
    }));
    assert_eq!(last.0, expected, "{stream}: the position of the last record that was handed on");
    records
}

#[track_caller]
fn reaches(journal: &dyn Journal, stream: &Stream, last: u64, compacted: u64, snapshot: Option<u64>) {
    let expected =
        Extent { last: Position(last), compacted: Position(compacted), snapshot: snapshot.map(Position) };
    assert_eq!(good(journal.extent(stream)), expected, "{stream}");
}

/// A stream of which nobody has heard is empty, is not listed, and looking does not make it.
///
/// # Panics
/// When it is otherwise.
pub fn nothing_is_known_of_a_new_stream(journal: &dyn Journal) {
    let stream = stream("new");
    reaches(journal, &stream, 0, 0, None);
    assert_eq!(tail(journal, &stream, 0), Vec::<Vec<u8>>::new());
    assert_eq!(good(journal.snapshot(&stream)), None);
    assert!(!good(journal.streams()).contains(&stream), "looking at {stream} makes it");
}

/// Records are bytes, come back as they were, and stay when more come.
///
/// # Panics
/// When they do not.
pub fn records_come_back_as_they_were(journal: &dyn Journal) {
    let stream = stream("records");
    let all: Vec<u8> = (0..=u8::MAX).collect();
    let long = vec![0xA5; 40_000];
    appended(journal, &stream, 0, &[&all]);
    appended(journal, &stream, 1, &[b"\0", &long, b"'; --"]);
    appended(journal, &stream, 4, &[b"last"]);
    let expected: [&[u8]; 5] = [&all, b"\0", &long, b"'; --", b"last"];
    assert_eq!(tail(journal, &stream, 0), expected);
    assert_eq!(tail(journal, &stream, 3), expected[3..]);
    assert_eq!(tail(journal, &stream, 5), expected[5..]);
    reaches(journal, &stream, 5, 0, None);
    assert!(good(journal.streams()).contains(&stream), "{stream} is not listed");
}

/// A reader gets no more records than it asks for, and goes on where it ended.
///
/// # Panics
/// When it does not.
pub fn records_are_read_in_parts(journal: &dyn Journal) {
    let stream = stream("parts");
    let texts: Vec<String> = (1..=10).map(|number| format!("record {number}")).collect();
    let records: Vec<&[u8]> = texts.iter().map(String::as_bytes).collect();
    appended(journal, &stream, 0, &records);
    let mut found = Vec::new();
    let (mut at, mut rounds) = (Position(0), 0);
    loop {
        let next = good(journal.read(&stream, at, 3, &mut |_, bytes| found.push(bytes.to_vec())));
        assert!(next.0 - at.0 <= 3, "{} records at {at}, and 3 were asked for", next.0 - at.0);
        rounds += 1;
        if next == at {
            break;
        }
        at = next;
    }
    assert_eq!((found, rounds), (records.iter().map(|record| record.to_vec()).collect(), 5));
    assert_eq!(good(journal.read(&stream, Position(0), 0, &mut |_, _| panic!("none was asked for"))).0, 0);
    let past = good(journal.read(&stream, Position(99), 3, &mut |_, _| panic!("there is none")));
    assert_eq!(past, Position(99), "nothing comes after the end");
}

/// Who appends after another position than the last is told which is, and nothing changes.
///
/// # Panics
/// When it is otherwise.
pub fn who_appends_elsewhere_meets_a_conflict(journal: &dyn Journal) {
    let stream = stream("conflict");
    assert_eq!(append(journal, &stream, 5, &[b"early"]), Append::Conflict { actual: Position(0) });
    appended(journal, &stream, 0, &[b"one", b"two"]);
    for after in [0, 1, 3, 100, u64::MAX / 2] {
        let answer = append(journal, &stream, after, &[b"other"]);
        assert_eq!(answer, Append::Conflict { actual: Position(2) }, "after {after}");
    }
    assert_eq!(tail(journal, &stream, 0), [b"one", b"two"]);
}

/// Of several records either all are appended or none.
///
/// # Panics
/// When some are.
pub fn an_append_is_whole_or_not_at_all(journal: &dyn Journal) {
    let stream = stream("whole");
    appended(journal, &stream, 0, &[b"one"]);
    let many: Vec<&[u8]> = vec![b"many"; journal.limits().records.min(50)];
    assert_eq!(append(journal, &stream, 0, &many), Append::Conflict { actual: Position(1) });
    assert_eq!(tail(journal, &stream, 0), [b"one"]);
    appended(journal, &stream, 1, &many);
    assert_eq!(tail(journal, &stream, 1), many);
}

/// An append of no records changes nothing and tells whether the position is the last.
///
/// # Panics
/// When it does otherwise.
pub fn nothing_appended_tells_where_the_end_is(journal: &dyn Journal) {
    let stream = stream("nothing");
    assert_eq!(append(journal, &stream, 0, &[]), Append::Appended { last: Position(0) });
    assert!(!good(journal.streams()).contains(&stream), "appending nothing makes {stream}");
    appended(journal, &stream, 0, &[b"one"]);
    assert_eq!(append(journal, &stream, 1, &[]), Append::Appended { last: Position(1) });
    assert_eq!(append(journal, &stream, 0, &[]), Append::Conflict { actual: Position(1) });
}

/// Streams whose names begin alike, and streams of one node, know nothing of each other.
///
/// # Panics
/// When they do.
pub fn streams_are_apart(journal: &dyn Journal) {
    let one = stream("apart");
    let longer = stream("apart-1");
    let other_case = stream("Apart");
    let wild = stream("a%art");
    let statements = Stream::statements(one.node());
    let all = [one, longer, other_case, wild, statements];
    for (stream, record) in all.iter().zip([b"a", b"b", b"c", b"d", b"e"]) {
        reaches(journal, stream, 0, 0, None);
        appended(journal, stream, 0, &[record]);
    }
    good(journal.put_snapshot(&one, &Snapshot::new(Position(1), b"one".to_vec())));
    good(journal.compact(&one, Position(1)));
    reaches(journal, &one, 1, 1, Some(1));
    for (stream, record) in all.iter().zip([b"a", b"b", b"c", b"d", b"e"]).skip(1) {
        reaches(journal, stream, 1, 0, None);
        assert_eq!(tail(journal, stream, 0), [record]);
        assert_eq!(good(journal.snapshot(stream)), None);
    }
    let listed = good(journal.streams());
    assert!(all.iter().all(|stream| listed.contains(stream)), "{listed:?}");
    assert!(listed.is_sorted(), "streams are listed in order: {listed:?}");
}

/// A snapshot replaces an older one, never a newer one, and reaches no further than the stream.
///
/// # Panics
/// When it does.
pub fn the_newest_snapshot_is_kept(journal: &dyn Journal) {
    let stream = stream("snapshot");
    let early = Snapshot::new(Position(1), b"too early".to_vec());
    assert_eq!(kind(journal.put_snapshot(&stream, &early)), ErrorKind::Invalid);
    appended(journal, &stream, 0, &[b"one", b"two", b"three"]);
    let put =
        |at, bytes: &[u8]| good(journal.put_snapshot(&stream, &Snapshot::new(Position(at), bytes.to_vec())));
    // Longer than a page, a request or a row may be.
    let long: Vec<u8> = (0..journal.limits().snapshot.min(3_000_000)).map(|at| (at % 251) as u8).collect();
    put(2, &long);
    assert_eq!(good(journal.snapshot(&stream)), Some(Snapshot::new(Position(2), long.clone())));
    put(1, b"older");
    put(2, b"the same place");
    assert_eq!(good(journal.snapshot(&stream)), Some(Snapshot::new(Position(2), long.clone())));
    put(3, b"short");
    assert_eq!(good(journal.snapshot(&stream)), Some(Snapshot::new(Position(3), b"short".to_vec())));
    let late = Snapshot::new(Position(4), b"past the end".to_vec());
    assert_eq!(kind(journal.put_snapshot(&stream, &late)), ErrorKind::Invalid);
    reaches(journal, &stream, 3, 0, Some(3));
    assert_eq!(tail(journal, &stream, 0), [&b"one"[..], b"two", b"three"], "a snapshot forgets no record");
}

/// Records go only where a snapshot stands for them; who asks for them is told; positions go on.
///
/// # Panics
/// When it is otherwise.
pub fn compacted_records_are_named(journal: &dyn Journal) {
    let stream = stream("compacted");
    appended(journal, &stream, 0, &[b"1", b"2", b"3", b"4", b"5"]);
    assert_eq!(kind(journal.compact(&stream, Position(1))), ErrorKind::Invalid, "no snapshot stands for it");
    good(journal.put_snapshot(&stream, &Snapshot::new(Position(3), b"1 to 3".to_vec())));
    assert_eq!(kind(journal.compact(&stream, Position(4))), ErrorKind::Invalid, "the snapshot ends before");
    good(journal.compact(&stream, Position(2)));
    reaches(journal, &stream, 5, 2, Some(3));
    let mut none = |_, _: &[u8]| panic!("nothing is handed on before what is gone");
    assert_eq!(kind(journal.read(&stream, Position(1), 10, &mut none)), ErrorKind::Compacted);
    assert_eq!(tail(journal, &stream, 2), [b"3", b"4", b"5"]);
    good(journal.compact(&stream, Position(1)));
    reaches(journal, &stream, 5, 2, Some(3));
    good(journal.put_snapshot(&stream, &Snapshot::new(Position(5), b"all".to_vec())));
    good(journal.compact(&stream, Position(5)));
    reaches(journal, &stream, 5, 5, Some(5));
    assert_eq!(kind(journal.read(&stream, Position(4), 10, &mut none)), ErrorKind::Compacted);
    assert_eq!(tail(journal, &stream, 5), Vec::<Vec<u8>>::new());
    assert_eq!(append(journal, &stream, 0, &[b"again"]), Append::Conflict { actual: Position(5) });
    appended(journal, &stream, 5, &[b"6"]);
    reaches(journal, &stream, 6, 5, Some(5));
}

/// What is over the limits is refused by name and leaves nothing; what is just within is taken.
///
/// # Panics
/// When it does not.
pub fn what_is_too_large_is_refused(journal: &dyn Journal) {
    let stream = stream("large");
    let limits = journal.limits();
    let over = vec![0; limits.record + 1];
    assert_eq!(kind(journal.append(&stream, Position(0), &[&over])), ErrorKind::TooLarge);
    let many: Vec<&[u8]> = vec![b""; limits.records + 1];
    assert_eq!(kind(journal.append(&stream, Position(0), &many)), ErrorKind::TooLarge);
    reaches(journal, &stream, 0, 0, None);
    appended(journal, &stream, 0, &vec![&b"r"[..]; limits.records]);
    let largest = vec![7; limits.record.min(limits.batch)];
    appended(journal, &stream, limits.records as u64, &[&largest]);
    assert_eq!(tail(journal, &stream, limits.records as u64), [largest]);
}

/// Who waits is told when another appends, and at once where there is something already.
///
/// # Panics
/// When he is not.
pub fn waiting_ends_when_something_comes(journal: &dyn Journal) {
    let stream = stream("wait");
    thread::scope(|scope| {
        let waiter = scope.spawn(|| good(journal.wait(&stream, Position(1), AT_SOME_TIME)));
        appended(journal, &stream, 0, &[b"one"]);
        appended(journal, &stream, 1, &[b"two"]);
        let last = waiter.join().unwrap_or_else(|_| panic!("waiting panicked"));
        assert_eq!(last, Position(2), "who waits for the second record is not told of the first");
    });
    let start = Instant::now();
    assert_eq!(good(journal.wait(&stream, Position(0), AT_SOME_TIME)), Position(2));
    assert!(start.elapsed() < AT_SOME_TIME, "what is there already is waited for");
}

/// Who waits for what does not come is told so after the time that he gave.
///
/// # Panics
/// When he is not.
pub fn waiting_ends_when_nothing_comes(journal: &dyn Journal) {
    let stream = stream("wait-long");
    let start = Instant::now();
    let limit = Duration::from_millis(30);
    assert_eq!(good(journal.wait(&stream, Position(0), limit)), Position(0));
    assert!(start.elapsed() >= limit, "given up after {:?}", start.elapsed());
    appended(journal, &stream, 0, &[b"one"]);
    assert_eq!(good(journal.wait(&stream, Position(7), Duration::ZERO)), Position(1));
}

/// Several writers at once: each append that was called appended is there once, and nothing else.
///
/// # Panics
/// When it is not.
pub fn of_many_writers_each_record_is_there_once(journal: &dyn Journal) {
    const WRITERS: usize = 4;
    const EACH: usize = 12;
    let stream = stream("writers");
    thread::scope(|scope| {
        for writer in 0..WRITERS {
            let stream = &stream;
            scope.spawn(move || (0..EACH).for_each(|number| write_one(journal, stream, writer, number)));
        }
    });
    let records = tail(journal, &stream, 0);
    assert_eq!(records.len(), 2 * WRITERS * EACH);
    let distinct: BTreeSet<&[u8]> = records.iter().map(Vec::as_slice).collect();
    assert_eq!(distinct.len(), records.len(), "a record is there twice");
    for pair in records.chunks(2) {
        let of = |record: &[u8]| String::from_utf8_lossy(record).trim_end_matches(['a', 'b']).to_owned();
        assert_eq!(of(&pair[0]), of(&pair[1]), "two records of one append are apart");
    }
}

fn write_one(journal: &dyn Journal, stream: &Stream, writer: usize, number: usize) {
    let one = format!("{writer} {number} a");
    let other = format!("{writer} {number} b");
    let records: [&[u8]; 2] = [one.as_bytes(), other.as_bytes()];
    let deadline = Instant::now() + AT_SOME_TIME;
    let mut after = good(journal.extent(stream)).last;
    loop {
        assert!(Instant::now() < deadline, "writer {writer} never gets his turn");
        match good(journal.append(stream, after, &records)) {
            Append::Appended { last } => {
                assert_eq!(last.0, after.0 + 2);
                return;
            }
            // It may be these very records, where an answer was lost before.
            Append::Conflict { actual } => {
                assert!(actual > after, "a conflict at {actual} with what was appended after {after}");
                if tail(journal, stream, after.0).starts_with(&records.map(<[u8]>::to_vec)) {
                    return;
                }
                after = actual;
            }
            Append::Unknown { .. } => {}
        }
    }
}

/// Who reads while others append sees the stream up to some position, and later no less.
///
/// # Panics
/// When he does not.
pub fn readers_see_a_beginning(journal: &dyn Journal) {
    const ROUNDS: u64 = 20;
    let stream = stream("readers");
    thread::scope(|scope| {
        let writer = scope.spawn(|| {
            for round in 0..ROUNDS {
                let text = round.to_string();
                appended(journal, &stream, round * 2, &[text.as_bytes(), text.as_bytes()]);
            }
        });
        let mut seen = 0;
        while !writer.is_finished() {
            let records = tail(journal, &stream, 0);
            assert!(records.len() >= seen, "{seen} records were there, and now {}", records.len());
            assert!(records.len() % 2 == 0, "half an append is seen: {} records", records.len());
            seen = records.len();
        }
    });
    let expected: Vec<Vec<u8>> = (0..ROUNDS * 2).map(|at| (at / 2).to_string().into_bytes()).collect();
    assert_eq!(tail(journal, &stream, 0), expected);
}
