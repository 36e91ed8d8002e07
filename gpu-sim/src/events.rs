//! [`SimEvents`]: what a world's driver tells of events.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use gpu_core::{Clock, DeviceId, Error, Event, Events, Nanoseconds, PartitionKind, Source, UnitId, Vendor};

use crate::fault::{self, Fault};
use crate::gpu::Silicon;
use crate::inventory;
use crate::scene::Scene;
use crate::world::World;

/// How often a wait looks at the world, which a test changes from another thread.
const STEP: Duration = Duration::from_millis(1);

/// Waits for the events of a world's NVIDIA GPUs ([`Fault::Event`]). Clones share what was told.
#[derive(Clone, Debug)]
pub(crate) struct SimEvents {
    world: World,
    /// What was told, or happened before anybody listened; `None` before.
    told: Arc<Mutex<Option<Vec<Fault>>>>,
}

impl SimEvents {
    pub(crate) fn new(world: World) -> Self {
        Self { world, told: Arc::default() }
    }

    fn take(&self, events: &mut Vec<Event>) {
        let scene = self.world.scene();
        let due = scene.machine().faults.iter().filter(|fault| is_due(&scene, fault));
        let mut told = self.told.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(told) = told.as_mut() else {
            *told = Some(due.cloned().collect());
            return;
        };
        for fault in due {
            if !told.contains(fault) {
                told.push(fault.clone());
                events.extend(event(&scene, fault, self.world.clock().boot_now()));
            }
        }
    }
}

impl Events for SimEvents {
    fn wait(&self, limit: Nanoseconds, events: &mut Vec<Event>) -> Result<(), Error> {
        let (began, before) = (Instant::now(), events.len());
        loop {
            self.take(events);
            if events.len() > before || began.elapsed() >= Duration::from_nanos(limit.get()) {
                return Ok(());
            }
            std::thread::sleep(STEP);
        }
    }
}

fn is_due(scene: &Scene, fault: &Fault) -> bool {
    matches!(fault, Fault::Event { at, .. } if *at <= scene.now())
}

fn event(scene: &Scene, fault: &Fault, at: gpu_core::BootTime) -> Option<Event> {
    let Fault::Event { gpu, kind, data, gi, ci, .. } = *fault else { return None };
    let of = scene.machine().gpus.get(gpu).filter(|gpu| matches!(gpu.silicon, Silicon::Nvidia(_)));
    let unit = of.map(|gpu| place(inventory::device_id(scene.machine(), gpu), gi, ci));
    let kind = fault::event_kind(kind, data);
    Some(Event::new(Vendor::NVIDIA, unit, kind, at, Source::Simulated))
}

/// The device, or the instance of it that the driver names.
fn place(device: DeviceId, gi: Option<u32>, ci: Option<u32>) -> UnitId {
    let Some(gi) = gi else { return device.into() };
    let outer = device.partition(PartitionKind::GPU_INSTANCE, gi);
    let inner = ci.and_then(|ci| outer.inner(PartitionKind::COMPUTE_INSTANCE, ci));
    inner.unwrap_or(outer).into()
}
