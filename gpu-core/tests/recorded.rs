//! Moments as bytes: nothing is forgotten, and version 1 stays what it is.

use std::collections::BTreeSet;
use std::path::Path;

use gpu_core::recorded::{
    Containers, Error, Head, Moment, Named, Reader, Redaction, Redactor, VendorSeen, Writer,
};
use gpu_core::*;

const AT: BootTime = BootTime(5_000_000_000);
const WHY: &str = "no such sensor";

/// Every reason for which a value may be missing.
const ABSENCES: [Absence; 13] = [
    Absence::NotSupported { why: WHY },
    Absence::UnknownVersion { of: "gpu_metrics", version: (3, 200) },
    Absence::NotPermitted { needs: Need::Root },
    Absence::NotPermitted { needs: Need::HostPids },
    Absence::NotPermitted { needs: Need::Capability("CAP_PERFMON") },
    Absence::NotPermitted { needs: Need::Access("/dev/dri/card0") },
    Absence::NotPermitted { needs: Need::Other("a licence") },
    Absence::NotYet,
    Absence::Asleep,
    Absence::TimedOut,
    Absence::Lost,
    Absence::Failed { at: "nvmlDeviceGetPowerUsage", code: Some(-999) },
    Absence::Failed { at: "power1_input", code: None },
];

const SOURCES: [Source; 11] = [
    Source::Nvml,
    Source::Sysfs,
    Source::Hwmon,
    Source::Kfd,
    Source::Procfs,
    Source::Fdinfo,
    Source::LevelZero,
    Source::RocmSmi,
    Source::Perf,
    Source::Simulated,
    Source::Other,
];

fn head() -> Head {
    let boot = BootId("3c92a7a5-7d8e-4b8e-9f8b-0a1b2c3d4e5f".parse().expect("a UUID"));
    Head::new(WallTime(1_772_000_000_000_000_000), boot, PidView::Host)
}

/// Writes a head and moments, and reads them back.
fn round(head: &Head, moments: &[Moment]) -> (Head, Vec<Moment>) {
    let (mut writer, mut reader) = (Writer::new(), Reader::new());
    let mut bytes = Vec::new();
    writer.head(head, &mut bytes);
    let back = reader.head(&bytes).expect("what was written is read");
    let moments = moments.iter().map(|moment| {
        bytes.clear();
        writer.moment(moment, &mut bytes).expect("it is not too large");
        reader.moment(&bytes).expect("what was written is read")
    });
    (back, moments.collect())
}

/// A moment in which the unit shows one thing.
fn shown(reading: Reading) -> Moment {
    let mut moment = Moment::new(AT, WallTime(7));
    let unit: UnitId = "amd:serial:1f2e3d4c5b6a7988/xcp:3".parse().expect("a unit");
    moment.sample.push(unit, reading);
    moment
}

/// A value for a metric whose type is known only here: by the text of serde's other direction there is
/// none, so each metric gets one by its own field.
macro_rules! with_every_metric {
    ($($field:ident),* $(,)?) => {
        /// Readings, each with one metric measured; and the names of those metrics.
        fn one_by_one() -> (Vec<Reading>, Vec<&'static str>) {
            let mut readings = Vec::new();
            let mut seed = 1_u64;
            $(
                seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
                let mut reading = Reading::absent(ABSENCES[seed as usize % ABSENCES.len()]);
                let source = SOURCES[(seed >> 32) as usize % SOURCES.len()];
                reading.$field = Ok(Measured::over(
                    Odd::odd(seed),
                    BootTime(AT.0 - seed % 1000),
                    Nanoseconds(seed >> 40),
                    source,
                ));
                readings.push(reading);
            )*
            (readings, vec![$(stringify!($field)),*])
        }
    };
}

/// Any value of a type, made of a number: the largest and the smallest too.
trait Odd {
    fn odd(seed: u64) -> Self;
}

macro_rules! odd {
    ($($type:ident),*) => {$(
        impl Odd for $type {
            fn odd(seed: u64) -> Self {
                $type(if seed % 3 == 0 { u64::MAX } else { seed })
            }
        }
    )*};
}

odd!(Bytes, Microwatts, Microjoules, Hertz, Permille, Count, Rpm);

impl Odd for Millicelsius {
    fn odd(seed: u64) -> Self {
        Self(if seed % 2 == 0 { i64::MIN } else { -40_000 })
    }
}

impl Odd for ThrottleReasons {
    fn odd(seed: u64) -> Self {
        Self { known: u32::MAX, raw: seed }
    }
}

impl Odd for Fabric {
    fn odd(seed: u64) -> Self {
        Self::new(
            FabricState::Unknown(255),
            u32::MAX,
            FabricIssues { known: u16::MAX, raw: (seed >> 32) as u32 },
        )
    }
}

impl Odd for RecoveryAction {
    fn odd(seed: u64) -> Self {
        Self::Unknown((seed >> 32) as u32)
    }
}

impl Odd for DriverHealth {
    fn odd(seed: u64) -> Self {
        Self::Unknown((seed >> 32) as u32)
    }
}

#[test]
fn every_state_action_and_judgement_comes_back() {
    use RecoveryAction as Do;
    let states =
        [FabricState::NotStarted, FabricState::InProgress, FabricState::Completed, FabricState::Unknown(0)];
    let actions = [
        Do::None,
        Do::RestartApplication,
        Do::DrainPeers,
        Do::RestartFabricManager,
        Do::DrainAndReset,
        Do::Reset,
        Do::RebootNode,
        Do::FlashFirmware,
        Do::CheckHardware,
        Do::ContactVendor,
        Do::Replace,
        Do::Unknown(0),
    ];
    let judgements = [
        DriverHealth::Ok,
        DriverHealth::Warning,
        DriverHealth::Critical,
        DriverHealth::NeedsFirmware,
        DriverHealth::Replace,
        DriverHealth::Unknown(0),
    ];
    let moments: Vec<Moment> = (0..actions.len())
        .map(|at| {
            let mut reading = Reading::absent(Absence::NotYet);
            let fabric = Fabric::new(states[at % states.len()], 0, FabricIssues::UNHEALTHY);
            reading.fabric = Ok(Measured::new(fabric, AT, Source::Nvml));
            reading.recovery_action = Ok(Measured::new(actions[at], AT, Source::Nvml));
            reading.driver_health = Ok(Measured::new(judgements[at % judgements.len()], AT, Source::Sysfs));
            shown(reading)
        })
        .collect();
    assert_eq!(round(&head(), &moments).1, moments);
}

with_every_metric!(
    memory_total,
    memory_used,
    memory_free,
    memory_reserved,
    system_memory_total,
    system_memory_used,
    busy,
    memory_busy,
    memory_read,
    memory_written,
    encoder_busy,
    decoder_busy,
    video_busy,
    jpeg_busy,
    power,
    power_limit,
    power_limit_default,
    power_limit_min,
    power_limit_max,
    energy,
    temperature,
    temperature_hotspot,
    temperature_memory,
    temperature_slowdown,
    temperature_shutdown,
    clock_graphics,
    clock_graphics_max,
    clock_sm,
    clock_memory,
    clock_memory_max,
    clock_video,
    throttle,
    throttle_ticks,
    throttled_by_prochot,
    throttled_by_power,
    throttled_by_socket_heat,
    throttled_by_regulator_heat,
    throttled_by_memory_heat,
    performance_state,
    ecc_corrected,
    ecc_uncorrected,
    ecc_corrected_lifetime,
    ecc_uncorrected_lifetime,
    remapped_rows_corrected,
    remapped_rows_uncorrected,
    remapped_rows_pending,
    remapped_rows_failed,
    retired_pages,
    pcie_generation,
    pcie_width,
    pcie_replays,
    pcie_recoveries,
    pcie_naks_sent,
    pcie_naks_received,
    links_up,
    links_down,
    fabric,
    recovery_action,
    driver_health,
    retired_pages_pending,
    pcie_generation_max,
    pcie_width_max,
    fan_speed,
    fan_rotation,
);

#[test]
fn every_metric_of_the_table_comes_back() {
    let (readings, tried) = one_by_one();
    let table: BTreeSet<&str> = Metric::ALL.iter().map(|metric| metric.name()).collect();
    let tried: BTreeSet<&str> = tried.into_iter().collect();
    let untried: Vec<_> = table.difference(&tried).collect();
    assert!(untried.is_empty(), "metrics that are not tried here: {untried:?}");
    let moments: Vec<Moment> = readings.into_iter().map(shown).collect();
    assert_eq!(round(&head(), &moments).1, moments);
}

#[test]
fn every_reason_comes_back_in_place_of_every_sort_of_thing() {
    let moments: Vec<Moment> = ABSENCES
        .iter()
        .map(|absence| {
            let mut moment = shown(Reading::absent(*absence));
            let unit: UnitId = "intel:pci:0000:03:00.0/vf:2".parse().expect("a unit");
            let mut process = ProcessReading::new(unit, Pid(u32::MAX), PidView::Mounted, *absence);
            process.start = Err(*absence);
            process.name = Err(*absence);
            moment.sample.processes.push(process);
            moment.sample.ended.push(EndedList::new(unit.device(), Err(*absence)));
            let mut device = Device::new(unit.device(), "a GPU");
            device.serial = Known::absent(*absence);
            device.process_isolation = Known::absent(*absence);
            moment.inventory.devices.push(device);
            let mut containers = Containers::default();
            containers.kernel_memory = Err(*absence);
            moment.containers = Some(containers);
            moment
        })
        .collect();
    assert_eq!(round(&head(), &moments).1, moments);
}

#[test]
fn every_outcome_comes_back() {
    let looked_for = vec![LookedFor { what: "/dev/nvidiactl".to_owned(), found: "not found".to_owned() }];
    let mut head = head();
    head.simulated = Some("a machine".to_owned());
    head.by = "somebody 1.2".to_owned();
    head.redacted.names = true;
    let outcomes = [
        Outcome::Available,
        Outcome::Partial { missing: "the library".to_owned(), looked_for: looked_for.clone() },
        Outcome::NoDriver { looked_for },
        Outcome::Mismatch { detail: "550 and 535".to_owned() },
        Outcome::NotPermitted { needs: Need::Root, detail: "EACCES".to_owned() },
        Outcome::UnsupportedPlatform { why: "static musl cannot load libraries" },
        Outcome::Disabled,
        Outcome::Failed(gpu_core::Error::new(ErrorKind::Library, "nvmlInit_v2", "code 999")),
    ];
    head.vendors = outcomes.into_iter().map(|outcome| VendorSeen::new(Vendor::AMD, outcome)).collect();
    assert_eq!(round(&head, &[]).0, head);
}

#[test]
fn names_that_are_no_text_and_odd_owners_come_back() {
    let boot = head().boot;
    let mut sweep = Sweep::new();
    let owners = [
        Owner::Machine,
        Owner::Hidden,
        Owner::Session { user: u32::MAX },
        Owner::Unit(UnitName::new("a\u{fffd}\n\u{0}.service")),
        Owner::Slurm(SlurmJob::new(None)),
        Owner::Container(Container::new(Runtime::Lxc, "x".repeat(95).parse().expect("an id"))),
    ];
    let names: [&[u8]; 6] = [b"", b"a", b"\xff\xfe\0\n", b"0123456789abcde", b"\0", b"python3"];
    for (number, (owner, name)) in owners.into_iter().zip(names).enumerate() {
        let pid = Pid(u32::try_from(number).expect("six"));
        let key = ProcessKey { boot, pid, start: BootTime(u64::MAX) };
        let mut process = SweptProcess::new(key, ProcessName::new(name));
        process.owner = Ok(owner.clone());
        let mut client = DrmClient::new(DeviceNumber { major: u32::MAX, minor: u32::MAX });
        client.also = vec![Pid(9), Pid(10)];
        client.engine(Tag::literal("gfx")).cycles = Some(u64::MAX);
        client.region(Tag::literal("vram")).evicted = Some(Bytes(1));
        process.clients.push(client);
        process.holds.push(DeviceNumber { major: 226, minor: 128 });
        sweep.processes.push(process);
        sweep.ended.push(EndedProcess::new(key, ProcessName::new(name), BootTime(3)));
    }
    let mut moment = Moment::new(AT, WallTime(u64::MAX));
    moment.sweep = Some(sweep);
    let mut containers = Containers::default();
    let mut labels = Labels::unsupported("none");
    labels.pod = Label::new("a pod", LabelSource::KubeletCheckpoint).into();
    containers.named.push(Named::new(Owner::Machine, Pid(1), labels));
    containers.kernel_memory = Ok(Vec::new());
    moment.containers = Some(containers);
    let moments = [moment.clone(), Moment::new(BootTime(0), WallTime(0)), moment];
    assert_eq!(round(&head(), &moments).1, moments);
}

/// The bytes of a head and of moments in a row, each with its length before it: what
/// `golden/v1-recording.bin` was made of when version 1 was. Kept, as the file itself, for what it says.
#[allow(dead_code)]
fn golden_bytes() -> Vec<u8> {
    let (mut writer, mut all) = (Writer::new(), Vec::new());
    let mut add = |bytes: &[u8]| {
        all.extend_from_slice(&u32::try_from(bytes.len()).expect("short").to_le_bytes());
        all.extend_from_slice(bytes);
    };
    let mut bytes = Vec::new();
    let mut head = head();
    head.by = "golden".to_owned();
    head.vendors.push(VendorSeen::new(Vendor::NVIDIA, Outcome::Available));
    writer.head(&head, &mut bytes);
    add(&bytes);
    for moment in golden_moments() {
        bytes.clear();
        writer.moment(&moment, &mut bytes).expect("not too large");
        add(&bytes);
    }
    all
}

/// The bytes of a moment without readings, after no head: no name of a metric is in them.
fn golden_rows() -> Vec<u8> {
    let (mut writer, mut all) = (Writer::new(), Vec::new());
    let mut named = secrets();
    named.at = AT;
    for mut moment in golden_moments().into_iter().chain([named]) {
        moment.sample.units.clear();
        writer.moment(&moment, &mut all).expect("not too large");
    }
    all
}

fn golden_moments() -> Vec<Moment> {
    let unit: UnitId = "nvidia:uuid:3c92a7a5-7d8e-4b8e-9f8b-0a1b2c3d4e5f/gi:7".parse().expect("a unit");
    let moment = |second: u64| {
        let at = BootTime(AT.0 + second * 1_000_000_000);
        let mut moment = Moment::new(at, WallTime(1_772_000_000_000_000_000 + second * 1_000_000_000));
        let mut device = Device::new(unit.device(), "a GPU");
        device.memory_total = Bytes::gib(80).into();
        let UnitId::Partition(id) = unit else { panic!("it is one") };
        let mut partition = Partition::new(id, Incarnation(0x1234_5678_9abc_def0));
        partition.profile = "1g.10gb".to_owned().into();
        partition.placement = Placement { start: 6, size: 1 }.into();
        device.partitions.push(partition);
        moment.inventory.devices.push(device);
        let reading = moment.sample.push(unit, Reading::absent(Absence::NotSupported { why: WHY }));
        reading.energy = Ok(Measured::new(Microjoules(1_000_000 + second * 300_000), at, Source::Nvml));
        reading.temperature = Ok(Measured::new(Millicelsius(-1), at, Source::Simulated));
        let mut process = ProcessReading::new(unit, Pid(4711), PidView::Host, Absence::NotYet);
        process.memory = Ok(Measured::new(Bytes::gib(3), at, Source::Nvml));
        process.name = Ok(ProcessName::new(b"train"));
        moment.sample.processes.push(process);
        moment
    };
    (0..3).map(moment).collect()
}

#[test]
fn version_1_is_what_it_was_when_it_was_written_first() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden/v1-recording.bin");
    let golden = std::fs::read(&path).expect("the golden file is there");
    let mut reader = Reader::new();
    let mut rest = &golden[..];
    let mut frames = Vec::new();
    while let Some((len, after)) = rest.split_at_checked(4) {
        let len = u32::from_le_bytes([len[0], len[1], len[2], len[3]]) as usize;
        let (frame, after) = after.split_at(len);
        frames.push(frame);
        rest = after;
    }
    let read = reader.head(frames[0]).expect("it is read");
    assert_eq!((read.by.as_str(), read.started), ("golden", head().started));
    let moments: Vec<Moment> = frames[1..].iter().map(|of| reader.moment(of).expect("it is read")).collect();
    // A metric that came into the table later is absent in what was written before, for that reason.
    let later = Absence::NotSupported { why: "the recording does not know this metric" };
    for (moment, expected) in moments.iter().zip(golden_moments()) {
        let (mut found, expected) = (moment.clone(), expected);
        for (of, wanted) in found.sample.units.iter_mut().zip(&expected.sample.units) {
            for metric in Metric::ALL {
                if of.reading.get(*metric) == Err(later) {
                    let Err(absence) = wanted.reading.get(*metric) else { panic!("{metric} was written") };
                    of.reading.set_absent(*metric, absence);
                }
            }
        }
        assert_eq!(found, expected);
    }
    assert_eq!(moments.len(), 3);
    // What readings are of changes with the table; all else is written as it was.
    let rows = std::fs::read(path.with_file_name("v1-recording-rows.bin")).expect("the golden file is there");
    assert_eq!(golden_rows(), rows, "version 1 is written otherwise than it was");
}

#[test]
fn a_metric_of_another_release_is_passed_over_and_one_that_is_missing_is_absent() {
    let mut bytes = Vec::new();
    let mut writer = Writer::new();
    writer.head(&head(), &mut bytes);
    // As if the release that wrote it had called a metric otherwise.
    let at = bytes.windows(9).position(|window| window == b"fan_speed").expect("it is named");
    bytes[at + 8] = b'x';
    let mut reader = Reader::new();
    reader.head(&bytes).expect("it is read");
    let mut reading = Reading::absent(Absence::NotYet);
    reading.fan_speed = Ok(Measured::new(Permille(400), AT, Source::Nvml));
    reading.fan_rotation = Ok(Measured::new(Rpm(1200), AT, Source::Nvml));
    bytes.clear();
    writer.moment(&shown(reading), &mut bytes).expect("not too large");
    let moment = reader.moment(&bytes).expect("it is read");
    let back = moment.sample.units[0].reading;
    assert_eq!(back.fan_rotation, reading.fan_rotation);
    assert_eq!(back.fan_speed, Err(Absence::NotSupported { why: "the recording does not know this metric" }));
}

#[test]
fn moments_out_of_order_are_refused() {
    let moments = golden_moments();
    let mut writer = Writer::new();
    let (mut bytes, mut frames) = (Vec::new(), Vec::new());
    writer.head(&head(), &mut bytes);
    for moment in &moments {
        let mut frame = Vec::new();
        writer.moment(moment, &mut frame).expect("not too large");
        frames.push(frame);
    }
    let mut reader = Reader::new();
    assert!(matches!(reader.moment(&frames[0]), Err(Error::Malformed { .. })), "no head came before");
    reader.head(&bytes).expect("it is read");
    assert!(matches!(reader.moment(&frames[1]), Err(Error::Malformed { .. })), "the first is missing");
    // After a failure only a head helps.
    assert!(reader.moment(&frames[0]).is_err());
    reader.head(&bytes).expect("it is read");
    assert_eq!(reader.moment(&frames[0]).as_ref(), Ok(&moments[0]));
}

/// A moment in which everything that can have a name or a number of somebody's has one that is known.
fn secrets() -> Moment {
    let pid = Pid(3_141_592);
    let unit: UnitId = "nvidia:pci:0000:1b:00.0".parse().expect("a unit");
    let mut moment = Moment::new(AT, WallTime(1));
    let mut container = Container::new(Runtime::Docker, "SECRET-container".parse().expect("an id"));
    let uid = "5ec5e700-5ec5-4e75-8ec5-5ec5e75ec5e7".parse().expect("a UUID");
    container.pod = Some(Pod { uid, qos: QosClass::Burstable });
    container.user = Some(2_718_281);
    let mut job = SlurmJob::new(Some(1_618_033));
    job.user = Some(2_718_281);
    let owners = [
        Owner::Container(container),
        Owner::Slurm(job),
        Owner::Unit(UnitName::new("SECRET-unit")),
        Owner::Session { user: 2_718_281 },
    ];
    let name = ProcessName::new(b"SECRET-process");
    let mut sweep = Sweep::new();
    sweep.asleep_clients = 3;
    sweep.repeated_clients = 2;
    let mut containers = Containers::default();
    for (number, owner) in (0_u32..).zip(&owners) {
        let key = ProcessKey { boot: head().boot, pid: Pid(pid.0 + number), start: BootTime(9) };
        let mut process = SweptProcess::new(key, name);
        process.owner = Ok(owner.clone());
        let mut client = DrmClient::new(DeviceNumber { major: 226, minor: 128 });
        client.also = vec![Pid(pid.0 + 10)];
        process.clients.push(client);
        sweep.processes.push(process);
        let mut ended = EndedProcess::new(key, name, BootTime(10));
        ended.owner = Ok(owner.clone());
        sweep.ended.push(ended);
        let label = |of: &str| Known::from(Label::new(&format!("SECRET-{of}"), LabelSource::OciBundle));
        let mut labels = Labels::unsupported("none");
        labels.container = label("name");
        labels.image = label("image");
        labels.pod = label("pod");
        labels.namespace = label("namespace");
        containers.named.push(Named::new(owner.clone(), pid, labels));
        let given = EvidenceSource::Environment;
        containers.evidence.give(owner, unit, given, Strength::Declared);
        containers.evidence.leave(owner, given, "SECRET-text", WHY);
        containers.evidence.unrestrict(owner);
        let memory = KernelMemory::new(owner.clone(), unit.device(), Tag::literal("vram"), Bytes(1));
        containers.kernel_memory = Ok(vec![memory]);
    }
    moment.sweep = Some(sweep);
    moment.containers = Some(containers);
    let mut process = ProcessReading::new(unit, pid, PidView::Host, Absence::NotYet);
    process.name = Ok(name);
    moment.sample.processes.push(process);
    let ended = EndedReading::new(pid, PidView::Host, Source::Nvml, Absence::NotYet);
    moment.sample.ended.push(EndedList::new(unit.device(), Ok(vec![ended])));
    let at = format!("/proc/{}/fdinfo", pid.0);
    let error = gpu_core::Error::new(ErrorKind::Io, at.clone(), format!("{at}: EACCES"));
    moment.sample.problems.push(Problem::new(Vendor::NVIDIA, &error));
    moment.inventory.problems.push(Problem::new(Vendor::NVIDIA, &error));
    moment
}

#[test]
fn nothing_of_anybodys_is_left_where_it_shall_be_hidden() {
    let plain = format!("{:?}", secrets());
    let told = |text: &str| {
        let words = ["SECRET", "31415", "2718281", "1618033", "5ec5e700"];
        words.into_iter().filter(|word| text.contains(word)).collect::<Vec<_>>()
    };
    // Debug prints process names as they are, so that none is overlooked.
    assert_eq!(told(&plain).len(), 5, "{plain}");
    let mut redactor = Redactor::new(Redaction::EVERYTHING);
    let mut moment = secrets();
    redactor.redact(&mut moment);
    let hidden = format!("{moment:?}");
    assert!(told(&hidden).is_empty(), "{:?} in {hidden}", told(&hidden));
    // What is the same is still the same, in the next moment too.
    let mut next = secrets();
    redactor.redact(&mut next);
    assert_eq!(next, moment);
    let owner = |at: usize| moment.sweep.as_ref().expect("swept").processes[at].owner.clone();
    let named = &moment.containers.as_ref().expect("read").named;
    assert!((0..4).all(|at| owner(at).as_ref() == Ok(&named[at].owner)), "{hidden}");
    let labels = &named[0].labels;
    let four = [&labels.container, &labels.image, &labels.pod, &labels.namespace];
    let distinct: BTreeSet<_> = four.iter().map(|label| label.value()).collect();
    assert_eq!(distinct.len(), 4, "different names have different pseudonyms");

    let mut only_pids = Redaction::NOTHING;
    only_pids.pids = true;
    let mut moment = secrets();
    Redactor::new(only_pids).redact(&mut moment);
    assert_eq!(told(&format!("{moment:?}")), ["SECRET", "2718281", "1618033", "5ec5e700"]);
}

#[test]
fn processes_are_in_order_by_their_pseudonyms_too() {
    let mut moment = secrets();
    let numbers: Vec<Pid> =
        moment.sweep.iter().flat_map(|sweep| &sweep.processes).map(|of| of.key.pid).collect();
    // The last process of the sweep is the first that is met, and becomes number 1.
    moment.sample.processes[0].pid = *numbers.last().expect("there are four");
    let start = moment.sample.processes[0].start;
    Redactor::new(Redaction::EVERYTHING).redact(&mut moment);
    let sweep = moment.sweep.as_ref().expect("swept");
    assert!(sweep.processes.is_sorted_by_key(|process| process.key.pid));
    assert!(sweep.process(Pid(1)).is_some_and(|process| matches!(process.owner, Ok(Owner::Session { .. }))));
    assert_eq!((moment.sample.processes[0].pid, moment.sample.processes[0].start), (Pid(1), start));
    // A recording of it can be read.
    assert_eq!(round(&head(), std::slice::from_ref(&moment)).1, [moment]);
}

/// Each number of a process is another one, so that none can stand in another's place.
#[test]
fn every_number_of_a_process_comes_back_in_its_own_place() {
    let unit: UnitId = "amd:serial:1f2e3d4c5b6a7988".parse().expect("a unit");
    let mut process = ProcessReading::new(unit, Pid(7), PidView::Caller, Absence::NotYet);
    let mut next = 0_u64;
    let mut number = || {
        next += 1;
        next
    };
    for fact in [
        &mut process.memory,
        &mut process.client_memory,
        &mut process.system_memory,
        &mut process.evicted_memory,
        &mut process.shared_memory,
    ] {
        *fact = Ok(Measured::new(Bytes(number()), AT, Source::Kfd));
    }
    for fact in
        [&mut process.busy, &mut process.memory_busy, &mut process.encoder_busy, &mut process.decoder_busy]
    {
        *fact = Ok(Measured::new(Permille(number()), AT, Source::Nvml));
    }
    for fact in [&mut process.occupied_units, &mut process.clients] {
        *fact = Ok(Measured::new(Count(number()), AT, Source::Kfd));
    }
    for fact in [
        &mut process.queue_copy_time,
        &mut process.graphics_time,
        &mut process.compute_time,
        &mut process.copy_time,
        &mut process.video_time,
    ] {
        *fact = Ok(Measured::new(Nanoseconds(number()), AT, Source::Fdinfo));
    }
    for fact in [
        &mut process.graphics_cycles,
        &mut process.compute_cycles,
        &mut process.copy_cycles,
        &mut process.video_cycles,
    ] {
        let cycles = EngineCycles { worked: number(), elapsed: number(), engines: 3 };
        *fact = Ok(Measured::new(cycles, AT, Source::Fdinfo));
    }
    assert_eq!(process.absences().count(), 0, "a number that is not tried here");
    process.kinds = ProcessKinds::COMPUTE.and(ProcessKinds::MPS_CLIENT);
    process.start = Ok(BootTime(12));
    let mut moment = Moment::new(AT, WallTime(1));
    moment.sample.processes.push(process);
    assert_eq!(round(&head(), std::slice::from_ref(&moment)).1, [moment]);
}
