//! [`Source`]: the machine that is looked at, and how its time passes.

use std::cell::RefCell;
use std::error::Error;
use std::time::Duration;

use gpu_accounting::record::Replay;
use gpu_accounting::{Nanoseconds, Node};
use gpu_sim::{Machine, World};

use crate::args::Args;

pub struct Source {
    node: Node,
    /// A simulated world: its clock goes on when it is told to.
    world: Option<World>,
    /// A recording: it shows the next moment when it is told to.
    replay: Option<RefCell<Replay>>,
    /// What is simulated, where anything is.
    simulated: Option<String>,
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
            let simulated = node.simulated().map(|name| format!("machine {name:?}"));
            return Ok(Self { node, world: Some(world), replay: None, simulated });
        }
        if let Some(file) = &args.replay {
            let replay = Replay::open(file).map_err(|error| format!("{}: {error}", file.display()))?;
            let node = builder.replay(&replay).build();
            let simulated = node.simulated().map(|name| format!("machine {name:?}"));
            return Ok(Self { node, world: None, replay: Some(RefCell::new(replay)), simulated });
        }
        let simulated = args.roots.simulated();
        Ok(Self { node: args.roots.put(builder).build(), world: None, replay: None, simulated })
    }

    pub const fn node(&self) -> &Node {
        &self.node
    }

    /// What of it is simulated, in words.
    pub fn simulated(&self) -> Option<&str> {
        self.simulated.as_deref()
    }

    /// When it was recorded and by what, when it is a recording.
    pub fn recorded(&self) -> Option<&str> {
        self.node.recorded()
    }

    /// Lets so much time pass; says whether there is anything to look at then. A recording is gone on
    /// with by one moment at least.
    pub fn wait(&self, time: Duration) -> Result<bool, Box<dyn Error>> {
        let nanoseconds = u64::try_from(time.as_nanos()).unwrap_or(u64::MAX);
        if let Some(replay) = &self.replay {
            let (mut replay, mut passed) = (replay.borrow_mut(), 0);
            while let Some(gap) = replay.next()? {
                passed += gap.get();
                if passed >= nanoseconds {
                    return Ok(true);
                }
            }
            return Ok(passed > 0);
        }
        match &self.world {
            Some(world) => world.clock().advance(Nanoseconds(nanoseconds)),
            None => std::thread::sleep(time),
        }
        Ok(true)
    }
}
