//! [`SamplerBuilder`]: how a node is sampled.

use std::sync::Arc;
use std::sync::mpsc::{Sender, channel};
use std::thread::Builder;
use std::time::Duration;

use gpu_core::attribution::MpsRule;
use gpu_core::{Error, ErrorKind, MetricSet};

use super::Sampler;
use super::conductor::{Conductor, Event, Looking, Rhythm, VendorState};
use super::keeper::Keeper;
use super::published::Published;
use super::reader::Reader;
use super::worker::Worker;
use crate::node::Node;
use crate::watch::Watched;

/// Says how a node is sampled. Everything has a default, and nothing is changed by the sampler
/// itself: what does not go together is refused.
///
/// ```
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// use std::time::Duration;
/// use gpu_accounting::{Node, sampler::Sampler};
/// let node = Node::builder().machine(gpu_sim::Machine::preset("mixed")?).build();
/// let sampler = Sampler::builder(node)
///     .period(Duration::from_millis(20))
///     .deadline(Duration::from_millis(10))
///     .history(5)
///     .start()?;
/// # drop(sampler);
/// let node = Node::builder().machine(gpu_sim::Machine::preset("mixed")?).build();
/// let odd = Sampler::builder(node).period(Duration::from_millis(20)).deadline(Duration::from_secs(1)).start();
/// assert!(odd.is_err(), "the deadline lies after the next turn");
/// # Ok(())
/// # }
/// ```
#[derive(Debug)]
#[must_use = "a builder does nothing until `start` is called"]
pub struct SamplerBuilder {
    node: Arc<Node>,
    period: Duration,
    deadline: Option<Duration>,
    history: usize,
    inventory_every: u64,
    metrics: MetricSet,
    mps: MpsRule,
}

impl SamplerBuilder {
    pub(super) fn new(node: Arc<Node>) -> Self {
        Self {
            node,
            period: Duration::from_secs(1),
            deadline: None,
            history: 60,
            inventory_every: 1,
            metrics: MetricSet::ALL,
            mps: MpsRule::default(),
        }
    }

    /// The time from one look's turn to the next one's: 1 s unless this is called. At least 1 ms.
    pub fn period(self, period: Duration) -> Self {
        Self { period, ..self }
    }

    /// How long after its turn a look waits for vendors: half the period unless this is called, and
    /// at most three quarters of it, so that a vendor that hangs never costs a turn.
    pub fn deadline(self, deadline: Duration) -> Self {
        Self { deadline: Some(deadline), ..self }
    }

    /// How many observations are kept: 60 unless this is called. Each takes some 10 KiB a device.
    pub fn history(self, observations: usize) -> Self {
        Self { history: observations, ..self }
    }

    /// At every how many looks the vendors list anew what there is: every one unless this is called.
    /// A board that is cut anew in between shows as readings of units that the inventory does not
    /// have, and as units without a reading.
    pub fn inventory_every(self, looks: u64) -> Self {
        Self { inventory_every: looks, ..self }
    }

    /// Samples these metrics alone.
    pub fn metrics(self, metrics: MetricSet) -> Self {
        Self { metrics, ..self }
    }

    /// By which rule the time of MPS servers is spread.
    pub fn mps(self, mps: MpsRule) -> Self {
        Self { mps, ..self }
    }

    /// Starts to sample: one thread keeps the schedule, one reads processes, and one each vendor.
    ///
    /// # Errors
    /// `NotSupported` when the settings do not go together; `Io` when the operating system gives no
    /// thread.
    pub fn start(self) -> Result<Sampler, Error> {
        let refuse = |what| Error::new(ErrorKind::NotSupported, "sampler", what);
        if self.period < Duration::from_millis(1) {
            return Err(refuse("the period is shorter than a millisecond"));
        }
        let deadline = self.deadline.unwrap_or(self.period / 2);
        if deadline.is_zero() || deadline > self.period / 4 * 3 {
            return Err(refuse("the deadline is not between 0 and three quarters of the period"));
        }
        if self.history == 0 || self.inventory_every == 0 {
            return Err(refuse("no observation would be kept, or nothing listed"));
        }
        let rhythm = Rhythm { period: self.period, deadline, inventory_every: self.inventory_every };
        let (events, inbox) = channel();
        let published = Arc::new(Published::new(self.history));
        let conductor = Conductor {
            vendors: self.vendors(&events)?,
            keeper: self.keeper(&events)?,
            node: Arc::clone(&self.node),
            rhythm,
            events: inbox,
            published: Arc::clone(&published),
            state: Looking::default(),
        };
        let thread = Builder::new().name("gpu-sampler".to_owned()).spawn(move || conductor.run());
        let thread = thread.map_err(|error| Error::caused(ErrorKind::Io, "thread gpu-sampler", error))?;
        Ok(Sampler { node: self.node, published, events, thread: Some(thread) })
    }

    fn vendors(&self, events: &Sender<Event>) -> Result<Vec<VendorState>, Error> {
        let start = |(vendor, backend): (usize, &dyn gpu_core::Backend)| {
            let mut reader = Reader { node: Arc::clone(&self.node), vendor, metrics: self.metrics };
            let name = format!("gpu-{}", backend.vendor());
            let fell = move || Event::ReaderFell(vendor);
            let worker = Worker::start(
                &name,
                events.clone(),
                move |order| Event::Read(Box::new(reader.read(order))),
                fell,
            )?;
            Ok(VendorState::new(backend.vendor(), worker))
        };
        self.node.backends().enumerate().map(start).collect()
    }

    fn keeper(&self, events: &Sender<Event>) -> Result<Worker<super::keeper::KeepOrder>, Error> {
        let mut keeper = Keeper::new(Arc::clone(&self.node), Watched::new(self.mps));
        let work = move |order| Event::Kept(keeper.keep(order));
        Worker::start("gpu-processes", events.clone(), work, || Event::KeeperFell)
    }
}
