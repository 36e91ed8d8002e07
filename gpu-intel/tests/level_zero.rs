//! Level Zero as a second source, over the simulated driver in a loader's place: what it tells is
//! what the kernel's files tell of the same machine, and what is broken in it is named.

#![cfg(all(feature = "level-zero", target_os = "linux"))]

use std::path::PathBuf;
use std::sync::Arc;

use gpu_core::{
    Absence, Backend, BackendExt, Bytes, Clock, Count, ErrorKind, LinkKind, Mode, Nanoseconds, Need,
    Permille, Source, conformance,
};
use gpu_host::Roots;
use gpu_intel::level_zero::{LevelZero, LevelZeroError};
use gpu_sim::{EccSpec, Fault, Machine, Part, Tree, UseKind, World, library};

#[path = "common/compare.rs"]
mod compare;
#[path = "common/machine.rs"]
mod machine;
#[path = "common/simulated.rs"]
mod simulated;

use machine::{Folder, half, process};

/// A machine's trees, and beside them the library with the same machine.
struct Both {
    folder: Folder,
    world: World,
    tree: Tree,
    library: PathBuf,
}

impl Both {
    fn new(machine: Machine) -> Self {
        let folder = Folder::new("level-zero");
        let library = folder.0.join("library");
        let library = library::level_zero::install(simulated::built(), &machine, &library).unwrap();
        std::fs::write(library.with_file_name("control.json"), "{}").unwrap();
        let world = World::new(machine);
        let tree = world.write_tree(&folder.0).unwrap();
        Self { folder, world, tree, library }
    }

    fn backend(&self) -> Box<dyn Backend> {
        let roots = Roots::default().sysfs(self.tree.sysfs()).proc(self.tree.proc());
        let clock = Arc::new(self.world.clock().clone());
        let options = gpu_intel::Options::new(roots).clock(clock).level_zero(&self.library);
        gpu_intel::discover(&options).backend.unwrap()
    }

    /// Lets time pass in both.
    fn advance(&mut self, span: Nanoseconds) {
        self.world.clock().advance(span);
        self.tree.refresh().unwrap();
        let control = self.library.with_file_name("control.json");
        let next = control.with_extension("next");
        std::fs::write(&next, format!("{{\"uptime_ns\":{}}}", self.world.clock().boot_now().0)).unwrap();
        std::fs::rename(next, control).unwrap();
    }
}

/// A preset with work on its GPUs, and memory that counts errors.
fn busy(preset: &str) -> Machine {
    let mut machine = Machine::preset(preset).unwrap();
    machine.workloads = vec![
        process(100, vec![half(0, Part::Whole, UseKind::Compute, Bytes::gib(6))]),
        process(101, vec![half(1, Part::Tile { index: 0 }, UseKind::Graphics, Bytes::gib(3))]),
    ];
    machine.gpus[0].ecc = Some(EccSpec { corrected: 12, uncorrected: 1, ..EccSpec::default() });
    machine.gpus[0].serial = Some("LQAC0042".to_owned());
    machine.gpus[0].firmware = Some("PVC.2_1.23166".to_owned());
    machine
}

fn faulty(faults: Vec<Fault>) -> Machine {
    Machine { faults, ..busy("max-1550-4") }
}

/// Every metric that both sources have is the same.
#[test]
fn both_sources_tell_the_same() {
    for preset in ["max-1550-4", "flex-170-2", "flex-140-2", "b60-2"] {
        let mut both = Both::new(busy(preset));
        both.advance(Nanoseconds::from_secs(7));
        let roots = Roots::default().sysfs(both.tree.sysfs()).proc(both.tree.proc());
        let clock = Arc::new(both.world.clock().clone());
        let options = gpu_intel::Options::new(roots).clock(clock).without_level_zero();
        let kernel = gpu_intel::discover(&options).backend.unwrap();
        let level_zero = LevelZero::start(&both.library).unwrap();
        let compared = compare::compare(&*kernel, &level_zero);
        assert!(compared >= 8, "{preset}: {compared} values");
        assert_eq!(level_zero.addresses().len(), kernel.inventory().unwrap().devices.len());
    }
}

/// The graphics of a processor has clocks in both sources, and neither makes sensors or memory up.
#[test]
fn both_sources_tell_the_same_of_a_processors_graphics() {
    for preset in ["iris-xe-1", "arc-140v-1"] {
        let both = Both::new(Machine::preset(preset).unwrap());
        let roots = Roots::default().sysfs(both.tree.sysfs()).proc(both.tree.proc());
        let clock = Arc::new(both.world.clock().clone());
        let kernel = gpu_intel::discover(&gpu_intel::Options::new(roots).clock(clock).without_level_zero());
        let level_zero = LevelZero::start(&both.library).unwrap();
        assert_eq!(compare::compare(&*kernel.backend.unwrap(), &level_zero), 2, "{preset}: the two clocks");
        let backend = both.backend();
        conformance::run(&*backend);
        let device = backend.inventory().unwrap().devices.remove(0);
        let reading = *backend.sample().unwrap().reading(device.id);
        for absent in [reading.energy.err(), reading.temperature.err(), reading.memory_total.err()] {
            assert!(matches!(absent, Some(Absence::NotSupported { .. })), "{preset}: {absent:?}");
        }
        assert!(reading.busy.is_ok() || reading.busy == Err(Absence::NotYet), "{preset}: {:?}", reading.busy);
    }
}

#[test]
fn what_the_kernel_does_not_tell_is_filled_in() {
    let mut both = Both::new(busy("max-1550-4"));
    let backend = both.backend();
    conformance::run(&*backend);
    let inventory = backend.inventory().unwrap();
    assert!(inventory.problems.is_empty(), "{:?}", inventory.problems);
    let device = &inventory.devices[0];
    assert_eq!(device.serial.value().map(String::as_str), Some("LQAC0042"));
    assert_eq!(device.firmware.value().map(String::as_str), Some("GFX PVC.2_1.23166"));
    assert_eq!(device.compute_units.value(), Some(&Count(128)));
    assert_eq!(device.vendor_name.value().unwrap(), "8680d50b-0000-0000-3a00-000000000000");
    assert_eq!(device.mode(Mode::ECC).unwrap().current.value().map(String::as_str), Some("enabled"));
    assert_eq!(inventory.drivers[0].library.value().map(String::as_str), Some("Level Zero"));
    let joined = inventory.links.iter().filter(|link| link.kind == LinkKind::XeLink).count();
    assert_eq!(joined, 6, "four GPUs, each joined to each");
    let other = &inventory.devices[1];
    assert!(other.serial.value().is_none() && other.mode(Mode::ECC).is_none());

    // The first look at activity has nothing to compare with.
    let id = device.id;
    assert_eq!(backend.sample().unwrap().reading(other.id).busy, Err(Absence::NotYet));
    both.advance(Nanoseconds::from_secs(10));
    let sample = backend.sample().unwrap();
    let reading = sample.reading(id);
    let busy = reading.busy.unwrap();
    assert_eq!((busy.value, busy.source), (Permille(500), Source::LevelZero));
    assert_eq!(busy.window(), Some(Nanoseconds::from_secs(10)));
    assert_eq!(reading.video_busy.unwrap().value, Permille(100));
    assert_eq!(reading.memory_used.unwrap().value, Bytes::gib(6));
    assert_eq!(reading.memory_free.unwrap().value, Bytes::gib(122));
    assert_eq!(reading.ecc_corrected.unwrap().value, Count(12), "hardware's, and not the program's");
    assert_eq!(reading.ecc_uncorrected.unwrap().value, Count(1));
    assert_eq!(reading.energy.unwrap().source, Source::Hwmon, "the kernel's stays the kernel's");
    // Tiles: half of the whole GPU's memory each; the other GPU's job is on its first.
    let tile = |device: &gpu_core::Device, n: usize| *sample.reading(device.partitions[n].id);
    assert_eq!(tile(device, 0).memory_used.unwrap().value, Bytes::gib(3));
    assert_eq!(tile(device, 1).busy.unwrap().value, Permille(500));
    assert_eq!(tile(other, 0).busy.unwrap().value, Permille(500));
    assert_eq!(tile(other, 1).busy.unwrap().value, Permille(0));
    assert_eq!(sample.reading(other.id).busy.unwrap().value, Permille(250), "the mean of both");
}

/// Half of what the memory could move goes while somebody computes, three in four bytes of it are read:
/// so the simulated driver counts. Half of ten seconds at half of 409.6 GB/s, on each tile.
#[test]
fn memory_is_counted_by_bytes_and_by_what_could_have_gone() {
    let mut both = Both::new(busy("max-1550-4"));
    let backend = both.backend();
    let devices = backend.inventory().unwrap().devices;
    let first = backend.sample().unwrap();
    let (id, tiles) = (devices[0].id, [devices[0].partitions[0].id, devices[0].partitions[1].id]);
    assert_eq!(first.reading(id).memory_busy, Err(Absence::NotYet));
    both.advance(Nanoseconds::from_secs(10));
    let second = backend.sample().unwrap();
    let grown = |unit: gpu_core::UnitId| {
        let of = |sample: &gpu_core::Sample| {
            let reading = *sample.reading(unit);
            (reading.memory_read.unwrap(), reading.memory_written.unwrap())
        };
        let (before, after) = (of(&first), of(&second));
        assert_eq!(after.0.source, Source::LevelZero);
        (after.0.value.get() - before.0.value.get(), after.1.value.get() - before.1.value.get())
    };
    assert_eq!(grown(tiles[0].into()), (768_000_000_000, 256_000_000_000));
    assert_eq!(grown(id.into()), (1_536_000_000_000, 512_000_000_000), "both tiles");
    let share = |unit: gpu_core::UnitId| second.reading(unit).memory_busy.unwrap();
    assert_eq!((share(id.into()).value, share(tiles[1].into()).value), (Permille(250), Permille(250)));
    assert_eq!(share(id.into()).window(), Some(Nanoseconds::from_secs(10)));
    // The other GPU's job is on its first tile alone.
    let other: Vec<Permille> = devices[1].partitions.iter().map(|tile| share(tile.id.into()).value).collect();
    assert_eq!(other, [Permille(250), Permille(0)]);
    assert_eq!(share(devices[1].id.into()).value, Permille(125), "of what both could have moved");
}

/// What memory is said to be stands in the place of the driver's judgement where the kernel has none,
/// and nowhere else.
#[test]
fn the_worst_of_the_memory_is_the_health() {
    use gpu_core::DriverHealth::{Critical, Ok as Well, Replace, Unknown, Warning};
    let told = |preset: &str, memory: &[u32], gpu_health: Option<&str>| {
        let mut machine = busy(preset);
        machine.gpus[0].health.memory = memory.to_vec();
        machine.gpus[0].health.gpu_health = gpu_health.map(str::to_owned);
        let both = Both::new(machine);
        let backend = both.backend();
        let device = backend.inventory().unwrap().devices.swap_remove(0);
        let sample = backend.sample().unwrap();
        let tiles = device.partitions.iter().map(|tile| sample.reading(tile.id).driver_health);
        let all: Vec<_> = std::iter::once(sample.reading(device.id).driver_health).chain(tiles).collect();
        all.into_iter().map(|health| health.map(|health| (health.value, health.source))).collect::<Vec<_>>()
    };
    let judged = |health| Ok((health, Source::LevelZero));
    assert_eq!(told("max-1550-4", &[], None), [judged(Well); 3]);
    assert_eq!(told("max-1550-4", &[1, 2], None), [judged(Warning), judged(Well), judged(Warning)]);
    assert_eq!(told("max-1550-4", &[3, 4], None), [judged(Replace), judged(Critical), judged(Replace)]);
    assert_eq!(told("max-1550-4", &[9, 1], None), [judged(Unknown(9)), judged(Unknown(9)), judged(Well)]);
    assert_eq!(told("max-1550-4", &[0, 1], None)[0], judged(Well), "what is not known is no judgement");
    assert!(matches!(told("b60-2", &[0], None)[..], [Err(Absence::NotSupported { .. })]));
    assert_eq!(told("b60-2", &[4], Some("warning")), [Ok((Warning, Source::Sysfs))], "the kernel's stays");
}

/// The simulated driver has each guest hold a quarter of its function's memory and compute for as many
/// tenths of the time as the function's number, with the media engines half as long.
#[test]
fn virtual_functions_are_told_each_by_itself() {
    let mut both = Both::new(busy("flex-170-2"));
    let backend = both.backend();
    let device = backend.inventory().unwrap().devices.swap_remove(1);
    assert_eq!(device.partitions.len(), 2);
    let first = *backend.sample().unwrap().reading(device.partitions[0].id);
    assert_eq!((first.busy, first.video_busy), (Err(Absence::NotYet), Err(Absence::NotYet)));
    both.advance(Nanoseconds::from_secs(10));
    let sample = backend.sample().unwrap();
    for (part, tenths) in device.partitions.iter().zip([1, 2]) {
        let reading = sample.reading(part.id);
        assert_eq!(reading.memory_total.unwrap().source, Source::Sysfs, "the kernel's stays the kernel's");
        let used = reading.memory_used.unwrap();
        assert_eq!(
            (used.value, used.source),
            (Bytes::mib(6 * 1024 / 4), Source::LevelZero),
            "no system memory"
        );
        assert_eq!(reading.memory_free.unwrap().value, Bytes::mib(6 * 1024 / 4 * 3));
        let (busy, video) = (reading.busy.unwrap(), reading.video_busy.unwrap());
        assert_eq!((busy.value, video.value), (Permille(100 * tenths), Permille(50 * tenths)), "{}", part.id);
        assert_eq!(busy.window(), Some(Nanoseconds::from_secs(10)));
    }
}

/// Drivers of before specification 1.10, or 1.12, have no functions for virtual functions, for which loaders
/// answer with a code: named, and the rest is read. A driver that fails is named with the function's name.
#[test]
fn what_a_driver_has_of_no_virtual_function_is_named() {
    let empty =
        |function: &str| Fault::ReturnCode { function: function.to_owned(), code: 0x7800_0003, gpu: None };
    let fails =
        |function: &str| Fault::ReturnCode { function: function.to_owned(), code: 0x7fff_fffe, gpu: None };
    const MEMORY: &str = "zesVFManagementGetVFMemoryUtilizationExp2";
    const ENGINES: &str = "zesVFManagementGetVFEngineUtilizationExp2";
    let failed = |at| Absence::Failed { at, code: Some(0x7fff_fffe) };
    let read = |fault: Fault| {
        let mut machine = busy("flex-170-2");
        machine.faults.push(fault);
        let mut both = Both::new(machine);
        let backend = both.backend();
        let inventory = backend.inventory().unwrap();
        backend.sample().unwrap();
        both.advance(Nanoseconds::from_secs(1));
        let sample = backend.sample().unwrap();
        let reading = *sample.reading(inventory.devices[1].partitions[0].id);
        assert!(reading.memory_total.is_ok() && sample.reading(inventory.devices[1].id).memory_used.is_ok());
        conformance::run(&*backend);
        (reading.memory_used.map(|m| m.value), reading.busy.map(|m| m.value), inventory.problems)
    };
    let named = |absence: Absence| absence.to_string().contains("specification 1.10");
    for function in ["zesDeviceEnumEnabledVFExp", "zesVFManagementGetVFCapabilitiesExp2"] {
        let (memory, busy, problems) = read(empty(function));
        assert!(named(memory.unwrap_err()) && named(busy.unwrap_err()), "{function}");
        assert!(problems.is_empty(), "{problems:?}");
    }
    let (memory, busy, _) = read(empty(MEMORY));
    assert!(named(memory.unwrap_err()) && busy == Ok(Permille(100)));
    let (memory, busy, _) = read(empty(ENGINES));
    assert!(named(busy.unwrap_err()) && memory.is_ok());
    assert_eq!(read(fails(MEMORY)).0, Err(failed(MEMORY)));
    assert_eq!(read(fails(ENGINES)).1, Err(failed(ENGINES)));
    let (memory, busy, problems) = read(fails("zesDeviceEnumEnabledVFExp"));
    assert_eq!(memory, Err(failed("zesDeviceEnumEnabledVFExp")));
    assert!(
        busy.is_err() && problems.iter().any(|problem| problem.to_string().contains("virtual functions"))
    );
}

#[test]
fn a_sleeping_gpu_is_not_asked() {
    let mut machine = busy("b60-2");
    machine.gpus[1].asleep = true;
    let both = Both::new(machine);
    let backend = both.backend();
    let devices = backend.inventory().unwrap().devices;
    let sample = backend.sample().unwrap();
    assert_eq!(sample.reading(devices[1].id).memory_used, Err(Absence::Asleep));
    assert!(sample.reading(devices[0].id).memory_used.is_ok());
}

#[test]
fn what_a_caller_may_not_ask_says_what_it_needs() {
    let both = Both::new(faulty(vec![Fault::Unprivileged]));
    let backend = both.backend();
    let id = backend.inventory().unwrap().devices[0].id;
    let sample = backend.sample().unwrap();
    let reading = sample.reading(id);
    assert_eq!(reading.busy, Err(Absence::NotPermitted { needs: Need::Capability("CAP_PERFMON") }));
    assert_eq!(reading.ecc_corrected, Err(Absence::NotPermitted { needs: Need::Root }));
    assert!(reading.memory_used.is_ok() && reading.energy.is_ok());
}

/// Garbage for a length, handles that are none, slots that are empty, codes of every kind: named,
/// and the kernel's files are told all the same.
#[test]
fn a_broken_driver_hides_nothing_of_the_kernels() {
    let code = |function: &str, code| Fault::ReturnCode { function: function.to_owned(), code, gpu: None };
    for (fault, named) in [
        (Fault::GarbageCounts, Some("says that there are 4294967288")),
        (Fault::NullHandles, Some("null")),
        (code("zesDeviceGetProperties", 0x7ffffffe), Some("0x7ffffffe")),
        (code("zesDeviceEnumMemoryModules", 0x70000001), Some("lost")),
        (code("zesDeviceEnumMemoryModules", 0x78000003), None),
        (code("zesDeviceEnumMemoryModules", 0x78000001), None),
        (code("zesMemoryGetState", 0x12345678), None),
        (Fault::UnterminatedStrings, None),
        (Fault::GrowingLists, None),
    ] {
        let both = Both::new(faulty(vec![fault.clone()]));
        let backend = both.backend();
        conformance::run(&*backend);
        let inventory = backend.inventory().unwrap();
        let told: Vec<String> = inventory.problems.iter().map(ToString::to_string).collect();
        match named {
            Some(word) => assert!(told.iter().any(|told| told.contains(word)), "{fault:?}: {told:?}"),
            None => assert!(told.is_empty(), "{fault:?}: {told:?}"),
        }
        assert_eq!(inventory.devices.len(), 4, "{fault:?}");
        let sample = backend.sample().unwrap();
        let reading = sample.reading(inventory.devices[0].id);
        assert!(reading.energy.is_ok() && reading.power_limit.is_ok(), "{fault:?}");
        let readable = matches!(fault, Fault::UnterminatedStrings | Fault::GrowingLists);
        assert_eq!(reading.memory_used.is_ok(), readable, "{fault:?}: {:?}", reading.memory_used);
        if fault == code("zesMemoryGetState", 0x12345678) {
            assert_eq!(
                reading.memory_used,
                Err(Absence::Failed { at: "zesMemoryGetState", code: Some(0x12345678) })
            );
        }
    }
}

#[test]
fn a_list_that_grows_is_read_whole() {
    let both = Both::new(faulty(vec![Fault::GrowingLists]));
    assert_eq!(LevelZero::start(&both.library).unwrap().addresses().len(), 4);
}

#[test]
fn strings_without_an_end_are_as_long_as_their_field() {
    let both = Both::new(faulty(vec![Fault::UnterminatedStrings]));
    let devices = both.backend().inventory().unwrap().devices;
    let serial = devices[0].serial.value().unwrap();
    assert_eq!((serial.len(), serial.starts_with("LQAC0042~~~")), (64, true), "{serial}");
}

#[test]
fn a_lost_device_is_named() {
    let both = Both::new(busy("max-1550-4"));
    let backend = both.backend();
    let devices = backend.inventory().unwrap().devices;
    std::fs::write(
        both.library.with_file_name("next.json"),
        "{\"faults\":[{\"device_lost\":{\"gpu\":0,\"at\":0}}]}",
    )
    .unwrap();
    std::fs::rename(both.library.with_file_name("next.json"), both.library.with_file_name("control.json"))
        .unwrap();
    // The kernel has not noticed yet: the library's answers are lost, its own stay.
    let sample = backend.sample().unwrap();
    assert_eq!(sample.reading(devices[0].id).memory_used, Err(Absence::Lost));
    assert!(sample.reading(devices[0].id).energy.is_ok());
    assert!(sample.reading(devices[1].id).memory_used.is_ok());
    let told = backend.inventory().unwrap().problems;
    assert!(told.iter().any(|problem| problem.kind == ErrorKind::DeviceLost), "{told:?}");
}

#[test]
fn no_loader_is_no_problem_and_no_driver_neither() {
    let mut both = Both::new(busy("b60-2"));
    both.library = both.folder.0.join("nowhere/libze_loader.so.1");
    let inventory = both.backend().inventory().unwrap();
    assert!(inventory.problems.is_empty(), "{:?}", inventory.problems);
    let why = inventory.drivers[0].library.absence().unwrap().to_string();
    assert!(why.contains("not installed"), "{why}");
    let error = LevelZero::start(&both.library).unwrap_err();
    assert!(matches!(error, LevelZeroError::NotLoaded { .. }), "{error}");

    // A loader that is there, and finds no driver with a device.
    let empty = Both::new(Machine::preset("empty").unwrap());
    assert_eq!(LevelZero::start(&empty.library).unwrap_err(), LevelZeroError::NoDriver);
    // One that says that a layer of another version is in its way.
    let fault = Fault::ReturnCode { function: "zesInit".to_owned(), code: 0x78000002, gpu: None };
    let both = Both::new(faulty(vec![fault]));
    let error = LevelZero::start(&both.library).unwrap_err();
    assert_eq!(error, LevelZeroError::WrongVersion);
    assert!(error.to_string().contains("libze_tracing_layer"), "{error}");
    let told = both.backend().inventory().unwrap().problems;
    assert!(told.iter().any(|problem| problem.to_string().contains("versions")), "{told:?}");
}

#[test]
fn a_library_without_zesinit_is_too_old() {
    let error = LevelZero::start(std::path::Path::new("libc.so.6")).unwrap_err();
    assert!(matches!(error, LevelZeroError::TooOld { .. }), "{error}");
}
