//! [`EtcdJournal`]: streams in etcd.

use core::fmt;
use core::time::Duration;
use std::hash::{BuildHasher, Hasher, RandomState};

use gpu_core::ledger::Position;

use crate::error::{Error, ErrorKind};
use crate::extent::Extent;
use crate::journal::{Append, Journal, Snapshot};
use crate::limits::Limits;
use crate::stream::Stream;

use super::batch::{self, Batch, Nonce, Wrong};
use super::client::{Client, Said};
use super::config::EtcdConfig;
use super::key::{self, Keys};
use super::mark::Mark;
use super::trouble::Trouble;
use super::wire::{self, Compare, Found, Op, Txn, TxnAnswer};

/// The version of the layout.
const FORMAT: &str = "1";
/// Appends that are read at a time: at first, and at most.
const FIRST_PAGE: i64 = 16;
const MOST_PAGE: i64 = 1024;
/// A page has about so many bytes.
const PAGE: usize = 4 << 20;
/// Appends that are forgotten at a time, and streams that are listed.
const MOST_KEYS: i64 = 1000;

/// Streams in etcd, of version 3.4 or later, by its JSON gateway.
///
/// Whoever has the same etcd and [prefix](EtcdConfig::prefix) has the same streams. What it called
/// appended is on the disks of most members.
///
/// # Answers that are lost
/// A call asks the members in turn, [`patience`](EtcdConfig::patience) long. An append can be asked
/// again without harm: it is recognised. So [`Append::Unknown`] is left for an etcd that takes requests and
/// does not answer all that time. To append the same entry again, by the same id, settles it.
///
/// # Limits
/// Records of 1 MiB, 4,096 of them and 1 MiB together an append, snapshots of 64 MiB in parts of
/// 512 KiB: etcd takes requests of 1.5 MiB and transactions of 128 operations unless it is told otherwise,
/// and an append is two operations. Its own quota is 2 GiB: [`ErrorKind::Full`].
///
/// ```no_run
/// use gpu_store::{EtcdConfig, EtcdJournal, Journal, Stream};
/// let journal = EtcdJournal::open(EtcdConfig::new("http://127.0.0.1:2379")?)?;
/// println!("{:?}", journal.extent(&Stream::ledger("node-1".parse()?))?.last);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub struct EtcdJournal {
    pub(super) client: Client,
    pub(super) keys: Keys,
}

impl fmt::Debug for EtcdJournal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("EtcdJournal").field("config", self.client.config()).finish_non_exhaustive()
    }
}

/// What stands of a stream, at one revision.
pub(super) struct Look {
    pub last: Position,
    pub mark: Mark,
    /// The mark as it is written, for comparing.
    pub marked: Option<wire::Bytes>,
    pub revision: i64,
    /// What else was asked for.
    pub found: Found,
}

impl EtcdJournal {
    /// How much is taken at a time.
    pub const LIMITS: Limits = Limits { record: 1 << 20, records: 4096, batch: 1 << 20, snapshot: 64 << 20 };

    /// Opens the streams below the configuration's prefix, and makes the first mark there where nothing
    /// is yet.
    ///
    /// # Errors
    /// [`Unreachable`](ErrorKind::Unreachable) when no member answers,
    /// [`NotPermitted`](ErrorKind::NotPermitted) when etcd does not let this user, and
    /// [`Newer`](ErrorKind::Newer) when a newer version of this crate is at work there.
    pub fn open(config: EtcdConfig) -> Result<Self, Error> {
        let keys = Keys::below(&config.prefix);
        let journal = Self { client: Client::new(config), keys };
        journal.check_format()?;
        Ok(journal)
    }

    fn check_format(&self) -> Result<(), Error> {
        let key = self.keys.format();
        let read = Txn { success: vec![Op::get(key.as_str())], ..Txn::default() };
        let mut answer: TxnAnswer = self.ask(&read, &self.client.place())?;
        let found = answer.found(0).unwrap_or_default();
        let version = match found.kvs.into_iter().next() {
            Some(pair) => pair.value,
            None => {
                let first = Txn {
                    compare: vec![Compare::is(key.as_str(), None)],
                    success: vec![Op::put(key.as_str(), FORMAT), Op::get(key.as_str())],
                    failure: vec![Op::get(key.as_str())],
                };
                let mut answer = self.ask(&first, &self.client.place())?;
                let at = usize::from(answer.succeeded);
                let found = answer.found(at).and_then(|found| found.kvs.into_iter().next());
                found.map(|pair| pair.value).unwrap_or_default()
            }
        };
        if version.0 == FORMAT.as_bytes() {
            return Ok(());
        }
        let version = String::from_utf8_lossy(&version.0).escape_default().to_string();
        let detail = format!("streams of version {version}, and this program knows version {FORMAT}");
        Err(Error::new(ErrorKind::Newer, self.client.place(), detail))
    }

    /// Where something of a stream is, for errors.
    pub(super) fn at(&self, stream: &Stream) -> String {
        format!("{} {stream}", self.client.place())
    }

    /// A transaction that may be asked again.
    pub(super) fn ask(&self, txn: &Txn, at: &str) -> Result<TxnAnswer, Error> {
        self.client.call("kv/txn", txn).map(|said| said.answer).map_err(|trouble| trouble.at(at))
    }

    /// What stands of a stream; and what else there is, at the same revision.
    pub(super) fn look(&self, stream: &Stream, also: Option<Op>) -> Result<Look, Error> {
        let patience = self.client.config().patience;
        match self.look_within(patience, stream, also) {
            Ok(look) => look,
            Err(trouble) => Err(trouble.at(self.at(stream))),
        }
    }

    /// The same, within a time. The inner error is what is wrong with what stands there.
    fn look_within(
        &self,
        limit: Duration,
        stream: &Stream,
        also: Option<Op>,
    ) -> Result<Result<Look, Error>, Trouble> {
        let mut success = vec![Op::get(self.keys.end(stream)), Op::get(self.keys.mark(stream))];
        success.extend(also);
        let txn = Txn { success, ..Txn::default() };
        let said: Said<TxnAnswer> = self.client.call_within(limit, "kv/txn", &txn)?;
        Ok(self.seen(stream, said.answer))
    }

    fn seen(&self, stream: &Stream, mut answer: TxnAnswer) -> Result<Look, Error> {
        let mut one = |at| answer.found(at).and_then(|found| found.kvs.into_iter().next());
        let (end, marked) = (one(0), one(1).map(|pair| pair.value));
        let mark = match &marked {
            Some(text) => serde_json::from_slice(&text.0)
                .map_err(|error| self.damaged(stream, format!("the mark cannot be read: {error}")))?,
            None => Mark::default(),
        };
        Ok(Look {
            last: self.end_of(stream, end.as_ref())?,
            mark,
            marked,
            revision: answer.header.revision.0,
            found: answer.found(2).unwrap_or_default(),
        })
    }

    fn end_of(&self, stream: &Stream, pair: Option<&wire::Pair>) -> Result<Position, Error> {
        let Some(pair) = pair else { return Ok(Position(0)) };
        let digits = std::str::from_utf8(&pair.value.0).ok().and_then(|digits| digits.parse().ok());
        digits.map(Position).ok_or_else(|| self.damaged(stream, "its end cannot be read"))
    }

    pub(super) fn damaged(&self, stream: &Stream, what: impl Into<String>) -> Error {
        Error::new(ErrorKind::Damaged, self.at(stream), what)
    }

    /// The append of a key, whole.
    fn batch<'a>(&self, stream: &Stream, pair: &'a wire::Pair) -> Result<Batch<'a>, Error> {
        let last = self.keys.last_of(stream, &pair.key.0);
        let last = last.ok_or_else(|| self.damaged(stream, "a key of its log is none of this crate's"))?;
        Batch::read(&pair.value.0, last).map_err(|wrong| match wrong {
            Wrong::Newer(version) => {
                let detail = format!("an append of version {version}, up to position {last}");
                Error::new(ErrorKind::Newer, self.at(stream), detail)
            }
            Wrong::Damaged(what) => self.damaged(stream, format!("the append up to position {last}: {what}")),
        })
    }

    /// What an append came to that etcd did not take as the next one.
    fn not_next(
        &self,
        stream: &Stream,
        nonce: Nonce,
        last: Position,
        mut said: Said<TxnAnswer>,
    ) -> Result<Append, Error> {
        let end = said.answer.found(0).and_then(|found| found.kvs.into_iter().next());
        let actual = self.end_of(stream, end.as_ref())?;
        let there = said.answer.found(1).unwrap_or_default();
        match there.kvs.first() {
            Some(pair) if self.batch(stream, pair)?.nonce == nonce => Ok(Append::Appended { last }),
            Some(_) => Ok(Append::Conflict { actual }),
            // It may have been there, and been compacted since.
            None if said.was_lost && actual >= last => Ok(Append::Unknown {
                why: "an answer was lost, and the records are compacted since".to_owned(),
            }),
            None => Ok(Append::Conflict { actual }),
        }
    }
}

impl EtcdJournal {
    /// What an append came to that etcd had no room for. It says so of what it has not done, and also of
    /// what it has: a request that runs over the quota when it is applied is applied, and answered with
    /// that error (etcd's `quotaApplierV3`). What stands there tells.
    fn not_stored_or_all(
        &self,
        stream: &Stream,
        nonce: Nonce,
        after: Position,
        last: Position,
        full: Error,
    ) -> Result<Append, Error> {
        let (next, after_log) = (self.keys.log(stream, after.next()), self.keys.after_log(stream));
        let look = match self.look(stream, Some(Op::range(next, after_log, 1))) {
            Ok(look) => look,
            Err(error) => return Ok(Append::Unknown { why: format!("{full}, and then {error}") }),
        };
        match look.found.kvs.first() {
            Some(pair) if self.batch(stream, pair)?.nonce == nonce => Ok(Append::Appended { last }),
            None if look.last >= last => {
                Ok(Append::Unknown { why: format!("{full}, and the records are compacted since") })
            }
            _ => Err(full),
        }
    }
}

/// A number that nobody else takes.
pub(super) fn nonce() -> Nonce {
    let mut nonce = Nonce::default();
    for half in nonce.chunks_exact_mut(8) {
        // Each has keys of its own, made from what the operating system gives as random.
        let mut hasher = RandomState::new().build_hasher();
        hasher.write_u32(std::process::id());
        half.copy_from_slice(&hasher.finish().to_le_bytes());
    }
    nonce
}

fn digits(position: Position) -> wire::Bytes {
    position.0.to_string().into()
}

impl Journal for EtcdJournal {
    fn limits(&self) -> Limits {
        Self::LIMITS
    }

    fn extent(&self, stream: &Stream) -> Result<Extent, Error> {
        let Look { last, mark, .. } = self.look(stream, None)?;
        let snapshot = mark.snapshot.map(|kept| Position(kept.at));
        Ok(Extent { last, compacted: Position(mark.compacted), snapshot })
    }

    fn append(&self, stream: &Stream, after: Position, records: &[&[u8]]) -> Result<Append, Error> {
        self.limits().check_append(stream, records)?;
        let Some(last) = after.0.checked_add(records.len() as u64).map(Position) else {
            return Err(Error::new(ErrorKind::Invalid, self.at(stream), "positions end there"));
        };
        if records.is_empty() {
            let actual = self.look(stream, None)?.last;
            return Ok(if actual == after { Append::Appended { last } } else { Append::Conflict { actual } });
        }
        let (nonce, end) = (nonce(), self.keys.end(stream));
        let value = wire::Bytes(batch::encode(nonce, after.next(), records));
        let expected = (after.0 > 0).then(|| digits(after));
        let (next, after_log) = (self.keys.log(stream, after.next()), self.keys.after_log(stream));
        let txn = Txn {
            compare: vec![Compare::is(end.as_str(), expected)],
            success: vec![Op::put(end.as_str(), digits(last)), Op::put(self.keys.log(stream, last), value)],
            failure: vec![Op::get(end.as_str()), Op::range(next, after_log, 1)],
        };
        match self.client.call("kv/txn", &txn) {
            Ok(Said { answer: TxnAnswer { succeeded: true, .. }, .. }) => Ok(Append::Appended { last }),
            Ok(said) => self.not_next(stream, nonce, last, said),
            Err(Trouble::Lost(why)) => Ok(Append::Unknown { why }),
            Err(trouble) => match trouble.at(self.at(stream)) {
                error if error.kind() == ErrorKind::Full => {
                    self.not_stored_or_all(stream, nonce, after, last, error)
                }
                error => Err(error),
            },
        }
    }

    fn read(
        &self,
        stream: &Stream,
        after: Position,
        most: usize,
        each: &mut dyn FnMut(Position, &[u8]),
    ) -> Result<Position, Error> {
        let end = Position(after.0.saturating_add(most as u64));
        let (mut last, mut page) = (after, FIRST_PAGE);
        while last < end {
            let (next, after_log) = (self.keys.log(stream, last.next()), self.keys.after_log(stream));
            let look = match self.look(stream, Some(Op::range(next, after_log, page))) {
                Err(error) if error.kind() == ErrorKind::TooLarge && page > 1 => {
                    page = (page / 8).max(1);
                    continue;
                }
                look => look?,
            };
            if look.mark.compacted > last.0 {
                if last > after {
                    break;
                }
                let detail = format!("records up to {} are compacted", look.mark.compacted);
                return Err(Error::new(ErrorKind::Compacted, self.at(stream), detail));
            }
            for pair in &look.found.kvs {
                let batch = self.batch(stream, pair)?;
                if batch.first > last.next() {
                    return Err(self.damaged(stream, format!("the record {} is missing", last.next())));
                }
                for (position, record) in batch.placed() {
                    if position == last.next() && position <= end {
                        each(position, record);
                        last = position;
                    }
                }
            }
            if !look.found.more {
                if last < look.last.min(end) {
                    return Err(self.damaged(stream, format!("the record {} is missing", last.next())));
                }
                break;
            }
            let bytes: usize = look.found.kvs.iter().map(|pair| pair.value.0.len()).sum();
            let fitting = i64::try_from(look.found.kvs.len() * PAGE / bytes.max(1)).unwrap_or(MOST_PAGE);
            page = fitting.clamp(1, MOST_PAGE);
        }
        Ok(last)
    }

    fn snapshot(&self, stream: &Stream) -> Result<Option<Snapshot>, Error> {
        self.get_snapshot(stream)
    }

    fn put_snapshot(&self, stream: &Stream, snapshot: &Snapshot) -> Result<(), Error> {
        self.limits().check_snapshot(stream, &snapshot.bytes)?;
        self.keep_snapshot(stream, snapshot)
    }

    fn compact(&self, stream: &Stream, through: Position) -> Result<(), Error> {
        let first = self.keys.log(stream, Position(0));
        loop {
            let keys = Op::keys(first.as_str(), self.keys.log(stream, through.next()), MOST_KEYS);
            let look = self.look(stream, Some(keys))?;
            let snapshot = look.mark.snapshot.as_ref().map(|kept| kept.at);
            if snapshot.is_none_or(|at| at < through.0) {
                let detail = format!("no snapshot stands for the records up to {through}");
                return Err(Error::new(ErrorKind::Invalid, self.at(stream), detail));
            }
            if look.mark.compacted >= through.0 {
                return Ok(());
            }
            // At most so many at a time: etcd does nothing else meanwhile.
            let upto = match look.found.kvs.last().filter(|_| look.found.more) {
                Some(pair) => self.keys.last_of(stream, &pair.key.0),
                None => Some(through),
            };
            let upto =
                upto.ok_or_else(|| self.damaged(stream, "a key of its log is none of this crate's"))?;
            let mark = Mark { compacted: upto.0, ..look.mark };
            let txn = Txn {
                compare: vec![Compare::is(self.keys.mark(stream), look.marked)],
                success: vec![
                    Op::put(self.keys.mark(stream), mark.text()),
                    Op::delete(first.as_str(), self.keys.log(stream, upto.next())),
                ],
                failure: Vec::new(),
            };
            // Whether it happened, or somebody else was first, the next look tells.
            self.ask(&txn, &self.at(stream))?;
        }
    }

    fn wait(&self, stream: &Stream, after: Position, limit: Duration) -> Result<Position, Error> {
        self.wait_for(stream, after, limit, |left| match self.look_within(left, stream, None) {
            Ok(look) => look,
            Err(trouble) => Err(trouble.at(self.at(stream))),
        })
    }

    fn streams(&self) -> Result<Vec<Stream>, Error> {
        let mut streams = Vec::new();
        for folder in self.keys.folders() {
            let mut from = folder.clone();
            loop {
                let txn = Txn {
                    success: vec![Op::keys(from.as_str(), key::after(&folder), MOST_KEYS)],
                    ..Txn::default()
                };
                let found = self.ask(&txn, &self.client.place())?.found(0).unwrap_or_default();
                let keys = found.kvs.iter().map(|pair| &pair.key.0[..]);
                streams.extend(keys.filter_map(|key| Keys::stream_of(&folder, key)));
                match found.kvs.last().filter(|_| found.more) {
                    // The next key after this one.
                    Some(pair) => from = format!("{}\0", String::from_utf8_lossy(&pair.key.0)),
                    None => break,
                }
            }
        }
        streams.sort_unstable();
        streams.dedup();
        Ok(streams)
    }
}
