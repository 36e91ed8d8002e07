//! `gpu-report --json --nvml LIBRARY`, held field by field against what NVIDIA's own Python
//! bindings, nvitop and gpustat show through the same simulated `libnvidia-ml.so.1`.
//!
//! `GPU_ACCOUNTING_PYTHON` names an interpreter that has `nvidia-ml-py`, `nvitop` and `gpustat`.

use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use gpu_sim::library::{self, Installed};
use gpu_sim::{Machine, Tree, World};
use serde_json::{Value, json};

const PRESETS: [&str; 8] =
    ["hgx-h100-8", "dgx-a100-8", "b200-8", "l40s-4", "rtx-pro-6000-2", "gh200-1", "gb10-1", "mixed"];

/// Processes that the machine really has: gpustat looks whether they are there.
struct Sleepers(Vec<Child>);

impl Sleepers {
    fn new(count: usize) -> Self {
        let sleep = || Command::new("sleep").arg("600").stdin(Stdio::null()).spawn().expect("sleep starts");
        Self((0..count).map(|_| sleep()).collect())
    }
}

impl Drop for Sleepers {
    fn drop(&mut self) {
        for child in &mut self.0 {
            // One that has ended already is as good.
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}

/// A simulated machine: its library, its trees, and its processes.
struct Stage {
    _sleepers: Sleepers,
    installed: Installed,
    tree: Tree,
}

impl Stage {
    fn new(name: &str) -> Self {
        let mut machine = Machine::preset(name).expect("a preset");
        let sleepers = Sleepers::new(machine.workloads.len());
        for (workload, child) in machine.workloads.iter_mut().zip(&sleepers.0) {
            workload.pid = gpu_core::Pid(child.id());
        }
        let library = library::built().expect("the library is built");
        let installed = Installed::new(&library, &machine).expect("it is copied");
        let root = installed.folder().join("root");
        let tree = World::new(machine).write_tree(&root).expect("the trees are written");
        Self { _sleepers: sleepers, installed, tree }
    }

    fn report(&self) -> Value {
        let program = profile().join("examples/gpu-report");
        let answer = Command::new(program)
            .arg("--json")
            .arg("--nvml")
            .arg(self.installed.path())
            .arg("--sysfs-root")
            .arg(self.tree.sysfs())
            .arg("--proc-root")
            .arg(self.tree.proc())
            .output()
            .expect("gpu-report starts");
        assert!(answer.status.success(), "{}", String::from_utf8_lossy(&answer.stderr));
        serde_json::from_slice(&answer.stdout).expect("it prints JSON")
    }

    fn witness(&self) -> Value {
        let python = std::env::var("GPU_ACCOUNTING_PYTHON");
        let python =
            python.expect("GPU_ACCOUNTING_PYTHON names an interpreter with nvidia-ml-py, nvitop, gpustat");
        let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("gpu-sim/nvml/tests/witness.py");
        let answer =
            Command::new(python).arg(script).env("LD_LIBRARY_PATH", self.installed.folder()).output();
        let answer = answer.expect("the interpreter starts");
        assert!(answer.status.success(), "{}", String::from_utf8_lossy(&answer.stderr));
        serde_json::from_slice(&answer.stdout).expect("the script prints JSON")
    }
}

/// target/debug, from target/debug/deps/report-….
fn profile() -> PathBuf {
    let here = std::env::current_exe().expect("a test knows its own file");
    here.ancestors().nth(2).expect("it lies two folders deep").to_path_buf()
}

/// The library and the program as they are now: a test of one file alone does not build them.
fn build(what: &[&str]) {
    let target = profile().parent().expect("a profile lies in the target folder").to_path_buf();
    let mut cargo = Command::new(env!("CARGO"));
    cargo.args(["build", "--quiet", "--locked", "--target-dir"]).arg(target).args(what);
    let status = cargo.current_dir(env!("CARGO_MANIFEST_DIR")).status().expect("cargo starts");
    assert!(status.success(), "cargo build {what:?}");
}

/// A reading as the witness would tell it: divided to its unit, or the code for not supported.
fn told(reading: &Value, divisor: u64) -> Value {
    match reading["value"].as_u64() {
        Some(value) => json!(value / divisor),
        None => {
            assert_eq!(reading["absent"], json!("not_supported"), "{reading}");
            json!({"code": 3})
        }
    }
}

fn memory(readings: &Value) -> Value {
    match told(&readings["memory_total"], 1) {
        total @ Value::Number(_) => json!({
            "total": total,
            "used": told(&readings["memory_used"], 1),
            "free": told(&readings["memory_free"], 1),
            "reserved": told(&readings["memory_reserved"], 1),
        }),
        code => code,
    }
}

/// Rows of pid and memory of those processes that `is_on` says.
fn processes(report: &Value, is_on: impl Fn(&Value) -> bool) -> Value {
    let all = report["processes"].as_array().expect("processes").iter();
    let mut rows: Vec<(u64, u64)> = all
        .filter(|process| is_on(process))
        .map(|process| {
            let number = |name: &str| process[name].as_u64().expect("a number");
            (number("pid"), number("memory_bytes"))
        })
        .collect();
    rows.sort_unstable();
    json!(rows)
}

/// The device as the witness shows it.
fn device(report: &Value, of: &Value) -> Value {
    let readings = &of["readings"];
    let node = of["nodes"][0]["path"].as_str().expect("a device file");
    let minor: u64 = node.trim_start_matches("/dev/nvidia").parse().expect("its number");
    json!({
        "name": of["name"],
        "uuid": of["vendor_name"],
        "pci": format!("0000{}", of["pci"].as_str().expect("an address")),
        "minor": minor,
        "memory": memory(readings),
        "busy_percent": told(&readings["busy"], 10),
        "power_mw": told(&readings["power"], 1000),
        "power_limit_mw": told(&readings["power_limit"], 1000),
        "energy_mj": told(&readings["energy"], 1000),
        "temperature": told(&readings["temperature"], 1000),
        "processes": processes(report, |process| process["device"] == of["id"]),
        "mig": mig_devices(report, of),
    })
}

fn mig_devices(report: &Value, of: &Value) -> Value {
    let list = |of: &Value| of["partitions"].as_array().cloned().unwrap_or_default();
    let mut found = Vec::new();
    for gi in list(of) {
        for ci in list(&gi) {
            // …/gi:7/ci:0
            let id = ci["id"].as_str().expect("an id");
            let mut steps = id.rsplit('/').map(|step| step.rsplit(':').next().expect("a number"));
            let mut number = || steps.next().and_then(|step| step.parse::<u64>().ok());
            let (inner, outer) = (number(), number());
            let (name, profile) = (of["name"].as_str(), ci["profile"].as_str());
            found.push(json!({
                "uuid": ci["vendor_name"],
                "name": format!("{} MIG {}", name.expect("a name"), profile.expect("a profile")),
                "gi": outer,
                "ci": inner,
                "multiprocessors": ci["compute_units"],
                "memory": memory(&gi["readings"]),
                "processes": processes(report, |process| process["unit"] == ci["id"]),
            }));
        }
    }
    json!(found)
}

/// What nvitop and gpustat show of the device, from what the report says.
fn check_monitors(at: &str, device: &Value, nvitop: &Value, gpustat: &Value) {
    for key in ["name", "uuid", "power_mw", "processes"] {
        assert_eq!(nvitop[key], device[key], "{at}: nvitop's {key}");
    }
    let mib = |bytes: &Value| json!(bytes.as_u64().expect("bytes") >> 20);
    if device["memory"]["total"].is_u64() {
        assert_eq!(nvitop["memory_total"], device["memory"]["total"], "{at}: nvitop");
        assert_eq!(nvitop["memory_used"], device["memory"]["used"], "{at}: nvitop");
        assert_eq!(gpustat["memory.total"], mib(&device["memory"]["total"]), "{at}: gpustat");
    }
    let mig =
        |mig: &Value| json!([mig["uuid"], mig["memory"]["total"], mig["memory"]["used"], mig["processes"]]);
    let migs = device["mig"].as_array().expect("MIG devices").iter().map(mig);
    assert_eq!(nvitop["mig"], migs.collect::<Value>(), "{at}: nvitop");
    for key in ["name", "uuid"] {
        assert_eq!(gpustat[key], device[key], "{at}: gpustat's {key}");
    }
    assert_eq!(gpustat["temperature.gpu"], device["temperature"], "{at}: gpustat");
    assert_eq!(gpustat["power.draw"], json!(device["power_mw"].as_u64().expect("power") / 1000), "{at}");
    let rows = device["processes"].as_array().expect("processes").iter();
    let rows: Value = rows.map(|row| json!([row[0], mib(&row[1])])).collect();
    assert_eq!(gpustat["processes"], rows, "{at}: gpustat");
}

#[test]
#[ignore = "needs Python with nvidia-ml-py, nvitop and gpustat, named by GPU_ACCOUNTING_PYTHON"]
fn the_report_is_what_nvidias_own_programs_show() {
    build(&["-p", "gpu-sim-nvml"]);
    build(&["-p", "gpu-accounting", "--example", "gpu-report"]);
    for name in PRESETS {
        let stage = Stage::new(name);
        let (report, seen) = (stage.report(), stage.witness());
        assert_eq!(report["simulated"], json!(true), "{name}: nobody takes it for hardware");
        let ours = |list: &str| -> Vec<Value> {
            let list = report[list].as_array().expect("a list").iter();
            list.filter(|of| of["vendor"] == json!("nvidia")).cloned().collect()
        };
        assert_eq!(ours("vendors")[0]["outcome"], json!("available"), "{name}");
        assert_eq!(ours("problems"), Vec::<Value>::new(), "{name}");
        assert_eq!(ours("drivers")[0]["version"], seen["driver"], "{name}");
        let devices: Vec<Value> = ours("devices").iter().map(|of| device(&report, of)).collect();
        assert!(!devices.is_empty());
        for (index, device) in devices.iter().enumerate() {
            let at = format!("{name}: GPU {index}");
            assert_eq!(*device, seen["devices"][index], "{at}");
            check_monitors(&at, device, &seen["nvitop"][index], &seen["gpustat"][index]);
        }
        assert_eq!(seen["devices"].as_array().map(Vec::len), Some(devices.len()), "{name}");
    }
}

/// How well each unit is, in text and in JSON: of a machine with a GPU that is unwell, and one that is well.
#[test]
fn health_is_shown_in_text_and_json() {
    let mut machine = Machine::preset("dgx-a100-8").expect("a preset");
    let ecc = machine.gpus[1].ecc.as_mut().expect("it counts");
    (ecc.uncorrected, ecc.remap_pending) = (3, true);
    let file = std::env::temp_dir().join(format!("gpu-report-health-{}.json", std::process::id()));
    std::fs::write(&file, machine.to_json()).expect("it is written");
    let report = |arguments: &[&str]| {
        let program = profile().join("examples/gpu-report");
        let answer =
            Command::new(program).arg("--sim").arg(&file).args(arguments).output().expect("it starts");
        assert!(answer.status.success(), "{}", String::from_utf8_lossy(&answer.stderr));
        String::from_utf8(answer.stdout).expect("text")
    };
    let text = report(&[]);
    let lines: Vec<&str> =
        text.lines().map(str::trim).filter(|line| line.starts_with("unhealthy: ")).collect();
    let expected = [
        "unhealthy: 3 uncorrectable memory errors; reset the GPU",
        "unhealthy: a row of memory waits to be replaced; drain and reset the GPU",
    ];
    assert_eq!(lines, expected, "{text}");
    let json: Value = serde_json::from_str(&report(&["--json"])).expect("JSON");
    let states: Vec<&str> =
        json["devices"].as_array().unwrap().iter().filter_map(|of| of["health"]["state"].as_str()).collect();
    assert_eq!(states.len(), 8);
    assert_eq!(states.iter().filter(|state| **state == "healthy").count(), 7);
    let health = &json["devices"][1]["health"];
    assert_eq!((&health["state"], &health["action"]), (&json!("unhealthy"), &json!("reset")));
    let errors = &health["evidence"][0];
    assert_eq!(errors["fault"], json!({"uncorrected_errors": 3}));
    assert_eq!(errors["advice"]["clears"], json!("by_reset"));
    assert_eq!(errors["at"], json!(json["devices"][1]["id"]));
    // A MIG instance has a state of its own.
    let cut = json["devices"].as_array().unwrap().iter().find(|of| of["partitions"][0].is_object());
    assert_eq!(cut.expect("one is cut")["partitions"][0]["health"]["state"], json!("healthy"));
    std::fs::remove_file(&file).expect("it is there");
}

/// The graphics of a processor, over its driver's files alone: a device without memory, sensors or parts,
/// whose processes hold the machine's memory; each of these said, and none of them 0.
#[test]
fn a_processors_graphics_is_reported_from_its_files() {
    for name in ["iris-xe-1", "arc-140v-1"] {
        let root = std::env::temp_dir().join(format!("gpu-report-{name}-{}", std::process::id()));
        let tree =
            World::new(Machine::preset(name).expect("a preset")).write_tree(&root).expect("it is written");
        let report = |arguments: &[&str]| {
            let program = profile().join("examples/gpu-report");
            let mut report = Command::new(program);
            report.arg("--sysfs-root").arg(tree.sysfs()).arg("--proc-root").arg(tree.proc());
            let answer = report.args(["--vendor", "intel"]).args(arguments).output().expect("it starts");
            assert!(answer.status.success(), "{}", String::from_utf8_lossy(&answer.stderr));
            String::from_utf8(answer.stdout).expect("text")
        };
        let json: Value = serde_json::from_str(&report(&["--json"])).expect("JSON");
        let device = &json["devices"][0];
        assert_eq!(json["devices"].as_array().map(Vec::len), Some(1), "{name}");
        assert_eq!(
            (&device["pci"], &device["memory_kind"]),
            (&json!("0000:00:02.0"), &json!("system")),
            "{name}"
        );
        assert_eq!(device["memory_total_bytes"], Value::Null, "{name}");
        assert_eq!((&device["partitions"], &device["modes"]), (&json!([]), &json!([])), "{name}");
        for metric in ["memory_total", "memory_used", "energy", "power", "temperature"] {
            assert_eq!(device["readings"][metric]["absent"], json!("not_supported"), "{name}: {metric}");
        }
        assert!(
            device["readings"]["clock_graphics"]["value"].as_u64().is_some_and(|hertz| hertz > 0),
            "{name}"
        );
        let processes = json["processes"].as_array().expect("processes");
        assert!(!processes.is_empty(), "{name}");
        for process in processes {
            assert_eq!((&process["unit"], &process["memory_bytes"]), (&device["id"], &Value::Null), "{name}");
            assert!(process["system_memory_bytes"].as_u64().is_some_and(|held| held > 300 << 20), "{name}");
        }
        assert_eq!(json["problems"], json!([]), "{name}");
        assert!(report(&[]).contains("0000:00:02.0"), "{name}");
        std::fs::remove_dir_all(&root).expect("it is there");
    }
}
