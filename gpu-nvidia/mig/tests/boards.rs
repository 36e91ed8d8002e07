//! The tables: what every board must have, and what its geometry brings with it.

use std::collections::BTreeSet;

use gpu_core::plan::{
    Binding, Freeing, Geometry, Infeasible, Layout, Live, Plan, PlanError, ProfileKey, Request,
};
use gpu_core::{Fingerprint, Placement};
use gpu_nvidia_mig::{Board, ProfileIndex};

fn geometry(key: &str) -> Geometry {
    Board::named(key).unwrap().geometry().unwrap()
}

fn key(geometry: &Geometry, name: &str) -> ProfileKey {
    geometry.named(name).unwrap_or_else(|| panic!("{name} on {}", geometry.kind())).key()
}

fn live(geometry: &Geometry, layout: &[(&str, u32)]) -> Layout {
    let one = |(n, (name, start)): (u32, &(&str, u32))| {
        let profile = geometry.named(name).unwrap();
        Live::new(profile.key(), Placement { start: *start, size: profile.size() }, n)
    };
    Layout::new(Fingerprint(1), (0..).zip(layout).map(one).collect())
}

fn add(geometry: &Geometry, layout: &Layout, names: &[&str]) -> Result<Plan, Infeasible> {
    let wanted = geometry.wanted(names.iter().copied()).unwrap();
    geometry.plan(layout, &Request::add(wanted)).map_err(|error| match error {
        PlanError::Infeasible(infeasible) => infeasible,
        other => panic!("{other}"),
    })
}

fn shown(plan: &Plan) -> Vec<String> {
    plan.create.iter().map(|new| format!("{}@{}", new.name, new.placement)).collect()
}

#[test]
fn every_row_is_whole_and_says_where_it_comes_from() {
    let mut devices = BTreeSet::new();
    for board in Board::all() {
        let profiles = board.profiles();
        assert!(profiles.iter().count() >= 5, "{}: a name of the table is no name", board.key());
        for device in board.pci_devices() {
            assert!(devices.insert(device), "{device:#x} is of two boards");
            assert_eq!(Board::of_pci_device(*device).unwrap().key(), board.key());
        }
        let mut indexes = BTreeSet::new();
        let mut ids = BTreeSet::new();
        for profile in profiles.iter() {
            assert!(!profile.source.is_empty() && profile.most >= 1, "{}", profile.name);
            assert!(indexes.insert(profile.index) && profile.index.name().is_some());
            assert!(profile.id.value().is_none_or(|id| ids.insert(*id)), "{}: id twice", board.key());
            assert_eq!(profile.slices, profile.name.slices());
            let places = profile.places.value();
            assert!(places.is_none_or(|places| places.len() as u32 >= profile.most), "{}", profile.name);
        }
    }
    assert!(devices.len() >= 27, "{} device ids", devices.len());
}

/// nvml.h's names say the slices and the attribute; so do the profiles' own.
#[test]
fn indexes_fit_names() {
    for board in Board::all() {
        for profile in board.profiles().iter() {
            let (index, name) = (profile.index.name().unwrap(), &profile.name);
            assert_eq!(index.split('_').next().unwrap(), name.slices().to_string(), "{name}");
            assert_eq!(index.ends_with("_REV1"), name.has("me"), "{name}");
            assert_eq!(index.ends_with("_GFX"), name.has("gfx"), "{name}");
            assert_eq!(index.ends_with("_ALL_ME"), name.has("me.all"), "{name}");
            assert_eq!(index.ends_with("_NO_ME"), name.lacks("me"), "{name}");
        }
        let profiles = board.profiles();
        if let Some(double) = profiles.with_index(ProfileIndex::SLICE_1_REV2) {
            let (one, two) = (ProfileIndex::SLICE_1, ProfileIndex::SLICE_2);
            let gigabytes = |index| profiles.with_index(index).unwrap().name.gigabytes();
            assert!(double.name.gigabytes() > gigabytes(one));
            assert_eq!(double.name.gigabytes(), gigabytes(two), "{}", board.key());
        }
    }
}

/// `nvidia-smi mig -lgipp` of an H100 NVL and of an A100: ids and places.
#[test]
fn places_are_those_that_boards_list() {
    for board in ["a100-40", "h100-94"] {
        let listed = [
            (19, vec![0, 1, 2, 3, 4, 5, 6], 1),
            (20, vec![0, 1, 2, 3, 4, 5, 6], 1),
            (15, vec![0, 2, 4, 6], 2),
            (14, vec![0, 2, 4], 2),
            (9, vec![0, 4], 4),
            (5, vec![0], 4),
            (0, vec![0], 8),
        ];
        let profiles = Board::named(board).unwrap().profiles();
        for (profile, (id, starts, size)) in profiles.iter().zip(listed) {
            assert_eq!(profile.id.value().map(|id| id.0), Some(id));
            let places = profile.places.value().unwrap();
            assert_eq!(places.iter().map(|place| place.start).collect::<Vec<_>>(), starts);
            assert!(places.iter().all(|place| place.size == size));
        }
    }
}

#[test]
fn a_name_alone_is_no_geometry() {
    for (name, boards) in [
        ("1g.35gb", [("gb300", 7), ("h200-141", 4)]),
        ("1g.10gb", [("h100-80", 7), ("a100-40", 4)]),
        ("1g.24gb", [("rtx-pro-6000", 4), ("h100-94", 4)]),
    ] {
        for (board, most) in boards {
            assert_eq!(
                Board::named(board).unwrap().profiles().find(&name.parse().unwrap()).unwrap().most,
                most
            );
        }
    }
}

#[test]
fn four_and_three_fill_a_board_and_two_threes_leave_a_slice_that_nothing_can_use() {
    for board in [
        "a100-40",
        "a100-80",
        "h100-80",
        "h100-94",
        "h200-141",
        "gh200-144",
        "b200-180",
        "gb200",
        "b300",
        "gb300",
    ] {
        let board = geometry(board);
        let of = |index: ProfileIndex| board.profile(index.into()).unwrap().name().to_owned();
        let (three, four) = (of(ProfileIndex::SLICE_3), of(ProfileIndex::SLICE_4));
        for (both, slices) in [([&four, &three], 7), ([&three, &three], 6)] {
            let plan = add(&board, &Layout::default(), &both.map(String::as_str)).unwrap();
            let held = plan.result().map(|(key, place)| Live::new(key, place, 0)).collect();
            let full = Layout::new(Fingerprint(0), held);
            let used: u64 = both.iter().map(|name| board.named(name).unwrap().need("compute slices")).sum();
            assert_eq!(used, slices);
            assert_eq!(board.headroom(&full).unwrap(), [], "nothing fits beside {both:?}");
        }
    }
}

#[test]
fn seven_ones_and_no_eighth() {
    let board = geometry("h100-80");
    let plan = add(&board, &Layout::default(), &["1g.10gb"; 7]).unwrap();
    let starts: BTreeSet<u32> = plan.create.iter().map(|new| new.placement.start).collect();
    assert_eq!(starts, (0..7).collect(), "no 1g sits at slot 7");
    let refused = add(&board, &Layout::default(), &["1g.10gb"; 8]).unwrap_err();
    assert_eq!(refused.binding[0], Binding::Maximum { profile: "1g.10gb".into(), wanted: 8, most: 7 });
    assert_eq!(
        refused.binding[1],
        Binding::Dimension { dimension: "compute slices".into(), needed: 8, capacity: 7 }
    );
    assert_eq!(refused.to_free, Freeing::Impossible);
    let huge =
        board.plan(&Layout::default(), &Request::add(many(&board, "1g.10gb", 1_000_000_000))).unwrap_err();
    assert!(huge.to_string().starts_with("at most 7 of 1g.10gb, and 1000000000 are wanted"), "{huge}");
}

fn many(board: &Geometry, name: &str, count: u32) -> gpu_core::plan::Wanted {
    let mut wanted = gpu_core::plan::Wanted::default();
    wanted.add(key(board, name), count);
    wanted
}

#[test]
fn four_doubles_take_all_memory_and_leave_compute() {
    let board = geometry("h100-80");
    let plan = add(&board, &Layout::default(), &["1g.20gb"; 4]).unwrap();
    assert_eq!(shown(&plan), ["1g.20gb@0:2", "1g.20gb@2:2", "1g.20gb@4:2", "1g.20gb@6:2"]);
    let refused = add(&board, &Layout::default(), &["1g.20gb", "1g.20gb", "1g.20gb", "1g.20gb", "1g.10gb"])
        .unwrap_err();
    assert_eq!(
        refused.binding,
        [Binding::Slots { needed: 9, capacity: 8 }],
        "memory binds, compute does not"
    );
    let refused = add(&board, &Layout::default(), &["4g.40gb", "2g.20gb", "2g.20gb"]).unwrap_err();
    let compute = Binding::Dimension { dimension: "compute slices".into(), needed: 8, capacity: 7 };
    assert_eq!(refused.binding[0], compute, "compute binds, memory does not");
    assert!(!refused.binding.iter().any(|binding| matches!(binding, Binding::Slots { .. })));
}

/// The mocks of go-nvml give 3g three slots, which allows what no board does.
#[test]
fn a_one_at_slot_three_leaves_no_first_half() {
    let board = geometry("h100-80");
    let third = live(&board, &[("1g.10gb", 3)]);
    assert_eq!(shown(&add(&board, &third, &["3g.40gb"]).unwrap()), ["3g.40gb@4:4"]);
    let refused = add(&board, &third, &["3g.40gb", "3g.40gb"]).unwrap_err();
    assert_eq!(refused.binding, [Binding::Slots { needed: 9, capacity: 8 }]);
    let refused = add(&board, &live(&board, &[("1g.10gb", 3), ("1g.10gb", 4)]), &["3g.40gb"]).unwrap_err();
    assert_eq!(refused.binding, [Binding::Place { profile: "3g.40gb".into(), free: vec![0, 1, 2, 5, 6, 7] }]);
    assert!(matches!(&refused.to_free, Freeing::Move(live) if live.len() == 1), "{}", refused.to_free);
    let refused = add(&board, &third, &["4g.40gb"]).unwrap_err();
    assert!(matches!(&refused.to_free, Freeing::Move(_)));
}

#[test]
fn media_engines_are_a_dimension_of_their_own() {
    let board = geometry("rtx-pro-6000");
    let all = live(&board, &[("1g.24gb+me.all", 0)]);
    let refused = add(&board, &all, &["1g.24gb"]).unwrap_err();
    let decoders = Binding::Dimension { dimension: "decoders".into(), needed: 5, capacity: 4 };
    assert!(refused.binding.contains(&decoders), "{refused}");
    assert!(matches!(&refused.to_free, Freeing::Destroy(live) if live.len() == 1));
    assert!(add(&board, &all, &["1g.24gb-me", "2g.48gb-me"]).is_ok());
    assert!(add(&board, &all, &["1g.24gb+me"]).is_err(), "one set of media extensions");
    assert!(add(&board, &Layout::default(), &["1g.24gb+me", "1g.24gb+me"]).is_err());
    assert!(add(&board, &Layout::default(), &["1g.24gb+me", "1g.24gb", "2g.48gb+gfx"]).is_ok());
    // By names where the source has no counts.
    let smaller = geometry("rtx-pro-5000");
    let all = live(&smaller, &[("1g.24gb+me.all", 0)]);
    assert!(add(&smaller, &all, &["1g.24gb"]).is_err() && add(&smaller, &all, &["1g.24gb-me"]).is_ok());
    // The A30 has one JPEG engine for its two kinds of +me.
    assert!(add(&geometry("a30-24"), &Layout::default(), &["1g.6gb+me", "2g.12gb+me"]).is_err());
}

/// Capacities of engines are concluded: on boards of seven slices they must forbid nothing that
/// slots, compute slices and maxima allow.
#[test]
fn on_boards_of_seven_slices_engines_bind_nothing() {
    for board in Board::all() {
        let Ok(full) = board.geometry() else { continue };
        if full.slots() != 8 {
            continue;
        }
        let mut bare = Geometry::builder(board.key(), 8).dimension("compute slices", 7);
        for profile in full.profiles() {
            let starts = profile.places().map(|place| place.start);
            let same = gpu_core::plan::Profile::new(profile.key(), profile.name()).at(starts, profile.size());
            bare = bare.profile(
                same.most(profile.maximum()).needs("compute slices", profile.need("compute slices")),
            );
        }
        assert_eq!(bare.build().unwrap().layouts(), full.layouts(), "{}", board.key());
    }
}

#[test]
fn equal_input_gives_equal_plans_in_whatever_order() {
    let board = geometry("h100-80");
    let ordered = live(&board, &[("1g.10gb", 0), ("1g.10gb", 2), ("1g.10gb", 5), ("1g.20gb", 6)]);
    let mut reversed = ordered.clone();
    reversed.live.reverse();
    for names in [&["2g.20gb", "1g.10gb"][..], &["3g.40gb"][..], &["1g.10gb"][..]] {
        let wanted = board.wanted(names.iter().copied()).unwrap();
        for request in
            [Request::add(wanted.clone()), Request::add(wanted.clone()).moving(), Request::exactly(wanted)]
        {
            assert_eq!(board.plan(&ordered, &request), board.plan(&reversed, &request));
        }
    }
}

#[test]
fn layouts_that_cannot_be_are_refused() {
    let board = geometry("h100-80");
    let refused =
        |layout: Layout| board.plan(&layout, &Request::add(Default::default())).unwrap_err().to_string();
    let overlap = live(&board, &[("3g.40gb", 0), ("1g.10gb", 3)]);
    assert_eq!(refused(overlap), "instance 1 at 3:1: 1g.10gb overlaps with another instance");
    let mut nowhere = live(&board, &[("3g.40gb", 0)]);
    nowhere.live[0].placement.start = 3;
    assert_eq!(refused(nowhere), "instance 0 at 3:4: 3g.40gb has no such place");
    let mut unknown = live(&board, &[("3g.40gb", 0)]);
    unknown.live[0].profile = ProfileKey(17);
    assert_eq!(refused(unknown), "instance 0 at 0:4: the board has no profile 17");
    let stranger = Request::add([ProfileKey(17)].into_iter().collect());
    let text = board.plan(&Layout::default(), &stranger).unwrap_err().to_string();
    assert!(text.starts_with("h100-80 has no profile 17: it has 1g.10gb, "), "{text}");
}
