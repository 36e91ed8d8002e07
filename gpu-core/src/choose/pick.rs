//! [`Pick`]: a unit of a node that matches a request, and how good it is.

use crate::exclusion::Exclusion;
use crate::id::UnitId;
use crate::ledger::{Claim, Conflict, HoldingId, Ledger, OfferAt};
use crate::quantity::{Bytes, Count};
use crate::sharing::Entitlement;
use crate::unfit::Unfit;

use super::candidate::{Chosen, Way};
use super::request::{Near, Request};

/// A unit that matches a request. Ascends as [the module](super#what-is-better) says.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(super) struct Pick {
    pub distance: (u8, u32),
    pub waste: u64,
    /// Whether the board is in use, and how many units of it are free: as they are for packing,
    /// turned round for spreading.
    room: (u32, u32),
    is_cut: bool,
    pub at: OfferAt,
    /// Which replica, where shares are wanted.
    pub replica: Option<u16>,
    pub is_fresh: bool,
    pub numa: Option<u32>,
    pub island: Option<u32>,
}

/// What of a node would do.
pub(super) struct Picks {
    /// Free, the best first.
    pub free: Vec<Pick>,
    /// How many would do if nobody held anything.
    pub there: u32,
}

impl Picks {
    pub fn of(ledger: &Ledger, request: &Request) -> Self {
        let mut picks = Self { free: Vec::with_capacity(64), there: 0 };
        for row in 0..ledger.rows() {
            picks.add_row(ledger, request, row);
        }
        picks.free.sort_unstable();
        picks
    }

    fn add_row(&mut self, ledger: &Ledger, request: &Request, row: u32) {
        let facts = ledger.facts(row);
        let other_vendor = request.vendor.is_some_and(|vendor| vendor != facts.device.vendor());
        if other_vendor || !request.model.as_ref().is_none_or(|part| has(facts.model, part)) {
            return;
        }
        let first = self.free.len();
        for at in ledger.seats(row) {
            let matched = matches(ledger, request, at);
            self.there += matched;
            if matched == 0
                || ledger.is_withdrawn(at)
                || is_without(ledger, request, at)
                || is_unfit(ledger, request, at)
            {
                continue;
            }
            if request.is_shared {
                let taken = ledger.taken_shares(at);
                let free = taken.map(|taken| (0..ledger.replicas(at)).filter(move |k| !taken.contains(k)));
                let free = free.into_iter().flatten();
                self.free.extend(free.map(|replica| Pick::new(ledger, request, at, Some(replica))));
            } else if ledger.is_free(at) {
                self.free.push(Pick::new(ledger, request, at, None));
            }
        }
        let room = u32::try_from(self.free.len() - first).unwrap_or(u32::MAX);
        for pick in &mut self.free[first..] {
            let fresh = u32::from(facts.is_fresh);
            pick.room = if request.spread { (1 - fresh, u32::MAX - room) } else { (fresh, room) };
        }
    }
}

impl Pick {
    fn new(ledger: &Ledger, request: &Request, at: OfferAt, replica: Option<u16>) -> Self {
        let facts = ledger.facts(at.row);
        let waste = ledger.memory_at(at).map_or(0, |has| has.saturating_sub(request.memory).get());
        let distance = request.near.map_or((0, 0), |near| distance(near, &facts));
        let (numa, island) = (facts.numa.map(|numa| numa.0), facts.island);
        let (is_cut, is_fresh) = (facts.is_cut && at.is_whole(), facts.is_fresh);
        // A share of a large unit wastes none of it.
        let waste = if replica.is_some() { 0 } else { waste };
        Self { distance, waste, room: (0, 0), is_cut, at, replica, is_fresh, numa, island }
    }

    pub fn unit(&self, ledger: &Ledger) -> UnitId {
        ledger.unit_at(self.at, self.replica)
    }

    pub fn chosen(&self, ledger: &Ledger, request: &Request) -> Chosen {
        let claim = Claim::new(self.unit(ledger), ledger.life_at(self.at));
        if self.replica.is_some() {
            return Chosen { claim, way: Way::Share };
        }
        let way = if self.at.is_whole() { Way::Whole } else { Way::Partition };
        Chosen { claim: claim.memory(request.memory).compute(request.compute), way }
    }
}

/// How many units there are that have what is asked for, whoever holds them.
fn matches(ledger: &Ledger, request: &Request, at: OfferAt) -> u32 {
    if request.profile.as_deref().is_some_and(|wanted| ledger.profile_at(at) != Some(wanted)) {
        return 0;
    }
    let enough = |has: Option<Bytes>| request.memory <= has.unwrap_or(Bytes::ZERO);
    if request.compute > ledger.compute_at(at).unwrap_or(Count::ZERO) || !enough(ledger.memory_at(at)) {
        return 0;
    }
    if !request.is_shared {
        return u32::from(ledger.is_holdable(at));
    }
    match ledger.entitlement_at(at) {
        None => 0,
        Some(Entitlement::Ceiling { memory: Some(most), .. }) if !enough(Some(most)) => 0,
        Some(_) => u32::from(ledger.replicas(at)),
    }
}

fn is_without(ledger: &Ledger, request: &Request, at: OfferAt) -> bool {
    if request.without.is_empty() {
        return false;
    }
    let unit = ledger.unit_at(at, None);
    request.without.iter().any(|other| Exclusion::between(*other, unit).is_some())
}

fn is_unfit(ledger: &Ledger, request: &Request, at: OfferAt) -> bool {
    !request.unfit.0.is_empty() && request.unfit.on(ledger.unit_at(at, None)).next().is_some()
}

/// What is unfit of what would do otherwise, ascending.
pub(super) fn unfit(ledger: &Ledger, request: &Request) -> Vec<Unfit> {
    let mut found = Vec::new();
    if request.unfit.0.is_empty() {
        return found;
    }
    for row in (0..ledger.rows()).filter(|row| is_of_row(ledger, request, *row)) {
        for at in ledger.seats(row) {
            if matches(ledger, request, at) > 0
                && !ledger.is_withdrawn(at)
                && !is_without(ledger, request, at)
            {
                found.extend(request.unfit.on(ledger.unit_at(at, None)).cloned());
            }
        }
    }
    found.sort_unstable();
    found.dedup();
    found
}

/// True for a board of the vendor and model that are asked for.
fn is_of_row(ledger: &Ledger, request: &Request, row: u32) -> bool {
    let facts = ledger.facts(row);
    request.vendor.is_none_or(|vendor| vendor == facts.device.vendor())
        && request.model.as_ref().is_none_or(|part| has(facts.model, part))
}

/// True where the text has the part in it; the part is in lower case.
fn has(text: &str, part: &str) -> bool {
    part.is_empty()
        || text.as_bytes().windows(part.len()).any(|window| window.eq_ignore_ascii_case(part.as_bytes()))
}

fn distance(near: Near, facts: &crate::ledger::Facts<'_>) -> (u8, u32) {
    let buses = facts.pci.map(|pci| (pci.domain == near.pci.domain, pci.bus.abs_diff(near.pci.bus)));
    let (same_domain, apart) = buses.map_or((false, u32::MAX), |(same, apart)| (same, u32::from(apart)));
    let same_numa = near.numa.is_none() || facts.numa == near.numa;
    let step = match (same_domain, same_numa) {
        (true, true) => 0,
        (true, false) => 1,
        (false, _) => 2,
    };
    (step, apart)
}

/// The holdings that would have to end for `count` more units to be free: those of the units with
/// the fewest in the way first.
pub(super) fn to_free(ledger: &Ledger, request: &Request, count: u32) -> Vec<HoldingId> {
    let mut taken: Vec<Vec<Conflict>> = Vec::new();
    for row in 0..ledger.rows() {
        if !is_of_row(ledger, request, row) {
            continue;
        }
        for at in ledger.seats(row) {
            let is_out =
                ledger.is_withdrawn(at) || is_without(ledger, request, at) || is_unfit(ledger, request, at);
            if is_out || matches(ledger, request, at) == 0 {
                continue;
            }
            let replicas = if request.is_shared { ledger.replicas(at) } else { 1 };
            for k in 0..replicas {
                let unit = ledger.unit_at(at, request.is_shared.then_some(k));
                let by = ledger.in_the_way(unit);
                if !by.is_empty() {
                    taken.push(by);
                }
            }
        }
    }
    taken.sort_by_key(|by| (by.len(), by.first().map(|conflict| conflict.holding)));
    let mut holdings: Vec<HoldingId> = Vec::new();
    let enough = usize::try_from(count).unwrap_or(usize::MAX);
    for by in taken.into_iter().take(enough) {
        holdings.extend(by.iter().map(|conflict| conflict.holding));
    }
    holdings.sort_unstable();
    holdings.dedup();
    holdings
}
