//! [`Worker`]: a thread that does one kind of work, one order at a time.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::mpsc::{Receiver, Sender, SyncSender, TrySendError, sync_channel};
use std::thread::{Builder, JoinHandle};
use std::time::Instant;

use gpu_core::{Error, ErrorKind};

/// A thread that does one kind of work. It has at most one order at a time: while a call in it
/// hangs, it takes no other, so that hanging calls never pile up.
///
/// What it works on is its own: a thread that hangs keeps that alive, and lets go of it when the
/// call returns, whoever else has gone by then.
#[derive(Debug)]
pub(super) struct Worker<O> {
    name: String,
    orders: SyncSender<O>,
    thread: JoinHandle<()>,
    /// Since when it has had an order that it has not answered.
    busy: Option<Instant>,
}

impl<O: Send + 'static> Worker<O> {
    /// Starts a thread that answers each order with one event.
    ///
    /// # Errors
    /// When the operating system gives no thread.
    pub(super) fn start<E: Send + 'static>(
        name: &str,
        events: Sender<E>,
        mut work: impl FnMut(O) -> E + Send + 'static,
        mut fell: impl FnMut() -> E + Send + 'static,
    ) -> Result<Self, Error> {
        let (orders, inbox): (SyncSender<O>, Receiver<O>) = sync_channel(1);
        let run = move || {
            for order in inbox {
                // A backend of a third party's that panics is a vendor that fails, and no more.
                let answer = catch_unwind(AssertUnwindSafe(|| work(order))).unwrap_or_else(|_| fell());
                if events.send(answer).is_err() {
                    return;
                }
            }
        };
        let thread = Builder::new().name(name.to_owned()).spawn(run);
        let thread = thread.map_err(|error| Error::caused(ErrorKind::Io, format!("thread {name}"), error))?;
        Ok(Self { name: name.to_owned(), orders, thread, busy: None })
    }

    /// Gives it an order, unless it still has one.
    pub(super) fn order(&mut self, order: O, now: Instant) -> bool {
        if self.busy.is_some() {
            return false;
        }
        match self.orders.try_send(order) {
            Ok(()) => {
                self.busy = Some(now);
                true
            }
            Err(TrySendError::Full(_) | TrySendError::Disconnected(_)) => false,
        }
    }

    /// Notes that it has answered.
    pub(super) fn answered(&mut self) {
        self.busy = None;
    }

    /// Since when it has had an order that it has not answered.
    pub(super) const fn busy(&self) -> Option<Instant> {
        self.busy
    }

    pub(super) fn name(&self) -> &str {
        &self.name
    }

    /// Ends the thread: waits for one that has nothing to do, and leaves one that hangs to end by
    /// itself when its call returns.
    pub(super) fn end(self) {
        let Self { orders, thread, busy, .. } = self;
        drop(orders);
        if busy.is_none() {
            // It catches what its work throws.
            let _ = thread.join();
        }
    }
}
