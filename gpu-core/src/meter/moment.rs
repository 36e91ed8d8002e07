//! [`Moment`]: one moment by both clocks.

use crate::time::{BootId, BootTime, Clock, WallTime};

/// One moment: by the clock that measures, and by the clock that people read.
///
/// ```
/// use gpu_core::meter::Moment;
/// let world = gpu_sim::World::new(gpu_sim::Machine::preset("mixed")?);
/// let now = Moment::now(world.clock());
/// world.clock().advance(gpu_core::Nanoseconds::from_secs(3600));
/// assert_eq!(Moment::now(world.clock()).since_boot.since(now.since_boot).get(), 3_600_000_000_000);
/// # Ok::<(), gpu_sim::DescriptionError>(())
/// ```
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
pub struct Moment {
    /// The boot that `since_boot` belongs to.
    pub boot: BootId,
    /// What intervals are measured by: never steps.
    pub since_boot: BootTime,
    /// What intervals are found by: may step in both directions, and nothing is computed from it.
    pub wall: WallTime,
}

impl Moment {
    /// The moment that `clock` tells.
    #[must_use]
    pub fn now(clock: &dyn Clock) -> Self {
        Self { boot: clock.boot_id(), since_boot: clock.boot_now(), wall: clock.wall_now() }
    }
}
