//! [`SimClock`]: a clock that a test drives.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::time::Duration;

use gpu_core::{BootId, BootTime, Clock, Nanoseconds, WallTime};

/// A clock that stands still until it is told to go on. Clones tell the same time.
///
/// ```
/// use gpu_core::{Clock, Nanoseconds};
/// let world = gpu_sim::World::new(gpu_sim::Machine::preset("mixed")?);
/// let before = world.clock().boot_now();
/// world.clock().advance(Nanoseconds::from_secs(10));
/// assert_eq!(world.clock().boot_now().since(before), Nanoseconds::from_secs(10));
/// # Ok::<(), gpu_sim::DescriptionError>(())
/// ```
#[derive(Clone, Debug)]
pub struct SimClock {
    boot_id: BootId,
    boot: Arc<AtomicU64>,
    /// The time of day at boot: steps when somebody sets the clock.
    wall_at_boot: Arc<AtomicU64>,
    bell: Arc<Bell>,
}

/// Told whenever the clock goes on or the machine changes: how often, and who waits.
#[derive(Debug, Default)]
struct Bell {
    rung: Mutex<u64>,
    rings: Condvar,
}

impl SimClock {
    pub(crate) fn new(boot_id: BootId, now: BootTime, booted_at: WallTime) -> Self {
        let number = |n| Arc::new(AtomicU64::new(n));
        Self { boot_id, boot: number(now.0), wall_at_boot: number(booted_at.0), bell: Arc::default() }
    }

    /// How often something has changed.
    pub(crate) fn changes(&self) -> u64 {
        *self.bell.rung.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Something changes.
    pub(crate) fn ring(&self) {
        *self.bell.rung.lock().unwrap_or_else(PoisonError::into_inner) += 1;
        self.bell.rings.notify_all();
    }

    /// Waits until something has changed more often than so, at most so long by the machine that this
    /// runs on.
    pub(crate) fn wait_change(&self, changes: u64, limit: Duration) {
        let rung = self.bell.rung.lock().unwrap_or_else(PoisonError::into_inner);
        let waited = self.bell.rings.wait_timeout_while(rung, limit, |rung| *rung == changes);
        drop(waited.unwrap_or_else(PoisonError::into_inner));
    }

    /// Lets so much time pass.
    pub fn advance(&self, span: Nanoseconds) {
        self.boot.fetch_add(span.get(), Ordering::SeqCst);
        self.ring();
    }

    /// Sets the time of day, as an administrator or NTP does; time since boot goes on unmoved.
    pub fn set_wall(&self, now: WallTime) {
        let boot = self.boot.load(Ordering::SeqCst);
        self.wall_at_boot.store(now.0.saturating_sub(boot), Ordering::SeqCst);
    }
}

impl Clock for SimClock {
    fn boot_now(&self) -> BootTime {
        BootTime(self.boot.load(Ordering::SeqCst))
    }

    fn wall_now(&self) -> WallTime {
        WallTime(self.wall_at_boot.load(Ordering::SeqCst).saturating_add(self.boot_now().0))
    }

    fn boot_id(&self) -> BootId {
        self.boot_id
    }
}
