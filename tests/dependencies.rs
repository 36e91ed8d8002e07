//! The sizes of dependency trees that the project promises, and who may depend on whom.
//!
//! Counted with `cargo tree` on the project as it stands: ours and procedural macros included.

use std::collections::BTreeSet;
use std::process::Command;

/// The packages that `arguments` name and everything they need to be built, for this machine.
fn tree(arguments: &[&str]) -> BTreeSet<String> {
    let output = Command::new(env!("CARGO"))
        .args(["tree", "--edges", "normal,build", "--prefix", "none", "--locked", "--offline"])
        .args(arguments)
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .output()
        .expect("cargo runs");
    let text = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success(), "cargo tree: {}", String::from_utf8_lossy(&output.stderr));
    // "name v1.2.3 (proc-macro)" → "name v1.2.3": two versions are two crates.
    text.lines().map(|line| line.split(' ').take(2).collect::<Vec<_>>().join(" ")).collect()
}

fn at_most(most: usize, arguments: &[&str]) {
    let crates = tree(arguments);
    assert!(crates.len() > 1, "nothing was counted: {crates:?}");
    assert!(crates.len() <= most, "{arguments:?} needs {} crates, at most {most}: {crates:#?}", crates.len());
}

#[test]
fn core_needs_at_most_8_crates() {
    at_most(8, &["-p", "gpu-core"]);
}

#[test]
fn core_with_serde_needs_at_most_12_crates() {
    at_most(12, &["-p", "gpu-core", "--features", "serde"]);
}

#[test]
fn the_facade_needs_at_most_40_crates() {
    at_most(40, &["-p", "gpu-accounting"]);
}

#[test]
fn the_facade_with_the_states_of_runtimes_needs_at_most_40_crates() {
    at_most(40, &["-p", "gpu-accounting", "--features", "containers"]);
}

/// Recording costs three crates, and none of those who do not record.
#[test]
fn recordings_are_for_those_who_ask() {
    let (without, with) =
        (tree(&["-p", "gpu-accounting"]), tree(&["-p", "gpu-accounting", "--features", "record"]));
    let more: BTreeSet<&str> =
        with.difference(&without).filter_map(|package| package.split(' ').next()).collect();
    assert_eq!(more, BTreeSet::from(["adler2", "gpu-record", "miniz_oxide"]));
    at_most(40, &["-p", "gpu-accounting", "--features", "record,containers"]);
}

/// Engines by perf cost three crates, and none of those who do not ask.
#[test]
fn counters_of_perf_are_for_those_who_ask() {
    let (without, with) =
        (tree(&["-p", "gpu-accounting"]), tree(&["-p", "gpu-accounting", "--features", "perf"]));
    let more: BTreeSet<&str> =
        with.difference(&without).filter_map(|package| package.split(' ').next()).collect();
    assert_eq!(more, BTreeSet::from(["libc", "perf-event", "perf-event-open-sys"]));
    at_most(40, &["-p", "gpu-accounting", "--features", "perf,level-zero"]);
}

/// A ledger that is kept in memory or by a journal of one's own needs little; SQLite and etcd come by
/// feature.
#[test]
fn the_store_needs_at_most_8_crates_24_with_sqlite_and_30_with_etcd() {
    at_most(8, &["-p", "gpu-store"]);
    at_most(24, &["-p", "gpu-store", "--features", "sqlite"]);
    at_most(30, &["-p", "gpu-store", "--features", "etcd"]);
    let has = |name: &str| tree(&["-p", "gpu-store"]).iter().any(|package| package.starts_with(name));
    assert!(!has("cc ") && !has("libsqlite3-sys ") && has("gpu-core "), "a C compiler is for those who ask");
}

/// Nothing that compiles C, generates bindings or links a vendor's library is in the tree.
#[test]
fn no_c_compiler_and_no_vendor_sdk_is_needed() {
    let forbidden =
        ["cc", "cmake", "bindgen", "clang-sys", "pkg-config", "prost-build", "rocm_smi_lib", "libz-sys"];
    for package in tree(&["-p", "gpu-accounting", "--all-features"]) {
        let name = package.split(' ').next().unwrap_or("");
        assert!(!forbidden.contains(&name), "{package} needs a C compiler or an SDK");
    }
}

/// Vendors do not know each other, and core and host know no vendor.
#[test]
fn arrows_point_down() {
    let family = |package: &str| -> BTreeSet<String> {
        let ours = |name: &&String| name.starts_with("gpu-");
        tree(&["-p", package])
            .iter()
            .filter(ours)
            .map(|p| p.split(' ').next().unwrap_or("").to_owned())
            .collect()
    };
    let set = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect::<BTreeSet<_>>();
    assert_eq!(family("gpu-core"), set(&["gpu-core"]));
    assert_eq!(family("gpu-store"), set(&["gpu-core", "gpu-store"]));
    assert_eq!(family("gpu-host"), set(&["gpu-core", "gpu-host"]));
    assert_eq!(family("gpu-nvidia-mig"), set(&["gpu-core", "gpu-nvidia-mig"]));
    // The one exception to "gpu-sim needs core alone": plain data, see ARCHITECTURE.md.
    assert_eq!(family("gpu-sim"), set(&["gpu-core", "gpu-nvidia-mig", "gpu-sim"]));
    assert_eq!(family("gpu-record"), set(&["gpu-core", "gpu-record"]));
    assert_eq!(family("gpu-nvidia"), set(&["gpu-core", "gpu-host", "gpu-nvidia-mig", "gpu-nvidia"]));
    for vendor in ["gpu-amd", "gpu-intel"] {
        assert_eq!(family(vendor), set(&["gpu-core", "gpu-host", vendor]));
    }
}

/// Configurations in YAML are for those who ask.
#[test]
fn the_facade_reads_no_yaml() {
    let has = |arguments: &[&str]| tree(arguments).iter().any(|package| package.starts_with("granit-parser"));
    assert!(!has(&["-p", "gpu-accounting"]));
    assert!(has(&["-p", "gpu-accounting", "--features", "containers"]));
    assert!(has(&["-p", "gpu-nvidia-mig", "--features", "formats"]));
}

/// A vendor that is switched off is not in the tree.
#[test]
fn features_switch_vendors_off() {
    let crates = tree(&["-p", "gpu-accounting", "--no-default-features"]);
    let has = |name: &str| crates.iter().any(|package| package.split(' ').next() == Some(name));
    assert!(has("gpu-host") && !has("gpu-amd") && !has("gpu-intel") && !has("nvml-wrapper"), "{crates:#?}");
}
