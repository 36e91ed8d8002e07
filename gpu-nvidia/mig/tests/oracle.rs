//! The planner against an independent witness: every live layout of a board × every multiset up to
//! the board's size.
//!
//! The witness knows no search. It writes down every legal set of placed instances of a board as
//! bits, files the sets by what they hold, and answers by looking through the file.
//!
//! The short version takes a sample of the pairs. All of them, in release mode:
//!
//! ```text
//! cargo test --release -p gpu-nvidia-mig --test oracle -- --ignored --nocapture
//! ```

use std::collections::{HashMap, HashSet};

use gpu_core::plan::{
    Freeing, Geometry, Goal, Infeasible, Layout, Live, Plan, PlanError, ProfileKey, Request, Wanted,
};
use gpu_core::{Fingerprint, Placement};
use gpu_nvidia_mig::{Board, Profile};

/// A profile at a place. A set of them is a `u32`, one bit each.
struct Placed {
    profile: usize,
    key: ProfileKey,
    place: Placement,
}

/// So many of each profile: four bits for each.
type Multiset = u64;

struct Witness {
    placed: Vec<Placed>,
    sizes: Vec<u32>,
    keys: Vec<ProfileKey>,
    legal: HashSet<u32>,
    by_multiset: HashMap<Multiset, Vec<u32>>,
    openness: HashMap<u32, u32>,
}

impl Witness {
    fn of(board: &Board) -> Self {
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

    fn multiset(&self, set: u32) -> Multiset {
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

    fn layout(&self, set: u32) -> Layout {
        let live = bits(set).map(|bit| {
            let Placed { key, place, .. } = self.placed[bit];
            Live::new(key, place, u32::try_from(bit).unwrap())
        });
        // The planner must not depend on the order.
        Layout::new(Fingerprint(u64::from(set)), live.collect::<Vec<_>>().into_iter().rev().collect())
    }

    fn wanted(&self, multiset: Multiset) -> Wanted {
        let mut wanted = Wanted::default();
        for (profile, key) in self.keys.iter().enumerate() {
            wanted.add(*key, u32::try_from(multiset >> (4 * profile) & 15).unwrap());
        }
        wanted
    }

    fn set_of<'a>(&self, instances: impl Iterator<Item = (ProfileKey, Placement)> + 'a) -> u32 {
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
    fn best(&self, live: u32, target: Multiset, most: u32) -> Option<(u32, u32)> {
        let ways = self.by_multiset.get(&target)?.iter();
        let ways = ways.map(|set| ((live & !set).count_ones(), self.openness[set]));
        ways.filter(|(destroyed, _)| *destroyed <= most)
            .min_by_key(|(destroyed, open)| (*destroyed, u32::MAX - open))
    }

    fn target(&self, live: u32, wanted: Multiset, goal: Goal) -> Option<Multiset> {
        let add = (0..self.keys.len())
            .all(|profile| (self.multiset(live) >> (4 * profile) & 15) + (wanted >> (4 * profile) & 15) < 16);
        match goal {
            Goal::Exactly => Some(wanted),
            Goal::Add => add.then(|| self.multiset(live) + wanted),
        }
    }

    /// How many live instances have no part in the target.
    fn surplus(&self, live: u32, target: Multiset) -> u32 {
        let count =
            |multiset: Multiset, profile: usize| u32::try_from(multiset >> (4 * profile) & 15).unwrap();
        let there = self.multiset(live);
        (0..self.keys.len()).map(|profile| count(there, profile).saturating_sub(count(target, profile))).sum()
    }

    /// The fewest live instances without which the wanted ones fit beside the rest.
    fn fewest_to_destroy(&self, live: u32, wanted: Multiset) -> Option<u32> {
        let subsets = (0..1_u32 << live.count_ones()).map(|choice| spread(choice, live));
        let works = subsets.filter(|gone| {
            let rest = live & !gone;
            let target = self.target(rest, wanted, Goal::Add);
            target.is_some_and(|target| self.best(rest, target, 0).is_some())
        });
        works.map(u32::count_ones).min()
    }
}

fn bits(set: u32) -> impl Iterator<Item = usize> {
    (0..32).filter(move |bit| set >> bit & 1 == 1)
}

/// The bits of `choice` moved to where `mask` has its own.
fn spread(choice: u32, mask: u32) -> u32 {
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

/// Every multiset that has no more compute slices, or no more slots, than the board.
fn multisets(board: &Board) -> Vec<Multiset> {
    let geometry = board.geometry().unwrap();
    let profiles = board.profiles();
    let all: Vec<(u32, u32)> =
        profiles.iter().map(|of| (of.slices, of.places.value().unwrap()[0].size)).collect();
    let slices = all.iter().map(|(slices, _)| *slices).max().unwrap();
    let mut found = Vec::new();
    fn grow(
        all: &[(u32, u32)],
        at: usize,
        slices: i64,
        slots: i64,
        so_far: Multiset,
        found: &mut Vec<Multiset>,
    ) {
        if slices < 0 && slots < 0 {
            return;
        }
        if at == all.len() {
            found.push(so_far);
            return;
        }
        for count in 0..=9_i64 {
            let (slices, slots) =
                (slices - count * i64::from(all[at].0), slots - count * i64::from(all[at].1));
            grow(all, at + 1, slices, slots, so_far | (count as u64) << (4 * at), found);
        }
    }
    grow(&all, 0, i64::from(slices), i64::from(geometry.slots()), 0, &mut found);
    found
}

struct Case<'a> {
    board: &'a Board,
    geometry: &'a Geometry,
    witness: &'a Witness,
    live: u32,
    wanted: Multiset,
}

impl Case<'_> {
    fn check(&self, goal: Goal, moving: bool) {
        let Self { geometry, witness, live, wanted, .. } = *self;
        let request = match goal {
            Goal::Add => Request::add(witness.wanted(wanted)),
            Goal::Exactly => Request::exactly(witness.wanted(wanted)),
        };
        let request = if moving { request.moving() } else { request };
        let answer = geometry.plan(&witness.layout(live), &request);
        let target = witness.target(live, wanted, goal);
        let most = if moving { 32 } else { target.map_or(0, |target| witness.surplus(live, target)) };
        let expected = target.and_then(|target| witness.best(live, target, most));
        match (&answer, expected) {
            (Ok(plan), Some(best)) => self.check_plan(plan, target.unwrap(), best),
            (Err(PlanError::Infeasible(no)), None) => self.check_reason(no, goal, moving, target),
            _ => panic!("{}: {answer:?}, and the witness says {expected:?}", self.shown(goal, moving)),
        }
    }

    fn check_plan(&self, plan: &Plan, target: Multiset, (destroyed, open): (u32, u32)) {
        let Self { witness, live, .. } = *self;
        let result = witness.set_of(plan.result());
        let kept = witness.set_of(plan.keep.iter().map(|live| (live.profile, live.placement)));
        let gone = witness.set_of(plan.destroy.iter().map(|live| (live.profile, live.placement)));
        assert_eq!((kept | gone, kept & gone), (live, 0), "every live instance is kept or destroyed");
        assert!(witness.legal.contains(&result), "the result is a layout of the board");
        assert_eq!(witness.multiset(result), target, "the result is what was asked for");
        assert_eq!(
            gone.count_ones(),
            destroyed,
            "{}: fewest are destroyed: {plan:?}",
            self.shown(Goal::Add, true)
        );
        // Of instances that are destroyed and made again in place the witness counts none.
        assert_eq!(
            witness.openness[&result],
            open,
            "{}: least fragmented: {plan:?}",
            self.shown(Goal::Add, true)
        );
        assert_eq!(plan.fingerprint, Fingerprint(u64::from(live)));
    }

    fn check_reason(&self, no: &Infeasible, goal: Goal, moving: bool, target: Option<Multiset>) {
        let Self { witness, live, wanted, .. } = *self;
        assert!(!no.binding.is_empty());
        let by_moving = target.and_then(|target| witness.best(live, target, 32));
        match (&no.to_free, by_moving) {
            (Freeing::Move(gone), Some((destroyed, _))) if !moving => {
                assert_eq!(gone.len() as u32, destroyed)
            }
            (Freeing::Destroy(gone), None) if goal == Goal::Add && !moving => {
                assert_eq!(Some(gone.len() as u32), witness.fewest_to_destroy(live, wanted), "{no}");
            }
            (Freeing::Destroy(gone), None) if goal == Goal::Add => assert!(!gone.is_empty()),
            (Freeing::Impossible, None) => {
                assert!(witness.best(0, wanted, 0).is_none() || goal == Goal::Exactly, "{no}");
            }
            other => panic!("{}: {other:?}", self.shown(goal, moving)),
        }
    }

    fn shown(&self, goal: Goal, moving: bool) -> String {
        let live = self.witness.layout(self.live);
        let wanted = self.witness.wanted(self.wanted);
        format!("{} {goal:?} moving {moving} live {live:?} wanted {wanted:?}", self.board.key())
    }
}

/// Checks every `stride`th pair, and says how many there were.
fn campaign(board: &Board, stride: usize) -> (usize, usize, usize) {
    let geometry = board.geometry().unwrap();
    let witness = Witness::of(board);
    let wanted = multisets(board);
    let mut layouts: Vec<u32> = witness.legal.iter().copied().collect();
    layouts.sort_unstable();
    let mut checked = 0;
    for (n, live) in layouts.iter().enumerate() {
        for wanted in wanted.iter().skip(n % stride).step_by(stride) {
            let case = Case { board, geometry: &geometry, witness: &witness, live: *live, wanted: *wanted };
            for goal in [Goal::Add, Goal::Exactly] {
                for moving in [false, true] {
                    case.check(goal, moving);
                    checked += 1;
                }
            }
        }
    }
    (layouts.len(), wanted.len(), checked)
}

/// Boards whose rows differ in nothing that matters to a plan are checked once.
fn distinct() -> Vec<&'static Board> {
    let mut seen = HashSet::new();
    let shape = |board: &&Board| {
        let geometry = board.geometry().ok()?;
        let profiles = geometry.profiles().iter().map(|profile| {
            let needs: Vec<u64> = geometry.dimensions().iter().map(|of| profile.need(&of.name)).collect();
            (profile.key(), profile.places().collect::<Vec<_>>(), profile.maximum(), needs)
        });
        Some(format!("{:?} {:?}", geometry.dimensions(), profiles.collect::<Vec<_>>()))
    };
    Board::all().iter().filter(|board| shape(board).is_some_and(|shape| seen.insert(shape))).collect()
}

#[test]
fn plans_are_the_witness_s_on_a_sample_of_all_pairs() {
    let boards = distinct();
    assert!(boards.len() >= 6, "{} geometries", boards.len());
    for board in boards {
        let (layouts, multisets, checked) = campaign(board, 499);
        assert!(layouts > 5 && multisets > 5 && checked >= layouts, "{}: {checked}", board.key());
    }
}

#[test]
#[ignore = "minutes: run it in release mode, by the command at the head of this file"]
fn plans_are_the_witness_s_on_all_pairs() {
    for board in distinct() {
        let (layouts, multisets, checked) = campaign(board, 1);
        println!("{}: {layouts} live layouts × {multisets} multisets, {checked} requests", board.key());
    }
}
