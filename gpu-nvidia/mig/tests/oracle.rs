//! The planner against an independent witness: every live layout of a board × every multiset up to
//! the board's size.
//!
//! The short version takes a sample of the pairs. All of them, in release mode:
//!
//! ```text
//! cargo test --release -p gpu-nvidia-mig --test oracle -- --ignored --nocapture
//! ```

#[path = "support/witness.rs"]
mod witness;

use std::collections::HashSet;

use gpu_core::Fingerprint;
use gpu_core::plan::{Freeing, Geometry, Goal, Infeasible, Plan, PlanError, Request};
use gpu_nvidia_mig::Board;
use witness::{Multiset, Witness, spread};

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
    pinned: u32,
    wanted: Multiset,
}

impl Case<'_> {
    fn check(&self, goal: Goal, moving: bool) {
        let Self { geometry, witness, live, pinned, wanted, .. } = *self;
        let request = match goal {
            Goal::Add => Request::add(witness.wanted(wanted)),
            Goal::Exactly => Request::exactly(witness.wanted(wanted)),
        };
        let request = if moving { request.moving() } else { request };
        let answer = geometry.plan(&witness.layout(live, pinned), &request);
        let target = witness.target(live, wanted, goal);
        let most = if moving { 32 } else { target.map_or(0, |target| witness.surplus(live, target)) };
        let expected = target.and_then(|target| witness.best(live, pinned, target, most));
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
        let Self { witness, live, pinned, wanted, .. } = *self;
        assert!(!no.binding.is_empty());
        let by_moving = target.and_then(|target| witness.best(live, pinned, target, 32));
        match (&no.to_free, by_moving) {
            (Freeing::Move(gone), Some((destroyed, _))) if !moving => {
                assert_eq!(gone.len() as u32, destroyed)
            }
            (Freeing::Destroy(gone), None) if goal == Goal::Add => {
                let moved = if moving { 32 } else { 0 };
                let fewest = |among| witness.fewest_to_destroy(live, pinned, among, wanted, moved);
                let others = fewest(live & !pinned);
                assert_eq!(Some(gone.len() as u32), others.or_else(|| fewest(live)), "{no}");
                assert_eq!(gone.iter().any(|live| live.pinned), others.is_none(), "pinned ones go last");
            }
            (Freeing::Unpin(free), None) if goal == Goal::Exactly => {
                let choices = (0..1_u32 << pinned.count_ones()).map(|choice| spread(choice, pinned));
                let works = choices.filter(|free| witness.best(live, pinned & !free, wanted, 32).is_some());
                assert_eq!(Some(free.len() as u32), works.map(u32::count_ones).min(), "{no}");
            }
            (Freeing::Impossible, None) => assert!(witness.best(0, 0, wanted, 0).is_none(), "{no}"),
            other => panic!("{}: {other:?}", self.shown(goal, moving)),
        }
    }

    fn shown(&self, goal: Goal, moving: bool) -> String {
        let live = self.witness.layout(self.live, self.pinned);
        let wanted = self.witness.wanted(self.wanted);
        format!("{} {goal:?} moving {moving} live {live:?} wanted {wanted:?}", self.board.key())
    }
}

/// Checks every `stride`th pair with nothing pinned and with some of the instances pinned, and says
/// how many requests that were.
fn campaign(board: &Board, stride: usize) -> (usize, usize, usize) {
    let geometry = board.geometry().unwrap();
    let witness = Witness::of(board);
    let wanted = multisets(board);
    let mut layouts: Vec<u32> = witness.legal.iter().copied().collect();
    layouts.sort_unstable();
    let mut checked = 0;
    for (n, live) in layouts.iter().enumerate() {
        for wanted in wanted.iter().skip(n % stride).step_by(stride) {
            // Which ones are pinned differs from pair to pair, without chance.
            let some = live & (*live ^ (*wanted as u32)).wrapping_mul(0x9e37_79b1).rotate_left(n as u32);
            for pinned in [0, some] {
                let (live, wanted) = (*live, *wanted);
                let case = Case { board, geometry: &geometry, witness: &witness, live, pinned, wanted };
                for goal in [Goal::Add, Goal::Exactly] {
                    for moving in [false, true] {
                        case.check(goal, moving);
                        checked += 1;
                    }
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

/// Adds one of a profile.
fn one_more(multiset: Multiset, profile: usize) -> Multiset {
    multiset + (1 << (4 * profile))
}

#[test]
fn room_headroom_fragmentation_and_layouts_are_the_witness_s() {
    for board in distinct() {
        let geometry = board.geometry().unwrap();
        let witness = Witness::of(board);
        let mut layouts: Vec<u32> = witness.legal.iter().copied().collect();
        layouts.sort_unstable();
        for live in layouts.iter().copied().step_by(1 + layouts.len() / 60) {
            let layout = witness.layout(live, 0);
            let additions = witness.additions(live);
            let alone =
                |n: usize| (0..16).rev().find(|count| additions.contains(&(count << (4 * n)))).unwrap();
            let room: Vec<u64> = geometry.room(&layout).unwrap().iter().map(|(_, room)| *room).collect();
            assert_eq!(room, (0..witness.keys.len()).map(alone).collect::<Vec<u64>>(), "{layout:?}");

            let more = |multiset: Multiset| (0..witness.keys.len()).map(move |n| one_more(multiset, n));
            let largest =
                additions.iter().filter(|all| **all != 0 && !more(**all).any(|all| additions.contains(&all)));
            let largest: HashSet<_> = largest.map(|all| witness.wanted(*all)).collect();
            let headroom = geometry.headroom(&layout).unwrap();
            assert_eq!(headroom.len(), largest.len(), "each once");
            assert_eq!(headroom.into_iter().collect::<HashSet<_>>(), largest, "{layout:?}");

            let alike = &witness.by_multiset[&witness.multiset(live)];
            let best = alike.iter().map(|set| witness.openness[set]).max().unwrap();
            let fragmentation = geometry.fragmentation(&layout).unwrap();
            assert_eq!(
                (fragmentation.of, fragmentation.lost),
                (best.into(), (best - witness.openness[&live]).into())
            );
        }
        let full = witness.legal.iter().copied().filter(|set| witness.additions(*set).len() == 1);
        let walked: Vec<u32> =
            geometry.layouts().into_iter().map(|all| witness.set_of(all.into_iter())).collect();
        assert_eq!(walked.iter().copied().collect::<HashSet<u32>>().len(), walked.len(), "each once");
        assert_eq!(walked.into_iter().collect::<HashSet<u32>>(), full.collect(), "{}", board.key());
    }
}

#[test]
fn plans_are_the_witness_s_on_a_sample_of_all_pairs() {
    let boards = distinct();
    assert!(boards.len() >= 6, "{} geometries", boards.len());
    for board in boards {
        let (layouts, multisets, checked) = campaign(board, 997);
        assert!(layouts > 5 && multisets > 5 && checked >= layouts, "{}: {checked}", board.key());
    }
}

/// Not built in debug mode, where it would take half an hour.
#[cfg(not(debug_assertions))]
#[test]
#[ignore = "a minute: run it in release mode, by the command at the head of this file"]
fn plans_are_the_witness_s_on_all_pairs() {
    for board in distinct() {
        let (layouts, multisets, checked) = campaign(board, 1);
        println!("{}: {layouts} live layouts × {multisets} multisets, {checked} requests", board.key());
    }
}
