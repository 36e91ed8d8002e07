//! A crowded node: 8 boards of 7 instances, and containers on all of them; looks at it that are made
//! before anything is measured.

#![allow(dead_code)] // each test binary uses some of it

use gpu_core::attribution::Attribution;
use gpu_core::meter::{Held, Meter, Moment, Observation, Rules};
use gpu_core::{
    Count, Device, DeviceId, Incarnation, Inventory, Owner, Partition, PartitionKind, PciAddress, Reading,
    Sample, UnitId, UnitReading, Vendor, cgroup,
};

use crate::hand::{Hand, SECOND, WHY};

const GIB: u64 = 1 << 30;

/// One look at it.
pub struct Taken {
    pub at: Moment,
    pub sample: Sample,
    pub attribution: Attribution,
}

pub struct Crowd {
    pub inventory: Inventory,
    pub held: Vec<Held>,
    pub looks: Vec<Taken>,
    pub owners: Vec<Owner>,
}

impl Crowd {
    /// So many looks, a second apart, with so many containers: one after the other on the instances in
    /// turn, or on each instance all.
    pub fn new(looks: u64, containers: u32, everywhere: bool) -> Self {
        let mut hand = Hand::new("hgx-h100-8", Rules::new());
        hand.inventory = inventory();
        let units: Vec<UnitId> = hand.inventory.units().collect();
        hand.sample.units =
            units.iter().map(|unit| UnitReading { unit: *unit, reading: Reading::absent(WHY) }).collect();
        let inner: Vec<UnitId> = hand
            .inventory
            .devices
            .iter()
            .flat_map(|of| of.partitions.iter().map(|of| of.partitions[0].id.into()))
            .collect();
        let mut pid = 1000;
        for n in 0..containers {
            let places: &[UnitId] =
                if everywhere { &inner } else { std::slice::from_ref(&inner[n as usize % inner.len()]) };
            for unit in places {
                hand.run(pid, *unit, Some(owner(n)), GIB / 64, Some(0));
                pid += 1;
            }
        }
        let held = hand.inventory.devices.iter().flat_map(|device| &device.partitions);
        let held = held.zip(0..).map(|(outer, n)| Held {
            unit: outer.partitions[0].id.into(),
            incarnation: outer.partitions[0].incarnation,
            owner: Some(owner(n % containers)),
        });
        let held = held.collect();
        let mut taken = Vec::new();
        for second in 1..=looks {
            for process in &mut hand.processes {
                process.busy = Some(second * 1_000_000 * u64::from(process.pid % 17));
            }
            for unit in &units {
                match unit {
                    UnitId::Device(_) => {
                        hand.energy(*unit, second * 400_000_000);
                        hand.memory(*unit, 80 * GIB, Some(GIB), 60 * GIB);
                    }
                    UnitId::Partition(id) if id.parent().is_none() => {
                        hand.memory(*unit, 10 * GIB, None, 8 * GIB);
                    }
                    _ => hand.busy(*unit, 700),
                }
            }
            let attribution = hand.attribution();
            taken.push(Taken { at: hand.moment(), sample: hand.sample.clone(), attribution });
            hand.pass(SECOND);
        }
        let owners = (0..containers).map(owner).collect();
        Self { inventory: hand.inventory, held, looks: taken, owners }
    }

    pub fn tell(&self, meter: &mut Meter, look: &Taken) {
        let look = Observation::new(look.at, &self.inventory, &look.sample, &look.attribution);
        meter.observe(&look.held(&self.held)).unwrap();
    }
}

pub fn owner(n: u32) -> Owner {
    cgroup::owner(&format!("0::/docker/{n:064x}\n"))
}

fn inventory() -> Inventory {
    let mut inventory = Inventory::new();
    for board in 0..8 {
        let id = DeviceId::from_pci(Vendor::NVIDIA, PciAddress::new(0, 0x10 + board, 0, 0));
        let mut device = Device::new(id, "NVIDIA H100 80GB HBM3");
        device.memory_total = gpu_core::Bytes(80 * GIB).into();
        device.compute_units = Count(132).into();
        for at in 0..7 {
            let outer = id.partition(PartitionKind::GPU_INSTANCE, at);
            let mut part = Partition::new(outer, Incarnation(u64::from(at) + 1));
            part.memory_total = gpu_core::Bytes(10 * GIB).into();
            part.compute_units = Count(16).into();
            part.profile = "1g.10gb".to_owned().into();
            let inner = outer.inner(PartitionKind::COMPUTE_INSTANCE, 0).unwrap();
            let mut inner = Partition::new(inner, Incarnation(u64::from(at) + 1));
            inner.compute_units = Count(16).into();
            part.partitions.push(inner);
            device.partitions.push(part);
        }
        inventory.devices.push(device);
    }
    inventory
}
