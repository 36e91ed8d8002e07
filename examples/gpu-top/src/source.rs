//! [`Source`]: the machine that is looked at, and how its time passes.

use std::error::Error;
use std::time::Duration;

use gpu_accounting::ledger::NodeName;
use gpu_accounting::record::Replay;
use gpu_accounting::{Nanoseconds, Node};
use gpu_sim::{Machine, World};

use crate::args::Args;
use crate::ledger::Book;
use crate::model::Viewer;
use crate::model::ledger::Beside;
use crate::model::meter::Metering;

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
    /// Makes views of its looks.
    pub viewer: Viewer,
}

impl Source {
    /// Opens the machine that the command line names.
    pub fn open(args: &Args) -> Result<Self, Box<dyn Error>> {
        // What is asked for and cannot be is said before anything is taken over.
        let viewer = viewer(args)?;
        let mut builder = Node::builder();
        if !args.vendors.is_empty() {
            builder = builder.only(args.vendors.iter().copied());
        }
        let machine = |node: &Node| node.simulated().map(|name| format!("machine {name:?}"));
        if let Some(name) = &args.sim {
            let world = World::new(Machine::load(name)?);
            let node = builder.machine(world.host()).build();
            return Ok(Self { simulated: machine(&node), node, time: Time::Simulated(world), viewer });
        }
        if let Some(file) = &args.replay {
            let replay = Replay::open(file).map_err(|error| format!("{}: {error}", file.display()))?;
            let node = builder.replay(&replay).build();
            return Ok(Self {
                simulated: machine(&node),
                node,
                time: Time::Recorded(Box::new(replay)),
                viewer,
            });
        }
        let simulated = args.roots.simulated();
        Ok(Self { node: args.roots.put(builder).build(), time: Time::Real, simulated, viewer })
    }
}

fn viewer(args: &Args) -> Result<Viewer, Box<dyn Error>> {
    let own = args.node.map_or_else(|| name(args), Ok);
    let beside = match (&args.ledger, &own) {
        (Some(file), Ok(own)) => Some(Beside::new(Book::open(file, args.node, *own)?)),
        (Some(_), Err(why)) => return Err(format!("{why}: --node gives another name").into()),
        (None, _) => None,
    };
    Ok(Viewer::new(Metering::new(own.ok(), args.every), beside))
}

/// What the machine is called, as gpu-lease calls it.
fn name(args: &Args) -> Result<NodeName, String> {
    let text = match &args.sim {
        Some(name) => format!("simulated-{}", name.rsplit('/').next().unwrap_or(name)),
        None => {
            let read = std::fs::read_to_string("/proc/sys/kernel/hostname");
            read.map_err(|error| format!("the machine's name: {error}"))?.trim().to_owned()
        }
    };
    text.parse().map_err(|error| format!("{error}"))
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
