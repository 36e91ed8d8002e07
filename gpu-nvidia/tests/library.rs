//! The simulated `libnvidia-ml.so.1`, loaded as the real one is: what this crate reads through
//! the bindings, against what the simulated machine says of itself in process.

use gpu_core::{Backend, BackendExt, Metric, Outcome, Reading, Sample, conformance};
use gpu_sim::{Fault, Machine, SimBackend, World};

#[path = "common/installed.rs"]
mod installed;
use installed::Installed;

const PRESETS: [&str; 8] =
    ["hgx-h100-8", "dgx-a100-8", "b200-8", "l40s-4", "rtx-pro-6000-2", "gh200-1", "gb10-1", "mixed"];

#[test]
fn every_preset_conforms() {
    for name in PRESETS {
        let installed = Installed::new(&Machine::preset(name).unwrap());
        conformance::run(&*installed.backend());
    }
}

#[test]
fn library_and_process_show_the_same_machine() {
    for name in PRESETS {
        let machine = Machine::preset(name).unwrap();
        let installed = Installed::new(&machine);
        let backend = installed.backend();
        let simulated = SimBackend::new(World::new(machine), backend.vendor());
        let (read, told) = (backend.inventory().unwrap(), simulated.inventory().unwrap());
        assert_eq!(read.units().collect::<Vec<_>>(), told.units().collect::<Vec<_>>(), "{name}");
        for (one, other) in read.devices.iter().zip(&told.devices) {
            assert_eq!((&one.name, one.pci, one.pci_id), (&other.name, other.pci, other.pci_id), "{name}");
            assert_eq!(one.memory_total.value(), other.memory_total.value(), "{name}");
            assert_eq!(one.vendor_name, other.vendor_name);
            for (a, b) in one.all_partitions().zip(other.all_partitions()) {
                assert_eq!(
                    (&a.profile, a.memory_total.value()),
                    (&b.profile, b.memory_total.value()),
                    "{}",
                    a.id
                );
                assert_eq!(a.vendor_name, b.vendor_name, "{}", a.id);
            }
        }
        let (sampled, expected) = (backend.sample().unwrap(), simulated.sample().unwrap());
        for unit in sampled.units.iter().filter(|unit| matches!(unit.unit, gpu_core::UnitId::Device(_))) {
            same(&format!("{name}: {}", unit.unit), &unit.reading, expected.reading(unit.unit));
        }
        assert_eq!(processes(&sampled), processes(&expected), "{name}");
        assert_eq!(read.links, told.links, "{name}");
    }
}

/// Values that both have are equal; these are there when the machine has them.
fn same(at: &str, read: &Reading, told: &Reading) {
    let metrics = [
        Metric::MemoryTotal,
        Metric::MemoryUsed,
        Metric::MemoryReserved,
        Metric::Power,
        Metric::PowerLimit,
        Metric::ClockGraphics,
        Metric::EccUncorrected,
    ];
    for metric in metrics {
        let value = |reading: &Reading| reading.get(metric).map(|m| m.value).ok();
        // NVML has milliwatts.
        let value = |reading: &Reading| match value(reading) {
            Some(gpu_core::Value::Microwatts(power)) => Some(u128::from(power.get() / 1000)),
            Some(gpu_core::Value::Bytes(bytes)) => Some(u128::from(bytes.get())),
            Some(gpu_core::Value::Hertz(clock)) => Some(u128::from(clock.get())),
            Some(gpu_core::Value::Count(count)) => Some(u128::from(count.get())),
            _ => None,
        };
        assert_eq!(value(read), value(told), "{at}: {metric} is {:?}", read.get(metric));
    }
}

fn processes(sample: &Sample) -> Vec<(u32, String, Option<u64>)> {
    let row =
        |p: &gpu_core::ProcessReading| (p.pid.0, p.unit.to_string(), p.memory.ok().map(|m| m.value.get()));
    let mut rows: Vec<_> = sample.processes.iter().map(row).collect();
    rows.sort();
    rows
}

/// Every code that NVML has, and one that it does not, from each call that this crate makes:
/// nothing panics, and the machine is still listed unless that very call is needed for it.
#[test]
fn every_code_from_every_call_is_survived() {
    let functions = [
        "nvmlDeviceGetHandleByIndex_v2",
        "nvmlDeviceGetUUID",
        "nvmlDeviceGetPciInfo_v3",
        "nvmlDeviceGetName",
        "nvmlDeviceGetMinorNumber",
        "nvmlDeviceGetArchitecture",
        "nvmlDeviceGetMemoryInfo_v2",
        "nvmlDeviceGetUtilizationRates",
        "nvmlDeviceGetEncoderUtilization",
        "nvmlDeviceGetDecoderUtilization",
        "nvmlDeviceGetPowerUsage",
        "nvmlDeviceGetTotalEnergyConsumption",
        "nvmlDeviceGetTemperature",
        "nvmlDeviceGetClockInfo",
        "nvmlDeviceGetTotalEccErrors",
        "nvmlDeviceGetRemappedRows",
        "nvmlDeviceGetFieldValues",
        "nvmlDeviceGetMigMode",
        "nvmlDeviceGetMaxMigDeviceCount",
        "nvmlDeviceGetMigDeviceHandleByIndex",
        "nvmlDeviceGetGpuInstanceId",
        "nvmlDeviceGetComputeInstanceId",
        "nvmlDeviceGetAttributes_v2",
        "nvmlDeviceGetGpuInstanceById",
        "nvmlDeviceGetGpuInstanceProfileInfoV",
        "nvmlDeviceGetGpuInstances",
        "nvmlGpuInstanceGetInfo",
        "nvmlDeviceGetNvLinkState",
        "nvmlGpmQueryDeviceSupport",
        "nvmlGpmSampleAlloc",
        "nvmlGpmMigSampleGet",
        "nvmlGpmMetricsGet",
        "nvmlDeviceGetNvLinkRemoteDeviceType",
        "nvmlDeviceGetNvLinkRemotePciInfo_v2",
        "nvmlDeviceGetTopologyCommonAncestor",
        "nvmlDeviceGetHandleByPciBusId_v2",
        "nvmlDeviceGetComputeRunningProcesses_v3",
        "nvmlDeviceGetProcessUtilization",
        "*",
    ];
    let codes: Vec<u32> = (1..=30).chain([777, 999]).collect();
    let installed = Installed::new(&Machine::preset("mixed").unwrap());
    let mut faulty = 0;
    for function in functions {
        for code in &codes {
            // Read whenever NVML is initialised from nothing.
            let fault = format!(r#"{{"return_code": {{"function": "{function}", "code": {code}}}}}"#);
            let control = installed.folder().join("control.json");
            std::fs::write(control, format!(r#"{{"faults": [{fault}]}}"#)).unwrap();
            faulty += usize::from(!matches!(installed.discover().outcome, Outcome::Available));
            let found = installed.discover();
            let Some(backend) = found.backend else { continue };
            let inventory = backend.inventory();
            let sample = backend.sample();
            if let Ok(inventory) = inventory {
                let told = !inventory.problems.is_empty();
                assert!(
                    inventory.devices.len() == 2 || told,
                    "{function} = {code}: GPUs vanish and nothing says so"
                );
            }
            if let Ok(sample) = sample {
                for unit in &sample.units {
                    assert_eq!(unit.reading.iter().count(), Metric::ALL.len());
                }
            }
        }
    }
    // Where every call fails, there is nothing to read through: the faults are in force.
    assert_eq!(faulty, codes.len());
}

#[test]
fn a_lost_gpu_is_named_and_hides_nobody() {
    let mut machine = Machine::preset("hgx-h100-8").unwrap();
    let installed = Installed::new(&machine);
    let devices = installed.backend().inventory().unwrap().devices;
    machine.faults = vec![Fault::DeviceLost { gpu: 3, at: gpu_core::BootTime(0) }];
    let broken = Installed::new(&machine);
    conformance::a_lost_device_is_named_and_hides_nobody(&*broken.backend(), devices[3].id, &devices);
}

#[test]
fn driver_and_library_that_do_not_fit_are_named() {
    let mut machine = Machine::preset("l40s-4").unwrap();
    machine.nvidia_driver.as_mut().unwrap().library_version = Some("575.57.08".to_owned());
    let outcome = Installed::new(&machine).discover().outcome;
    assert!(matches!(outcome, Outcome::Mismatch { .. }), "{outcome}");
}

/// Strings that run to the end of their buffer have no end: what they would have told is absent,
/// and the GPUs are listed by their slots.
#[test]
fn strings_without_end_are_noticed() {
    let mut machine = Machine::preset("mixed").unwrap();
    machine.faults.push(Fault::UnterminatedStrings);
    let installed = Installed::new(&machine);
    let inventory = installed.backend().inventory().unwrap();
    assert_eq!(inventory.devices.len(), 2);
    for device in &inventory.devices {
        assert!(device.id.to_string().starts_with("nvidia:pci:"), "{}", device.id);
        assert!(device.vendor_name.value().is_none() && device.serial.value().is_none());
        assert!(device.memory_total.value().is_some());
    }
}

/// A library of before 510 has the second version of the process lists only.
#[test]
fn older_process_lists_are_read() {
    let mut machine = Machine::preset("hgx-h100-8").unwrap();
    let told = processes(&Installed::new(&machine).backend().sample().unwrap());
    assert_eq!(told.len(), 32);
    for list in ["Compute", "Graphics", "MPSCompute"] {
        let function = format!("nvmlDeviceGet{list}RunningProcesses_v3");
        machine.faults.push(Fault::ReturnCode { function, code: 13, gpu: None });
    }
    assert_eq!(processes(&Installed::new(&machine).backend().sample().unwrap()), told);
}

/// Lists that are longer when they are filled than when they were counted.
#[test]
fn lists_that_grow_are_read_whole() {
    let mut machine = Machine::preset("hgx-h100-8").unwrap();
    machine.faults.push(Fault::GrowingLists);
    let sample = Installed::new(&machine).backend().sample().unwrap();
    assert!(sample.problems.is_empty(), "{:?}", sample.problems);
    assert_eq!(processes(&sample).len(), 32);
}
