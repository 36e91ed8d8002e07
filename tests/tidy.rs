//! What a machine can check of the project's own rules (see ARCHITECTURE.md): where unsafe code
//! may stand, how long a file may be, what the front page of a crate may hold, and words that
//! do not belong in a repository.

use std::fs;
use std::path::{Path, PathBuf};

/// Longest Rust file, in lines: past that it is not one noun any more.
const LONGEST_FILE: usize = 800;

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// Every file of the project that people write, with its text.
fn texts() -> Vec<(PathBuf, String)> {
    let mut found = Vec::new();
    walk(root(), &mut found);
    assert!(found.len() > 50, "the project has more than {} files", found.len());
    found
}

fn walk(folder: &Path, found: &mut Vec<(PathBuf, String)>) {
    for entry in fs::read_dir(folder).expect("a folder of the project is readable") {
        let path = entry.expect("an entry of a folder is readable").path();
        let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        if path.is_dir() {
            if !name.starts_with("target") && !name.starts_with(".git") {
                walk(&path, found);
            }
        } else if name != "Cargo.lock" {
            if let Ok(text) = fs::read_to_string(&path) {
                found.push((path, text));
            }
        }
    }
}

fn rust() -> Vec<(PathBuf, String)> {
    texts().into_iter().filter(|(path, _)| path.extension().is_some_and(|e| e == "rs")).collect()
}

fn shown(path: &Path) -> String {
    path.strip_prefix(root()).unwrap_or(path).display().to_string()
}

fn none_of(what: &str, found: &[String]) {
    assert!(found.is_empty(), "{what}:\n  {}", found.join("\n  "));
}

/// Unsafe code is where a reader looks for it: files named `ffi` or `load`, and gpu-sim's C
/// libraries.
#[test]
fn unsafe_code_stands_where_it_may() {
    let allowed = |path: &str| {
        let file = path.rsplit('/').next().unwrap_or(path);
        matches!(file, "ffi.rs" | "load.rs")
            || path.starts_with("gpu-sim/nvml/")
            || path.starts_with("gpu-sim/rocm-smi/")
            || path.starts_with("gpu-sim/level-zero/")
    };
    let mut found = Vec::new();
    for (path, text) in rust() {
        let path = shown(&path);
        let code = text.lines().map(|line| line.split("//").next().unwrap_or(""));
        // Spelled apart, so that this file does not find itself.
        let word = concat!("un", "safe ");
        if !allowed(&path) && code.clone().any(|line| line.contains(word) && !line.contains('"')) {
            found.push(path);
        }
    }
    none_of("unsafe code outside ffi.rs and load.rs", &found);
}

#[test]
fn no_file_holds_more_than_one_thing_can_need() {
    let long: Vec<String> = rust()
        .iter()
        .filter(|(_, text)| text.lines().count() > LONGEST_FILE)
        .map(|(path, text)| format!("{} has {} lines", shown(path), text.lines().count()))
        .collect();
    none_of(&format!("files over {LONGEST_FILE} lines"), &long);
}

/// `lib.rs` lists and documents; what it lists is defined elsewhere. And there is no `mod.rs`.
#[test]
fn front_pages_define_nothing() {
    let mut found = Vec::new();
    for (path, text) in rust() {
        let shown = shown(&path);
        if shown.ends_with("/mod.rs") {
            found.push(format!("{shown}: use topic.rs beside topic/"));
        }
        if shown.ends_with("src/lib.rs") {
            let defines = |line: &&str| {
                ["pub fn ", "fn ", "pub struct ", "struct ", "pub enum ", "enum ", "impl ", "pub trait "]
                    .iter()
                    .any(|start| line.starts_with(start))
            };
            found.extend(text.lines().filter(defines).map(|line| format!("{shown}: {line}")));
        }
    }
    none_of("definitions in lib.rs", &found);
}

/// Where the published libraries stand.
const LIBRARIES: [&str; 11] = [
    "gpu-core/src/",
    "gpu-host/src/",
    "gpu-nvidia/src/",
    "gpu-nvidia/mig/src/",
    "gpu-amd/src/",
    "gpu-amd/rocm-smi/src/",
    "gpu-intel/src/",
    "gpu-intel/level-zero-sys/src/",
    "gpu-record/src/",
    "gpu-store/src/",
    "src/",
];

/// Only the constructors of roots know where the kernel mounts its trees.
#[test]
fn kernel_paths_are_injected() {
    let mut found = Vec::new();
    for (path, text) in rust() {
        let shown = shown(&path);
        if !LIBRARIES.iter().any(|library| shown.starts_with(library)) || shown == "gpu-host/src/roots.rs" {
            continue;
        }
        let code = text.split("#[cfg(test)]").next().unwrap_or("");
        let calls = [
            "\"/sys\"",
            "\"/proc\"",
            "new(\"/sys/",
            "new(\"/proc/",
            "from(\"/sys/",
            "from(\"/proc/",
            "open(\"/",
        ];
        for line in code.lines().filter(|line| !line.trim_start().starts_with("//")) {
            if calls.iter().any(|call| line.contains(call)) {
                found.push(format!("{shown}: {}", line.trim()));
            }
        }
    }
    none_of("kernel paths outside gpu-host's roots", &found);
}

/// What no library of this family may do.
#[test]
fn libraries_print_nothing_and_start_nothing() {
    let never =
        ["println!", "eprintln!", "dbg!(", "Command::new", "thread::spawn", "env::var", "process::exit"];
    // A sampler and a watch of health that are started have threads. Those of a scope end with it.
    let threads = ["src/health_watch.rs", "src/sampler/builder.rs", "src/sampler/worker.rs"];
    let mut found = Vec::new();
    for (path, text) in rust() {
        let shown = shown(&path);
        if !LIBRARIES.iter().any(|library| shown.starts_with(library)) {
            continue;
        }
        let code = text.split("#[cfg(test)]").next().unwrap_or("");
        for line in code.lines().filter(|line| !line.trim_start().starts_with("//")) {
            let starts = line.contains(".spawn(") && !line.contains("scope.spawn(");
            let starts = starts && !threads.contains(&shown.as_str());
            if starts || never.iter().any(|word| line.contains(word)) {
                found.push(format!("{shown}: {}", line.trim()));
            }
        }
    }
    none_of("printing, processes, threads or environment in a library", &found);
}

/// Unfinished work is an issue, not a marker in the code.
#[test]
fn nothing_is_left_unfinished_in_the_code() {
    let markers =
        [concat!("to", "do!("), concat!("unimple", "mented!("), concat!("FIX", "ME"), concat!("XX", "X ")];
    let mut found = Vec::new();
    for (path, text) in rust() {
        for line in text.lines().filter(|line| markers.iter().any(|marker| line.contains(marker))) {
            found.push(format!("{}: {}", shown(&path), line.trim()));
        }
    }
    none_of("unfinished markers", &found);
}

/// The same names for the same things in every vendor's crate: who knows one knows all.
#[test]
fn vendor_crates_have_the_same_rooms() {
    for vendor in ["gpu-nvidia", "gpu-amd", "gpu-intel"] {
        for file in
            ["lib.rs", "backend.rs", "discover.rs", "error.rs", "inventory.rs", "partition.rs", "reading.rs"]
        {
            let path = root().join(vendor).join("src").join(file);
            assert!(path.is_file(), "{} is missing", shown(&path));
        }
    }
}

/// A line that is read on a terminal.
#[test]
fn lines_are_no_longer_than_a_screen() {
    let mut found = Vec::new();
    for (path, text) in rust() {
        for (number, line) in text.lines().enumerate() {
            if line.chars().count() > 140 {
                found.push(format!("{}:{}", shown(&path), number + 1));
            }
        }
    }
    none_of("lines over 140 characters", &found);
}
