//! NVIDIA's own Python bindings and nvitop list exactly the instances that `mig apply` says it
//! made, over a simulated driver that outlives its clients.
//!
//! `GPU_ACCOUNTING_PYTHON` names an interpreter that has `nvidia-ml-py`, `nvitop` and `gpustat`.

#[allow(dead_code)] // every test file uses its part
#[path = "common/program.rs"]
mod program;

use std::path::Path;
use std::process::Command;

use gpu_sim::Machine;
use program::Driver;
use serde_json::{Value, json};

/// What the witnesses show of the driver; the script is the simulated library's own.
fn witness(driver: &Driver) -> Value {
    let python = std::env::var("GPU_ACCOUNTING_PYTHON");
    let python = python.expect("GPU_ACCOUNTING_PYTHON names an interpreter with the witnesses");
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../gpu-sim/nvml/tests/witness.py");
    let answer = Command::new(python).arg(script).env("LD_LIBRARY_PATH", driver.folder()).output();
    let answer = answer.expect("the interpreter starts");
    assert!(answer.status.success(), "{}", String::from_utf8_lossy(&answer.stderr));
    serde_json::from_slice(&answer.stdout).expect("the script prints JSON")
}

/// GPU instance, compute instance, MIG UUID and profile of each MIG device, by ids.
type Listed = Vec<(u64, u64, String, String)>;

/// By NVIDIA's bindings: the profile is what the driver's name for the device ends with.
fn bound(seen: &Value, gpu: usize) -> Listed {
    let name = |mig: &Value| mig["name"].as_str().unwrap().rsplit(' ').next().unwrap().to_owned();
    let one = |mig: &Value| {
        let uuid = mig["uuid"].as_str().unwrap().to_owned();
        (mig["gi"].as_u64().unwrap(), mig["ci"].as_u64().unwrap(), uuid, name(mig))
    };
    let mut listed: Listed = seen["devices"][gpu]["mig"].as_array().unwrap().iter().map(one).collect();
    listed.sort();
    listed
}

/// UUIDs by nvitop, in any order.
fn shown(seen: &Value, gpu: usize) -> Vec<String> {
    let devices = seen["nvitop"][gpu]["mig"].as_array().unwrap().iter();
    let mut shown: Vec<String> = devices.map(|mig| mig[0].as_str().unwrap().to_owned()).collect();
    shown.sort();
    shown
}

/// The compute instances among what was made.
fn made(board: &Value) -> Listed {
    let one = |part: &Value| {
        let id = part["id"].as_str().unwrap();
        let (_, within) = id.split_once("/gi:").unwrap();
        let (gi, ci) = within.split_once("/ci:")?;
        let text = |key: &str| part[key].as_str().unwrap().to_owned();
        Some((gi.parse().unwrap(), ci.parse().unwrap(), text("mig_uuid"), text("profile")))
    };
    let mut made: Listed = board["made"].as_array().unwrap().iter().filter_map(one).collect();
    made.sort();
    made
}

fn check(driver: &Driver, gpu: usize, expected: &Listed) {
    let seen = witness(driver);
    assert_eq!(&bound(&seen, gpu), expected);
    let mut uuids: Vec<String> = expected.iter().map(|of| of.2.clone()).collect();
    uuids.sort();
    assert_eq!(shown(&seen, gpu), uuids);
}

fn apply(driver: &Driver, words: &str) -> Value {
    let answer = driver.mig(&format!("apply --json {words}"));
    assert_eq!(answer.code, 0, "{words}: {}{}", answer.text, answer.error);
    answer.json()["boards"][0].clone()
}

#[test]
#[ignore = "needs Python with nvidia-ml-py, nvitop and gpustat, named by GPU_ACCOUNTING_PYTHON"]
fn they_list_what_was_made() {
    let driver = Driver::of(&Machine { workloads: Vec::new(), ..Machine::preset("hgx-h100-8").unwrap() });
    check(&driver, 2, &Vec::new());
    let text = "version: v1
mig-configs:
  some: [{devices: [2], mig-enabled: true, mig-devices: {1c.3g.40gb: 2, 2g.20gb: 1, 1g.10gb+me: 1}}]
  off: [{devices: [2], mig-enabled: false}]
";
    let file = driver.file("config.yaml", text);

    let all = made(&apply(&driver, &format!("--config {file} --label some")));
    assert_eq!(all.len(), 4);
    check(&driver, 2, &all);
    assert!(bound(&witness(&driver), 0).is_empty(), "the others are as they were");

    let more = made(&apply(&driver, "--gpu 2 --add --want 1g.10gb"));
    let mut both = [&all[..], &more[..]].concat();
    both.sort();
    assert_eq!(more.len(), 1);
    check(&driver, 2, &both);

    // What was destroyed is gone, what stays is as it was.
    let board = apply(&driver, "--gpu 2 --want 2g.20gb,1g.10gb");
    assert_eq!(board["destroyed"].as_array().map(Vec::len), Some(2));
    let stays = |of: &&(u64, u64, String, String)| of.3 == "2g.20gb" || of.3 == "1g.10gb";
    let left: Listed = both.iter().filter(stays).cloned().collect();
    assert_eq!((left.len(), made(&board).len()), (2, 0));
    check(&driver, 2, &left);

    let off = apply(&driver, &format!("--config {file} --label off"));
    assert_eq!(off["set_mig"]["to"], json!("off"));
    check(&driver, 2, &Vec::new());
}
