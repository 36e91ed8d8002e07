//! Waiting for a stream's end to move: etcd's watch.

use core::time::Duration;
use std::io::BufRead;
use std::time::Instant;

use gpu_core::ledger::Position;

use crate::error::Error;
use crate::stream::Stream;

use super::journal::{EtcdJournal, Look};
use super::trouble::Trouble;
use super::wire::{self, Number, Streamed, Watch, WatchCreate, Watched};

/// After so long it is looked again, whether anything was told or not: a connection that died without
/// a word tells nothing.
const LONGEST: Duration = Duration::from_secs(10);
/// After a watch that came to nothing.
const PAUSE: Duration = Duration::from_millis(50);

impl EtcdJournal {
    /// Looks, and watches from the revision of that look on, and looks again: nothing in between is
    /// missed, and a revision that etcd has compacted meanwhile is no more than a reason to look.
    pub(super) fn wait_for(
        &self,
        stream: &Stream,
        after: Position,
        limit: Duration,
        mut look: impl FnMut(Duration) -> Result<Look, Error>,
    ) -> Result<Position, Error> {
        let started = Instant::now();
        let left = || limit.checked_sub(started.elapsed()).filter(|left| !left.is_zero());
        loop {
            // A look is worth a request, however little is left.
            let patience = left().unwrap_or_default().max(self.client.config().request);
            let seen = look(patience)?;
            let Some(remaining) = left().filter(|_| seen.last <= after) else { return Ok(seen.last) };
            if self.watch(stream, seen.revision.saturating_add(1), remaining.min(LONGEST)).is_err() {
                std::thread::sleep(left().unwrap_or_default().min(PAUSE));
            }
        }
    }

    /// Returns when the end of a stream moves from this revision on, when etcd ends the watch, or when
    /// the time is over.
    fn watch(&self, stream: &Stream, revision: i64, limit: Duration) -> Result<(), Trouble> {
        let key = self.keys.end(stream).into();
        let ask = Watch { create_request: WatchCreate { key, start_revision: Number(revision) } };
        let started = Instant::now();
        let reader = self.client.stream(limit, "watch", &ask)?;
        for line in reader.lines() {
            let line = match line {
                Ok(line) => line,
                Err(_) if started.elapsed() >= limit => return Ok(()),
                Err(error) => return Err(Trouble::Lost(error.to_string())),
            };
            let told: Streamed<Watched> = match wire::read(line.as_bytes()) {
                Ok(told) => told,
                Err(error) => return Err(Trouble::Lost(error.to_string())),
            };
            match told.result {
                Some(told) if !told.events.is_empty() => return Ok(()),
                // It has begun.
                Some(told) if !told.canceled => {}
                _ => return Err(Trouble::Lost("etcd ended the watch".to_owned())),
            }
        }
        Err(Trouble::Lost("the watch ended".to_owned()))
    }
}
