//! Blobs written by hand, at offsets taken from a C compiler's `offsetof` over the kernel's
//! structures (`kgd_pp_interface.h`), not from the table that is tested.

use gpu_core::{Count, Hertz, Microjoules, Microwatts, Millicelsius, Nanoseconds, Permille, ThrottleReasons};

use super::*;

/// A structure in which the driver has put nothing yet: all ones behind the header.
fn blob(size: u16, format: u8, content: u8) -> Vec<u8> {
    let mut bytes = vec![0xff; usize::from(size)];
    bytes[..2].copy_from_slice(&size.to_le_bytes());
    bytes[2..4].copy_from_slice(&[format, content]);
    bytes
}

fn put(bytes: &mut [u8], at: usize, value: &[u8]) {
    bytes[at..at + value.len()].copy_from_slice(value);
}

const VERSIONS: [(u16, u8, u8); 16] = [
    (80, 1, 0),
    (96, 1, 1),
    (104, 1, 2),
    (120, 1, 3),
    (288, 1, 4),
    (360, 1, 5),
    (384, 1, 6),
    (1664, 1, 6),
    (2208, 1, 7),
    (3872, 1, 8),
    (120, 2, 0),
    (120, 2, 1),
    (128, 2, 2),
    (152, 2, 3),
    (168, 2, 4),
    (264, 3, 0),
];

#[test]
fn every_version_is_known_and_an_empty_one_has_no_values() {
    for (size, format, content) in VERSIONS {
        let bytes = blob(size, format, content);
        let metrics = GpuMetrics::decode(&bytes).unwrap();
        assert_eq!((metrics.version(), metrics.size()), ((format, content), usize::from(size)));
        for row in ROWS {
            for instance in 0..40 {
                assert!(metrics.value(row.field, instance).is_err(), "{format}.{content} {:?}", row.field);
            }
        }
        assert!(metrics.partition(0).is_err());
    }
}

/// One field of each version, at the C compiler's offset.
#[test]
fn fields_are_where_the_c_compiler_puts_them() {
    /// Size and version, field, instance, offset, width, raw number, value.
    type Case = ((u16, u8, u8), Field, usize, usize, usize, u64, Value);
    let watts = |n| Value::Microwatts(Microwatts::from_watts(n));
    let mhz = |n| Value::Hertz(Hertz::from_mhz(n));
    let percent = |n| Value::Permille(Permille::from_percent(n));
    let count = |n| Value::Count(Count(n));
    let degrees = |n| Value::Millicelsius(Millicelsius::from_degrees(n));
    let joules = |n: u64| Value::Microjoules(Microjoules(n * 1_000_000));
    use Field::*;
    let cases: &[Case] = &[
        ((80, 1, 0), TemperatureEdge, 0, 16, 2, 41, degrees(41)),
        ((80, 1, 0), PcieSpeed, 0, 75, 1, 160, count(160)),
        ((80, 1, 0), SocketPower, 0, 34, 2, 225, watts(225)),
        ((96, 1, 1), Energy, 0, 24, 8, 5 << 16, joules(5)),
        ((96, 1, 1), TemperatureHbm, 3, 94, 2, 52, degrees(52)),
        ((104, 1, 2), FirmwareTime, 0, 96, 8, 7, Value::Nanoseconds(Nanoseconds(70))),
        ((120, 1, 3), Throttle, 0, 112, 8, 1 << 36, Value::ThrottleReasons(ThrottleReasons::THERMAL)),
        ((120, 1, 3), VoltageGfx, 0, 106, 2, 850, count(850)),
        ((120, 1, 3), MemoryClock, 0, 58, 2, 1600, mhz(1600)),
        ((288, 1, 4), SocketPower, 0, 10, 2, 140, watts(140)),
        ((288, 1, 4), VideoActivity, 3, 22, 2, 40, percent(40)),
        ((288, 1, 4), PcieReplays, 0, 88, 8, 9, count(9)),
        ((288, 1, 4), XgmiWritten, 7, 224, 8, 77, count(77)),
        ((288, 1, 4), MemoryClock, 0, 280, 2, 1300, mhz(1300)),
        ((360, 1, 5), JpegActivity, 31, 86, 2, 100, percent(100)),
        ((360, 1, 5), Energy, 0, 88, 8, 3 << 16, joules(3)),
        ((360, 1, 5), PcieNaksReceived, 0, 172, 4, 4, count(4)),
        ((360, 1, 5), GfxClock, 7, 326, 2, 2100, mhz(2100)),
        ((384, 1, 6), ThrottledPower, 0, 112, 4, 11, count(11)),
        (
            (384, 1, 6),
            ThrottleStatus,
            0,
            128,
            4,
            1,
            Value::ThrottleReasons(ThrottleReasons { known: 0, raw: 1 }),
        ),
        ((384, 1, 6), GfxClock, 0, 336, 2, 132, mhz(132)),
        ((1664, 1, 6), Energy, 0, 16, 8, 8 << 16, joules(8)),
        ((1664, 1, 6), GfxClock, 0, 264, 2, 132, mhz(132)),
        ((1664, 1, 6), Partitions, 0, 306, 2, 8, count(8)),
        ((2208, 1, 7), MemoryBandwidthMax, 0, 16, 8, 5300, count(5300)),
        ((2208, 1, 7), XgmiStatus, 7, 278, 2, 1, count(1)),
        ((2208, 1, 7), MemoryClock, 0, 336, 2, 900, mhz(900)),
        ((3872, 1, 8), ThrottledHbmHeat, 0, 60, 4, 2, count(2)),
        ((3872, 1, 8), PcieNaksSent, 0, 128, 4, 6, count(6)),
        ((120, 2, 0), TemperatureGfx, 0, 16, 2, 4512, Value::Millicelsius(Millicelsius(45_120))),
        ((120, 2, 0), GfxClock, 0, 80, 2, 1600, mhz(1600)),
        ((120, 2, 1), TemperatureGfx, 0, 4, 2, 5000, degrees(50)),
        ((120, 2, 1), VideoClock, 0, 84, 2, 400, mhz(400)),
        ((128, 2, 2), Throttle, 0, 120, 8, 1, Value::ThrottleReasons(ThrottleReasons::POWER_CAP)),
        ((152, 2, 3), SocketPower, 0, 40, 2, 15_000, watts(15)),
        ((168, 2, 4), GfxActivity, 0, 28, 2, 9950, Value::Permille(Permille(995))),
        ((264, 3, 0), SocketPower, 0, 112, 4, 28_000, watts(28)),
        ((264, 3, 0), ThrottledProchot, 0, 228, 4, 5, count(5)),
        ((264, 3, 0), AverageGfxClock, 0, 174, 2, 800, mhz(800)),
    ];
    for &((size, format, content), field, instance, at, width, raw, value) in cases {
        let mut bytes = blob(size, format, content);
        put(&mut bytes, at, &raw.to_le_bytes()[..width]);
        let metrics = GpuMetrics::decode(&bytes).unwrap();
        assert_eq!(metrics.value(field, instance), Ok(value), "{format}.{content} {field:?}");
        assert_eq!(metrics.values(field).count(), 1, "{format}.{content} {field:?}: the others are empty");
    }
}

/// Statistics of partition 5, at the C compiler's offsets, in the three forms that have them.
#[test]
fn partitions_are_where_the_c_compiler_puts_them() {
    use PartitionField::*;
    for (version, number, start, video, sum, extra) in [
        ((1664, 1, 6), 306, 312 + 5 * 168, 96, 104, None),
        ((2208, 1, 7), 338, 344 + 5 * 232, 96, 104, Some((BelowLimit, 168))),
        ((3872, 1, 8), 338, 344 + 5 * 440, 112, 120, Some((BelowLimitAll, 376))),
    ] {
        let mut bytes = blob(version.0, version.1, version.2);
        put(&mut bytes, number, &6_u16.to_le_bytes());
        put(&mut bytes, start, &73_u32.to_le_bytes());
        put(&mut bytes, start + 32 + 2 * 31, &9_u16.to_le_bytes());
        put(&mut bytes, start + video + 2, &20_u16.to_le_bytes());
        put(&mut bytes, start + sum + 56, &1234_u64.to_le_bytes());
        if let Some((_, at)) = extra {
            put(&mut bytes, start + at, &55_u64.to_le_bytes());
        }
        let metrics = GpuMetrics::decode(&bytes).unwrap();
        let partition = metrics.partition(5).unwrap();
        assert_eq!(partition.value(GfxBusy, 0), Ok(Value::Permille(Permille(730))));
        assert_eq!(partition.value(JpegBusy, 31), Ok(Value::Permille(Permille(90))));
        assert_eq!(partition.value(VideoBusy, 1), Ok(Value::Permille(Permille(200))));
        assert_eq!(partition.value(GfxBusySum, 7), Ok(Value::Count(Count(1234))));
        if let Some((field, _)) = extra {
            assert_eq!(partition.value(field, 0), Ok(Value::Count(Count(55))));
        }
        assert_eq!(partition.values(GfxBusy).count(), 1);
        assert!(metrics.partition(4).unwrap().value(GfxBusy, 0).is_err(), "another partition's");
        assert!(metrics.partition(6).is_err(), "there are six");
        assert!(metrics.partition(u32::MAX).is_err());
        // A number of partitions that cannot be is no way out of the structure.
        put(&mut bytes, number, &60_000_u16.to_le_bytes());
        let metrics = GpuMetrics::decode(&bytes).unwrap();
        assert!(metrics.partition(7).is_ok() && metrics.partition(8).is_err());
    }
}

#[test]
fn what_an_older_version_ends_before_is_not_in_it() {
    let bytes = blob(96, 1, 1);
    let metrics = GpuMetrics::decode(&bytes).unwrap();
    assert_eq!(metrics.instances(Field::Throttle), 0, "1.3 has it behind the end of 1.1");
    assert_eq!(metrics.instances(Field::FirmwareTime), 0);
    assert_eq!(metrics.instances(Field::TemperatureHbm), 4);
}

#[test]
fn unknown_versions_are_named() {
    for version in [(1, 10), (1, 255), (2, 5), (3, 1), (4, 0), (0, 0), (255, 255)] {
        let bytes = blob(512, version.0, version.1);
        let absence = GpuMetrics::decode(&bytes).unwrap_err();
        assert_eq!(absence, Absence::UnknownVersion { of: "gpu_metrics", version });
        assert_eq!(absence.kind(), "not_supported");
        assert!(absence.to_string().contains(&format!("{}.{}", version.0, version.1)), "{absence}");
    }
}

/// Truncated, oversized, and a size field that lies: each refused as what it is.
#[test]
fn blobs_that_lie_are_refused() {
    let failed = |bytes: &[u8], what: &str| match GpuMetrics::decode(bytes) {
        Err(Absence::Failed { at, code: None }) => assert!(at.contains(what), "{at}"),
        other => panic!("{what}: {other:?}"),
    };
    for (size, format, content) in VERSIONS {
        let good = blob(size, format, content);
        for length in 0..HEADER {
            failed(&good[..length], "shorter than its header");
        }
        failed(&good[..HEADER], "shorter than it says");
        failed(&good[..good.len() - 1], "shorter than it says");
        let mut longer = good.clone();
        longer.push(0);
        longer.resize(4096, 0);
        assert!(GpuMetrics::decode(&longer).is_ok(), "padding of NULs is let pass");
        *longer.last_mut().unwrap() = 1;
        failed(&longer, "longer than it says");
        for lie in [0, 4, size - 1, size + 1, u16::MAX] {
            let mut bytes = good.clone();
            bytes.resize(usize::from(u16::MAX), 0);
            bytes[..2].copy_from_slice(&lie.to_le_bytes());
            failed(&bytes, "not its version's");
        }
    }
}

/// Bytes that an xorshift makes of a seed: the same at every run.
struct Noise(u64);

impl Noise {
    fn next(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0
    }
}

/// Mutates good blobs and reads every field of what comes out: nothing panics, parts stay parts.
fn mutate(rounds: u64) -> u64 {
    let (mut noise, mut decoded) = (Noise(0x9e37_79b9_7f4a_7c15), 0);
    let mut bytes = Vec::new();
    for round in 0..rounds {
        let (size, format, content) = VERSIONS[(noise.next() % 16) as usize];
        bytes.clear();
        bytes.resize(usize::from(size), (noise.next() & 0xff) as u8);
        bytes[..2].copy_from_slice(&size.to_le_bytes());
        bytes[2..4].copy_from_slice(&[format, content]);
        for _ in 0..noise.next() % 16 {
            let at = (noise.next() % bytes.len() as u64) as usize;
            bytes[at] = (noise.next() & 0xff) as u8;
        }
        match noise.next() % 8 {
            0 => bytes.truncate((noise.next() % (u64::from(size) + 1)) as usize),
            1 => bytes.resize(usize::from(size) + (noise.next() % 64) as usize, 0),
            _ => {}
        }
        let Ok(metrics) = GpuMetrics::decode(&bytes) else { continue };
        decoded += 1;
        // Every field of a few, one field of the others: most of what can go wrong is in `decode`.
        let rows = if round % 64 == 0 { ROWS } else { &ROWS[(noise.next() as usize) % ROWS.len()..][..1] };
        for row in rows {
            for value in metrics.values(row.field) {
                assert!(!matches!(value, Value::Permille(part) if part > Permille(1000)));
            }
        }
        if let Ok(partition) = metrics.partition((noise.next() % 10) as u32) {
            for row in PARTITION_ROWS {
                assert!(partition.values(row.field).count() <= partition.instances(row.field));
            }
        }
    }
    decoded
}

#[test]
fn mutated_blobs_are_read_or_refused() {
    let decoded = mutate(20_000);
    assert!(decoded > 10_000, "only {decoded} of 20000 mutants got past the header");
}

#[test]
#[ignore = "long: two million mutants, for a release build"]
fn two_million_mutated_blobs_are_read_or_refused() {
    let decoded = mutate(2_000_000);
    assert!(decoded > 1_000_000, "only {decoded} mutants got past the header");
}
