//! [`ShownClock`]: the clock of a recording.

use gpu_core::{BootId, BootTime, Clock, WallTime};

use crate::shown::Shown;

/// Tells the time of the moment that is shown.
#[derive(Debug)]
pub(crate) struct ShownClock(pub Shown);

impl Clock for ShownClock {
    fn boot_now(&self) -> BootTime {
        self.0.moment().at
    }

    fn wall_now(&self) -> WallTime {
        self.0.moment().wall
    }

    fn boot_id(&self) -> BootId {
        self.0.scene().boot
    }
}
