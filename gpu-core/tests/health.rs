//! Health by looks and events of simulated machines: what is taken for a fault, how far it reaches, since
//! when it stands, and what ends it.

use gpu_core::health::{Cause, Change, Clears, Fault, Health, Look, Policy, Report, State, xid_advice};
use gpu_core::{
    Absence, Backend, BackendExt, BootId, BootTime, Clock, Count, DeviceId, Event, EventKind, Events,
    Inventory, Nanoseconds, PartitionId, PartitionKind, Problem, Query, RecoveryAction, Sample, Source,
    UnitId, Vendor,
};
use gpu_sim::{FabricSpec, Gpu, Machine, PcieSpec, SimBackend, World};

/// A simulated machine, looked at.
struct Watched {
    world: World,
    backend: SimBackend,
    health: Health,
    first: Vec<Change>,
}

impl Watched {
    fn new(preset: &str) -> Self {
        Self::with(preset, Policy::default())
    }

    fn with(preset: &str, policy: Policy) -> Self {
        let world = World::new(Machine::preset(preset).unwrap());
        let vendor = world.machine().gpus[0].vendor();
        let backend = SimBackend::new(world.clone(), vendor);
        let mut watched = Self { world, backend, health: Health::new(policy), first: Vec::new() };
        watched.first = watched.look();
        watched
    }

    /// A second later.
    fn look(&mut self) -> Vec<Change> {
        self.world.clock().advance(Nanoseconds::from_secs(1));
        let (inventory, sample) = (self.backend.inventory().unwrap(), self.backend.sample().unwrap());
        self.see(&inventory, &sample)
    }

    fn see(&mut self, inventory: &Inventory, sample: &Sample) -> Vec<Change> {
        let clock = self.world.clock();
        self.health.look(&Look { inventory, sample, now: clock.boot_now(), boot: clock.boot_id() })
    }

    fn change(&mut self, gpu: usize, change: impl FnOnce(&mut Gpu)) -> Vec<Change> {
        self.world.change(|machine| change(&mut machine.gpus[gpu]));
        self.look()
    }

    fn xid(&mut self, unit: impl Into<UnitId>, number: u64) -> Vec<Change> {
        let at = self.world.clock().boot_now();
        let event = Event::new(Vendor::NVIDIA, Some(unit.into()), EventKind::Xid(number), at, Source::Nvml);
        self.health.event(&event)
    }

    fn report(&self) -> Report {
        self.health.report(self.world.clock().boot_now())
    }

    fn device(&self, n: usize) -> DeviceId {
        self.backend.inventory().unwrap().devices[n].id
    }

    fn state(&self, unit: impl Into<UnitId>) -> State {
        self.report().state(unit)
    }
}

fn ecc(gpu: &mut Gpu) -> &mut gpu_sim::EccSpec {
    gpu.ecc.as_mut().expect("it counts errors")
}

#[test]
fn machines_without_faults_are_well() {
    for name in Machine::presets() {
        let world = World::new(Machine::preset(name).unwrap());
        for vendor in [Vendor::NVIDIA, Vendor::AMD, Vendor::INTEL] {
            let backend = SimBackend::new(world.clone(), vendor);
            let (inventory, sample) = (backend.inventory().unwrap(), backend.sample().unwrap());
            let (mut health, clock) = (Health::default(), world.clock());
            let look =
                Look { inventory: &inventory, sample: &sample, now: clock.boot_now(), boot: clock.boot_id() };
            let asleep = world.machine().gpus.iter().any(|gpu| gpu.asleep);
            assert!(asleep || health.look(&look).is_empty(), "{name}: {vendor}");
            let report = health.report(clock.boot_now());
            assert_eq!(report.forbidden(), []);
            for unit in report.units.iter().filter(|_| !asleep) {
                assert_eq!((unit.state, unit.evidence.len()), (State::Healthy, 0), "{name}: {unit:?}");
            }
            assert!(
                asleep || report.units.len() == inventory.units().count(),
                "{name}: every unit is judged"
            );
        }
    }
}

/// A device, its MIG instances and their shares; no other device.
#[test]
fn a_fault_of_a_device_reaches_what_is_cut_from_it_and_nothing_else() {
    let mut watched = Watched::new("dgx-a100-8");
    let inventory = watched.backend.inventory().unwrap();
    let cut = inventory.devices.iter().position(|device| !device.partitions.is_empty()).expect("one is cut");
    let device = inventory.devices[cut].id;
    let changes = watched.xid(device, 79);
    let report = watched.report();
    for unit in inventory.units() {
        let is_hit = unit.device() == device;
        let expected = if is_hit { State::Unhealthy } else { State::Healthy };
        assert_eq!(report.state(unit), expected, "{unit}");
        assert_eq!(
            changes.iter().filter(|change| change.unit == unit).count(),
            usize::from(is_hit),
            "{unit}"
        );
    }
    let part = inventory.devices[cut].partitions[0].id;
    assert_eq!(report.state(part.share(1, 2)), State::Unhealthy);
    assert_eq!(report.get(part.share(1, 2)).unwrap().evidence[0].at, UnitId::Device(device));
    assert_eq!(report.get(part).unwrap().action, RecoveryAction::RebootNode);
    // One entry says it all.
    let forbidden = report.forbidden();
    assert_eq!(forbidden.len(), 1, "{forbidden:?}");
    assert_eq!(forbidden[0].unit, UnitId::Device(device));
    assert_eq!(&*forbidden[0].why, "unhealthy: Xid 79; reboot the node");
}

/// An Xid that NVML says is a GPU instance's: the instance and what lies in it. Its siblings stay well, and
/// the device, which cannot be had as a whole, is degraded.
#[test]
fn a_fault_of_an_instance_reaches_its_inside_and_no_sibling() {
    let mut watched = Watched::new("dgx-a100-8");
    let inventory = watched.backend.inventory().unwrap();
    let device = inventory.devices.iter().find(|device| device.partitions.len() > 1).expect("one is cut");
    let (hit, well) = (&device.partitions[0], &device.partitions[1]);
    watched.xid(hit.id, 95);
    assert_eq!(watched.state(hit.id), State::Unhealthy);
    for inner in &hit.partitions {
        assert_eq!(watched.state(inner.id), State::Unhealthy);
    }
    assert_eq!(watched.state(well.id), State::Healthy);
    assert_eq!(watched.state(device.id), State::Degraded);
    assert_eq!(watched.report().forbidden()[0].unit, UnitId::Partition(hit.id));
    // Of a compute instance, not the one beside it.
    let mut watched = Watched::new("dgx-a100-8");
    let gi = hit.id;
    let ci = gi.inner(PartitionKind::COMPUTE_INSTANCE, hit.partitions[0].id.index()).unwrap();
    watched.xid(ci, 95);
    assert_eq!((watched.state(ci), watched.state(gi)), (State::Unhealthy, State::Degraded));
    assert_eq!(watched.state(well.id), State::Healthy);
}

#[test]
fn an_instance_that_is_made_again_is_another_one() {
    let mut watched = Watched::new("dgx-a100-8");
    let inventory = watched.backend.inventory().unwrap();
    let device = inventory.devices.iter().find(|device| device.partitions.len() > 1).expect("one is cut");
    let (hit, position) = (device.partitions[0].id, device.index as usize);
    watched.xid(hit, 95);
    watched.look();
    assert_eq!(watched.state(hit), State::Unhealthy, "a look alone ends nothing");
    watched.change(position, |gpu| {
        let gpu_sim::Silicon::Nvidia(nvidia) = &mut gpu.silicon else { panic!("NVIDIA's") };
        let instances = &mut nvidia.mig.as_mut().unwrap().instances;
        for of in instances.iter_mut().filter(|of| of.id == hit.index()) {
            of.life += 1000;
        }
    });
    assert_eq!(watched.state(hit), State::Healthy);
    assert_eq!(watched.state(device.id), State::Healthy);
}

/// What NVIDIA's device plugin passes over (`internal/rm/health.go`), but for 109, which the newer catalogue
/// has under `RESET_GPU`.
#[test]
fn faults_of_programs_are_notices() {
    let mut watched = Watched::new("l40s-4");
    let device = watched.device(0);
    for number in [13, 31, 43, 45, 68] {
        let changes = watched.xid(device, number);
        assert_eq!(changes.len(), 1, "a notice is told");
        assert_eq!((changes[0].before, changes[0].after), (State::Healthy, State::Healthy));
        assert!(
            matches!(changes[0].cause, Cause::Appeared(of) if of.fault == Fault::Event(EventKind::Xid(number)))
        );
    }
    assert_eq!(watched.state(device), State::Healthy);
    assert_eq!(watched.report().get(device).unwrap().evidence.len(), 5);
    assert_eq!(watched.report().get(device).unwrap().action, RecoveryAction::None);
    // Told again: once in the list, with how often and since when.
    let since = watched.report().get(device).unwrap().evidence[0].since;
    watched.look();
    watched.xid(device, 13);
    let report = watched.report();
    let again =
        report.get(device).unwrap().evidence.iter().find(|of| of.fault == Fault::Event(EventKind::Xid(13)));
    let again = again.expect("it is listed");
    assert_eq!((again.times, again.since), (2, since));
    assert_eq!(again.last, watched.world.clock().boot_now());
    // And after an hour no more.
    watched.world.clock().advance(Nanoseconds::from_secs(3601));
    let cleared = watched.look();
    assert_eq!(cleared.len(), 5, "{cleared:?}");
    assert_eq!(watched.report().get(device).unwrap().evidence, []);
}

/// Rows of the catalogue, one of each bucket, by NVIDIA's own text.
#[test]
fn xids_are_judged_as_the_catalogue_has_them() {
    use RecoveryAction::{CheckHardware, ContactVendor, None, RebootNode, Reset, RestartApplication};
    let rows = [
        (31, State::Healthy, RestartApplication), // RESTART_APP
        (43, State::Healthy, None),               // IGNORE
        (48, State::Unhealthy, Reset),            // WORKFLOW_XID_48: "a GPU reset or node reboot is needed"
        (54, State::Unhealthy, CheckHardware),    // CHECK_MECHANICALS
        (63, State::Healthy, None),               // IGNORE: a row was remapped
        (64, State::Unhealthy, Reset),            // RESET_GPU: a row could not be remapped
        (74, State::Degraded, Reset),             // WORKFLOW_NVLINK_ERR
        (79, State::Unhealthy, RebootNode),       // RESTART_BM
        (95, State::Unhealthy, Reset),            // RESET_GPU
        (109, State::Unhealthy, Reset),           // RESET_GPU
        (119, State::Unhealthy, Reset),           // RESET_GPU
        (142, State::Degraded, ContactVendor),    // CONTACT_SUPPORT
        (154, State::Healthy, None),              // XID_154: read the recovery action
    ];
    for (number, state, action) in rows {
        let advice = xid_advice(number);
        assert_eq!((advice.state, advice.action), (state, action), "Xid {number}");
        let fades = advice.clears == Clears::WithTime;
        assert_eq!(fades, state == State::Healthy, "Xid {number}: a notice fades, and nothing else does");
    }
}

#[test]
fn a_policy_judges_an_xid_otherwise() {
    let policy = Policy::default().xid(109, State::Healthy).xid(31, State::Unhealthy);
    let mut watched = Watched::with("l40s-4", policy);
    let (one, other) = (watched.device(0), watched.device(1));
    watched.xid(one, 109);
    watched.xid(other, 31);
    assert_eq!((watched.state(one), watched.state(other)), (State::Healthy, State::Unhealthy));
}

/// Numbers of nobody's, events of devices that are not here, of instances that are not listed, thousands of
/// them: kept as they are, within bounds, and the known devices as they were.
#[test]
fn nonsense_is_kept_apart_and_fills_no_memory() {
    let mut watched = Watched::new("l40s-4");
    let (device, other) = (watched.device(0), watched.device(1));
    let stranger: DeviceId = "nvidia:pci:0000:ff:1f.0".parse().unwrap();
    let at = watched.world.clock().boot_now();
    for n in 0..10_000_u64 {
        let kind = EventKind::Unknown { kind: 1 << 40, data: n };
        watched.health.event(&Event::new(Vendor::NVIDIA, Some(device.into()), kind, at, Source::Nvml));
        watched.health.event(&Event::new(Vendor::NVIDIA, None, kind, at, Source::Nvml));
        watched.health.event(&Event::new(Vendor::NVIDIA, Some(stranger.into()), kind, at, Source::Nvml));
    }
    watched.xid(device, u64::MAX);
    let report = watched.report();
    let of = report.get(device).unwrap();
    assert_eq!(of.evidence.len(), 64);
    assert_eq!(of.evidence[0].fault, Fault::Event(EventKind::Xid(u64::MAX)), "the worst first, as it is");
    assert_eq!(of.state, State::Degraded);
    assert_eq!(report.strangers.len(), 16);
    assert_eq!(report.strangers[15].unit, Some(stranger.into()));
    assert_eq!(report.state(other), State::Healthy);
    assert_eq!(report.get(other).unwrap().evidence, []);
    // What is worse makes its way in, and what is less does not push it out.
    watched.xid(device, 79);
    for n in 0..1000 {
        watched.health.event(&Event::new(
            Vendor::NVIDIA,
            Some(device.into()),
            EventKind::Unknown { kind: 1 << 41, data: n },
            at,
            Source::Nvml,
        ));
    }
    assert_eq!(watched.state(device), State::Unhealthy);
    // An instance that nobody listed: the device that it is on.
    let unlisted: PartitionId = other.partition(PartitionKind::GPU_INSTANCE, 7);
    watched.xid(unlisted, 95);
    assert_eq!(watched.state(other), State::Unhealthy);
}

#[test]
fn a_device_that_is_lost_and_comes_back_was_reset() {
    let mut watched = Watched::new("l40s-4");
    let (device, sibling) = (watched.device(1), watched.device(2));
    watched.xid(device, 79);
    watched.look();
    watched.world.lose(1);
    watched.look();
    let report = watched.report();
    let of = report.get(device).unwrap();
    assert_eq!((of.state, of.action), (State::Unhealthy, RecoveryAction::RebootNode));
    assert!(of.evidence.iter().any(|of| of.fault == Fault::Lost));
    assert_eq!(report.state(sibling), State::Healthy, "one lost GPU blocks no other");
    watched.world.find(1);
    let changes = watched.look();
    assert_eq!(watched.state(device), State::Healthy, "{changes:?}");
    assert!(changes.iter().all(|change| matches!(change.cause, Cause::Cleared(_))), "{changes:?}");
}

#[test]
fn rows_that_wait_end_by_a_reset_and_take_what_needed_it_along() {
    let mut watched = Watched::new("hgx-h100-8");
    let device = watched.device(0);
    watched.xid(device, 48);
    let at = watched.world.clock().boot_now().plus(Nanoseconds::from_secs(1));
    watched.change(0, |gpu| {
        (ecc(gpu).uncorrected, ecc(gpu).remapped_uncorrected, ecc(gpu).remap_pending) = (1, 1, true);
    });
    let report = watched.report();
    let of = report.get(device).unwrap();
    let shown = |fault: Fault| of.evidence.iter().find(|of| of.fault.is_same(&fault)).copied();
    assert_eq!(shown(Fault::UncorrectedErrors(Count(0))).unwrap().fault, Fault::UncorrectedErrors(Count(1)));
    let pending = shown(Fault::RowRemapPending).unwrap();
    assert_eq!((pending.since, pending.source), (at, Source::Simulated));
    assert_eq!(pending.advice.state, State::Degraded, "new work may be placed while a row waits");
    assert_eq!(of.state, State::Unhealthy);
    // Time ends nothing.
    for _ in 0..50 {
        watched.look();
    }
    assert_eq!(watched.report().get(device).unwrap().evidence.len(), 3);
    // A reset: counters start again, the row is replaced.
    watched.change(0, |gpu| (ecc(gpu).uncorrected, ecc(gpu).remap_pending) = (0, false));
    assert_eq!(watched.report().get(device).unwrap().evidence, []);
    assert_eq!(watched.state(device), State::Healthy);
}

/// An event that came since the look before may have come after the reset.
#[test]
fn what_was_told_since_the_last_look_outlives_a_reset() {
    let mut watched = Watched::new("hgx-h100-8");
    let device = watched.device(0);
    watched.change(0, |gpu| ecc(gpu).uncorrected = 3);
    watched.world.clock().advance(Nanoseconds(1));
    watched.xid(device, 119);
    watched.change(0, |gpu| ecc(gpu).uncorrected = 0);
    let report = watched.report();
    assert_eq!(report.get(device).unwrap().evidence.len(), 1);
    assert_eq!(report.state(device), State::Unhealthy);
}

#[test]
fn a_row_that_could_not_be_replaced_stands_until_somebody_says_otherwise() {
    let mut watched = Watched::new("hgx-h100-8");
    let device = watched.device(0);
    watched.change(0, |gpu| ecc(gpu).remap_failed = true);
    assert_eq!(watched.report().get(device).unwrap().action, RecoveryAction::Replace);
    // Neither a look without it, nor a reset.
    watched.change(0, |gpu| (ecc(gpu).remap_failed, ecc(gpu).remap_pending) = (false, true));
    watched.change(0, |gpu| ecc(gpu).remap_pending = false);
    assert_eq!(watched.state(device), State::Unhealthy);
    let now = watched.world.clock().boot_now();
    let changes = watched.health.acknowledge(device, now);
    assert_eq!(changes.last().unwrap().after, State::Healthy);
    watched.look();
    assert_eq!(watched.state(device), State::Healthy);
    watched.change(0, |gpu| ecc(gpu).remap_failed = true);
    assert_eq!(watched.state(device), State::Unhealthy, "it comes back where it is shown");
}

#[test]
fn errors_that_were_acknowledged_count_from_there() {
    let mut watched = Watched::new("mi300x-8");
    let device = watched.device(0);
    watched.change(0, |gpu| ecc(gpu).uncorrected = 5);
    assert_eq!(watched.state(device), State::Unhealthy);
    watched.health.acknowledge(device, watched.world.clock().boot_now());
    watched.look();
    assert_eq!(watched.state(device), State::Healthy);
    watched.change(0, |gpu| ecc(gpu).uncorrected = 6);
    assert_eq!(watched.report().get(device).unwrap().evidence[0].fault, Fault::UncorrectedErrors(Count(1)));
}

#[test]
fn slow_downs_end_after_three_quiet_looks_in_a_row() {
    let mut watched = Watched::new("hgx-h100-8");
    let device = watched.device(0);
    let hot = |is: bool| move |gpu: &mut Gpu| gpu.health.hot = is;
    watched.change(0, hot(true));
    assert_eq!(watched.state(device), State::Degraded);
    assert_eq!(watched.report().forbidden(), [], "it may be placed on");
    watched.change(0, hot(false));
    watched.look();
    assert_eq!(watched.state(device), State::Degraded, "two");
    watched.change(0, hot(true));
    watched.change(0, hot(false));
    watched.look();
    assert_eq!(watched.state(device), State::Degraded, "two again: a hot look starts the count over");
    let changes = watched.look();
    assert_eq!(watched.state(device), State::Healthy);
    assert!(
        matches!(changes[..], [Change { before: State::Degraded, after: State::Healthy, .. }]),
        "{changes:?}"
    );
}

#[test]
fn what_the_driver_asks_for_is_what_is_to_be_done() {
    let mut watched = Watched::new("hgx-h100-8");
    let device = watched.device(0);
    let asks = |number: u32| move |gpu: &mut Gpu| gpu.health.recovery_action = Some(number);
    let rows = [
        (1, State::Unhealthy, RecoveryAction::Reset),
        (2, State::Unhealthy, RecoveryAction::RebootNode),
        (3, State::Degraded, RecoveryAction::DrainPeers),
        (4, State::Unhealthy, RecoveryAction::DrainAndReset),
        (77, State::Unhealthy, RecoveryAction::Unknown(77)),
        (0, State::Healthy, RecoveryAction::None),
    ];
    for (number, state, action) in rows {
        watched.change(0, asks(number));
        let report = watched.report();
        let of = report.get(device).unwrap();
        assert_eq!((of.state, of.action), (state, action), "{number}");
    }
    // It asked for a reset and does so no more: it was reset.
    watched.change(0, asks(1));
    watched.xid(device, 119);
    watched.look();
    watched.change(0, asks(0));
    assert_eq!(watched.state(device), State::Healthy);
    // That it asks for nothing is no reset, where it never asked.
    watched.xid(device, 119);
    watched.look();
    watched.look();
    assert_eq!(watched.state(device), State::Unhealthy);
    // And it judges errors of memory itself: "the GPU can be immediately used again".
    let other = watched.device(1);
    watched.change(1, |gpu| (ecc(gpu).uncorrected, gpu.health.recovery_action) = (1, Some(0)));
    assert_eq!(watched.state(other), State::Degraded);
}

#[test]
fn fabric_links_and_lanes_are_well_when_a_look_shows_it() {
    let mut watched = Watched::new("hgx-h100-8");
    let device = watched.device(0);
    let fabric = |of: FabricSpec| move |gpu: &mut Gpu| gpu.health.fabric = Some(of);
    for (state, status) in [(1, 0), (2, 0), (3, 999), (9, 0)] {
        watched.change(0, fabric(FabricSpec { state, status, ..FabricSpec::up() }));
        assert_eq!(watched.state(device), State::Unhealthy, "{state}, {status}");
        let report = watched.report();
        assert_eq!(report.get(device).unwrap().action, RecoveryAction::RestartFabricManager);
        assert_eq!(report.get(device).unwrap().evidence.len(), 1, "one fabric, one fault");
    }
    watched.change(0, fabric(FabricSpec { health: 0x1a9, ..FabricSpec::up() }));
    assert_eq!(watched.state(device), State::Degraded);
    watched.change(0, fabric(FabricSpec::up()));
    assert_eq!(watched.state(device), State::Healthy);

    watched.change(0, |gpu| gpu.health.links_down = 2);
    let down = Fault::LinksDown { down: Count(2), up: Count(16) };
    assert_eq!(watched.report().get(device).unwrap().evidence[0].fault, down);
    // All of them: not a board without a bridge, since some were up.
    watched.change(0, |gpu| gpu.health.links_down = 18);
    assert_eq!(watched.state(device), State::Degraded);
    watched.change(0, |gpu| gpu.health.links_down = 0);
    assert_eq!(watched.state(device), State::Healthy);

    watched.change(0, |gpu| gpu.health.pcie_most = Some(PcieSpec { generation: 5, width: 16 }));
    watched.change(0, |gpu| gpu.pcie.width = 8);
    let narrow = Fault::PcieNarrow { width: Count(8), most: Count(16) };
    assert_eq!(watched.report().get(device).unwrap().evidence[0].fault, narrow);
    watched.change(0, |gpu| gpu.pcie.width = 16);
    // A lower generation saves power when idle, and is no fault.
    watched.change(0, |gpu| gpu.pcie.generation = 1);
    assert_eq!(watched.state(device), State::Healthy);
}

#[test]
fn links_that_were_never_up_are_not_plugged_in() {
    let world = World::new(Machine::preset("hgx-h100-8").unwrap());
    world.change(|machine| machine.gpus[0].health.links_down = 18);
    let backend = SimBackend::new(world.clone(), Vendor::NVIDIA);
    let (inventory, sample) = (backend.inventory().unwrap(), backend.sample().unwrap());
    let (mut health, clock) = (Health::default(), world.clock());
    health.look(&Look {
        inventory: &inventory,
        sample: &sample,
        now: clock.boot_now(),
        boot: clock.boot_id(),
    });
    assert_eq!(health.report(clock.boot_now()).state(inventory.devices[0].id), State::Healthy);
}

/// Everything of device 0 reads as this.
fn all_absent(sample: &mut Sample, device: DeviceId, absence: Absence) {
    let of = sample.units.iter_mut().find(|of| of.unit == device.into()).unwrap();
    of.reading = gpu_core::Reading::absent(absence);
}

#[test]
fn a_device_that_does_not_answer_is_unknown_and_then_unhealthy() {
    let mut watched = Watched::new("l40s-4");
    let (device, sibling) = (watched.device(0), watched.device(1));
    let inventory = watched.backend.inventory().unwrap();
    let mut sample = watched.backend.sample().unwrap();
    all_absent(&mut sample, device, Absence::TimedOut);
    let mut states = Vec::new();
    for _ in 0..4 {
        watched.see(&inventory, &sample);
        states.push(watched.state(device));
    }
    use State::{Unhealthy, Unknown};
    assert_eq!(states, [Unknown, Unknown, Unhealthy, Unhealthy]);
    assert_eq!(watched.state(sibling), State::Healthy);
    watched.look();
    assert_eq!(watched.state(device), State::Healthy, "it answers");
    // A call that fails is not a device that fails; faults that it had stand.
    watched.change(0, |gpu| ecc(gpu).remap_pending = true);
    let mut sample = watched.backend.sample().unwrap();
    all_absent(&mut sample, device, Absence::Failed { at: "nvmlDeviceGetMemoryInfo", code: Some(999) });
    watched.see(&inventory, &sample);
    let report = watched.report();
    assert_eq!(report.state(device), State::Unknown);
    assert!(report.get(device).unwrap().evidence.iter().any(|of| of.fault == Fault::RowRemapPending));
    // One that sleeps is as it was.
    all_absent(&mut sample, device, Absence::Asleep);
    watched.look();
    watched.see(&inventory, &sample);
    assert_eq!(watched.state(device), State::Degraded);
    assert_eq!(watched.state(sibling), State::Healthy);
}

/// A look that fails for one GPU, for the list, or for a whole vendor.
#[test]
fn a_look_that_fails_says_nothing_of_others() {
    let mut watched = Watched::new("l40s-4");
    let (device, sibling) = (watched.device(0), watched.device(1));
    let whole = watched.backend.inventory().unwrap();
    let sample = watched.backend.sample().unwrap();
    let mut inventory = whole.clone();
    inventory.devices.remove(0);
    let mut without = sample.clone();
    without.units.retain(|of| of.unit != device.into());
    // The list has a hole, and the backend says that it has.
    let error = gpu_core::Error::new(gpu_core::ErrorKind::Library, "GPU 0", "answers 999");
    inventory.problems.push(Problem::new(Vendor::NVIDIA, &error));
    watched.see(&inventory, &without);
    assert_eq!((watched.state(device), watched.state(sibling)), (State::Unknown, State::Healthy));
    // It has one, and all is well: the device is gone.
    inventory.problems.clear();
    watched.see(&inventory, &without);
    assert_eq!((watched.state(device), watched.state(sibling)), (State::Unhealthy, State::Healthy));
    watched.health.forget(device);
    assert_eq!(watched.report().get(device), None);
    // Nothing of the vendor at all: not the devices' fault, at first.
    let mut nothing = Inventory::new();
    nothing.problems.push(Problem::new(Vendor::NVIDIA, &error));
    watched.see(&nothing, &Sample::new());
    assert_eq!(watched.state(sibling), State::Unknown);
    watched.look();
    // A look that is about another vendor.
    let changes = watched.see(&Inventory::new(), &Sample::new());
    assert_eq!(changes, []);
    assert_eq!(watched.state(sibling), State::Healthy);
    // Instances that could not be listed are as they were.
    let mut watched = Watched::new("dgx-a100-8");
    let mut inventory = watched.backend.inventory().unwrap();
    let sample = watched.backend.sample().unwrap();
    let device = inventory.devices.iter_mut().find(|device| device.partitions.len() > 1).unwrap();
    let hit = device.partitions[0].id;
    watched.xid(hit, 95);
    device.partitions.clear();
    inventory.problems.push(Problem::new(Vendor::NVIDIA, &error));
    watched.see(&inventory, &sample);
    assert_eq!(watched.state(hit), State::Unhealthy);
}

#[test]
fn what_nobody_looks_at_becomes_unknown() {
    let mut watched = Watched::new("l40s-4");
    let device = watched.device(0);
    let clock = watched.world.clock().clone();
    clock.advance(Nanoseconds::from_secs(60));
    assert_eq!(watched.health.tick(clock.boot_now()), []);
    clock.advance(Nanoseconds(1));
    assert_eq!(watched.health.tick(clock.boot_now()).len(), 4);
    assert_eq!(watched.state(device), State::Unknown);
    for _ in 0..2 {
        clock.advance(Nanoseconds::from_secs(61));
        watched.health.tick(clock.boot_now());
    }
    assert_eq!(watched.state(device), State::Unhealthy);
    watched.look();
    assert_eq!(watched.state(device), State::Healthy);
}

#[test]
fn a_reboot_starts_over() {
    let mut watched = Watched::new("l40s-4");
    let device = watched.device(0);
    watched.xid(device, 79);
    let (inventory, sample) = (watched.backend.inventory().unwrap(), watched.backend.sample().unwrap());
    let boot = BootId(gpu_core::Uuid([7; 16]));
    watched.health.look(&Look { inventory: &inventory, sample: &sample, now: BootTime(5), boot });
    assert_eq!(watched.state(device), State::Healthy);
    assert_eq!(watched.report().get(device).unwrap().since, BootTime(5));
}

#[test]
fn intels_own_judgement() {
    let mut watched = Watched::new("b60-2");
    let device = watched.device(0);
    let says = |word: &'static str| move |gpu: &mut Gpu| gpu.health.gpu_health = Some(word.to_owned());
    for (word, state) in [
        ("ok", State::Healthy),
        ("warning", State::Degraded),
        ("critical", State::Unhealthy),
        ("sublime", State::Unknown),
        ("ok", State::Healthy),
    ] {
        watched.change(0, says(word));
        assert_eq!(watched.state(device), state, "{word}");
    }
    watched.change(0, |gpu| gpu.health.survivability = true);
    assert_eq!(watched.report().get(device).unwrap().action, RecoveryAction::FlashFirmware);
}

/// The backend's events, by the trait: nothing before they happen, each once, with the instance named.
#[test]
fn a_backend_tells_what_happens_while_somebody_listens() {
    let world = World::new(Machine::preset("dgx-a100-8").unwrap());
    let backend = SimBackend::new(world.clone(), Vendor::NVIDIA);
    let before = world.clock().boot_now();
    world.change(|machine| machine.faults.push(gpu_sim::Fault::xid(0, before, 13)));
    let events: &dyn Events = backend.events().unwrap();
    let mut told = Vec::new();
    events.wait(Nanoseconds(0), &mut told).unwrap();
    assert_eq!(told, [], "what happened before is not told");
    let at = before.plus(Nanoseconds::from_secs(5));
    world.change(|machine| {
        machine.faults.push(gpu_sim::Fault::xid(2, at, 79));
        let of = gpu_sim::Fault::Event { gpu: 0, at, kind: 8, data: 95, gi: Some(3), ci: None };
        machine.faults.push(of);
        machine.faults.push(gpu_sim::Fault::Event {
            gpu: 99,
            at,
            kind: 1 << 30,
            data: 4,
            gi: None,
            ci: None,
        });
    });
    events.wait(Nanoseconds(0), &mut told).unwrap();
    assert_eq!(told, [], "not yet");
    world.clock().advance(Nanoseconds::from_secs(5));
    events.wait(Nanoseconds(0), &mut told).unwrap();
    let inventory = backend.inventory().unwrap();
    let expected = [
        (Some(UnitId::from(inventory.devices[2].id)), EventKind::Xid(79)),
        (Some(inventory.devices[0].id.partition(PartitionKind::GPU_INSTANCE, 3).into()), EventKind::Xid(95)),
        (None, EventKind::Unknown { kind: 1 << 30, data: 4 }),
    ];
    assert_eq!(told.iter().map(|event| (event.unit, event.kind)).collect::<Vec<_>>(), expected);
    events.wait(Nanoseconds(0), &mut told).unwrap();
    assert_eq!(told.len(), 3, "each once");
    // Vendors whose drivers tell of none say so by name.
    let absence = SimBackend::new(world, Vendor::AMD).events().unwrap_err();
    assert_eq!(absence.kind(), "not_supported");
    assert!(backend.sample_of(&Query::everything().metrics(gpu_core::health::METRICS)).is_ok());
}
