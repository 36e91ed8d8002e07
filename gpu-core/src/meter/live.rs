//! What stands since the last look: the units that are there, where their accounts are, and what each
//! owner had of them.

use std::sync::Arc;

use super::gap::Gap;
use super::rules::Rules;
use super::statement::Statement;
use super::unit_statement::{Size, UnitStatement};
use crate::attribution::Basis;
use crate::device::Device;
use crate::fingerprint::Incarnation;
use crate::id::{DeviceId, PartitionId, UnitId};
use crate::inventory::Inventory;
use crate::partition::Partition;
use crate::quantity::Count;

pub(super) type Key = (UnitId, Incarnation);

/// What one owner shows of one unit at one look.
#[derive(Clone, Copy, Default, Debug)]
pub(super) struct Seen {
    /// Has a line there.
    pub is_present: bool,
    /// Holds it.
    pub is_held: bool,
    /// Memory of its lines, before anything is scaled.
    pub memory: Option<(u64, Basis)>,
    /// What of it counts until the next look.
    pub memory_counted: u64,
}

/// What stands of one owner on one unit, beside its part in the open statement.
#[derive(Clone, Copy, Default, Debug)]
pub(super) struct Standing {
    /// At the look before, until the last.
    pub then: Seen,
    /// At the last look.
    pub now: Seen,
    /// Time that shaders worked for it since the look before.
    pub busy: Option<(u64, Basis)>,
    /// Work of it is in no number.
    pub busy_untold: bool,
}

/// Memory of one account, until the next look.
#[derive(Clone, Copy, Default, Debug)]
pub(super) struct MemoryRate {
    pub total: u64,
    pub attributed: u64,
    pub idle: u64,
    pub reserved: u64,
    pub excess: u64,
}

/// An energy counter as it stood.
#[derive(Clone, Copy, Debug)]
pub(super) struct Stood {
    pub value: u64,
    /// For how long it has not been read.
    pub age: u64,
}

/// Who holds a unit.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub(super) enum HeldBy {
    #[default]
    Nobody,
    /// Set aside for nobody yet.
    SetAside,
    Somebody,
}

/// A unit that is there.
#[derive(Clone, Debug)]
pub(super) struct Unit {
    pub key: Key,
    /// Where it stands in the open statement.
    pub at: usize,
    /// Where it stands in the sample, as of the last look.
    pub reading_at: Option<usize>,
    /// Which unit's account has its memory, its shaders' time, its energy.
    pub memory_in: Option<usize>,
    pub busy_in: Option<usize>,
    pub power_in: Option<usize>,
    /// The units whose memory, time, energy is in its account: it may be one of them.
    pub memory_of: Vec<usize>,
    pub busy_of: Vec<usize>,
    pub power_of: Vec<usize>,
    /// The units whose memory is cut out of its own.
    pub carved: Vec<usize>,
    /// How many devices its power domain has, for a leader.
    pub members: u64,
    /// The unit that it lies in.
    pub parent: Option<usize>,
    /// The only unit in its parent: what the parent shows is its own.
    pub is_only: bool,
    /// Compute units of its own, or slices: comparable on one device.
    pub own_units: u64,
    pub own_slices: u64,
    /// It was there at the look before.
    pub was: bool,
    pub memory: Result<MemoryRate, Gap>,
    /// What shares made together at the last look, in thousandths, before attribution scaled them.
    pub unscaled: u64,
    /// Busy time of those who cannot be named, of this step.
    pub strangers: u64,
    /// Lines of such, at the look before and at the last.
    pub strangers_then: u32,
    pub strangers_now: u32,
    pub strangers_memory: u64,
    /// Shaders' time that the unit shows as used and is in nobody's part, of this step.
    pub unattributed: u64,
    pub held_then: HeldBy,
    pub held_now: HeldBy,
    pub held_excess: u32,
    pub counter: Option<Stood>,
    /// Power at the last look, in µW, for want of a counter.
    pub power: Option<u64>,
    /// What is left of power × time below a microjoule.
    pub power_rest: u64,
    /// The least power seen between two looks, in µW.
    pub least: Option<u64>,
    /// Parallel to the parts of its statement.
    pub standings: Vec<Standing>,
}

/// The units that are there, by key; and what is used again from look to look.
#[derive(Clone, Debug, Default)]
pub(super) struct Live {
    pub units: Vec<Unit>,
    /// The keys as the last look listed them: while they are the same, so is everything about them.
    listed: Vec<Key>,
    listing: Vec<Key>,
    pub is_told: bool,
}

impl Live {
    /// Where a unit is, if it is there. `near` is a guess.
    pub fn find(&self, key: Key, near: usize) -> Option<usize> {
        if self.units.get(near).is_some_and(|unit| unit.key == key) {
            return Some(near);
        }
        self.units.binary_search_by(|unit| unit.key.cmp(&key)).ok()
    }

    /// Where the only life of a unit is that is there now.
    pub fn find_unit(&self, unit: UnitId, near: usize) -> Option<usize> {
        if self.units.get(near).is_some_and(|of| of.key.0 == unit) {
            return Some(near);
        }
        let at = self.units.partition_point(|of| of.key.0 < unit);
        self.units.get(at).filter(|of| of.key.0 == unit).map(|_| at)
    }

    /// Whether other units are there than at the look before.
    pub fn is_changed(&mut self, inventory: &Inventory, held: &[super::held::Held]) -> bool {
        self.listing.clear();
        for device in &inventory.devices {
            self.listing.push((device.id.into(), Incarnation::default()));
            for part in device.all_partitions() {
                self.listing.push((part.id.into(), part.incarnation));
            }
        }
        let shares = held.iter().filter(|held| matches!(held.unit, UnitId::Share(_)));
        self.listing.extend(shares.map(|held| (held.unit, held.incarnation)));
        self.listing != self.listed
    }

    /// The keys that [`is_changed`](Self::is_changed) has found.
    pub fn listing(&self) -> &[Key] {
        &self.listing
    }

    /// Takes over the units that are there now.
    pub fn change(&mut self, inventory: &Inventory, rules: &Rules, open: &mut Statement) {
        core::mem::swap(&mut self.listed, &mut self.listing);
        let mut keys = self.listed.clone();
        keys.sort_unstable();
        keys.dedup();
        let mut before = core::mem::take(&mut self.units);
        for key in keys {
            let unit = match before.binary_search_by(|unit| unit.key.cmp(&key)) {
                Ok(at) => before.remove(at),
                Err(_) => Unit::new(key),
            };
            self.units.push(unit);
        }
        for unit in &mut self.units {
            (unit.memory_in, unit.busy_in, unit.power_in, unit.parent) = (None, None, None, None);
            (unit.is_only, unit.members) = (false, 1);
            for list in [&mut unit.memory_of, &mut unit.busy_of, &mut unit.power_of, &mut unit.carved] {
                list.clear();
            }
        }
        for device in &inventory.devices {
            self.arrange(device, rules);
        }
        self.arrange_domains(rules);
        self.list_members();
        self.enter(inventory, rules, open);
    }

    /// Where the accounts of a device's units are.
    fn arrange(&mut self, device: &Device, rules: &Rules) {
        let Some(whole) = self.find_unit(device.id.into(), 0) else { return };
        let has_shaders =
            |part: &Partition| part.compute_units.value().is_some() || part.compute_slices.value().is_some();
        let is_cut = device.all_partitions().any(has_shaders);
        let unit = &mut self.units[whole];
        unit.memory_in = Some(whole);
        unit.busy_in = (!is_cut).then_some(whole);
        unit.power_in = Some(whole);
        unit.own_units = device.compute_units.value().map_or(0, |count| count.get());
        unit.own_slices = rules.slices(device.id).unwrap_or(0);
        let mut left = device.memory_total.value().map(|total| total.get());
        for part in device.all_partitions() {
            let Some(at) = self.find((part.id.into(), part.incarnation), whole + 1) else { continue };
            let parent = part.id.parent().and_then(|id| self.find_unit(id.into(), at)).unwrap_or(whole);
            let in_parent = &self.units[parent];
            let (parents_memory, parents_busy) = (in_parent.memory_in, in_parent.busy_in);
            let own = part.memory_total.value().map(|total| total.get());
            // What is cut out of another partition's memory stays in that one's account.
            let is_own = parent == whole
                && match (own, left) {
                    (Some(own), Some(left)) => own <= left,
                    (own, None) => own.is_some(),
                    (None, _) => false,
                };
            if is_own {
                left = left.map(|left| left - own.unwrap_or(0));
            }
            let inner = part.partitions.iter().any(has_shaders);
            let unit = &mut self.units[at];
            unit.parent = Some(parent);
            unit.memory_in = if is_own { Some(at) } else { parents_memory };
            unit.busy_in = match (has_shaders(part), inner) {
                (true, false) => Some(at),
                (_, true) => None,
                (false, false) => parents_busy,
            };
            unit.power_in = Some(whole);
            unit.own_units = part.compute_units.value().map_or(0, |count| count.get());
            unit.own_slices = part.compute_slices.value().map_or(0, |count| count.get());
            unit.is_only = only_in(device, part.id);
        }
    }

    /// Gives the energy of devices that share a counter to the one that shows it.
    fn arrange_domains(&mut self, rules: &Rules) {
        for domain in &rules.domains {
            let Some(leader) = self.find_unit(domain.leader.into(), 0) else { continue };
            for unit in &mut self.units {
                if domain.others.contains(&unit.key.0.device()) && !matches!(unit.key.0, UnitId::Share(_)) {
                    unit.power_in = Some(leader);
                }
            }
            self.units[leader].members = 1 + domain.others.len() as u64;
        }
    }

    /// Lists, account by account, whose it is.
    fn list_members(&mut self) {
        for at in 0..self.units.len() {
            let Unit { memory_in, busy_in, power_in, parent, .. } = self.units[at];
            if let Some(of) = memory_in {
                self.units[of].memory_of.push(at);
            }
            if let Some(of) = busy_in {
                self.units[of].busy_of.push(at);
            }
            if let Some(of) = power_in {
                self.units[of].power_of.push(at);
            }
            let outer = parent.and_then(|parent| self.units[parent].memory_in);
            if let Some(outer) = outer.filter(|_| memory_in == Some(at)) {
                self.units[outer].carved.push(at);
            }
        }
    }

    /// Makes sure that every unit has its place in the open statement.
    fn enter(&mut self, inventory: &Inventory, rules: &Rules, open: &mut Statement) {
        for unit in &mut self.units {
            let place = open.units.binary_search_by(|of| of.key().cmp(&unit.key));
            if let Err(at) = place {
                let (name, size) = described(inventory, rules, unit.key);
                open.units.insert(at, UnitStatement::new(unit.key, name, size));
                unit.standings.clear();
            }
        }
        // What was entered has moved the others.
        for unit in &mut self.units {
            let place = open.units.binary_search_by(|of| of.key().cmp(&unit.key));
            unit.at = place.unwrap_or_default();
            unit.standings.resize(open.units[unit.at].parts.len(), Standing::default());
        }
    }
}

fn only_in(device: &Device, part: PartitionId) -> bool {
    let Some(parent) = part.parent() else { return false };
    device.all_partitions().find(|of| of.id == parent).is_some_and(|of| of.partitions.len() == 1)
}

/// What a unit is called, and how large it is beside its device.
fn described(inventory: &Inventory, rules: &Rules, (unit, _): Key) -> (Arc<str>, Option<Size>) {
    let device = |id: DeviceId| inventory.device(id);
    match unit {
        UnitId::Device(id) => {
            let of = device(id).and_then(|of| of.compute_units.value().copied()).unwrap_or(Count(1));
            (cut(device(id).map_or("", |of| &of.name)), Some(Size { own: of, of }))
        }
        UnitId::Partition(id) => {
            let part = inventory.partition(id);
            let name = part.and_then(|part| part.profile.value()).map_or("", |name| name);
            let whole = device(id.device());
            let units = part.and_then(|of| of.compute_units.value().copied());
            let of = whole.and_then(|of| of.compute_units.value().copied());
            let slices = part.and_then(|of| of.compute_slices.value().copied());
            let size = match (units, of, slices, rules.slices(id.device())) {
                (Some(own), Some(of), ..) if own <= of => Some(Size { own, of }),
                (_, _, Some(own), Some(of)) if own.get() <= of => Some(Size { own, of: Count(of) }),
                _ => None,
            };
            (cut(name), size)
        }
        UnitId::Share(id) => {
            let whole = (id.whole(), Incarnation::default());
            (described(inventory, rules, whole).0, None)
        }
    }
}

/// At most so much of a name is kept.
fn cut(name: &str) -> Arc<str> {
    let mut end = name.len().min(256);
    while !name.is_char_boundary(end) {
        end -= 1;
    }
    name[..end].into()
}

impl Unit {
    fn new(key: Key) -> Self {
        Self {
            key,
            at: 0,
            reading_at: None,
            memory_in: None,
            busy_in: None,
            power_in: None,
            memory_of: Vec::new(),
            busy_of: Vec::new(),
            power_of: Vec::new(),
            carved: Vec::new(),
            members: 1,
            parent: None,
            is_only: false,
            own_units: 0,
            own_slices: 0,
            was: false,
            memory: Err(Gap::NotYet),
            unscaled: 0,
            strangers: 0,
            strangers_then: 0,
            strangers_now: 0,
            strangers_memory: 0,
            unattributed: 0,
            held_then: HeldBy::Nobody,
            held_now: HeldBy::Nobody,
            held_excess: 0,
            counter: None,
            power: None,
            power_rest: 0,
            least: None,
            standings: Vec::new(),
        }
    }
}
