//! A small machine for tests of the ledger: GPUs by number, instances by number, entries by number.

#![allow(dead_code)] // each test binary uses some of it

use gpu_core::ledger::{
    Board, Body, Claim, Commit, Declared, Entry, EntryId, Expiry, HoldingId, Ledger, Offer, Reason, Receipt,
    Refusal, Reserve,
};
use gpu_core::{
    Bytes, Container, Count, DeviceId, Incarnation, Owner, PartitionId, PartitionKind, PciAddress, Permille,
    Runtime, SharingKind, UnitId, Vendor, stored,
};

pub fn gpu(number: u8) -> DeviceId {
    DeviceId::from_pci(Vendor::NVIDIA, PciAddress::new(0, number, 0, 0))
}

pub fn instance(gpu_number: u8, number: u32) -> PartitionId {
    gpu(gpu_number).partition(PartitionKind::GPU_INSTANCE, number)
}

/// The first life of a place.
pub const LIFE: Incarnation = Incarnation(1);

/// The life of a unit that none of these tests makes anew.
pub fn life(unit: UnitId) -> Incarnation {
    match unit {
        UnitId::Device(_) => Incarnation(0),
        UnitId::Share(share) => life(share.whole()),
        _ => LIFE,
    }
}

pub fn claim(unit: impl Into<UnitId>) -> Claim {
    let unit = unit.into();
    Claim::new(unit, life(unit))
}

/// 80 GiB and 100 compute units, whole.
pub fn board(number: u8) -> Board {
    let whole = Offer::new(gpu(number), Incarnation(0)).memory(Bytes::gib(80)).compute(Count(100));
    let mut board = Board::new("H100", whole);
    board.pci = Some(PciAddress::new(0, number, 0, 0));
    board
}

/// The same in instances of 10 GiB and 14 compute units.
pub fn cut(number: u8, instances: impl IntoIterator<Item = u32>) -> Board {
    let mut board = board(number);
    let offer = |at| Offer::new(instance(number, at), LIFE).memory(Bytes::gib(10)).compute(Count(14));
    board.parts = instances.into_iter().map(|at| offer(at).profile("1g.10gb")).collect();
    board
}

/// The same, shared by so many in turns.
pub fn shared(number: u8, replicas: u16) -> Board {
    let mut board = board(number);
    let kind = SharingKind::TimeSliced;
    board.whole.shared = Some(Declared { kind, replicas, memory: None, threads: Permille(1000) });
    board
}

pub fn holder(number: u32) -> Owner {
    let id = format!("c{number}").parse().expect("an id");
    Owner::Container(Container::new(Runtime::Containerd, id))
}

pub fn ledger() -> Ledger {
    Ledger::new("node-1".parse().expect("a name"))
}

/// A ledger of these boards.
pub fn of(boards: Vec<Board>) -> Ledger {
    let mut ledger = ledger();
    done(&mut ledger, 1 << 100, Body::Inventory(boards));
    ledger
}

pub fn entry(ledger: &Ledger, id: u128, body: Body) -> Entry {
    ledger.entry(ledger.key(EntryId(id)), body)
}

pub fn reserve(units: impl IntoIterator<Item = UnitId>) -> Body {
    Body::Reserve(Reserve::new(units.into_iter().map(claim)))
}

pub fn commit(of: u128, by: u32) -> Body {
    Body::Commit(Commit { holding: holding(of), holder: holder(by), expiry: Expiry::Never })
}

pub fn release(of: u128) -> Body {
    Body::Release(holding(of))
}

pub fn holding(id: u128) -> HoldingId {
    HoldingId(EntryId(id))
}

/// Applies what has to be taken, and checks everything that always holds.
#[track_caller]
pub fn done(ledger: &mut Ledger, id: u128, body: Body) -> Receipt {
    let entry = entry(ledger, id, body);
    let receipt = ledger.apply(&entry).unwrap_or_else(|refusal| panic!("{id}: {refusal}"));
    ledger.check().unwrap_or_else(|broken| panic!("{broken}"));
    receipt
}

/// Applies what has to be refused, and checks that nothing changed.
#[track_caller]
pub fn refused_entry(ledger: &mut Ledger, entry: &Entry) -> Refusal {
    let before = stored::encode_snapshot(ledger);
    let moved = ledger.moved().to_vec();
    let preview = ledger.preview(entry);
    let refusal = ledger.apply(entry).expect_err("it is refused");
    assert_eq!(preview, Err(refusal.clone()));
    assert_eq!(stored::encode_snapshot(ledger), before, "a refusal changes nothing: {refusal}");
    assert_eq!(ledger.moved(), moved);
    refusal
}

#[track_caller]
pub fn refused(ledger: &mut Ledger, id: u128, body: Body) -> Refusal {
    let entry = entry(ledger, id, body);
    refused_entry(ledger, &entry)
}

#[track_caller]
pub fn invalid(ledger: &mut Ledger, id: u128, body: Body) -> &'static str {
    match refused(ledger, id, body).reason() {
        Reason::Invalid { what } => what,
        other => panic!("{other}"),
    }
}
