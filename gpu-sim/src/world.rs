//! [`World`]: a machine that can change, and a clock.

use std::sync::{Arc, Condvar, Mutex, PoisonError, RwLock};
use std::time::Duration;

use gpu_core::{Clock, Vendor};

use crate::clock::SimClock;
use crate::fault::Fault;
use crate::gpu::{Gpu, Silicon};
use crate::machine::Machine;
use crate::scene::{GpuState, Scene, UseState};

/// A machine that can change, and a clock. Every form of the simulation looks at it through a
/// [`Scene`], so that all show the same. Clones are the same world.
#[derive(Clone, Debug)]
pub struct World(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    machine: RwLock<Arc<Machine>>,
    clock: SimClock,
    lost: Mutex<Vec<usize>>,
    held: Mutex<Vec<Vendor>>,
    let_go: Condvar,
}

impl World {
    /// The machine at the time at which its simulation starts.
    #[must_use]
    pub fn new(machine: Machine) -> Self {
        let clock = SimClock::new(machine.boot_id, machine.started_at, machine.booted_at);
        Self(Arc::new(Inner {
            machine: RwLock::new(Arc::new(machine)),
            clock,
            lost: Mutex::default(),
            held: Mutex::default(),
            let_go: Condvar::new(),
        }))
    }

    /// The machine as it is now.
    #[must_use]
    pub fn machine(&self) -> Arc<Machine> {
        Arc::clone(&self.0.machine.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// Changes the machine, as an administrator or an accident does. Who looked before keeps
    /// what he saw.
    ///
    /// ```
    /// let world = gpu_sim::World::new(gpu_sim::Machine::preset("l40s-4")?);
    /// world.change(|machine| machine.gpus[0].asleep = true);
    /// assert!(world.machine().gpus[0].asleep);
    /// # Ok::<(), gpu_sim::DescriptionError>(())
    /// ```
    pub fn change<T>(&self, change: impl FnOnce(&mut Machine) -> T) -> T {
        let done = change(Arc::make_mut(&mut self.0.machine.write().unwrap_or_else(PoisonError::into_inner)));
        self.0.clock.ring();
        done
    }

    /// The clock, which stands still until it is told to go on.
    #[must_use]
    pub fn clock(&self) -> &SimClock {
        &self.0.clock
    }

    /// Lets a GPU fall off the bus.
    pub fn lose(&self, gpu: usize) {
        self.0.lost.lock().unwrap_or_else(PoisonError::into_inner).push(gpu);
    }

    /// Holds every call of the vendor's in-process backend that comes from now on (inventory, sample)
    /// until [`release`](Self::release): a driver that hangs. It never answers by itself.
    pub fn hold(&self, vendor: Vendor) {
        self.0.held.lock().unwrap_or_else(PoisonError::into_inner).push(vendor);
    }

    /// Lets the calls go on that [`hold`](Self::hold) holds.
    pub fn release(&self, vendor: Vendor) {
        self.0.held.lock().unwrap_or_else(PoisonError::into_inner).retain(|held| *held != vendor);
        self.0.let_go.notify_all();
    }

    /// What a call of the in-process backend waits for: what the machine's faults say of its
    /// latency, and who holds the vendor.
    pub(crate) fn pass(&self, vendor: Vendor, call: &str) {
        for fault in &self.machine().faults {
            match fault {
                Fault::Latency { function, time } if is_of(function, vendor, call) => {
                    std::thread::sleep(Duration::from_nanos(time.get()));
                }
                _ => {}
            }
        }
        let mut held = self.0.held.lock().unwrap_or_else(PoisonError::into_inner);
        while held.contains(&vendor) {
            held = self.0.let_go.wait(held).unwrap_or_else(PoisonError::into_inner);
        }
    }

    /// Brings back a GPU that fell off the bus by [`lose`](Self::lose), as a reset of the slot does.
    pub fn find(&self, gpu: usize) {
        self.0.lost.lock().unwrap_or_else(PoisonError::into_inner).retain(|lost| *lost != gpu);
    }

    /// What there is and what it shows now, all at one time.
    #[must_use]
    pub fn scene(&self) -> Scene {
        let lost = self.0.lost.lock().unwrap_or_else(PoisonError::into_inner).clone();
        Scene::new(self.machine(), self.clock().boot_now(), lost)
    }

    /// What a GPU shows now: [`Scene::gpu`].
    ///
    /// # Panics
    /// When the machine has no GPU at that position.
    #[must_use]
    pub fn gpu(&self, position: usize) -> GpuState {
        self.scene().gpu(position)
    }

    /// What processes do on a GPU now: [`Scene::uses`].
    #[must_use]
    pub fn uses(&self, gpu: usize) -> Vec<UseState> {
        self.scene().uses(gpu)
    }

    /// True when the vendor's driver is loaded: [`Scene::has_driver`].
    #[must_use]
    pub fn has_driver(&self, vendor: Vendor) -> bool {
        self.scene().has_driver(vendor)
    }
}

/// True when a latency's function is this call of the in-process backend: `nvidia/sample_into`.
fn is_of(function: &str, vendor: Vendor, call: &str) -> bool {
    function.split_once('/').is_some_and(|(of, named)| of == vendor.as_str() && named == call)
}

impl Gpu {
    /// Who made it.
    #[must_use]
    pub const fn vendor(&self) -> Vendor {
        match self.silicon {
            Silicon::Nvidia(_) => Vendor::NVIDIA,
            Silicon::Amd(_) => Vendor::AMD,
            Silicon::Intel(_) => Vendor::INTEL,
        }
    }

    /// The kernel driver that drives it.
    #[must_use]
    pub const fn driver(&self) -> &'static str {
        use crate::gpu::IntelDriver::{I915, I915Prelim, Xe};
        match &self.silicon {
            Silicon::Nvidia(_) => "nvidia",
            Silicon::Amd(_) => "amdgpu",
            Silicon::Intel(intel) => match intel.driver {
                I915 | I915Prelim => "i915",
                Xe => "xe",
            },
        }
    }
}
