//! [`Shown`]: the moment that a replayed node shows.

use std::sync::{Arc, PoisonError, RwLock};

use gpu_core::{BootId, Vendor};

use crate::Moment;

/// The moment that a replayed node shows: all its parts look at the same.
#[derive(Clone, Debug)]
pub(crate) struct Shown(Arc<RwLock<Scene>>);

/// A moment, and the boot that it was in.
#[derive(Clone, Debug)]
pub(crate) struct Scene {
    pub boot: BootId,
    pub moment: Arc<Moment>,
}

impl Shown {
    pub fn new(boot: BootId, moment: Moment) -> Self {
        Self(Arc::new(RwLock::new(Scene { boot, moment: Arc::new(moment) })))
    }

    pub fn scene(&self) -> Scene {
        self.0.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    pub fn moment(&self) -> Arc<Moment> {
        self.scene().moment
    }

    pub fn show(&self, boot: BootId, moment: Moment) {
        *self.0.write().unwrap_or_else(PoisonError::into_inner) = Scene { boot, moment: Arc::new(moment) };
    }
}

/// The name of who shows what belongs to no vendor that was read: GPUs that nobody drives, problems of
/// the bus.
pub(crate) const NOBODY: Vendor = Vendor::new(gpu_core::Tag::literal("recording"));
