//! What a statement is stored as: the one form of it, which stays, and what is not in it.
//!
//! The golden file was written by this crate. `GPU_ACCOUNTING_GOLDEN=write cargo test -p gpu-core
//! --features meter --test meter_stored` writes it where it is not there, and never changes it.

#[path = "support/hand.rs"]
mod hand;

use std::path::PathBuf;

use gpu_core::attribution::{Basis, Rule};
use gpu_core::meter::{Event, EventKind, Held, IdlePower, Meter, Part, PowerDomain, Rules, Statement, Total};
use gpu_core::stored::{self, Error};
use gpu_core::{
    Absence, Incarnation, Known, Label, LabelSource, Labels, Nanoseconds, Owner, Source, UnitName,
};
use hand::{Hand, SECOND, docker};

/// A statement with every form of what can be in one.
fn statement() -> Statement {
    let mut hand = Hand::new("mixed", Rules::new());
    let [one, other] = [1, 3].map(|at| hand.device(at).id);
    let rules = Rules::new().idle_power(IdlePower::ToHolders);
    hand.meter = Meter::new(
        "gpu-07.rack4".parse().unwrap(),
        rules.domain(PowerDomain { leader: one, others: vec![other] }),
    );
    let share = one.share(2, 4).into();
    hand.held = Some(vec![Held { unit: share, incarnation: Incarnation(0), owner: Some(docker('b')) }]);
    let mut labels = Labels::unsupported("nobody says");
    labels.pod = Known::from(Label::new("für «7»\n", LabelSource::KubeletCheckpoint));
    labels.image = Known::from(Label::new("registry/train:1", LabelSource::Embedder));
    hand.meter.call(&docker('a'), &labels);
    hand.run(10, one.into(), Some(docker('a')), 1 << 33, Some(0));
    hand.energy(one.into(), 1_000);
    for step in [SECOND, SECOND, 3600 * SECOND, SECOND, SECOND] {
        hand.look();
        hand.pass(step);
        hand.wall -= 5 * SECOND;
        hand.of(10).busy = Some(hand.now / 3);
        let energy = hand.now / 1000 % 3_600_000_000;
        hand.energy(one.into(), energy);
    }
    hand.reading(one.into()).energy = Err(Absence::TimedOut);
    hand.look();
    hand.boot = 2;
    hand.look();
    hand.pass(SECOND);
    hand.look();
    all_forms(hand.close())
}

/// The same with every basis, total and event, where the scene has not made them.
fn all_forms(mut statement: Statement) -> Statement {
    let sources = [
        Source::Nvml,
        Source::Sysfs,
        Source::Hwmon,
        Source::Kfd,
        Source::Procfs,
        Source::Fdinfo,
        Source::LevelZero,
        Source::RocmSmi,
        Source::Perf,
        Source::Simulated,
        Source::Other,
    ];
    let rules = [
        Rule::ScaledToWhole,
        Rule::MpsEqually,
        Rule::MpsByMemory,
        Rule::FirstHolder,
        Rule::OnlyUser,
        Rule::ByEngineTime,
        Rule::ByMemoryHeld,
        Rule::BySlices,
        Rule::ByComputeUnits,
        Rule::Equally,
    ];
    let bases = sources.iter().flat_map(|of| [Basis::Measured(*of), Basis::Estimated(*of)]);
    let bases = bases.chain(rules.into_iter().map(Basis::Apportioned)).chain([Basis::Held]);
    let unit = statement.units.iter_mut().find(|of| !of.parts.is_empty()).unwrap();
    for (n, basis) in bases.enumerate() {
        let mut part = Part::new(Owner::Unit(UnitName::new(&format!("service-{n:02}"))));
        (part.memory.basis, part.busy.untold) = (Some(basis), Nanoseconds(n as u64));
        unit.parts.push(part);
    }
    unit.parts.sort_by(|one, other| one.owner.cmp(&other.owner));
    let kinds = [Total::CapacityTime, Total::DeviceCounter, Total::DomainCounter, Total::PowerTime];
    for (account, kind) in statement.units[0].accounts.iter_mut().zip(kinds) {
        account.kind = Some(kind);
    }
    let (id, event) = (statement.units[0].unit, statement.events[0]);
    let kinds = [
        EventKind::CounterFell { unit: id, before: u64::MAX, after: 0 },
        EventKind::CounterJumped { unit: id, before: 0, after: u64::MAX },
        EventKind::Appeared { unit: id, incarnation: Incarnation(7) },
        EventKind::Disappeared { unit: id, incarnation: Incarnation(u64::MAX) },
        EventKind::Paused { length: Nanoseconds(1) },
        EventKind::ClockSet { by: i64::MIN },
        EventKind::Rebooted { before: event.boot },
    ];
    for kind in kinds {
        let mut event: Event = event;
        event.kind = kind;
        statement.events.push(event);
    }
    statement.events.sort_unstable();
    statement.more_events = 3;
    statement.check().unwrap();
    statement
}

#[test]
fn version_1_stays_what_it_is() {
    let (now, path) = (stored::encode_statement(&statement()), "tests/golden/v1-statement.bin");
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join(path);
    let may_write = std::env::var_os("GPU_ACCOUNTING_GOLDEN").is_some_and(|value| value == "write");
    if may_write && !path.exists() {
        std::fs::write(&path, &now).unwrap();
    }
    let then = std::fs::read(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    assert!(then == now, "the form of version 1 has changed");
    assert_eq!(stored::decode_statement(&then).unwrap(), statement());
}

/// Any one bit that is another is noticed, and so is any end that comes too early.
#[test]
fn damage_is_noticed() {
    let bytes = stored::encode_statement(&statement());
    for at in 0..bytes.len() {
        let mut damaged = bytes.clone();
        damaged[at] ^= 1 << (at % 8);
        assert!(stored::decode_statement(&damaged).is_err(), "byte {at}");
        let cut = stored::decode_statement(&bytes[..at]).unwrap_err();
        assert!(matches!(cut, Error::Truncated { .. }), "{at}: {cut}");
    }
    let twice = [&bytes[..], &bytes].concat();
    assert_eq!(stored::decode_statement(&twice).unwrap_err().kind(), "trailing");
    assert_eq!(stored::split(&twice).unwrap(), (&bytes[..], &bytes[..]));
}

/// A record whose check sum is right and that says what cannot be: any byte that is another gives
/// something else in its one form, or a named refusal; never what does not add up, and never a panic.
#[test]
fn what_does_not_add_up_is_refused() {
    let bytes = stored::encode_statement(&statement());
    let (mut refused, mut read) = (0, 0);
    for at in (11..bytes.len() - 4).step_by(3) {
        for flip in [1, 0xff] {
            let mut forged = bytes[..bytes.len() - 4].to_vec();
            forged[at] ^= flip;
            forged.extend_from_slice(&crc32c(&forged).to_le_bytes());
            match stored::decode_statement(&forged) {
                Ok(statement) => {
                    statement.check().unwrap();
                    assert!(stored::encode_statement(&statement) == forged, "two forms of one, byte {at}");
                    read += 1;
                }
                Err(error) => {
                    assert_eq!(error.kind(), "malformed", "byte {at}: {error}");
                    refused += 1;
                }
            }
        }
    }
    assert!(refused > 500 && read > 50, "{refused} refused, {read} read");
}

/// As RFC 3720 describes it, a byte at a time.
fn crc32c(bytes: &[u8]) -> u32 {
    static TABLE: std::sync::OnceLock<Vec<u32>> = std::sync::OnceLock::new();
    let bit = |crc: u32| if crc & 1 == 1 { (crc >> 1) ^ 0x82f6_3b78 } else { crc >> 1 };
    let table = TABLE.get_or_init(|| (0..256).map(|byte| (0..8).fold(byte, |crc, _| bit(crc))).collect());
    let step = |crc: u32, byte: &u8| table[((crc ^ u32::from(*byte)) & 0xff) as usize] ^ (crc >> 8);
    !bytes.iter().fold(u32::MAX, step)
}

/// A record of another sort or of a newer version is named as such.
#[test]
fn other_records_are_named() {
    use gpu_core::ledger::{Body, EntryId, Ledger};
    let ledger = Ledger::new("node-1".parse().unwrap());
    let entry = ledger.entry(ledger.key(EntryId(1)), Body::Inventory(Vec::new()));
    let record = stored::encode(ledger.next(), &entry);
    assert_eq!(stored::decode_statement(&record), Err(Error::OtherSort { sort: 1 }));
    let bytes = stored::encode_statement(&statement());
    assert_eq!(stored::decode(&bytes), Err(Error::OtherSort { sort: 3 }));
    let mut newer = bytes[..bytes.len() - 4].to_vec();
    newer[4] = 2;
    newer.extend_from_slice(&crc32c(&newer).to_le_bytes());
    assert_eq!(stored::decode_statement(&newer), Err(Error::Newer { version: 2, known: 1 }));
}
