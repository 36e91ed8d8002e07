//! Planning a whole node against a witness that adds up, board by board, everything that each can
//! take on.

#[path = "support/witness.rs"]
mod witness;

use std::collections::BTreeMap;

use gpu_core::plan::{Demand, Geometry, Goal, Layout, NodeBoard, NodeError, NodePlan};
use gpu_nvidia_mig::Board;
use witness::Witness;

/// Every demand that the boards can fulfil together, with the fewest instances that are destroyed.
fn fulfilled(
    boards: &[(&Witness, u32)],
    demands: &[Demand],
    names: &[Vec<String>],
) -> BTreeMap<Vec<u32>, u32> {
    let mut sums = BTreeMap::from([(vec![0; demands.len()], 0)]);
    for ((witness, live), names) in boards.iter().zip(names) {
        let mut next = BTreeMap::new();
        for (multiset, sets) in &witness.by_multiset {
            let more = (0..names.len()).map(|n| {
                (multiset >> (4 * n) & 15) as i64 - (witness.multiset(*live) >> (4 * n) & 15) as i64
            });
            let more: Vec<i64> = more.collect();
            let taken: Vec<u32> = demands
                .iter()
                .map(|demand| {
                    names.iter().position(|name| *name == demand.profile).map_or(0, |n| more[n].max(0) as u32)
                })
                .collect();
            // Nothing live is lost, and nothing comes that was not asked for.
            if more.iter().any(|more| *more < 0)
                || more.iter().sum::<i64>() != taken.iter().map(|n| i64::from(*n)).sum()
            {
                continue;
            }
            let cost = sets.iter().map(|set| (live & !set).count_ones()).min().unwrap();
            for (sum, before) in &sums {
                let sum: Vec<u32> = sum.iter().zip(&taken).map(|(a, b)| a + b).collect();
                if sum.iter().zip(demands).all(|(sum, demand)| *sum <= demand.count) {
                    let best = next.entry(sum).or_insert(u32::MAX);
                    *best = (*best).min(before + cost);
                }
            }
        }
        sums = next;
    }
    sums
}

/// A number that looks random and is the same at every run.
fn scattered(round: usize, n: usize) -> usize {
    let mixed = ((round * 64 + n + 1) as u64).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    ((mixed ^ mixed >> 29).wrapping_mul(0xbf58_476d_1ce4_e5b9) >> 33) as usize
}

#[test]
fn nodes_hold_what_the_witness_adds_up() {
    let keys = ["a30-24", "rtx-pro-5000", "a30-24", "h100-80"];
    let geometries: Vec<Geometry> =
        keys.iter().map(|key| Board::named(key).unwrap().geometry().unwrap()).collect();
    let witnesses: Vec<Witness> = keys.iter().map(|key| Witness::of(Board::named(key).unwrap())).collect();
    let names: Vec<Vec<String>> = keys
        .iter()
        .map(|key| Board::named(key).unwrap().profiles().iter().map(|of| of.name.to_string()).collect())
        .collect();
    let sorted = |witness: &Witness| {
        let mut legal: Vec<u32> = witness.legal.iter().copied().collect();
        legal.sort_unstable();
        legal
    };
    let legal: Vec<Vec<u32>> = witnesses.iter().map(sorted).collect();
    let (mut held, mut refused, mut moved) = (0, 0, 0);
    for round in 0..600_usize {
        let few = |all: &Vec<u32>, n: usize| {
            // Two instances at most, so that there is something to move and somewhere to go.
            let few: Vec<u32> = all.iter().copied().filter(|set| set.count_ones() <= 2).collect();
            few[scattered(round, n) % few.len()]
        };
        let live: Vec<u32> = legal.iter().zip(0..).map(|(all, n)| few(all, n)).collect();
        let layouts: Vec<Layout> =
            witnesses.iter().zip(&live).map(|(witness, live)| witness.layout(*live, 0)).collect();
        let count = |factor: usize, modulus: usize| (scattered(round, factor) % modulus) as u32;
        let demands = [
            Demand::new("1g.6gb", count(3, 4)),
            Demand::new("2g.12gb", count(1, 3)),
            Demand::new("1g.24gb", count(5, 3)),
            Demand::new("3g.40gb", count(7, 3)),
            Demand::new("1g.20gb", count(11, 3)),
        ];
        let boards: Vec<NodeBoard<'_>> = geometries
            .iter()
            .zip(&layouts)
            .map(|(geometry, layout)| NodeBoard { geometry, layout })
            .collect();
        let pairs: Vec<(&Witness, u32)> = witnesses.iter().zip(live.iter().copied()).collect();
        let counts: Vec<u32> = demands.iter().map(|demand| demand.count).collect();
        let expected = fulfilled(&pairs, &demands, &names).get(&counts).copied();
        match (NodePlan::of(&boards, &demands, true), expected) {
            (Ok(plan), Some(cost)) => {
                let destroyed: usize = plan.plans.iter().map(|plan| plan.destroy.len()).sum();
                assert_eq!(destroyed, cost as usize, "{round}: fewest are destroyed");
                check(&plan, &witnesses, &live, &demands, &names);
                moved += usize::from(cost > 0);
            }
            (Err(NodeError::TooMany { .. } | NodeError::Together), None) => refused += 1,
            other => panic!("{round}: {other:?}"),
        }
        let answer = NodePlan::of(&boards, &demands, false);
        assert_eq!(answer.is_ok(), expected == Some(0), "{round}: {answer:?}");
        held += usize::from(answer.is_ok());
    }
    assert!(held > 5 && refused > 5 && moved > 5, "{held} held, {moved} by moving, {refused} refused");
}

/// Every board ends in a layout that it can have, and the demands are there.
fn check(plan: &NodePlan, witnesses: &[Witness], live: &[u32], demands: &[Demand], names: &[Vec<String>]) {
    let mut made = vec![0_i64; demands.len()];
    for (((plan, witness), live), names) in plan.plans.iter().zip(witnesses).zip(live).zip(names) {
        let result = witness.set_of(plan.result());
        assert!(witness.legal.contains(&result));
        let more = witness.target(0, witness.multiset(result), Goal::Exactly).unwrap();
        for (made, demand) in made.iter_mut().zip(demands) {
            if let Some(n) = names.iter().position(|name| *name == demand.profile) {
                *made += (more >> (4 * n) & 15) as i64 - (witness.multiset(*live) >> (4 * n) & 15) as i64;
            }
        }
    }
    assert_eq!(made, demands.iter().map(|demand| i64::from(demand.count)).collect::<Vec<_>>());
}

/// First-fit-decreasing puts both 3g on the first board and has room for three of the 2g.
#[test]
fn first_fit_is_not_enough() {
    let geometry = Board::named("h100-80").unwrap().geometry().unwrap();
    let board = NodeBoard { geometry: &geometry, layout: &Layout::default() };
    let demands = [Demand::new("3g.40gb", 2), Demand::new("2g.20gb", 4)];
    let plan = NodePlan::of(&[board, board], &demands, false).unwrap();
    let names =
        plan.plans.iter().map(|plan| plan.create.iter().map(|new| new.name.as_str()).collect::<Vec<_>>());
    assert_eq!(names.collect::<Vec<_>>(), [["3g.40gb", "2g.20gb", "2g.20gb"]; 2]);
}

#[test]
fn a_kind_keeps_demands_off_other_boards() {
    let boards = ["a100-40", "h100-80"].map(|key| Board::named(key).unwrap().geometry().unwrap());
    let empty = Layout::default();
    let node = [0, 1].map(|n| NodeBoard { geometry: &boards[n], layout: &empty });
    let created = |demand| NodePlan::of(&node, &[demand], false).unwrap().plans.map_lengths();
    assert_eq!(created(Demand::new("1g.10gb", 5)), [4, 1], "one name, two sizes");
    assert_eq!(created(Demand::new("1g.10gb", 5).on("h100-80")), [0, 5]);
    // Twice the same profile under two demands: together they are counted once.
    let both = [Demand::new("1g.10gb", 4).on("h100-80"), Demand::new("1g.10gb", 8)];
    assert_eq!(NodePlan::of(&node, &both, false).unwrap_err(), NodeError::Together);
    let both = [Demand::new("1g.10gb", 4).on("h100-80"), Demand::new("1g.10gb", 7)];
    assert_eq!(NodePlan::of(&node, &both, false).unwrap().plans.map_lengths(), [4, 7]);
    let many = vec![Demand::new("1g.10gb", 1); 11];
    assert_eq!(NodePlan::of(&node, &many, false).unwrap().plans.map_lengths(), [4, 7]);
    let refused = NodePlan::of(&node, &[Demand::new("1g.10gb", 1_000_000_000)], false).unwrap_err();
    assert_eq!(refused.to_string(), "the node has room for 11 of 1g.10gb, and 1000000000 are wanted");
    let refused = NodePlan::of(&node, &[Demand::new("1g.5gb", 1).on("h100-80")], false).unwrap_err();
    assert_eq!(refused.to_string(), "no board offers 1g.5gb on h100-80");
    assert_eq!(NodePlan::of(&node, &[], true).unwrap().plans.map_lengths(), [0, 0]);
}

trait Lengths {
    fn map_lengths(&self) -> Vec<usize>;
}

impl Lengths for Vec<gpu_core::plan::Plan> {
    fn map_lengths(&self) -> Vec<usize> {
        self.iter().map(|plan| plan.create.len()).collect()
    }
}
