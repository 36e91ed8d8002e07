//! [`Page`]: everything about a node, as one text.

use std::collections::BTreeMap;

use gpu_core::attribution::Attribution;
use gpu_core::meter::Dimension;
use gpu_core::{Absence, Device, Inventory, Known, Partition, Reading, Sample, ThrottleReasons, UnitId};

use super::decimal::Decimal;
use super::family::Family;
use super::table::{self, DEVICES, PARTITIONS, Row};
use super::tally::{Tally, Totalled, unit_labels};
use super::text::{Format, LabelSet, Text};
use crate::sampler::{Answer, Observed, Totals};

/// Everything about a node, as one text: see the [module](super) for its families.
///
/// ```
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// use gpu_accounting::{Node, openmetrics::{Format, Page}};
/// let node = Node::builder().machine(gpu_sim::Machine::preset("l40s-4")?).build();
/// let (inventory, sample) = (node.inventory(), node.sample());
/// let text = Page::new(&inventory, &sample).simulated(node.simulated()).text(Format::OpenMetrics);
/// assert!(text.contains("gpu_node_info{simulated=\"true\",machine=\"l40s-4\"} 1\n"));
/// assert_eq!(text.matches("\nhw_gpu_memory_usage_bytes{").count(), 4);
/// assert!(text.ends_with("# EOF\n"));
/// # Ok(())
/// # }
/// ```
#[derive(Debug, Clone, Copy)]
#[must_use = "a page does nothing until it is written"]
pub struct Page<'a> {
    inventory: &'a Inventory,
    sample: &'a Sample,
    attribution: Option<&'a Attribution>,
    tally: Option<&'a Tally>,
    sampled: Option<(&'a Observed, Totals)>,
    simulated: Option<&'a str>,
    recorded: Option<&'a str>,
    #[cfg(feature = "health")]
    health: Option<&'a gpu_core::health::Report>,
}

impl<'a> Page<'a> {
    /// A page of what there is and what it shows.
    pub const fn new(inventory: &'a Inventory, sample: &'a Sample) -> Self {
        Self {
            inventory,
            sample,
            attribution: None,
            tally: None,
            sampled: None,
            simulated: None,
            recorded: None,
            #[cfg(feature = "health")]
            health: None,
        }
    }

    /// A page of what a sampler has seen, with what that cost.
    pub fn observed(observed: &'a Observed, totals: Totals) -> Self {
        Self {
            attribution: observed.attribution.as_ref().ok(),
            sampled: Some((observed, totals)),
            ..Self::new(&observed.inventory, &observed.sample)
        }
    }

    /// The same page with who uses what now.
    pub const fn attribution(self, attribution: &'a Attribution) -> Self {
        Self { attribution: Some(attribution), ..self }
    }

    /// The same page with what owners have used so far. Owners are named, and told apart, as the tally
    /// does it: without one there are no series of owners.
    pub const fn tally(self, tally: &'a Tally) -> Self {
        Self { tally: Some(tally), ..self }
    }

    /// The same page with how well its units are.
    #[cfg(feature = "health")]
    pub const fn health(self, report: &'a gpu_core::health::Report) -> Self {
        Self { health: Some(report), ..self }
    }

    /// The same page, marked as that simulated machine's.
    pub const fn simulated(self, machine: Option<&'a str>) -> Self {
        Self { simulated: machine, ..self }
    }

    /// The same page, marked as a recording's: when it was recorded and by what, as
    /// [`Node::recorded`](crate::Node::recorded) tells it.
    pub const fn recorded(self, when: Option<&'a str>) -> Self {
        Self { recorded: when, ..self }
    }

    /// The page as text.
    #[must_use]
    pub fn text(&self, format: Format) -> String {
        let mut text = Text::new(format);
        self.node(&mut text);
        self.devices(&mut text);
        self.partitions(&mut text);
        #[cfg(feature = "health")]
        if let Some(report) = self.health {
            super::health::write(report, &mut text);
        }
        if let Some(tally) = self.tally {
            self.owners_now(tally, &mut text);
            owners_so_far(tally, &mut text);
            accounts(tally, &mut text);
        }
        if let Some((observed, totals)) = self.sampled {
            sampler(observed, totals, &mut text);
        }
        text.finish()
    }

    fn node(&self, text: &mut Text) {
        text.family(&Family::info(
            "gpu_node",
            "The node; whether its GPUs are simulated, and as which machine; when it was recorded, if it was.",
        ));
        let simulated = if self.simulated.is_some() { "true" } else { "false" };
        let labels = LabelSet::new().with("simulated", simulated);
        let labels = labels.with("machine", self.simulated.unwrap_or(""));
        text.series(&labels.with("recorded", self.recorded.unwrap_or("")), "", Decimal::from(1));
    }

    fn devices(&self, text: &mut Text) {
        text.family(&Family::info("gpu_device", "What a GPU is."));
        let devices: Vec<(LabelSet, &Device)> =
            self.inventory.devices.iter().map(|device| (unit_labels(device.id.into()), device)).collect();
        for (labels, device) in &devices {
            text.series(&device_info(labels, device), "", Decimal::from(1));
        }
        let readings: Vec<(LabelSet, &Reading)> =
            devices.iter().map(|(labels, device)| (labels.clone(), self.sample.reading(device.id))).collect();
        for row in DEVICES {
            rows(row, &readings, text);
        }
        throttling(&readings, text);
        absences(&readings, text);
    }

    /// Of parts that lie in each other, each metric stands at the outermost that has it.
    fn partitions(&self, text: &mut Text) {
        text.family(&Family::info("gpu_partition", "What a partition of a GPU is."));
        for part in self.inventory.devices.iter().flat_map(Device::all_partitions) {
            text.series(&partition_info(part), "", Decimal::from(1));
        }
        for row in PARTITIONS {
            let mut readings = Vec::new();
            for device in &self.inventory.devices {
                for part in &device.partitions {
                    outermost(part, row, self.sample, &mut readings);
                }
            }
            rows(row, &readings, text);
        }
    }

    fn owners_now(&self, tally: &Tally, text: &mut Text) {
        let Some(attribution) = self.attribution else { return };
        text.family(&Family::gauge(
            "gpu_owner_memory_usage",
            "bytes",
            "Device memory of a container, job or service, on the smallest unit that the driver names.",
        ));
        let mut sums: BTreeMap<&LabelSet, u128> = BTreeMap::new();
        for line in &attribution.lines {
            let labels = line.holder.owner().and_then(|owner| tally.labels(line.unit, owner));
            if let (Some(labels), Ok(memory)) = (labels, line.memory) {
                *sums.entry(labels).or_default() += u128::from(memory.value.get());
            }
        }
        for (labels, sum) in sums {
            text.series(labels, "", Decimal::unsigned(sum, 0));
        }
    }
}

fn rows(row: &Row, readings: &[(LabelSet, &Reading)], text: &mut Text) {
    text.family(&row.family);
    for (metric, further) in row.metrics {
        for (labels, reading) in readings {
            let value = reading.get(*metric).ok().and_then(|of| table::decimal(of.value, row.places));
            if let Some(value) = value {
                text.series(labels, further, value);
            }
        }
    }
}

fn outermost<'a>(part: &Partition, row: &Row, sample: &'a Sample, found: &mut Vec<(LabelSet, &'a Reading)>) {
    let reading = sample.reading(part.id);
    if row.metrics.iter().any(|(metric, _)| reading.get(*metric).is_ok()) {
        found.push((unit_labels(part.id.into()), reading));
        return;
    }
    for inner in &part.partitions {
        outermost(inner, row, sample, found);
    }
}

fn known<T: ToString>(fact: &Known<T>) -> String {
    fact.value().map_or_else(String::new, T::to_string)
}

fn device_info(labels: &LabelSet, device: &Device) -> LabelSet {
    labels
        .clone()
        .with("hw_vendor", device.vendor().as_str())
        .with("hw_model", &device.name)
        .with("hw_serial_number", &known(&device.serial))
        .with("hw_firmware_version", &known(&device.firmware))
        .with("hw_name", &known(&device.vendor_name))
        .with("pci", &known(&device.pci))
        .with("index", &device.index.to_string())
}

fn partition_info(part: &Partition) -> LabelSet {
    unit_labels(part.id.into())
        .with("profile", &known(&part.profile))
        .with("hw_name", &known(&part.vendor_name))
        .with(
            "compute_units",
            &part.compute_units.value().map_or_else(String::new, |of| of.get().to_string()),
        )
}

fn throttling(readings: &[(LabelSet, &Reading)], text: &mut Text) {
    const REASONS: [(ThrottleReasons, &str); 4] = [
        (ThrottleReasons::POWER_CAP, "reason=\"power_cap\""),
        (ThrottleReasons::THERMAL, "reason=\"thermal\""),
        (ThrottleReasons::POWER_BRAKE, "reason=\"power_brake\""),
        (ThrottleReasons::HARDWARE, "reason=\"hardware\""),
    ];
    text.family(&Family::gauge("gpu_throttled", "", "1 while this holds the clocks down."));
    for (labels, reading) in readings {
        let Ok(throttle) = reading.throttle else { continue };
        for (reason, further) in REASONS {
            text.series(labels, further, Decimal::from(u64::from(throttle.value.contains(reason))));
        }
    }
}

/// What is missing, by reason; what the hardware does not have is not missing.
fn absences(readings: &[(LabelSet, &Reading)], text: &mut Text) {
    text.family(&Family::gauge(
        "gpu_absent_metrics",
        "",
        "Metrics of a GPU that could not be read, by reason; those that it does not have are not counted.",
    ));
    for (labels, reading) in readings {
        let mut reasons: BTreeMap<&str, u64> = BTreeMap::new();
        for (_, value) in reading.iter() {
            match value {
                Ok(_) | Err(Absence::NotSupported { .. } | Absence::UnknownVersion { .. }) => {}
                Err(absence) => *reasons.entry(absence.kind()).or_default() += 1,
            }
        }
        for (reason, count) in reasons {
            text.series(labels, &format!("reason=\"{reason}\""), Decimal::from(count));
        }
    }
}

/// Families of what owners have used, by dimension, with the decimal places of their unit.
const fn owner_family(dimension: Dimension) -> Option<(Family, u32)> {
    Some(match dimension {
        Dimension::Held => (
            Family::counter(
                "gpu_owner_held",
                "seconds",
                "How long a unit was held for an owner, by the ledger.",
            ),
            9,
        ),
        Dimension::Busy => {
            (Family::counter("gpu_owner_busy", "seconds", "How long a unit worked for an owner."), 9)
        }
        Dimension::Memory => (
            Family::counter(
                "gpu_owner_memory",
                "byte_seconds",
                "Device memory of an owner, times how long it had it.",
            ),
            9,
        ),
        Dimension::Energy => {
            (Family::counter("gpu_owner_energy", "joules", "Energy that a device used for an owner."), 6)
        }
        _ => return None,
    })
}

fn owners_so_far(tally: &Tally, text: &mut Text) {
    for (at, dimension) in Dimension::ALL.iter().enumerate() {
        let Some((family, places)) = owner_family(*dimension) else { continue };
        text.family(&family);
        // Owners whose names are the same, if there are such, have one series together.
        let mut sums: BTreeMap<&LabelSet, u128> = BTreeMap::new();
        for owner in tally.owners() {
            if let Some(value) = owner.values[at] {
                *sums.entry(&owner.labels).or_default() += value;
            }
        }
        for (labels, sum) in sums {
            text.series(labels, "", Decimal::unsigned(sum, places));
        }
    }
    text.family(&Family::gauge(
        "gpu_owners_folded",
        "",
        "Owners, unit by unit, that have no series of their own because there are too many.",
    ));
    let folded = u64::try_from(tally.folded()).unwrap_or(u64::MAX);
    text.series(&LabelSet::new(), "", Decimal::from(folded));
}

fn accounts(tally: &Tally, text: &mut Text) {
    let families = [
        (
            Dimension::Busy,
            Family::counter(
                "gpu_account_busy",
                "seconds",
                "What became of a device's time: the parts add up to the total.",
            ),
            9,
        ),
        (
            Dimension::Memory,
            Family::counter(
                "gpu_account_memory",
                "byte_seconds",
                "What became of a device's memory, times time.",
            ),
            9,
        ),
        (
            Dimension::Energy,
            Family::counter("gpu_account_energy", "joules", "What became of a device's energy."),
            6,
        ),
    ];
    for (dimension, family, places) in families {
        text.family(&family);
        let Some(at) = Dimension::ALL.iter().position(|of| *of == dimension) else { continue };
        for (device, sums) in tally.devices() {
            let Some(Totalled { attributed, idle, unattributed, .. }) = sums.accounts[at] else { continue };
            let labels = unit_labels(UnitId::Device(device));
            text.series(&labels, "share=\"attributed\"", Decimal::unsigned(attributed, places));
            text.series(&labels, "share=\"idle\"", Decimal::unsigned(idle, places));
            text.series(&labels, "share=\"unattributed\"", Decimal::unsigned(unattributed, places));
        }
    }
    text.family(&Family::counter(
        "gpu_account_covered",
        "seconds",
        "Time that the accounts speak of, all parts of a device together; the rest is gaps.",
    ));
    for (device, sums) in tally.devices() {
        let labels = unit_labels(UnitId::Device(device));
        for (dimension, sum) in Dimension::ALL.iter().zip(&sums.accounts) {
            if let Some(sum) = sum {
                let further = format!("dimension=\"{}\"", dimension.name());
                text.series(&labels, &further, Decimal::unsigned(sum.covered, 9));
            }
        }
    }
}

fn sampler(observed: &Observed, totals: Totals, text: &mut Text) {
    let plain = LabelSet::new();
    let mut one = |family: Family, value: Decimal| {
        text.family(&family);
        text.series(&plain, "", value);
    };
    one(Family::counter("gpu_sampler_looks", "", "Looks at the node."), Decimal::from(totals.looks));
    one(
        Family::counter(
            "gpu_sampler_missed_looks",
            "",
            "Turns in which nobody looked, because the look before took too long.",
        ),
        Decimal::from(totals.missed),
    );
    one(
        Family::counter("gpu_sampler_timed_out", "", "Vendors that did not answer in time, look by look."),
        Decimal::from(totals.timed_out),
    );
    one(
        Family::gauge("gpu_sampler_late", "seconds", "How long after its turn the last look began."),
        Decimal::unsigned(observed.cost.late.get().into(), 9),
    );
    one(
        Family::gauge("gpu_sampler_took", "seconds", "How long the last look took."),
        Decimal::unsigned(observed.cost.took.get().into(), 9),
    );
    text.family(&Family::counter(
        "gpu_sampler_processor",
        "seconds",
        "Processor time of looks: the sampler's own, and the vendors' calls.",
    ));
    text.series(&plain, "of=\"sampler\"", Decimal::unsigned(totals.processor.get().into(), 9));
    text.series(&plain, "of=\"vendors\"", Decimal::unsigned(totals.vendors_processor.get().into(), 9));
    text.family(&Family::gauge("gpu_vendor_up", "", "1 when the vendor answered in time at the last look."));
    for vendor in &observed.vendors {
        let labels = LabelSet::new().with("hw_vendor", vendor.vendor.as_str());
        text.series(&labels, "", Decimal::from(u64::from(vendor.answer == Answer::InTime)));
    }
    text.family(&Family::gauge(
        "gpu_vendor_call",
        "seconds",
        "How long the vendor's call took at the last look.",
    ));
    for vendor in observed.vendors.iter().filter(|of| of.answer == Answer::InTime) {
        let labels = LabelSet::new().with("hw_vendor", vendor.vendor.as_str());
        text.series(&labels, "", Decimal::unsigned(vendor.took.get().into(), 9));
    }
}
