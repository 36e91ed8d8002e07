//! A ledger and its auditor side by side: every entry goes to both, and they have to agree.

#![allow(dead_code)] // each test binary uses some of it

use std::collections::BTreeMap;

use gpu_core::ledger::{
    Board, Body, Claim, Commit, Declared, Dimension, Entry, EntryId, Expire, Expiry, HoldingState, Key,
    Ledger, Offer, Position, Renew, Reserve,
};
use gpu_core::{Bytes, Incarnation, Permille, SharingKind, UnitId, WallTime, stored};

use crate::auditor::{Ask, Auditor, Card, Fate, Thing};
use crate::site::{board, gpu, holder, holding, instance, ledger};

#[derive(Clone)]
pub struct Scene {
    pub ledger: Ledger,
    pub auditor: Auditor,
}

impl Scene {
    pub fn new(cards: &[(u8, Card)]) -> Self {
        let mut scene = Self { ledger: ledger(), auditor: Auditor::default() };
        let seen = scene.ask(u128::MAX, 0, &Ask::Inventory(cards.iter().cloned().collect()));
        assert!(seen.is_ok(), "{seen:?}");
        scene
    }

    /// Asks both, and panics where they differ. Tells the kind of a refusal, and the record.
    pub fn ask(&mut self, id: u128, seen: u64, ask: &Ask) -> Result<Vec<u8>, &'static str> {
        let entry = entry(&self.ledger, id, seen, ask);
        let place = self.ledger.next();
        let expected = self.auditor.hear(id, seen, ask, Ledger::WINDOW);
        let answer = self.ledger.apply(&entry);
        let said = match &answer {
            Ok(receipt) => Ok(receipt.position.0),
            Err(refusal) => Err((refusal.kind(), refusal.to_free().iter().map(|id| id.0.0).collect())),
        };
        assert_eq!(said, expected, "entry {id}, seen {seen}: {ask:?}");
        assert_eq!(self.ledger.position().0, self.auditor.position);
        match said {
            Ok(position) if position == place.position.0 => Ok(stored::encode(place, &entry)),
            Ok(_) => Err("repeated"),
            Err((kind, _)) => Err(kind),
        }
    }

    /// Compares all holdings and the memory of all GPUs.
    pub fn compare(&self) {
        let ours: Vec<_> = self.ledger.holdings().map(|held| (held.id().0.0, held.state())).collect();
        let theirs = self.auditor.grants.iter().map(|(id, grant)| {
            let phase = if grant.is_committed { HoldingState::Held } else { HoldingState::Reserved };
            let worst = grant.things.iter().map(|(_, _, fate)| *fate).max();
            (
                *id,
                match worst {
                    Some(Fate::Lost) => HoldingState::Lost,
                    Some(Fate::Draining) => HoldingState::Draining,
                    _ => phase,
                },
            )
        });
        assert_eq!(ours, theirs.collect::<Vec<_>>());
        for number in 0..4 {
            let account = self.ledger.account(gpu(number), Dimension::Memory);
            let ours = account.map(|a| [a.free, a.reserved, a.held, a.draining].map(|bytes| bytes >> 30));
            assert_eq!(ours, self.auditor.memory(number), "memory of GPU {number}");
        }
    }
}

pub fn unit(thing: Thing) -> UnitId {
    match (thing.instance, thing.share) {
        (None, None) => gpu(thing.gpu).into(),
        (None, Some((k, n))) => gpu(thing.gpu).share(k, n).into(),
        (Some(at), None) => instance(thing.gpu, at.into()).into(),
        (Some(at), Some((k, n))) => instance(thing.gpu, at.into()).share(k, n).into(),
    }
}

pub fn the_board(number: u8, card: &Card) -> Board {
    let mut board = board(number);
    board.whole.memory = Some(Bytes::gib(card.memory));
    board.whole.holdable = card.is_whole;
    let declared = |replicas| Declared {
        kind: SharingKind::TimeSliced,
        replicas,
        memory: None,
        threads: Permille(1000),
    };
    board.whole.shared = card.shares.map(declared);
    let parts = card.instances.iter().map(|(at, life)| {
        Offer::new(instance(number, (*at).into()), Incarnation(*life)).memory(Bytes::gib(10))
    });
    board.parts = parts.collect();
    board
}

fn expiry(number: Option<u64>) -> Expiry {
    match number {
        None => Expiry::Never,
        Some(lease) if lease % 2 == 0 => Expiry::Lease(lease),
        Some(time) => Expiry::At(WallTime(time)),
    }
}

pub fn entry(ledger: &Ledger, id: u128, seen: u64, ask: &Ask) -> Entry {
    let places = |places: &std::collections::BTreeSet<(u8, Option<u8>)>| {
        let place = |(gpu, instance): &(u8, Option<u8>)| {
            unit(Thing { gpu: *gpu, instance: *instance, share: None, life: 0 })
        };
        let mut units: Vec<UnitId> = places.iter().map(place).collect();
        units.sort_unstable();
        units
    };
    let boards =
        |cards: &BTreeMap<u8, Card>| cards.iter().map(|(number, card)| the_board(*number, card)).collect();
    let body = match ask {
        Ask::Reserve { things, expiry: until } => {
            let claims = things.iter().map(|(thing, memory)| {
                Claim::new(unit(*thing), Incarnation(thing.life)).memory(Bytes::gib(*memory))
            });
            Body::Reserve(Reserve::new(claims).until(expiry(*until)))
        }
        Ask::Commit { of, by, expiry: until } => {
            Body::Commit(Commit { holding: holding(*of), holder: holder(*by), expiry: expiry(*until) })
        }
        Ask::Release { of } => Body::Release(holding(*of)),
        Ask::Expire { of, expiry: until } => {
            Body::Expire(Expire { holding: holding(*of), expiry: expiry(*until) })
        }
        Ask::Renew { of, expiry: until } => {
            Body::Renew(Renew { holding: holding(*of), expiry: expiry(*until) })
        }
        Ask::Inventory(cards) => Body::Inventory(boards(cards)),
        Ask::Repartition(number, card) => Body::Repartition(the_board(*number, card).into()),
        Ask::Withdraw(units) => Body::Withdraw(places(units)),
        Ask::Restore(units) => Body::Restore(places(units)),
    };
    ledger.entry(Key::new(EntryId(id), Position(seen)), body)
}
