//! [`Source`]: the machine that is looked at, and how its time passes.

use std::error::Error;
use std::sync::Arc;
use std::sync::mpsc::{RecvTimeoutError, Sender, channel};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use gpu_accounting::record::Replay;
use gpu_accounting::{Nanoseconds, Node};
use gpu_sim::{Machine, World};

use crate::args::Args;

pub struct Source {
    pub node: Arc<Node>,
    /// What is simulated, where anything is.
    pub simulated: Option<String>,
    /// Lets its time pass, where that does not pass by itself.
    _time: Option<Time>,
}

impl Source {
    /// Opens the machine that the command line names.
    pub fn open(args: &Args) -> Result<Self, Box<dyn Error>> {
        let mut builder = Node::builder();
        if !args.vendors.is_empty() {
            builder = builder.only(args.vendors.iter().copied());
        }
        if let Some(name) = &args.sim {
            let world = World::new(Machine::load(name)?);
            let node = builder.machine(world.host()).build();
            let time = Time::of_world(world, args.speed, args.period / args.speed / 10);
            return Ok(Self::new(node, Some(time)));
        }
        if let Some(file) = &args.replay {
            let replay = Replay::open(file).map_err(|error| format!("{}: {error}", file.display()))?;
            let node = builder.replay(&replay).build();
            return Ok(Self::new(node, Some(Time::of_recording(replay, args.speed))));
        }
        let simulated = args.roots.simulated();
        Ok(Self { simulated, ..Self::new(args.roots.put(builder).build(), None) })
    }

    fn new(node: Node, time: Option<Time>) -> Self {
        Self { simulated: node.simulated().map(str::to_owned), node: Arc::new(node), _time: time }
    }
}

/// A thread that lets a machine's time pass which does not pass by itself, until this is dropped.
struct Time {
    ends: Option<Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl Time {
    /// A simulated machine's time.
    fn of_world(world: World, speed: u32, step: Duration) -> Self {
        let mut told = Instant::now();
        Self::start(move || {
            let now = Instant::now();
            let passed = (now - told).as_nanos().saturating_mul(u128::from(speed));
            world.clock().advance(Nanoseconds(u64::try_from(passed).unwrap_or(u64::MAX)));
            told = now;
            Some(step)
        })
    }

    /// A recording's: each look stays for as long as it was to the next. At the end the last one stays.
    fn of_recording(mut replay: Replay, speed: u32) -> Self {
        Self::start(move || match replay.next() {
            Ok(gap) => gap.map(|gap| Duration::from_nanos(gap.get()) / speed),
            Err(error) => {
                eprintln!("gpu-exporter: {error}; what came before it is served on");
                None
            }
        })
    }

    /// Takes a step again and again, as long after each as it says.
    fn start(mut step: impl FnMut() -> Option<Duration> + Send + 'static) -> Self {
        let (ends, end) = channel();
        let run = move || {
            let mut wait = Duration::ZERO;
            while end.recv_timeout(wait) == Err(RecvTimeoutError::Timeout) {
                let Some(next) = step() else { return };
                wait = next;
            }
        };
        Self { ends: Some(ends), thread: Some(std::thread::spawn(run)) }
    }
}

impl Drop for Time {
    fn drop(&mut self) {
        self.ends = None;
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}
