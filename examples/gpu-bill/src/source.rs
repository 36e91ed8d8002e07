//! [`Source`]: the machine that is metered, and how its time passes.

use std::error::Error;
use std::time::Duration;

use gpu_accounting::ledger::NodeName;
use gpu_accounting::{Nanoseconds, Node};
use gpu_sim::{Machine, World};

use crate::args::Collect;

pub struct Source {
    pub node: Node,
    /// What it is called.
    pub name: NodeName,
    /// Any of it is simulated.
    pub simulated: bool,
    world: Option<World>,
}

impl Source {
    /// Opens the machine that the command line names.
    pub fn open(args: &Collect) -> Result<Self, Box<dyn Error>> {
        if let Some(name) = &args.sim {
            let machine = Machine::load(name)?;
            let called = args.node.map_or_else(|| machine.name.parse(), Ok)?;
            let world = World::new(machine);
            let node = Node::builder().machine(world.host()).build();
            return Ok(Self { node, name: called, simulated: true, world: Some(world) });
        }
        let simulated = args.roots.simulated().is_some();
        let name = match args.node {
            Some(name) => name,
            None => std::fs::read_to_string("/proc/sys/kernel/hostname")?.trim().parse()?,
        };
        Ok(Self { node: args.roots.put(Node::builder()).build(), name, simulated, world: None })
    }

    /// Lets so much time pass.
    pub fn wait(&self, time: Duration) {
        match &self.world {
            Some(world) => {
                let time = u64::try_from(time.as_nanos()).unwrap_or(u64::MAX);
                world.clock().advance(Nanoseconds(time));
            }
            None => std::thread::sleep(time),
        }
    }

    /// True where its clock is a simulation's, which begins where it is told to.
    pub const fn is_world(&self) -> bool {
        self.world.is_some()
    }
}
