//! [`Published`]: what the sampler has seen, for whoever waits for it.

use std::collections::VecDeque;
use std::future::Future;
use std::pin::Pin;
use std::sync::mpsc::{Receiver, SyncSender, TrySendError, sync_channel};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};
use std::time::{Duration, Instant};

use gpu_core::{Error, ErrorKind, Nanoseconds};

use super::observed::{Answer, Observed};

/// What a sampler has done since it was started.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub struct Totals {
    /// Looks that were published.
    pub looks: u64,
    /// Turns of the schedule in which nobody looked, because the look before took too long.
    pub missed: u64,
    /// Vendors that did not answer in time, look by look, and those that still hang.
    pub timed_out: u64,
    /// Observations that a subscriber had no room for.
    pub undelivered: u64,
    /// Processor time of the sampler's own: sweeps, joining and attribution.
    pub processor: Nanoseconds,
    /// Processor time of the vendors' calls that returned in time.
    pub vendors_processor: Nanoseconds,
}

/// What the sampler has seen: the last so many observations, and who waits for the next.
#[derive(Debug)]
pub(super) struct Published {
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Debug)]
struct State {
    history: VecDeque<Arc<Observed>>,
    keep: usize,
    subscribers: Vec<SyncSender<Arc<Observed>>>,
    wakers: Vec<Waker>,
    totals: Totals,
    has_ended: bool,
}

impl Published {
    pub(super) fn new(keep: usize) -> Self {
        let state = State {
            history: VecDeque::with_capacity(keep),
            keep,
            subscribers: Vec::new(),
            wakers: Vec::new(),
            totals: Totals::default(),
            has_ended: false,
        };
        Self { state: Mutex::new(state), changed: Condvar::new() }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Shows an observation to everybody. Nobody can hold it up: who has no room misses it.
    pub(super) fn publish(&self, observation: Arc<Observed>) {
        let mut state = self.lock();
        count(&mut state.totals, &observation);
        let mut undelivered = 0;
        state.subscribers.retain(|subscriber| match subscriber.try_send(Arc::clone(&observation)) {
            Ok(()) => true,
            Err(TrySendError::Full(_)) => {
                undelivered += 1;
                true
            }
            Err(TrySendError::Disconnected(_)) => false,
        });
        state.totals.undelivered += undelivered;
        if state.history.len() == state.keep {
            state.history.pop_front();
        }
        state.history.push_back(observation);
        self.wake(state);
    }

    /// Tells everybody that nothing more comes.
    pub(super) fn end(&self) {
        let mut state = self.lock();
        state.has_ended = true;
        state.subscribers.clear();
        self.wake(state);
    }

    fn wake(&self, mut state: MutexGuard<'_, State>) {
        let wakers = std::mem::take(&mut state.wakers);
        drop(state);
        self.changed.notify_all();
        for waker in wakers {
            waker.wake();
        }
    }

    pub(super) fn latest(&self) -> Option<Arc<Observed>> {
        self.lock().history.back().cloned()
    }

    pub(super) fn history(&self) -> Vec<Arc<Observed>> {
        self.lock().history.iter().cloned().collect()
    }

    pub(super) fn totals(&self) -> Totals {
        self.lock().totals
    }

    pub(super) fn subscribe(&self, room: usize) -> Receiver<Arc<Observed>> {
        let (sender, receiver) = sync_channel(room.max(1));
        let mut state = self.lock();
        if !state.has_ended {
            state.subscribers.push(sender);
        }
        receiver
    }

    /// The first observation after that number that is published, waited for until a time.
    pub(super) fn wait(&self, seen: Option<u64>, patience: Duration) -> Result<Arc<Observed>, Error> {
        let until = Instant::now().checked_add(patience);
        let mut state = self.lock();
        loop {
            if let Some(next) = state.after(seen) {
                return Ok(next);
            }
            if state.has_ended {
                return Err(ended());
            }
            let Some(until) = until else {
                state = self.changed.wait(state).unwrap_or_else(PoisonError::into_inner);
                continue;
            };
            let left = until.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return Err(Error::new(ErrorKind::TimedOut, "sampler", "no observation in that time"));
            }
            state = self.changed.wait_timeout(state, left).unwrap_or_else(PoisonError::into_inner).0;
        }
    }
}

impl State {
    /// The oldest observation that is kept and that comes after one that has been seen.
    fn after(&self, seen: Option<u64>) -> Option<Arc<Observed>> {
        self.history.iter().find(|of| seen.is_none_or(|seen| of.number > seen)).cloned()
    }
}

fn count(totals: &mut Totals, observation: &Observed) {
    totals.looks += 1;
    totals.missed = totals.missed.saturating_add(observation.cost.missed);
    totals.processor = totals.processor.saturating_add(observation.cost.processor);
    for vendor in &observation.vendors {
        totals.timed_out += u64::from(vendor.answer != Answer::InTime);
        totals.vendors_processor = totals.vendors_processor.saturating_add(vendor.processor);
    }
}

fn ended() -> Error {
    Error::new(ErrorKind::NotFound, "sampler", "it was stopped: no observation follows")
}

/// The next observation, for programs that wait for many things at once ([`Sampler::next`]).
///
/// Belongs to no runtime: any executor polls it. It ends with an error when the sampler is stopped.
///
/// [`Sampler::next`]: super::Sampler::next
#[derive(Debug)]
#[must_use = "a future does nothing until it is polled"]
pub struct Next {
    pub(super) published: Arc<Published>,
    pub(super) seen: Option<u64>,
}

impl Future for Next {
    type Output = Result<Arc<Observed>, Error>;

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        let mut state = self.published.lock();
        if let Some(next) = state.after(self.seen) {
            return Poll::Ready(Ok(next));
        }
        if state.has_ended {
            return Poll::Ready(Err(ended()));
        }
        if !state.wakers.iter().any(|waker| waker.will_wake(context.waker())) {
            state.wakers.push(context.waker().clone());
        }
        Poll::Pending
    }
}
