//! Prints what a sample costs beside the bare calls and files that it is made of, and fails when
//! that is more than promised. `--but TEXT...` lets promises be broken that are known to be: the rows
//! with one of these texts in their name.

use std::fmt::Display;
use std::hint::black_box;
use std::process::ExitCode;

use gpu_benches::{Direct, Installed, Ratio, Written, bare, calls, clients};
use gpu_core::{
    Backend, Clock, DeviceNumber, Nanoseconds, Query, Sample, Sweep, SweepRequest, Sweeper, Vendor,
};
use gpu_host::file::Attribute;
use gpu_host::{ProcSweeper, Roots, SystemClock};
use gpu_sim::{Fault, Machine};

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    match arguments.iter().map(String::as_str).collect::<Vec<_>>().as_slice() {
        [] => report(&[]),
        ["--but", known @ ..] if !known.is_empty() => report(known),
        [calls::ONCE, preset] => {
            calls::once(preset);
            ExitCode::SUCCESS
        }
        _ => {
            eprintln!("ratios: takes no argument, or --but TEXT...");
            ExitCode::from(2)
        }
    }
}

fn report(known: &[&str]) -> ExitCode {
    let mut table = Table { is_kept: true, known };
    table.row("what", "promised", "measured", "ours", "bare");
    table.row("---", "---", "---", "---", "---");
    nvml(&mut table);
    trees(&mut table);
    held(&mut table);
    system_calls(&mut table);
    drm(&mut table);
    text(&mut table);
    sweep(&mut table);
    if table.is_kept { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

/// Rows on the standard output, and whether every promise in them is kept.
struct Table<'a> {
    is_kept: bool,
    /// Parts of the names of the rows that are known to be broken.
    known: &'a [&'a str],
}

impl Table<'_> {
    /// A ratio with what became of its promise.
    fn verdict(&mut self, what: &str, permille: u64, is_kept: bool) -> String {
        let is_known = self.known.iter().any(|known| what.contains(known));
        self.is_kept &= is_kept || is_known;
        let verdict = if is_kept { "" } else { ": BROKEN" };
        format!("{}{verdict}", factor(permille))
    }

    fn row(
        &self,
        what: &str,
        promised: impl Display,
        measured: &str,
        ours: impl Display,
        bare: impl Display,
    ) {
        println!("| {what} | {promised} | {measured} | {ours} | {bare} |");
    }

    /// A ratio that is at most `most` thousandths, of the fastest that each side was in three
    /// measurements.
    fn time(&mut self, what: &str, most: u64, measure: impl Fn() -> Ratio) {
        let best = (0..2).fold(measure(), |best, _| best.best(measure()));
        let measured = self.verdict(what, best.permille(), best.permille() <= most);
        self.row(what, format!("≤ {}", factor(most)), &measured, micros(best.ours_ns), micros(best.bare_ns));
    }
}

/// 1250 → `1.250`.
fn factor(permille: u64) -> String {
    format!("{}.{:03}", permille / 1000, permille % 1000)
}

fn micros(ns: u64) -> String {
    format!("{}.{} µs", ns / 1000, ns % 1000 / 100)
}

/// A warm sample into one that is reused. The cursors go back to the start, so that each sample
/// reads every row of the processes' load anew, as the bare side does.
fn sample(backend: &dyn Backend, sample: &mut Sample) {
    sample.clear();
    sample.cursors.iter_mut().for_each(|cursor| cursor.stamp = 0);
    backend.sample_into(&Query::everything(), sample).expect("the simulated machine is sampled");
}

fn nvml(table: &mut Table<'_>) {
    for (latency, most) in [(0, 1250), (5000, 1020)] {
        let mut machine = Machine::preset("hgx-h100-8").expect("the preset is there");
        if latency > 0 {
            let time = Nanoseconds(latency);
            machine.faults.push(Fault::Latency { function: "*".to_owned(), time });
        }
        let what = format!("8 H100, 4 processes each, NVML calls of {} µs", latency / 1000);
        table.time(&what, most, || {
            let installed = Installed::new(&machine);
            let (backend, mut direct) = (installed.backend(), Direct::new(&installed.library()));
            let mut reused = Sample::new();
            Ratio::of(|| sample(&*backend, &mut reused), || direct.sample())
        });
    }
    let what = "the same, with a look at whether each GPU sleeps";
    let written = Written::new("hgx-h100-8");
    let installed = Installed::new(&written.machine());
    let backend = installed.backend_under(written.root());
    let mut direct = Direct::new(&installed.library());
    let states = bare::sleep_states(&written.machine(), &written.sysfs());
    let mut reused = Sample::new();
    let ratio = Ratio::of(
        || sample(&*backend, &mut reused),
        || {
            states.read();
            direct.sample();
        },
    );
    table.row(what, "", &factor(ratio.permille()), micros(ratio.ours_ns), micros(ratio.bare_ns));
}

fn trees(table: &mut Table<'_>) {
    for (preset, vendor) in [("mi300x-8-cpx", Vendor::AMD), ("max-1550-4", Vendor::INTEL)] {
        let written = Written::new(preset);
        let backend = written.backend(vendor);
        let files = bare::files(&written.machine(), &written.sysfs());
        table.time(&format!("{preset}: {} files and folders", files.len()), 1300, || {
            let mut reused = Sample::new();
            Ratio::of(|| sample(&*backend, &mut reused), || files.read())
        });
    }
}

/// Files kept open and read from their start, beside the same opened, read and closed; and what
/// samples read sysfs by, which keeps its files open there. No promise: no two machines have the
/// same sysfs.
fn held(table: &mut Table<'_>) {
    let written = Written::new("mi300x-8-cpx");
    let (machine, sysfs) = (written.machine(), written.sysfs());
    let sets = [
        ("files of the GPUs, of the tree", Ok(bare::mi300x(&machine, &sysfs))),
        ("the same and those of processes", Ok(bare::files(&machine, &sysfs))),
        ("files of sysfs itself (loopback)", bare::of_loopback()),
    ];
    for (what, files) in sets {
        match files.and_then(|files| Ok((files.hold()?, files))) {
            Ok((held, files)) => {
                let what = format!("{} {what}, kept open", files.len());
                let measure = || Ratio::of(|| held.read(), || files.read());
                let best = (0..2).fold(measure(), |best, _| best.best(measure()));
                let (ours, bare) = (micros(best.ours_ns), micros(best.bare_ns));
                table.row(&what, "", &factor(best.permille()), ours, bare);
            }
            Err(error) => table.row(what, "", &format!("NOT MEASURED: {error}"), "", ""),
        }
    }
    let Ok(files) = bare::of_loopback() else { return };
    let attributes: Vec<Attribute> =
        files.files.iter().map(|path| Attribute::new(path.clone(), "statistics")).collect();
    let ours = || {
        attributes.iter().for_each(|file| {
            let _ = black_box(file.read_u64());
        })
    };
    let ratio = Ratio::of(ours, || files.read()).best(Ratio::of(ours, || files.read()));
    let what = "the same files of sysfs, as samples read them";
    table.row(what, "", &factor(ratio.permille()), micros(ratio.ours_ns), micros(ratio.bare_ns));
}

/// Three for each file and folder, and a tenth more.
fn system_calls(table: &mut Table<'_>) {
    let program = std::env::current_exe().expect("a program knows its own file");
    for preset in ["mi300x-8-cpx", "max-1550-4"] {
        let written = Written::new(preset);
        let bare = 3 * bare::files(&written.machine(), &written.sysfs()).len();
        let what = format!("{preset}: system calls");
        match calls::of(&program, preset) {
            Ok(calls) => {
                let ours = calls.len();
                let is_kept = ours * 10 <= bare * 11 && ours * 10 >= bare * 9;
                let measured = table.verdict(&what, ours as u64 * 1000 / bare as u64, is_kept);
                table.row(&what, "1 ± 0.1", &measured, ours, bare);
            }
            Err(error) => {
                table.is_kept = false;
                table.row(&what, "1 ± 0.1", &format!("NOT MEASURED: {error}"), "", bare);
            }
        }
    }
}

/// Clients of DRM: the sweep that finds them, and the sample that sums them up, beside the files of
/// both read bare.
fn drm(table: &mut Table<'_>) {
    let written = clients::written();
    let backend = written.backend(Vendor::INTEL);
    let clock: std::sync::Arc<dyn Clock> = std::sync::Arc::new(SystemClock::new_or_unknown(&written.proc()));
    let sweeper = ProcSweeper::new(written.proc(), &clock);
    let numbers = clients::numbers(&written.machine());
    let request = SweepRequest::new(&numbers, &[]).with_clients();
    let files = bare::files(&written.machine(), &written.sysfs());
    let what = "max-1550-4: a sweep and a sample of 300 clients in 500 descriptors";
    table.time(what, 1300, || {
        let (mut swept, mut reused) = (Sweep::new(), Sample::new());
        let ours = || {
            sweeper.sweep_into(&request, &mut swept).expect("the tree's processes are listed");
            reused.clear();
            let query = Query::everything().sweep(&swept);
            backend.sample_into(&query, &mut reused).expect("the simulated machine is sampled");
            assert!(swept.repeated_clients == 200 && reused.processes.len() >= 300);
        };
        Ratio::of(ours, || {
            assert_eq!(clients::read(&written.proc()), 500);
            files.read();
        })
    });
}

/// The text of one descriptor, parsed beside split into a map of its lines.
fn text(table: &mut Table<'_>) {
    let text = clients::text(&clients::written());
    let node = DeviceNumber { major: 226, minor: 128 };
    let ours = || {
        black_box(gpu_host::fdinfo::parse(black_box(text.as_bytes()), node));
    };
    let ratio = (0..2).fold(Ratio::of(ours, || clients::split(&text)), |best, _| {
        best.best(Ratio::of(ours, || clients::split(&text)))
    });
    let times = ratio.bare_ns * 1000 / ratio.ours_ns.max(1);
    let megabytes = text.len() as u64 * 1000 / ratio.ours_ns.max(1);
    let what = "an fdinfo text parsed, beside its lines split into a map";
    let measured = table.verdict(what, times, times >= 5000 || megabytes >= 1000);
    let measured = format!("{measured} ({megabytes} MB/s)");
    table.row(what, "≥ 5× or ≥ 1000 MB/s", &measured, micros(ratio.ours_ns), micros(ratio.bare_ns));
}

/// This machine's processes: no promise, since no two machines have the same.
fn sweep(table: &mut Table<'_>) {
    let roots = Roots::default();
    let clock: std::sync::Arc<dyn Clock> = std::sync::Arc::new(SystemClock::new_or_unknown(&roots.proc));
    let sweeper = ProcSweeper::new(roots.proc.clone(), &clock);
    let node = DeviceNumber { major: 226, minor: 128 };
    let request = SweepRequest::new(std::slice::from_ref(&node), &[]);
    let mut swept = Sweep::new();
    let mut descriptors = 0;
    let ratio = Ratio::of(
        || sweeper.sweep_into(&request, &mut swept).expect("/proc is listed"),
        || descriptors = walk(&roots.proc),
    );
    let what = format!("the sweep of this machine's /proc: {descriptors} descriptors");
    table.row(&what, "", &factor(ratio.permille()), micros(ratio.ours_ns), micros(ratio.bare_ns));
}

/// Reads the link of every descriptor of every process, and says how many there are.
fn walk(proc: &std::path::Path) -> usize {
    let is_process = |name: &std::ffi::OsStr| name.to_str().is_some_and(|name| name.parse::<u32>().is_ok());
    let processes = std::fs::read_dir(proc).expect("/proc is listed").flatten();
    let folders =
        processes.filter(|entry| is_process(&entry.file_name())).map(|entry| entry.path().join("fd"));
    let descriptors = folders.filter_map(|folder| std::fs::read_dir(folder).ok()).flatten().flatten();
    descriptors.filter(|descriptor| std::fs::read_link(descriptor.path()).is_ok()).count()
}
