//! [`Held`]: who holds a unit, as the meter is told.

use crate::fingerprint::Incarnation;
use crate::id::UnitId;
use crate::ledger::{HoldingState, Ledger};
use crate::owner::Owner;

/// One unit that is held, and by whom.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
pub struct Held {
    /// The unit: a device, a partition or a share.
    pub unit: UnitId,
    /// Which life of it; of a share, that of what it is a share of.
    pub incarnation: Incarnation,
    /// Who holds it; `None` where it is set aside, and nobody has come for it yet.
    pub owner: Option<Owner>,
}

impl Held {
    /// All that is held of a ledger's units, in place of what `list` has. What is lost is held by
    /// nobody any more: it is gone.
    ///
    /// Allocates nothing once the list has grown to size, but for the names of holders that are
    /// services.
    pub fn of_ledger(ledger: &Ledger, list: &mut Vec<Self>) {
        list.clear();
        for holding in ledger.holdings() {
            for held in holding.units().filter(|held| held.state != HoldingState::Lost) {
                let (unit, incarnation) = (held.unit, held.incarnation);
                list.push(Self { unit, incarnation, owner: holding.holder() });
            }
        }
    }
}
