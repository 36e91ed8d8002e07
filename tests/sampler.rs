//! Sampling on a schedule: what is seen, what hangs, who waits, how it ends. The simulated drivers
//! hang until they are let go, so that nothing here depends on how fast the machine is.

use std::future::Future;
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::task::{Context, Poll, Wake, Waker};
use std::time::{Duration, Instant};

use gpu_accounting::sampler::{Answer, Observed, Sampler};
use gpu_accounting::{
    Absence, Backend, Capabilities, Error, ErrorKind, Inventory, Nanoseconds, Node, Query, Sample, Sweep,
    SweepRequest, Sweeper, UnitId, Vendor,
};
use gpu_sim::{Machine, SimBackend, World};

/// A machine that is loaded may stop a test for that long.
const PATIENCE: Duration = Duration::from_secs(120);
const PERIOD: Duration = Duration::from_millis(30);

fn world(preset: &str) -> World {
    World::new(Machine::preset(preset).unwrap())
}

fn start(node: Node) -> Sampler {
    Sampler::builder(node).period(PERIOD).start().unwrap()
}

/// The first observation later than `seen` that is so.
fn until(sampler: &Sampler, seen: &mut Option<u64>, is_so: impl Fn(&Observed) -> bool) -> Arc<Observed> {
    let end = Instant::now() + PATIENCE;
    while Instant::now() < end {
        let observation = sampler.wait_after(*seen, PATIENCE).unwrap();
        *seen = Some(observation.number);
        if is_so(&observation) {
            return observation;
        }
    }
    panic!("no such observation: {:?}", sampler.latest().map(|latest| latest.vendors.clone()));
}

fn answer(observation: &Observed, vendor: Vendor) -> Answer {
    observation.vendors.iter().find(|of| of.vendor == vendor).unwrap().answer
}

/// What the tests want to know of a backend, and what it shall do.
#[derive(Debug, Default)]
struct Probe {
    samples: AtomicU32,
    inventories: AtomicU32,
    panics: AtomicBool,
    is_gone: AtomicBool,
}

/// A simulated backend that is watched.
#[derive(Debug)]
struct Probed {
    inner: SimBackend,
    probe: Arc<Probe>,
}

impl Drop for Probed {
    fn drop(&mut self) {
        self.probe.is_gone.store(true, Ordering::SeqCst);
    }
}

impl Backend for Probed {
    fn vendor(&self) -> Vendor {
        self.inner.vendor()
    }

    fn inventory(&self) -> Result<Inventory, Error> {
        self.probe.inventories.fetch_add(1, Ordering::SeqCst);
        self.inner.inventory()
    }

    fn capabilities(&self, unit: UnitId) -> Result<Capabilities, Error> {
        self.inner.capabilities(unit)
    }

    fn sample_into(&self, query: &Query<'_>, sample: &mut Sample) -> Result<(), Error> {
        self.probe.samples.fetch_add(1, Ordering::SeqCst);
        assert!(!self.probe.panics.load(Ordering::SeqCst), "as the test wants");
        self.inner.sample_into(query, sample)
    }
}

fn probed(world: &World) -> (Node, Arc<Probe>) {
    let probe = Arc::new(Probe::default());
    let inner = SimBackend::new(world.clone(), Vendor::NVIDIA);
    let backend = Probed { inner, probe: Arc::clone(&probe) };
    (Node::builder().machine(world.host()).without(Vendor::NVIDIA).backend(backend).build(), probe)
}

/// An observation says what a watch says that looks at the same time.
#[test]
fn it_sees_what_a_watch_sees() {
    for preset in ["mixed", "mi300x-8-cpx", "hgx-h100-8"] {
        let world = world(preset);
        let watching = Node::builder().machine(world.host()).build();
        let mut watch = watching.watch();
        // Sixty-four partitions take their time on a machine that does other things too.
        let node = Node::builder().machine(world.host()).build();
        let sampler = Sampler::builder(node).period(Duration::from_millis(300)).start().unwrap();
        let mut seen = None;
        let whole = |of: &Observed| of.is_whole() && of.sweep.is_ok() && of.attribution.is_ok();
        until(&sampler, &mut seen, whole);
        watch.look();
        // The simulated clock stands still while both look.
        let observation = until(&sampler, &mut seen, whole);
        let looked = watch.look();
        assert_eq!(*observation.inventory, *watch.inventory(), "{preset}");
        assert_eq!(observation.sample.units, watch.sample().units, "{preset}");
        assert_eq!(observation.sample.processes, watch.sample().processes, "{preset}");
        assert_eq!(observation.sweep.as_deref(), Ok(watch.sweep()), "{preset}");
        assert_eq!(observation.attribution.as_ref(), Ok(&looked), "{preset}");
        assert!(!looked.lines.is_empty(), "{preset}");
        assert_eq!(observation.taken_at, watching.clock().boot_now(), "{preset}");
    }
}

/// Engine time is counted from look to look, by the node's clock.
#[test]
fn engine_time_is_counted_between_looks() {
    let world = world("l40s-4");
    let sampler = start(Node::builder().machine(world.host()).build());
    let mut seen = None;
    let first = until(&sampler, &mut seen, |of| of.attribution.is_ok() && of.is_whole());
    world.clock().advance(Nanoseconds::from_secs(3));
    let later = until(&sampler, &mut seen, |of| of.taken_at > first.taken_at && of.is_whole());
    let line = &later.attribution.as_ref().unwrap().lines[0];
    assert_eq!(line.engines[0].covered, Ok(Nanoseconds::from_secs(3)));
}

/// A driver that hangs: its units say so, it is not called again, the others go on; when it returns,
/// it is called again.
#[test]
fn a_vendor_that_hangs_delays_nobody() {
    let world = world("mixed");
    let (node, probe) = probed(&world);
    let sampler = start(node);
    let mut seen = None;
    let before = until(&sampler, &mut seen, Observed::is_whole);
    assert!(before.sample.problems.iter().all(|problem| problem.kind != ErrorKind::TimedOut));
    world.hold(Vendor::NVIDIA);
    let is_hanging = |of: &Observed| matches!(answer(of, Vendor::NVIDIA), Answer::Hanging(_));
    until(&sampler, &mut seen, is_hanging);
    let calls = (probe.samples.load(Ordering::SeqCst), probe.inventories.load(Ordering::SeqCst));
    for _ in 0..10 {
        // A machine that is loaded may need some looks.
        let others = |of: &Observed| {
            let in_time = |vendor| answer(of, vendor) == Answer::InTime;
            in_time(Vendor::AMD) && in_time(Vendor::INTEL) && of.attribution.is_ok()
        };
        let observation = until(&sampler, &mut seen, others);
        assert!(is_hanging(&observation));
        // What there was at its last answer is still listed, and reads as timed out.
        assert_eq!(observation.inventory.devices, before.inventory.devices);
        assert_eq!(observation.sample.units.len(), before.sample.units.len());
        for unit in observation.inventory.units() {
            let power = observation.sample.reading(unit).power;
            assert_eq!(power == Err(Absence::TimedOut), unit.vendor() == Vendor::NVIDIA, "{unit}: {power:?}");
        }
        let problems = &observation.sample.problems;
        assert!(problems.iter().any(|of| of.vendor == Vendor::NVIDIA && of.kind == ErrorKind::TimedOut));
        let attribution = observation.attribution.as_ref().unwrap();
        assert!(attribution.lines.iter().any(|line| line.unit.vendor() == Vendor::AMD));
    }
    let now = (probe.samples.load(Ordering::SeqCst), probe.inventories.load(Ordering::SeqCst));
    assert_eq!(now, calls, "it was called while it hung");
    world.release(Vendor::NVIDIA);
    let after = until(&sampler, &mut seen, Observed::is_whole);
    assert_eq!(after.sample.units, before.sample.units);
    // What the call that hung has told so late is not used: it was called anew.
    assert!(probe.samples.load(Ordering::SeqCst) > calls.0);
    let totals = sampler.totals();
    assert!(totals.timed_out >= 11 && totals.looks >= 13, "{totals:?}");
}

/// A vendor that hangs from the start is listed when it answers for the first time.
#[test]
fn a_vendor_that_hangs_from_the_start() {
    let world = world("mixed");
    world.hold(Vendor::AMD);
    let sampler = start(Node::builder().machine(world.host()).build());
    let mut seen = None;
    let first = until(&sampler, &mut seen, |of| of.attribution.is_ok());
    assert!(matches!(answer(&first, Vendor::AMD), Answer::Hanging(_)), "{:?}", first.vendors);
    assert!(first.inventory.devices.iter().all(|device| device.vendor() != Vendor::AMD));
    assert!(
        first.sample.problems.iter().any(|of| of.vendor == Vendor::AMD && of.kind == ErrorKind::TimedOut)
    );
    world.release(Vendor::AMD);
    let whole = until(&sampler, &mut seen, |of| of.is_whole() && of.attribution.is_ok());
    assert!(whole.inventory.devices.iter().any(|device| device.vendor() == Vendor::AMD));
}

/// Dropping a sampler waits for no call that hangs, and the backend lives until that returns.
#[test]
fn a_backend_outlives_its_calls() {
    let world = world("mixed");
    let (node, probe) = probed(&world);
    let sampler = start(node);
    world.hold(Vendor::NVIDIA);
    until(&sampler, &mut None, |of| matches!(answer(of, Vendor::NVIDIA), Answer::Hanging(_)));
    assert_eq!(sampler.stop(Duration::ZERO), [Vendor::NVIDIA]);
    assert!(!probe.is_gone.load(Ordering::SeqCst), "the backend was dropped under a call");
    world.release(Vendor::NVIDIA);
    let end = Instant::now() + PATIENCE;
    while !probe.is_gone.load(Ordering::SeqCst) {
        assert!(Instant::now() < end, "the backend was never dropped");
        std::thread::yield_now();
    }
}

/// With patience, stopping waits for calls that return, and nothing is left.
#[test]
fn stopping_waits_as_long_as_it_is_told() {
    let world = world("mixed");
    let (node, probe) = probed(&world);
    let sampler = start(node);
    world.hold(Vendor::NVIDIA);
    until(&sampler, &mut None, |of| answer(of, Vendor::NVIDIA) != Answer::InTime);
    let other = world.clone();
    let releases = std::thread::spawn(move || other.release(Vendor::NVIDIA));
    assert_eq!(sampler.stop(PATIENCE), []);
    assert!(probe.is_gone.load(Ordering::SeqCst), "threads have ended, and the node with them");
    releases.join().unwrap();
}

/// A backend that panics fails, look by look, and nothing else does.
#[test]
fn a_backend_that_panics_is_a_vendor_that_fails() {
    let world = world("mixed");
    let (node, probe) = probed(&world);
    let sampler = start(node);
    let mut seen = None;
    until(&sampler, &mut seen, Observed::is_whole);
    probe.panics.store(true, Ordering::SeqCst);
    let has_failed = |of: &Observed| of.sample.problems.iter().any(|of| of.kind == ErrorKind::Library);
    for _ in 0..3 {
        let others = |of: &Observed| of.sample.units.iter().any(|of| of.unit.vendor() == Vendor::AMD);
        until(&sampler, &mut seen, |of| has_failed(of) && others(of) && of.attribution.is_ok());
    }
    probe.panics.store(false, Ordering::SeqCst);
    until(&sampler, &mut seen, |of| !has_failed(of) && of.is_whole());
}

/// A process list that hangs.
#[derive(Debug)]
struct HangingSweeper {
    inner: Box<dyn Sweeper>,
    hangs: Arc<AtomicBool>,
}

impl Sweeper for HangingSweeper {
    fn sweep_into(&self, request: &SweepRequest<'_>, sweep: &mut Sweep) -> Result<(), Error> {
        while self.hangs.load(Ordering::SeqCst) {
            std::thread::park_timeout(Duration::from_millis(1));
        }
        self.inner.sweep_into(request, sweep)
    }
}

/// A process list that hangs costs the attribution, not the samples.
#[test]
fn a_process_list_that_hangs_costs_no_sample() {
    let world = world("mixed");
    let hangs = Arc::new(AtomicBool::new(false));
    let mut host = world.host();
    host.sweeper = Box::new(HangingSweeper { inner: host.sweeper, hangs: Arc::clone(&hangs) });
    let sampler = start(Node::builder().machine(host).build());
    let mut seen = None;
    let before = until(&sampler, &mut seen, |of| of.is_whole() && of.sweep.is_ok() && of.attribution.is_ok());
    hangs.store(true, Ordering::SeqCst);
    for _ in 0..3 {
        let observation = until(&sampler, &mut seen, |of| of.attribution == Err(Absence::TimedOut));
        assert_eq!(observation.sweep.as_ref().unwrap_err(), &Absence::TimedOut);
    }
    let hanging = until(&sampler, &mut seen, Observed::is_whole);
    assert_eq!(hanging.sample.units, before.sample.units);
    assert_eq!(hanging.inventory.devices, before.inventory.devices);
    hangs.store(false, Ordering::SeqCst);
    let after = until(&sampler, &mut seen, |of| of.is_whole() && of.sweep.is_ok() && of.attribution.is_ok());
    assert_eq!(
        after.attribution.as_ref().unwrap().lines.len(),
        before.attribution.as_ref().unwrap().lines.len()
    );
}

/// Who is slow misses observations and holds nobody up; what is kept is bounded.
#[test]
fn the_slow_miss_what_they_have_no_room_for() {
    let node = Node::builder().machine(world("l40s-4").host()).build();
    let sampler = Sampler::builder(node).period(PERIOD).history(3).start().unwrap();
    let slow = sampler.subscribe(2);
    let gone = sampler.subscribe(1);
    drop(gone);
    let mut seen = None;
    let reached = until(&sampler, &mut seen, |of| of.number >= 8);
    let history = sampler.history();
    assert_eq!(history.len(), 3);
    assert!(history.windows(2).all(|pair| pair[0].number < pair[1].number));
    assert!(history[2].number >= reached.number);
    let (one, other) = (slow.recv().unwrap(), slow.recv().unwrap());
    assert!(
        one.number < other.number && other.number < 8,
        "the oldest wait: {}, {}",
        one.number,
        other.number
    );
    // There is room again: the numbers show the gap.
    let next = slow.recv_timeout(PATIENCE).unwrap();
    assert!(next.number > other.number + 1, "{} after {}", next.number, other.number);
    assert!(sampler.totals().undelivered > 0);
    assert!(sampler.stop(PATIENCE).is_empty());
    while slow.recv().is_ok() {}
}

struct Unpark(std::thread::Thread);

impl Wake for Unpark {
    fn wake(self: Arc<Self>) {
        self.0.unpark();
    }
}

/// An executor of two lines.
fn block_on<F: Future>(future: F) -> F::Output {
    let mut future = pin!(future);
    let waker = Waker::from(Arc::new(Unpark(std::thread::current())));
    loop {
        match future.as_mut().poll(&mut Context::from_waker(&waker)) {
            Poll::Ready(output) => return output,
            Poll::Pending => std::thread::park_timeout(PATIENCE),
        }
    }
}

#[test]
fn the_next_observation_is_a_future() {
    let sampler = start(Node::builder().machine(world("l40s-4").host()).build());
    let first = block_on(sampler.next(None)).unwrap();
    let second = block_on(sampler.next(Some(first.number))).unwrap();
    assert!(second.number > first.number);
    let never = sampler.next(Some(u64::MAX));
    let waits = std::thread::spawn(move || block_on(never).map(|of| of.number));
    drop(sampler);
    assert_eq!(waits.join().unwrap().unwrap_err().kind(), ErrorKind::NotFound, "the sampler was stopped");
}

#[test]
fn waiting_in_vain_says_so() {
    let node = Node::builder().machine(world("l40s-4").host()).build();
    let sampler = Sampler::builder(node).period(Duration::from_secs(3600)).start().unwrap();
    let first = sampler.wait_after(None, PATIENCE).unwrap();
    let error = sampler.wait_after(Some(first.number), Duration::from_millis(5)).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::TimedOut);
    // Dropped while the next turn is an hour away.
}

/// What sleeps is not woken, look after look.
#[test]
fn gpus_that_sleep_stay_asleep() {
    let world = world("mixed");
    let sampler = start(Node::builder().machine(world.host()).build());
    let mut seen = None;
    for _ in 0..5 {
        let observation = until(&sampler, &mut seen, Observed::is_whole);
        let asleep =
            observation.sample.units.iter().filter(|of| of.reading.power == Err(Absence::Asleep)).count();
        assert!(asleep >= 1);
    }
    assert!(world.machine().gpus.iter().any(|gpu| gpu.asleep));
}

#[test]
fn settings_that_do_not_go_together_are_refused() {
    let builder = || Sampler::builder(Node::builder().machine(world("empty").host()).build());
    for odd in [
        builder().period(Duration::ZERO),
        builder().deadline(Duration::ZERO),
        builder().deadline(Duration::from_millis(751)),
        builder().history(0),
        builder().inventory_every(0),
    ] {
        assert_eq!(odd.start().unwrap_err().kind(), ErrorKind::NotSupported);
    }
    // A machine without GPU is sampled, and shows nothing.
    let sampler = builder().start().unwrap();
    let observation = sampler.wait_next(PATIENCE).unwrap();
    assert!(observation.is_whole() && observation.sample.units.is_empty());
}

/// How late the others' calls begin, and how long looks take, while NVIDIA's driver hangs and while it
/// does not; from the least to the most.
fn lateness(
    world: &World,
    period: Duration,
    looks: usize,
    hang: bool,
) -> (Vec<Nanoseconds>, Vec<Nanoseconds>) {
    let sampler =
        Sampler::builder(Node::builder().machine(world.host()).build()).period(period).start().unwrap();
    let mut seen = None;
    if hang {
        until(&sampler, &mut seen, Observed::is_whole);
        world.hold(Vendor::NVIDIA);
        until(&sampler, &mut seen, |of| matches!(answer(of, Vendor::NVIDIA), Answer::Hanging(_)));
    }
    let (mut late, mut took) = (Vec::new(), Vec::new());
    for _ in 0..looks {
        let observation = until(&sampler, &mut seen, |_| true);
        let others = observation.vendors.iter().filter(|of| of.vendor != Vendor::NVIDIA);
        late.extend(others.map(|of| of.late));
        took.push(observation.cost.took);
    }
    world.release(Vendor::NVIDIA);
    late.sort_unstable();
    took.sort_unstable();
    (late, took)
}

/// On a machine that does other things too: half of the others' calls begin as if nothing hung, and
/// half of the looks are done as soon, give or take a part of the period. A sampler that waited for
/// the driver would need until the deadline, half a second.
#[test]
fn others_keep_their_schedule_beside_a_hang() {
    let world = world("mixed");
    let period = Duration::from_secs(1);
    let half = |times: &[Nanoseconds]| times[times.len() / 2].get();
    let without = lateness(&world, period, 3, false);
    let with = lateness(&world, period, 3, true);
    for (with, without) in [(half(&with.0), half(&without.0)), (half(&with.1), half(&without.1))] {
        assert!(with <= without + 200_000_000, "{with} ns beside a hang, {without} ns without");
    }
}

#[test]
#[ignore = "a figure: takes 35 s, and wants a release build on a quiet machine"]
fn others_stay_within_10_ms_of_their_schedule_while_a_vendor_hangs_for_30_s() {
    let world = world("mixed");
    let (without, _) = lateness(&world, Duration::from_millis(200), 25, false);
    let (with, _) = lateness(&world, Duration::from_millis(200), 150, true);
    let worst = |late: &[Nanoseconds]| late.last().copied().unwrap();
    println!("worst lateness beside a hang of 30 s: {}, without: {}", worst(&with), worst(&without));
    assert_eq!(with.len(), 300);
    assert!(worst(&with).get() <= 10_000_000, "{} late", worst(&with));
}
