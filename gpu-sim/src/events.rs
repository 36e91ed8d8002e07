//! [`SimEvents`]: what a world's driver tells of events.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use gpu_core::{
    BootTime, Clock, DeviceId, Error, Event, Events, Nanoseconds, PartitionKind, Source, UnitId, Vendor,
};

use crate::fault::{self, Fault};
use crate::gpu::Silicon;
use crate::inventory;
use crate::machine::Machine;
use crate::world::World;

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
        let (machine, now) = (self.world.machine(), self.world.clock().boot_now());
        let due = machine.faults.iter().filter(|fault| is_due(fault, now));
        let mut told = self.told.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(told) = told.as_mut() else {
            *told = Some(due.cloned().collect());
            return;
        };
        for fault in due {
            if !told.contains(fault) {
                told.push(fault.clone());
                events.extend(event(&machine, fault, now));
            }
        }
    }
}

impl Events for SimEvents {
    fn wait(&self, limit: Nanoseconds, events: &mut Vec<Event>) -> Result<(), Error> {
        let (began, before, limit) = (Instant::now(), events.len(), Duration::from_nanos(limit.get()));
        loop {
            let changes = self.world.clock().changes();
            self.take(events);
            let left = limit.saturating_sub(began.elapsed());
            if events.len() > before || left.is_zero() {
                return Ok(());
            }
            self.world.clock().wait_change(changes, left);
        }
    }
}

fn is_due(fault: &Fault, now: BootTime) -> bool {
    matches!(fault, Fault::Event { at, .. } if *at <= now)
}

fn event(machine: &Machine, fault: &Fault, at: BootTime) -> Option<Event> {
    let Fault::Event { gpu, kind, data, gi, ci, .. } = *fault else { return None };
    let of = machine.gpus.get(gpu).filter(|gpu| matches!(gpu.silicon, Silicon::Nvidia(_)));
    let unit = of.map(|gpu| place(inventory::device_id(machine, gpu), gi, ci));
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
