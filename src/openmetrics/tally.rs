//! [`Tally`]: what statements have added up to, for counters that only grow.

use std::collections::BTreeMap;

use gpu_core::meter::{Account, Dimension, Names, Statement};
use gpu_core::{BootTime, DeviceId, Nanoseconds, Owner, SlurmJob, UnitId};

use super::text::LabelSet;

/// What statements have added up to since the tally was made: for each owner and unit, and for each
/// device.
///
/// Bounded: of each family of owners at most [`series`](Self::new) are told apart, in the order in which
/// they come; owners beyond have one series together on each device, `owner_kind="other"`, so that
/// sums stay whole. Who is in it stays in it while it is seen, so that no counter falls. Owners that
/// have not been seen for ten minutes are forgotten, and make room.
///
/// ```
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// use gpu_accounting::meter::{Meter, Moment, Observation, Rules};
/// use gpu_accounting::{Node, openmetrics::Tally};
/// # let world = gpu_sim::World::new(gpu_sim::Machine::preset("mixed")?);
/// # let node = Node::builder().machine(world.host()).build();
/// let mut watch = node.watch();
/// let mut meter = Meter::new("node-1".parse()?, Rules::new());
/// let mut tally = Tally::new(1_000);
/// for _ in 0..2 {
///     let attribution = watch.look();
///     let at = Moment::now(node.clock());
///     meter.observe(&Observation::new(at, watch.inventory(), watch.sample(), &attribution))?;
///     tally.add(&meter.close());
///     # world.clock().advance(gpu_accounting::Nanoseconds(1_000_000_000));
///     // a second later
/// }
/// assert_eq!(tally.folded(), 0);
/// # Ok(())
/// # }
/// ```
#[derive(Debug)]
pub struct Tally {
    most: usize,
    owners: BTreeMap<(UnitId, Owner), OwnerTally>,
    /// Owners that came when there was no room, on each device together.
    others: BTreeMap<DeviceId, OwnerTally>,
    /// Who they are, and when they were last seen.
    folded: BTreeMap<(UnitId, Owner), BootTime>,
    devices: BTreeMap<DeviceId, DeviceTally>,
    now: BootTime,
}

/// After so long an owner that is not seen is forgotten.
const KEPT: Nanoseconds = Nanoseconds::from_secs(600);

/// What an owner has had of a unit; absent where nothing ever told it.
#[derive(Debug, Clone, Default)]
pub(super) struct OwnerTally {
    pub(super) labels: LabelSet,
    has_names: bool,
    pub(super) values: [Option<u128>; Dimension::ALL.len()],
    last_seen: BootTime,
}

/// What a device's accounts have come to.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct DeviceTally {
    pub(super) accounts: [Option<Totalled>; Dimension::ALL.len()],
}

#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Totalled {
    pub(super) attributed: u128,
    pub(super) idle: u128,
    pub(super) unattributed: u128,
    pub(super) covered: u128,
}

impl Tally {
    /// A tally of nothing yet, of at most so many series of owners in a family.
    #[must_use]
    pub const fn new(series: usize) -> Self {
        Self {
            most: series,
            owners: BTreeMap::new(),
            others: BTreeMap::new(),
            folded: BTreeMap::new(),
            devices: BTreeMap::new(),
            now: BootTime(0),
        }
    }

    /// Adds a statement: each once, and each after those that it follows.
    pub fn add(&mut self, statement: &Statement) {
        self.now = statement.spans.last().map_or(self.now, |span| span.to);
        for (unit, part) in statement.parts() {
            let names = statement.names(&part.owner);
            let tally = self.slot(unit.unit, &part.owner, names);
            for (at, dimension) in Dimension::ALL.iter().enumerate() {
                let value = part.get(*dimension).get().ok();
                // Without a ledger nothing says that anything was held, nor that nothing was.
                let is_told = *dimension != Dimension::Held || value != Some(0);
                add(&mut tally.values[at], value.filter(|_| is_told));
            }
        }
        let mut devices: Vec<DeviceId> = statement.units.iter().map(|of| of.unit.device()).collect();
        devices.sort_unstable();
        devices.dedup();
        for device in devices {
            for (at, dimension) in Dimension::ALL.iter().enumerate() {
                let account = statement.sum(device, *dimension);
                self.devices.entry(device).or_default().count(at, &account);
            }
        }
        self.forget();
    }

    /// The series of an owner on a unit: its own, or that of all who found no room.
    fn slot(&mut self, unit: UnitId, owner: &Owner, names: Option<&Names>) -> &mut OwnerTally {
        let (now, key) = (self.now, (unit, owner.clone()));
        let is_folded = self.folded.contains_key(&key);
        if is_folded || (self.owners.len() >= self.most && !self.owners.contains_key(&key)) {
            self.folded.insert(key, now);
            let other = self.others.entry(unit.device()).or_default();
            if other.labels.as_str().is_empty() {
                other.labels = unit_labels(UnitId::Device(unit.device())).with("owner_kind", "other");
            }
            return other;
        }
        let tally = self.owners.entry(key).or_default();
        if tally.labels.as_str().is_empty() || (!tally.has_names && names.is_some()) {
            tally.labels = owner_labels(unit, owner, names);
            tally.has_names = names.is_some();
        }
        tally.last_seen = now;
        tally
    }

    fn forget(&mut self) {
        let now = self.now;
        self.owners.retain(|_, tally| now.since(tally.last_seen) <= KEPT);
        self.folded.retain(|_, last_seen| now.since(*last_seen) <= KEPT);
    }

    /// Owners, unit by unit, that are in the series of others.
    #[must_use]
    pub fn folded(&self) -> usize {
        self.folded.len()
    }

    /// The labels under which an owner's series on a unit stands; of others where it has none.
    pub(super) fn labels(&self, unit: UnitId, owner: &Owner) -> Option<&LabelSet> {
        let key = (unit, owner.clone());
        let tally = match self.owners.get(&key) {
            None if self.folded.contains_key(&key) => self.others.get(&unit.device()),
            own => own,
        };
        tally.map(|tally| &tally.labels)
    }

    /// Every series of owners.
    pub(super) fn owners(&self) -> impl Iterator<Item = &OwnerTally> {
        self.owners.values().chain(self.others.values())
    }

    pub(super) fn devices(&self) -> impl Iterator<Item = (DeviceId, &DeviceTally)> {
        self.devices.iter().map(|(device, tally)| (*device, tally))
    }
}

impl DeviceTally {
    fn count(&mut self, at: usize, account: &Account) {
        if account.get().is_err() {
            return;
        }
        let sum = self.accounts[at].get_or_insert_default();
        sum.attributed = sum.attributed.saturating_add(account.attributed);
        sum.idle = sum.idle.saturating_add(account.idle);
        sum.unattributed = sum.unattributed.saturating_add(account.unattributed);
        sum.covered = sum.covered.saturating_add(account.covered.get().into());
    }
}

fn add(sum: &mut Option<u128>, value: Option<u128>) {
    if let Some(value) = value {
        *sum = Some(sum.unwrap_or(0).saturating_add(value));
    }
}

/// The labels of a unit: its device, and below it the partition.
pub(super) fn unit_labels(unit: UnitId) -> LabelSet {
    let device = unit.device().to_string();
    let text = unit.to_string();
    let part = text.strip_prefix(&device).unwrap_or("").trim_start_matches('/');
    LabelSet::new().with("hw_id", &device).with("partition", part)
}

fn owner_labels(unit: UnitId, owner: &Owner, names: Option<&Names>) -> LabelSet {
    let (kind, id) = named(owner);
    let labels = unit_labels(unit).with("owner_kind", kind).with("owner", &id);
    let Some(names) = names else { return labels };
    let label = |label: &Option<gpu_core::Label>| {
        label.as_ref().map_or_else(String::new, |of| of.as_str().to_owned())
    };
    labels
        .with("container", &label(&names.container))
        .with("pod", &label(&names.pod))
        .with("namespace", &label(&names.namespace))
}

/// Kind and whole name of an owner.
fn named(owner: &Owner) -> (&'static str, String) {
    match owner {
        Owner::Container(container) => ("container", container.id.to_string()),
        Owner::Slurm(SlurmJob { job, step, task, .. }) => {
            let job = job.map_or_else(|| "unknown".to_owned(), |job| job.to_string());
            let step = step.map_or_else(String::new, |step| format!(".{step}"));
            let task = task.map_or_else(String::new, |task| format!(".{task}"));
            ("slurm", format!("{job}{step}{task}"))
        }
        Owner::Unit(name) => ("unit", name.to_string()),
        Owner::Session { user } => ("session", user.to_string()),
        Owner::Machine => ("machine", String::new()),
        Owner::Hidden => ("hidden", String::new()),
        other => ("unknown", other.to_string()),
    }
}
