//! NVIDIA's own Python bindings, nvitop and gpustat over the simulated library, held field by
//! field against what gpu-sim's in-process backend shows of the same machine.
//!
//! `GPU_ACCOUNTING_PYTHON` names an interpreter that has `nvidia-ml-py`, `nvitop` and `gpustat`.
#![allow(clippy::undocumented_unsafe_blocks)] // the shared loader's

use std::path::Path;
use std::process::Command;

use gpu_core::{Backend, BackendExt, Device, UnitId, Vendor};
use gpu_sim::{Machine, Part, SimBackend, World};
use serde_json::{Value, json};

#[allow(dead_code)] // only the installing part
#[path = "common/instance.rs"]
mod instance;

const PRESETS: [&str; 8] =
    ["hgx-h100-8", "dgx-a100-8", "b200-8", "l40s-4", "rtx-pro-6000-2", "gh200-1", "gb10-1", "mixed"];

fn witness(machine: &Machine) -> Value {
    let python = std::env::var("GPU_ACCOUNTING_PYTHON");
    let python =
        python.expect("GPU_ACCOUNTING_PYTHON names an interpreter with nvidia-ml-py, nvitop, gpustat");
    let installed = instance::install(machine);
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/witness.py");
    let answer = Command::new(python).arg(script).env("LD_LIBRARY_PATH", installed.folder()).output();
    let answer = answer.expect("the interpreter starts");
    let complaint = String::from_utf8_lossy(&answer.stderr);
    assert!(answer.status.success(), "{}: {complaint}", machine.name);
    serde_json::from_slice(&answer.stdout).expect("the script prints JSON")
}

/// What processes hold on one part, or on all of a GPU, by the world.
fn processes(world: &World, gpu: usize, part: Option<Part>) -> Value {
    let uses = world.uses(gpu).into_iter().filter(|of| part.is_none_or(|part| part == of.part));
    let mut rows: Vec<(u32, u64)> = uses.map(|of| (of.pid.0, of.memory.0)).collect();
    rows.sort_unstable();
    json!(rows)
}

fn check_device(world: &World, position: usize, device: &Device, backend: &SimBackend, seen: &Value) {
    let at = format!("{} {position}", world.machine().name);
    let sample = backend.sample().expect("a sample");
    let reading = sample.reading(device.id);
    assert_eq!(seen["name"], json!(device.name), "{at}");
    assert_eq!(seen["uuid"], json!(device.vendor_name.value().expect("a UUID")), "{at}");
    let pci = device.pci.value().expect("an address").to_string();
    assert_eq!(seen["pci"], json!(format!("0000{pci}")), "{at}");
    match &reading.memory_total {
        Ok(total) => {
            assert_eq!(seen["memory"]["total"], json!(total.value.0), "{at}");
            let used = reading.memory_used.as_ref().expect("used").value.0;
            assert_eq!(seen["memory"]["used"], json!(used), "{at}");
            let free = reading.memory_free.as_ref().expect("free").value.0;
            assert_eq!(seen["memory"]["free"], json!(free), "{at}");
        }
        Err(_) => assert_eq!(seen["memory"], json!({"code": 3}), "{at}"),
    }
    match &reading.busy {
        Ok(busy) => assert_eq!(seen["busy_percent"], json!(busy.value.get() / 10), "{at}"),
        Err(_) => assert_eq!(seen["busy_percent"], json!({"code": 3}), "{at}"),
    }
    let power = reading.power.as_ref().expect("power").value.get() / 1000;
    assert_eq!(seen["power_mw"], json!(power), "{at}");
    let limit = reading.power_limit.as_ref().expect("a limit").value.get() / 1000;
    assert_eq!(seen["power_limit_mw"], json!(limit), "{at}");
    let energy = reading.energy.as_ref().expect("energy").value.get() / 1000;
    assert_eq!(seen["energy_mj"], json!(energy), "{at}");
    let heat = reading.temperature.as_ref().expect("heat").value.get() / 1000;
    assert_eq!(seen["temperature"], json!(heat), "{at}");
    assert_eq!(seen["processes"], processes(world, position, None), "{at}");
    check_mig(world, position, device, backend, seen);
}

fn check_mig(world: &World, position: usize, device: &Device, backend: &SimBackend, seen: &Value) {
    let at = format!("{} {position}", world.machine().name);
    let sample = backend.sample().expect("a sample");
    let mut expected = Vec::new();
    for gi in &device.partitions {
        let total = gi.memory_total.value().expect("memory").0;
        let reading = sample.reading(UnitId::from(gi.id));
        let used = reading.memory_used.as_ref().expect("used").value.0;
        for ci in &gi.partitions {
            let part = Part::Mig { gi: gi.id.index(), ci: ci.id.index() };
            let profile = ci.profile.value().expect("a profile");
            expected.push(json!({
                "uuid": ci.vendor_name.value().expect("a UUID"),
                "name": format!("{} MIG {profile}", device.name),
                "gi": gi.id.index(),
                "ci": ci.id.index(),
                "multiprocessors": ci.compute_units.value().expect("units").0,
                "memory": {"total": total, "used": used, "free": total - used, "reserved": 0},
                "processes": processes(world, position, Some(part)),
            }));
        }
    }
    assert_eq!(seen["mig"], json!(expected), "{at}");
}

/// nvitop and gpustat show the same as NVIDIA's bindings.
fn check_monitors(name: &str, seen: &Value) {
    let devices = seen["devices"].as_array().expect("devices");
    let (nvitop, gpustat) = (&seen["nvitop"], &seen["gpustat"]);
    assert_eq!(nvitop.as_array().map(Vec::len), Some(devices.len()), "{name}");
    assert_eq!(gpustat.as_array().map(Vec::len), Some(devices.len()), "{name}");
    for (index, device) in devices.iter().enumerate() {
        let (one, other) = (&nvitop[index], &gpustat[index]);
        for key in ["name", "uuid"] {
            assert_eq!(one[key], device[key], "{name} {index}");
            assert_eq!(other[key], device[key], "{name} {index}");
        }
        assert_eq!(one["power_mw"], device["power_mw"], "{name} {index}");
        let watts = device["power_mw"].as_u64().expect("power") / 1000;
        assert_eq!(other["power.draw"], json!(watts), "{name} {index}");
        if let Some(total) = device["memory"]["total"].as_u64() {
            assert_eq!(one["memory_total"], json!(total), "{name} {index}");
            assert_eq!(one["memory_used"], device["memory"]["used"], "{name} {index}");
            assert_eq!(other["memory.total"], json!(total >> 20), "{name} {index}");
        }
        let migs = device["mig"].as_array().expect("MIG devices").iter();
        let mig = |mig: &Value| {
            let memory = &mig["memory"];
            json!([mig["uuid"], memory["total"], memory["used"], mig["processes"]])
        };
        assert_eq!(one["mig"], migs.map(mig).collect::<Value>(), "{name} {index}");
        assert_eq!(one["processes"], device["processes"], "{name} {index}");
    }
}

#[test]
#[ignore = "needs Python with nvidia-ml-py, nvitop and gpustat, named by GPU_ACCOUNTING_PYTHON"]
fn they_show_the_same_machine() {
    for name in PRESETS {
        let machine = Machine::preset(name).expect("a preset");
        let seen = witness(&machine);
        let world = World::new(machine);
        let backend = SimBackend::new(world.clone(), Vendor::NVIDIA);
        let inventory = backend.inventory().expect("an inventory");
        let driver = world.machine().nvidia_driver.clone().expect("a driver");
        assert_eq!(seen["driver"], json!(driver.version), "{name}");
        assert_eq!(seen["devices"].as_array().map(Vec::len), Some(inventory.devices.len()), "{name}");
        let positions: Vec<usize> =
            world.scene().gpus_of(Vendor::NVIDIA).map(|(position, _)| position).collect();
        for (device, seen) in inventory.devices.iter().zip(seen["devices"].as_array().expect("devices")) {
            let position = positions[device.index as usize];
            check_device(&world, position, device, &backend, seen);
        }
        check_monitors(name, &seen);
    }
}

/// What the driver remembers of processes that have ended, by NVIDIA's own bindings.
#[test]
#[ignore = "needs Python with nvidia-ml-py, nvitop and gpustat, named by GPU_ACCOUNTING_PYTHON"]
fn accounts_of_processes_by_nvidias_bindings() {
    const SCRIPT: &str = "\
import json, pynvml as n
n.nvmlInit()
h = n.nvmlDeviceGetHandleByIndex(0)
stats = {p: n.nvmlDeviceGetAccountingStats(h, p) for p in n.nvmlDeviceGetAccountingPids(h)}
print(json.dumps([n.nvmlDeviceGetAccountingMode(h), n.nvmlDeviceGetAccountingBufferSize(h),
  [[p, s.gpuUtilization, s.maxMemoryUsage, s.time, s.startTime, s.isRunning] for p, s in sorted(stats.items())]]))";
    let mut machine = Machine::preset("l40s-4").unwrap();
    machine.workloads.truncate(2);
    machine.workloads[0].ends = Some(gpu_core::BootTime(660_000_000_000));
    if let gpu_sim::Silicon::Nvidia(nvidia) = &mut machine.gpus[0].silicon {
        nvidia.accounting = true;
    }
    let installed = instance::install(&machine);
    let python = std::env::var("GPU_ACCOUNTING_PYTHON").expect("GPU_ACCOUNTING_PYTHON names an interpreter");
    let answer =
        Command::new(python).args(["-c", SCRIPT]).env("LD_LIBRARY_PATH", installed.folder()).output();
    let answer = answer.expect("the interpreter starts");
    assert!(answer.status.success(), "{}", String::from_utf8_lossy(&answer.stderr));
    let seen: Value = serde_json::from_slice(&answer.stdout).expect("JSON");
    let [past, running] = &machine.workloads[..] else { panic!("two") };
    let began = (machine.booted_at.0 + past.starts.0) / 1000;
    let row = |of: &gpu_sim::Workload, time: u64, runs: u32| {
        let (memory, busy) = (of.uses[0].memory.steps[0].1, of.uses[0].busy.steps[0].1 / 10);
        json!([of.pid.0, busy, memory, time, began, runs])
    };
    assert_eq!(seen, json!([1, 4000, [row(past, 60_000, 0), row(running, 0, 1)]]));
}

/// Remapped rows, retired pages, memory errors, recovery actions, the fabric and links by NVIDIA's own
/// bindings, on machines with each sort of fault; and an event by an event set, with its instance.
#[test]
#[ignore = "needs Python with nvidia-ml-py, nvitop and gpustat, named by GPU_ACCOUNTING_PYTHON"]
fn health_and_events_by_nvidias_bindings() {
    const SCRIPT: &str = "\
import json, os, pynvml as n
def ask(f, *a):
    try: return f(*a)
    except n.NVMLError as e: return {'code': e.value}
n.nvmlInit()
h = n.nvmlDeviceGetHandleByIndex(0)
field = lambda f: (lambda v: v.value.uiVal if v.nvmlReturn == 0 else {'code': v.nvmlReturn})(n.nvmlDeviceGetFieldValues(h, [f])[0])
def fabric():
    info = n.c_nvmlGpuFabricInfo_v2_t()
    n.nvmlDeviceGetGpuFabricInfoV(h, n.byref(info))
    return [info.state, info.status, info.healthMask]
links = n.nvmlDeviceGetFieldValues(h, [(n.NVML_FI_DEV_NVLINK_GET_STATE, i) for i in range(18)])
out = {
  'ecc': [ask(n.nvmlDeviceGetTotalEccErrors, h, k, c) for c in (0, 1) for k in (0, 1)],
  'rows': ask(lambda: list(n.nvmlDeviceGetRemappedRows(h))),
  'pages': ask(lambda: len(n.nvmlDeviceGetRetiredPages(h, 0)) + len(n.nvmlDeviceGetRetiredPages(h, 1))),
  'pending': ask(n.nvmlDeviceGetRetiredPagesPendingStatus, h),
  'pending_field': field(n.NVML_FI_DEV_RETIRED_PENDING),
  'recovery': field(n.NVML_FI_DEV_GET_GPU_RECOVERY_ACTION),
  'fabric': ask(fabric),
  'links_up': sum(1 for v in links if v.nvmlReturn == 0 and v.value.uiVal == 1),
  'links_down': sum(1 for v in links if v.nvmlReturn == 0 and v.value.uiVal == 0),
  'throttle': n.nvmlDeviceGetCurrentClocksThrottleReasons(h),
  'width': [n.nvmlDeviceGetCurrPcieLinkWidth(h), n.nvmlDeviceGetMaxPcieLinkWidth(h)],
}
events = n.nvmlEventSetCreate()
kinds = n.nvmlEventTypeXidCriticalError | n.nvmlEventTypeDoubleBitEccError
n.nvmlDeviceRegisterEvents(h, kinds & n.nvmlDeviceGetSupportedEventTypes(h), events)
out['before'] = ask(n.nvmlEventSetWait_v2, events, 0)
control = os.environ['CONTROL']
open(control + '.next', 'w').write(os.environ['HAPPENS'])
os.rename(control + '.next', control)
told = []
for _ in range(2):
    e = n.nvmlEventSetWait_v2(events, 60000)
    told.append([n.nvmlDeviceGetUUID(e.device) == n.nvmlDeviceGetUUID(h), e.eventType, e.eventData, e.gpuInstanceId, e.computeInstanceId])
out['events'] = told
out['after'] = ask(n.nvmlEventSetWait_v2, events, 0)
n.nvmlEventSetFree(events)
print(json.dumps(out))";
    let faults: [fn(&mut gpu_sim::Gpu); 4] = [
        |_| {},
        |gpu| {
            let ecc = gpu.ecc.as_mut().unwrap();
            (ecc.uncorrected, ecc.uncorrected_lifetime, ecc.corrected) = (2, 9, 41);
            (ecc.remap_pending, ecc.remapped_uncorrected, ecc.remap_failed) = (true, 3, true);
            gpu.health.recovery_action = Some(4);
        },
        |gpu| {
            let pages = gpu_sim::EccSpec { retired_pages: 7, retired_pending: true, ..Default::default() };
            (gpu.ecc, gpu.health.recovery_action) = (Some(pages), Some(0));
        },
        |gpu| {
            (gpu.health.links_down, gpu.health.hot) = (5, true);
            gpu.health.fabric = Some(gpu_sim::FabricSpec { state: 3, status: 3, health: 0x1a9, summary: 2 });
            gpu.health.pcie_most = Some(gpu_sim::PcieSpec { generation: 5, width: 32 });
        },
    ];
    let python = std::env::var("GPU_ACCOUNTING_PYTHON").expect("GPU_ACCOUNTING_PYTHON names an interpreter");
    for (number, fault) in faults.into_iter().enumerate() {
        let mut machine = Machine::preset("hgx-h100-8").unwrap();
        fault(&mut machine.gpus[0]);
        let installed = instance::install(&machine);
        let control = installed.folder().join("control.json");
        std::fs::write(&control, "{}").unwrap();
        let later = machine.started_at.0 + 1_000_000_000;
        let happens = json!({"uptime_ns": later, "faults": [
            {"event": {"gpu": 0, "at": later, "kind": 8, "data": 79}},
            {"event": {"gpu": 0, "at": later, "kind": 8, "data": 95, "gi": 3, "ci": 1}},
            {"event": {"gpu": 0, "at": later, "kind": 1, "data": 0}},
            {"event": {"gpu": 1, "at": later, "kind": 8, "data": 13}},
        ]});
        let answer = Command::new(&python)
            .args(["-c", SCRIPT])
            .env("LD_LIBRARY_PATH", installed.folder())
            .env("CONTROL", &control)
            .env("HAPPENS", happens.to_string())
            .output()
            .expect("the interpreter starts");
        assert!(answer.status.success(), "fault {number}: {}", String::from_utf8_lossy(&answer.stderr));
        let seen: Value = serde_json::from_slice(&answer.stdout).expect("JSON");

        let world = World::new(machine);
        let sample = SimBackend::new(world.clone(), Vendor::NVIDIA).sample().unwrap();
        let (reading, gpu) = (&sample.units[0].reading, &world.machine().gpus[0]);
        let count = |slot: Result<gpu_core::Measured<gpu_core::Count>, _>| slot.ok().map(|of| of.value.0);
        let or_unsupported = |value: Option<Value>| value.unwrap_or(json!({"code": 3}));
        let number_of = |slot| or_unsupported(count(slot).map(Value::from));
        let ecc = gpu.ecc.as_ref().unwrap();
        let lifetime = [ecc.corrected_lifetime, ecc.uncorrected_lifetime];
        let volatile = [count(reading.ecc_corrected), count(reading.ecc_uncorrected)];
        assert_eq!(
            seen["ecc"],
            json!([volatile[0], volatile[1], lifetime[0], lifetime[1]]),
            "fault {number}"
        );
        let rows = count(reading.remapped_rows_corrected).map(|corrected| {
            let rest = [
                reading.remapped_rows_uncorrected,
                reading.remapped_rows_pending,
                reading.remapped_rows_failed,
            ];
            json!([corrected, count(rest[0]), count(rest[1]), count(rest[2])])
        });
        assert_eq!(seen["rows"], or_unsupported(rows), "fault {number}");
        assert_eq!(seen["pages"], number_of(reading.retired_pages), "fault {number}");
        assert_eq!(seen["pending"], number_of(reading.retired_pages_pending), "fault {number}");
        assert_eq!(seen["pending_field"], number_of(reading.retired_pages_pending), "fault {number}");
        let recovery = gpu.health.recovery_action.map(Value::from);
        assert_eq!(seen["recovery"], or_unsupported(recovery), "fault {number}");
        let fabric = reading.fabric.expect("a board with switches").value;
        let spec = gpu.health.fabric.as_ref().expect("a fabric");
        assert_eq!(seen["fabric"], json!([spec.state, fabric.status, spec.health]), "fault {number}");
        assert_eq!(seen["links_up"], json!(count(reading.links_up)), "fault {number}");
        assert_eq!(seen["links_down"], json!(count(reading.links_down)), "fault {number}");
        let is_hot = reading.throttle.unwrap().value.contains(gpu_core::ThrottleReasons::THERMAL);
        assert_eq!(seen["throttle"].as_u64().unwrap() & 0x60 != 0, is_hot, "fault {number}");
        let width = [count(reading.pcie_width), count(reading.pcie_width_max)];
        assert_eq!(seen["width"], json!(width), "fault {number}");
        let none = u32::MAX;
        assert_eq!(seen["events"], json!([[true, 8, 79, none, none], [true, 8, 95, 3, 1]]), "fault {number}");
        assert_eq!((&seen["before"], &seen["after"]), (&json!({"code": 10}), &json!({"code": 10})));
    }
}
