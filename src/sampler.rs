//! [`Sampler`]: looks at a node turn after turn, each vendor on a thread of its own.
//!
//! ```
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! use std::time::Duration;
//! use gpu_accounting::{Node, sampler::Sampler};
//!
//! let node = Node::builder().machine(gpu_sim::Machine::preset("mixed")?).build();
//! let sampler = Sampler::builder(node).period(Duration::from_millis(20)).start()?;
//! let seen = sampler.wait_next(Duration::from_secs(60))?;
//! for device in seen.inventory.devices() {
//!     println!("{}: {:?}", device.name, seen.sample.reading(device.id).power);
//! }
//! assert!(sampler.stop(Duration::from_secs(60)).is_empty(), "no call hangs");
//! # Ok(())
//! # }
//! ```
//!
//! # What it promises
//! - Looks come a period apart, counted from the first: a look that is late does not move the next.
//!   Turns that are over are missed, never made up for, and counted ([`Cost::missed`]).
//! - A vendor's call that hangs delays nobody. At the look in which it begins, the others' samples
//!   are taken in time and published at the deadline; from then on the vendor is not called and not
//!   waited for until that call returns. Its units read [`Absence::TimedOut`] meanwhile.
//! - There are two threads and one for each vendor, whatever hangs, and never more.
//! - A vendor's library is never shut down under a call that hangs: the call's thread keeps the node
//!   alive. Dropping the sampler waits for no such call.
//! - The processes are swept once a look, not once a vendor. A `/proc` that hangs costs the
//!   attribution, not the samples.
//! - Nothing adapts by itself: period, deadline and what is read stay as they were set.
//! - Nobody who is slow holds it up: the history is bounded, a subscriber that has no room misses
//!   what comes (the numbers show it).
//! - GPUs that sleep are not woken: backends promise that, and nothing else is asked here.
//!
//! # In asynchronous programs
//! [`Sampler::next`] is a future of no runtime's.
//!
//! [`Absence::TimedOut`]: gpu_core::Absence::TimedOut

mod builder;
mod conductor;
mod keeper;
mod observed;
mod published;
mod reader;
mod schedule;
mod worker;

use std::sync::Arc;
use std::sync::mpsc::{Receiver, Sender};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use gpu_core::{Error, Evidence, Vendor};

pub use builder::SamplerBuilder;
pub use observed::{Answer, Cost, Observed, VendorLook};
pub use published::{Next, Totals};

use crate::node::Node;
use conductor::Event;
use published::Published;

/// Looks at a node turn after turn, each vendor on a thread of its own: see the
/// [module](self). Dropping it stops it, without waiting for calls that hang.
#[derive(Debug)]
pub struct Sampler {
    node: Arc<Node>,
    published: Arc<Published>,
    events: Sender<Event>,
    thread: Option<JoinHandle<Vec<Vendor>>>,
}

impl Sampler {
    /// Says how a node is sampled.
    pub fn builder(node: impl Into<Arc<Node>>) -> SamplerBuilder {
        SamplerBuilder::new(node.into())
    }

    /// The node that is sampled.
    #[must_use]
    pub fn node(&self) -> &Node {
        &self.node
    }

    /// The latest observation; `None` before the first.
    #[must_use]
    pub fn latest(&self) -> Option<Arc<Observed>> {
        self.published.latest()
    }

    /// The observations that are kept, the oldest first.
    #[must_use]
    pub fn history(&self) -> Vec<Arc<Observed>> {
        self.published.history()
    }

    /// Waits for the next observation that is published after this call.
    ///
    /// # Errors
    /// `TimedOut` when there is none in that time.
    pub fn wait_next(&self, patience: Duration) -> Result<Arc<Observed>, Error> {
        self.wait_after(self.latest().map(|latest| latest.number), patience)
    }

    /// Waits for an observation later than the one of that number: the oldest such that is kept, so
    /// that who keeps up misses none. `None` takes any.
    ///
    /// # Errors
    /// `TimedOut` when there is none in that time.
    ///
    /// ```
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # use std::time::Duration;
    /// # use gpu_accounting::{Node, sampler::Sampler};
    /// # let node = Node::builder().machine(gpu_sim::Machine::preset("mixed")?).build();
    /// # let sampler = Sampler::builder(node).period(Duration::from_millis(20)).start()?;
    /// let mut seen = None;
    /// for _ in 0..3 {
    ///     let observation = sampler.wait_after(seen, Duration::from_secs(60))?;
    ///     println!("{}: {} turns missed", observation.number, observation.cost.missed);
    ///     seen = Some(observation.number);
    /// }
    /// # Ok(())
    /// # }
    /// ```
    pub fn wait_after(&self, seen: Option<u64>, patience: Duration) -> Result<Arc<Observed>, Error> {
        self.published.wait(seen, patience)
    }

    /// The next observation later than the one of that number, as a future: for programs that wait
    /// for many things at once. It belongs to no runtime, and outlives the sampler: when that stops,
    /// it ends with an error.
    pub fn next(&self, seen: Option<u64>) -> Next {
        Next { published: Arc::clone(&self.published), seen }
    }

    /// A channel that each observation is sent to from now on. While `room` of them are not taken,
    /// further ones are not sent: [`Observed::number`] shows the gap, [`Totals::undelivered`] counts
    /// them. The channel ends with the sampler; dropping it is all that it takes to leave.
    #[must_use]
    pub fn subscribe(&self, room: usize) -> Receiver<Arc<Observed>> {
        self.published.subscribe(room)
    }

    /// What the sampler has done since it was started, and what it cost.
    #[must_use]
    pub fn totals(&self) -> Totals {
        self.published.totals()
    }

    /// Adds what the embedding program knows of who was given what, from the next look on. It replaces
    /// what was added before, as [`Watch::know`](crate::Watch::know) does.
    pub fn know(&self, evidence: Vec<Evidence>) {
        // The conductor ends with the sampler, not before.
        let _ = self.events.send(Event::Know(evidence));
    }

    /// Stops, and waits so long for calls that hang; hands back the vendors whose calls still do.
    /// Their threads end when the calls return, and keep the vendor's library loaded until then.
    pub fn stop(mut self, patience: Duration) -> Vec<Vendor> {
        let now = Instant::now();
        self.end(now.checked_add(patience).unwrap_or(now))
    }

    fn end(&mut self, until: Instant) -> Vec<Vendor> {
        let Some(thread) = self.thread.take() else { return Vec::new() };
        let _ = self.events.send(Event::Stop(until));
        thread.join().unwrap_or_default()
    }
}

impl Drop for Sampler {
    fn drop(&mut self) {
        self.end(Instant::now());
    }
}
