//! Simulated trees, and counters that the tests hand out in the kernel's place.

use std::fs;
use std::io;
use std::path::PathBuf;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex};

use gpu_core::{
    Absence, Backend, BackendExt, Bytes, Clock, Metric, MetricSet, Nanoseconds, Need, PartitionKind,
    Permille, Query, Source, conformance,
};
use gpu_host::Roots;
use gpu_sim::{Curve, Machine, Part, Tree, Use, UseKind, Workload, World};

use super::{Counted, Counter, Open, Perf, Pmu, permission, pmu};
use crate::backend::IntelBackend;

/// A simulated machine in trees, with somebody who computes half of the time, and whose media engines
/// work for a tenth of it.
struct Site {
    folder: PathBuf,
    world: World,
    tree: Tree,
}

impl Drop for Site {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.folder);
    }
}

impl Site {
    fn new(preset: &str) -> Self {
        static NUMBER: AtomicU32 = AtomicU32::new(0);
        let number = NUMBER.fetch_add(1, Ordering::Relaxed);
        let folder = std::env::temp_dir().join(format!("gpu-intel-perf-{}-{number}", std::process::id()));
        let mut machine = Machine::preset(preset).unwrap();
        let of = Use {
            gpu: 0,
            part: Part::Whole,
            kind: UseKind::Compute,
            memory: Curve::constant(Bytes::gib(1).get()),
            busy: Curve::constant(500),
            encoder_busy: Curve::constant(100),
            decoder_busy: Curve::default(),
        };
        let starts = machine.started_at;
        let cgroup = "/".to_owned();
        machine.workloads = vec![Workload {
            pid: gpu_core::Pid(7),
            name: "job".to_owned(),
            starts,
            ends: None,
            cgroup,
            uses: vec![of],
            descriptors: Vec::new(),
            threads: Vec::new(),
        }];
        let world = World::new(machine);
        let tree = world.write_tree(&folder).unwrap();
        Self { folder, world, tree }
    }

    fn backend(&self) -> IntelBackend {
        let roots = Roots::default().sysfs(self.tree.sysfs()).proc(self.tree.proc());
        IntelBackend::new(roots, Arc::new(self.world.clock().clone())).unwrap()
    }

    fn pmu(&self, is_xe: bool) -> Result<Pmu, Absence> {
        let address = self.world.machine().gpus[0].pci;
        let device = self.tree.sysfs().join("bus/pci/devices").join(address.to_string());
        pmu::of(&self.tree.sysfs(), &device, address, is_xe)
    }

    /// The folder of the first GPU's counters.
    fn folder_of(&self, driver: &str) -> PathBuf {
        let address = self.world.machine().gpus[0].pci.to_string().replace(':', "_");
        self.tree.sysfs().join(format!("bus/event_source/devices/{driver}_{address}"))
    }

    /// What the process that looks may do.
    fn allow(&self, paranoid: &str, capabilities: &str) {
        let kernel = self.tree.proc().join("sys/kernel/perf_event_paranoid");
        fs::write(kernel, format!("{paranoid}\n")).unwrap();
        fs::create_dir_all(self.tree.proc().join("self")).unwrap();
        let status = format!("Name:\tjob\nCapPrm:\t0000000000000000\nCapEff:\t{capabilities}\n");
        fs::write(self.tree.proc().join("self/status"), status).unwrap();
    }
}

/// Counters over the simulated machine, as its driver would keep them for who may open them; the
/// numbers that were asked for are noted.
fn counters(site: &Site, is_xe: bool, asked: &Arc<Mutex<Vec<u64>>>) -> Open {
    let (world, asked) = (site.world.clone(), Arc::clone(asked));
    let first = site.pmu(is_xe).unwrap().kind;
    Box::new(move |pmu, config| {
        asked.lock().unwrap().push(config);
        let (world, position) = (world.clone(), (pmu.kind - first) as usize);
        let (class, instance, gt, event) = if is_xe {
            (config >> 20 & 0xff, config >> 12 & 0xff, config >> 60, config & 0xfff)
        } else {
            (config >> 12, config >> 4 & 0xff, 0, 0)
        };
        // The graphics GT has one compute engine, the media GT two decoders.
        let there =
            if is_xe { [(0, 4, 0), (1, 2, 0), (1, 2, 1)].contains(&(gt, class, instance)) } else { true };
        if !there {
            return Err(io::Error::from_raw_os_error(2));
        }
        let opened = world.clock().boot_now();
        let counter: Counter = Box::new(move || {
            let scene = world.scene();
            let tile = scene.intel_tile(position, 0).unwrap();
            let work = [tile.render, tile.copy, tile.video, Nanoseconds::ZERO, tile.compute][class as usize];
            let enabled = scene.now().since(opened).get();
            let ticks = |time: u64| time / 1000 * 192 / 10; // 19.2 MHz
            let count = match event {
                0 => work.get(),
                2 => ticks(work.get()),
                _ => ticks(scene.now().0),
            };
            // The second video engine has nothing to do.
            let count = if class == 2 && instance == 1 && event != 3 { 0 } else { count };
            Ok(Counted { count, enabled })
        });
        Ok(counter)
    })
}

#[test]
fn what_the_drivers_list_is_what_the_kernel_would_take() {
    // The kernel's macros: class << 12 | instance << 4 (i915_drm.h), and the masks of xe_pmu.c.
    let i915 = Site::new("flex-170-2").pmu(false).unwrap();
    let asked: Vec<(u64, Option<u64>, bool)> =
        i915.engines.iter().map(|of| (of.active, of.total, of.is_video)).collect();
    let expected = [(0, false), (0x1000, false), (0x2000, true), (0x2010, true), (0x4000, false)];
    assert_eq!(asked, expected.map(|(config, video)| (config, None, video)));
    assert_eq!((i915.kind, i915.cpu), (24, 0));
    let xe = Site::new("b60-2").pmu(true).unwrap();
    let one = xe.engines.iter().find(|of| of.active == 1 << 60 | 2 << 20 | 1 << 12 | 2).unwrap();
    assert_eq!(
        (one.total, one.is_video),
        (Some(1 << 60 | 2 << 20 | 1 << 12 | 3), true),
        "vcs1 of the media GT"
    );
    assert_eq!(xe.engines.len(), 18, "nine that could be of each class that a GT has");
}

/// The fields lie elsewhere in another kernel: they are where it says.
#[test]
fn no_bit_is_known_in_advance() {
    let site = Site::new("b60-2");
    let format = site.folder_of("xe").join("format");
    for (name, bits) in [("gt", "config:0-3"), ("event", "config:8-15"), ("engine_class", "config:4-7")] {
        fs::write(format.join(name), bits).unwrap();
    }
    let engines = site.pmu(true).unwrap().engines;
    assert!(engines.iter().any(|of| of.active == 1 | 2 << 4 | 2 << 8 | 3 << 12), "{engines:x?}");
}

#[test]
fn what_is_broken_in_the_list_is_named() {
    for (file, text, at) in [
        ("type", "many", "type of the PMU"),
        ("type", "99999999999", "type of the PMU"),
        ("cpumask", "x", "cpumask of the PMU"),
        ("format/engine_class", "config1:0-7", "a format of the PMU"),
        ("events/engine-active-ticks", "event", "an event of the PMU"),
        ("events/engine-active-ticks", "event=0x1234", "a value of the PMU that has no room in its field"),
        ("events/engine-active-ticks", "nothing=1", "a format of the PMU"),
    ] {
        let site = Site::new("b60-2");
        fs::write(site.folder_of("xe").join(file), text).unwrap();
        let expected = Absence::Failed { at, code: None };
        assert_eq!(site.pmu(true).unwrap_err(), expected, "{file}: {text}");
        let backend = site.backend();
        let id = backend.inventory().unwrap().devices[0].id;
        assert_eq!(backend.sample().unwrap().reading(id).busy, Err(expected), "{file}: {text}");
    }
    // An older kernel's xe: residencies alone. Another one's: no list at all.
    let site = Site::new("b60-2");
    fs::remove_file(site.folder_of("xe").join("events/engine-active-ticks")).unwrap();
    assert!(matches!(site.pmu(true), Err(Absence::NotSupported { .. })));
    fs::remove_file(site.folder_of("xe")).unwrap();
    assert!(matches!(site.pmu(true), Err(Absence::NotSupported { .. })));
}

#[test]
fn who_may_open_counters_stands_in_two_files() {
    let site = Site::new("b60-2");
    let refused = |paranoid, capabilities| {
        site.allow(paranoid, capabilities);
        permission::refusal(&site.tree.proc())
    };
    let missing = Some(Absence::NotPermitted { needs: Need::Capability("CAP_PERFMON") });
    assert_eq!(refused("2", "0000000000000000"), missing);
    assert_eq!(refused("1", "0000000000000000"), missing, "counters of a processor take it from 1 on");
    assert_eq!(refused("4", "0000000000000000"), missing, "Debian's");
    assert_eq!(refused("0", "0000000000000000"), None);
    assert_eq!(refused("-1", "0000000000000000"), None);
    assert_eq!(refused("2", "0000004000000000"), None, "CAP_PERFMON is the 38th");
    assert_eq!(refused("2", "0000000000200000"), None, "CAP_SYS_ADMIN is the 21st");
    assert_eq!(refused("2", "000001bfffdfffff"), missing, "all others");
    for (paranoid, capabilities) in [("two", "0"), ("2", "all")] {
        let told = refused(paranoid, capabilities);
        assert!(matches!(told, Some(Absence::Failed { .. })), "{paranoid} {capabilities}: {told:?}");
    }
    fs::remove_file(site.tree.proc().join("self/status")).unwrap();
    fs::write(site.tree.proc().join("sys/kernel/perf_event_paranoid"), "2").unwrap();
    assert_eq!(permission::refusal(&site.tree.proc()), missing, "what cannot be seen is not held");
    fs::remove_file(site.tree.proc().join("sys/kernel/perf_event_paranoid")).unwrap();
    let told = permission::refusal(&site.tree.proc());
    assert!(matches!(told, Some(Absence::NotSupported { .. })), "a kernel without perf: {told:?}");
}

/// Each of the three reasons, of device and tiles; not of partitions that have no engines of their own.
#[test]
fn why_there_is_no_activity_is_told_exactly() {
    let site = Site::new("flex-170-2");
    let told = || {
        let backend = site.backend();
        let devices = backend.inventory().unwrap().devices;
        let sample = backend.sample().unwrap();
        let reading = sample.reading(devices[0].id);
        assert_eq!(reading.busy, reading.video_busy);
        let function = devices[1].partitions[0].id;
        assert!(matches!(sample.reading(function).busy, Err(Absence::NotSupported { .. })));
        reading.busy.unwrap_err()
    };
    assert_eq!(told(), permission::PERFMON);
    site.allow("0", "0");
    let text = told().to_string();
    let expected = if cfg!(feature = "perf") { "nobody asked" } else { "without feature perf" };
    assert!(text.contains("perf may be opened") && text.contains(expected), "{text}");
    fs::remove_file(site.folder_of("i915")).unwrap();
    let text = told().to_string();
    assert!(text.contains("counts no engines for perf"), "{text}");
}

#[test]
fn engines_are_counted_from_look_to_look() {
    for (preset, is_xe, video) in [("flex-170-2", false, 50), ("b60-2", true, 50)] {
        let mut site = Site::new(preset);
        let asked = Arc::default();
        let backend = site.backend().with_counters(Perf::by(counters(&site, is_xe, &asked)));
        conformance::run(&backend);
        let devices = backend.inventory().unwrap().devices;
        backend.sample().unwrap();
        let opened = asked.lock().unwrap().len();
        site.world.clock().advance(Nanoseconds::from_secs(10));
        site.tree.refresh().unwrap();
        let sample = backend.sample().unwrap();
        let reading = sample.reading(devices[0].id);
        let busy = reading.busy.unwrap();
        assert_eq!((busy.value, busy.source), (Permille(500), Source::Perf), "{preset}: the busiest engine");
        assert_eq!(busy.window(), Some(Nanoseconds::from_secs(10)));
        assert_eq!(reading.video_busy.unwrap().value, Permille(video), "{preset}: the mean of two");
        assert_eq!(sample.reading(devices[1].id).busy.unwrap().value, Permille(0), "nobody is there");
        // No time went by: that is no share of nothing.
        assert_eq!(backend.sample().unwrap().reading(devices[0].id).busy, Err(Absence::NotYet));
        assert_eq!(asked.lock().unwrap().len(), opened, "counters stay open");
    }
}

/// xe's counters keep a GPU awake: what nobody asked for is not opened, and a GPU that sleeps is not woken.
#[test]
fn nothing_is_opened_without_need() {
    let awake = Site::new("b60-2");
    let asked = Arc::default();
    let backend = awake.backend().with_counters(Perf::by(counters(&awake, true, &asked)));
    let power = Query::everything().metrics(MetricSet::NONE.with(Metric::Power));
    backend.sample_of(&power).unwrap();
    assert!(asked.lock().unwrap().is_empty(), "only power was wanted");
    let pci = awake.world.machine().gpus[0].pci.to_string();
    let status = awake.tree.sysfs().join("bus/pci/devices").join(&pci).join("power/runtime_status");
    fs::write(status, "suspended\n").unwrap();
    let id = backend.inventory().unwrap().devices[0].id;
    let query = Query::everything();
    let sample = backend.sample_of(&query).unwrap();
    assert_eq!(sample.reading(id).busy, Err(Absence::Asleep));
    let of_the_other = asked.lock().unwrap().len();
    fs::write(awake.tree.sysfs().join("bus/pci/devices").join(pci).join("power/runtime_status"), "active\n")
        .unwrap();
    backend.sample_of(&query).unwrap();
    let of_both = asked.lock().unwrap().len();
    assert!(
        of_the_other > 0 && of_both == 2 * of_the_other,
        "{of_the_other} of the other, {of_both} of both"
    );
}

/// On i915 engines are of the whole GPU, on xe of the tile that their GT is on.
#[test]
fn tiles_have_engines_where_the_driver_says_which() {
    let site = Site::new("max-1550-4");
    let asked = Arc::default();
    let backend = site.backend().with_counters(Perf::by(counters(&site, false, &asked)));
    let device = backend.inventory().unwrap().devices.swap_remove(0);
    backend.sample().unwrap();
    site.world.clock().advance(Nanoseconds::from_secs(1));
    let sample = backend.sample().unwrap();
    assert_eq!(sample.reading(device.id).busy.unwrap().value, Permille(500));
    for tile in device.partitions.iter().filter(|part| part.kind() == PartitionKind::TILE) {
        let told = sample.reading(tile.id).busy.unwrap_err().to_string();
        assert!(told.contains("over all tiles"), "{told}");
    }
}

#[test]
fn the_kernels_answers_are_told_apart() {
    let site = Site::new("flex-170-2");
    let answered = |code: i32| {
        let open: Open = Box::new(move |_, _| Err(io::Error::from_raw_os_error(code)));
        let backend = site.backend().with_counters(Perf::by(open));
        let id = backend.inventory().unwrap().devices[0].id;
        backend.sample().unwrap().reading(id).busy.unwrap_err()
    };
    let missing = Absence::NotPermitted { needs: Need::Capability("CAP_PERFMON") };
    assert_eq!(answered(13), missing, "the kernel: EACCES");
    assert_eq!(answered(1), missing, "a container's filter: EPERM");
    assert!(matches!(answered(19), Absence::NotSupported { .. }), "no engine is counted");
    let too_many = Absence::Failed { at: "perf_event_open", code: Some(24) };
    assert_eq!(answered(24), too_many, "too many files are open");
}

/// Counters that fail once are opened again, and count from then on.
#[test]
fn a_counter_that_fails_is_opened_anew() {
    let site = Site::new("flex-170-2");
    let reads = Arc::new(AtomicU32::new(0));
    let seen = Arc::clone(&reads);
    let open: Open = Box::new(move |_, _| {
        let reads = Arc::clone(&seen);
        let counter: Counter = Box::new(move || match reads.fetch_add(1, Ordering::Relaxed) {
            7 => Err(io::Error::from_raw_os_error(5)),
            n => Ok(Counted { count: u64::from(n), enabled: u64::from(n) * 4 }),
        });
        Ok(counter)
    });
    let backend = site.backend().with_counters(Perf::by(open));
    let id = backend.inventory().unwrap().devices[0].id;
    let units = [gpu_core::UnitId::Device(id)];
    let query = Query::everything().units(gpu_core::Units::Only(&units));
    let look = || backend.sample_of(&query).unwrap().reading(id).busy.map(|busy| busy.value);
    assert_eq!(look(), Err(Absence::NotYet), "five engines");
    assert_eq!(look(), Err(Absence::Failed { at: "perf_event_open", code: Some(5) }));
    assert_eq!(look(), Err(Absence::NotYet), "anew");
    assert_eq!(look(), Ok(Permille(250)));
}
