//! Every simulated machine, metered: MIG, AMD's partitions, tiles, virtual functions, GPUs that share time,
//! sleep, and show their power on another die. Whatever it is, it adds up, and comes to what the
//! devices themselves show.

#[path = "support/hand.rs"]
mod hand;

use gpu_core::attribution::{History, Look, attribute};
use gpu_core::meter::{Baseline, By, Dimension, IdlePower, Meter, Moment, Observation, Rules, Statement};
use gpu_core::{Device, Inventory, Nanoseconds, Sample, UnitId, stored};
use gpu_sim::{Machine, World};
use hand::{SECOND, read, take};

/// So many looks at a machine, a second apart; the first and the last sample.
fn meter(world: &World, rules: Rules, looks: u64) -> (Statement, Inventory, Sample, Sample) {
    let host = world.host();
    let mut meter = Meter::new("node-1".parse().unwrap(), rules);
    let mut history = History::new();
    let (_, first) = read(world);
    for look in 0..looks {
        if look > 0 {
            world.clock().advance(Nanoseconds(SECOND));
        }
        let (inventory, sample, sweep) = take(&host);
        let attribution = attribute(&Look::new(&inventory, &sample, &sweep), &mut history);
        let at = Moment::now(world.clock());
        meter.observe(&Observation::new(at, &inventory, &sample, &attribution)).unwrap();
    }
    let (inventory, last) = read(world);
    let statement = meter.close();
    statement.check().unwrap();
    (statement, inventory, first, last)
}

/// By each rule: what it is spread by changes who gets it, never how much it is.
#[test]
fn every_machine_adds_up() {
    let rules = [
        Rules::new(),
        Rules::new().otherwise(By::MemoryHeld).busy(By::MemoryHeld).baseline(Baseline::LeastSeen),
        Rules::new().energy(By::Slices).busy(By::Equal).idle_power(IdlePower::ToHolders),
        Rules::new().energy(By::Equal),
    ];
    for preset in Machine::presets() {
        for rules in &rules {
            let world = World::new(Machine::preset(preset).unwrap());
            let (statement, inventory, first, last) = meter(&world, rules.clone(), 20);
            assert!(statement.simulated || inventory.devices.is_empty(), "{preset}");
            for device in &inventory.devices {
                devices_own(preset, &statement, device, [&first, &last]);
            }
            let bytes = stored::encode_statement(&statement);
            assert_eq!(stored::decode_statement(&bytes).unwrap(), statement, "{preset}");
        }
    }
}

/// The sums over a device and its parts are what the device itself shows.
fn devices_own(preset: &str, statement: &Statement, device: &Device, samples: [&Sample; 2]) {
    let [first, last] = samples.map(|sample| sample.reading(device.id));
    let energy = statement.sum(device.id, Dimension::Energy);
    if let (Ok(first), Ok(last)) = (first.energy, last.energy) {
        let grown = u128::from(last.value.get() - first.value.get());
        assert_eq!(energy.total, grown, "{preset} {}", device.id);
    } else {
        assert!(energy.get().is_err() || energy.kind.is_some(), "{preset} {}: {energy:?}", device.id);
    }
    let parts: Vec<UnitId> = device.all_partitions().map(|part| part.id.into()).collect();
    let told = |unit: &UnitId| samples[1].reading(*unit).memory_total.is_ok();
    if let Ok(total) = last.memory_total {
        let memory = statement.sum(device.id, Dimension::Memory);
        let all = u128::from(total.value.get()) * u128::from(19 * SECOND);
        assert!(memory.total <= all, "{preset} {}", device.id);
        if last.memory_used.is_ok() {
            assert_eq!(memory.total, all, "{preset} {}: {parts:?} {memory:?}", device.id);
        }
    } else if !parts.iter().any(told) {
        assert!(statement.sum(device.id, Dimension::Memory).get().is_err(), "{preset} {}", device.id);
    }
}

/// GPUs that share their time: what each process was busy is what the simulation let it be, from the
/// second look on, and no more than there was.
#[test]
fn shared_time_is_whose_it_was() {
    let world = World::new(Machine::preset("mixed").unwrap());
    let (statement, inventory, ..) = meter(&world, Rules::new(), 61);
    let shared = inventory.devices().find(|of| of.name.contains("L40S")).unwrap();
    let unit = statement.unit(shared.id, gpu_core::Incarnation(0)).unwrap();
    let busy: Vec<u128> = unit.parts.iter().map(|part| part.busy.value / u128::from(SECOND)).collect();
    // 300, 250 and 100 thousandths of a minute, in the order of their owners.
    let mut sorted = busy.clone();
    sorted.sort_unstable();
    assert_eq!(sorted, [6, 15, 18], "{busy:?}");
    let account = unit.account(Dimension::Busy);
    assert_eq!((account.total, account.excess), (60 * u128::from(SECOND), 0));
}
