//! Choosing units: what is better, and against a witness that looks at every set of units.

#[path = "support/site.rs"]
mod site;

use gpu_core::choose::{self, Cuttable, Denied, Index, Near, Request, Way};
use gpu_core::ledger::{
    Board, Body, Claim, Declared, EntryId, Expiry, Key, Ledger, Offer, Outlook, Position, Reason, Reserve,
};
use gpu_core::plan::{Geometry, Layout, Live, Profile, ProfileKey};
use gpu_core::{
    Bytes, Container, Count, DeviceId, Exclusion, Fingerprint, NumaNode, PciAddress, Permille, Placement,
    Runtime, SharingKind, UnitId, Vendor,
};
use site::{board, claim, cut, done, gpu, holding, instance, of, release, reserve, shared};

fn first(ledger: &Ledger, request: &Request) -> Vec<UnitId> {
    choose::among(ledger, request).expect("something would do")[0].claims().map(|claim| claim.unit).collect()
}

fn units(units: impl IntoIterator<Item = impl Into<UnitId>>) -> Vec<UnitId> {
    units.into_iter().map(Into::into).collect()
}

const GIB_5: Bytes = Bytes::gib(5);

#[test]
fn the_small_do_not_sit_on_the_large_and_what_is_whole_stays_whole() {
    let mut ledger = of(vec![board(1), cut(2, 0..7), cut(3, 0..7)]);
    assert_eq!(first(&ledger, &Request::memory(GIB_5)), units([instance(2, 0)]));
    assert_eq!(first(&ledger, &Request::memory(Bytes::gib(11))), units([gpu(1)]));
    done(&mut ledger, 1, reserve([instance(3, 4).into()]));
    // Beside the other, so that board 2 stays whole; or apart.
    assert_eq!(first(&ledger, &Request::memory(GIB_5)), units([instance(3, 0)]));
    assert_eq!(first(&ledger, &Request::memory(GIB_5).spread()), units([instance(2, 0)]));
    assert_eq!(first(&ledger, &Request::memory(GIB_5).count(2)), units([instance(3, 0), instance(3, 1)]));
    let apart = first(&ledger, &Request::memory(GIB_5).count(2).spread());
    assert_eq!(apart, units([instance(2, 0), instance(3, 0)]));
    // Who takes all of a board takes one that is not cut.
    done(&mut ledger, 2, release(1));
    assert_eq!(first(&ledger, &Request::memory(Bytes::gib(80))), units([gpu(1)]));
    let all = choose::among(&ledger, &Request::memory(Bytes::gib(80))).unwrap();
    assert_eq!(all.len(), 3);
    assert_eq!(all[0].units[0].way, Way::Whole);
}

#[test]
fn near_the_same_numa_node_and_the_same_island() {
    let place = |number: u8, bus: u8, numa: u32, island: Option<u32>| {
        let mut board = board(number);
        (board.pci, board.numa) = (Some(PciAddress::new(0, bus, 0, 0)), Some(NumaNode(numa)));
        board.island = island;
        board
    };
    let ledger = of(vec![
        place(1, 0x10, 0, Some(0)),
        place(2, 0x30, 0, Some(1)),
        place(3, 0x50, 1, Some(0)),
        place(4, 0x70, 1, Some(1)),
        place(5, 0x72, 1, None),
    ]);
    let nic = PciAddress::new(0, 0x52, 0, 0);
    assert_eq!(first(&ledger, &Request::any().near(nic)), units([gpu(3)]));
    let on_node_0 = Near { pci: nic, numa: Some(NumaNode(0)) };
    assert_eq!(first(&ledger, &Request::any().near(on_node_0)), units([gpu(2)]));
    assert_eq!(first(&ledger, &Request::any().count(2).same_numa().near(nic)), units([gpu(3), gpu(4)]));
    assert_eq!(first(&ledger, &Request::any().count(2).same_island()), units([gpu(1), gpu(3)]));
    assert_eq!(choose::among(&ledger, &Request::any().count(2).same_island()).unwrap().len(), 2);
    let unmet = choose::among(&ledger, &Request::any().count(3).same_island()).unwrap_err();
    assert!(unmet.apart && unmet.outlook == Outlook::Never, "{unmet}");
    let unmet = choose::among(&ledger, &Request::any().count(2).same_island().same_numa()).unwrap_err();
    assert_eq!(unmet.outlook, Outlook::Never);
}

#[test]
fn vendor_model_profile_and_forbidden_units() {
    let mut other =
        Board::new("MI300X", Offer::new(DeviceId::from_serial(Vendor::AMD, 1), Default::default()));
    other.whole.memory = Some(Bytes::gib(192));
    let amd = other.device;
    let mut boards = vec![cut(1, 0..3), other];
    boards.sort_by_key(|board| board.device);
    let ledger = of(boards);
    assert_eq!(first(&ledger, &Request::any().vendor(Vendor::AMD)), units([amd]));
    assert_eq!(first(&ledger, &Request::any().model("mi300")), units([amd]));
    assert_eq!(first(&ledger, &Request::any().profile("1g.10gb")), units([instance(1, 0)]));
    let without = Request::any().profile("1g.10gb").without(units([instance(1, 0), instance(1, 2)]));
    assert_eq!(first(&ledger, &without), units([instance(1, 1)]));
    let without = Request::memory(Bytes::gib(1)).without([gpu(1).into()]);
    assert_eq!(first(&ledger, &without), units([amd]));
    for never in [
        Request::any().vendor(Vendor::INTEL),
        Request::any().model("b200"),
        Request::any().profile("7g.80gb"),
        Request::memory(Bytes::gib(193)),
        Request::memory(Bytes(u64::MAX)),
        Request::any().compute(Count(u64::MAX)),
        Request::any().shared(),
        Request::any().count(0),
        Request::any().count(u16::MAX),
    ] {
        let unmet = choose::among(&ledger, &never).unwrap_err();
        assert_eq!((unmet.outlook, &unmet.to_free[..]), (Outlook::Never, &[][..]), "{never:?}");
        assert!(unmet.to_string().starts_with("never"), "{unmet}");
    }
}

#[test]
fn not_now_says_what_would_have_to_be_freed() {
    let mut ledger = of(vec![cut(1, 0..3), board(2)]);
    done(&mut ledger, 1, reserve([instance(1, 0).into(), instance(1, 1).into()]));
    done(&mut ledger, 2, reserve([instance(1, 2).into()]));
    done(&mut ledger, 3, reserve([gpu(2).into()]));
    let unmet = choose::among(&ledger, &Request::memory(Bytes::gib(80))).unwrap_err();
    assert_eq!((unmet.outlook, unmet.to_free), (Outlook::NotNow, vec![holding(3)]));
    let unmet = choose::among(&ledger, &Request::memory(GIB_5)).unwrap_err();
    assert_eq!((unmet.outlook, unmet.to_free, unmet.there), (Outlook::NotNow, vec![holding(1)], 5));
    // What is withdrawn may be restored.
    let mut ledger = of(vec![board(1)]);
    done(&mut ledger, 1, Body::Withdraw(vec![gpu(1).into()]));
    let unmet = choose::among(&ledger, &Request::any()).unwrap_err();
    assert_eq!((unmet.outlook, unmet.to_free.len()), (Outlook::NotNow, 0));
}

#[test]
fn shares_are_chosen_on_what_is_shared_already() {
    let mut ledger = of(vec![shared(1, 2), shared(2, 2), board(3)]);
    let request = Request::memory(Bytes::gib(80)).shared();
    assert_eq!(first(&ledger, &request), units([gpu(1).share(0, 2)]));
    done(&mut ledger, 1, reserve([gpu(2).share(0, 2).into()]));
    assert_eq!(first(&ledger, &request), units([gpu(2).share(1, 2)]));
    assert_eq!(first(&ledger, &request.clone().spread()), units([gpu(1).share(0, 2)]));
    let chosen = choose::among(&ledger, &request).unwrap()[0].units[0];
    assert_eq!((chosen.way, chosen.claim.memory), (Way::Share, Bytes::ZERO), "nothing is guaranteed");
    // A ceiling below what is asked for would not do.
    let mut capped = board(1);
    let memory = Some(Bytes::gib(20));
    capped.whole.shared =
        Some(Declared { kind: SharingKind::Mps, replicas: 4, memory, threads: Permille(250) });
    let ledger = of(vec![capped]);
    assert_eq!(choose::among(&ledger, &Request::memory(Bytes::gib(20)).shared()).unwrap().len(), 4);
    assert!(choose::among(&ledger, &Request::memory(Bytes::gib(21)).shared()).is_err());
}

#[test]
fn the_same_key_is_the_same_receipt() {
    let mut ledger = of(vec![cut(1, 0..3), board(2)]);
    let (key, request) = (ledger.key(EntryId(7)), Request::memory(GIB_5).until(Expiry::Lease(4)));
    let receipt = ledger.reserve(key, &request).unwrap();
    assert_eq!(ledger.reserve(key, &request), Ok(receipt));
    let other = ledger.reserve(key, &Request::memory(Bytes::gib(6))).unwrap_err();
    assert!(matches!(&other, Denied::Refused(refusal) if refusal.kind() == "id_reused"), "{other}");
    // Long after, on a busy node.
    for round in 0..Ledger::WINDOW {
        let busy = ledger.key(EntryId(1000 + u128::from(round)));
        ledger.reserve(busy, &Request::any()).unwrap();
        ledger.release(busy).unwrap();
    }
    let train = || Container::new(Runtime::Containerd, "train-7".parse().unwrap());
    let committed = ledger.commit(key, train()).unwrap();
    assert_eq!(ledger.commit(key, train()), Ok(committed));
    assert_eq!(ledger.reserve(key, &request), Ok(receipt));
    let other = Container::new(Runtime::Containerd, "other".parse().unwrap());
    assert_eq!(ledger.commit(key, other).unwrap_err().kind(), "id_reused");
    let released = ledger.release(key).unwrap();
    assert_eq!(ledger.release(key), Ok(released));
    // It has ended, and does not begin again.
    let again = ledger.reserve(key, &request).unwrap_err();
    assert!(matches!(&again, Denied::Refused(refusal) if refusal.kind() == "outdated"), "{again}");
    // What happened has happened; nothing happens now.
    assert_eq!(ledger.commit(key, train()), Ok(committed));
    assert!(ledger.is_empty());
    let fresh = Key { seen: ledger.position(), ..key };
    let again = ledger.reserve(fresh, &request);
    assert!(again.is_ok(), "who says that it is new gets what he asks for");
    ledger.release(fresh).unwrap();
    let Err(Denied::Refused(refusal)) = ledger.reserve(fresh, &request) else { panic!("it ended just now") };
    assert!(matches!(refusal.reason(), Reason::NotHeld { ended: Some(_), .. }), "{refusal}");
    ledger.check().unwrap();
}

// What could be made.

fn toy() -> Geometry {
    Geometry::builder("toy", 4)
        .profile(Profile::new(ProfileKey(1), "1g").at(0..4, 1).most(4))
        .profile(Profile::new(ProfileKey(2), "2g").at([0, 2], 2).most(2))
        .build()
        .unwrap()
}

#[test]
fn partitions_that_the_planner_could_make_leave_alone_what_is_held() {
    let mut ledger = of(vec![cut(1, [5, 6]), cut(2, [5]), board(3)]);
    let live = |start, tag| Live::new(ProfileKey(1), Placement { start, size: 1 }, tag);
    let layout = |live: Vec<Live>| Layout::new(Fingerprint(0), live);
    let layouts = [layout(vec![live(1, 5), live(2, 6)]), layout(vec![live(0, 5)]), layout(vec![])];
    let geometry = toy();
    let boards: Vec<Cuttable<'_>> = (1..)
        .zip(&layouts)
        .map(|(number, layout)| Cuttable { device: gpu(number), geometry: &geometry, layout })
        .collect();
    done(&mut ledger, 1, reserve([instance(1, 5).into()]));
    done(&mut ledger, 2, reserve([instance(2, 5).into()]));
    let two = Request::any().profile("2g");
    let made = choose::creations(&ledger, &two, &boards);
    // Board 2 is in use and has room; 3 is whole; on 1 something that nobody holds has to move.
    let order: Vec<DeviceId> = made.iter().map(|one| one.device).collect();
    assert_eq!(order, [gpu(2), gpu(3), gpu(1)]);
    assert_eq!(made[2].plan.destroy.iter().map(|live| live.tag).collect::<Vec<_>>(), [6]);
    done(&mut ledger, 3, reserve([instance(1, 6).into()]));
    done(&mut ledger, 4, reserve([gpu(3).into()]));
    let made = choose::creations(&ledger, &two, &boards);
    assert_eq!(made.iter().map(|one| one.device).collect::<Vec<_>>(), [gpu(2)]);
    assert!(choose::creations(&ledger, &two.clone().count(3), &boards).is_empty());
    assert!(choose::creations(&ledger, &two.clone().shared(), &boards).is_empty());
    assert!(choose::creations(&ledger, &two.clone().without([gpu(2).into()]), &boards).is_empty());
    assert!(choose::creations(&ledger, &Request::any(), &boards).is_empty());
    assert!(choose::creations(&ledger, &two.vendor(Vendor::AMD), &boards).is_empty());
}

// Against a witness.

struct Dice(u64);

impl Dice {
    fn below(&mut self, sides: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 >> 11) % sides
    }
}

fn a_node(dice: &mut Dice) -> Ledger {
    let mut boards = Vec::new();
    for number in 1..=3 {
        let mut board = match dice.below(3) {
            0 => board(number),
            1 => shared(number, 2),
            _ => cut(number, (0..4).filter(|_| dice.below(4) > 0).collect::<Vec<_>>()),
        };
        board.numa = Some(NumaNode(dice.below(2) as u32));
        board.island = (dice.below(3) > 0).then_some(dice.below(2) as u32);
        board.whole.holdable = dice.below(4) > 0;
        boards.push(board);
    }
    let mut ledger = of(boards);
    for id in 1..=dice.below(6) {
        let all = everything(&ledger);
        let unit = all[dice.below(all.len() as u64) as usize];
        let entry = site::entry(&ledger, id.into(), Body::Reserve(Reserve::new([claim(unit)])));
        let _ = ledger.apply(&entry);
    }
    ledger
}

/// All units of a node, free or not.
fn everything(ledger: &Ledger) -> Vec<UnitId> {
    let mut all = Vec::new();
    for board in ledger.boards() {
        for offer in board.offers() {
            all.push(offer.unit);
            let replicas = offer.shared.map_or(0, |shared| shared.replicas);
            for k in 0..replicas {
                all.push(match offer.unit {
                    UnitId::Device(id) => id.share(k, replicas).into(),
                    UnitId::Partition(id) => id.share(k, replicas).into(),
                    share => share,
                });
            }
        }
    }
    all
}

struct Ask {
    memory: Bytes,
    is_shared: bool,
    count: u16,
    same_numa: bool,
    same_island: bool,
}

impl Ask {
    fn request(&self) -> Request {
        let mut request = Request::memory(self.memory).count(self.count);
        if self.is_shared {
            request = request.shared();
        }
        if self.same_numa {
            request = request.same_numa();
        }
        if self.same_island {
            request = request.same_island();
        }
        request
    }

    /// Every set of units that the ledger would grant and that has what is asked for.
    fn sets(&self, ledger: &Ledger) -> Vec<Vec<UnitId>> {
        let boards: Vec<Board> = ledger.boards().collect();
        let board =
            |unit: UnitId| boards.iter().find(|board| board.device == unit.device()).expect("it is here");
        let fits = |unit: &UnitId| match unit {
            UnitId::Share(_) => self.is_shared && board(*unit).whole.memory >= Some(self.memory),
            _ if self.is_shared => false,
            unit => {
                let ask = Body::Reserve(Reserve::new([claim(*unit).memory(self.memory)]));
                let refusal = ledger.preview(&site::entry(ledger, 9999, ask)).err();
                refusal.is_none_or(|refusal| refusal.kind() == "taken")
            }
        };
        let would: Vec<UnitId> = everything(ledger).into_iter().filter(fits).collect();
        let mut sets: Vec<Vec<UnitId>> = vec![Vec::new()];
        for _ in 0..self.count {
            let longer = sets.iter().flat_map(|set| {
                let after = would.iter().filter(|unit| set.last().is_none_or(|last| *unit > last));
                after.map(|unit| set.iter().copied().chain([*unit]).collect::<Vec<_>>())
            });
            sets = longer.collect();
        }
        let alike = |set: &[UnitId]| {
            let numa = set.iter().all(|unit| board(*unit).numa == board(set[0]).numa);
            let island = set
                .iter()
                .all(|unit| board(*unit).island.is_some() && board(*unit).island == board(set[0]).island);
            let exclude = |one: &UnitId, other: &UnitId| Exclusion::between(*one, *other).is_some();
            let apart = (0..set.len()).all(|at| set[at + 1..].iter().all(|other| !exclude(&set[at], other)));
            (!self.same_numa || numa) && (!self.same_island || island || self.count == 1) && apart
        };
        sets.retain(|set| alike(set));
        sets
    }
}

#[test]
fn what_is_chosen_is_what_a_witness_finds() {
    let (mut met, mut not_now, mut never) = (0, 0, 0);
    for seed in 1..3_000_u64 {
        let mut dice = Dice(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15));
        let ledger = a_node(&mut dice);
        let ask = Ask {
            memory: Bytes::gib([0, 1, 10, 11, 80, 81][dice.below(6) as usize]),
            is_shared: dice.below(4) == 0,
            count: 1 + dice.below(4) as u16,
            same_numa: dice.below(3) == 0,
            same_island: dice.below(3) == 0,
        };
        let sets = ask.sets(&ledger);
        let is_free = |set: &&Vec<UnitId>| set.iter().all(|unit| ledger.in_the_way(*unit).is_empty());
        let free = sets.iter().filter(is_free).count();
        match choose::among(&ledger, &ask.request()) {
            Ok(candidates) => {
                assert!(free > 0, "seed {seed}: chosen, and there is none");
                met += 1;
                for candidate in &candidates {
                    let chosen: Vec<UnitId> = candidate.claims().map(|claim| claim.unit).collect();
                    assert!(sets.contains(&chosen), "seed {seed}: {candidate}");
                    let reserve = Body::Reserve(Reserve::new(candidate.claims()));
                    let granted = ledger.preview(&site::entry(&ledger, 9999, reserve));
                    assert!(granted.is_ok(), "seed {seed}: {granted:?}");
                }
                if ask.count == 1 {
                    assert_eq!(candidates.len(), free.min(16), "seed {seed}");
                    let wastes: Vec<Bytes> = candidates.iter().map(|one| one.waste).collect();
                    assert!(wastes.is_sorted(), "seed {seed}");
                }
            }
            Err(unmet) => {
                assert_eq!(free, 0, "seed {seed}: {unmet}, and there is one");
                let expected = if sets.is_empty() { Outlook::Never } else { Outlook::NotNow };
                assert_eq!(unmet.outlook, expected, "seed {seed}: {unmet}");
                if sets.is_empty() { never += 1 } else { not_now += 1 }
            }
        }
    }
    assert!(met > 500 && not_now > 50 && never > 50, "{met} met, {not_now} not now, {never} never");
}

#[test]
fn an_index_finds_what_looking_at_every_node_finds() {
    for seed in 1..120_u64 {
        let mut dice = Dice(seed.wrapping_mul(0x2545_f491_4f6c_dd1d));
        let mut index = Index::default();
        let mut nodes = Vec::new();
        for number in 0..8 {
            let of = a_node(&mut dice);
            let mut ledger = Ledger::new(format!("node-{number}").parse().unwrap());
            let boards = of.boards().collect();
            done(&mut ledger, 1, Body::Inventory(boards));
            index.update(&ledger);
            nodes.push(ledger);
        }
        for step in 0..40_u128 {
            let count = if dice.below(3) == 0 { 2 + dice.below(2) as u16 } else { 1 };
            let memory = Bytes::gib([0, 1, 10, 11, 80][dice.below(5) as usize]);
            let mut request = Request::memory(memory).count(count);
            if dice.below(4) == 0 {
                request = request.shared();
            }
            if dice.below(3) == 0 {
                request = request.same_numa();
            }
            if dice.below(3) == 0 {
                request = request.spread();
            }
            let by_hand = nodes.iter().filter(|ledger| choose::among(ledger, &request).is_ok()).count();
            let found = index.choose(&request, |name| nodes.iter().find(|ledger| ledger.node() == name));
            let Ok((name, candidates)) = found else {
                assert_eq!(by_hand, 0, "seed {seed}, step {step}: {request:?}");
                if let Err(unmet) = found {
                    let is_never = unmet.outlook == Outlook::Never;
                    let is_possible = nodes.iter().any(|ledger| {
                        choose::among(ledger, &request).is_err_and(|unmet| unmet.outlook == Outlook::NotNow)
                    });
                    assert!(!(is_never && is_possible), "seed {seed}, step {step}: {unmet}");
                }
                continue;
            };
            assert!(by_hand > 0);
            let ledger = nodes.iter_mut().find(|ledger| ledger.node() == name).unwrap();
            let reserve = Reserve::new(candidates[0].claims());
            let key = Key::new(EntryId(1000 + step), Position(ledger.position().0));
            ledger.apply(&ledger.entry(key, Body::Reserve(reserve))).unwrap();
            index.update(ledger);
        }
        let gone = nodes.pop().unwrap();
        index.remove(gone.node());
        let found = index.choose(&Request::any(), |name| nodes.iter().find(|ledger| ledger.node() == name));
        assert!(found.is_err() || found.is_ok_and(|(name, _)| name != gone.node()));
    }
}

/// The node with fewest free that are enough, as it is now and not as it was once.
#[test]
fn an_index_packs_nodes_by_what_they_show_now() {
    let mut index = Index::default();
    let mut nodes: Vec<Ledger> = ["a", "b"]
        .map(|name| {
            let mut ledger = Ledger::new(name.parse().unwrap());
            done(&mut ledger, 1, Body::Inventory(vec![cut(1, 0..7)]));
            ledger
        })
        .into();
    let chosen = |index: &Index, nodes: &[Ledger], request: Request| {
        let found = index.choose(&request, |name| nodes.iter().find(|ledger| ledger.node() == name));
        found.unwrap().0.as_str().to_owned()
    };
    for (number, taken) in [(0, 3_u32), (1, 5)] {
        done(&mut nodes[number], 2, reserve((0..taken).map(|at| instance(1, at).into())));
        index.update(&nodes[number]);
    }
    assert_eq!(chosen(&index, &nodes, Request::memory(GIB_5)), "b");
    assert_eq!(chosen(&index, &nodes, Request::memory(GIB_5).spread()), "a");
    done(&mut nodes[1], 3, release(2));
    index.update(&nodes[1]);
    assert_eq!(chosen(&index, &nodes, Request::memory(GIB_5)), "a");
    assert_eq!(chosen(&index, &nodes, Request::memory(GIB_5).spread()), "b");
}

#[test]
fn a_claim_of_a_candidate_says_what_was_asked_for() {
    let ledger = of(vec![board(1)]);
    let request = Request::memory(Bytes::gib(20)).compute(Count(7));
    let candidates = choose::among(&ledger, &request).unwrap();
    let expected: Claim = claim(gpu(1)).memory(Bytes::gib(20)).compute(Count(7));
    assert_eq!(candidates[0].claims().collect::<Vec<_>>(), [expected]);
    assert_eq!(
        candidates[0].to_string(),
        "nvidia:pci:0000:01:00.0: 60 GiB more than asked for; a board that nobody is on"
    );
}
