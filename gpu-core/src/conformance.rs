//! What every [`Backend`] must do, as functions that panic when it does not.
//!
//! For the tests of those who write a backend or a wrapper around one:
//!
//! ```
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let backend = gpu_sim::Machine::preset("mi300x-8-cpx")?.backend();
//! gpu_core::conformance::run(&backend);
//! # Ok(())
//! # }
//! ```
//!
//! The machine must hold still meanwhile: no partition is made or destroyed, no device lost.
//! Outside semver: a release may check more.

mod broken;

use std::collections::BTreeSet;
use std::fmt::Display;
use std::str::FromStr;
use std::thread;

use crate::absence::Absence;
use crate::backend::{Backend, BackendExt};
use crate::device::Device;
use crate::error::ErrorKind;
use crate::id::{DeviceId, PartitionId, PartitionKind, UnitId};
use crate::inventory::Inventory;
use crate::known::Known;
use crate::partition::Partition;
use crate::pci::PciAddress;
use crate::quantity::{Bytes, Count, Millicelsius, Permille};
use crate::query::{Query, Units};
use crate::reading::{Behaviour, Metric, MetricSet, Reading, Value};
use crate::sample::Sample;
use crate::tag::Tag;
use crate::vendor::Vendor;

pub use broken::{Shown, an_unreadable_file_is_named_and_hides_nobody};

/// Runs every check that needs no help from outside.
///
/// # Panics
/// When the backend breaks a rule; the message says which.
pub fn run(backend: &dyn Backend) {
    devices_are_the_vendors_own(backend);
    ids_are_unique_and_stable(backend);
    ids_read_back(backend);
    the_tree_is_consistent(backend);
    parts_never_exceed_the_whole(backend);
    samples_cover_the_inventory(backend);
    only_what_was_asked_for_is_sampled(backend);
    absences_have_reasons(backend);
    nothing_is_passed_over(backend);
    values_make_sense(backend);
    counters_do_not_go_back(backend);
    capabilities_match_samples(backend);
    unknown_units_are_refused(backend);
    other_vendors_units_are_passed_over(backend);
    samples_are_added_to(backend);
    processes_run_on_known_units(backend);
    concurrent_readers_agree(backend);
}

fn inventory(backend: &dyn Backend) -> Inventory {
    backend.inventory().unwrap_or_else(|error| panic!("the inventory must be readable: {error}"))
}

fn sample(backend: &dyn Backend, query: &Query<'_>) -> Sample {
    backend.sample_of(query).unwrap_or_else(|error| panic!("a sample must be possible: {error}"))
}

/// Every device and driver is of the backend's vendor.
///
/// # Panics
/// When one is not.
pub fn devices_are_the_vendors_own(backend: &dyn Backend) {
    let inventory = inventory(backend);
    for device in &inventory.devices {
        assert_eq!(device.vendor(), backend.vendor(), "device {} has another vendor", device.id);
        assert!(!device.name.is_empty(), "device {} has no name", device.id);
    }
    for driver in &inventory.drivers {
        assert_eq!(driver.vendor, backend.vendor(), "driver {} has another vendor", driver.name);
    }
}

/// No two units share an id, and a second look finds the same ids, incarnations and fingerprints.
///
/// # Panics
/// When ids clash or change between two looks.
pub fn ids_are_unique_and_stable(backend: &dyn Backend) {
    let first = inventory(backend);
    let units: Vec<UnitId> = first.units().collect();
    let distinct: BTreeSet<UnitId> = units.iter().copied().collect();
    assert_eq!(distinct.len(), units.len(), "two units share an id: {units:?}");

    let second = inventory(backend);
    assert_eq!(units, second.units().collect::<Vec<_>>(), "a second look finds other units");
    assert_eq!(first.fingerprint(), second.fingerprint(), "a second look finds another fingerprint");
    for (one, other) in first.devices.iter().zip(&second.devices) {
        for (a, b) in one.all_partitions().zip(other.all_partitions()) {
            assert_eq!(a.incarnation, b.incarnation, "{} changed its incarnation by being looked at", a.id);
        }
    }
}

/// The text form of every id reads back to the same id.
///
/// # Panics
/// When one does not.
pub fn ids_read_back(backend: &dyn Backend) {
    fn check<T: Display + FromStr + PartialEq>(id: &T) {
        let text = id.to_string();
        assert!(text.parse::<T>().is_ok_and(|back| back == *id), "{text} does not read back");
    }
    for unit in inventory(backend).units() {
        check(&unit);
        check(&unit.device());
    }
}

/// Partitions lie in their device and in order; links join devices that are there.
///
/// # Panics
/// When the tree contradicts itself.
pub fn the_tree_is_consistent(backend: &dyn Backend) {
    let inventory = inventory(backend);
    for device in &inventory.devices {
        check_siblings(device.id, None, &device.partitions);
        for partition in &device.partitions {
            check_siblings(device.id, Some(partition.id), &partition.partitions);
            assert!(
                partition.partitions.iter().all(|inner| inner.partitions.is_empty()),
                "{} is cut more than two levels deep",
                partition.id
            );
        }
    }
    for link in &inventory.links {
        assert!(link.a < link.b, "the ends of a link are not in order: {link:?}");
        for end in [link.a, link.b] {
            assert!(inventory.device(end).is_some(), "a link ends at {end}, which is not there");
        }
    }
    let mut links = inventory.links.clone();
    links.sort();
    links.dedup();
    assert_eq!(links.len(), inventory.links.len(), "a link is listed twice");
}

fn check_siblings(device: DeviceId, parent: Option<PartitionId>, siblings: &[Partition]) {
    for partition in siblings {
        assert_eq!(partition.id.device(), device, "{} is listed under {device}", partition.id);
        assert_eq!(partition.id.parent(), parent, "{} is listed under another partition", partition.id);
    }
    assert!(
        siblings.windows(2).all(|pair| pair[0].id < pair[1].id),
        "partitions of {device} are not in order"
    );
}

/// What the parts of one kind own does not add up to more than the whole owns.
///
/// # Panics
/// When it does.
pub fn parts_never_exceed_the_whole(backend: &dyn Backend) {
    for device in &inventory(backend).devices {
        let kinds: BTreeSet<PartitionKind> = device.partitions().map(Partition::kind).collect();
        for kind in kinds {
            let parts: Vec<&Partition> = device.partitions().filter(|p| p.kind() == kind).collect();
            let whole = device.id;
            fits(
                whole,
                "memory",
                &device.memory_total.map(Bytes::get),
                parts.iter().map(|p| p.memory_total.map(Bytes::get)),
            );
            fits(
                whole,
                "compute units",
                &device.compute_units.map(Count::get),
                parts.iter().map(|p| p.compute_units.map(Count::get)),
            );
        }
        for partition in &device.partitions {
            let whole = partition.id;
            let parts = || partition.partitions.iter();
            fits(
                whole,
                "memory",
                &partition.memory_total.map(Bytes::get),
                parts().map(|p| p.memory_total.map(Bytes::get)),
            );
            fits(
                whole,
                "compute slices",
                &partition.compute_slices.map(Count::get),
                parts().map(|p| p.compute_slices.map(Count::get)),
            );
        }
    }
}

fn fits(whole: impl Display, what: &str, total: &Known<u64>, parts: impl Iterator<Item = Known<u64>>) {
    let sum: u64 = parts.filter_map(|part| part.value().copied()).sum();
    if let Some(total) = total.value() {
        assert!(sum <= *total, "the parts of {whole} have {sum} {what}, the whole has {total}");
    }
}

/// A sample of everything has each unit of the inventory once, in its order.
///
/// # Panics
/// When units are missing, repeated or strange.
pub fn samples_cover_the_inventory(backend: &dyn Backend) {
    let expected: Vec<UnitId> = inventory(backend).units().collect();
    let sampled: Vec<UnitId> = sample(backend, &Query::everything()).units.iter().map(|u| u.unit).collect();
    assert_eq!(sampled, expected, "a sample of everything covers other units than the inventory");
}

/// Units, metrics and processes that were not asked for are not in the sample.
///
/// # Panics
/// When they are.
pub fn only_what_was_asked_for_is_sampled(backend: &dyn Backend) {
    let inventory = inventory(backend);
    let devices: Vec<UnitId> = inventory.devices.iter().map(|d| d.id.into()).collect();
    let query = Query::everything().units(Units::Devices).without_processes();
    let answer = sample(backend, &query.metrics(MetricSet::NONE.with(Metric::Power)));
    assert_eq!(answer.units.iter().map(|u| u.unit).collect::<Vec<_>>(), devices);
    assert!(answer.processes.is_empty(), "processes were not asked for");
    for unit in &answer.units {
        for (metric, value) in unit.reading.iter().filter(|(metric, _)| *metric != Metric::Power) {
            let left_alone = matches!(value, Err(Absence::NotYet | Absence::Asleep | Absence::Lost));
            assert!(left_alone, "{metric} of {} was not asked for and shows {value:?}", unit.unit);
        }
    }

    let Some(last) = inventory.units().last() else { return };
    let answer = sample(backend, &query.units(Units::Only(&[last])));
    assert_eq!(answer.units.iter().map(|u| u.unit).collect::<Vec<_>>(), [last]);
}

/// Every absence says why, in words or by its kind.
///
/// # Panics
/// When one has an empty reason.
pub fn absences_have_reasons(backend: &dyn Backend) {
    let check = |at: &dyn Display, absence: Absence| match absence {
        Absence::NotSupported { why } => assert!(!why.is_empty(), "{at}: not supported, and no reason"),
        Absence::UnknownVersion { of, .. } => assert!(!of.is_empty(), "{at}: a version of nothing"),
        Absence::Failed { at: call, .. } => assert!(!call.is_empty(), "{at}: failed, and no call"),
        Absence::NotPermitted { needs } => assert!(!needs.to_string().is_empty(), "{at}: needs nothing"),
        _ => {}
    };
    let answer = sample(backend, &Query::everything());
    for unit in &answer.units {
        for (metric, value) in unit.reading.iter() {
            if let Err(absence) = value {
                check(&format_args!("{metric} of {}", unit.unit), absence);
            }
        }
    }
    for process in &answer.processes {
        for absence in process.absences() {
            check(&format_args!("pid {} on {}", process.pid, process.unit), absence);
        }
    }
    for problem in &answer.problems {
        assert!(!problem.at.is_empty() && !problem.detail.is_empty(), "a problem without place or cause");
    }
}

/// Whatever was asked for has a value or a reason: "not yet" is what a reading begins with, and no
/// answer to a metric that the backend passes over. Only what is measured between two looks may
/// have none so far.
///
/// # Panics
/// When a metric that does not need two looks is not there yet.
pub fn nothing_is_passed_over(backend: &dyn Backend) {
    const BETWEEN_LOOKS: [Metric; 7] = [
        Metric::Busy,
        Metric::MemoryBusy,
        Metric::EncoderBusy,
        Metric::DecoderBusy,
        Metric::VideoBusy,
        Metric::JpegBusy,
        Metric::Power,
    ];
    for unit in sample(backend, &Query::everything()).units {
        for (metric, value) in unit.reading.iter() {
            let is_passed_over = value.err() == Some(Absence::NotYet) && !BETWEEN_LOOKS.contains(&metric);
            assert!(!is_passed_over, "{metric} of {} is not yet there, and never will be", unit.unit);
        }
    }
}

/// Parts of memory fit into the total, parts of time into the whole, limits into their range.
///
/// # Panics
/// When a value cannot be.
pub fn values_make_sense(backend: &dyn Backend) {
    for unit in sample(backend, &Query::everything()).units {
        let (at, reading) = (unit.unit, &unit.reading);
        check_memory(at, reading);
        check_power_limits(at, reading);
        for (metric, value) in reading.iter() {
            match value.map(|measured| measured.value) {
                Ok(Value::Permille(part)) => {
                    assert!(part <= Permille(1000), "{metric} of {at} is {part}");
                }
                Ok(Value::Millicelsius(heat)) => assert!(
                    (Millicelsius(-100_000)..=Millicelsius(250_000)).contains(&heat),
                    "{metric} of {at} is {heat}"
                ),
                _ => {}
            }
        }
    }
}

fn check_memory(at: UnitId, reading: &Reading) {
    let amount = |metric| match reading.get(metric).map(|m| m.value) {
        Ok(Value::Bytes(bytes)) => bytes.get(),
        _ => 0,
    };
    let parts = amount(Metric::MemoryUsed) + amount(Metric::MemoryFree) + amount(Metric::MemoryReserved);
    if reading.memory_total.is_ok() {
        let total = amount(Metric::MemoryTotal);
        assert!(parts <= total, "used, free and reserved memory of {at} are {parts}, the total is {total}");
    }
}

fn check_power_limits(at: UnitId, reading: &Reading) {
    let (Ok(limit), Ok(min), Ok(max)) =
        (reading.power_limit, reading.power_limit_min, reading.power_limit_max)
    else {
        return;
    };
    assert!(
        min.value <= limit.value && limit.value <= max.value,
        "the power limit of {at} is {limit}, outside {min} to {max}"
    );
}

/// Counters and stamps of a second sample are not below those of the first.
///
/// # Panics
/// When one is.
pub fn counters_do_not_go_back(backend: &dyn Backend) {
    let first = sample(backend, &Query::everything());
    let second = sample(backend, &Query::everything());
    for unit in &second.units {
        for metric in Metric::ALL {
            let (Ok(before), Ok(after)) = (first.reading(unit.unit).get(*metric), unit.reading.get(*metric))
            else {
                continue;
            };
            assert!(after.as_of >= before.as_of, "the stamp of {metric} of {} went back", unit.unit);
            if metric.behaviour() == Behaviour::Counter {
                assert!(after.value >= before.value, "{metric} of {} went back", unit.unit);
            }
        }
    }
}

/// A metric that a unit has is there when sampled, and one that it does not have is not.
///
/// # Panics
/// When capabilities and sample disagree.
pub fn capabilities_match_samples(backend: &dyn Backend) {
    let answer = sample(backend, &Query::everything());
    for unit in &answer.units {
        let capabilities = backend
            .capabilities(unit.unit)
            .unwrap_or_else(|error| panic!("{} must tell its capabilities: {error}", unit.unit));
        assert_eq!(capabilities.unit(), unit.unit);
        for metric in Metric::ALL {
            match (capabilities.source(*metric), unit.reading.get(*metric)) {
                (Ok(source), Ok(measured)) => {
                    assert_eq!(source, measured.source, "{metric} of {}", unit.unit)
                }
                (Ok(_), Err(absence)) => {
                    assert!(
                        absence.is_transient(),
                        "{metric} of {} is promised and absent: {absence}",
                        unit.unit
                    );
                }
                (Err(absence), Ok(_)) => {
                    assert!(
                        absence.is_transient(),
                        "{metric} of {} is there and denied: {absence}",
                        unit.unit
                    );
                }
                (Err(_), Err(_)) => {}
            }
        }
    }
}

/// Ids of the vendor that do not exist are refused as such, and a refused sample adds nothing.
///
/// # Panics
/// When one is answered.
pub fn unknown_units_are_refused(backend: &dyn Backend) {
    let nowhere = DeviceId::from_pci(backend.vendor(), PciAddress::new(0xfffe, 0xfe, 0x1f, 7));
    let never = PartitionKind::new(Tag::literal("never"));
    let mut strangers: Vec<UnitId> = vec![nowhere.into(), nowhere.partition(never, 0).into()];
    if let Some(device) = inventory(backend).devices.first() {
        strangers.push(device.id.partition(never, 0).into());
        strangers.push(device.id.partition(PartitionKind::GPU_INSTANCE, 4_000_000).into());
    }
    for unit in strangers {
        let refused = backend.capabilities(unit).err().map(|error| error.kind());
        assert_eq!(refused, Some(ErrorKind::UnknownUnit), "capabilities of {unit}, which is not there");
        let mut answer = Sample::new();
        let refused = backend.sample_into(&Query::everything().units(Units::Only(&[unit])), &mut answer);
        let refused = refused.err().map(|error| error.kind());
        assert_eq!(refused, Some(ErrorKind::UnknownUnit), "a sample of {unit}, which is not there");
        assert!(answer.units.is_empty() && answer.processes.is_empty(), "a refused sample added something");
    }
}

/// Ids of other vendors in a query are nobody's fault and nobody's business.
///
/// # Panics
/// When they are refused or answered.
pub fn other_vendors_units_are_passed_over(backend: &dyn Backend) {
    let stranger = DeviceId::from_pci(Vendor::new(Tag::literal("nobody")), PciAddress::new(0, 1, 0, 0));
    let answer = sample(backend, &Query::everything().units(Units::Only(&[stranger.into()])));
    assert!(answer.units.is_empty(), "a unit of another vendor was answered");
}

/// A sample that is used again after `clear` has the same units; without it, both.
///
/// # Panics
/// When what was in the sample is lost or repeated.
pub fn samples_are_added_to(backend: &dyn Backend) {
    let query = Query::everything();
    let mut answer = sample(backend, &query);
    let once = answer.units.len();
    backend.sample_into(&query, &mut answer).expect("sampled a moment ago");
    assert_eq!(answer.units.len(), 2 * once, "a sample replaces what another backend put there");
    answer.clear();
    backend.sample_into(&query, &mut answer).expect("sampled a moment ago");
    assert_eq!(answer.units.len(), once, "a sample that is used again has other units");
}

/// Every process is on a unit of the inventory, and none is listed twice on the same.
///
/// # Panics
/// When one is not, or is.
pub fn processes_run_on_known_units(backend: &dyn Backend) {
    let inventory = inventory(backend);
    let answer = sample(backend, &Query::everything());
    let mut seen = BTreeSet::new();
    for process in &answer.processes {
        assert!(
            inventory.contains(process.unit),
            "pid {} runs on {}, which is not there",
            process.pid,
            process.unit
        );
        assert!(seen.insert((process.unit, process.pid)), "pid {} is on {} twice", process.pid, process.unit);
    }
}

/// Several threads may sample at once and see the same units.
///
/// # Panics
/// When one sees others, or panics.
pub fn concurrent_readers_agree(backend: &dyn Backend) {
    let expected: Vec<UnitId> = inventory(backend).units().collect();
    thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                let mut answer = Sample::new();
                for _ in 0..8 {
                    answer.clear();
                    backend
                        .sample_into(&Query::everything(), &mut answer)
                        .expect("a sample must be possible");
                    let units: Vec<UnitId> = answer.units.iter().map(|u| u.unit).collect();
                    assert_eq!(units, expected, "a reader beside others sees other units");
                }
            });
        }
    });
}

/// A machine without GPUs of the vendor is answered with empty lists, not with errors.
///
/// # Panics
/// When it is not.
pub fn an_empty_machine_is_no_error(backend: &dyn Backend) {
    let inventory = inventory(backend);
    assert!(inventory.devices.is_empty() && inventory.links.is_empty(), "an empty machine has devices");
    let answer = sample(backend, &Query::everything());
    assert!(answer.units.is_empty() && answer.processes.is_empty(), "an empty machine shows readings");
    unknown_units_are_refused(backend);
}

/// To be called after `lost` fell off the bus: the device and its parts read `Lost`, or are gone
/// and named in the problems; the `others` go on.
///
/// # Panics
/// When the sample fails, the lost device still shows values, or another device does not.
pub fn a_lost_device_is_named_and_hides_nobody(backend: &dyn Backend, lost: DeviceId, others: &[Device]) {
    let answer = sample(backend, &Query::everything());
    let mut listed = false;
    for unit in answer.units.iter().filter(|unit| unit.unit.device() == lost) {
        listed = true;
        for (metric, value) in unit.reading.iter() {
            let absence = value.err();
            assert!(
                matches!(absence, Some(Absence::Lost | Absence::NotSupported { .. })),
                "{metric} of {}, which is lost, shows {value:?}",
                unit.unit
            );
        }
    }
    assert!(listed || !answer.problems.is_empty(), "{lost} is gone, and nothing says so");
    for device in others.iter().filter(|device| device.id != lost) {
        let alive = answer.reading(device.id).iter().any(|(_, value)| value.is_ok());
        assert!(alive, "{} shows nothing since {lost} is lost", device.id);
    }
}
