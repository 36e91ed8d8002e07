//! [`Source`]: the machine that is looked at, and how its time passes.

use std::error::Error;
use std::sync::Arc;
use std::sync::mpsc::{RecvTimeoutError, Sender, channel};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use gpu_accounting::{Nanoseconds, Node};
use gpu_sim::{Machine, World};

use crate::args::Args;

pub struct Source {
    pub node: Arc<Node>,
    /// What is simulated, where anything is.
    pub simulated: Option<String>,
    /// Lets a simulated machine's time pass.
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
            let simulated = node.simulated().map(str::to_owned);
            let time = Some(Time::start(world, args.speed, args.period / args.speed / 10));
            return Ok(Self { node: Arc::new(node), simulated, _time: time });
        }
        let simulated = args.roots.simulated();
        Ok(Self { node: Arc::new(args.roots.put(builder).build()), simulated, _time: None })
    }
}

/// A thread that lets a simulated machine's time pass, until this is dropped.
struct Time {
    ends: Option<Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl Time {
    fn start(world: World, speed: u32, step: Duration) -> Self {
        let (ends, end) = channel();
        let run = move || {
            let mut told = Instant::now();
            while end.recv_timeout(step) == Err(RecvTimeoutError::Timeout) {
                let now = Instant::now();
                let passed = (now - told).as_nanos().saturating_mul(u128::from(speed));
                world.clock().advance(Nanoseconds(u64::try_from(passed).unwrap_or(u64::MAX)));
                told = now;
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
