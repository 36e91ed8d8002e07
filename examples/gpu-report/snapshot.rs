//! Everything that one report shows, taken at one time.

use gpu_accounting::health::{Health, Look, Report};
use gpu_accounting::{Inventory, Node, ProcessReading, Sample, VendorOutcome};
use gpu_sim::Machine;

use gpu_sim::World;

use crate::args::Args;
use crate::record;

pub struct Snapshot {
    /// The name of the simulated machine, when it is one.
    pub simulated: Option<String>,
    /// When it was recorded and by what, when it is a recording.
    pub recorded: Option<String>,
    /// Why the recording cannot be read beyond this, where it cannot.
    pub damage: Option<String>,
    pub outcomes: Vec<VendorOutcome>,
    pub inventory: Inventory,
    pub sample: Sample,
    /// What this one look shows of how well each unit is.
    pub health: Report,
    pub processes: Vec<ProcessReading>,
}

impl Snapshot {
    /// Reads the machine that the command line names.
    pub fn take(args: &Args) -> Result<Self, Box<dyn std::error::Error>> {
        let mut builder = Node::builder();
        if !args.vendors.is_empty() {
            builder = builder.only(args.vendors.iter().copied());
        }
        if let Some(name) = &args.sim {
            let world = World::new(Machine::load(name)?);
            let node = builder.machine(world.host()).build();
            if let Some(recording) = &args.record {
                record::record(&node, Some(&world), node.simulated(), recording)?;
            }
            return Ok(Self::of(&node));
        }
        if let Some(file) = &args.replay {
            let (replay, damage) = record::replay(file, args.at)?;
            return Ok(Self { damage, ..Self::of(&builder.replay(&replay).build()) });
        }
        let node = args.roots.put(builder).build();
        let simulated = args.roots.simulated().map(|_| "a simulated NVML".to_owned());
        if let Some(recording) = &args.record {
            record::record(&node, None, simulated.as_deref(), recording)?;
        }
        Ok(Self { simulated, ..Self::of(&node) })
    }

    /// Reads the simulated machine of that name.
    pub fn of_preset(name: &str) -> Result<Self, Box<dyn std::error::Error>> {
        Ok(Self::of(&Node::builder().machine(Machine::preset(name)?).build()))
    }

    fn of(node: &Node) -> Self {
        let (inventory, sample) = (node.inventory(), node.sample());
        let (now, boot) = (node.clock().boot_now(), node.clock().boot_id());
        let mut health = Health::default();
        health.look(&Look { inventory: &inventory, sample: &sample, now, boot });
        Self {
            simulated: node.simulated().map(str::to_owned),
            recorded: node.recorded().map(str::to_owned),
            damage: None,
            outcomes: node.outcomes().to_vec(),
            inventory,
            sample,
            health: health.report(now),
            processes: node.processes(),
        }
    }
}
