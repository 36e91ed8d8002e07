//! `gpu_metrics` in simulated trees: what it adds, what is truly a partition's, and broken ones.

use std::fs;

use gpu_core::{
    Absence, BackendExt, Count, Hertz, Metric, MetricSet, Microjoules, Permille, Query, Source,
    ThrottleReasons, UnitId, Units,
};
use gpu_sim::{AmdMetricsForm, Machine, Silicon};

#[path = "common/machine.rs"]
mod machine;

use machine::{few, machine, preset};

/// What only `gpu_metrics` has on an accelerator of the MI300's sort.
const ONLY_THERE: [Metric; 5] =
    [Metric::Energy, Metric::VideoBusy, Metric::JpegBusy, Metric::PcieRecoveries, Metric::PcieNaksSent];

#[test]
fn every_form_is_read_from_its_file() {
    use AmdMetricsForm::{V1_3, V1_5, V1_6, V1_6Rocm, V1_7, V1_8};
    for form in [V1_3, V1_5, V1_6, V1_6Rocm, V1_7, V1_8] {
        let mut described = few("mi300x-8-cpx", 1);
        described.workloads.truncate(9);
        for gpu in &mut described.gpus {
            if let Silicon::Amd(amd) = &mut gpu.silicon {
                amd.gpu_metrics = Some(form);
            }
        }
        let (_folder, world, backend) = machine(described);
        let sample = backend.sample().unwrap();
        let device = backend.inventory().unwrap().devices.remove(0);
        let reading = sample.reading(device.id);
        let told = world.gpu(0).energy;
        let energy = reading.energy.unwrap();
        assert!(energy.value.get().abs_diff(told.get()) < 16, "{form:?}: {energy} is not {told:?}");
        assert_eq!(energy.source, Source::Sysfs);
        if form == V1_3 {
            assert_eq!(reading.throttle.unwrap().value, ThrottleReasons::NONE);
        } else {
            assert!(ONLY_THERE.iter().all(|metric| reading.get(*metric).is_ok()), "{form:?}");
            assert!(matches!(reading.throttle, Err(Absence::NotSupported { .. })), "{form:?}");
        }
        for part in &device.partitions {
            let reading = sample.reading(part.id);
            assert_eq!(reading.busy.is_ok(), form.has_partitions(), "{form:?} {}", part.id);
            assert_eq!(reading.clock_graphics.is_ok(), form != V1_3, "{form:?} {}", part.id);
            if let Err(Absence::NotSupported { why }) = reading.busy {
                assert!(why.contains("whole GPU only"), "{why}");
            }
        }
    }
}

/// What throttles is counted in ticks of the firmware's, each counter at its own place; forms that
/// count none say so.
#[test]
fn throttling_is_counted_in_ticks() {
    use AmdMetricsForm::{V1_3, V1_5, V1_6, V1_6Rocm, V1_7, V1_8};
    const COUNTERS: [Metric; 6] = [
        Metric::ThrottleTicks,
        Metric::ThrottledByProchot,
        Metric::ThrottledByPower,
        Metric::ThrottledBySocketHeat,
        Metric::ThrottledByRegulatorHeat,
        Metric::ThrottledByMemoryHeat,
    ];
    // Where the first lies, by a C compiler; the others follow it, four bytes each.
    let places = [
        (V1_3, None),
        (V1_5, None),
        (V1_6, Some(104)),
        (V1_6Rocm, Some(32)),
        (V1_7, Some(40)),
        (V1_8, Some(40)),
    ];
    for (form, place) in places {
        let mut described = few("mi300x-8", 1);
        if let Silicon::Amd(amd) = &mut described.gpus[0].silicon {
            amd.gpu_metrics = Some(form);
        }
        let (folder, world, backend) = machine(described);
        let path = folder.attribute(&world, "gpu_metrics");
        let mut bytes = fs::read(&path).unwrap();
        if let Some(place) = place {
            for n in 0..6 {
                bytes[place + n * 4..][..4].copy_from_slice(&(1000 + n as u32).to_le_bytes());
            }
            fs::write(&path, bytes).unwrap();
        }
        let sample = backend.sample().unwrap();
        let reading = sample.reading(backend.inventory().unwrap().devices[0].id);
        for (n, metric) in COUNTERS.into_iter().enumerate() {
            match reading.get(metric) {
                Ok(told) => {
                    assert!(place.is_some(), "{form:?} counts {metric}");
                    assert_eq!(told.value.to_string(), (1000 + n).to_string(), "{form:?}: {metric}");
                }
                Err(absence) => assert!(place.is_none(), "{form:?}: {metric} is {absence}"),
            }
        }
    }
}

/// The records of 1.9 in the place of a structure: what they have is read, and stands beside the
/// files. What is missing of them says so.
#[test]
fn records_of_1_9_are_read_from_the_file() {
    let (folder, world, backend) = machine(few("mi300x-8-cpx", 1));
    let records: [(u64, u64, u64); 4] = [(7, 0, 7 << 16), (9, 0, 1000), (11, 0, 250), (25, 0, 3)];
    let mut bytes = vec![8 + 4 * 16, 0, 1, 9, 4, 0, 0, 0];
    for (id, unit, value) in records {
        // One unsigned number of 64 bits each.
        bytes.extend((unit << 24 | 6 << 20 | id << 10 | 1_u64).to_le_bytes());
        bytes.extend(value.to_le_bytes());
    }
    fs::write(folder.attribute(&world, "gpu_metrics"), bytes).unwrap();
    let sample = backend.sample().unwrap();
    let device = backend.inventory().unwrap().devices.remove(0);
    let reading = sample.reading(device.id);
    assert_eq!(reading.energy.unwrap().value, Microjoules(7_000_000));
    assert_eq!(reading.throttle_ticks.unwrap().value, Count(1000));
    assert_eq!(reading.throttled_by_power.unwrap().value, Count(250));
    assert_eq!(reading.pcie_replays.unwrap().value, Count(3));
    assert!(matches!(reading.throttled_by_prochot, Err(Absence::NotSupported { .. })));
    assert!(reading.power.is_ok(), "it has a file of its own");
    let busy = sample.reading(device.partitions[0].id).busy;
    assert!(matches!(busy, Err(Absence::NotSupported { why }) if why.contains("whole GPU")), "{busy:?}");
}

/// Work on one partition is seen on that partition and on no other.
#[test]
fn activity_is_truly_the_partitions() {
    let mut described = few("mi300x-8-cpx", 2);
    described.workloads.retain(|workload| {
        workload.uses.iter().any(|of| of.gpu == 0 && of.part == gpu_sim::Part::Xcp { index: 5 })
    });
    assert!(!described.workloads.is_empty());
    let (_folder, _world, backend) = machine(described);
    let sample = backend.sample().unwrap();
    let devices = backend.inventory().unwrap().devices;
    for (gpu, device) in devices.iter().enumerate() {
        for (index, part) in device.partitions.iter().enumerate() {
            let reading = sample.reading(part.id);
            let works = gpu == 0 && index == 5;
            let busy = reading.busy.unwrap().value;
            assert_eq!(busy > Permille(0), works, "{}: {busy}", part.id);
            let clock = if works { Hertz::from_mhz(2100) } else { Hertz::from_mhz(132) };
            assert_eq!(reading.clock_graphics.unwrap().value, clock, "{}", part.id);
            let used = reading.memory_used.unwrap().value;
            assert_eq!(used.get() > 0, works, "{}: {used}", part.id);
            // What is the whole GPU's stays with it.
            for metric in [Metric::Power, Metric::Energy, Metric::MemoryBusy, Metric::Temperature] {
                assert!(matches!(reading.get(metric), Err(Absence::NotSupported { .. })), "{metric}");
            }
        }
    }
}

/// One broken file at a time: what is in it is absent with the reason, everything else is there,
/// and the other GPUs too.
#[test]
fn a_broken_gpu_metrics_spoils_only_itself() {
    let (folder, world, backend) = machine(few("mi300x-8-cpx", 2));
    let path = folder.attribute(&world, "gpu_metrics");
    let good = fs::read(&path).unwrap();
    let devices = backend.inventory().unwrap().devices;
    let with = |change: &dyn Fn(&mut Vec<u8>)| {
        let mut bytes = good.clone();
        change(&mut bytes);
        bytes
    };
    let cases: [(&str, Vec<u8>); 8] = [
        ("empty", Vec::new()),
        ("header cut off", good[..3].to_vec()),
        ("truncated", good[..good.len() - 1].to_vec()),
        ("oversized", with(&|bytes| bytes.push(7))),
        ("a size that lies", with(&|bytes| bytes[0] ^= 1)),
        ("a future version", with(&|bytes| bytes[3] = 10)),
        ("text", b"garbage\n".to_vec()),
        ("a page of ones", vec![0xff; 4096]),
    ];
    for (what, bytes) in cases {
        fs::write(&path, bytes).unwrap();
        let sample = backend.sample().unwrap();
        let (broken, whole) = (sample.reading(devices[0].id), sample.reading(devices[1].id));
        for metric in ONLY_THERE {
            let absence = broken.get(metric).unwrap_err();
            let expected = matches!(absence, Absence::Failed { .. } | Absence::UnknownVersion { .. });
            assert!(expected, "{what}: {metric} is {absence:?}");
            assert!(whole.get(metric).is_ok(), "{what}: {metric} of another GPU");
        }
        let part = sample.reading(devices[0].partitions[0].id);
        assert!(part.busy.is_err() && part.memory_used.is_ok() && part.memory_total.is_ok(), "{what}");
        for metric in [Metric::Power, Metric::Busy, Metric::MemoryUsed, Metric::ClockGraphics] {
            assert!(broken.get(metric).is_ok(), "{what}: {metric} has a file of its own");
        }
    }
    fs::write(&path, with(&|bytes| bytes[3] = 10)).unwrap();
    let sample = backend.sample().unwrap();
    let absence = sample.reading(devices[0].id).energy.unwrap_err();
    assert_eq!(absence, Absence::UnknownVersion { of: "gpu_metrics", version: (1, 10) });
    // Copies of files are padded with NULs to a page.
    fs::write(&path, with(&|bytes| bytes.resize(4096, 0))).unwrap();
    assert!(backend.sample().unwrap().reading(devices[0].id).energy.is_ok());
}

/// On an MI250X one die measures the power of both and the other shows 0: that is no measurement.
#[test]
fn a_die_that_measures_no_power_says_so() {
    let (_folder, world, backend) = preset("mi250x-4");
    let sample = backend.sample().unwrap();
    for (n, device) in backend.inventory().unwrap().devices.iter().enumerate() {
        let reading = sample.reading(device.id);
        if n % 2 == 0 {
            assert_eq!(reading.power.unwrap().value, world.gpu(n).power);
            assert!(reading.energy.unwrap().value > Microjoules(0));
        } else {
            for absence in [reading.power.unwrap_err(), reading.energy.unwrap_err()] {
                assert!(absence.to_string().contains("other die"), "{absence}");
            }
        }
        assert!(reading.temperature.is_ok() && reading.busy.is_ok());
    }
}

/// Where the driver has no file of its own, `gpu_metrics` stands in.
#[test]
fn what_has_no_file_of_its_own_comes_from_gpu_metrics() {
    let folder = machine::Folder::new("fallback");
    let world = gpu_sim::World::new(Machine::preset("mi210-8").unwrap());
    let tree = world.write_tree(&folder.0).unwrap();
    let gone = ["gpu_busy_percent", "current_link_speed", "current_link_width", "hwmon"];
    for name in gone {
        let path = folder.attribute(&world, name);
        let _ = fs::remove_file(&path);
        let _ = fs::remove_dir_all(&path);
    }
    let backend = machine::backend(&world, &tree);
    let device = backend.inventory().unwrap().devices.remove(0).id;
    let sample = backend.sample().unwrap();
    let (reading, state) = (sample.reading(device), world.gpu(0));
    assert_eq!(reading.power.unwrap().value.get(), state.power.get() / 1_000_000 * 1_000_000);
    assert_eq!(reading.temperature.unwrap().value, state.temperature);
    assert_eq!(reading.clock_graphics.unwrap().value, state.clock_graphics);
    assert_eq!(reading.pcie_generation.unwrap().value, Count(5));
    assert_eq!(reading.pcie_width.unwrap().value, Count(16));
    assert!(reading.busy.is_ok() && reading.temperature_hotspot.is_ok());
    assert!(reading.power_limit.is_err(), "that is in no gpu_metrics");
}

/// A sample that wants nothing of it does not read the file; one of a single partition does.
#[test]
fn the_file_is_read_when_something_in_it_is_wanted() {
    let (folder, world, backend) = machine(few("mi300x-8-cpx", 2));
    let device = backend.inventory().unwrap().devices.remove(0);
    let part: UnitId = device.partitions[2].id.into();
    let units = [part];
    let wanted = MetricSet::NONE.with(Metric::Busy);
    let query = Query::everything().units(Units::Only(&units)).metrics(wanted);
    assert!(backend.sample_of(&query).unwrap().reading(part).busy.is_ok());
    // A folder in its place cannot be read: the sample that does not look sees nothing of that.
    let path = folder.attribute(&world, "gpu_metrics");
    fs::remove_file(&path).unwrap();
    fs::create_dir(&path).unwrap();
    let memory = query.metrics(MetricSet::NONE.with(Metric::MemoryUsed));
    assert!(backend.sample_of(&memory).unwrap().reading(part).memory_used.is_ok());
    let busy = backend.sample_of(&query).unwrap().reading(part).busy;
    assert!(matches!(busy, Err(Absence::Failed { at: "gpu_metrics", .. })), "{busy:?}");
}
