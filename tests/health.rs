//! A node's health, by one look and watched by threads: what comes of faults, events, drivers that hang.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::Receiver;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use gpu_accounting::health::{Cause, Change, Fault, State};
use gpu_accounting::{
    Clock, DeviceId, EventKind, HealthOptions, HealthWatch, Nanoseconds, Node, RecoveryAction, Vendor,
};
use gpu_sim::{Fault as SimFault, Machine, SimBackend, World};

#[path = "common/hanging.rs"]
mod hanging;
use hanging::{Door, Hanging};

/// Longer than any machine takes; nothing waits that long where all is well.
const LONG: Duration = Duration::from_secs(60);

fn world(preset: &str) -> World {
    World::new(Machine::preset(preset).unwrap())
}

/// Looks as often as they may be, so that no test waits for a period.
fn often() -> HealthOptions {
    HealthOptions::default().period(Duration::from_millis(20))
}

/// The next change that is `wanted`; others are passed over.
fn next(changes: &Receiver<Change>, wanted: impl Fn(&Change) -> bool) -> Change {
    let until = Instant::now() + LONG;
    loop {
        let left = until.saturating_duration_since(Instant::now());
        let change = changes.recv_timeout(left).expect("the change comes");
        if wanted(&change) {
            return change;
        }
    }
}

/// Waits until something is so.
fn until(what: &str, is_so: impl Fn() -> bool) {
    let began = Instant::now();
    while !is_so() {
        assert!(began.elapsed() < LONG, "{what}");
        std::thread::sleep(Duration::from_millis(1));
    }
}

#[test]
fn one_look_tells_what_one_look_shows() {
    let world = world("mixed");
    world.change(|machine| machine.gpus[0].ecc.as_mut().unwrap().remap_pending = true);
    let node = Node::builder().machine(world.host()).build();
    let (report, inventory) = (node.health(), node.inventory());
    assert_eq!(report.units.len(), inventory.units().count());
    for (position, device) in inventory.devices().enumerate() {
        let at = device.pci.value().expect("an address");
        let expected = match world.machine().gpus.iter().find(|gpu| gpu.pci == *at) {
            // Nobody can tell of one that sleeps and was never looked at.
            Some(gpu) if gpu.asleep => State::Unknown,
            _ if position == 0 => State::Degraded,
            _ => State::Healthy,
        };
        assert_eq!(report.state(device.id), expected, "{}", device.id);
    }
    assert_eq!(report.get(inventory.devices[0].id).unwrap().action, RecoveryAction::DrainAndReset);
    assert_eq!(Node::builder().machine(Machine::preset("empty").unwrap()).build().health().units, []);
}

#[test]
fn changes_come_by_channel_as_they_happen() {
    let world = world("hgx-h100-8");
    world.change(|machine| machine.gpus[7].health.links_down = 1);
    let node = Arc::new(Node::builder().machine(world.host()).build());
    let devices: Vec<DeviceId> = node.inventory().devices().map(|device| device.id).collect();
    let (watch, changes) = HealthWatch::channel(Arc::clone(&node), often());
    let first = next(&changes, |_| true);
    assert_eq!((first.unit, first.before, first.after), (devices[7].into(), State::Unknown, State::Degraded));

    // An event, by the driver's own telling: the period plays no part.
    let at = world.clock().boot_now().plus(Nanoseconds(1));
    world.change(|machine| machine.faults.push(SimFault::xid(2, at, 119)));
    world.clock().advance(Nanoseconds(1));
    let told = next(&changes, |change| change.unit == devices[2].into());
    assert_eq!((told.before, told.after), (State::Healthy, State::Unhealthy));
    assert!(matches!(told.cause, Cause::Appeared(of) if of.fault == Fault::Event(EventKind::Xid(119))));
    let forbidden = watch.report().forbidden();
    assert_eq!(forbidden.len(), 1);
    assert_eq!(forbidden[0].to_string(), format!("{} is unhealthy: Xid 119; reset the GPU", devices[2]));

    // A look finds what no event tells, and what is over.
    world.change(|machine| machine.gpus[7].health.links_down = 0);
    let over = next(&changes, |change| change.unit == devices[7].into());
    assert_eq!((over.before, over.after), (State::Degraded, State::Healthy));
    assert!(matches!(over.cause, Cause::Cleared(_)));

    // A reset that nothing shows is told by who made it.
    watch.acknowledge(devices[2]);
    let well = next(&changes, |change| change.unit == devices[2].into());
    assert_eq!(well.after, State::Healthy);
    watch.stop(LONG).expect("nothing hangs");
    assert!(changes.recv().is_err(), "the channel ends with the watch");
    until("the threads let go of the node", || Arc::strong_count(&node) == 1);
}

#[test]
fn a_callback_may_ask_for_the_report_and_who_drops_the_watch_ends_it() {
    let world = world("l40s-4");
    world.lose(0);
    let node = Arc::new(Node::builder().machine(world.host()).build());
    let slot: Arc<Mutex<Option<HealthWatch>>> = Arc::default();
    let (seen, count) = (Arc::clone(&slot), Arc::new(AtomicUsize::new(0)));
    let counted = Arc::clone(&count);
    let watch = HealthWatch::start(Arc::clone(&node), often(), move |change| {
        if let Some(watch) = seen.lock().unwrap().as_ref() {
            assert!(watch.report().units.iter().any(|of| of.unit == change.unit));
            counted.fetch_add(1, Ordering::SeqCst);
        }
    });
    // What falls off the bus before it was ever seen is not known.
    until("the others are known", || watch.report().units.len() == 3);
    *slot.lock().unwrap() = Some(watch);
    world.lose(1);
    world.lose(2);
    until("two are told", || count.load(Ordering::SeqCst) >= 2);
    *slot.lock().unwrap() = None;
    until("the threads let go of the node", || Arc::strong_count(&node) == 1);
}

/// NVIDIA's driver hangs in one call: AMD's GPUs are looked at as before, NVIDIA's become unknown, no thread
/// is added however long it takes, and stopping says who hangs.
#[test]
fn a_driver_that_hangs_delays_nobody_and_becomes_unknown() {
    let world = world("mixed");
    let door = Arc::new(Door::default());
    let hanging =
        Hanging { backend: SimBackend::new(world.clone(), Vendor::NVIDIA), door: Arc::clone(&door) };
    let node = Node::builder().machine(world.host()).without(Vendor::NVIDIA).backend(hanging).build();
    let node = Arc::new(node);
    let devices: Vec<DeviceId> = node.inventory().devices().map(|device| device.id).collect();
    let of = |vendor: Vendor| devices.iter().copied().find(|id| id.vendor() == vendor).unwrap();
    let (watch, changes) = HealthWatch::channel(Arc::clone(&node), often());
    until("every vendor is looked at", || {
        [Vendor::NVIDIA, Vendor::AMD].iter().all(|vendor| watch.report().state(of(*vendor)) == State::Healthy)
    });
    door.set(true);
    until("a call hangs", || door.inside.load(Ordering::SeqCst) == 1);

    let amd = world.machine().gpus.iter().position(|gpu| gpu.vendor() == Vendor::AMD).unwrap();
    for uncorrected in 1..=3 {
        world.change(|machine| machine.gpus[amd].ecc.as_mut().unwrap().uncorrected = uncorrected);
        next(&changes, |change| {
            let shown = matches!(change.cause,
                Cause::Appeared(of) if of.fault == Fault::UncorrectedErrors(gpu_accounting::Count(uncorrected)));
            change.unit == of(Vendor::AMD).into() && shown
        });
    }
    // A minute of the node's time, in which NVIDIA's were not looked at.
    world.clock().advance(Nanoseconds::from_secs(61));
    let silent = next(&changes, |change| change.unit == of(Vendor::NVIDIA).into());
    assert_eq!((silent.before, silent.after), (State::Healthy, State::Unknown));
    assert_eq!(watch.report().forbidden().len(), 1, "AMD's: nobody can tell of NVIDIA's yet");
    for count in 2..=3 {
        world.clock().advance(Nanoseconds::from_secs(61));
        until("it is counted", || {
            let report = watch.report();
            let silent = Fault::Silent { looks: count };
            report.get(of(Vendor::NVIDIA)).unwrap().evidence.iter().any(|of| of.fault == silent)
        });
    }
    assert_eq!(watch.report().state(of(Vendor::NVIDIA)), State::Unhealthy, "it is given up");
    assert_eq!(door.inside.load(Ordering::SeqCst), 1, "no second call while one hangs");
    let hung = watch.stop(Duration::from_secs(1)).unwrap_err();
    assert_eq!(hung, [Vendor::NVIDIA]);
    // The node is there as long as the call is.
    assert!(Arc::strong_count(&node) > 1);
    door.set(false);
    until("the threads let go of the node", || Arc::strong_count(&node) == 1);
}
