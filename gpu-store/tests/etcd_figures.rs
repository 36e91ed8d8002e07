//! What an append to etcd costs beside a bare transaction of the same size by the same client: the figures
//! of `BENCHMARKS.md`. Both sides in turn, in one run, on one etcd.
//!
//! ```text
//! cargo test --release -p gpu-store --features etcd --test etcd_figures -- --ignored --nocapture
//! ```

#[path = "support/etcd.rs"]
mod etcd;

use std::time::{Duration, Instant};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use etcd::Etcd;
use gpu_core::ledger::{Body, EntryId, NodeName, Position};
use gpu_store::{Append, EtcdJournal, Journal, Keeper, Policy, Stream};
use serde_json::{Value, json};

/// About the record of a reservation.
const RECORD: [u8; 200] = [0xa5; 200];
const TURNS: u32 = 40;
const BLOCK: u32 = 50;

fn text(bytes: impl AsRef<[u8]>) -> String {
    STANDARD.encode(bytes)
}

/// A transaction by the same HTTP client, written by hand: compare one key, put it and another of the size
/// of an append.
struct Bare {
    agent: ureq::Agent,
    url: String,
    last: u64,
}

impl Bare {
    fn transaction(&mut self) {
        let (end, log) =
            (text("bare/end/ledger/node-1"), text(format!("bare/log/ledger/node-1/{:016x}", self.last + 1)));
        let compare = match self.last {
            0 => json!({"key": end, "result": "EQUAL", "target": "CREATE", "create_revision": "0"}),
            last => {
                json!({"key": end, "result": "EQUAL", "target": "VALUE", "value": text(last.to_string())})
            }
        };
        self.last += 1;
        let value = [&[0x5a; 37][..], &RECORD].concat();
        let body = json!({
            "compare": [compare],
            "success": [
                {"request_put": {"key": end, "value": text(self.last.to_string())}},
                {"request_put": {"key": log, "value": text(value)}},
            ],
            "failure": [{"request_range": {"key": end}}],
        });
        let body = serde_json::to_vec(&body).unwrap();
        let mut answer =
            self.agent.post(&self.url).header("Content-Type", "application/json").send(&body).unwrap();
        let answer: Value = serde_json::from_slice(&answer.body_mut().read_to_vec().unwrap()).unwrap();
        assert_eq!(answer["succeeded"], true);
    }
}

struct Side {
    what: &'static str,
    all: Duration,
    fastest: Duration,
}

impl Side {
    const fn new(what: &'static str) -> Self {
        Self { what, all: Duration::ZERO, fastest: Duration::MAX }
    }

    fn turn(&mut self, mut one: impl FnMut()) {
        let began = Instant::now();
        (0..BLOCK).for_each(|_| one());
        let time = began.elapsed();
        self.all += time;
        self.fastest = self.fastest.min(time);
    }

    /// A second: over all, and in the fastest turn.
    fn rates(&self) -> (f64, f64) {
        let rate = |count: u32, time: Duration| f64::from(count) / time.as_secs_f64();
        (rate(TURNS * BLOCK, self.all), rate(BLOCK, self.fastest))
    }

    fn told(&self, beside: &Self) -> f64 {
        let ((all, fastest), (bare_all, bare_fastest)) = (self.rates(), beside.rates());
        let ratio = fastest / bare_fastest;
        println!(
            "{}: {all:.0}/s, {} {bare_all:.0}/s: {:.2} of it; fastest {fastest:.0}/s and {bare_fastest:.0}/s: {ratio:.2}",
            self.what,
            beside.what,
            all / bare_all
        );
        ratio.max(all / bare_all)
    }
}

#[test]
#[ignore = "a figure: for a release build, and needs etcd"]
fn an_append_costs_little_more_than_a_bare_transaction() {
    let etcd = Etcd::start();
    let journal = etcd.open();
    let stream = Stream::ledger("node-1".parse().unwrap());
    let agent = ureq::Agent::config_builder().proxy(None).build().new_agent();
    let mut bare = Bare { agent, url: format!("{}/v3/kv/txn", etcd.url()), last: 0 };
    let node: NodeName = "node-2".parse().unwrap();
    let keeper = Keeper::open_with(etcd.open(), node, Policy::default().every(0)).unwrap();
    let mut last = Position(0);
    let mut id = 0;
    let mut sides =
        [Side::new("an append"), Side::new("an entry by a keeper"), Side::new("a bare transaction")];
    for _ in 0..TURNS {
        sides[2].turn(|| bare.transaction());
        sides[0].turn(|| match journal.append(&stream, last, &[&RECORD]).unwrap() {
            Append::Appended { last: at } => last = at,
            other => panic!("{other:?}"),
        });
        sides[1].turn(|| entry(&keeper, &mut id));
    }
    let [append, entry, bare] = sides;
    let ratio = append.told(&bare);
    entry.told(&bare);
    assert!(ratio >= 0.8, "promised: 0.8; it is {ratio:.2}");
}

fn entry(keeper: &Keeper<EtcdJournal>, id: &mut u128) {
    *id += 1;
    keeper.apply(&keeper.entry(EntryId(*id), Body::Inventory(Vec::new()))).unwrap();
}
