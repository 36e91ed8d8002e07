//! AMD's own libraries over the trees of a simulated machine, beside the simulated library over
//! its description: this crate tells the same of both. Linked against the simulated one, the same
//! program starts on the real ones in a folder of their own.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use gpu_amd_rocm_smi::RocmSmiBackend;
use gpu_core::{Backend, BackendExt};

#[path = "common/machine.rs"]
mod machine;
use machine::Simulated;

include!("../examples/told/lines.rs");

/// Mounts the trees over those of the folder with the library, in a namespace of its own, and
/// starts the example there. The library keeps locks in `/dev/shm`: each run has its own.
const INSIDE: &str = r#"
set -e
mkdir -p "$root/sys" "$root/proc" "$root/dev"
mount --rbind "$tree/sys" "$root/sys"
mount --rbind /proc "$root/proc"
mount --rbind /dev "$root/dev"
mount -t tmpfs none "$root/dev/shm"
cp "$program" "$root/dev/shm/told"
exec chroot "$root" /dev/shm/told
"#;

/// What the simulated library tells and the trees do not: the files that it is in are not there.
const NOT_IN_THE_TREES: [&str; 4] = ["memory_busy", "pcie_generation", "pcie_width", "pcie_replays"];

fn folder(variable: &str) -> PathBuf {
    let folder = std::env::var_os(variable);
    folder.unwrap_or_else(|| panic!("{variable} names a folder with librocm_smi64 unpacked")).into()
}

fn real(root: &Path, simulated: &Simulated) -> Output {
    let here = std::env::current_exe().unwrap();
    let program = here.ancestors().nth(2).unwrap().join("examples/told");
    Command::new("unshare")
        .args(["--mount", "--propagation", "private", "sh", "-c", INSIDE])
        .env("root", root)
        .env("tree", simulated.tree.sysfs().parent().unwrap())
        .env("program", program)
        .env_remove("LD_LIBRARY_PATH")
        .output()
        .expect("unshare starts")
}

fn both_tell_the_same(variable: &str, is_newer: bool) {
    let root = folder(variable);
    for (name, gpus) in
        [("mi300x-8", 3), ("mi300x-8-cpx", 2), ("mi300a-4", 2), ("mi210-8", 5), ("mi250x-4", 2), ("mixed", 4)]
    {
        let simulated = Simulated::few(name, gpus);
        let output = real(&root, &simulated);
        let text = String::from_utf8_lossy(&output.stdout);
        let errors = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{name}: {errors}");
        let theirs: BTreeSet<&str> = text.lines().collect();
        let backend = simulated.backend();
        let mut ours = told(&backend).unwrap();
        ours.extend(only_here(&backend).unwrap());
        let ours: BTreeSet<&str> = ours.iter().map(String::as_str).collect();
        // What a newer library tells besides is what the files say.
        let files = told(&*simulated.other()).unwrap();
        let is_in_the_files = |line: &&&str| is_newer && files.iter().any(|file| file == **line);
        let only_theirs: Vec<_> = theirs.difference(&ours).filter(|line| !is_in_the_files(line)).collect();
        let is_in_the_trees = |line: &&&str| !NOT_IN_THE_TREES.contains(&line.split(' ').nth(1).unwrap());
        let only_ours: Vec<_> = ours.difference(&theirs).filter(is_in_the_trees).collect();
        assert!(
            only_theirs.is_empty() && only_ours.is_empty(),
            "{name}: the real library alone {only_theirs:#?}, the simulated one alone {only_ours:#?}"
        );
        println!("{name}: {} lines are the same", theirs.len());
        assert!(theirs.len() > 30, "{name}: {text}");
    }
}

#[test]
#[ignore = "needs root, and librocm_smi64 6.1 unpacked in GPU_ACCOUNTING_ROCM_SMI_6_1"]
fn library_6_1_tells_what_the_simulated_one_does() {
    both_tell_the_same("GPU_ACCOUNTING_ROCM_SMI_6_1", false);
}

#[test]
#[ignore = "needs root, and librocm_smi64 6.4 or later unpacked in GPU_ACCOUNTING_ROCM_SMI_6_4"]
fn library_6_4_tells_what_the_simulated_one_does() {
    both_tell_the_same("GPU_ACCOUNTING_ROCM_SMI_6_4", true);
}

/// The library asserts that the folder is there, and takes the process with it.
#[test]
#[ignore = "needs root, and librocm_smi64 6.1 unpacked in GPU_ACCOUNTING_ROCM_SMI_6_1"]
fn where_the_library_would_abort_it_is_not_called() {
    let simulated = Simulated::few("mi210-8", 2);
    let links = simulated.tree.sysfs().join("class/kfd/kfd/topology/nodes/3/io_links");
    std::fs::remove_dir_all(links).unwrap();
    let output = real(&folder("GPU_ACCOUNTING_ROCM_SMI_6_1"), &simulated);
    let errors = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(1), "{errors}");
    assert!(errors.contains("/sys/class/kfd/kfd/topology/nodes/3/io_links"), "{errors}");
    assert!(errors.contains("Inconsistent"), "{errors}");
}

/// A program that was linked against a library of ROCm 6 starts beside one of ROCm 5.
#[test]
#[ignore = "needs root, and librocm_smi64 5.2 unpacked in GPU_ACCOUNTING_ROCM_SMI_5_2"]
fn an_older_library_is_a_mismatch() {
    let simulated = Simulated::few("mi210-8", 2);
    let output = real(&folder("GPU_ACCOUNTING_ROCM_SMI_5_2"), &simulated);
    let errors = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(1), "{errors}");
    assert!(errors.contains("NotSupported") && errors.contains("older than ROCm 6"), "{errors}");
}
