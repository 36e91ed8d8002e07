//! The ledger: entries applied, a choice on one node and among 7,500, entries read back.
//!
//! The figures that are promised are in `gpu-core/tests/ledger_figures.rs` and `choose_figures.rs`.

use criterion::Criterion;
use gpu_core::choose::{Index, Request, among};
use gpu_core::ledger::{Board, Body, EntryId, Ledger, Offer};
use gpu_core::{Bytes, Container, DeviceId, Incarnation, PartitionKind, PciAddress, Runtime, Vendor, stored};

/// Eight boards of seven instances, 40 of them reserved.
fn node(number: usize) -> Ledger {
    let mut ledger = Ledger::new(format!("node-{number}").parse().unwrap());
    let board = |bus: u8| {
        let gpu = DeviceId::from_pci(Vendor::NVIDIA, PciAddress::new(0, bus, 0, 0));
        let mut board = Board::new("H100", Offer::new(gpu, Incarnation(0)).memory(Bytes::gib(80)));
        let parts = (0..7).map(|at| gpu.partition(PartitionKind::GPU_INSTANCE, at));
        let offer = |id| Offer::new(id, Incarnation(1)).memory(Bytes::gib(10)).profile("1g.10gb");
        board.parts = parts.map(offer).collect();
        board
    };
    let boards = Body::Inventory((0..8).map(board).collect());
    ledger.apply(&ledger.entry(ledger.key(EntryId(1)), boards)).unwrap();
    for id in 0..40 {
        let key = ledger.key(EntryId(10 + id));
        ledger.reserve(key, &Request::memory(Bytes::gib(5))).unwrap();
    }
    ledger
}

fn ledger(criterion: &mut Criterion) {
    let mut live = node(0);
    let holder = Container::new(Runtime::Containerd, "0a1b".repeat(16).parse().unwrap());
    let (request, mut id) = (Request::memory(Bytes::gib(5)), 1_000);
    criterion.bench_function("ledger/chosen, reserved, committed, released", |bencher| {
        bencher.iter(|| {
            id += 1;
            let key = live.key(EntryId(id));
            live.reserve(key, &request).unwrap();
            live.commit(key, holder).unwrap();
            live.release(key).unwrap();
        });
    });
    criterion.bench_function("ledger/chosen on one node", |bencher| {
        bencher.iter(|| among(&live, &request).unwrap());
    });
    let snapshot = stored::encode_snapshot(&live);
    criterion.bench_function("ledger/a node's snapshot opened", |bencher| {
        bencher.iter(|| stored::decode_snapshot(&snapshot).unwrap());
    });
    let entry = live.entry(live.key(EntryId(1 << 80)), Body::Release(live.key(EntryId(10)).holding()));
    let record = stored::encode(live.next(), &entry);
    criterion.bench_function("ledger/a record read", |bencher| {
        bencher.iter(|| stored::decode(&record).unwrap());
    });
}

fn index(criterion: &mut Criterion) {
    let nodes: Vec<Ledger> = (0..7_500).map(node).collect();
    let mut index = Index::default();
    nodes.iter().for_each(|ledger| index.update(ledger));
    let request = Request::memory(Bytes::gib(5));
    criterion.bench_function("ledger/chosen among 7,500 nodes", |bencher| {
        bencher.iter(|| {
            let ledger_of =
                |name: gpu_core::ledger::NodeName| nodes.get(name.as_str()[5..].parse::<usize>().ok()?);
            index.choose(&request, ledger_of).unwrap()
        });
    });
}

fn main() {
    let mut criterion = Criterion::default().configure_from_args();
    ledger(&mut criterion);
    index(&mut criterion);
    criterion.final_summary();
}
