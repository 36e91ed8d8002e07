//! [`Desk`]: where callers queue up, and one of them writes for all.

use std::collections::{BTreeMap, VecDeque};
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};

use crate::error::{Error, ErrorKind};

use super::batch::{Answer, Item};
use super::call::Call;

/// Where callers queue up. Whoever finds nobody writing writes for all that queue up to then, in
/// their order; what queues up meanwhile is the next batch.
#[derive(Debug, Default)]
pub(super) struct Desk {
    queue: Mutex<Queue>,
    answered: Condvar,
}

#[derive(Debug, Default)]
struct Queue {
    waiting: VecDeque<Item>,
    answers: BTreeMap<u64, Answer>,
    next: u64,
    is_writing: bool,
}

impl Desk {
    /// Queues up, and gives the answer. `write` writes a batch and gives its answers, and what
    /// is left of it for the next.
    pub fn call(&self, call: Call, write: impl Fn(Vec<Item>) -> (Vec<(u64, Answer)>, Vec<Item>)) -> Answer {
        let mut queue = self.queue();
        let ticket = queue.next;
        queue.next += 1;
        queue.waiting.push_back(Item { ticket, call, pinned: None });
        loop {
            if let Some(answer) = queue.answers.remove(&ticket) {
                return answer;
            }
            if queue.is_writing {
                queue = self.answered.wait(queue).unwrap_or_else(PoisonError::into_inner);
                continue;
            }
            queue.is_writing = true;
            let batch: Vec<Item> = queue.waiting.drain(..).collect();
            let mut writing = Writing { desk: self, tickets: batch.iter().map(|item| item.ticket).collect() };
            drop(queue);
            let (answers, left) = write(batch);
            queue = self.queue();
            queue.answers.extend(answers);
            left.into_iter().rev().for_each(|item| queue.waiting.push_front(item));
            writing.tickets.clear();
            drop(queue);
            drop(writing);
            queue = self.queue();
        }
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
        drop(queue);
        self.desk.answered.notify_all();
    }
}
