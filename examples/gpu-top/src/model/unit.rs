//! [`UnitView`]: a device or partition as it is shown.

use gpu_accounting::attribution::{Attribution, Balance};
use gpu_accounting::{
    Absence, Bytes, Device, Hertz, Inventory, Measured, Microjoules, Microwatts, Millicelsius, Partition,
    PartitionId, Permille, Reading, UnitId, Watch,
};

use super::slots::Slots;
use super::trace::{Shown, Traces};

/// A number, or why there is none.
pub type Cell<T> = Result<T, Absence>;

/// A number as text with its source, or why there is none.
pub type Told = Result<(String, String), Absence>;

/// A device or partition as it is shown.
#[derive(Clone, Debug)]
pub struct UnitView {
    pub unit: UnitId,
    /// 0 for a device, 1 for a partition, 2 for one in a partition.
    pub depth: usize,
    /// `#0` or `gi:1`.
    pub place: String,
    /// The product's name, or the partition's profile.
    pub name: String,
    pub busy: Cell<Permille>,
    pub memory_used: Cell<Bytes>,
    pub memory_total: Cell<Bytes>,
    pub power: Cell<Microwatts>,
    pub power_limit: Cell<Microwatts>,
    pub temperature: Cell<Millicelsius>,
    pub clock: Cell<Hertz>,
    /// Since the first look.
    pub energy: Cell<Microjoules>,
    pub history: Shown,
    /// How its memory is somebody's, nobody's and free.
    pub balance: Cell<Balance>,
    pub slots: Option<Slots>,
    /// Every metric, with its value and source or why there is none.
    pub metrics: Vec<(&'static str, Told)>,
    /// What it is, line by line.
    pub facts: Vec<(&'static str, String)>,
}

/// Adds a device and its partitions.
pub fn device(
    watch: &Watch<'_>,
    attribution: &Attribution,
    traces: &Traces,
    (number, device): (usize, &Device),
    slots: Option<Slots>,
    units: &mut Vec<UnitView>,
) {
    let of = |unit: UnitId| one(watch, attribution, traces, unit);
    let mut view = of(device.id.into());
    view.place = format!("#{number}");
    view.name = device.name.clone();
    view.slots = slots;
    // What the inventory knows is better than nothing, and does not change while a GPU sleeps.
    view.memory_total =
        view.memory_total.or_else(|absence| device.memory_total.value().copied().ok_or(absence));
    view.facts = vec![
        ("id", device.id.to_string()),
        ("vendor's name", device.vendor_name.to_string()),
        ("PCI", device.pci.to_string()),
        ("NUMA node", device.numa.to_string()),
        ("driver", device.driver.to_string()),
        ("architecture", device.architecture.to_string()),
        ("firmware", device.firmware.to_string()),
        ("compute units", device.compute_units.to_string()),
    ];
    let modes = device.modes.iter().map(|mode| (mode.name, mode.current.to_string()));
    view.facts.extend(modes);
    units.push(view);
    for part in device.partitions() {
        units.push(partition(of(part.id.into()), part, 1));
        let inner = part.partitions().map(|inner| partition(of(inner.id.into()), inner, 2));
        // A compute instance that fills its GPU instance says nothing more.
        units.extend(inner.filter(|_| part.partitions.len() > 1));
    }
}

fn partition(mut view: UnitView, part: &Partition, depth: usize) -> UnitView {
    view.depth = depth;
    view.place = format!("{}:{}", part.kind(), part.id.index());
    view.name = part.profile.to_string();
    view.memory_total =
        view.memory_total.or_else(|absence| part.memory_total.value().copied().ok_or(absence));
    view.facts = vec![
        ("id", part.id.to_string()),
        ("vendor's name", part.vendor_name.to_string()),
        ("slots", part.placement.to_string()),
        ("compute units", part.compute_units.to_string()),
        ("copy engines", part.engines.copy.to_string()),
        ("decoders", part.engines.decoder.to_string()),
        ("incarnation", part.incarnation.to_string()),
    ];
    view
}

fn one(watch: &Watch<'_>, attribution: &Attribution, traces: &Traces, unit: UnitId) -> UnitView {
    let reading = watch.sample().reading(unit);
    let balance = attribution.balance(unit).ok_or(Absence::NotYet).and_then(|of| of.memory);
    UnitView {
        unit,
        depth: 0,
        place: String::new(),
        name: String::new(),
        busy: value(reading.busy),
        memory_used: value(reading.memory_used),
        memory_total: value(reading.memory_total),
        power: value(reading.power),
        power_limit: value(reading.power_limit),
        temperature: value(reading.temperature),
        clock: value(reading.clock_graphics).or(value(reading.clock_sm)),
        energy: traces.spent(unit, reading.energy.map(drop)),
        history: traces.of(unit),
        balance,
        slots: None,
        metrics: metrics(reading),
        facts: Vec::new(),
    }
}

fn value<T>(measured: Result<Measured<T>, Absence>) -> Cell<T> {
    measured.map(|of| of.value)
}

fn metrics(reading: &Reading) -> Vec<(&'static str, Told)> {
    let shown = reading.iter().map(|(metric, value)| {
        let value = value.map(|of| {
            let window = of.window().map(|window| format!(", over {window}")).unwrap_or_default();
            (of.to_string(), format!("{}{window}", of.source))
        });
        (metric.name(), value)
    });
    shown.collect()
}

/// Where a unit is, by the numbers that the view gives to devices: `#0 gi:1 ci:0`.
pub fn place(inventory: &Inventory, unit: UnitId) -> String {
    let device = inventory.devices().position(|device| device.id == unit.device());
    let device = device.map_or_else(|| unit.device().to_string(), |number| format!("#{number}"));
    match unit {
        UnitId::Partition(id) => format!("{device} {}", within(id)),
        _ => device,
    }
}

/// A partition's place within its device: what comes after the first slash of its text.
fn within(id: PartitionId) -> String {
    let text = id.to_string();
    text.split_once('/').map_or("", |(_, within)| within).replace('/', " ")
}
