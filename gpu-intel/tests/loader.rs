//! The vendor's own loaders over the simulated driver, and a C program against the vendor's own
//! header: what they show is what this crate reads.
//!
//! Debian 13's loader comes with a libc of its own. Programs that load it are started by that
//! libc's dynamic loader: the C program, and this test once more for what it reads itself.

#![cfg(all(feature = "level-zero", target_os = "linux"))]

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;

use gpu_core::{Absence, BackendExt, BootTime, Bytes, MetricSet, PartitionKind, Reading};
use gpu_host::Roots;
use gpu_intel::level_zero::{LevelZero, LevelZeroError};
use gpu_sim::{EccSpec, Fault, Machine, Part, UseKind, World, library};

#[path = "common/compare.rs"]
mod compare;
#[path = "common/machine.rs"]
mod machine;
#[path = "common/simulated.rs"]
mod simulated;

use machine::{Folder, half, process};

/// A folder that .ci/run names: Debian's packages, unpacked.
fn unpacked(variable: &str) -> PathBuf {
    PathBuf::from(std::env::var_os(variable).unwrap_or_else(|| panic!("{variable} names no folder")))
}

fn libraries(root: &Path) -> PathBuf {
    root.join("usr/lib/x86_64-linux-gnu")
}

const NEW: &str = "GPU_ACCOUNTING_LEVEL_ZERO_1_20";
const OLD: &str = "GPU_ACCOUNTING_LEVEL_ZERO_1_8";

/// A program started by the new libc's dynamic loader, with its libraries alone.
fn in_new(program: &Path, first: Option<&Path>) -> Command {
    let root = unpacked(NEW);
    let path = libraries(&root);
    let path =
        first.map_or(path.display().to_string(), |first| format!("{}:{}", first.display(), path.display()));
    let mut command = Command::new(root.join("lib64/ld-linux-x86-64.so.2"));
    command.arg("--library-path").arg(path).arg(program);
    command.env_remove("GPU_SIM_MACHINE");
    command
}

fn output(command: &mut Command) -> String {
    let output = command.output().unwrap();
    let (text, errors) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success(), "{command:?}\n{text}\n{errors}");
    text.into_owned()
}

/// The C program, against the new header and loader.
fn compiled(folder: &Path) -> PathBuf {
    let root = unpacked(NEW);
    let program = folder.join("sysman");
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/witness/sysman.c");
    let mut compiler = Command::new("cc");
    compiler.arg("-I").arg(root.join("usr/include")).arg(source).arg("-o").arg(&program);
    // The loader's own libraries are newer than this machine's.
    compiler.arg(libraries(&root).join("libze_loader.so.1")).arg("-Wl,--allow-shlib-undefined");
    output(&mut compiler);
    program
}

fn machine(preset: &str) -> Machine {
    let mut machine = Machine::preset(preset).unwrap();
    machine.workloads = vec![
        process(100, vec![half(0, Part::Whole, UseKind::Compute, Bytes::gib(6))]),
        process(101, vec![half(1, Part::Tile { index: 0 }, UseKind::Graphics, Bytes::gib(3))]),
    ];
    machine.gpus[0].ecc = Some(EccSpec { corrected: 12, uncorrected: 1, ..EccSpec::default() });
    machine
}

/// A machine with its trees, and so many drivers that show it.
struct Site {
    folder: Folder,
    drivers: String,
}

impl Site {
    fn new(machine: &Machine, drivers: usize) -> Self {
        let folder = Folder::new("loader");
        World::new(machine.clone()).write_tree(&folder.0).unwrap();
        let copies = (0..drivers).map(|n| {
            let place = folder.0.join(format!("driver{n}"));
            library::level_zero::install(simulated::built(), machine, &place).unwrap().display().to_string()
        });
        let drivers = copies.collect::<Vec<_>>().join(",");
        Self { folder, drivers }
    }

    fn environment(&self, command: &mut Command, layers: &[(&str, &str)]) {
        command.env("ZE_ENABLE_ALT_DRIVERS", &self.drivers).env("LOADER_TEST_ROOT", &self.folder.0);
        command.envs(layers.iter().copied());
    }

    /// What the C program prints.
    fn told_by_c(&self, layers: &[(&str, &str)]) -> String {
        let mut command = in_new(&compiled(&self.folder.0), None);
        self.environment(&mut command, layers);
        output(&mut command)
    }

    /// What this crate reads, through the same loader.
    fn read(&self, layers: &[(&str, &str)], first: Option<&Path>) -> String {
        let mut command = in_new(&std::env::current_exe().unwrap(), first);
        command.args(["--ignored", "--exact", "what_is_read_is_printed", "--nocapture"]);
        self.environment(&mut command, layers);
        output(&mut command)
    }
}

/// The same test program, inside: prints what this crate reads through the loader.
#[test]
#[ignore = "is started by the others, with the loader in its place"]
fn what_is_read_is_printed() {
    let Some(root) = std::env::var_os("LOADER_TEST_ROOT") else { return };
    let root = PathBuf::from(root);
    let roots = Roots::default().sysfs(root.join("sys")).proc(root.join("proc"));
    let clock = Arc::new(World::new(Machine::preset("empty").unwrap()).clock().clone());
    let options = gpu_intel::Options::new(roots).clock(clock).without_level_zero();
    let kernel = gpu_intel::discover(&options).backend.unwrap();
    let level_zero = match LevelZero::start(Path::new(gpu_intel::level_zero::LOADER)) {
        Ok(level_zero) => level_zero,
        Err(error) => return println!("\nnot started: {error:?}"),
    };
    println!("\ncompared {}", compare::compare(&*kernel, &level_zero));
    println!("repeated {}", level_zero.repeated());
    for device in kernel.inventory().unwrap().devices() {
        for (_, tile) in compare::units(device) {
            let told = compare::alone(&level_zero, device, tile);
            let tile = tile.map_or_else(|| "-1".to_owned(), |tile| tile.to_string());
            facts(&device.pci.to_string(), &tile, &told);
        }
        for part in device.partitions.iter().filter(|part| part.kind() == PartitionKind::VIRTUAL_FUNCTION) {
            let mut told = Reading::absent(Absence::NotSupported { why: "the test asks Level Zero alone" });
            let (address, number) = (*device.pci.value().unwrap(), part.id.index());
            level_zero.read_function(address, number, MetricSet::ALL, BootTime(1), &mut told);
            facts(&device.pci.to_string(), &format!("vf{number}"), &told);
        }
    }
    drop(kernel.sample());
    // And joined: no problem is told of a driver that lacks what it may lack.
    let roots = Roots::default().sysfs(root.join("sys")).proc(root.join("proc"));
    let joined = gpu_intel::discover(&gpu_intel::Options::new(roots)).backend.unwrap();
    for problem in joined.inventory().unwrap().problems {
        println!("problem {problem}");
    }
}

fn facts(address: &str, part: &str, reading: &Reading) {
    let numbers = [
        ("memory_total", reading.memory_total.ok().map(|m| m.value.get().to_string())),
        ("memory_used", reading.memory_used.ok().map(|m| m.value.get().to_string())),
        ("memory_read", reading.memory_read.ok().map(|m| m.value.get().to_string())),
        ("memory_written", reading.memory_written.ok().map(|m| m.value.get().to_string())),
        ("health", reading.driver_health.ok().map(|m| m.value.to_string())),
        ("energy", reading.energy.ok().map(|m| m.value.get().to_string())),
        ("temperature", reading.temperature.ok().map(|m| m.value.get().to_string())),
        ("temperature_memory", reading.temperature_memory.ok().map(|m| m.value.get().to_string())),
        ("clock", reading.clock_graphics.ok().map(|m| m.value.get().to_string())),
        ("clock_max", reading.clock_graphics_max.ok().map(|m| m.value.get().to_string())),
    ];
    for (name, number) in numbers {
        if let Some(number) = number {
            println!("fact {address} {part} {name} {number}");
        }
    }
}

/// What of memory modules is added up: as the C program calls it, and as this crate does.
const SUMMED: [(&str, &str); 4] = [
    ("total", "memory_total"),
    ("used", "memory_used"),
    ("read", "memory_read"),
    ("written", "memory_written"),
];

/// What this crate should read, by what the C program prints.
fn expected(told: &str) -> BTreeSet<String> {
    let mut facts = BTreeSet::new();
    let mut sums = std::collections::BTreeMap::<String, [u64; 4]>::new();
    // Two drivers show each device twice.
    for line in told.lines().collect::<BTreeSet<_>>() {
        let mut words = line.split(' ');
        let (Some(address), Some(what)) = (words.next(), words.next()) else { continue };
        let values: Vec<(&str, &str)> = words.filter_map(|word| word.split_once('=')).collect();
        let value = |name: &str| values.iter().find(|(key, _)| *key == name).map_or("?", |(_, value)| *value);
        let mut fact = |tile: &str, name: &str, value: &str| {
            facts.insert(format!("fact {address} {tile} {name} {value}"));
        };
        match what {
            "memory" => {
                let sum = sums.entry(address.to_owned()).or_default();
                for (sum, (shown, name)) in sum.iter_mut().zip(SUMMED) {
                    *sum += value(shown).parse::<u64>().unwrap();
                    if value("tile") != "-1" {
                        fact(value("tile"), name, value(shown));
                    }
                }
                // All memory is well here: of several, the worst would count.
                assert_eq!(value("health"), "1");
                fact(value("tile"), "health", "ok");
                fact("-1", "health", "ok");
            }
            "function" => {
                let (part, used) = (format!("vf{}", value("number")), value("used"));
                fact(&part, "memory_total", value("total"));
                fact(&part, "memory_used", used);
            }
            "energy" => fact(value("tile"), "energy", value("uj")),
            "temperature" if value("sensor") == "1" => fact("-1", "temperature", value("millidegrees")),
            "temperature" => fact("-1", "temperature_memory", value("millidegrees")),
            "frequency" if value("domain") == "0" => {
                fact(value("tile"), "clock", &format!("{}000000", value("mhz")));
                fact(value("tile"), "clock_max", &format!("{}000000", value("max")));
            }
            _ => {}
        }
    }
    for (address, sums) in sums {
        for (sum, (_, name)) in sums.iter().zip(SUMMED) {
            facts.insert(format!("fact {address} -1 {name} {sum}"));
        }
    }
    facts
}

fn read_facts(read: &str) -> BTreeSet<String> {
    read.lines().filter(|line| line.starts_with("fact ")).map(str::to_owned).collect()
}

fn number(read: &str, word: &str) -> usize {
    let line = read.lines().find_map(|line| line.strip_prefix(word));
    line.unwrap_or_else(|| panic!("no {word}: {read}")).trim().parse().unwrap()
}

/// The C program and this crate see the same through the loader, and this crate the same as in
/// the kernel's files.
fn agree(site: &Site, devices: usize, repeated: usize, layers: &[(&str, &str)]) {
    let (told, read) = (site.told_by_c(layers), site.read(layers, None));
    let listed = told.lines().filter(|line| line.contains(" device id=")).count();
    assert_eq!(listed, devices + repeated, "{told}");
    assert_eq!(read_facts(&read), expected(&told), "{told}\n{read}");
    assert!(read_facts(&read).len() >= devices * 5, "{read}");
    assert_eq!(number(&read, "repeated "), repeated);
    assert!(number(&read, "compared ") >= devices * 3, "{read}");
    assert!(!read.contains("problem "), "{read}");
}

#[test]
#[ignore = "needs Debian 13's Level Zero loader, its header and a C compiler; .ci/run installs them"]
fn one_driver_behind_the_real_loader() {
    for (preset, devices) in [("max-1550-4", 4), ("flex-170-2", 2), ("b60-2", 2)] {
        agree(&Site::new(&machine(preset), 1), devices, 0, &[]);
    }
}

#[test]
#[ignore = "needs Debian 13's Level Zero loader, its header and a C compiler; .ci/run installs them"]
fn two_drivers_that_show_the_same_devices() {
    agree(&Site::new(&machine("max-1550-4"), 2), 4, 4, &[]);
}

#[test]
#[ignore = "needs Debian 13's Level Zero loader, its header and a C compiler; .ci/run installs them"]
fn with_the_validation_layer() {
    let site = Site::new(&machine("b60-2"), 1);
    agree(&site, 2, 0, &[("ZE_ENABLE_VALIDATION_LAYER", "1")]);
    agree(&site, 2, 0, &[("ZE_ENABLE_VALIDATION_LAYER", "1"), ("ZE_ENABLE_PARAMETER_VALIDATION", "1")]);
    let two = Site::new(&machine("b60-2"), 2);
    agree(&two, 2, 2, &[("ZE_ENABLE_VALIDATION_LAYER", "1"), ("ZE_ENABLE_PARAMETER_VALIDATION", "1")]);
}

/// What a driver does not have is absent, whether the loader answers with the one code (a single
/// driver) or the other (several): no problem, and the rest is read.
#[test]
#[ignore = "needs Debian 13's Level Zero loader; .ci/run installs it"]
fn slots_that_are_empty_are_absent_with_one_driver_and_with_two() {
    for drivers in [1, 2] {
        let empty = |function: &str| Fault::EmptySlot { function: function.to_owned() };
        let mut machine = machine("b60-2");
        machine.faults = vec![
            empty("zesDeviceEnumMemoryModules"),
            empty("zesDeviceEnumFans"),
            empty("zesDeviceEnumRasErrorSets"),
        ];
        let read = Site::new(&machine, drivers).read(&[], None);
        assert!(!read.contains("problem "), "{read}");
        assert!(!read.contains("memory_used") && read.contains(" energy "), "{read}");
        machine.faults = vec![empty("*")];
        let read = Site::new(&machine, drivers).read(&[], None);
        assert!(!read.contains("problem ") && read_facts(&read).is_empty(), "{read}");
        assert_eq!(number(&read, "repeated "), (drivers - 1) * 2);
    }
}

#[test]
#[ignore = "needs Debian 13's Level Zero loader; .ci/run installs it"]
fn a_loader_without_a_driver_is_no_error() {
    let site = Site::new(&machine("b60-2"), 1);
    let nothing = Site { drivers: site.folder.0.join("no-such-driver.so").display().to_string(), ..site };
    assert!(nothing.read(&[], None).contains("not started: NoDriver"));
}

/// An older layer beside a newer loader: the code says little, the words say what to do.
#[test]
#[ignore = "needs Debian 12's and 13's Level Zero loaders; .ci/run installs them"]
fn a_layer_of_another_version_is_named() {
    let site = Site::new(&machine("b60-2"), 1);
    let layers = site.folder.0.join("layers");
    std::fs::create_dir_all(&layers).unwrap();
    let name = "libze_tracing_layer.so.1";
    std::fs::copy(libraries(&unpacked(OLD)).join(name), layers.join(name)).unwrap();
    let read = site.read(&[], Some(&layers));
    assert!(read.contains("not started: WrongVersion"), "{read}");
}

#[test]
#[ignore = "needs Debian 12's Level Zero loader; .ci/run installs it"]
fn the_loader_of_debian_12_is_too_old() {
    let path = libraries(&unpacked(OLD)).join("libze_loader.so.1");
    let error = LevelZero::start(&path).unwrap_err();
    assert!(matches!(error, LevelZeroError::TooOld { .. }), "{error}");
    assert!(error.to_string().contains("zesInit"), "{error}");
}

/// The layer that follows handles knows those of devices and not those of their parts: what it
/// refuses is a problem with a name, and the machine is still told.
#[test]
#[ignore = "needs Debian 13's Level Zero loader; .ci/run installs it"]
fn a_layer_that_refuses_is_named() {
    let site = Site::new(&machine("b60-2"), 1);
    let read = site.read(&[("ZE_ENABLE_VALIDATION_LAYER", "1"), ("ZE_ENABLE_HANDLE_LIFETIME", "1")], None);
    assert!(read_facts(&read).is_empty() && read.contains("problem "), "{read}");
    assert!(read.contains("memory modules") && read.contains("answers 0x"), "{read}");
}
