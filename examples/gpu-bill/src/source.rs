//! [`Source`]: the machine that is metered, and how its time passes.

use std::error::Error;
use std::time::Duration;

use gpu_accounting::ledger::NodeName;
use gpu_accounting::{Nanoseconds, Node};
use gpu_sim::{Machine, World};

use crate::args::Collect;
use crate::simulated::is_simulated;

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
        let mut builder = Node::builder();
        if let Some(name) = &args.sim {
            let machine = Machine::load(name)?;
            let called = args.node.map_or_else(|| machine.name.parse(), Ok)?;
            let world = World::new(machine);
            let node = builder.machine(world.host()).build();
            return Ok(Self { node, name: called, simulated: true, world: Some(world) });
        }
        if let Some(root) = &args.sysfs_root {
            builder = builder.sysfs_root(root);
        }
        if let Some(root) = &args.proc_root {
            builder = builder.proc_root(root);
        }
        if let Some(root) = &args.cgroup_root {
            builder = builder.cgroup_root(root);
        }
        if let Some(root) = &args.host_root {
            builder = builder.host_root(root);
        }
        let simulated = args.nvml.as_deref().is_some_and(is_simulated);
        if let Some(library) = &args.nvml {
            builder = builder.nvml(library);
        }
        let name = match args.node {
            Some(name) => name,
            None => std::fs::read_to_string("/proc/sys/kernel/hostname")?.trim().parse()?,
        };
        Ok(Self { node: builder.build(), name, simulated, world: None })
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
