//! Input that cannot be: refused with exit 2, in words that name what and where, and nothing is
//! changed.

#[allow(dead_code)] // every test file uses its part
#[path = "common/program.rs"]
mod program;

use program::{Driver, mig, mig_with};
use serde_json::json;

/// Refused, with nothing on standard output and all of this on standard error.
fn refused(words: &str, parts: &[&str]) {
    let answer = mig(words);
    assert_eq!(answer.code, 2, "{words}: {}{}", answer.text, answer.error);
    assert!(answer.text.is_empty(), "{words}: {}", answer.text);
    told(words, &answer.error, parts);
}

/// Refused because it does not fit: said on both.
fn infeasible(words: &str, parts: &[&str]) {
    let answer = mig(&format!("{words} --json"));
    assert_eq!(answer.code, 2, "{words}: {}", answer.text);
    let report = answer.json();
    assert_eq!(report["feasible"], json!(false), "{words}");
    for list in ["placements", "keep", "destroy", "create"] {
        assert_eq!(report[list], json!([]), "{words}: {list}");
    }
    let reason = report["reason"].as_str().expect("a reason");
    assert_eq!(answer.error, format!("mig: {reason}\n"), "{words}");
    assert!(report["refusals"][0]["to_free"]["how"].is_string(), "{words}: {report}");
    told(words, reason, parts);
}

fn told(words: &str, text: &str, parts: &[&str]) {
    for part in parts {
        assert!(text.contains(part), "{words}: {part:?} is missing in {text:?}");
    }
}

#[test]
fn names_that_are_none_of_the_board() {
    let h100 = "plan --board h100-80 --want";
    refused(&format!("{h100} 1g.99gb"), &["h100-80 has no profile 1g.99gb: it has 1g.10gb, 1g.10gb+me"]);
    refused(&format!("{h100} 1g.5gb"), &["it is a profile of a100-40"]);
    refused(&format!("{h100} 1c.3g.40gb"), &["h100-80 has no profile 1c.3g.40gb"]);
    for name in ["3g", "g.40gb", "3g.40GB", "3g.40gb+", "+", "０g.10gb", "--json"] {
        refused(&format!("{h100} {name}"), &["MIG profile"]);
    }
    refused("plan --board b100 --want 1g.10gb", &["\"b100\" is no board of the tables", "h100-80"]);
    refused("plan --board thor --want none", &["no public source tells where"]);
    refused("plan --board thor --live none --want none", &["no public source tells where"]);
    refused("plan --sim no-such --want none", &["no-such"]);
}

#[test]
fn counts_that_are_none() {
    for count in ["0", "-1", "+1", "1.5", "4294967296", "99999999999999999999", ""] {
        let words = format!("plan --board h100-80 --want {count}x1g.10gb");
        refused(&words, &["a count is a whole number from 1 to 4294967295", count]);
    }
    refused("plan --board h100-80 --want 1g.10gb,,2g.20gb", &["not a MIG profile"]);
    let empty = mig_with(&["plan", "--board", "h100-80", "--want", ""]);
    assert_eq!((empty.code, &empty.text[..]), (2, ""));
    // A billion is a number: it is the board that has no room.
    for goal in ["", "--add", "--add --allow-moving"] {
        let words = format!("plan --board h100-80 --want 1000000000x1g.10gb {goal}");
        infeasible(&words, &["at most 7 of 1g.10gb, and 1000000000 are wanted"]);
    }
    let twice = "plan --board h100-80 --want 4294967295x1g.10gb,4294967295x1g.10gb";
    infeasible(twice, &["at most 7 of 1g.10gb"]);
}

#[test]
fn layouts_that_no_board_has() {
    let live = |layout: &str, parts: &[&str]| {
        refused(&format!("plan --board h100-80 --want none --live {layout}"), parts);
    };
    live("3g.40gb@4,1g.10gb@5", &["--live", "overlaps with another instance"]);
    live("1g.10gb@0,1g.10gb@0", &["overlaps"]);
    live("3g.40gb@2", &["3g.40gb begins at slot 0, 4"]);
    live("1g.10gb@7", &["1g.10gb begins at slot 0, 1, 2, 3, 4, 5, 6"]);
    live("1g.5gb@0", &["h100-80 has no profile 1g.5gb"]);
    live("1g.10gb+me@0,1g.10gb+me@1", &["at most 1 of 1g.10gb+me"]);
    live("2g.20gb@0,2g.20gb@2,2g.20gb@4,1g.20gb@6,1g.10gb@6", &["overlaps"]);
    live("4g.40gb@0,1g.20gb@4,1g.20gb@6,1g.10gb@6", &["overlaps"]);
    for odd in ["3g.40gb", "3g.40gb@", "3g.40gb@x", "3g.40gb@-1", "3g.40gb@+4", "3g.40gb@99999999999"] {
        live(odd, &["a profile and its first slot are expected"]);
    }
    refused("plan --board h100-80 --board a100-40 --live none --want none", &["how the one --board is cut"]);
    refused("plan --sim mixed --live none --want none", &["how the one --board is cut"]);
}

#[test]
fn what_fits_in_one_way_and_not_in_another() {
    // Eight slots of eight, eight compute slices of seven.
    let words = "plan --board h100-80 --want 3x2g.20gb,2x1g.10gb";
    infeasible(words, &["8 compute slices are needed, and the board has 7"]);
    assert!(!mig(words).error.contains("slots are needed"));
    // Seven compute slices of seven, nine slots of eight.
    let words = "plan --board h100-80 --want 2x3g.40gb,1g.10gb";
    infeasible(words, &["9 slots are needed, and the board has 8"]);
    assert!(!mig(words).error.contains("compute slices"));
    // Slots and slices would do: the media engines are one instance's already.
    infeasible("plan --board h100-80 --want 2x1g.10gb+me", &["at most 1 of 1g.10gb+me"]);
    let engines = "plan --board rtx-pro-6000 --live 1g.24gb+me.all@0 --want 1g.24gb --add";
    infeasible(engines, &["decoders are needed, and the board has 4"]);
    assert_eq!(mig(&engines.replace("1g.24gb --add", "1g.24gb-me --add")).code, 0);
    let full = "plan --board h100-80 --live 7g.80gb@0 --want 1g.10gb --add";
    infeasible(full, &["it would do to destroy instance 0 at 0:8"]);
}

#[test]
fn options_that_do_not_belong_together() {
    refused("", &["which of profiles, plan, apply, export, resources"]);
    refused("cut", &["no \"cut\""]);
    refused("plan --board h100-80", &["either --want LIST or --config FILE --label NAME"]);
    refused("plan --board h100-80 --want none --config x --label y", &["either --want"]);
    refused("plan --board h100-80 --config x", &["go together"]);
    refused("plan --board h100-80 --want none --label x", &["go together"]);
    refused("plan --board h100-80 --sim mixed --want none", &["one of them"]);
    refused("plan --board h100-80 --config x --label y --add", &["no --add"]);
    refused("plan --want none --want none --board h100-80", &["--want is there twice"]);
    refused("plan --board h100-80 --want none --what", &["--what"]);
    refused("plan --board h100-80 --want", &["missing argument"]);
    refused("apply --board h100-80 --want none", &["--board is no hardware"]);
    refused("export --sim mixed --gpu 0", &["no --gpu"]);
    refused("export --sim mixed --dry-run", &["for plan and apply"]);
    refused("resources --sim mixed --strategy both", &["no strategy \"both\""]);
    refused("plan --sim dgx-a100-8 --want none", &["which GPU", "0, 1, 2, 3, 4, 5, 6, 7 or all"]);
    refused("plan --sim dgx-a100-8 --want none --gpu 8", &["no GPU 8: there are 0, 1"]);
    refused("plan --sim empty --want none", &["no GPU of NVIDIA's here", "--board"]);
    refused("plan --nvml /nonexistent.so --want none", &["/nonexistent.so"]);
    assert_eq!(mig("apply --board h100-80 --want 1g.10gb --dry-run").code, 0);
}

/// A name that is one thing on one board and another on another.
#[test]
fn names_on_a_mixed_node_are_not_guessed() {
    let words = "plan --board h100-80 --board a100-40 --add --want 1g.10gb";
    refused(words, &["one thing on h100-80 and another on a100-40", "--gpu"]);
    assert_eq!(mig("plan --board h100-80 --board a100-40 --add --want 3g.40gb").code, 0);
    refused("plan --board h100-80 --board a100-40 --add --want 1g.18gb", &["has no profile 1g.18gb"]);
}

/// Through a driver: refused, and the driver is as it was.
fn unchanged(driver: &Driver, words: &str, parts: &[&str]) {
    let (state, cut) = (driver.state(), driver.cut());
    for verb in ["apply", "plan"] {
        let answer = driver.mig(&format!("{verb} {words}"));
        assert_eq!(answer.code, 2, "{verb} {words}: {}{}", answer.text, answer.error);
        told(words, &answer.error, parts);
    }
    assert_eq!(driver.state(), state, "{words}");
    assert_eq!(driver.cut(), cut, "{words}");
}

#[test]
fn boards_that_cannot_be_cut_now() {
    let off = Driver::preset("gh200-1");
    unchanged(&off, "--want 1g.12gb", &["GPU 0: MIG is off"]);
    unchanged(&off, "--want 1g.12gb --add", &["GPU 0: MIG is off"]);
    let none = Driver::preset("l40s-4");
    unchanged(&none, "--want 1g.12gb", &["no GPU here can be cut: GPU 0: the board has no MIG"]);
    unchanged(&none, "--want 1g.12gb --gpu 1", &["GPU 1: the board has no MIG"]);
    let mixed = Driver::preset("mixed");
    unchanged(&mixed, "--want none", &["is pinned, and not wanted", "in use by process 9001"]);
    unchanged(&mixed, "--want 7g.80gb --allow-moving", &["in use by process 9001"]);
    unchanged(&mixed, "--want 1g.10gb --gpu 1", &["GPU 1: the board has no MIG"]);
    unchanged(&mixed, "--want 1g.10gb --gpu all", &["GPU 1: the board has no MIG"]);
}

/// An Ampere board with a process on it keeps the mode for its next reset: until then nothing can
/// be made, and nobody is to think that something was.
#[test]
fn a_mode_that_awaits_a_reset() {
    let driver = Driver::preset("dgx-a100-8");
    let on =
        "version: v1\nmig-configs:\n  on:\n  - {devices: [2], mig-enabled: true, mig-devices: {1g.5gb: 1}}\n";
    let file = driver.file("on.yaml", on);
    let words = format!("apply --json --config {file} --label on");
    let first = driver.mig(&words);
    assert_eq!(first.code, 1, "the mode was set: {}", first.text);
    let report = first.json();
    assert_eq!(report["done"], json!(false));
    let set = &report["boards"][0]["set_mig"];
    assert_eq!(set["to"], json!("on"));
    assert!(set["awaits"].as_str().unwrap().contains("a reset of the GPU"), "{set}");
    assert!(set["notes"][0].is_string(), "{set}");
    assert_eq!(report["boards"][0]["made"], json!([]));
    assert!(first.error.contains("GPU 2: MIG mode awaits a reset of the GPU"), "{}", first.error);

    let pending = ["GPU 2: MIG is off, and comes on with a reset that is still awaited"];
    unchanged(&driver, &format!("--config {file} --label on"), &pending);
    unchanged(&driver, "--want 1g.5gb --gpu 2", &pending);
    let boards = driver.mig("profiles --json").json();
    assert_eq!(boards["boards"][2]["mig"], json!("on_after_reset"));
    assert!(driver.mig("profiles").text.contains("comes on with the next reset"));

    // Until the reset, it can be taken back.
    let off = "version: v1\nmig-configs:\n  off: [{devices: [2], mig-enabled: false}]\n";
    let file = driver.file("off.yaml", off);
    let back = driver.mig(&format!("apply --json --config {file} --label off"));
    assert_eq!((back.code, &back.json()["boards"][0]["set_mig"]["to"]), (0, &json!("off")), "{}", back.error);
    assert_eq!(driver.mig("profiles --json").json()["boards"][2]["mig"], json!("off"));
}

#[test]
fn configurations_that_cannot_be() {
    let driver = Driver::preset("mixed");
    let entry = |rest: &str| format!("version: v1\nmig-configs:\n  x:\n  - {{{rest}}}\n");
    let cut = |devices: &str| entry(&format!("devices: [0], mig-enabled: true, mig-devices: {{{devices}}}"));
    let bomb = "a: &a [x, x]\nb: &b [*a, *a]\nc: &c [*b, *b]\nversion: v1\nmig-configs: {}\n";
    let cases: &[(&str, &str)] = &[
        ("", "empty"),
        ("version: v1\n", "mig-configs is missing"),
        (bomb, "anchors"),
        ("version: &v v1\nmig-configs: {}\n", "anchors"),
        ("version: v1\nmig-configs: {x: *v}\n", "unknown anchor"),
        ("version: v1\nversion: v1\nmig-configs: {}\n", "line 2, column 1: key version is there twice"),
        ("version: v1\nmig-configs: {}\nmig-config: {}\n", "line 3, column 1: unknown key mig-config"),
        (&"[".repeat(100_000), "recursion limit"),
        (&format!("version: {}", "x".repeat(3 << 20)), "too much"),
        (&entry("devices: all, mig-enabled: false, devices: all"), "key devices is there twice"),
        (&entry("devices: [2], mig-enabled: false"), "GPU 2 is not there: the node has 2 GPUs"),
        (&entry("devices: [0, 0], mig-enabled: false"), "GPU 0 is there twice"),
        (&entry("devices: all, mig-enabled: true"), "GPU 1: it cannot be cut; GPU 1: the board has no MIG"),
        (&entry("devices: [], mig-enabled: true"), "no entry of \"x\" is about a GPU"),
        (&cut("1g.5gb: 1"), "line 4, column 5: mig-configs.x: GPU 0: h100-80 has no profile 1g.5gb"),
        (&cut("1g.10gb: 0"), "at least one count is above 0"),
        (&cut("1g.10gb: -1"), "a whole number from 0"),
        (&cut("1g.10gb: 1e9"), "a whole number from 0"),
        (&cut("1g.10gb: 1000000000"), "at most 7 of 1g.10gb, and 1000000000 are wanted"),
        (&cut("1c.3g.40gb: 4294967295"), "at most 2 of 3g.40gb"),
        (&cut("1g.10gb: 1, 1g.10gb: 1"), "twice"),
        (&cut("3g.40gb: 1, 2g.20gb: 3"), "9 compute slices are needed"),
        (&entry("devices: [0], mig-enabled: false"), "in use by process 9001"),
    ];
    for (text, part) in cases {
        let file = driver.file("config.yaml", text);
        let shown = &text[..text.len().min(80)];
        unchanged(&driver, &format!("--config {file} --label x"), &[part]);
        assert!(!driver.mig(&format!("plan --config {file} --label x")).error.contains("panic"), "{shown}");
    }
    let file = driver.file("config.yaml", &cut("1g.10gb: 1"));
    unchanged(&driver, &format!("--config {file} --label y"), &["no label \"y\": there are x"]);
    unchanged(&driver, &format!("--config {file} --label x --gpu 1"), &["no entry of \"x\" is about a GPU"]);
    unchanged(&driver, "--config /nonexistent --label x", &["/nonexistent: No such file"]);
    let bytes = driver.folder().join("bytes");
    std::fs::write(&bytes, [0xff, 0xfe, 0]).unwrap();
    unchanged(&driver, &format!("--config {} --label x", bytes.display()), &["valid UTF-8"]);
    let one = Driver::preset("gh200-1");
    let file = one.file("config.yaml", &entry("devices: [1], mig-enabled: false"));
    let part = "line 4, column 5: mig-configs.x: GPU 1 is not there: the node has 1 GPU";
    unchanged(&one, &format!("--config {file} --label x"), &[part]);
}

#[test]
fn plugin_configurations_that_cannot_be() {
    let driver = Driver::preset("dgx-a100-8");
    let cases: &[(&str, &str)] = &[
        ("version: v1\nflag: {}\n", "line 2, column 1: unknown key flag"),
        ("version: v1\nflags: {migStrategy: single}\n", "GPU 2 has MIG off, and others have it on"),
        (
            "version: v1\nflags: {migStrategy: mixed}\n\
             sharing: {mps: {resources: [{name: mig-1g.5gb, replicas: 2}]}}\n",
            "MPS cannot share",
        ),
        (
            "version: v1\nsharing: {timeSlicing: {resources: [{name: gpu, replicas: 1}]}}\n",
            "at least 2 replicas",
        ),
    ];
    for (text, part) in cases {
        let file = driver.file("plugin.yaml", text);
        let answer = driver.mig(&format!("resources --config {file}"));
        assert_eq!((answer.code, &answer.text[..]), (2, ""), "{text}");
        told(text, &answer.error, &[part]);
    }
    assert!(driver.mig("resources --strategy single").error.contains("would refuse this node"));
}
