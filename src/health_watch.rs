//! [`HealthWatch`]: who is well, watched by threads of its own.

use std::fmt;
use std::sync::mpsc::{Receiver, channel};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use gpu_core::health::{Change, Health, Look, METRICS, Policy, Report};
use gpu_core::{DeviceId, Event, Inventory, Nanoseconds, Query, Sample, Vendor};

use crate::node::Node;

/// The longest that a driver is waited for in one call: how long stopping may take.
const SLICE: Duration = Duration::from_millis(250);
/// Looks are not closer than this, however many events there are.
const GAP: Duration = Duration::from_millis(100);

/// How a node's health is watched.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct HealthOptions {
    /// How long from one look to the next, where no event comes in between: ten seconds.
    pub period: Duration,
    /// How what is seen is judged.
    pub policy: Policy,
}

impl Default for HealthOptions {
    fn default() -> Self {
        Self { period: Duration::from_secs(10), policy: Policy::default() }
    }
}

impl HealthOptions {
    /// The same with another period.
    #[must_use]
    pub fn period(self, period: Duration) -> Self {
        Self { period, ..self }
    }

    /// The same with another policy.
    #[must_use]
    pub fn policy(self, policy: Policy) -> Self {
        Self { policy, ..self }
    }
}

/// Watches how well a node's GPUs are: looks at them on a period, waits for what their drivers tell, and
/// looks at once when they do. Changes come by a callback or a channel.
///
/// There is a thread for each vendor that has a backend, and one that minds the others: a vendor's call that
/// hangs delays no other vendor's look, and makes that vendor's devices
/// [`Unknown`](gpu_core::health::State::Unknown) when they are overdue ([`Policy::overdue_after`], by the
/// node's clock). Each thread holds the node, so that no library is unloaded under a call.
///
/// ```
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// use std::sync::Arc;
/// use gpu_accounting::health::State;
/// use gpu_accounting::{HealthOptions, HealthWatch, Node};
/// # let mut machine = gpu_sim::Machine::preset("hgx-h100-8")?;
/// # machine.gpus[5].ecc.as_mut().unwrap().remap_failed = true;
/// # let node = Node::builder().machine(machine).build();
/// let (watch, changes) = HealthWatch::channel(Arc::new(node), HealthOptions::default());
/// let change = changes.recv()?; // "… was unknown and is unhealthy: a row of memory could not be replaced; …"
/// assert_eq!(change.after, State::Unhealthy);
/// assert_eq!(watch.report().forbidden().len(), 1);
/// watch.stop(std::time::Duration::from_secs(10)).expect("no driver hangs");
/// # Ok(())
/// # }
/// ```
pub struct HealthWatch {
    shared: Arc<Shared>,
}

/// What receives changes.
type Deliver = Box<dyn FnMut(&Change) + Send>;

struct Shared {
    node: Arc<Node>,
    options: HealthOptions,
    /// Taken before `health`, and kept until the changes are delivered: they come in order.
    deliver: Mutex<Deliver>,
    health: Mutex<Health>,
    threads: Mutex<Threads>,
    bell: Condvar,
}

#[derive(Default)]
struct Threads {
    is_stopped: bool,
    /// The vendors whose threads have not ended.
    running: Vec<Vendor>,
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl HealthWatch {
    /// Watches the node, and calls `deliver` with every change, in order, one at a time, from the watch's
    /// threads. While it runs, looks wait: what takes long belongs behind a [`channel`](Self::channel). It
    /// may ask for the [`report`](Self::report).
    #[must_use = "dropping it ends the watch"]
    pub fn start(
        node: Arc<Node>,
        options: HealthOptions,
        deliver: impl FnMut(&Change) + Send + 'static,
    ) -> Self {
        let mut vendors: Vec<Vendor> = node.backends().map(|backend| backend.vendor()).collect();
        vendors.sort_unstable();
        vendors.dedup();
        let shared = Arc::new(Shared {
            health: Mutex::new(Health::new(options.policy.clone())),
            node,
            options,
            deliver: Mutex::new(Box::new(deliver)),
            threads: Mutex::new(Threads { is_stopped: false, running: vendors.clone() }),
            bell: Condvar::new(),
        });
        for vendor in vendors {
            let of_vendor = Arc::clone(&shared);
            spawn(&shared, vendor, move || of_vendor.watch(vendor));
        }
        let minding = Arc::clone(&shared);
        // Without it nobody notices that all others hang; they are watched nevertheless.
        let _ = thread::Builder::new().name("gpu-health".to_owned()).spawn(move || minding.mind());
        Self { shared }
    }

    /// The same, with changes in a channel. It is not bounded: a receiver that is not read holds some bytes
    /// for each change. The channel ends with the watch.
    pub fn channel(node: Arc<Node>, options: HealthOptions) -> (Self, Receiver<Change>) {
        let (sender, receiver) = channel();
        // Who dropped the receiver wants no more.
        let deliver = move |change: &Change| {
            let _ = sender.send(*change);
        };
        (Self::start(node, options, deliver), receiver)
    }

    /// How well every unit is, as of the last looks and events.
    #[must_use]
    pub fn report(&self) -> Report {
        lock(&self.shared.health).report(self.shared.node.clock().boot_now())
    }

    /// Somebody says that a device is well: [`Health::acknowledge`].
    pub fn acknowledge(&self, device: DeviceId) {
        self.shared.tell(|health, shared| health.acknowledge(device, shared.node.clock().boot_now()));
    }

    /// Ends the watch, and waits for its threads, at most for `limit`. A driver that is being waited for
    /// answers within a quarter of a second.
    ///
    /// # Errors
    /// The vendors whose threads have not ended by then: a call of theirs hangs. Their threads end when it
    /// returns, and hold the node until then.
    pub fn stop(self, limit: Duration) -> Result<(), Vec<Vendor>> {
        self.shared.end();
        let threads = lock(&self.shared.threads);
        let is_busy = |threads: &mut Threads| !threads.running.is_empty();
        let waited = self.shared.bell.wait_timeout_while(threads, limit, is_busy);
        let (threads, _) = waited.unwrap_or_else(PoisonError::into_inner);
        if threads.running.is_empty() { Ok(()) } else { Err(threads.running.clone()) }
    }
}

impl Drop for HealthWatch {
    /// Ends the watch without waiting for its threads.
    fn drop(&mut self) {
        self.shared.end();
    }
}

impl fmt::Debug for HealthWatch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("HealthWatch").field("options", &self.shared.options).finish_non_exhaustive()
    }
}

fn spawn(shared: &Shared, vendor: Vendor, run: impl FnOnce() + Send + 'static) {
    let thread = thread::Builder::new().name(format!("gpu-health-{vendor}"));
    if thread.spawn(run).is_err() {
        // Nobody looks at it: it is overdue before long.
        shared.left(vendor);
    }
}

impl Shared {
    fn end(&self) {
        lock(&self.threads).is_stopped = true;
        self.bell.notify_all();
    }

    fn is_stopped(&self) -> bool {
        lock(&self.threads).is_stopped
    }

    fn left(&self, vendor: Vendor) {
        lock(&self.threads).running.retain(|running| *running != vendor);
        self.bell.notify_all();
    }

    /// Sleeps for a time, or until the watch is stopped.
    fn pause(&self, time: Duration) {
        let threads = lock(&self.threads);
        let waited = self.bell.wait_timeout_while(threads, time, |threads| !threads.is_stopped);
        drop(waited.unwrap_or_else(PoisonError::into_inner));
    }

    /// Changes what is known, and delivers what comes of it.
    fn tell(&self, change: impl FnOnce(&mut Health, &Self) -> Vec<Change>) {
        let mut deliver = lock(&self.deliver);
        let changes = change(&mut lock(&self.health), self);
        changes.iter().for_each(&mut *deliver);
    }

    /// One vendor's thread.
    fn watch(&self, vendor: Vendor) {
        let mut events = Vec::new();
        // To listen first, so that nothing happens between a look and the first wait.
        self.listen(vendor, Duration::ZERO, &mut events);
        while !self.is_stopped() {
            let began = Instant::now();
            self.take(&mut events);
            self.look(vendor);
            while !self.is_stopped() && began.elapsed() < self.options.period {
                let left = self.options.period.saturating_sub(began.elapsed()).min(SLICE);
                self.listen(vendor, left, &mut events);
                if !events.is_empty() {
                    self.pause(GAP.saturating_sub(began.elapsed()));
                    break;
                }
            }
        }
        self.left(vendor);
    }

    /// Waits for events, where the vendor's driver tells of them; else for the time to pass.
    fn listen(&self, vendor: Vendor, limit: Duration, events: &mut Vec<Event>) {
        let nanoseconds = Nanoseconds(u64::try_from(limit.as_nanos()).unwrap_or(u64::MAX));
        let mut of_vendor = self.node.backends().filter(|backend| backend.vendor() == vendor);
        let source = of_vendor.find_map(|backend| backend.events().ok());
        let began = Instant::now();
        if source.is_none_or(|source| source.wait(nanoseconds, events).is_err()) {
            self.pause(limit.saturating_sub(began.elapsed()));
        }
    }

    fn take(&self, events: &mut Vec<Event>) {
        for event in events.drain(..) {
            self.tell(|health, _| health.event(&event));
        }
    }

    fn look(&self, vendor: Vendor) {
        let (mut inventory, mut sample) = (Inventory::new(), Sample::new());
        let query = Query::everything().metrics(METRICS).without_processes();
        let mut is_told = false;
        for backend in self.node.backends().filter(|backend| backend.vendor() == vendor) {
            if let Ok(of_backend) = backend.inventory() {
                inventory.append(of_backend);
                // Without a sample its devices are silent.
                is_told |= backend.sample_into(&query, &mut sample).is_ok();
            }
        }
        let clock = self.node.clock();
        let (now, boot) = (clock.boot_now(), clock.boot_id());
        self.tell(|health, _| match is_told {
            true => health.look(&Look { inventory: &inventory, sample: &sample, now, boot }),
            false => health.silent(vendor, now),
        });
    }

    /// The thread that minds the others.
    fn mind(&self) {
        while !self.is_stopped() {
            self.pause(self.options.period.min(SLICE));
            self.tell(|health, shared| health.tick(shared.node.clock().boot_now()));
        }
    }
}
