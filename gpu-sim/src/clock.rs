//! [`SimClock`]: a clock that a test drives.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

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
}

impl SimClock {
    pub(crate) fn new(boot_id: BootId, now: BootTime, booted_at: WallTime) -> Self {
        let number = |n| Arc::new(AtomicU64::new(n));
        Self { boot_id, boot: number(now.0), wall_at_boot: number(booted_at.0) }
    }

    /// Lets so much time pass.
    pub fn advance(&self, span: Nanoseconds) {
        self.boot.fetch_add(span.get(), Ordering::SeqCst);
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
