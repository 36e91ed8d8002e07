//! Changes through a simulated driver that outlives its clients: what one process made, the next
//! one sees.

#[allow(dead_code)] // every test file uses its part
#[path = "common/program.rs"]
mod program;

use gpu_sim::{Fault, Machine};
use program::{Driver, at, mig};
use serde_json::{Value, json};

/// A node whose boards nobody uses.
fn idle(preset: &str) -> Machine {
    Machine { workloads: Vec::new(), ..Machine::preset(preset).unwrap() }
}

/// Profile, id and MIG UUID of every partition, as another client of the driver sees the board.
fn seen(driver: &Driver, position: usize) -> Vec<(String, String)> {
    let report = driver
        .mig(
            "apply --json --gpu POSITION --want none --add --allow-moving"
                .replace("POSITION", &position.to_string())
                .as_str(),
        )
        .json();
    let now = report["boards"][0]["now"].as_array().expect("read back").iter();
    let mut seen: Vec<(String, String)> =
        now.map(|part| (part["id"].as_str().unwrap().to_owned(), part["mig_uuid"].to_string())).collect();
    seen.sort();
    seen
}

fn made(board: &Value) -> Vec<(String, String)> {
    let list = board["made"].as_array().unwrap().iter();
    let mut made: Vec<(String, String)> =
        list.map(|part| (part["id"].as_str().unwrap().to_owned(), part["mig_uuid"].to_string())).collect();
    made.sort();
    made
}

#[test]
fn what_was_made_is_what_another_client_sees() {
    let driver = Driver::of(&idle("mixed"));
    let answer = driver.mig("apply --json --want 3g.40gb,4x1g.10gb");
    assert_eq!((answer.code, &answer.error[..]), (0, ""), "{}", answer.text);
    let report = answer.json();
    assert_eq!((&report["done"], &report["simulated"]), (&json!(true), &json!(true)));
    let board = &report["boards"][0];
    // 3g.40gb@4 and 1g.10gb@2 were there and are wanted; 2g.20gb@0 is not.
    assert_eq!(board["destroyed"].as_array().map(Vec::len), Some(1));
    assert_eq!(made(board).len(), 6, "three GPU instances, each with a compute instance");
    assert_eq!(driver.cut()[0], at("3g.40gb@4 1g.10gb@0 1g.10gb@1 1g.10gb@2 1g.10gb@3"));
    let there = seen(&driver, 0);
    assert_eq!(there.len(), 10);
    assert!(made(board).iter().all(|one| there.contains(one)), "{there:?} {board}");
    for one in board["made"].as_array().unwrap() {
        assert!(one["mig_uuid"].as_str().unwrap().starts_with("MIG-"), "{one}");
        assert_eq!(one["incarnation"].as_str().map(str::len), Some(16), "{one}");
    }
    // The same again has nothing to do.
    let state = driver.state();
    let again = driver.mig("apply --json --want 3g.40gb,4x1g.10gb").json();
    assert_eq!((&again["done"], &again["boards"][0]["made"]), (&json!(true), &json!([])));
    assert_eq!(driver.state(), state);
}

#[test]
fn people_see_what_was_made() {
    let driver = Driver::of(&idle("mixed"));
    let answer = driver.mig("apply --want 1g.10gb --add --ascii");
    let made = answer.text.lines().filter(|line| line.contains("/gi:") && line.contains("MIG-")).count();
    assert_eq!((answer.code, made), (0, 2), "{}", answer.text);
    assert!(answer.text.contains("SIMULATED NVML"), "{}", answer.text);
    let now = "|     stays     | stays |  new  |             stays             |";
    assert!(answer.text.contains(now), "{}", answer.text);
}

#[test]
fn a_dry_run_changes_nothing() {
    let driver = Driver::of(&idle("mixed"));
    let state = driver.state();
    let answer = driver.mig("apply --json --dry-run --want 7g.80gb");
    assert_eq!(answer.code, 0);
    let report = answer.json();
    assert_eq!(
        (&report["dry_run"], &report["feasible"], &report["done"]),
        (&json!(true), &json!(true), &json!(false))
    );
    assert_eq!(report["destroy"].as_array().map(Vec::len), Some(3));
    assert_eq!(driver.state(), state);
    assert_eq!(driver.cut()[0], at("2g.20gb@0 1g.10gb@2 3g.40gb@4"));
}

/// Hopper boards switch at once; the configuration's instances follow, and go before the mode does.
#[test]
fn a_label_switches_the_mode_on_and_off() {
    let driver = Driver::of(&idle("hgx-h100-8"));
    let text = "version: v1
mig-configs:
  halves:
  - {devices: [0, 3], mig-enabled: true, mig-devices: {3g.40gb: 2}}
  - {devices: [5], mig-enabled: true, mig-devices: {}}
  whole:
  - {devices: all, mig-enabled: false}
";
    let file = driver.file("config.yaml", text);
    let plan = driver.mig(&format!("plan --json --config {file} --label halves")).json();
    assert_eq!(plan["boards"][0]["set_mig"], json!("on"));
    assert_eq!(plan["create"].as_array().map(Vec::len), Some(4));

    let answer = driver.mig(&format!("apply --json --config {file} --label halves"));
    assert_eq!(answer.code, 0, "{}{}", answer.text, answer.error);
    let report = answer.json();
    let set = &report["boards"][0]["set_mig"];
    assert_eq!((&set["to"], &set["awaits"]), (&json!("on"), &json!(null)));
    assert!(set["notes"].to_string().contains("forgotten when the driver unloads"), "{set}");
    let cut = driver.cut();
    for (position, board) in cut.iter().enumerate() {
        let expected = if position == 0 || position == 3 { at("3g.40gb@0 3g.40gb@4") } else { Vec::new() };
        assert_eq!(board, &expected, "{position}");
    }
    let modes = |driver: &Driver| -> Vec<String> {
        let report = driver.mig("profiles --json").json();
        report["boards"].as_array().unwrap().iter().map(|of| of["mig"].as_str().unwrap().to_owned()).collect()
    };
    assert_eq!(modes(&driver), ["on", "off", "off", "on", "off", "on", "off", "off"]);

    let answer = driver.mig(&format!("apply --json --config {file} --label whole"));
    assert_eq!(answer.code, 0, "{}{}", answer.text, answer.error);
    let report = answer.json();
    assert_eq!(report["boards"][0]["destroyed"].as_array().map(Vec::len), Some(2));
    assert_eq!(report["boards"][1]["set_mig"], json!(null), "it was off");
    assert_eq!(modes(&driver), ["off"; 8]);
}

/// Boards after Ampere switch at once or not at all; and instances that went before the mode could
/// not be switched are gone, and said to be.
#[test]
fn a_mode_that_cannot_be_set() {
    let text = "version: v1
mig-configs:
  on: [{devices: [0], mig-enabled: true, mig-devices: {1g.10gb: 1}}]
  off: [{devices: [0], mig-enabled: false}]
";
    let busy = Driver::preset("hgx-h100-8");
    let (file, state) = (busy.file("config.yaml", text), busy.state());
    let answer = busy.mig(&format!("apply --json --config {file} --label on"));
    assert_eq!(answer.code, 2, "{}", answer.text);
    assert_eq!(answer.json()["boards"][0]["error"]["kind"], json!("in_use"));
    assert_eq!(busy.state(), state);

    let mut machine = idle("mixed");
    let function = "nvmlDeviceSetMigMode".to_owned();
    machine.faults.push(Fault::ReturnCode { function, code: 999, gpu: None });
    let driver = Driver::of(&machine);
    let file = driver.file("config.yaml", text);
    let answer = driver.mig(&format!("apply --json --config {file} --label off"));
    assert_eq!(answer.code, 1, "{}", answer.text);
    let board = &answer.json()["boards"][0];
    assert_eq!(board["destroyed"].as_array().map(Vec::len), Some(3));
    assert_eq!((&board["error"]["kind"], &board["set_mig"]), (&json!("failed"), &json!(null)));
    assert_eq!(driver.cut()[0], []);
    let again = driver.mig(&format!("apply --config {file} --label off"));
    assert_eq!(again.code, 2, "nothing is left to change: {}", again.text);
    assert!(again.text.contains("failed: "), "{}", again.text);
}

/// Several compute instances in one GPU instance, beside GPU instances with one.
#[test]
fn compute_instances_are_made_as_the_label_says() {
    let driver = Driver::of(&idle("mixed"));
    let text = "version: v1
mig-configs:
  parts:
  - {devices: [0], mig-enabled: true, mig-devices: {1c.4g.40gb: 4, 2g.20gb: 1, 1g.10gb: 1}}
  more:
  - {devices: [0], mig-enabled: true, mig-devices: {2c.4g.40gb: 2, 2g.20gb: 1, 1g.10gb: 1}}
";
    let file = driver.file("config.yaml", text);
    let cleared = driver.mig("apply --want none");
    assert_eq!(cleared.code, 0, "{}", cleared.error);
    let plan = driver.mig(&format!("plan --json --config {file} --label parts")).json();
    assert_eq!(plan["create"][0]["compute_instances"], json!([1, 1, 1, 1]));
    assert_eq!(plan["create"][1]["compute_instances"], json!(null));
    let answer = driver.mig(&format!("apply --json --config {file} --label parts"));
    assert_eq!(answer.code, 0, "{}{}", answer.text, answer.error);
    let board = &answer.json()["boards"][0];
    let profiles: Vec<&str> =
        board["made"].as_array().unwrap().iter().map(|one| one["profile"].as_str().unwrap()).collect();
    let expected = ["4g.40gb", "1c.4g.40gb", "1c.4g.40gb", "1c.4g.40gb", "1c.4g.40gb"];
    assert_eq!(profiles[..5], expected);
    assert_eq!(profiles[5..], ["2g.20gb", "2g.20gb", "1g.10gb", "1g.10gb"]);
    // What is there is what is wanted.
    let again = driver.mig(&format!("apply --json --config {file} --label parts"));
    assert_eq!((again.code, &again.json()["boards"][0]["made"]), (0, &json!([])));
    // The same GPU instance with other parts is not the same: said, not passed over.
    let state = driver.state();
    let other = driver.mig(&format!("apply --config {file} --label more"));
    assert_eq!(other.code, 2);
    assert!(
        other.error.contains("has compute instances of [1, 1, 1, 1] slices, and others"),
        "{}",
        other.error
    );
    assert_eq!(driver.state(), state);
}

/// A node printed as a configuration, and made again from it on a node that was cut otherwise.
#[test]
fn an_exported_node_comes_back() {
    let driver = Driver::of(&idle("dgx-a100-8"));
    let before = driver.cut();
    let exported = driver.mig("export --label saved");
    assert!(exported.text.starts_with("# SIMULATED NVML"), "{}", exported.text);
    let file = driver.file("saved.yaml", &exported.text);
    assert_eq!(driver.mig("apply --gpu 0 --gpu 1 --want 7g.40gb").code, 0);
    assert_eq!(driver.cut()[0], at("7g.40gb@0"));
    let answer = driver.mig(&format!("apply --config {file} --label saved"));
    assert_eq!(answer.code, 0, "{}{}", answer.text, answer.error);
    let names = |cut: &[Vec<(String, u64)>]| -> Vec<Vec<String>> {
        let names = |board: &Vec<(String, u64)>| board.iter().map(|(name, _)| name.clone()).collect();
        let mut all: Vec<Vec<String>> = cut.iter().map(names).collect();
        all.iter_mut().for_each(|names| names.sort());
        all
    };
    assert_eq!(names(&driver.cut()), names(&before));
    let json = driver.mig("export --json --label saved").json();
    assert!(exported.text.ends_with(json["yaml"].as_str().unwrap()), "{json}");
    assert_eq!((&json["label"], &json["notes"]), (&json!("saved"), &json!([])));
}

/// Counts do not say which compute instances share a GPU instance; and a GPU instance without one
/// is no device.
#[test]
fn an_export_says_what_the_format_cannot() {
    let mut machine = idle("hgx-h100-8");
    machine.set_mig_mode(0, true).unwrap();
    for start in [0, 4] {
        let id = machine.create_gpu_instance(0, 9, Some(start)).unwrap();
        machine.create_compute_instance(0, id, 1, None).unwrap();
    }
    machine.set_mig_mode(1, true).unwrap();
    machine.create_gpu_instance(1, 9, Some(0)).unwrap();
    let driver = Driver::of(&machine);
    let report = driver.mig("export --json").json();
    let note = "GPU 0: which compute instances share a GPU instance this format cannot say";
    assert_eq!(report["notes"], json!([note]));
    assert!(driver.mig("export").text.contains(&format!("# {note}\n")));
    let yaml = report["yaml"].as_str().unwrap();
    assert!(yaml.contains("\"1c.3g.40gb\": 2") && yaml.contains("\"3g.40gb\": 1"), "{yaml}");
    let offered = driver.mig("resources --json").json();
    let names: Vec<&Value> =
        offered["resources"].as_array().unwrap().iter().map(|one| &one["name"]).collect();
    assert_eq!(names, ["nvidia.com/gpu"], "parts, and what has no compute instance, are not offered");
}

/// Instances for the node, each board making room for its part: planned together, carried out
/// board by board.
#[test]
fn additions_move_what_is_in_their_way() {
    let mut machine = idle("hgx-h100-8");
    for gpu in [1, 4] {
        machine.set_mig_mode(gpu, true).unwrap();
        for start in [1, 6] {
            let id = machine.create_gpu_instance(gpu, 19, Some(start)).unwrap();
            machine.create_compute_instance(gpu, id, 1, None).unwrap();
        }
    }
    let driver = Driver::of(&machine);
    assert_eq!(driver.cut()[4], at("1g.10gb@1 1g.10gb@6"));
    let still = driver.mig("apply --json --add --want 2x3g.40gb");
    assert_eq!((still.code, &still.json()["feasible"]), (2, &json!(false)));
    let words = "--json --add --want 2x3g.40gb --allow-moving";
    let plan = driver.mig(&format!("plan {words}")).json();
    assert_eq!(plan["destroy"].as_array().map(Vec::len), Some(2));
    assert!(plan["destroy"].as_array().unwrap().iter().all(|gone| gone["moves_to"].is_number()), "{plan}");
    let answer = driver.mig(&format!("apply {words}"));
    assert_eq!(answer.code, 0, "{}{}", answer.text, answer.error);
    for (gpu, board) in driver.cut().iter().enumerate() {
        let mut names: Vec<&str> = board.iter().map(|(name, _)| &name[..]).collect();
        names.sort_unstable();
        let expected = if gpu == 1 || gpu == 4 { &["1g.10gb", "1g.10gb", "3g.40gb"][..] } else { &[] };
        assert_eq!(names, expected, "{gpu}");
    }
}

/// The driver refuses every creation: the instance that was destroyed before cannot be made again
/// either, and exactly what is left is said.
#[test]
fn a_failure_half_way_says_what_is_left() {
    let mut machine = idle("mixed");
    let function = "nvmlDeviceCreateGpuInstanceWithPlacement".to_owned();
    machine.faults.push(Fault::ReturnCode { function, code: 999, gpu: None });
    let driver = Driver::of(&machine);
    let answer = driver.mig("apply --json --want 3g.40gb,4x1g.10gb");
    assert_eq!(answer.code, 1, "{}", answer.text);
    let report = answer.json();
    assert_eq!(report["done"], json!(false));
    let board = &report["boards"][0];
    let error = &board["error"];
    assert_eq!((&error["kind"], &error["left"]), (&json!("failed"), &json!("half")));
    assert!(error["step"].as_str().unwrap().starts_with("making 1g.10gb at "), "{error}");
    // Two GPU instances and their compute instances.
    assert_eq!(board["now"].as_array().map(Vec::len), Some(4), "{board}");
    assert_eq!(driver.cut()[0], at("1g.10gb@2 3g.40gb@4"));
    assert!(answer.error.contains("undoing it failed"), "{}", answer.error);

    // Where the first step fails, nothing is changed, and that is said too.
    let state = driver.state();
    let answer = driver.mig("apply --json --want 1g.10gb --add");
    assert_eq!(answer.code, 2, "{}", answer.text);
    assert_eq!(answer.json()["boards"][0]["error"]["left"], json!("untouched"));
    assert_eq!(driver.state(), state);
    let text = driver.mig("apply --want 1g.10gb --add").text;
    assert!(text.contains("the board is as it was"), "{text}");
}

/// The board after one that failed is not begun, and is said to be not.
#[test]
fn boards_after_a_failure_are_not_begun() {
    let mut machine = idle("dgx-a100-8");
    let function = "nvmlDeviceCreateGpuInstanceWithPlacement".to_owned();
    machine.faults.push(Fault::ReturnCode { function, code: 999, gpu: Some(0) });
    let driver = Driver::of(&machine);
    let answer = driver.mig("apply --json --gpu 0 --gpu 1 --want 7g.40gb");
    assert_eq!(answer.code, 1, "{}", answer.text);
    let report = answer.json();
    assert_eq!(report["boards"][1]["error"]["kind"], json!("not_begun"));
    assert_eq!(driver.cut()[1].len(), 7);
    assert!(answer.error.contains("GPU 1: not begun"), "{}", answer.error);
}

/// A caller without privilege is told what it would need, and nothing is changed.
#[test]
fn privilege_is_named() {
    let mut machine = idle("mixed");
    machine.faults.push(Fault::Unprivileged);
    let driver = Driver::of(&machine);
    let answer = driver.mig("apply --want 1g.10gb --add --gpu 0");
    assert_eq!((answer.code, &answer.text[..]), (2, ""));
    assert!(answer.error.contains("/proc/driver/nvidia/capabilities/mig/"), "{}", answer.error);
}

#[test]
fn resources_are_those_that_kubelet_would_count() {
    let count = |report: &Value| -> Vec<(String, u64)> {
        let list = report["resources"].as_array().unwrap().iter();
        list.map(|one| (one["name"].as_str().unwrap().to_owned(), one["count"].as_u64().unwrap())).collect()
    };
    let named = |list: &[(&str, u64)]| -> Vec<(String, u64)> {
        list.iter().map(|(name, count)| (format!("nvidia.com/{name}"), *count)).collect()
    };
    let node = mig("resources --json --sim dgx-a100-8").json();
    let mixed = [("gpu", 6), ("mig-1g.5gb", 8), ("mig-2g.10gb", 1), ("mig-3g.20gb", 1)];
    assert_eq!((count(&node), &node["strategy"]), (named(&mixed), &json!("mixed")));
    let whole = mig("resources --json --sim dgx-a100-8 --strategy none").json();
    assert_eq!(count(&whole), named(&[("gpu", 8)]));

    let driver = Driver::of(&idle("mixed"));
    let text = "version: v1
flags: {migStrategy: mixed}
sharing:
  timeSlicing:
    renameByDefault: true
    resources: [{name: nvidia.com/gpu, replicas: 4}, {name: mig-1g.10gb, replicas: 2, devices: all}]
";
    let file = driver.file("plugin.yaml", text);
    let report = driver.mig(&format!("resources --json --config {file}")).json();
    let shared = [("gpu.shared", 4), ("mig-1g.10gb.shared", 2), ("mig-2g.20gb", 1), ("mig-3g.40gb", 1)];
    assert_eq!(count(&report), named(&shared));
    assert_eq!(report["resources"][0]["shared"], json!("time_slicing"));
    assert_eq!(report["warnings"].as_array().map(Vec::len), Some(1));
    let text = driver.mig(&format!("resources --config {file}")).text;
    assert!(text.contains("no guarantee of time"), "{text}");
    // On paper, with attributes: `+` is written as `.`.
    let paper = mig("resources --json --board rtx-pro-6000 --live 1g.24gb+me.all@0,1g.24gb-me@1").json();
    assert_eq!(count(&paper), named(&[("mig-1g.24gb-me", 1), ("mig-1g.24gb.me.all", 1)]));
}
