//! [`Source`]: the machine that is looked at, and how its time passes.

use std::error::Error;
use std::time::Duration;

use gpu_accounting::record::Replay;
use gpu_accounting::{Nanoseconds, Node};
use gpu_sim::{Machine, World};

use crate::args::Args;

/// How the machine's time passes.
pub enum Time {
    /// By itself.
    Real,
    /// When it is told to: a simulated machine.
    Simulated(World),
    /// From one recorded moment to the next.
    Recorded(Box<Replay>),
}

pub struct Source {
    pub node: Node,
    pub time: Time,
    /// What is simulated, in words, where anything is.
    pub simulated: Option<String>,
}

impl Source {
    /// Opens the machine that the command line names.
    pub fn open(args: &Args) -> Result<Self, Box<dyn Error>> {
        let mut builder = Node::builder();
        if !args.vendors.is_empty() {
            builder = builder.only(args.vendors.iter().copied());
        }
        let machine = |node: &Node| node.simulated().map(|name| format!("machine {name:?}"));
        if let Some(name) = &args.sim {
            let world = World::new(Machine::load(name)?);
            let node = builder.machine(world.host()).build();
            return Ok(Self { simulated: machine(&node), node, time: Time::Simulated(world) });
        }
        if let Some(file) = &args.replay {
            let replay = Replay::open(file).map_err(|error| format!("{}: {error}", file.display()))?;
            let node = builder.replay(&replay).build();
            return Ok(Self { simulated: machine(&node), node, time: Time::Recorded(Box::new(replay)) });
        }
        let simulated = args.roots.simulated();
        Ok(Self { node: args.roots.put(builder).build(), time: Time::Real, simulated })
    }
}

impl Time {
    /// Goes on to the next look; returns how long that is to be waited for, and `None` at the end of a
    /// recording. A period of the simulated machine's has passed when this returns.
    ///
    /// # Errors
    /// When a recording cannot be read any further.
    pub fn pass(&mut self, every: Duration, speed: f64) -> Result<Option<Duration>, String> {
        match self {
            Self::Real => Ok(Some(every)),
            Self::Simulated(world) => {
                let nanoseconds = u64::try_from(every.as_nanos()).unwrap_or(u64::MAX);
                world.clock().advance(Nanoseconds(nanoseconds));
                Ok(Some(every))
            }
            Self::Recorded(replay) => {
                let passed = replay.next().map_err(|error| error.to_string())?;
                Ok(passed.map(|passed| Duration::from_nanos(passed.get()).div_f64(speed)))
            }
        }
    }
}
