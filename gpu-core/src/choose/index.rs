//! [`Index`]: choosing among many nodes without looking at each.

use std::collections::{BTreeMap, BTreeSet};

use crate::ledger::{Ledger, NodeName, OfferAt, Outlook};
use crate::quantity::{Bytes, Count};
use crate::vendor::Vendor;

use super::candidate::Candidate;
use super::find::among;
use super::request::Request;
use super::unmet::Unmet;

/// Which nodes have how many units of each kind free: for choosing among many nodes without looking
/// at each.
///
/// The caller keeps the ledgers, and tells the index of each after its entries ([`Index::update`]).
/// An answer names a node, and the units on it as [`among`] ranks them; the ledger of the node
/// decides. An index that is behind makes candidates that are refused, and no more harm.
///
/// What a choice costs grows with the number of kinds (model × profile × amounts, a few dozen in a
/// cluster) and the logarithm of the number of nodes. Where a request holds units apart that the
/// index takes for alike (topology, forbidden units, several units of several kinds), more nodes
/// are looked at, in the worst case all.
///
/// ```
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// use gpu_core::{Backend, Bytes};
/// use gpu_core::choose::{Index, Request};
/// use gpu_core::ledger::{Board, Body, EntryId, Ledger};
/// let mut nodes = Vec::new();
/// let mut index = Index::default();
/// for (name, preset) in [("a", "l40s-4"), ("b", "hgx-h100-8")] {
///     let inventory = gpu_sim::Machine::preset(preset)?.backend().inventory()?;
///     let mut ledger = Ledger::new(name.parse()?);
///     ledger.apply(&ledger.entry(ledger.key(EntryId(1)), Body::Inventory(Board::all(&inventory, &[]))))?;
///     index.update(&ledger);
///     nodes.push(ledger);
/// }
/// let ledger_of = |node| nodes.iter().find(|ledger| ledger.node() == node);
/// let (node, candidates) = index.choose(&Request::memory(Bytes::gib(60)), ledger_of)?;
/// assert_eq!((node.as_str(), candidates.len()), ("b", 8));
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug, Default)]
pub struct Index {
    nodes: BTreeMap<NodeName, u32>,
    names: Vec<NodeName>,
    /// By node: how many units of each kind it has, and how many of them are free.
    have: Vec<Vec<(Kind, Room)>>,
    kinds: BTreeMap<Kind, Where>,
    models: Names,
    profiles: Names,
}

/// What units are alike by. Ascends by memory, so that what is too small is skipped at once.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
struct Kind {
    memory: u64,
    compute: u64,
    is_share: bool,
    vendor: Vendor,
    model: u32,
    /// 0 for a unit without.
    profile: u32,
}

/// How many units of a kind a node has, and how many are free.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
struct Room {
    there: u32,
    free: u32,
}

/// Where units of a kind are.
#[derive(Clone, Debug, Default)]
struct Where {
    /// Nodes by how many they have free; those with none are left out.
    free: BTreeSet<(u32, u32)>,
    /// How many nodes have how many, whoever holds them.
    there: BTreeMap<u32, u32>,
}

/// Texts by number, from 1.
#[derive(Clone, Debug, Default)]
struct Names {
    numbers: BTreeMap<Box<str>, u32>,
    texts: Vec<Box<str>>,
}

impl Names {
    fn number(&mut self, text: &str) -> u32 {
        if let Some(number) = self.numbers.get(text) {
            return *number;
        }
        self.texts.push(text.into());
        let number = u32::try_from(self.texts.len()).unwrap_or(u32::MAX);
        self.numbers.insert(text.into(), number);
        number
    }
}

impl Index {
    /// Takes in what a node's ledger shows now.
    pub fn update(&mut self, ledger: &Ledger) {
        let node = self.number(ledger.node());
        let now = self.rooms(ledger);
        let before = std::mem::take(&mut self.have[node as usize]);
        // Most entries change one kind: what is the same stays where it is.
        for (kind, room) in &before {
            if !now.contains(&(*kind, *room)) {
                self.take_out(node, *kind, *room);
            }
        }
        for (kind, room) in &now {
            if !before.contains(&(*kind, *room)) {
                self.put_in(node, *kind, *room);
            }
        }
        self.have[node as usize] = now;
    }

    /// Forgets a node.
    pub fn remove(&mut self, node: NodeName) {
        let Some(number) = self.nodes.get(&node).copied() else { return };
        for (kind, room) in std::mem::take(&mut self.have[number as usize]) {
            self.take_out(number, kind, room);
        }
    }

    /// A node that has what is asked for, and the units on it, the best first. Nodes with fewest free
    /// units that are enough come first; with [`Request::spread`] those with most.
    ///
    /// # Errors
    /// When no node has: never, or not now. "Never" is certain; "not now" does not look at how units
    /// exclude each other or lie, and what would have to be freed is told for single nodes alone:
    /// see [`among`].
    pub fn choose<'a>(
        &self,
        request: &Request,
        ledger_of: impl Fn(NodeName) -> Option<&'a Ledger>,
    ) -> Result<(NodeName, Vec<Candidate>), Unmet> {
        let count = u32::from(request.count);
        let try_node = |node: u32| {
            let name = self.names[node as usize];
            let candidates = among(ledger_of(name)?, request).ok()?;
            Some((name, candidates))
        };
        let enough = (count.max(1), 0)..;
        for (_, nodes) in self.matching(request) {
            let mut range = nodes.free.range(enough.clone()).map(|(_, node)| *node);
            let found =
                if request.spread { range.rev().find_map(try_node) } else { range.find_map(try_node) };
            if let Some(found) = found {
                return Ok(found);
            }
        }
        // Several kinds together may do where none alone does.
        if count > 1 {
            let all = (0..).take(self.names.len()).filter(|node| self.free(*node, request) >= count);
            if let Some(found) = all.into_iter().find_map(try_node) {
                return Ok(found);
            }
        }
        Err(self.unmet(request))
    }

    fn number(&mut self, node: NodeName) -> u32 {
        let next = u32::try_from(self.names.len()).unwrap_or(u32::MAX);
        let number = *self.nodes.entry(node).or_insert(next);
        if number == next {
            self.names.push(node);
            self.have.push(Vec::new());
        }
        number
    }

    fn rooms(&mut self, ledger: &Ledger) -> Vec<(Kind, Room)> {
        let mut rooms: Vec<(Kind, Room)> = Vec::new();
        for row in 0..ledger.rows() {
            for at in ledger.seats(row) {
                for is_share in [false, true] {
                    let room = room(ledger, at, is_share);
                    if room.there == 0 {
                        continue;
                    }
                    let kind = self.kind(ledger, at, is_share);
                    match rooms.iter_mut().find(|(other, _)| *other == kind) {
                        Some((_, all)) => {
                            (all.there, all.free) = (all.there + room.there, all.free + room.free)
                        }
                        None => rooms.push((kind, room)),
                    }
                }
            }
        }
        rooms
    }

    fn kind(&mut self, ledger: &Ledger, at: OfferAt, is_share: bool) -> Kind {
        let facts = ledger.facts(at.row);
        Kind {
            memory: ledger.memory_at(at).map_or(0, Bytes::get),
            compute: ledger.compute_at(at).map_or(0, Count::get),
            is_share,
            vendor: facts.device.vendor(),
            model: self.models.number(facts.model),
            profile: ledger.profile_at(at).map_or(0, |profile| self.profiles.number(profile)),
        }
    }

    fn put_in(&mut self, node: u32, kind: Kind, room: Room) {
        let nodes = self.kinds.entry(kind).or_default();
        if room.free > 0 {
            nodes.free.insert((room.free, node));
        }
        *nodes.there.entry(room.there).or_default() += 1;
    }

    fn take_out(&mut self, node: u32, kind: Kind, room: Room) {
        let Some(nodes) = self.kinds.get_mut(&kind) else { return };
        nodes.free.remove(&(room.free, node));
        if let Some(count) = nodes.there.get_mut(&room.there) {
            *count -= 1;
            if *count == 0 {
                nodes.there.remove(&room.there);
            }
        }
        if nodes.there.is_empty() {
            self.kinds.remove(&kind);
        }
    }

    /// The kinds that a request would take, by ascending memory.
    fn matching<'a>(&'a self, request: &'a Request) -> impl Iterator<Item = (&'a Kind, &'a Where)> {
        self.kinds.iter().filter(|(kind, _)| self.takes(request, kind))
    }

    fn takes(&self, request: &Request, kind: &Kind) -> bool {
        let text = |names: &'_ Names, number: u32| -> Option<Box<str>> {
            names.texts.get((number as usize).checked_sub(1)?).cloned()
        };
        kind.memory >= request.memory.get()
            && kind.compute >= request.compute.get()
            && kind.is_share == request.is_shared
            && request.vendor.is_none_or(|vendor| vendor == kind.vendor)
            && request.profile.as_deref().is_none_or(|profile| {
                self.profiles.numbers.get(profile).is_some_and(|number| *number == kind.profile)
            })
            && request.model.as_deref().is_none_or(|part| {
                text(&self.models, kind.model).is_some_and(|model| model.to_ascii_lowercase().contains(part))
            })
    }

    fn free(&self, node: u32, request: &Request) -> u32 {
        let have = self.have[node as usize].iter().filter(|(kind, _)| self.takes(request, kind));
        have.fold(0, |sum, (_, room)| sum.saturating_add(room.free))
    }

    fn unmet(&self, request: &Request) -> Unmet {
        let (mut there, mut free, mut most) = (0_u32, 0_u32, 0_u32);
        for have in &self.have {
            let mut on_node = 0_u32;
            for (_, room) in have.iter().filter(|(kind, _)| self.takes(request, kind)) {
                on_node = on_node.saturating_add(room.there);
                free = free.saturating_add(room.free);
            }
            (there, most) = (there.saturating_add(on_node), most.max(on_node));
        }
        let asked = u32::from(request.count);
        let is_possible = asked > 0 && most >= asked;
        let outlook = if is_possible { Outlook::NotNow } else { Outlook::Never };
        let (apart, unfit) = (there >= asked && most < asked, request.unfit.0.clone());
        Unmet { outlook, asked, there, free, to_free: Vec::new(), apart, unfit }
    }
}

fn room(ledger: &Ledger, at: OfferAt, is_share: bool) -> Room {
    let is_out = ledger.is_withdrawn(at);
    if !is_share {
        let is_free = ledger.is_holdable(at) && !is_out && ledger.is_free(at);
        return Room { there: u32::from(ledger.is_holdable(at)), free: u32::from(is_free) };
    }
    let there = u32::from(ledger.replicas(at));
    if there == 0 || is_out {
        return Room { there, free: 0 };
    }
    let taken = ledger.taken_shares(at).map_or(there, |taken| u32::try_from(taken.len()).unwrap_or(there));
    Room { there, free: there.saturating_sub(taken) }
}
