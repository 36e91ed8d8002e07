//! A witness of what a board can hold that knows no search: it writes down every legal set of placed
//! instances as bits, files the sets by what they hold, and looks answers up.

// Each test that includes this uses a part of it.
#![allow(dead_code)]

use std::collections::{HashMap, HashSet};

use gpu_core::plan::{Goal, Layout, Live, ProfileKey, Wanted};
use gpu_core::{Fingerprint, Placement};
use gpu_nvidia_mig::{Board, Profile};

/// A profile at a place. A set of them is a `u32`, one bit each.
pub struct Placed {
    pub profile: usize,
    pub key: ProfileKey,
    pub place: Placement,
}

/// So many of each profile: four bits for each.
pub type Multiset = u64;

pub struct Witness {
    pub placed: Vec<Placed>,
    pub sizes: Vec<u32>,
    pub keys: Vec<ProfileKey>,
    pub legal: HashSet<u32>,
    pub by_multiset: HashMap<Multiset, Vec<u32>>,
    pub openness: HashMap<u32, u32>,
}

impl Witness {
    pub fn of(board: &Board) -> Self {
        let profiles: Vec<Profile> = board.profiles().iter().cloned().collect();
        let mut placed = Vec::new();
        for (profile, of) in profiles.iter().enumerate() {
            for place in of.places.value().unwrap() {
                placed.push(Placed { profile, key: of.index.into(), place: *place });
            }
        }
        assert!(placed.len() <= 32 && profiles.len() <= 16);
        let mut legal = vec![0_u32];
        let mut next = 0;
        while next < legal.len() {
            let set = legal[next];
            next += 1;
            // Each set once: bits are added above the highest.
            for bit in (32 - set.leading_zeros()) as usize..placed.len() {
                if is_legal(set | 1 << bit, &placed, &profiles) {
                    legal.push(set | 1 << bit);
                }
            }
        }
        let sizes: Vec<u32> = profiles.iter().map(|of| of.places.value().unwrap()[0].size).collect();
        let keys = profiles.iter().map(|of| of.index.into()).collect();
        let mut witness = Self {
            placed,
            sizes,
            keys,
            legal: legal.iter().copied().collect(),
            by_multiset: HashMap::new(),
            openness: HashMap::new(),
        };
        for set in legal {
            witness.by_multiset.entry(witness.multiset(set)).or_default().push(set);
            witness.openness.insert(set, witness.open(set));
        }
        witness
    }

    pub fn multiset(&self, set: u32) -> Multiset {
        bits(set).map(|bit| 1 << (4 * self.placed[bit].profile)).sum()
    }

    /// For each profile the largest number that can be added alone, times its size.
    fn open(&self, set: u32) -> u32 {
        let most = |profile| self.most(set, profile, 0);
        (0..self.sizes.len()).map(|profile| self.sizes[profile] * most(profile)).sum()
    }

    fn most(&self, set: u32, profile: usize, from: usize) -> u32 {
        let bits = (from..self.placed.len()).filter(|bit| self.placed[*bit].profile == profile);
        let more = bits.filter(|bit| set >> bit & 1 == 0 && self.legal.contains(&(set | 1 << bit)));
        more.map(|bit| 1 + self.most(set | 1 << bit, profile, bit + 1)).max().unwrap_or(0)
    }

    pub fn layout(&self, set: u32, pinned: u32) -> Layout {
        let live = bits(set).map(|bit| {
            let Placed { key, place, .. } = self.placed[bit];
            let live = Live::new(key, place, u32::try_from(bit).unwrap());
            if pinned >> bit & 1 == 1 { live.pinned() } else { live }
        });
        // The planner must not depend on the order.
        Layout::new(Fingerprint(u64::from(set)), live.collect::<Vec<_>>().into_iter().rev().collect())
    }

    pub fn wanted(&self, multiset: Multiset) -> Wanted {
        let mut wanted = Wanted::default();
        for (profile, key) in self.keys.iter().enumerate() {
            wanted.add(*key, u32::try_from(multiset >> (4 * profile) & 15).unwrap());
        }
        wanted
    }

    pub fn set_of<'a>(&self, instances: impl Iterator<Item = (ProfileKey, Placement)> + 'a) -> u32 {
        let bit = |(key, place)| {
            let found = self.placed.iter().position(|one| one.key == key && one.place == place);
            1_u32 << found.expect("a profile at a place that the board has")
        };
        instances.map(bit).fold(0, |set, bit| {
            assert_eq!(set & bit, 0, "twice at the same place");
            set | bit
        })
    }

    /// The fewest instances to destroy and the best openness that leaves, or nothing.
    pub fn best(&self, live: u32, pinned: u32, target: Multiset, most: u32) -> Option<(u32, u32)> {
        let ways = self.by_multiset.get(&target)?.iter().filter(|set| *set & pinned == pinned);
        let ways = ways.map(|set| ((live & !set).count_ones(), self.openness[set]));
        let ways = ways.filter(|(destroyed, _)| *destroyed <= most);
        ways.min_by_key(|(destroyed, open)| (*destroyed, u32::MAX - open))
    }

    pub fn target(&self, live: u32, wanted: Multiset, goal: Goal) -> Option<Multiset> {
        let add = (0..self.keys.len())
            .all(|profile| (self.multiset(live) >> (4 * profile) & 15) + (wanted >> (4 * profile) & 15) < 16);
        match goal {
            Goal::Exactly => Some(wanted),
            Goal::Add => add.then(|| self.multiset(live) + wanted),
        }
    }

    /// How many live instances have no part in the target.
    pub fn surplus(&self, live: u32, target: Multiset) -> u32 {
        let count =
            |multiset: Multiset, profile: usize| u32::try_from(multiset >> (4 * profile) & 15).unwrap();
        let there = self.multiset(live);
        (0..self.keys.len()).map(|profile| count(there, profile).saturating_sub(count(target, profile))).sum()
    }

    /// The fewest live instances among these without which the wanted ones fit beside the rest, of
    /// which at most so many may be moved, and pinned ones not.
    pub fn fewest_to_destroy(
        &self,
        live: u32,
        pinned: u32,
        among: u32,
        wanted: Multiset,
        moved: u32,
    ) -> Option<u32> {
        let subsets = (0..1_u32 << among.count_ones()).map(|choice| spread(choice, among));
        let works = subsets.filter(|gone| {
            let rest = live & !gone;
            let target = self.target(rest, wanted, Goal::Add);
            target.is_some_and(|target| self.best(rest, pinned & rest, target, moved).is_some())
        });
        works.map(u32::count_ones).min()
    }

    /// What can be added to a set without moving any, once each.
    pub fn additions(&self, live: u32) -> HashSet<Multiset> {
        let around = self.legal.iter().filter(|set| *set & live == live);
        around.map(|set| self.multiset(set & !live)).collect()
    }
}

pub fn bits(set: u32) -> impl Iterator<Item = usize> {
    (0..32).filter(move |bit| set >> bit & 1 == 1)
}

/// The bits of `choice` moved to where `mask` has its own.
pub fn spread(choice: u32, mask: u32) -> u32 {
    bits(mask).enumerate().filter(|(n, _)| choice >> n & 1 == 1).map(|(_, bit)| 1 << bit).sum()
}

/// The rules of the board, read off its rows: nothing overlaps, no more compute slices than the
/// largest profile has, no more of a profile than its maximum, and no more engines than the
/// greediest profile has.
fn is_legal(set: u32, placed: &[Placed], profiles: &[Profile]) -> bool {
    let chosen: Vec<&Placed> = bits(set).map(|bit| &placed[bit]).collect();
    let overlap = chosen.iter().enumerate().any(|(n, one)| {
        chosen[n + 1..].iter().any(|other| {
            one.place.start < other.place.start + other.place.size
                && other.place.start < one.place.start + one.place.size
        })
    });
    let slices: u32 = chosen.iter().map(|one| profiles[one.profile].slices).sum();
    let too_many = (0..profiles.len()).any(|profile| {
        chosen.iter().filter(|one| one.profile == profile).count() > profiles[profile].most as usize
    });
    !overlap
        && !too_many
        && slices <= profiles.iter().map(|of| of.slices).max().unwrap()
        && engines(&chosen, profiles)
}

fn engines(chosen: &[&Placed], profiles: &[Profile]) -> bool {
    let counts = |of: &Profile| {
        let all = [
            of.engines.copy,
            of.engines.decoder,
            of.engines.encoder,
            of.engines.jpeg,
            of.engines.optical_flow,
        ];
        all.map(|known| known.value().map(|count| count.0))
    };
    if profiles.iter().all(|of| counts(of).iter().all(Option::is_some)) {
        return (0..5).all(|kind| {
            let count = |of: &Profile| counts(of)[kind].unwrap();
            let capacity = profiles.iter().map(|of| count(of) * u64::from(of.most)).max().unwrap();
            chosen.iter().map(|one| count(&profiles[one.profile])).sum::<u64>() <= capacity
        });
    }
    // By what the guide says of the names: +me.all leaves media engines to nobody, and there is
    // one set of extensions.
    let names: Vec<String> = chosen.iter().map(|one| profiles[one.profile].name.to_string()).collect();
    let all = names.iter().position(|name| name.ends_with("+me.all"));
    let alone = |all: usize| names.iter().enumerate().all(|(n, name)| n == all || name.ends_with("-me"));
    names.iter().filter(|name| name.contains("+me")).count() <= 1 && all.is_none_or(alone)
}
