//! An auditor of the ledger: its own, simpler idea of what must be true. It shares no code with the
//! crate: units are sets of slots, everything is looked for from the beginning each time, and
//! nothing is ever forgotten.

#![allow(dead_code)] // each test binary uses some of it

use std::collections::{BTreeMap, BTreeSet};

/// A unit: which GPU, which of its slots (all of them for the whole), which share.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct Thing {
    pub gpu: u8,
    /// `None` for the whole GPU.
    pub instance: Option<u8>,
    /// Replica k of n.
    pub share: Option<(u16, u16)>,
    /// Which life of it.
    pub life: u64,
}

impl Thing {
    fn slots(self) -> u8 {
        self.instance.map_or(u8::MAX, |instance| 1 << instance)
    }

    /// Whole things clash when they have a slot in common; shares of one thing, declared alike, do
    /// not unless they are the same.
    fn clashes(self, other: Self) -> bool {
        if self.gpu != other.gpu || self.slots() & other.slots() == 0 {
            return false;
        }
        match (self.share, other.share) {
            (Some((k, n)), Some((l, m))) if self.instance == other.instance => n != m || k == l,
            _ => true,
        }
    }
}

/// What a GPU offers.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Card {
    /// Instances with their lives.
    pub instances: BTreeMap<u8, u64>,
    /// Whether the whole can be held.
    pub is_whole: bool,
    /// Into how many shares the whole is declared.
    pub shares: Option<u16>,
    /// GiB of the whole.
    pub memory: u64,
}

#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Fate {
    Fine,
    Draining,
    Lost,
}

#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Grant {
    pub things: Vec<(Thing, u64, Fate)>,
    pub is_committed: bool,
    /// Its expiry, as a number; `None` for never.
    pub expiry: Option<u64>,
    /// Ids of the entries that made and committed it.
    pub ids: Vec<u128>,
}

/// What an entry asks, in the auditor's words.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Ask {
    Reserve { things: Vec<(Thing, u64)>, expiry: Option<u64> },
    Commit { of: u128, by: u32, expiry: Option<u64> },
    Release { of: u128 },
    Expire { of: u128, expiry: Option<u64> },
    Renew { of: u128, expiry: Option<u64> },
    Inventory(BTreeMap<u8, Card>),
    Repartition(u8, Card),
    Withdraw(BTreeSet<(u8, Option<u8>)>),
    Restore(BTreeSet<(u8, Option<u8>)>),
}

/// What must come of it: the position of the receipt, or the kind of the refusal and the holdings
/// that it names.
pub type Verdict = Result<u64, (&'static str, Vec<u128>)>;

#[derive(Clone, Default, Debug)]
pub struct Auditor {
    pub cards: BTreeMap<u8, Card>,
    pub grants: BTreeMap<u128, Grant>,
    /// With the life that was withdrawn.
    pub withdrawn: BTreeMap<(u8, Option<u8>), u64>,
    pub position: u64,
    /// Every id that ever happened: what it asked, and where.
    pub log: BTreeMap<u128, (Ask, u64)>,
    pub ended: BTreeSet<u128>,
}

type Said<T> = Result<T, (&'static str, Vec<u128>)>;

fn no<T>(kind: &'static str) -> Said<T> {
    Err((kind, Vec::new()))
}

impl Auditor {
    /// What must come of an entry, and the auditor's books after it. `window` is how many ids a
    /// ledger has to remember.
    pub fn hear(&mut self, id: u128, seen: u64, ask: &Ask, window: u64) -> Verdict {
        self.form(ask)?;
        if let Some((before, position)) = self.log.get(&id) {
            let recent = self.position - position < window;
            let alive = |grant: &Grant| grant.ids.contains(&id);
            // A commit is remembered by its holding alone: only who names that is told.
            let remembered = recent
                || self.grants.contains_key(&id)
                || subject(ask).and_then(|of| self.grants.get(&of)).is_some_and(alive);
            if remembered {
                return if before == ask { Ok(*position) } else { no("id_reused") };
            }
        }
        if seen > self.position {
            return no("ahead");
        }
        if self.position - seen > window {
            return no("outdated");
        }
        self.act(id, ask)?;
        self.position += 1;
        self.log.insert(id, (ask.clone(), self.position));
        Ok(self.position)
    }

    /// Faults that an entry has whatever the books say.
    fn form(&self, ask: &Ask) -> Said<()> {
        if let Ask::Reserve { things, .. } = ask {
            for (at, (one, _)) in things.iter().enumerate() {
                if things[at + 1..].iter().any(|(other, _)| one.clashes(*other)) {
                    return no("contradiction");
                }
            }
        }
        Ok(())
    }

    fn act(&mut self, id: u128, ask: &Ask) -> Said<()> {
        match ask {
            Ask::Reserve { things, expiry } => self.reserve(id, things, *expiry),
            Ask::Commit { of, expiry, .. } => self.commit(id, *of, *expiry),
            Ask::Release { of } => self.end(*of),
            Ask::Expire { of, expiry } => {
                let grant = self.grant(*of)?;
                if grant.expiry != *expiry || expiry.is_none() {
                    return no("other_expiry");
                }
                self.end(*of)
            }
            Ask::Renew { of, expiry } => {
                self.grant(*of)?.expiry = *expiry;
                Ok(())
            }
            Ask::Inventory(cards) => {
                self.cards = cards.clone();
                self.reconsider();
                Ok(())
            }
            Ask::Repartition(gpu, card) => self.repartition(*gpu, card),
            Ask::Withdraw(places) => self.withdraw(places),
            Ask::Restore(places) => self.restore(places),
        }
    }

    fn grant(&mut self, of: u128) -> Said<&mut Grant> {
        self.grants.get_mut(&of).ok_or(("not_held", Vec::new()))
    }

    fn end(&mut self, of: u128) -> Said<()> {
        self.grant(of)?;
        self.grants.remove(&of);
        self.ended.insert(of);
        Ok(())
    }

    fn reserve(&mut self, id: u128, things: &[(Thing, u64)], expiry: Option<u64>) -> Said<()> {
        for (thing, memory) in things {
            self.can_be_had(*thing, *memory)?;
        }
        let by: BTreeSet<u128> = things.iter().flat_map(|(thing, _)| self.holders_against(*thing)).collect();
        if !by.is_empty() {
            return Err(("taken", by.into_iter().collect()));
        }
        let things = things.iter().map(|(thing, memory)| (*thing, *memory, Fate::Fine)).collect();
        self.grants.insert(id, Grant { things, is_committed: false, expiry, ids: vec![id] });
        Ok(())
    }

    fn commit(&mut self, id: u128, of: u128, expiry: Option<u64>) -> Said<()> {
        let grant = self.grant(of)?;
        if grant.is_committed {
            return no("already_held");
        }
        if grant.things.iter().any(|(_, _, fate)| *fate == Fate::Lost) {
            return no("gone");
        }
        (grant.is_committed, grant.expiry) = (true, expiry);
        grant.ids.push(id);
        Ok(())
    }

    fn life(&self, gpu: u8, instance: Option<u8>) -> Option<u64> {
        let card = self.cards.get(&gpu)?;
        instance.map_or(Some(0), |instance| card.instances.get(&instance).copied())
    }

    fn can_be_had(&self, thing: Thing, memory: u64) -> Said<()> {
        match self.life(thing.gpu, thing.instance) {
            None => return no("unknown_unit"),
            Some(life) if life != thing.life => return no("other_life"),
            Some(_) => {}
        }
        let card = &self.cards[&thing.gpu];
        let declared = if thing.instance.is_none() { card.shares } else { None };
        let is_offered = match thing.share {
            None => thing.instance.is_some() || card.is_whole,
            Some((k, n)) => declared == Some(n) && k < n,
        };
        if !is_offered {
            return no("not_offered");
        }
        let gone = |instance| self.withdrawn.contains_key(&(thing.gpu, instance));
        if gone(None) || gone(thing.instance) {
            return no("withdrawn");
        }
        let has = match (thing.share, thing.instance) {
            (Some(_), _) => 0,
            (None, Some(_)) => 10,
            (None, None) => card.memory,
        };
        if memory > has { no("too_small") } else { Ok(()) }
    }

    pub fn holders_against(&self, thing: Thing) -> BTreeSet<u128> {
        let clashes = |grant: &Grant| {
            let mut here = grant.things.iter().filter(|(_, _, fate)| *fate != Fate::Lost);
            here.any(|(other, ..)| thing.clashes(*other))
        };
        self.grants.iter().filter(|(_, grant)| clashes(grant)).map(|(id, _)| *id).collect()
    }

    /// Looks at every thing that is granted anew.
    fn reconsider(&mut self) {
        let lives = |place: &(u8, Option<u8>), life: &u64| {
            place.1.is_none() || self.life(place.0, place.1) == Some(*life)
        };
        let kept = self.withdrawn.iter().filter(|(place, life)| lives(place, life));
        self.withdrawn = kept.map(|(place, life)| (*place, *life)).collect();
        let ids: Vec<u128> = self.grants.keys().copied().collect();
        for was_lost in [false, true] {
            for id in &ids {
                for at in 0..self.grants[id].things.len() {
                    let (thing, memory, fate) = self.grants[id].things[at];
                    if (fate == Fate::Lost) != was_lost {
                        continue;
                    }
                    let is_here = self.life(thing.gpu, thing.instance) == Some(thing.life);
                    let is_pushed = was_lost && !self.holders_against(thing).is_empty();
                    let fate = match self.can_be_had(thing, memory) {
                        _ if !is_here || is_pushed => Fate::Lost,
                        Ok(()) => Fate::Fine,
                        Err(_) => Fate::Draining,
                    };
                    if let Some(grant) = self.grants.get_mut(id) {
                        grant.things[at].2 = fate;
                    }
                }
            }
        }
    }

    fn repartition(&mut self, gpu: u8, card: &Card) -> Said<()> {
        let Some(before) = self.cards.get(&gpu) else { return no("unknown_unit") };
        let mut changed = BTreeSet::new();
        for instance in 0..8 {
            if before.instances.get(&instance) != card.instances.get(&instance) {
                changed.insert(instance);
            }
        }
        let other_whole =
            (before.is_whole, before.shares, before.memory) != (card.is_whole, card.shares, card.memory);
        let mut by = BTreeSet::new();
        for (id, grant) in &self.grants {
            let here = grant.things.iter().filter(|(thing, _, fate)| thing.gpu == gpu && *fate != Fate::Lost);
            for (thing, ..) in here {
                let hit = match thing.instance {
                    None => other_whole || !changed.is_empty(),
                    Some(instance) => changed.contains(&instance),
                };
                if hit {
                    by.insert(*id);
                }
            }
        }
        if !by.is_empty() {
            return Err(("taken", by.into_iter().collect()));
        }
        self.cards.insert(gpu, card.clone());
        self.reconsider();
        Ok(())
    }

    fn withdraw(&mut self, places: &BTreeSet<(u8, Option<u8>)>) -> Said<()> {
        let mut lives = Vec::new();
        for (gpu, instance) in in_order(places) {
            let Some(life) = self.life(gpu, instance) else { return no("unknown_unit") };
            lives.push(((gpu, instance), life));
        }
        self.withdrawn.extend(lives);
        self.reconsider();
        Ok(())
    }

    fn restore(&mut self, places: &BTreeSet<(u8, Option<u8>)>) -> Said<()> {
        for place in in_order(places) {
            if !self.withdrawn.contains_key(&place) {
                return no(if self.life(place.0, place.1).is_some() { "invalid" } else { "unknown_unit" });
            }
        }
        self.withdrawn.retain(|place, _| !places.contains(place));
        self.reconsider();
        Ok(())
    }

    /// GiB of a GPU that are free, reserved, held and draining.
    pub fn memory(&self, gpu: u8) -> Option<[u64; 4]> {
        let card = self.cards.get(&gpu)?;
        let (mut sums, mut worst, mut is_whole) = ([0; 4], 0, false);
        for grant in self.grants.values() {
            for (thing, _, fate) in grant.things.iter().filter(|(thing, ..)| thing.gpu == gpu) {
                // Held before draining before reserved.
                let (state, rank) = match fate {
                    Fate::Lost => continue,
                    Fate::Draining => (3, 2),
                    Fate::Fine if grant.is_committed => (2, 3),
                    Fate::Fine => (1, 1),
                };
                if thing.instance.is_none() {
                    (is_whole, worst) = (true, worst.max(rank * 10 + state));
                } else {
                    sums[state] += 10;
                }
            }
        }
        if is_whole {
            sums[worst % 10] = card.memory;
        }
        sums[0] = card.memory - sums[1..].iter().sum::<u64>();
        Some(sums)
    }
}

fn subject(ask: &Ask) -> Option<u128> {
    match ask {
        Ask::Commit { of, .. } | Ask::Release { of } | Ask::Expire { of, .. } | Ask::Renew { of, .. } => {
            Some(*of)
        }
        _ => None,
    }
}

/// Whole GPUs before instances, as the first fault that is found is the one that is told.
fn in_order(places: &BTreeSet<(u8, Option<u8>)>) -> Vec<(u8, Option<u8>)> {
    let mut places: Vec<_> = places.iter().copied().collect();
    places.sort_by_key(|(gpu, instance)| (instance.is_some(), *gpu, *instance));
    places
}
