//! [`Source`]: the machine that is metered, and how its time passes.

use std::cell::RefCell;
use std::error::Error;
use std::time::Duration;

use gpu_accounting::ledger::NodeName;
use gpu_accounting::record::Replay;
use gpu_accounting::{Nanoseconds, Node};
use gpu_sim::{Machine, World};

use crate::args::Collect;
use crate::ending::Ending;

pub struct Source {
    pub node: Node,
    /// What it is called.
    pub name: NodeName,
    /// Any of it is simulated.
    pub simulated: bool,
    time: Time,
}

/// How its time passes.
enum Time {
    /// By itself.
    Real,
    /// As it is told to.
    World(World),
    /// Look by look, as it was.
    Recorded(RefCell<Box<Replay>>),
}

/// What came of waiting.
pub enum Passed {
    Time,
    /// This program was told to end.
    Told,
    /// A recording has no more looks.
    End,
    /// Nothing can be read on, and why.
    Broken(String),
}

impl Source {
    /// Opens the machine that the command line names.
    pub fn open(args: &Collect) -> Result<Self, Box<dyn Error>> {
        if let Some(name) = &args.sim {
            let machine = Machine::load(name)?;
            let called = args.node.map_or_else(|| machine.name.parse(), Ok)?;
            let world = World::new(machine);
            let node = Node::builder().machine(world.host()).build();
            return Ok(Self { node, name: called, simulated: true, time: Time::World(world) });
        }
        if let Some(file) = &args.replay {
            let replay = Replay::open(file).map_err(|error| format!("{}: {error}", file.display()))?;
            let node = Node::builder().replay(&replay).build();
            let name = match (args.node, node.simulated()) {
                (Some(name), _) => name,
                (None, Some(machine)) => machine.parse()?,
                (None, None) => return Err("a recording does not tell its node's name: --node NAME".into()),
            };
            let (simulated, time) =
                (node.simulated().is_some(), Time::Recorded(RefCell::new(Box::new(replay))));
            return Ok(Self { node, name, simulated, time });
        }
        let simulated = args.roots.simulated().is_some();
        let name = match args.node {
            Some(name) => name,
            None => std::fs::read_to_string("/proc/sys/kernel/hostname")?.trim().parse()?,
        };
        Ok(Self { node: args.roots.put(Node::builder()).build(), name, simulated, time: Time::Real })
    }

    /// Lets so much time pass, of a recording what passed until its next look.
    pub fn wait(&self, time: Duration, ending: &Ending) -> Passed {
        let is_told = match &self.time {
            Time::Real => ending.within(time),
            Time::World(world) => {
                let time = u64::try_from(time.as_nanos()).unwrap_or(u64::MAX);
                world.clock().advance(Nanoseconds(time));
                ending.within(Duration::ZERO)
            }
            Time::Recorded(replay) => match replay.borrow_mut().next() {
                Ok(Some(_)) => ending.within(Duration::ZERO),
                Ok(None) => return Passed::End,
                Err(error) => return Passed::Broken(error.to_string()),
            },
        };
        if is_told { Passed::Told } else { Passed::Time }
    }

    /// True where its clock is a simulation's, which begins where it is told to.
    pub const fn is_world(&self) -> bool {
        matches!(self.time, Time::World(_))
    }
}
