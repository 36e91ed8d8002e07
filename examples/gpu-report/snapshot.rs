//! Everything that one report shows, taken at one time.

use gpu_accounting::health::{Health, Look, Report};
use gpu_accounting::{Inventory, Node, ProcessReading, Sample, VendorOutcome};
use gpu_sim::Machine;

use crate::args::Args;
use crate::simulated::is_simulated;

pub struct Snapshot {
    /// The name of the simulated machine, when it is one.
    pub simulated: Option<String>,
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
            return Ok(Self::of(&builder.machine(Machine::load(name)?).build()));
        }
        if let Some(root) = &args.sysfs_root {
            builder = builder.sysfs_root(root);
        }
        if let Some(root) = &args.proc_root {
            builder = builder.proc_root(root);
        }
        let mut snapshot = match &args.nvml {
            Some(library) => Self::of(&builder.nvml(library).build()),
            None => Self::of(&builder.build()),
        };
        if args.nvml.as_deref().is_some_and(is_simulated) {
            snapshot.simulated = Some("a simulated NVML".to_owned());
        }
        Ok(snapshot)
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
            outcomes: node.outcomes().to_vec(),
            inventory,
            sample,
            health: health.report(now),
            processes: node.processes(),
        }
    }
}
