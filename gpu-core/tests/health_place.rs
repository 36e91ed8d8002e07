//! Health and the ledger: what is unwell is not placed on, why is said, and who is on it is shown.

use gpu_core::choose::{self, Denied, Index, Request};
use gpu_core::health::{Health, Look};
use gpu_core::ledger::{Board, Body, EntryId, Ledger, Outlook, Reason};
use gpu_core::reconcile::{self, Finding, Presence};
use gpu_core::{
    Backend, BackendExt, Bytes, Clock, Container, DeviceId, Event, EventKind, Inventory, Nanoseconds, Owner,
    Runtime, Sharing, Source, Unfit, UnitId, Vendor, WallTime,
};
use gpu_sim::{Machine, SimBackend, World};

/// A machine with a ledger of it, and with its health.
struct Site {
    inventory: Inventory,
    ledger: Ledger,
    health: Health,
    world: World,
}

impl Site {
    fn new(preset: &str, shared: &[Sharing]) -> Self {
        let world = World::new(Machine::preset(preset).unwrap());
        let backend = SimBackend::new(world.clone(), Vendor::NVIDIA);
        let (inventory, sample) = (backend.inventory().unwrap(), backend.sample().unwrap());
        let (mut health, clock) = (Health::default(), world.clock());
        health.look(&Look {
            inventory: &inventory,
            sample: &sample,
            now: clock.boot_now(),
            boot: clock.boot_id(),
        });
        let mut ledger = Ledger::new("node-1".parse().unwrap());
        let entry = ledger.entry(ledger.key(EntryId(1)), Body::Inventory(Board::all(&inventory, shared)));
        ledger.apply(&entry).unwrap();
        Self { inventory, ledger, health, world }
    }

    fn xid(&mut self, unit: impl Into<UnitId>, number: u64) {
        let now = self.world.clock().boot_now();
        let event = Event::new(Vendor::NVIDIA, Some(unit.into()), EventKind::Xid(number), now, Source::Nvml);
        self.health.event(&event);
    }

    fn unfit(&self) -> Vec<Unfit> {
        self.health.report(self.world.clock().boot_now()).forbidden()
    }

    fn first(&self, request: Request) -> UnitId {
        choose::among(&self.ledger, &request.unfit(self.unfit())).unwrap()[0].units[0].claim.unit
    }

    fn devices(&self) -> Vec<DeviceId> {
        self.inventory.devices().map(|device| device.id).collect()
    }
}

#[test]
fn a_request_is_placed_elsewhere_and_refused_with_the_reason_where_there_is_no_elsewhere() {
    let mut site = Site::new("l40s-4", &[]);
    let devices = site.devices();
    let first = site.first(Request::any());
    let sick = devices.iter().position(|id| UnitId::from(*id) == first).unwrap();
    site.xid(devices[sick], 79);
    let second = site.first(Request::any());
    assert_ne!(second, first);
    // A notice, and what is degraded, may be placed on.
    let next = devices.iter().copied().find(|id| UnitId::from(*id) == second).unwrap();
    site.xid(next, 13);
    site.xid(next, 94);
    assert_eq!(site.first(Request::any()), second);
    // Four at once: not now, and why; three can be had.
    let four = Request::any().count(4).unfit(site.unfit());
    let unmet = choose::among(&site.ledger, &four).unwrap_err();
    assert_eq!((unmet.outlook, unmet.free, unmet.there), (Outlook::NotNow, 3, 4));
    assert_eq!(unmet.unfit, [Unfit::new(devices[sick], "unhealthy: Xid 79; reboot the node")]);
    assert_eq!(unmet.to_free, [], "nobody's holding is in the way");
    assert!(choose::among(&site.ledger, &Request::any().count(3).unfit(site.unfit())).is_ok());
    // All of them.
    for (device, number) in devices.iter().zip([95, 119, 64, 48]) {
        site.xid(*device, number);
    }
    let denied =
        site.ledger.reserve(site.ledger.key(EntryId(9)), &Request::any().unfit(site.unfit())).unwrap_err();
    let Denied::Unmet(unmet) = denied else { panic!("{denied}") };
    assert_eq!((unmet.outlook, unmet.free, unmet.unfit.len()), (Outlook::NotNow, 0, 4));
    let text = unmet.to_string();
    assert!(text.starts_with("not now: 1 asked for, 0 of 4 like that are free; "), "{text}");
    for (device, why) in devices.iter().zip(["Xid 95", "Xid 119", "Xid 64", "Xid 48"]) {
        let worst = if *device == devices[sick] { "Xid 79" } else { why };
        assert!(text.contains(&format!("{device} is unhealthy: {worst}")), "{device} in {text}");
    }
    // What could never be had is not had when all are well.
    let huge =
        choose::among(&site.ledger, &Request::memory(Bytes::gib(4000)).unfit(site.unfit())).unwrap_err();
    assert_eq!((huge.outlook, huge.unfit.len()), (Outlook::Never, 0));
    // An index of nodes says the same.
    let mut index = Index::default();
    index.update(&site.ledger);
    let request = Request::any().unfit(site.unfit());
    let ledgers = |_: gpu_core::ledger::NodeName| Some(&site.ledger);
    let unmet = index.choose(&request, ledgers).unwrap_err();
    assert_eq!((unmet.outlook, unmet.unfit.len()), (Outlook::NotNow, 4));
}

/// A MIG instance that is unwell: its siblings can be had, and the board as a whole cannot.
#[test]
fn siblings_of_an_instance_that_is_unwell_can_be_had() {
    let mut site = Site::new("dgx-a100-8", &[]);
    let cut = site.inventory.devices().find(|device| device.partitions.len() > 1).unwrap().clone();
    let (sick, well) = (cut.partitions[0].clone(), cut.partitions[1].clone());
    site.xid(sick.id, 95);
    let unfit = site.unfit();
    assert_eq!(unfit.len(), 1);
    let on = |request: Request| -> Vec<UnitId> {
        let found = choose::among(&site.ledger, &request.unfit(unfit.clone())).unwrap_or_default();
        found.iter().flat_map(|candidate| candidate.claims().map(|claim| claim.unit)).collect()
    };
    let profile = |id: &gpu_core::Partition| Request::any().profile(id.profile.value().unwrap());
    assert!(!on(profile(&sick)).iter().any(|unit| unit.lies_in(sick.id)));
    assert!(on(profile(&well)).contains(&well.id.into()));
    let others: Vec<UnitId> =
        site.devices().into_iter().filter(|id| *id != cut.id).map(UnitId::from).collect();
    let whole: Vec<UnitId> = on(Request::memory(Bytes::gib(30)).exclusive());
    assert!(!whole.contains(&cut.id.into()));
    assert!(whole.iter().any(|unit| others.contains(unit)));
}

#[test]
fn shares_of_what_is_unwell_cannot_be_had() {
    let whole = Site::new("l40s-4", &[]);
    let devices = whole.devices();
    let declared: Vec<Sharing> = devices.iter().map(|id| Sharing::time_sliced(*id, 4).unwrap()).collect();
    let mut site = Site::new("l40s-4", &declared);
    site.xid(devices[0], 79);
    let shares = choose::among(&site.ledger, &Request::any().shared().unfit(site.unfit())).unwrap();
    assert!(shares.iter().flat_map(|of| of.claims()).all(|claim| claim.unit.device() != devices[0]));
    for device in &devices {
        site.xid(*device, 79);
    }
    let unmet = choose::among(&site.ledger, &Request::any().shared().unfit(site.unfit())).unwrap_err();
    assert_eq!((unmet.outlook, unmet.there, unmet.free), (Outlook::NotNow, 16, 0));
}

/// How well the machine is, is no part of what is asked for: who tries again with the same key gets the same
/// receipt, though others are unwell by then, and the unit itself.
#[test]
fn trying_again_is_the_same_request_whatever_has_become_unwell() {
    let mut site = Site::new("l40s-4", &[]);
    let key = site.ledger.key(EntryId(7));
    let receipt = site.ledger.reserve(key, &Request::any().unfit(site.unfit())).unwrap();
    for device in site.devices() {
        site.xid(device, 79);
    }
    let again = site.ledger.reserve(key, &Request::any().unfit(site.unfit())).unwrap();
    assert_eq!(again, receipt);
    assert_eq!(Request::any().fingerprint(), Request::any().unfit(site.unfit()).fingerprint());
}

#[test]
fn who_is_on_what_is_unwell_is_shown() {
    let mut site = Site::new("l40s-4", &[]);
    let key = site.ledger.key(EntryId(7));
    let unit = site.first(Request::any());
    site.ledger.reserve(key, &Request::any()).unwrap();
    site.ledger.commit(key, Container::new(Runtime::Containerd, "train-7".parse().unwrap())).unwrap();
    let presence = |_: &Owner| Presence::Here;
    let look = reconcile::Look {
        seen: &[],
        presence: &presence,
        now: WallTime(0),
        idle_after: Nanoseconds(u64::MAX),
    };
    let report = |site: &Site| reconcile::Report::of(&site.ledger, &look).with_unfit(&site.unfit());
    assert!(report(&site).is_clean());
    // Another device's fault is not this holder's.
    let other = site.devices().into_iter().find(|id| UnitId::from(*id) != unit).unwrap();
    site.xid(other, 79);
    assert!(report(&site).is_clean());
    site.xid(unit.device(), 95);
    let told = report(&site);
    assert!(!told.is_clean());
    assert_eq!(told.lines.len(), 1);
    assert_eq!(told.lines[0].unfit.as_deref(), Some("unhealthy: Xid 95; reset the GPU"));
    assert!(matches!(told.lines[0].finding, Finding::HeldAndUnused { .. }));
    assert!(told.lines[0].to_string().ends_with("(unhealthy: Xid 95; reset the GPU)"), "{}", told.lines[0]);
    assert_eq!(told.repairs(&site.ledger, || EntryId(100)), [], "what runs may run on");
}

/// A ledger that is told by an entry refuses whoever asks, and the entry is in its journal.
#[test]
fn a_ledger_that_is_told_refuses_by_itself() {
    let mut site = Site::new("l40s-4", &[]);
    let device = site.devices()[0];
    site.xid(device, 79);
    let units: Vec<UnitId> = site.unfit().iter().map(|of| of.unit).collect();
    let entry = site.ledger.entry(site.ledger.key(EntryId(5)), Body::Withdraw(units.clone()));
    site.ledger.apply(&entry).unwrap();
    let claim = gpu_core::ledger::Claim::new(device, site.ledger.life(UnitId::from(device)).unwrap());
    let reserve = gpu_core::ledger::Reserve::new([claim]);
    let refusal = site
        .ledger
        .apply(&site.ledger.entry(site.ledger.key(EntryId(6)), Body::Reserve(reserve)))
        .unwrap_err();
    assert!(matches!(refusal.reason(), Reason::Withdrawn { unit } if *unit == device.into()), "{refusal}");
}
