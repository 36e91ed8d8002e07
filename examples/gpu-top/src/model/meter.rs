//! [`MeterView`]: what the meter says of all looks so far: held beside used.

use std::collections::BTreeMap;
use std::time::Duration;

use gpu_accounting::attribution::{Attribution, Basis};
use gpu_accounting::ledger::NodeName;
use gpu_accounting::meter::{
    Account, Dimension, Gap, Held, IdlePower, Meter, Metered, Moment, Observation, Part, Rules, Statement,
};
use gpu_accounting::{Absence, Bytes, DeviceId, Inventory, Nanoseconds, Node, Owner, UnitId, Watch};

use super::given;
use super::holder::names;
use super::ledger::{is_same, touches};
use super::slices;
use super::unit::{Cell, place};
use crate::text::percent;

/// What the meter says of all looks so far.
#[derive(Clone, Debug, Default)]
pub struct MeterView {
    /// From the first look to the last.
    pub length: Nanoseconds,
    pub looks: u64,
    /// By what is held: the ledger, or what the machine shows that everybody was given.
    pub held_by: &'static str,
    pub rows: Vec<MeterRow>,
    /// What happened that the numbers do not say: counters that fell, boots, clocks set.
    pub events: Vec<String>,
}

/// What a row is of.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum RowKind {
    /// All of a device and of what lies in it.
    Device,
    /// What one owner has.
    Part,
    /// What nobody can be named for.
    Unattributed,
    /// What was not used.
    Idle,
}

/// One row. In each number what is held and what is used are never together.
#[derive(Clone, Debug)]
pub struct MeterRow {
    pub kind: RowKind,
    pub unit: UnitId,
    pub owner: Option<Owner>,
    pub who: String,
    pub whose: String,
    pub place: String,
    /// Which part of its device it is: `42.8%`; `None` where nobody tells.
    pub part: Option<String>,
    /// False for what is held and was never used.
    pub is_used: bool,
    /// Time for which it was held.
    pub held: Cell<u128>,
    pub busy: Cell<Used>,
    /// Bytes × nanoseconds.
    pub memory: Cell<Used>,
    /// Microjoules.
    pub energy: Cell<Used>,
    /// Microjoules of idling while it was held.
    pub standby: u128,
    /// Thousandths of the time of which the numbers speak: the least of those that there are.
    pub covered: Option<u64>,
    /// Why the rest is missing.
    pub lack: Option<Lack>,
}

/// Of what numbers are missing, and why for most of the time.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Lack {
    /// The one number; `None` where all are missing for as long.
    pub of: Option<Dimension>,
    pub why: Gap,
}

/// A number of what was used.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Used {
    pub value: u128,
    /// The time for which there was a number, in nanoseconds.
    pub told: u128,
    /// Counted (`""`), estimated (`~`) or apportioned (`≈`).
    pub mark: &'static str,
}

impl Used {
    /// What a sum over time was on average; bytes × nanoseconds are bytes then.
    pub fn average(&self) -> Bytes {
        let average = self.value.checked_div(self.told).unwrap_or(0);
        Bytes(u64::try_from(average).unwrap_or(u64::MAX))
    }
}

impl MeterView {
    /// What an owner has of a unit.
    pub fn row(&self, owner: &Owner, unit: UnitId) -> Option<&MeterRow> {
        let is_it = |row: &&MeterRow| row.owner.as_ref().is_some_and(|of| is_same(of, owner));
        let mut of_owner = self.rows.iter().filter(is_it);
        of_owner.find(|row| touches(row.unit, unit))
    }
}

/// Meters look after look.
#[derive(Default)]
pub struct Metering {
    node: Option<NodeName>,
    every: Duration,
    meter: Option<Meter>,
    held: Vec<Held>,
    /// What people called owners: also those that are gone.
    names: BTreeMap<Owner, (String, String)>,
}

impl Metering {
    /// Of a node of that name, looked at so often.
    pub fn new(node: Option<NodeName>, every: Duration) -> Self {
        Self { node, every, ..Self::default() }
    }

    /// Takes a look. `by_ledger`: who holds what, and nothing inside while the ledger cannot be read;
    /// without a ledger what was given counts.
    pub fn look(
        &mut self,
        node: &Node,
        watch: &Watch<'_>,
        attribution: &Attribution,
        by_ledger: Option<Option<&[Held]>>,
    ) -> MeterView {
        let name = self.node.or_else(|| "here".parse().ok());
        let Some(name) = name else { return MeterView::default() };
        let every = self.every;
        let meter = self.meter.get_or_insert_with(|| Meter::new(name, rules(node, watch.inventory(), every)));
        let (since_boot, wall) = watch.looked_at();
        let at = Moment { boot: node.clock().boot_id(), since_boot, wall };
        let look = Observation::new(at, watch.inventory(), watch.sample(), attribution);
        let held = match (by_ledger, watch.evidence()) {
            (Some(by_ledger), _) => by_ledger,
            (None, Some(evidence)) => {
                given::held(evidence, watch.inventory(), &mut self.held);
                Some(&self.held[..])
            }
            (None, None) => None,
        };
        let look = held.map_or(look, |held| look.held(held));
        // A look that is not later than the last (a clock that stands) adds nothing.
        let _ = meter.observe(&look);
        for (_, part) in meter.open().parts() {
            // Names are read once they are known: who is gone keeps his.
            if watch.facts(&part.owner).is_some() || !self.names.contains_key(&part.owner) {
                self.names.insert(part.owner.clone(), names(watch, &part.owner));
            }
        }
        let held_by = if by_ledger.is_some() { "the ledger" } else { "what was given" };
        self.view(watch.inventory(), held_by)
    }

    fn view(&self, inventory: &Inventory, held_by: &'static str) -> MeterView {
        let Some(meter) = &self.meter else { return MeterView::default() };
        let statement = meter.open();
        let mut devices: Vec<DeviceId> = inventory.devices().map(|device| device.id).collect();
        for unit in &statement.units {
            // What is gone has its account all the same.
            if !devices.contains(&unit.unit.device()) {
                devices.push(unit.unit.device());
            }
        }
        let mut rows = Vec::new();
        for device in devices {
            self.device(statement, inventory, device, &mut rows);
        }
        let events = statement.events.iter().rev().take(20).map(|event| event.kind.to_string());
        MeterView {
            length: statement.length(),
            looks: statement.spans.iter().map(|span| span.looks.get()).sum(),
            held_by,
            rows,
            events: events.collect(),
        }
    }

    fn device(
        &self,
        statement: &Statement,
        inventory: &Inventory,
        device: DeviceId,
        rows: &mut Vec<MeterRow>,
    ) {
        let unit = UnitId::Device(device);
        let accounts = Dimension::ALL.map(|dimension| statement.sum(device, dimension));
        let [held, busy, memory, energy] = &accounts;
        // Bytes of all its units together, on average over the time of the longest account.
        let units = statement.units.iter().filter(|of| of.unit.lies_in(device));
        let longest = units.map(|of| of.account(Dimension::Memory).covered).max().unwrap_or_default();
        let mut memory = *memory;
        memory.covered = longest;
        let memory = &memory;
        let row = |kind, who: &str, number: fn(&Account) -> u128| MeterRow {
            kind,
            unit,
            owner: None,
            who: who.to_owned(),
            whose: String::new(),
            place: place(inventory, unit),
            part: None,
            is_used: true,
            // What is held by nobody is no time of anybody's; of cut devices the sum has no meaning.
            held: held.get().map(|_| held.attributed + held.unattributed),
            busy: of_account(busy, number),
            memory: of_account(memory, number),
            energy: of_account(energy, number),
            standby: 0,
            covered: None,
            lack: None,
        };
        let name = inventory.device(device).map_or("gone", |of| of.name.as_str());
        let mut whole = row(RowKind::Device, name, |account| account.total);
        let used = [(Dimension::Busy, busy), (Dimension::Memory, &accounts[2]), (Dimension::Energy, energy)];
        (whole.covered, whole.lack) = coverage(used);
        rows.push(whole);
        self.parts(statement, inventory, device, held, rows);
        let mut rest = row(RowKind::Unattributed, "(unattributed)", |account| account.unattributed);
        rest.held = held.get().map(|_| held.unattributed);
        rows.push(rest);
        let mut idle = row(RowKind::Idle, "(idle)", |account| account.idle);
        idle.held = Err(Absence::NotSupported { why: "what nobody holds is no time of anybody's" });
        idle.standby = energy.standby;
        rows.push(idle);
    }

    /// What owners have of a device: what they hold in one row with what they use of it.
    fn parts(
        &self,
        statement: &Statement,
        inventory: &Inventory,
        device: DeviceId,
        held: &Account,
        rows: &mut Vec<MeterRow>,
    ) {
        let of_device = || statement.parts().filter(|(unit, _)| unit.unit.device() == device);
        let from = rows.len();
        for (unit, part) in of_device().filter(|(_, part)| is_use(part)) {
            let size = size(statement, unit.unit);
            rows.push(self.part(inventory, (unit.unit, part), held, size));
        }
        for (unit, part) in of_device().filter(|(_, part)| !is_use(part)) {
            let is_it = |row: &MeterRow| {
                row.owner.as_ref().is_some_and(|of| is_same(of, &part.owner)) && touches(row.unit, unit.unit)
            };
            let size = size(statement, unit.unit);
            match rows[from..].iter_mut().find(|row| is_it(row)) {
                Some(row) => {
                    row.held = row.held.map(|held| held + u128::from(part.held.get()));
                    row.standby += part.standby;
                    row.part = size.or_else(|| row.part.take());
                    row.place = place(inventory, unit.unit);
                }
                None => rows.push(self.part(inventory, (unit.unit, part), held, size)),
            }
        }
    }

    fn part(
        &self,
        inventory: &Inventory,
        (unit, part): (UnitId, &Part),
        held: &Account,
        size: Option<String>,
    ) -> MeterRow {
        let (who, whose) =
            self.names.get(&part.owner).cloned().unwrap_or_else(|| (part.owner.to_string(), String::new()));
        MeterRow {
            kind: RowKind::Part,
            unit,
            owner: Some(part.owner.clone()),
            who,
            whose,
            place: place(inventory, unit),
            part: size,
            is_used: is_use(part),
            held: held.get().map(|_| u128::from(part.held.get())),
            busy: of_part(&part.busy),
            memory: of_part(&part.memory),
            energy: of_part(&part.energy),
            standby: part.standby,
            covered: told(part),
            lack: None,
        }
    }
}

/// Looks of the period that was asked for leave no gap, and idle power is shown to those who hold.
fn rules(node: &Node, inventory: &Inventory, every: Duration) -> Rules {
    let every = Nanoseconds(u64::try_from(every.as_nanos()).unwrap_or(u64::MAX).saturating_mul(5));
    let rules = Rules::new().idle_power(IdlePower::ToHolders);
    let longest = rules.longest_step.max(every);
    slices::known(rules.longest_step(longest), node, inventory)
}

/// Whether the owner was seen to be there: what is only held is no use.
fn is_use(part: &Part) -> bool {
    let is_there = |of: &Metered| of.basis.is_some() || of.untold.get() > 0;
    [part.busy, part.memory, part.energy].iter().any(is_there)
}

fn of_part(of: &Metered) -> Cell<Used> {
    let mark = match of.basis {
        Some(Basis::Estimated(_)) => "~",
        Some(Basis::Apportioned(_)) => "≈",
        _ => "",
    };
    of.get().map(|value| Used { value, told: u128::from(of.told.get()), mark })
}

fn of_account(of: &Account, number: fn(&Account) -> u128) -> Cell<Used> {
    of.get().map(|_| Used { value: number(of), told: u128::from(of.covered.get()), mark: "" })
}

/// Thousandths of the owner's time that the numbers speak of: the least of those that there are.
fn told(part: &Part) -> Option<u64> {
    let parts = [part.busy, part.memory, part.energy];
    let there = parts.iter().filter(|of| of.basis.is_some());
    there.filter_map(|of| thousandths(of.told, of.untold)).min()
}

/// The same of a device's accounts: of the one that speaks of least, which that is where others speak of
/// more, and why.
fn coverage(accounts: [(Dimension, &Account); 3]) -> (Option<u64>, Option<Lack>) {
    let kept = accounts.into_iter().filter(|(_, account)| account.is_kept());
    let parts = kept.filter_map(|(dimension, account)| {
        Some((thousandths(account.covered, account.gaps.total())?, dimension, account))
    });
    let parts: Vec<_> = parts.collect();
    let Some(&(least, dimension, account)) = parts.iter().min_by_key(|(covered, ..)| *covered) else {
        return (None, None);
    };
    let is_alone = parts.iter().any(|(covered, ..)| *covered > least);
    let lack = account.gaps.main().map(|gap| Lack { of: is_alone.then_some(dimension), why: gap });
    (Some(least), lack)
}

fn thousandths(told: Nanoseconds, untold: Nanoseconds) -> Option<u64> {
    let all = u128::from(told.get()) + u128::from(untold.get());
    u64::try_from((u128::from(told.get()) * 1000).checked_div(all)?).ok()
}

/// Which part of its device a unit is; a share as much of its whole as there are shares.
fn size(statement: &Statement, unit: UnitId) -> Option<String> {
    let (own, of) = fraction(statement, unit)?;
    Some(percent(own.into(), of.into())).filter(|text| !text.is_empty())
}

fn fraction(statement: &Statement, unit: UnitId) -> Option<(u64, u64)> {
    if let UnitId::Share(share) = unit {
        let (own, of) = fraction(statement, share.whole())?;
        return Some((own, of.saturating_mul(u64::from(share.replicas().max(1)))));
    }
    // The latest life of it.
    let size = statement.units.iter().rev().find(|of| of.unit == unit)?.size?;
    Some((size.own.get(), size.of.get()))
}
