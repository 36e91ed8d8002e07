//! [`Source`]: the machine whose GPUs are given out.

use gpu_accounting::ledger::{Board, NodeName};
use gpu_accounting::{Inventory, Node, Outcome, Owner, Sharing, UnitId, cgroup};
use gpu_sim::{Machine, World};

use crate::amount::shown;
use crate::args::Args;
use crate::failure::Failure;

pub struct Source {
    pub node: Node,
    /// Whose ledger it is.
    pub name: NodeName,
    /// A simulated world: its clock goes on when it is told to.
    pub world: Option<World>,
    /// What is simulated, where anything is.
    pub simulated: Option<String>,
}

impl Source {
    pub fn open(args: &Args) -> Result<Self, Failure> {
        if let Some(name) = &args.sim {
            let machine = Machine::load(name).map_err(|error| Failure::Usage(error.to_string()))?;
            let world = World::new(machine);
            let node = Node::builder().machine(world.host()).build();
            // A simulated machine is no node of the cluster.
            let own = || format!("simulated-{}", name.rsplit('/').next().unwrap_or(name));
            let name = args.node.map_or_else(|| node_name(&own()), Ok)?;
            let simulated = node.simulated().map(|name| format!("machine {name:?}"));
            return Ok(Self { node, name, world: Some(world), simulated });
        }
        let own = || node_name(&rustix::system::uname().nodename().to_string_lossy());
        let name = args.node.map_or_else(own, Ok)?;
        let simulated = args.roots.simulated();
        Ok(Self { node: args.roots.put(Node::builder()).build(), name, world: None, simulated })
    }

    /// The boards that there are, as a ledger takes them, or why not all of them could be seen.
    pub fn boards(&self, inventory: &Inventory, shared: &[Sharing]) -> Result<Vec<Board>, String> {
        for of in self.node.outcomes() {
            match &of.outcome {
                Outcome::Available | Outcome::NoDriver { .. } => {}
                other => return Err(format!("{}: {other}", of.vendor)),
            }
        }
        match inventory.problems.first() {
            Some(problem) => Err(problem.to_string()),
            None => Ok(Board::all(inventory, shared)),
        }
    }
}

/// Every board that is not cut, shared by so many in turns.
pub fn shared(inventory: &Inventory, by: u16) -> Result<Vec<Sharing>, Failure> {
    if by == 0 {
        return Ok(Vec::new());
    }
    let whole = inventory.devices().filter(|device| device.partitions.is_empty());
    let sharing = whole.map(|device| Sharing::time_sliced(UnitId::from(device.id), by));
    sharing.collect::<Result<_, _>>().map_err(|error| Failure::Usage(error.to_string()))
}

/// On whose behalf this process runs: its user where its cgroup names nobody in particular.
pub fn own_owner() -> Owner {
    let text = std::fs::read_to_string("/proc/self/cgroup");
    match text.map_or(Owner::Machine, |text| cgroup::owner(&text)) {
        Owner::Machine | Owner::Hidden => Owner::Session { user: rustix::process::getuid().as_raw() },
        owner => owner,
    }
}

fn node_name(text: &str) -> Result<NodeName, Failure> {
    text.parse().map_err(|_| {
        Failure::Usage(format!("the machine's name {:?} is no node's: --node gives another", shown(text)))
    })
}
