//! Records written by hand, with the numbers, types and units that the driver of the MI300 gives them
//! (kernel: `smu_v13_0_6_ppt.h`, `SMU_13_0_6_METRICS_FIELDS`).

use gpu_core::{Absence, Count, Hertz, Microjoules, Microwatts, Millicelsius, Nanoseconds, Permille, Value};

use super::super::{Field, GpuMetrics};

const U16: u64 = 2;
const S16: u64 = 3;
const U32: u64 = 4;
const U64: u64 = 6;

/// One record: which, unit, type, numbers.
type Told<'a> = (u64, u64, u64, &'a [u64]);

fn blob(records: &[Told<'_>]) -> Vec<u8> {
    let mut bytes = vec![0, 0, 1, 9];
    bytes.extend((records.len() as u32).to_le_bytes());
    for (id, unit, kind, numbers) in records {
        bytes.extend((unit << 24 | kind << 20 | id << 10 | numbers.len() as u64).to_le_bytes());
        let width = 1 << (kind / 2);
        numbers.iter().for_each(|number| bytes.extend(&number.to_le_bytes()[..width]));
    }
    let size = bytes.len() as u16;
    bytes[..2].copy_from_slice(&size.to_le_bytes());
    bytes
}

#[test]
fn records_are_read_wherever_they_stand() {
    let records: &[Told<'_>] = &[
        (0, 2, U16, &[61]),
        (36, 1, U16, &[900; 4]),   // no field of it here
        (777, 0, U32, &[1, 2, 3]), // nobody knows it
        (3, 3, U16, &[310]),
        (4, 10, U16, &[55]),
        (7, 0, U64, &[5 << 16]),
        (8, 4, U64, &[123_456]),
        (9, 0, U64, &[90_000]),
        (11, 0, U32, &[53_994]),
        (17, 7, U16, &[320]),
        (20, 10, U32, &[7]),
        (22, 0, U64, &[8]),
        (32, 5, U64, &[7]),
        (33, 1, U16, &[2100, 132, 0xffff]),
        (41, 10, U16, &[100, 0]),
    ];
    let bytes = blob(records);
    let metrics = GpuMetrics::decode(&bytes).unwrap();
    assert_eq!((metrics.version(), metrics.size()), ((1, 9), bytes.len()));
    let mhz = |n| Value::Hertz(Hertz::from_mhz(n));
    for (field, instance, value) in [
        (Field::TemperatureHotspot, 0, Value::Millicelsius(Millicelsius(61_000))),
        (Field::SocketPower, 0, Value::Microwatts(Microwatts::from_watts(310))),
        (Field::GfxActivity, 0, Value::Permille(Permille(550))),
        (Field::Energy, 0, Value::Microjoules(Microjoules(5_000_000))),
        (Field::DriverTime, 0, Value::Nanoseconds(Nanoseconds(123_456))),
        (Field::Accumulations, 0, Value::Count(Count(90_000))),
        (Field::ThrottledPower, 0, Value::Count(Count(53_994))),
        (Field::PcieSpeed, 0, Value::Count(Count(320))),
        (Field::GfxActivitySum, 0, Value::Count(Count(7))),
        (Field::PcieTraffic, 0, Value::Count(Count(8))),
        (Field::FirmwareTime, 0, Value::Nanoseconds(Nanoseconds(70))),
        (Field::GfxClock, 0, mhz(2100)),
        (Field::GfxClock, 1, mhz(132)),
        (Field::JpegActivity, 0, Value::Permille(Permille(1000))),
    ] {
        assert_eq!(metrics.value(field, instance), Ok(value), "{field:?}");
    }
    assert_eq!(metrics.instances(Field::GfxClock), 3);
    assert_eq!(metrics.values(Field::GfxClock).count(), 2, "all ones are no value");
    assert!(metrics.value(Field::GfxClock, 3).is_err());
    assert_eq!(metrics.instances(Field::ThrottledProchot), 0, "there is no record of it");
    assert!(metrics.partition(0).is_err(), "partitions have a file of their own");
}

/// The same field in another width is the same; in another unit it is not known; below 0 it cannot be.
#[test]
fn what_a_record_says_of_itself_counts() {
    let value = |record: Told<'_>, field| GpuMetrics::decode(&blob(&[record])).unwrap().value(field, 0);
    for kind in [U16, U32, U64] {
        assert_eq!(value((9, 0, kind, &[500]), Field::Accumulations), Ok(Value::Count(Count(500))));
    }
    assert!(
        matches!(value((3, 2, U16, &[310]), Field::SocketPower), Err(Absence::NotSupported { why }) if why.contains("unit"))
    );
    assert!(value((17, 6, U16, &[32]), Field::PcieSpeed).is_err(), "whole GT/s are not tenths");
    let heat = Value::Millicelsius(Millicelsius(41_000));
    assert_eq!(value((0, 2, S16, &[41]), Field::TemperatureHotspot), Ok(heat));
    let below = value((0, 2, S16, &[0x8000]), Field::TemperatureHotspot);
    assert!(matches!(below, Err(Absence::Failed { .. })), "{below:?}");
}

#[test]
fn records_that_lie_are_refused() {
    let good = blob(&[(0, 2, U16, &[61]), (33, 1, U16, &[2100; 8])]);
    assert!(GpuMetrics::decode(&good).is_ok());
    let mut padded = good.clone();
    padded.resize(4096, 0);
    assert!(GpuMetrics::decode(&padded).is_ok(), "copies are padded");
    let changed = |change: &dyn Fn(&mut Vec<u8>)| {
        let mut bytes = good.clone();
        change(&mut bytes);
        GpuMetrics::decode(&bytes).map(|_| ())
    };
    type Lie<'a> = (&'a str, &'a dyn Fn(&mut Vec<u8>));
    let lies: [Lie<'_>; 8] = [
        ("one record more", &|bytes| bytes[4] += 1),
        ("one record less", &|bytes| bytes[4] -= 1),
        ("as many as there can be", &|bytes| bytes[4..8].fill(0xff)),
        ("more numbers", &|bytes| bytes[8] += 1),
        ("a type that nobody knows", &|bytes| bytes[10] |= 0x80),
        ("more than is said of a record", &|bytes| bytes[14] = 1),
        ("a larger size", &|bytes| bytes[0] += 1),
        ("truncated", &|bytes| bytes.truncate(bytes.len() - 1)),
    ];
    for (what, lie) in lies {
        assert!(matches!(changed(lie), Err(Absence::Failed { .. })), "{what}");
    }
    for length in 0..good.len() {
        let mut bytes = good[..length].to_vec();
        assert!(GpuMetrics::decode(&bytes).is_err(), "{length}");
        // A size that is true of the rest.
        if let [a, b, _, _, ..] = &mut bytes[..] {
            [*a, *b] = (length as u16).to_le_bytes();
            assert!(GpuMetrics::decode(&bytes).is_err(), "{length}");
        }
    }
}
