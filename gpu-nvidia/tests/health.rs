//! What tells how well a GPU is, through the simulated library: readings as the simulated machine says of
//! itself in process, and events by NVML's event sets.

use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use gpu_core::health::METRICS;
use gpu_core::{
    Absence, Backend, BackendExt, BootTime, Event, EventKind, Metric, Nanoseconds, PartitionKind, Query,
    RecoveryAction, Source, UnitId, Vendor,
};
use gpu_sim::{EccSpec, FabricSpec, Fault, Machine, PcieSpec, Silicon, SimBackend, World};

#[path = "common/installed.rs"]
mod installed;
use installed::Installed;

/// A machine behind the library that can be driven.
struct Driven {
    installed: Installed,
    faults: Vec<Fault>,
    uptime: BootTime,
}

impl Driven {
    fn new(machine: Machine) -> Self {
        let installed = Installed::new(&machine);
        let driven = Self { installed, uptime: machine.started_at, faults: Vec::new() };
        driven.tell();
        driven
    }

    fn preset(name: &str) -> Self {
        Self::new(Machine::preset(name).unwrap())
    }

    /// Replaces what drives the library, as its documents say: by renaming.
    fn tell(&self) {
        let faults: Vec<String> = self.faults.iter().map(json).collect();
        let text = format!("{{\"uptime_ns\": {}, \"faults\": [{}]}}", self.uptime.0, faults.join(", "));
        let path: PathBuf = self.installed.folder().join("control.json");
        let next = path.with_extension("next");
        std::fs::write(&next, text).unwrap();
        std::fs::rename(&next, &path).unwrap();
    }

    /// Events happen now, a second after what was before.
    fn happen(&mut self, events: impl FnOnce(BootTime) -> Vec<Fault>) {
        self.uptime = self.uptime.plus(Nanoseconds::from_secs(1));
        self.faults.extend(events(self.uptime));
        self.tell();
    }
}

/// A fault's JSON: a machine's description has it.
fn json(fault: &Fault) -> String {
    let mut machine = Machine::preset("empty").unwrap();
    machine.faults.push(fault.clone());
    let text = machine.to_json();
    let from = text.find("\"faults\": [").unwrap() + "\"faults\": [".len();
    text[from..text.rfind(']').unwrap()].to_owned()
}

fn waited(backend: &dyn Backend, limit: Nanoseconds) -> Vec<Event> {
    let mut events = Vec::new();
    backend.events().unwrap().wait(limit, &mut events).unwrap();
    events
}

/// Long enough for any machine; a wait ends as soon as something happens.
const LONG: Nanoseconds = Nanoseconds::from_secs(60);
const NOW: Nanoseconds = Nanoseconds(0);

/// Machines with every sort of fault, each read through the library as the machine says of itself.
#[test]
fn what_tells_how_well_a_gpu_is_reads_as_it_is() {
    let faults: [fn(&mut Machine); 9] = [
        |_| {},
        |machine| machine.gpus[0].health.recovery_action = Some(4),
        |machine| {
            machine.gpus[0].health.fabric = Some(FabricSpec { state: 2, status: 0, health: 0, summary: 0 })
        },
        |machine| {
            machine.gpus[0].health.fabric =
                Some(FabricSpec { state: 3, status: 3, health: 0x1_0315, summary: 2 });
        },
        |machine| machine.gpus[0].health.links_down = 3,
        |machine| machine.gpus[0].health.pcie_most = Some(PcieSpec { generation: 6, width: 32 }),
        |machine| (machine.gpus[0].health.hot, machine.gpus[0].health.power_brake) = (true, true),
        |machine| {
            // A board that retires pages.
            let ecc =
                EccSpec { uncorrected: 3, retired_pages: 5, retired_pending: true, ..EccSpec::default() };
            machine.gpus[0].ecc = Some(ecc);
        },
        |machine| {
            let ecc = machine.gpus[0].ecc.as_mut().unwrap();
            (ecc.remap_pending, ecc.remap_failed, ecc.remapped_uncorrected) = (true, true, 7);
        },
    ];
    for preset in ["hgx-h100-8", "l40s-4", "gb10-1"] {
        for (number, fault) in faults.iter().enumerate() {
            let mut machine = Machine::preset(preset).unwrap();
            fault(&mut machine);
            let installed = Installed::new(&machine);
            let (backend, world) = (installed.backend(), World::new(machine));
            let told = SimBackend::new(world, Vendor::NVIDIA).sample().unwrap();
            let read = backend.sample_of(&Query::everything().metrics(METRICS)).unwrap();
            let all = backend.sample().unwrap();
            for unit in &told.units {
                let more = [Metric::RetiredPages, Metric::RemappedRowsUncorrected, Metric::PcieGenerationMax];
                let asked = Metric::ALL.iter().filter(|metric| METRICS.has(**metric));
                for metric in asked.chain(&more) {
                    let at = format!("{preset}, fault {number}, {}: {metric}", unit.unit);
                    let expected =
                        unit.reading.get(*metric).map(|of| of.value).map_err(|absence| absence.kind());
                    let whole = all.reading(unit.unit).get(*metric).map(|of| (of.value, of.source));
                    assert_eq!(
                        whole.map(|(value, _)| value).map_err(|absence| absence.kind()),
                        expected,
                        "{at}"
                    );
                    assert!(
                        whole.is_ok_and(|(_, source)| source == Source::Nvml) || expected.is_err(),
                        "{at}"
                    );
                    if METRICS.has(*metric) {
                        let alone = read.reading(unit.unit).get(*metric).map(|of| of.value);
                        assert_eq!(
                            alone.map_err(|absence| absence.kind()),
                            expected,
                            "{at}, asked for alone"
                        );
                    }
                }
            }
        }
    }
}

/// A driver that knows fewer fields, or an older struct, is not one whose handles are stale.
#[test]
fn what_an_older_driver_does_not_know_is_absent_and_harms_nothing() {
    let mut machine = Machine::preset("hgx-h100-8").unwrap();
    let function = "nvmlDeviceGetFieldValues".to_owned();
    machine.faults.push(Fault::ReturnCode { function, code: 3, gpu: None });
    let backend = Installed::new(&machine).backend();
    let device = backend.inventory().unwrap().devices[0].id;
    let sample = backend.sample().unwrap();
    let reading = sample.reading(device);
    for metric in [Metric::RecoveryAction, Metric::LinksUp, Metric::RetiredPages, Metric::TemperatureMemory] {
        assert_eq!(reading.get(metric).unwrap_err().kind(), "not_supported", "{metric}");
    }
    assert!(reading.power.is_ok() && reading.fabric.is_ok());
    // Lost is lost, through this call too.
    machine.faults.clear();
    machine.faults.push(Fault::ReturnCode {
        function: "nvmlDeviceGetFieldValues".to_owned(),
        code: 15,
        gpu: Some(0),
    });
    let backend = Installed::new(&machine).backend();
    let sample = backend.sample().unwrap();
    assert_eq!(sample.reading(device).recovery_action, Err(Absence::Lost));
    assert_eq!(sample.reading(device).power.map(|of| of.value), Err(Absence::Lost));
    assert!(sample.units[1].reading.power.is_ok());
}

#[test]
fn recovery_actions_by_nvmls_numbers() {
    use RecoveryAction::{DrainAndReset, DrainPeers, None, RebootNode, Reset, Unknown};
    let actions = [None, Reset, RebootNode, DrainPeers, DrainAndReset, Unknown(5), Unknown(6)];
    for (number, action) in (0..).zip(actions) {
        let mut machine = Machine::preset("l40s-4").unwrap();
        machine.gpus[2].health.recovery_action = Some(number);
        let backend = Installed::new(&machine).backend();
        let sample = backend.sample().unwrap();
        assert_eq!(sample.units[2].reading.recovery_action.unwrap().value, action);
        assert!(sample.units[1].reading.recovery_action.is_err());
    }
}

#[test]
fn an_xid_is_told_to_who_waits() {
    let mut driven = Driven::preset("l40s-4");
    let backend = driven.installed.backend();
    let devices = backend.inventory().unwrap().devices;
    driven.happen(|at| vec![Fault::xid(0, at, 31)]);
    assert_eq!(waited(&*backend, NOW), [], "before anybody listened");
    // A wait that has begun.
    let done = AtomicBool::new(false);
    std::thread::scope(|scope| {
        let waits = scope.spawn(|| {
            let events = waited(&*backend, LONG);
            done.store(true, Ordering::SeqCst);
            events
        });
        driven.happen(|at| vec![Fault::xid(2, at, 79)]);
        let events = waits.join().unwrap();
        let event = &events[0];
        assert_eq!((event.unit, event.kind), (Some(devices[2].id.into()), EventKind::Xid(79)));
        assert_eq!((event.vendor, event.source, events.len()), (Vendor::NVIDIA, Source::Nvml, 1));
    });
    assert!(done.load(Ordering::SeqCst));
    // Several at once come by one wait, in order, and once.
    driven.happen(|at| vec![Fault::xid(0, at, 13), Fault::xid(1, at, 4711), Fault::xid(1, at, 999)]);
    let kinds: Vec<_> = waited(&*backend, LONG).iter().map(|event| event.kind).collect();
    assert_eq!(kinds, [EventKind::Xid(13), EventKind::Xid(4711), EventKind::Xid(999)]);
    assert_eq!(waited(&*backend, NOW), []);
}

#[test]
fn every_kind_of_event_has_its_name_and_others_are_kept() {
    let mut driven = Driven::preset("l40s-4");
    let backend = driven.installed.backend();
    assert_eq!(waited(&*backend, NOW), []);
    use EventKind::{
        CorrectedStorm, ErrorUncorrected, ErrorsCorrected, MemoryRetired, PoisonContained, PoisonFatal,
        RecoveryChanged, RetirementFailed, Unavailable, Unknown,
    };
    // The bits that nvml.h gives to nvmlEventType*.
    let rows = [
        (0x1, ErrorsCorrected),
        (0x2, ErrorUncorrected),
        (0x200, CorrectedStorm),
        (0x400, MemoryRetired),
        (0x800, RetirementFailed),
        (0x1000, PoisonContained),
        (0x2000, PoisonFatal),
        (0x4000, Unavailable),
        (0x8000, RecoveryChanged),
        (1 << 40, Unknown { kind: 1 << 40, data: 7 }),
    ];
    for (bit, kind) in rows {
        driven.happen(|at| vec![Fault::Event { gpu: 1, at, kind: bit, data: 7, gi: None, ci: None }]);
        let told = waited(&*backend, LONG);
        assert_eq!(told.iter().map(|event| event.kind).collect::<Vec<_>>(), [kind]);
    }
}

/// Under MIG an Xid names its instance; outside, and of other kinds, what stands there means nothing.
#[test]
fn an_xid_names_the_instance_that_it_is_about() {
    let machine = Machine::preset("dgx-a100-8").unwrap();
    let is_cut = |gpu: &gpu_sim::Gpu| matches!(&gpu.silicon, Silicon::Nvidia(of) if of.mig.as_ref().is_some_and(|mig| mig.enabled));
    let cut = machine.gpus.iter().position(is_cut).expect("one is cut");
    let whole = machine.gpus.iter().position(|gpu| !is_cut(gpu)).expect("one is not");
    let mut driven = Driven::new(machine);
    let backend = driven.installed.backend();
    let devices = backend.inventory().unwrap().devices;
    assert_eq!(waited(&*backend, NOW), []);
    let event = |gpu, at, kind, gi, ci| Fault::Event { gpu, at, kind, data: 95, gi, ci };
    driven.happen(|at| {
        vec![
            event(cut, at, 8, Some(3), Some(0)),
            event(cut, at, 8, Some(3), None),
            event(cut, at, 8, None, None),
            event(cut, at, 2, Some(3), None),
            event(whole, at, 8, Some(0), Some(0)),
        ]
    });
    let outer = devices[cut].id.partition(PartitionKind::GPU_INSTANCE, 3);
    let inner = outer.inner(PartitionKind::COMPUTE_INSTANCE, 0).unwrap();
    let (cut, whole): (UnitId, UnitId) = (devices[cut].id.into(), devices[whole].id.into());
    let units: Vec<_> = waited(&*backend, LONG).iter().map(|event| event.unit).collect();
    assert_eq!(units, [Some(inner.into()), Some(outer.into()), Some(cut), Some(cut), Some(whole)]);
}

/// A handle of nothing, and a driver that writes more than the struct has.
#[test]
fn nonsense_of_the_driver_is_kept_and_harms_nothing() {
    let mut driven = Driven::preset("l40s-4");
    driven.faults.push(Fault::LongEvents);
    driven.tell();
    let backend = driven.installed.backend();
    let devices = backend.inventory().unwrap().devices;
    assert_eq!(waited(&*backend, NOW), []);
    driven.happen(|at| vec![Fault::xid(99, at, 48), Fault::xid(3, at, u64::MAX)]);
    let told: Vec<_> = waited(&*backend, LONG).iter().map(|event| (event.unit, event.kind)).collect();
    assert_eq!(told, [(None, EventKind::Xid(48)), (Some(devices[3].id.into()), EventKind::Xid(u64::MAX))]);
    assert_eq!(backend.inventory().unwrap().devices.len(), 4);
}

/// NVML answers every wait with `GPU_IS_LOST` from the time on at which one GPU is: the others are heard
/// nevertheless, and so is the one that comes back.
#[test]
fn one_lost_gpu_does_not_silence_the_others() {
    let mut driven = Driven::preset("l40s-4");
    let backend = driven.installed.backend();
    let devices = backend.inventory().unwrap().devices;
    assert_eq!(waited(&*backend, NOW), []);
    driven.happen(|at| vec![Fault::xid(1, at, 79), Fault::DeviceLost { gpu: 1, at }]);
    let first = waited(&*backend, LONG);
    assert_eq!(first[0].unit, Some(devices[1].id.into()));
    // At most one wait ends early; then the rest is waited for.
    for _ in 0..3 {
        assert_eq!(waited(&*backend, NOW), []);
    }
    driven.happen(|at| vec![Fault::xid(2, at, 95), Fault::xid(1, at, 13)]);
    let told = waited(&*backend, LONG);
    assert_eq!(told.iter().map(|event| event.unit).collect::<Vec<_>>(), [Some(devices[2].id.into())]);
    // All are lost: an error, not a panic and not silence.
    driven.happen(|at| [0, 2, 3].map(|gpu| Fault::DeviceLost { gpu, at }).to_vec());
    let mut events = Vec::new();
    let errors = (0..4).filter(|_| backend.events().unwrap().wait(NOW, &mut events).is_err()).count();
    assert!(errors >= 3, "{errors}");
    // They come back, by a reset that the driver survives.
    driven.faults.clear();
    driven.happen(|_| Vec::new());
    backend.inventory().unwrap();
    assert_eq!(waited(&*backend, NOW), []);
    driven.happen(|at| vec![Fault::xid(1, at, 31)]);
    assert_eq!(waited(&*backend, LONG)[0].unit, Some(devices[1].id.into()));
}

#[test]
fn drivers_without_events_say_so() {
    for (function, code) in [("nvmlDeviceGetSupportedEventTypes", 3), ("nvmlDeviceRegisterEvents", 3)] {
        let mut machine = Machine::preset("l40s-4").unwrap();
        machine.faults.push(Fault::ReturnCode { function: function.to_owned(), code, gpu: None });
        let backend = Installed::new(&machine).backend();
        let error = backend.events().unwrap().wait(LONG, &mut Vec::new()).unwrap_err();
        assert_eq!(error.kind(), gpu_core::ErrorKind::NotSupported, "{function}: {error}");
        // One that tells is enough.
        machine.faults.clear();
        machine.faults.push(Fault::ReturnCode { function: function.to_owned(), code, gpu: Some(0) });
        assert_eq!(waited(&*Installed::new(&machine).backend(), NOW), []);
    }
    // Any code, from every call: nothing panics, and a wait does not hang.
    for function in
        ["nvmlEventSetCreate", "nvmlDeviceRegisterEvents", "nvmlEventSetWait_v2", "nvmlEventSetFree"]
    {
        for code in [1, 2, 3, 4, 10, 15, 16, 27, 999, 4711] {
            let mut machine = Machine::preset("l40s-4").unwrap();
            machine.faults.push(Fault::ReturnCode { function: function.to_owned(), code, gpu: None });
            let backend = Installed::new(&machine).backend();
            let mut events = Vec::new();
            for _ in 0..3 {
                let _ = backend.events().unwrap().wait(NOW, &mut events);
            }
            assert_eq!(events, [], "{function} {code}");
        }
    }
}

/// A wait lasts as long as it may, and samples go on meanwhile.
#[test]
fn a_wait_holds_nobody_up() {
    let driven = Driven::preset("l40s-4");
    let backend = driven.installed.backend();
    assert_eq!(waited(&*backend, NOW), []);
    std::thread::scope(|scope| {
        let waits = scope.spawn(|| {
            let began = Instant::now();
            (waited(&*backend, Nanoseconds::from_secs(2)), began.elapsed())
        });
        let mut samples = 0;
        while !waits.is_finished() {
            assert_eq!(backend.sample().unwrap().units.len(), 4);
            samples += 1;
        }
        let (events, took) = waits.join().unwrap();
        assert_eq!(events, []);
        assert!(took >= Duration::from_secs(2), "{took:?}");
        assert!(samples > 0);
    });
}
