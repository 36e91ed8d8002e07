//! [`Desk`]: where callers queue up, and one of them writes for all.

use std::collections::{BTreeMap, VecDeque};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use crate::error::{Error, ErrorKind};

use super::batch::{Answer, Item};
use super::call::Call;

/// Where callers queue up. Whoever finds nobody writing writes for all that queue up to then, in
/// their order; what queues up meanwhile is the next batch.
#[derive(Debug, Default)]
pub(super) struct Desk {
    queue: Mutex<Queue>,
    answered: Condvar,
    /// How many whoever gathers still waits for.
    missing: AtomicUsize,
}

#[derive(Debug, Default)]
struct Queue {
    waiting: VecDeque<Item>,
    answers: BTreeMap<u64, Answer>,
    next: u64,
    is_writing: bool,
    /// How many wait to be told: to tell nobody is a call of the system, too.
    sleeping: usize,
    last: Written,
}

/// The last batch that was written.
#[derive(Clone, Copy, Debug, Default)]
struct Written {
    /// Those that it answered, and those that had come meanwhile.
    calls: usize,
    took: Duration,
}

/// How long others are waited for at most, however slow the drive is.
const MOST_GATHERING: Duration = Duration::from_millis(1);

impl Desk {
    /// Queues up, and gives the answer. `write` writes a batch and gives its answers, and what
    /// is left of it for the next.
    pub fn call(&self, call: Call, write: impl Fn(Vec<Item>) -> (Vec<(u64, Answer)>, Vec<Item>)) -> Answer {
        let mut queue = self.queue();
        let ticket = queue.next;
        queue.next += 1;
        queue.waiting.push_back(Item { ticket, call, pinned: None });
        // Under the lock, as whoever gathers sets it.
        self.missing.store(self.missing.load(Ordering::Relaxed).saturating_sub(1), Ordering::Relaxed);
        loop {
            if let Some(answer) = queue.answers.remove(&ticket) {
                return answer;
            }
            if queue.is_writing {
                queue.sleeping += 1;
                queue = self.answered.wait(queue).unwrap_or_else(PoisonError::into_inner);
                queue.sleeping -= 1;
                continue;
            }
            queue.is_writing = true;
            queue = self.gather(queue);
            let batch: Vec<Item> = queue.waiting.drain(..).collect();
            let mut writing = Writing { desk: self, tickets: batch.iter().map(|item| item.ticket).collect() };
            drop(queue);
            let start = Instant::now();
            let (answers, left) = write(batch);
            queue = self.queue();
            queue.last = Written { calls: answers.len() + queue.waiting.len(), took: start.elapsed() };
            queue.answers.extend(answers);
            left.into_iter().rev().for_each(|item| queue.waiting.push_front(item));
            writing.tickets.clear();
            drop(queue);
            drop(writing);
            queue = self.queue();
        }
    }

    /// Lets those come who were here when the last batch ended: what they were told may be all that they
    /// waited for to want the next thing, and a batch of many takes hardly longer than a batch of one. Waits a fourth
    /// of what a batch takes at most.
    fn gather<'a>(&'a self, queue: MutexGuard<'a, Queue>) -> MutexGuard<'a, Queue> {
        let Written { calls, took } = queue.last;
        let limit = (took / 4).min(MOST_GATHERING);
        if queue.waiting.len() >= calls {
            return queue;
        }
        self.missing.store(calls - queue.waiting.len(), Ordering::Relaxed);
        drop(queue);
        let start = Instant::now();
        while self.missing.load(Ordering::Relaxed) > 0 && start.elapsed() < limit {
            thread::yield_now();
        }
        self.queue()
    }

    fn queue(&self) -> MutexGuard<'_, Queue> {
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Somebody writes. However that ends, somebody else can, and nobody waits for ever.
struct Writing<'a> {
    desk: &'a Desk,
    /// Who has no answer yet.
    tickets: Vec<u64>,
}

impl Drop for Writing<'_> {
    fn drop(&mut self) {
        let mut queue = self.desk.queue();
        for ticket in self.tickets.drain(..) {
            let detail = "the thread that wrote for all panicked: open the store again";
            queue.answers.insert(ticket, Err(Error::new(ErrorKind::Io, "keeper", detail).into()));
        }
        queue.is_writing = false;
        let is_awaited = queue.sleeping > 0;
        drop(queue);
        if is_awaited {
            self.desk.answered.notify_all();
        }
    }
}
