//! What the machine shows that everybody was given, as holdings.

use std::collections::{BTreeMap, BTreeSet};

use gpu_accounting::meter::Held;
use gpu_accounting::{EvidenceList, EvidenceSource, Incarnation, Inventory, Owner, UnitId};

/// Each unit's holders by the evidence. A unit that several were given is held in so many shares: it is
/// there once.
pub fn held(evidence: &EvidenceList, inventory: &Inventory, list: &mut Vec<Held>) {
    list.clear();
    let mut given: BTreeSet<(UnitId, &Owner)> = BTreeSet::new();
    // A limit of memory says nothing of what else is reached.
    for of in evidence.evidence.iter().filter(|of| of.source != EvidenceSource::MemoryLimit) {
        let unit = match of.unit {
            UnitId::Share(share) => share.whole(),
            unit => unit,
        };
        given.insert((unit, &of.owner));
    }
    let mut by_unit: BTreeMap<UnitId, Vec<&Owner>> = BTreeMap::new();
    for (unit, owner) in &given {
        // The files of a device are needed for its parts too.
        let has_part = given.iter().any(|(other, by)| by == owner && other != unit && other.lies_in(*unit));
        if !has_part && inventory.contains(*unit) {
            by_unit.entry(*unit).or_default().push(owner);
        }
    }
    for (unit, owners) in by_unit {
        let incarnation = match unit {
            UnitId::Partition(id) => inventory.partition(id).map(|of| of.incarnation).unwrap_or_default(),
            _ => Incarnation::default(),
        };
        let count = u16::try_from(owners.len()).unwrap_or(u16::MAX);
        for (at, owner) in (0..).zip(owners) {
            let unit = match unit {
                UnitId::Device(id) if count > 1 => id.share(at, count).into(),
                UnitId::Partition(id) if count > 1 => id.share(at, count).into(),
                unit => unit,
            };
            list.push(Held { unit, incarnation, owner: Some(owner.clone()) });
        }
    }
}
