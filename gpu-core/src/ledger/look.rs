//! How a ledger is looked at by who chooses: by place, without making anything.

use std::collections::BTreeMap;

use crate::exclusion::Exclusion;
use crate::fingerprint::Incarnation;
use crate::id::{DeviceId, UnitId};
use crate::numa::NumaNode;
use crate::pci::PciAddress;
use crate::quantity::{Bytes, Count};
use crate::sharing::Entitlement;

use super::Ledger;
use super::held::{Holdings, Replica};
use super::table::{Seat, shared};

/// Where an offer stands: the first of each row is the device.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(crate) struct OfferAt {
    pub row: u32,
    pub seat: u32,
}

impl OfferAt {
    pub const fn is_whole(self) -> bool {
        self.seat == 0
    }
}

/// What is known of a board.
pub(crate) struct Facts<'a> {
    pub device: DeviceId,
    pub model: &'a str,
    pub pci: Option<PciAddress>,
    pub numa: Option<NumaNode>,
    pub island: Option<u32>,
    /// It has parts.
    pub is_cut: bool,
    /// Nobody is on it.
    pub is_fresh: bool,
}

impl Ledger {
    pub(crate) fn rows(&self) -> u32 {
        u32::try_from(self.table.rows.len()).unwrap_or(u32::MAX)
    }

    pub(crate) fn facts(&self, row: u32) -> Facts<'_> {
        let row = &self.table.rows[row as usize];
        let model = self.table.model(row);
        let (is_cut, is_fresh) = (row.seats.len() > 1, row.claims.is_empty());
        let (device, pci, numa, island) = (row.device, row.pci, row.numa, row.island);
        Facts { device, model, pci, numa, island, is_cut, is_fresh }
    }

    pub(crate) fn seats(&self, row: u32) -> impl Iterator<Item = OfferAt> + use<> {
        let count = self.table.rows[row as usize].seats.len();
        (0..u32::try_from(count).unwrap_or(u32::MAX)).map(move |seat| OfferAt { row, seat })
    }

    fn at(&self, at: OfferAt) -> &Seat {
        &self.table.rows[at.row as usize].seats[at.seat as usize]
    }

    pub(crate) fn unit_at(&self, at: OfferAt, replica: Option<u16>) -> UnitId {
        let device = self.table.rows[at.row as usize].device;
        let share = replica.map(|k| Replica { k, n: self.replicas(at) });
        shared(self.table.unit(device, self.at(at)), share)
    }

    pub(crate) fn life_at(&self, at: OfferAt) -> Incarnation {
        self.at(at).incarnation
    }

    pub(crate) fn memory_at(&self, at: OfferAt) -> Option<Bytes> {
        self.at(at).memory()
    }

    pub(crate) fn compute_at(&self, at: OfferAt) -> Option<Count> {
        self.at(at).compute()
    }

    pub(crate) fn profile_at(&self, at: OfferAt) -> Option<&str> {
        self.table.profile(self.at(at))
    }

    pub(crate) fn is_holdable(&self, at: OfferAt) -> bool {
        self.at(at).is_holdable
    }

    pub(crate) fn is_withdrawn(&self, at: OfferAt) -> bool {
        self.at(at).is_withdrawn
    }

    pub(crate) fn replicas(&self, at: OfferAt) -> u16 {
        self.at(at).shared.as_ref().map_or(0, |declared| declared.replicas)
    }

    pub(crate) fn entitlement_at(&self, at: OfferAt) -> Option<Entitlement> {
        self.at(at).shared.as_ref().map(|declared| declared.entitlement())
    }

    pub(super) fn claimed(&self, row: u32) -> impl Iterator<Item = UnitId> + '_ {
        self.table.rows[row as usize].claims.iter().filter_map(|on| {
            let held = self.holdings.at(on.holding)?;
            let claim = held.claims.as_slice().get(on.at as usize)?;
            Some(self.table.life(&claim.spot).0)
        })
    }

    /// True where nobody holds what excludes the unit.
    pub(crate) fn is_free(&self, at: OfferAt) -> bool {
        self.at(at).excluded == 0
    }

    /// The replicas of a unit that are taken; `None` where none can be had, because it is taken
    /// otherwise.
    pub(crate) fn taken_shares(&self, at: OfferAt) -> Option<Vec<u16>> {
        let (unit, replicas) = (self.unit_at(at, None), self.replicas(at));
        let mut taken = Vec::new();
        for claimed in self.claimed(at.row) {
            match claimed {
                UnitId::Share(id) if id.whole() == unit && id.replicas() == replicas => {
                    taken.push(id.replica())
                }
                other if Exclusion::between(other, unit).is_some() => return None,
                _ => {}
            }
        }
        Some(taken)
    }

    /// The same boards, and nobody on them.
    pub(crate) fn without_holdings(&self) -> Self {
        let mut table = self.table.clone();
        table.withdrawn = BTreeMap::new();
        table.clear();
        table.mark_withdrawn();
        Self { table, holdings: Holdings::default(), ..Self::new(self.node) }
    }
}
