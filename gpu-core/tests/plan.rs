//! The planner without any vendor: rules that hold for whatever board, and that boards of other
//! makes can be said in its words. (Boards of NVIDIA's are tested in `gpu-nvidia-mig`, against a
//! witness.)

use gpu_core::plan::{
    Binding, Freeing, Geometry, Infeasible, Layout, Live, Plan, PlanError, Profile, ProfileKey, Request,
};
use gpu_core::{Fingerprint, Placement};

const ONE: ProfileKey = ProfileKey(1);
const TWO: ProfileKey = ProfileKey(2);

fn board() -> Geometry {
    Geometry::builder("toy", 4)
        .dimension("slices", 4)
        .profile(Profile::new(ONE, "1g").at(0..4, 1).most(4).needs("slices", 1))
        .profile(Profile::new(TWO, "2g").at([0, 2], 2).most(2).needs("slices", 2))
        .build()
        .unwrap()
}

fn one(start: u32) -> Live {
    Live::new(ONE, Placement { start, size: 1 }, start)
}

fn layout(live: &[Live]) -> Layout {
    Layout::new(Fingerprint(9), live.to_vec())
}

fn refused(answer: Result<Plan, PlanError>) -> Infeasible {
    match answer {
        Err(PlanError::Infeasible(infeasible)) => infeasible,
        other => panic!("{other:?}"),
    }
}

#[test]
fn exactly_keeps_what_is_wanted_and_destroys_the_rest() {
    let board = board();
    let wanted = || board.wanted(["2g", "1g"]).unwrap();
    // Which of the two 1g goes is the planner's choice: only one choice leaves a place for 2g.
    let plan = board.plan(&layout(&[one(0), one(2)]), &Request::exactly(wanted())).unwrap();
    assert_eq!((plan.keep.len(), plan.destroy.len(), plan.create.len()), (1, 1, 1));
    let plan = board.plan(&layout(&[one(1), one(2).pinned()]), &Request::exactly(wanted())).unwrap();
    assert_eq!((plan.keep, plan.destroy), (vec![one(2).pinned()], vec![one(1)]));
    let same = board.plan(&layout(&[one(3)]), &Request::exactly(board.wanted(["1g"]).unwrap())).unwrap();
    assert!(same.is_empty() && same.fingerprint == Fingerprint(9));
    let nothing = board.plan(&layout(&[one(3)]), &Request::exactly(Default::default())).unwrap();
    assert_eq!(nothing.destroy, [one(3)]);
}

#[test]
fn pins_hold_whatever_is_allowed() {
    let board = board();
    let pinned = layout(&[one(1).pinned(), one(2).pinned()]);
    let wanted = board.wanted(["2g"]).unwrap();
    let no = refused(board.plan(&pinned, &Request::add(wanted.clone()).moving()));
    assert_eq!(no.binding, [Binding::Place { profile: "2g".into(), free: vec![0, 3] }]);
    assert_eq!(no.to_free, Freeing::Destroy(vec![one(2).pinned()]));
    let no = refused(board.plan(&pinned, &Request::exactly(wanted).moving()));
    assert_eq!(no.binding, [one(1), one(2)].map(|live| Binding::Pinned { live: live.pinned() }));
    assert_eq!(no.to_free, Freeing::Unpin(vec![one(1).pinned(), one(2).pinned()]));
}

/// What is live proves that a board holds it, whatever its geometry says.
#[test]
fn a_board_that_holds_more_than_its_geometry_says_can_be_planned() {
    let board = Geometry::builder("toy", 4)
        .dimension("decoders", 1)
        .profile(Profile::new(ONE, "1g").at(0..4, 1).most(1).needs("decoders", 1))
        .profile(Profile::new(TWO, "2g-me").at([0, 2], 2).most(2))
        .build()
        .unwrap();
    let full = layout(&[one(0), one(1)]);
    let plan = board.plan(&full, &Request::add(board.wanted(["2g-me"]).unwrap())).unwrap();
    assert_eq!(plan.create[0].placement, Placement { start: 2, size: 2 });
    let no = refused(board.plan(&full, &Request::add(board.wanted(["1g"]).unwrap())));
    assert_eq!(no.binding[0], Binding::Maximum { profile: "1g".into(), wanted: 3, most: 2 });
    assert_eq!(no.binding[1], Binding::Dimension { dimension: "decoders".into(), needed: 3, capacity: 2 });
}

/// Virtual functions have no places, but quotas.
#[test]
fn virtual_functions_are_profiles_without_slots() {
    let vf = |key, name: &str, gib| Profile::new(ProfileKey(key), name).at([0], 0).most(7).needs("GiB", gib);
    let board = Geometry::builder("flex", 0)
        .dimension("functions", 7)
        .dimension("GiB", 14)
        .profile(vf(1, "small", 2).needs("functions", 1))
        .profile(vf(2, "large", 6).needs("functions", 1))
        .build()
        .unwrap();
    let nowhere = Placement { start: 0, size: 0 };
    let live = Layout::new(Fingerprint(0), (0..3).map(|n| Live::new(ProfileKey(1), nowhere, n)).collect());
    let plan = board.plan(&live, &Request::add(board.wanted(["large"]).unwrap())).unwrap();
    assert_eq!((plan.keep.len(), plan.create[0].placement), (3, nowhere));
    let no = refused(board.plan(&live, &Request::add(board.wanted(["large", "large"]).unwrap())));
    assert_eq!(no.binding, [Binding::Dimension { dimension: "GiB".into(), needed: 18, capacity: 14 }]);
    assert!(matches!(&no.to_free, Freeing::Destroy(live) if live.len() == 2), "{}", no.to_free);
    assert_eq!(board.room(&live).unwrap(), [(ProfileKey(1), 4), (ProfileKey(2), 1)]);
    let plan = board.plan(&live, &Request::exactly(board.wanted(["small"]).unwrap())).unwrap();
    assert_eq!((plan.keep.len(), plan.destroy.len()), (1, 2));
}

/// A mode makes all its partitions at once: it is one profile that takes the whole board.
#[test]
fn modes_are_profiles_that_exclude_each_other() {
    let names = ["SPX", "DPX", "CPX"];
    let modes = names.iter().zip(0..).map(|(name, key)| Profile::new(ProfileKey(key), *name).at([0], 8));
    let board =
        modes.fold(Geometry::builder("mi300x", 8), |board, mode| board.profile(mode)).build().unwrap();
    let spx = Layout::new(Fingerprint(0), vec![Live::new(ProfileKey(0), Placement { start: 0, size: 8 }, 0)]);
    let cpx = board.wanted(["CPX"]).unwrap();
    let plan = board.plan(&spx, &Request::exactly(cpx.clone())).unwrap();
    assert_eq!((plan.destroy.len(), plan.create[0].name.as_str()), (1, "CPX"));
    assert!(matches!(refused(board.plan(&spx, &Request::add(cpx))).to_free, Freeing::Destroy(_)));
    assert_eq!(board.layouts().len(), 3);
}

#[test]
fn plans_leave_the_least_fragmented_layout() {
    let board = board();
    let plan = board.plan(&layout(&[one(1)]), &Request::add(board.wanted(["1g"]).unwrap())).unwrap();
    assert_eq!(plan.create[0].placement.start, 0, "beside the other, so that a 2g still fits");
    let held = plan.result().map(|(key, place)| Live::new(key, place, 0)).collect();
    assert_eq!(board.fragmentation(&Layout::new(Fingerprint(0), held)).unwrap().lost, 0);
    assert!(board.fragmentation(&layout(&[one(1), one(2)])).unwrap().lost > 0);
}
