//! What is stored: the one form of it, which stays, and what is not in it.
//!
//! The golden files were written by this crate and read by hand. `GPU_ACCOUNTING_GOLDEN=write cargo
//! test -p gpu-core --test stored` writes those that are not there, and never changes one that is.

#[path = "support/site.rs"]
mod site;

use std::path::PathBuf;

use gpu_core::ledger::{
    Body, Commit, Declared, Entry, EntryId, Expire, Expiry, Key, Ledger, Offer, Renew, Reserve,
};
use gpu_core::stored::{self, Error, Record};
use gpu_core::{
    Bytes, Container, Count, DeviceId, Fingerprint, Incarnation, NumaNode, Owner, PartitionKind, Permille,
    Pod, QosClass, Runtime, SharingKind, SlurmJob, SlurmStep, UnitName, Uuid, Vendor, WallTime,
};
use site::{LIFE, board, claim, cut, gpu, holding, instance, ledger, shared};

/// One entry of each sort and one of each form of what is in them.
fn entries() -> Vec<Body> {
    let uuid = Uuid(*b"0123456789abcdef");
    let mi300 = DeviceId::from_serial(Vendor::AMD, 0x1f2e_3d4c_5b6a_7988);
    let xcp = mi300.partition(PartitionKind::COMPUTE_PARTITION, 3);
    let h100 = DeviceId::from_uuid(Vendor::NVIDIA, uuid);
    let mut nested = cut(3, [1, 2]);
    let inner = instance(3, 1).inner(PartitionKind::COMPUTE_INSTANCE, 0).expect("one step");
    nested.parts.insert(1, Offer::new(inner, LIFE).compute(Count(7)).profile("1c.1g.10gb"));
    nested.whole.holdable = false;
    (nested.numa, nested.island) = (Some(NumaNode(1)), Some(0));
    let mps =
        Declared { kind: SharingKind::Mps, replicas: 3, memory: Some(Bytes::gib(3)), threads: Permille(330) };
    nested.parts[2].shared = Some(mps);
    let mut amd = gpu_core::ledger::Board::new("MI300X", Offer::new(mi300, Incarnation(0)));
    amd.parts.push(Offer::new(xcp, Incarnation(u64::MAX)));
    let whole = gpu_core::ledger::Board::new("H100", Offer::new(h100, Incarnation(0)));
    let mut boards = vec![nested.clone(), amd, whole, shared(5, 2), board(6), board(7), board(8)];
    boards.sort_by_key(|board| board.device);

    let mut container = Container::new(Runtime::Kubernetes, "0a1b".repeat(16).parse().expect("an id"));
    container.pod = Some(Pod { uid: uuid, qos: QosClass::Burstable });
    container.user = Some(1000);
    let mut job = SlurmJob::new(Some(4711));
    (job.step, job.task, job.user) = (Some(SlurmStep::Number(2)), Some(0), Some(1001));
    let commit = |of, holder| Body::Commit(Commit { holding: holding(of), holder, expiry: Expiry::Lease(8) });
    let mut full = Reserve::new([claim(gpu(5).share(0, 2)), claim(gpu(6)).memory(Bytes::gib(1))]);
    full = full.until(Expiry::At(WallTime(12))).labelled("für «7»".parse().expect("a label"));
    full.asked = Some(Fingerprint(99));
    vec![
        Body::Inventory(boards),
        Body::Reserve(full),
        commit(2, Owner::Container(container)),
        Body::Reserve(Reserve::new([claim(h100)]).until(Expiry::Lease(7))),
        commit(4, Owner::Slurm(job)),
        Body::Reserve(Reserve::new([claim(instance(3, 2).share(1, 3)), claim(inner).compute(Count(7))])),
        commit(6, Owner::Unit(UnitName::new("inference.service"))),
        Body::Reserve(Reserve::new([gpu_core::ledger::Claim::new(xcp, Incarnation(u64::MAX))])),
        commit(8, Owner::Session { user: 1000 }),
        Body::Renew(Renew { holding: holding(8), expiry: Expiry::Never }),
        Body::Reserve(Reserve::new([claim(gpu(7))]).until(Expiry::At(WallTime(5)))),
        Body::Expire(Expire { holding: holding(11), expiry: Expiry::At(WallTime(5)) }),
        Body::Withdraw(vec![mi300.into(), instance(3, 2).into()]),
        Body::Repartition(board(8).into()),
        Body::Reserve(Reserve::new([claim(gpu(8))])),
        Body::Release(holding(15)),
        Body::Withdraw(vec![gpu(8).into()]),
        Body::Restore(vec![gpu(8).into()]),
    ]
}

/// All of them in a row, and what they make.
fn history() -> (Vec<Vec<u8>>, Ledger) {
    let mut live = ledger();
    let mut journal = Vec::new();
    for (id, body) in (1..).zip(entries()) {
        let at = (id % 2 == 0).then_some(WallTime(1_700_000_000_000_000_000));
        let entry = live.entry(Key { at, ..live.key(EntryId(id)) }, body);
        journal.push(stored::encode(live.next(), &entry));
        live.apply(&entry).unwrap_or_else(|refusal| panic!("{id}: {refusal}"));
        live.check().unwrap();
    }
    // Two devices go, with what was on them.
    let seen: Vec<_> = live.boards().filter(|board| board.device != gpu(6)).collect();
    let entry = live.entry(live.key(EntryId(1 << 90)), Body::Inventory(seen));
    journal.push(stored::encode(live.next(), &entry));
    live.apply(&entry).unwrap();
    (journal, live)
}

fn golden(name: &str, bytes: &[u8]) -> Vec<u8> {
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/golden").join(name);
    let may_write = std::env::var_os("GPU_ACCOUNTING_GOLDEN").is_some_and(|value| value == "write");
    if may_write && !path.exists() {
        std::fs::write(&path, bytes).unwrap();
    }
    std::fs::read(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// What was stored by version 1 once is what is stored now, and is read as what it was.
#[test]
fn version_1_stays_what_it_is() {
    let (journal, live) = history();
    let stored_then = golden("v1-journal.bin", &journal.concat());
    assert!(stored_then == journal.concat(), "the form of version 1 has changed");
    let mut again = ledger();
    let mut rest = &stored_then[..];
    while !rest.is_empty() {
        let (first, after) = stored::split(rest).unwrap();
        again.replay_all([first]).unwrap();
        rest = after;
    }
    let snapshot = golden("v1-snapshot.bin", &stored::encode_snapshot(&live));
    assert_eq!(stored::encode_snapshot(&again), snapshot);
    let opened = stored::decode_snapshot(&snapshot).unwrap();
    assert_eq!(stored::encode_snapshot(&opened), snapshot);
    assert_eq!((opened.position(), opened.history()), (live.position(), live.history()));
    let shown = |ledger: &Ledger| ledger.holdings().map(|held| format!("{held:?}")).collect::<Vec<_>>();
    assert_eq!(shown(&opened), shown(&live));
    opened.check().unwrap();
}

/// From any snapshot on the rest of the journal leads to the same end.
#[test]
fn a_snapshot_and_the_rest_of_the_journal_are_the_whole_journal() {
    let (journal, live) = history();
    for at in 0..=journal.len() {
        let mut first = ledger();
        first.replay_all(&journal[..at]).unwrap();
        let mut second = stored::decode_snapshot(&stored::encode_snapshot(&first)).unwrap();
        second.replay_all(&journal[at..]).unwrap();
        assert_eq!(stored::encode_snapshot(&second), stored::encode_snapshot(&live), "from {at}");
    }
}

#[test]
fn what_is_read_is_what_was_written_in_the_one_way() {
    let (journal, _) = history();
    for bytes in &journal {
        let Record { place, entry } = stored::decode(bytes).unwrap();
        assert_eq!(&stored::encode(place, &entry), bytes);
    }
}

fn resealed(mut bytes: Vec<u8>) -> Vec<u8> {
    bytes.truncate(bytes.len() - 4);
    let sum = crc32c(&bytes);
    bytes.extend_from_slice(&sum.to_le_bytes());
    bytes
}

/// The check sum by its definition, bit by bit: the crate has tables.
fn crc32c(bytes: &[u8]) -> u32 {
    !bytes.iter().fold(u32::MAX, |crc, byte| {
        (0..8).fold(crc ^ u32::from(*byte), |crc, _| (crc >> 1) ^ (0x82f6_3b78 & (crc & 1).wrapping_neg()))
    })
}

#[test]
fn a_newer_version_is_refused_by_name() {
    let (journal, live) = history();
    for version in [2_u16, 3, 258, u16::MAX] {
        let newer = Error::Newer { version, known: 1 };
        for bytes in [journal[1].clone(), stored::encode_snapshot(&live)] {
            let mut bytes = bytes;
            bytes[4..6].copy_from_slice(&version.to_le_bytes());
            let bytes = resealed(bytes);
            assert_eq!(stored::decode(&bytes).unwrap_err(), newer);
            assert_eq!(stored::decode_snapshot(&bytes).unwrap_err(), newer);
        }
        assert!(newer.to_string().contains(&format!("version {version}")));
    }
}

#[test]
fn a_snapshot_is_no_entry_and_an_entry_no_snapshot() {
    let (journal, live) = history();
    assert_eq!(stored::decode(&stored::encode_snapshot(&live)).unwrap_err(), Error::OtherSort { sort: 2 });
    assert_eq!(stored::decode_snapshot(&journal[0]).unwrap_err(), Error::OtherSort { sort: 1 });
    assert_eq!(stored::decode(b"GIF89a, and so on, and so on").unwrap_err(), Error::NotOurs);
    let mut two = journal[0].clone();
    two.extend_from_slice(&journal[1]);
    assert_eq!(stored::decode(&two).unwrap_err(), Error::Trailing { bytes: journal[1].len() });
}

#[test]
fn every_truncated_record_is_named() {
    let (journal, live) = history();
    let snapshot = stored::encode_snapshot(&live);
    for bytes in journal.iter().chain([&snapshot]) {
        for len in 0..bytes.len() {
            let (entry, whole) = (stored::decode(&bytes[..len]), stored::decode_snapshot(&bytes[..len]));
            assert!(matches!(entry, Err(Error::Truncated { .. })), "{entry:?}");
            assert!(matches!(whole, Err(Error::Truncated { .. })), "{whole:?}");
        }
    }
}

/// Every bit of every entry, and one of every byte of a snapshot, flipped: named, and never another
/// entry.
#[test]
fn every_damaged_record_is_named() {
    let (journal, live) = history();
    let snapshot = stored::encode_snapshot(&live);
    for bytes in journal.iter().chain([&snapshot]) {
        let step = if bytes == &snapshot { 9 } else { 1 };
        for bit in (0..bytes.len() * 8).step_by(step) {
            let mut damaged = bytes.clone();
            damaged[bit / 8] ^= 1 << (bit % 8);
            let error = stored::decode(&damaged).expect_err("it is damaged");
            let other = stored::decode_snapshot(&damaged).expect_err("it is damaged");
            for error in [error, other] {
                let named = match bit / 8 {
                    0..4 => matches!(error, Error::NotOurs),
                    7..11 => matches!(error, Error::Truncated { .. } | Error::Trailing { .. }),
                    _ => matches!(error, Error::Damaged { .. }),
                };
                assert!(named, "bit {bit}: {error}");
            }
        }
    }
}

/// Damage that takes the check sum along, as a faulty or hostile writer makes it: every byte of the
/// content takes values that it should not have. What is read anyway is in the one form, and a
/// ledger takes or refuses it without harm.
#[test]
fn what_a_hostile_writer_seals_does_no_harm() {
    let (journal, live) = history();
    let mut read = 0;
    for (at, bytes) in journal.iter().enumerate() {
        let mut before = ledger();
        before.replay_all(&journal[..at]).unwrap();
        for byte in 11..bytes.len() - 4 {
            for value in [0, 0xff, bytes[byte] ^ 1, bytes[byte].wrapping_add(1)] {
                let mut forged = bytes.clone();
                forged[byte] = value;
                let forged = resealed(forged);
                let Ok(record) = stored::decode(&forged) else { continue };
                read += 1;
                assert!(
                    stored::encode(record.place, &record.entry) == forged,
                    "two forms of one entry: byte {byte}"
                );
                let mut ledger = before.clone();
                if ledger.apply(&record.entry).is_ok() && read % 8 == 0 {
                    ledger.check().unwrap();
                }
            }
        }
    }
    assert!(read > 500, "{read}");
    let snapshot = stored::encode_snapshot(&live);
    for byte in 11..snapshot.len() - 4 {
        for value in [0xff, snapshot[byte] ^ 1] {
            let mut forged = snapshot.clone();
            forged[byte] = value;
            let forged = resealed(forged);
            if let Ok(ledger) = stored::decode_snapshot(&forged) {
                assert!(stored::encode_snapshot(&ledger) == forged, "two forms of one ledger: byte {byte}");
                ledger.check().unwrap();
            }
        }
    }
}

/// An order that means nothing is one order.
#[test]
fn units_in_another_order_are_another_form_and_refused() {
    let mut reserve = Reserve::new([claim(gpu(1)), claim(gpu(2))]);
    reserve.claims.reverse();
    let entry = ledger().entry(ledger().key(EntryId(1)), Body::Reserve(reserve));
    let error = stored::decode(&stored::encode(ledger().next(), &entry)).unwrap_err();
    assert!(matches!(error, Error::Malformed { what: "units that do not ascend", .. }), "{error}");
}

/// A text may be as long as its type allows, and nothing announces more than is there.
#[test]
fn what_is_announced_and_not_there_takes_no_memory() {
    let entry =
        Entry::new("n".parse().unwrap(), Key::new(EntryId(1), Default::default()), Body::Withdraw(vec![]));
    let bytes = stored::encode(ledger().next(), &entry);
    // The last four bytes of the content are the number of units.
    let at = bytes.len() - 8;
    let mut many = bytes.clone();
    many[at..at + 4].copy_from_slice(&u32::MAX.to_le_bytes());
    let error = stored::decode(&resealed(many)).unwrap_err();
    assert!(matches!(error, Error::Malformed { what: "more is announced than is there", .. }), "{error}");
}
