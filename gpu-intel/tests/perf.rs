//! The running kernel's own counters, opened through a tree whose PMU is the kernel's `software`: the
//! clock of a processor stands for an engine that is always busy, the event that counts nothing for one
//! that is idle. What the files say of this process is what the kernel does.

#![cfg(target_os = "linux")]

use std::fs;
use std::os::unix::fs::symlink;
use std::process::Command;
use std::sync::Arc;
use std::time::{Duration, Instant};

use gpu_core::{Absence, Backend, BackendExt, Need, Permille, Source};
use gpu_host::{Roots, SystemClock};

#[path = "common/machine.rs"]
mod machine;

use machine::{Folder, half, process};

/// A simulated Flex 170 whose counters are the kernel's own, by number; processes are the machine's.
fn site() -> (Folder, Roots) {
    let mut described = gpu_sim::Machine::preset("flex-170-2").unwrap();
    let of = half(0, gpu_sim::Part::Whole, gpu_sim::UseKind::Compute, gpu_core::Bytes::gib(1));
    described.workloads = vec![process(100, vec![of])];
    let folder = Folder::new("perf");
    let tree = gpu_sim::World::new(described).write_tree(&folder.0).unwrap();
    let own = Roots::default();
    let devices = tree.sysfs().join("bus/event_source/devices");
    let pmu = devices.join("i915_0000_3a_00.0");
    fs::remove_file(pmu.join("type")).unwrap();
    symlink(own.sysfs.join("bus/event_source/devices/software/type"), pmu.join("type")).unwrap();
    // PERF_COUNT_SW_CPU_CLOCK is 0, PERF_COUNT_SW_DUMMY 9 (linux/perf_event.h).
    for (engine, config) in [("rcs0", 0), ("bcs0", 9), ("vcs0", 9), ("vcs1", 9), ("ccs0", 9)] {
        fs::write(pmu.join(format!("events/{engine}-busy")), format!("config={config:#x}\n")).unwrap();
    }
    let roots = Roots::default().sysfs(tree.sysfs());
    (folder, roots)
}

fn options(roots: &Roots) -> gpu_intel::Options {
    let clock = Arc::new(SystemClock::new_or_unknown(&roots.proc));
    let options = gpu_intel::Options::new(roots.clone()).clock(clock);
    #[cfg(feature = "level-zero")]
    let options = options.without_level_zero();
    options
}

#[test]
#[ignore = "needs CAP_PERFMON; .ci/run is root"]
fn the_kernel_counts_for_who_may() {
    let (_folder, roots) = site();
    let backend = gpu_intel::discover(&options(&roots).perf()).backend.unwrap();
    let devices = backend.inventory().unwrap().devices;
    let first = *backend.sample().unwrap().reading(devices[0].id);
    assert_eq!(first.busy, Err(Absence::NotYet));
    // The other GPU's number is no PMU of this kernel's sysfs.
    let other = backend.sample().unwrap().reading(devices[1].id).busy.unwrap_err().to_string();
    assert!(other.contains("not the running kernel's"), "{other}");
    let until = Instant::now() + Duration::from_secs(60);
    let reading = loop {
        let reading = *backend.sample().unwrap().reading(devices[0].id);
        let long =
            reading.busy.ok().and_then(|busy| busy.window()).is_some_and(|span| span.get() > 1_000_000);
        if long || Instant::now() > until {
            break reading;
        }
        std::thread::yield_now();
        std::hint::black_box((0..200_000_u64).fold(0, |sum, n| sum ^ std::hint::black_box(n)));
    };
    let busy = reading.busy.unwrap();
    assert_eq!(busy.source, Source::Perf);
    assert!(busy.value >= Permille(950), "the processor's clock has run: {}", busy.value);
    assert_eq!(reading.video_busy.unwrap().value, Permille(0), "what counts nothing");
    // By its files this process may open them: that it is not asked is the only reason left.
    let closed = gpu_intel::discover(&options(&roots)).backend.unwrap();
    closed.inventory().unwrap();
    let told = closed.sample().unwrap().reading(devices[0].id).busy.unwrap_err().to_string();
    assert!(told.contains("perf may be opened"), "{told}");
}

/// What the test below has a process without any capability do.
#[test]
#[ignore = "started by the test below, as somebody else"]
fn what_is_refused() {
    if std::env::var_os("GPU_INTEL_PERF_AS_NOBODY").is_none() {
        return;
    }
    let (_folder, roots) = site();
    let missing = Err(Absence::NotPermitted { needs: Need::Capability("CAP_PERFMON") });
    for options in [options(&roots), options(&roots).perf()] {
        let backend = gpu_intel::discover(&options).backend.unwrap();
        let id = backend.inventory().unwrap().devices[0].id;
        assert_eq!(backend.sample().unwrap().reading(id).busy, missing, "asked: {}", options.perf);
    }
    println!("refused by the files and by the kernel");
}

/// The files and the kernel say the same of a process that has no capability.
#[test]
#[ignore = "needs root, setpriv, and a perf_event_paranoid of 1 or more; .ci/run is root"]
fn the_kernel_refuses_whom_the_files_refuse() {
    let own = std::env::current_exe().unwrap();
    // Nobody cannot read where root builds.
    let copy = std::env::temp_dir().join(format!("gpu-intel-perf-test-{}", std::process::id()));
    fs::copy(&own, &copy).unwrap();
    let mut command = Command::new("setpriv");
    command.args(["--reuid", "65534", "--regid", "65534", "--clear-groups", "--bounding-set", "-all"]);
    command.arg(&copy).args(["what_is_refused", "--exact", "--ignored", "--nocapture"]);
    let output = command.env("GPU_INTEL_PERF_AS_NOBODY", "1").output().unwrap();
    fs::remove_file(&copy).unwrap();
    let text = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success(), "{text}\n{}", String::from_utf8_lossy(&output.stderr));
    assert!(text.contains("refused by the files and by the kernel"), "{text}");
}
