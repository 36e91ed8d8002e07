//! Configurations of mig-parted and of the device plugin: what they mean, and what is refused where.

use gpu_core::PciId;
use gpu_core::plan::{Layout, Request};
use gpu_nvidia_mig::Board;
use gpu_nvidia_mig::formats::{
    Devices, MigParted, MigStrategy, PartedGpu, PluginConfig, PluginGpu, SharingKind,
};

/// Mixed boards under one label, in the manner of the configuration that mig-parted ships.
const BALANCED: &str = r#"# Each board by its own profiles.
version: v1
mig-configs:
  all-disabled:
    - devices: all
      mig-enabled: false

  all-balanced:
    # A100-40
    - device-filter: ["0x20B010DE", "0x20B110DE"]
      devices: all
      mig-enabled: true
      mig-devices:
        "1g.5gb": 2
        "2g.10gb": 1
        "3g.20gb": 1
    # H100
    - device-filter: "0x233010DE"
      devices: [1, 2]
      mig-enabled: true
      mig-devices:
        "1g.10gb": 2
        "2g.20gb": 1
        "3g.40gb": 1

  "odd: label":
    - devices: [0]
      mig-enabled: true
      mig-devices: {1c.3g.20gb: 4, 1g.5gb+me: 1, 2g.10gb: 0}
"#;

fn gpu(key: &str) -> PartedGpu {
    let board = Board::named(key).unwrap();
    let pci_id = PciId { vendor: 0x10de, device: board.pci_devices()[0], ..PciId::default() };
    PartedGpu { pci_id, profiles: Some(board.profiles()) }
}

/// A label `x` with these entries.
fn labelled(entries: &[&str]) -> String {
    let entries: Vec<String> = entries.iter().map(|entry| format!("  - {{{entry}}}\n")).collect();
    format!("version: v1\nmig-configs:\n  x:\n{}", entries.concat())
}

fn refused(text: &str, line: usize, column: usize, part: &str) {
    let error = MigParted::from_yaml(text).unwrap_err();
    assert!(error.to_string().contains(part), "{error}");
    assert_eq!((error.line(), error.column()), (line, column), "{error}\n{text}");
}

#[test]
fn a_label_is_cut_board_by_board() {
    let config = MigParted::from_yaml(BALANCED).unwrap();
    let labels: Vec<&str> = config.configs.iter().map(|(label, _)| label.as_str()).collect();
    assert_eq!(labels, ["all-disabled", "all-balanced", "odd: label"]);
    let stranger = PartedGpu { pci_id: PciId { vendor: 0x1002, ..PciId::default() }, profiles: None };
    let node = [gpu("a100-40"), gpu("h100-80"), gpu("h100-80"), stranger];
    let targets = config.apply("all-balanced", &node).unwrap();
    assert!(targets[3].is_none(), "no entry is about it");
    for (gpu, target) in node.iter().zip(targets).take(3) {
        let target = target.unwrap();
        assert!(target.mig_enabled && target.partial.is_empty());
        let geometry = gpu.profiles.as_ref().unwrap().geometry().unwrap();
        let plan = geometry.plan(&Layout::default(), &Request::exactly(target.wanted)).unwrap();
        let slices = plan.create.iter().map(|new| new.name.split('g').next().unwrap()).collect::<Vec<_>>();
        assert_eq!(slices, ["3", "2", "1", "1"], "{}", geometry.kind());
    }
    let off = config.apply("all-disabled", &node).unwrap();
    assert!(off.iter().all(|target| target.as_ref().is_some_and(|target| !target.mig_enabled)));
}

#[test]
fn compute_instances_share_a_gpu_instance() {
    let config = MigParted::from_yaml(BALANCED).unwrap();
    let target = config.apply("odd: label", &[gpu("a100-40")]).unwrap().remove(0).unwrap();
    // Four of 1c.3g take two 3g.
    let profiles = Board::named("a100-40").unwrap().profiles();
    assert_eq!(target.wanted, profiles.wanted(["3g.20gb", "3g.20gb", "1g.5gb+me"]).unwrap());
    assert_eq!(target.partial, [("1c.3g.20gb".parse().unwrap(), 4)]);
}

#[test]
fn labels_that_do_not_fit_the_node_are_refused() {
    let config = MigParted::from_yaml(BALANCED).unwrap();
    let refuse = |label: &str, node: &[PartedGpu]| config.apply(label, node).unwrap_err().to_string();
    let text = refuse("all-baanced", &[]);
    assert!(
        text.ends_with("no label \"all-baanced\": there are all-disabled, all-balanced, odd: label"),
        "{text}"
    );
    let text = refuse("all-balanced", &[gpu("a100-40")]);
    let expected = "line 18, column 7: mig-configs.all-balanced: GPU 1 is not there: the node has 1 GPU";
    assert_eq!(text, expected);
    let text = refuse("odd: label", &[gpu("h100-80")]);
    assert!(text.contains("GPU 0: h100-80 has no profile 3g.20gb: it has 1g.10gb"), "{text}");
    let bare = PartedGpu { profiles: None, ..gpu("h100-80") };
    let text = refuse("odd: label", &[bare]);
    assert!(text.ends_with("GPU 0: it cannot be cut"), "{text}");

    let both = &labelled(&["devices: all, mig-enabled: false", "devices: [0], mig-enabled: false"]);
    let text = MigParted::from_yaml(both).unwrap().apply("x", &[gpu("h100-80")]).unwrap_err().to_string();
    assert_eq!(text, "line 5, column 5: mig-configs.x: GPU 0: the entry in line 4 is about it too");
    let off = &labelled(&["devices: all, mig-enabled: false, mig-devices: {1g.10gb: 1}"]);
    let text = MigParted::from_yaml(off).unwrap().apply("x", &[gpu("h100-80")]).unwrap_err().to_string();
    assert!(text.contains("instances are listed, and MIG is off"), "{text}");
    // A billion is a number: it is the board that has no room.
    let many = &labelled(&["devices: all, mig-enabled: true, mig-devices: {1g.10gb: 1000000000}"]);
    let target =
        MigParted::from_yaml(many).unwrap().apply("x", &[gpu("h100-80")]).unwrap().remove(0).unwrap();
    let geometry = Board::named("h100-80").unwrap().geometry().unwrap();
    let text = geometry.plan(&Layout::default(), &Request::exactly(target.wanted)).unwrap_err().to_string();
    assert!(text.starts_with("at most 7 of 1g.10gb, and 1000000000 are wanted"), "{text}");
}

#[test]
fn mistakes_are_refused_with_line_and_column() {
    refused("", 1, 1, "empty");
    refused("version: v1\n", 1, 1, "mig-configs is missing");
    refused("mig-configs: {}\n", 1, 1, "version is missing");
    refused("version: v2\nmig-configs: {}\n", 1, 10, "version \"v2\" is not known");
    refused("version: v1\nversion: v1\n", 2, 1, "twice");
    refused("version: v1\nmig-configs: []\n", 2, 14, "a map is expected, and a list is there");
    refused("version: v1\nmig-configs:\n  x: []\n", 3, 6, "at least one entry");
    refused("version: v1\nmig-configs:\n  x:\n  - all\n", 4, 5, "mig-configs.x[0]: a map is expected");
    refused("version: v1\nmig-configs:\n  x:\n  - devices: all\n", 4, 5, "mig-enabled is missing");
    refused("version: v1\nmig-configs:\n  x:\n  - mig-enabled: true\n", 4, 5, "devices is missing");
    let entry = |rest: &str| {
        format!("version: v1\nmig-configs:\n  x:\n  - devices: all\n    mig-enabled: true\n    {rest}\n")
    };
    refused(&entry("mig-device: {}"), 6, 5, "unknown key mig-device: there are device-filter, devices");
    refused(&entry("devices: all"), 6, 5, "key devices is there twice");
    refused(&entry("mig-devices: {1g.5gb: -1}"), 6, 27, "a whole number from 0");
    refused(&entry("mig-devices: {1g.5gb: 1.5}"), 6, 27, "a whole number from 0");
    refused(&entry("mig-devices: {1g.5gb: 1e9}"), 6, 27, "a whole number from 0");
    refused(&entry("mig-devices: {1g.5gb: \"1\"}"), 6, 27, "a whole number from 0");
    refused(&entry("mig-devices: {1g.5gb: 4294967296}"), 6, 27, "a whole number from 0");
    refused(&entry("mig-devices: {1g.5gb: 0, 2g.10gb: 0}"), 6, 18, "at least one count is above 0");
    refused(&entry("mig-devices: {1g.5: 1}"), 6, 19, "not a MIG profile");
    refused(&entry("mig-devices: {3c.3g.20gb: 1, 3g.20gb: 1}"), 6, 34, "3g.20gb is there twice");
    refused(&entry("device-filter: 0x2330"), 6, 20, "eight hexadecimal digits");
    refused(&entry("device-filter: [\"0x233010DE\", \"0x2330+0DE\"]"), 6, 35, "eight hexadecimal digits");
    let devices = |devices: &str| {
        format!("version: v1\nmig-configs:\n  x:\n  - mig-enabled: true\n    devices: {devices}\n")
    };
    refused(&devices("some"), 5, 14, "\"all\" or a list");
    refused(&devices("[0, -1]"), 5, 18, "a whole number from 0");
    refused(&devices("[0, 0]"), 5, 14, "GPU 0 is there twice");
    refused(
        "version: v1\nmig-configs:\n  x:\n  - devices: all\n    mig-enabled: \"true\"\n",
        5,
        18,
        "true or false",
    );
    refused("version: v1\nmig-configs:\n  x: {}\n---\nversion: v1\n", 4, 1, "second document");
    refused("version: v1\nmig-configs: {x: [\n", 2, 18, "unclosed");
    refused("version: v1\n\tmig-configs: {}\n", 1, 10, "found a tab");
}

/// A text that grows when it is read is not read.
#[test]
fn anchors_aliases_and_bombs_are_refused() {
    refused("version: &v v1\nmig-configs: {}\n", 1, 13, "anchors and tags");
    refused("version: !!str v1\nmig-configs: {}\n", 1, 16, "anchors and tags");
    let bomb = "a: &a [x, x]\nb: &b [*a, *a]\nc: &c [*b, *b]\nd: [*c, *c]\n";
    assert!(MigParted::from_yaml(bomb).unwrap_err().to_string().contains("anchors"));
    let deep = format!("version: {}{}", "[".repeat(100), "]".repeat(100));
    assert!(MigParted::from_yaml(&deep).unwrap_err().to_string().contains("too deeply"));
    let long = format!("version: {}", "x".repeat(2 << 20));
    assert!(MigParted::from_yaml(&long).unwrap_err().to_string().contains("too much"));
    let wordy = format!("version: {}", "x".repeat(1 << 19));
    assert!(MigParted::from_yaml(&wordy).unwrap_err().to_string().len() < 1000);
}

#[test]
fn what_is_printed_reads_back() {
    let mut config = MigParted::from_yaml(BALANCED).unwrap();
    for label in ["", "true", "1", "-", "ä \" \\ \n \u{7} \u{85} \u{2028}", "x: y", "#", "*a", "v1.2_x-y"] {
        let (_, entries) = config.configs[1].clone();
        config.configs.push((label.to_owned(), entries));
    }
    assert_eq!(MigParted::from_yaml(&config.to_string()).unwrap(), config, "{config}");
    assert_eq!(config.configs[1].1[1].devices, Devices::Positions(vec![1, 2]));
    let empty = MigParted::default();
    assert_eq!(MigParted::from_yaml(&empty.to_string()).unwrap(), empty);
}

/// Whatever a file has become, reading it ends.
#[test]
fn broken_texts_do_no_harm() {
    let (mut state, mut read) = (7_u64, 0);
    let mut below = |n: usize| {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 33) as usize % n
    };
    let pieces = [
        ":", "-", " ", "\n", "\t", "{", "}", "[", "]", "&a", "*a", "!", "|", ">", "\"", "'", "#", ",", "?",
        "é", "\0",
    ];
    for _ in 0..5_000 {
        let mut text: Vec<char> = BALANCED.chars().collect();
        for _ in 0..=below(3) {
            let at = below(text.len());
            match below(3) {
                0 => drop(text.drain(at..(at + below(20)).min(text.len()))),
                1 => drop(text.splice(at..at, pieces[below(pieces.len())].chars())),
                _ => text.truncate(text.len() - below(40)),
            }
        }
        let text: String = text.into_iter().collect();
        if let Ok(config) = MigParted::from_yaml(&text) {
            assert_eq!(MigParted::from_yaml(&config.to_string()).as_ref(), Ok(&config));
            read += 1;
        }
        let _ = PluginConfig::from_yaml(&text);
    }
    assert!(read > 100, "{read} still read");
}

fn plugin(text: &str) -> PluginConfig {
    PluginConfig::from_yaml(text).unwrap_or_else(|error| panic!("{error}"))
}

fn plugin_gpu(product: &str, instances: Option<&[&str]>) -> PluginGpu {
    let parse = |names: &[&str]| names.iter().map(|name| name.parse().unwrap()).collect();
    PluginGpu { product: product.to_owned(), instances: instances.map(parse) }
}

fn offered(config: &PluginConfig, gpus: &[PluginGpu]) -> Vec<String> {
    config.offered(gpus).unwrap().iter().map(ToString::to_string).collect()
}

#[test]
fn strategies_name_resources_as_the_plugin_does() {
    let node = [
        plugin_gpu("NVIDIA A100-SXM4-40GB", None),
        plugin_gpu("NVIDIA A100-SXM4-40GB", Some(&["3g.20gb", "1g.5gb", "1g.5gb", "1c.3g.20gb"])),
    ];
    let strategy = |name: &str| plugin(&format!("version: v1\nflags: {{migStrategy: {name}}}\n"));
    assert_eq!(offered(&plugin("version: v1\n"), &node), ["2 nvidia.com/gpu"]);
    assert_eq!(offered(&strategy("none"), &node), ["2 nvidia.com/gpu"]);
    let mixed = ["1 nvidia.com/gpu", "2 nvidia.com/mig-1g.5gb", "1 nvidia.com/mig-3g.20gb"];
    assert_eq!(offered(&strategy("mixed"), &node), mixed, "a part of a GPU instance is not offered");

    let single = strategy("single");
    let refuse = |gpus: &[PluginGpu]| single.offered(gpus).unwrap_err().to_string();
    assert_eq!(refuse(&node), "GPU 0 has MIG off, and others have it on");
    assert_eq!(refuse(&[plugin_gpu("x", Some(&[]))]), "GPU 0 has MIG on and no instance");
    assert_eq!(refuse(&node[1..]), "instances differ: 3g.20gb and 1g.5gb");
    let alike = plugin_gpu("x", Some(&["3g.20gb", "3g.20gb"]));
    assert_eq!(offered(&single, &[alike.clone(), alike]), ["4 nvidia.com/gpu"]);
    assert_eq!(offered(&single, &node[..1]), ["1 nvidia.com/gpu"]);
}

#[test]
fn shares_multiply_and_rename() {
    let text = "version: v1
flags: {migStrategy: mixed}
resources:
  gpus: [{pattern: '*A100*40GB', name: small}, {pattern: '*', name: gpu}]
  migs: [{pattern: 1g.*, name: nvidia.com/one}]
sharing:
  timeSlicing:
    failRequestsGreaterThanOne: true
    resources:
    - {name: small, replicas: 10}
    - name: mig-3g.40gb
      replicas: 2
      rename: other
      devices: [0, '0:1', GPU-3c92a7a5-7d8e-4b8e-9f8b-0a1b2c3d4e5f]
";
    let config = plugin(text);
    assert_eq!(config.mig_strategy, MigStrategy::Mixed);
    assert_eq!(config.warnings.len(), 2, "{:?}", config.warnings);
    let node = [
        plugin_gpu("NVIDIA A100-SXM4-40GB", None),
        plugin_gpu("NVIDIA H100 80GB HBM3", None),
        plugin_gpu("NVIDIA H100 80GB HBM3", Some(&["3g.40gb", "1g.10gb", "1g.10gb+me"])),
    ];
    let expected =
        ["1 nvidia.com/gpu", "2 nvidia.com/mig-3g.40gb", "2 nvidia.com/one", "10 nvidia.com/small"];
    assert_eq!(offered(&config, &node), expected);
    let shared = config.offered(&node).unwrap();
    assert_eq!((shared[1].shared, shared[1].devices), (Some(SharingKind::TimeSlicing), 1));

    let mps = "version: v1
sharing:
  mps: {resources: [{name: gpu, replicas: 4}], renameByDefault: true}
  timeSlicing: {resources: [{name: gpu, replicas: 2}]}
";
    let config = plugin(mps);
    assert_eq!(offered(&config, &node[..2]), ["8 nvidia.com/gpu.shared"], "MPS goes before time-slicing");
    assert_eq!(config.warnings.len(), 1);
    let on_mig = "version: v1
flags: {migStrategy: mixed}
sharing: {mps: {resources: [{name: mig-3g.40gb, replicas: 4}]}}
";
    let text = plugin(on_mig).offered(&node).unwrap_err().to_string();
    assert_eq!(text, "nvidia.com/mig-3g.40gb are MIG devices, which MPS cannot share");
}

#[test]
fn mistakes_in_plugin_configurations_are_refused() {
    let refused = |text: &str, line: usize, column: usize, part: &str| {
        let error = PluginConfig::from_yaml(text).unwrap_err();
        assert!(error.to_string().contains(part), "{error}");
        assert_eq!((error.line(), error.column()), (line, column), "{error}");
    };
    refused("flags: {}\n", 1, 1, "version is missing");
    refused("version: v1\nflag: {}\n", 2, 1, "unknown key flag");
    refused("version: v1\nflags: {migStrategy: both}\n", 2, 22, "none, single, mixed");
    refused("version: v1\nflags:\n  plugin:\n    passDeviceSpec: true\n", 4, 5, "unknown key passDeviceSpec");
    refused("version: v1\nsharing: {timeSlicing: {}}\n", 2, 24, "resources is missing");
    refused("version: v1\nsharing: {timeSlicing: {resources: []}}\n", 2, 36, "at least one resource");
    let replicas =
        |rest: &str| format!("version: v1\nsharing:\n  mps:\n    resources:\n    - {{name: gpu, {rest}}}\n");
    refused(&replicas("replicas: 1"), 5, 29, "at least 2");
    refused(&replicas("replicas: -1"), 5, 29, "a whole number");
    refused(&replicas("devices: all"), 5, 7, "replicas is missing");
    refused(&replicas("replicas: 2, devices: 0"), 5, 41, "above 0");
    refused(&replicas("replicas: 2, devices: [x]"), 5, 42, "a position");
    refused(&replicas("replicas: 2, rename: a/b"), 5, 40, "letters");
    let long = "x".repeat(64);
    refused(&replicas(&format!("replicas: 2, rename: {long}")), 5, 40, "64 characters: at most 63");
    let twice = "version: v1
sharing: {mps: {resources: [
  {name: gpu, replicas: 2},
  {name: nvidia.com/gpu, replicas: 3}]}}
";
    refused(twice, 2, 28, "nvidia.com/gpu is there twice");
}

#[test]
fn patterns_have_stars() {
    for (pattern, text, fits) in [
        ("*", "", true),
        ("a*", "abc", true),
        ("*c", "abc", true),
        ("a*c", "ac", true),
        ("a*b*c", "a1b2c", true),
        ("ab*bc", "abc", false),
        ("a*b", "abc", false),
        ("abc", "abcd", false),
        ("**", "x", true),
        ("*a*a*", "a", false),
    ] {
        let config =
            plugin(&format!("version: v1\nresources: {{gpus: [{{pattern: '{pattern}', name: hit}}]}}\n"));
        let hit = offered(&config, &[plugin_gpu(text, None)]) == ["1 nvidia.com/hit"];
        assert_eq!(hit, fits, "{pattern} {text}");
    }
}

/// Found by fuzzing: quoted, a label may be longer than YAML allows a key to be.
#[test]
fn a_label_that_grows_when_it_is_written_reads_back() {
    for label in ["\t".repeat(200), "\\".repeat(1020), "x y".repeat(400), "x".repeat(3000)] {
        let entry = gpu_nvidia_mig::formats::PartedEntry::new(Devices::All, false, Vec::new());
        let mut config = MigParted::default();
        config.configs.push((label, vec![entry]));
        let written = config.to_string();
        assert_eq!(MigParted::from_yaml(&written).unwrap_or_else(|error| panic!("{error}")), config);
    }
}
