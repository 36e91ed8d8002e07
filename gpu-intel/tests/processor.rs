//! The graphics of processors: no memory, sensors or slot of its own. What is read of its files, against
//! what the simulated machine says, in process and by the numbers of its description.

#![cfg(unix)]

use std::fs;

use gpu_core::{
    Absence, BackendExt, Bytes, EngineCycles, Hertz, MemoryKind, Metric, Nanoseconds, ProcessKinds,
    ThrottleReasons, Vendor, conformance,
};
use gpu_sim::{Machine, Silicon, SimBackend};

#[path = "common/machine.rs"]
mod machine;

use machine::{Written, of, written};

const PRESETS: [&str; 2] = ["iris-xe-1", "arc-140v-1"];

fn preset(name: &str) -> Written {
    written(Machine::preset(name).unwrap())
}

/// A path below the GPU's PCI function.
fn attribute(written: &Written, name: &str) -> std::path::PathBuf {
    written.tree.sysfs().join("bus/pci/devices/0000:00:02.0").join(name)
}

#[test]
fn it_is_one_device_in_the_machines_memory() {
    for name in PRESETS {
        let written = preset(name);
        conformance::run(&*written.backend);
        let inventory = written.backend.inventory().unwrap();
        assert!(inventory.problems.is_empty(), "{name}: {:?}", inventory.problems);
        let [device] = &inventory.devices[..] else { panic!("{name}: {:?}", inventory.devices) };
        assert_eq!(device.id.to_string(), "intel:pci:0000:00:02.0");
        assert_eq!(device.memory_kind.value(), Some(&MemoryKind::System), "{name}");
        assert!(matches!(device.memory_total.absence(), Some(Absence::NotSupported { .. })), "{name}");
        assert!(device.partitions.is_empty() && device.modes.is_empty(), "{name}: nothing to cut or set");
        assert!(device.name.starts_with("Intel ") && !device.name.contains("8086"), "{name}");
        assert!(gpu_intel::names::dra_devices(&inventory).iter().all(|one| one.memory.is_none()), "{name}");
    }
}

/// What the drivers do not have there is absent for that reason, and not 0; clocks are the GT's.
#[test]
fn it_has_clocks_and_no_sensors() {
    for (name, most) in [("iris-xe-1", 1350), ("arc-140v-1", 2050)] {
        let written = preset(name);
        assert!(!attribute(&written, "hwmon").exists(), "{name}: neither driver makes one");
        assert!(!attribute(&written, "tile0/physical_vram_size_bytes").exists(), "{name}");
        let id = written.backend.inventory().unwrap().devices[0].id;
        let simulated = SimBackend::new(written.world.clone(), Vendor::INTEL);
        for sample in [written.sample(), simulated.sample().unwrap()] {
            let reading = sample.reading(id);
            for metric in [
                Metric::MemoryTotal,
                Metric::MemoryUsed,
                Metric::Power,
                Metric::PowerLimit,
                Metric::Energy,
                Metric::Temperature,
                Metric::TemperatureMemory,
                Metric::ClockMemory,
                Metric::PcieGeneration,
                Metric::PcieWidth,
            ] {
                let told = reading.get(metric);
                assert!(matches!(told, Err(Absence::NotSupported { .. })), "{name} {metric}: {told:?}");
            }
            assert_eq!(reading.clock_graphics.unwrap().value, Hertz::from_mhz(most), "{name}: it works");
            assert_eq!(reading.clock_graphics_max.unwrap().value, Hertz::from_mhz(most), "{name}");
            assert_eq!(reading.throttle.unwrap().value, ThrottleReasons::NONE, "{name}");
        }
    }
}

/// Its clients hold the machine's memory: none of their own GPU's, which is not 0 bytes of it.
#[test]
fn its_clients_hold_the_machines_memory() {
    for (name, pid, memory) in [
        ("iris-xe-1", 2001, Bytes::mib(384)),
        ("iris-xe-1", 2002, Bytes::gib(2)),
        ("arc-140v-1", 2001, Bytes::gib(5)),
    ] {
        let written = preset(name);
        let text = fs::read_to_string(written.folder.process(&format!("{pid}/fdinfo/3"))).unwrap();
        assert!(!text.contains("vram") && !text.contains("-local"), "{name}: {text}");
        let simulated = SimBackend::new(written.world.clone(), Vendor::INTEL);
        for sample in [written.sample(), simulated.sample().unwrap()] {
            let [process] = of(&sample, pid)[..] else { panic!("{name}: {:?}", sample.processes) };
            for absent in [process.memory, process.client_memory] {
                assert!(
                    absent.unwrap_err().to_string().contains("no memory of its own"),
                    "{name}: {absent:?}"
                );
            }
            // And the two MiB that every client has.
            let held = process.system_memory.unwrap().value;
            assert_eq!(held.get(), memory.get() + Bytes::mib(2).get(), "{name} {pid}");
        }
    }
}

/// Before Xe HPG nothing computes alone: what a program computes is the work of what draws. Both counted
/// from the description: 3000 s since the processes started.
#[test]
fn work_is_of_the_engines_that_there_are() {
    let written = preset("iris-xe-1");
    let sample = written.sample();
    let [desktop] = of(&sample, 2001)[..] else { panic!() };
    let [infer] = of(&sample, 2002)[..] else { panic!() };
    assert_eq!(infer.graphics_time.unwrap().value, Nanoseconds::from_secs(900));
    assert!(infer.compute_time.is_err(), "{:?}", infer.compute_time);
    assert_eq!(infer.kinds, ProcessKinds::GRAPHICS);
    assert_eq!(desktop.graphics_time.unwrap().value, Nanoseconds::from_secs(240));
    assert_eq!(desktop.video_time.unwrap().value, Nanoseconds::from_secs(150));

    let written = preset("arc-140v-1");
    let [infer] = of(&written.sample(), 2001)[..] else { panic!() };
    let expected = EngineCycles { worked: 1200 * 19_200_000, elapsed: 3600 * 19_200_000, engines: 1 };
    assert_eq!(infer.compute_cycles.unwrap().value, expected);
    assert_eq!(infer.video_cycles.unwrap().value.engines, 2, "one that decodes and one that enhances");
    assert_eq!(infer.kinds, ProcessKinds::COMPUTE);
}

/// The second GT is the media engines' in both drivers' trees: it is no tile, and its clock is nobody's.
#[test]
fn a_media_gt_of_a_processor_is_no_tile() {
    let mut meteor_lake = Machine::preset("iris-xe-1").unwrap();
    meteor_lake.gpus[0].pci_id.device = 0x7d55;
    let Silicon::Intel(intel) = &mut meteor_lake.gpus[0].silicon else { panic!() };
    (intel.media_gt, intel.ccs_slices) = (true, 1);
    let lunar_lake = Machine::preset("arc-140v-1").unwrap();
    for (machine, second) in
        [(meteor_lake, "drm/card1/gt/gt1/rps_act_freq_mhz"), (lunar_lake, "tile0/gt1/freq0/act_freq")]
    {
        let name = machine.name.clone();
        let written = written(machine);
        let file = attribute(&written, second);
        assert!(file.exists(), "{name}: the tree has one");
        let of_graphics = written.world.gpu(0).clock_graphics;
        fs::write(&file, "7\n").unwrap();
        let device = written.backend.inventory().unwrap().devices.remove(0);
        assert!(device.partitions.is_empty(), "{name}: {:?}", device.partitions);
        let sample = written.sample();
        assert_eq!(sample.units.len(), 1, "{name}");
        assert_eq!(sample.reading(device.id).clock_graphics.unwrap().value, of_graphics, "{name}");
    }
}

/// How long the GTs have slept is what is left of the time beside the work: 62 % of a minute on Iris Xe,
/// whose processes work 8 % and 30 % of it.
#[test]
fn what_does_not_work_sleeps() {
    for (name, file, expected) in [
        ("iris-xe-1", "drm/card1/gt/gt0/rc6_residency_ms", 37_200),
        ("arc-140v-1", "tile0/gt0/gtidle/idle_residency_ms", 36_000),
    ] {
        let mut written = preset(name);
        written.world.clock().advance(Nanoseconds::from_secs(60));
        written.tree.refresh().unwrap();
        let text = fs::read_to_string(attribute(&written, file)).unwrap();
        assert_eq!(text.trim().parse(), Ok(expected), "{name}");
    }
}
