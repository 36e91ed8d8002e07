//! How many threads a watch of health has: alone in its process, so that they can be counted.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use gpu_accounting::{HealthOptions, HealthWatch, Node, Vendor};
use gpu_sim::{Machine, SimBackend, World};

#[path = "common/hanging.rs"]
mod hanging;
use hanging::{Door, Hanging};

const LONG: Duration = Duration::from_secs(60);

fn threads() -> usize {
    let tasks = std::fs::read_dir("/proc/self/task").unwrap().flatten();
    let names = tasks.filter_map(|task| std::fs::read_to_string(task.path().join("comm")).ok());
    names.filter(|name| name.starts_with("gpu-health")).count()
}

fn until(what: &str, is_so: impl Fn() -> bool) {
    let began = Instant::now();
    while !is_so() {
        assert!(began.elapsed() < LONG, "{what}");
        std::thread::sleep(Duration::from_millis(1));
    }
}

/// One for each vendor and one more, whatever hangs, and none when the watch has ended.
#[test]
fn threads_do_not_pile_up() {
    let world = World::new(Machine::preset("mixed").unwrap());
    let door = Arc::new(Door::default());
    let hanging = Hanging { backend: SimBackend::new(world.clone(), Vendor::AMD), door: Arc::clone(&door) };
    let node = Node::builder().machine(world.host()).without(Vendor::AMD).backend(hanging).build();
    let (node, options) = (Arc::new(node), HealthOptions::default().period(Duration::from_millis(1)));
    assert_eq!(threads(), 0);
    let (watch, _changes) = HealthWatch::channel(Arc::clone(&node), options);
    until("they run", || threads() == 4);
    for _ in 0..100 {
        door.set(true);
        until("a call hangs", || door.inside.load(Ordering::SeqCst) == 1);
        assert_eq!(threads(), 4);
        door.set(false);
        until("it returns", || door.inside.load(Ordering::SeqCst) == 0);
    }
    door.set(true);
    until("a call hangs", || door.inside.load(Ordering::SeqCst) == 1);
    assert_eq!(watch.stop(Duration::from_secs(1)), Err(vec![Vendor::AMD]));
    until("the others have ended", || threads() == 1);
    door.set(false);
    until("all have ended", || threads() == 0);
}
