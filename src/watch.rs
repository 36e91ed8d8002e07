//! [`Watch`]: who uses what, look after look.

use gpu_core::attribution::{Attribution, History, Look, MpsRule, attribute};
use gpu_core::{
    Absence, ContainerFacts, Evidence, EvidenceList, Inventory, KernelMemory, Owner, Query, Sample, Sweep,
};

use crate::given::Given;
use crate::node::Node;

/// What is kept from look to look: counters, and what was given to whom.
#[derive(Debug, Default)]
pub(crate) struct Watched {
    pub(crate) mps: MpsRule,
    history: History,
    pub(crate) given: Given,
}

impl Watched {
    #[cfg(feature = "sampler")]
    pub(crate) fn new(mps: MpsRule) -> Self {
        Self { mps, ..Self::default() }
    }

    /// Who uses what, by one look at a node and by what earlier ones left.
    pub(crate) fn attribute(
        &mut self,
        node: &Node,
        inventory: &Inventory,
        sweep: &Sweep,
        sample: &Sample,
    ) -> Attribution {
        let mut look = Look::new(inventory, sample, sweep).mps(self.mps);
        if self.given.look(node, inventory, sweep) {
            look = look.evidence(self.given.evidence());
        }
        if let Ok(memory) = self.given.kernel_memory() {
            look = look.kernel_memory(memory);
        }
        attribute(&look, &mut self.history)
    }
}

/// Who uses what on a node, look after look: engine time is counted from one look to the next.
///
/// ```
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # let world = gpu_sim::World::new(gpu_sim::Machine::preset("mixed")?);
/// # let node = gpu_accounting::Node::builder().machine(world.host()).build();
/// let mut watch = node.watch();
/// watch.look();
/// # world.clock().advance(gpu_accounting::Nanoseconds(1_000_000_000));
/// // a second later
/// for (container, lines) in watch.look().by_container() {
///     for line in lines {
///         println!("{} {}: {:?}, {:?}", container.id, line.unit, line.memory, line.engines);
///     }
/// }
/// # Ok(())
/// # }
/// ```
#[derive(Debug)]
pub struct Watch<'n> {
    node: &'n Node,
    inventory: Inventory,
    sweep: Sweep,
    sample: Sample,
    watched: Watched,
}

impl<'n> Watch<'n> {
    pub(crate) fn new(node: &'n Node) -> Self {
        Self {
            node,
            inventory: Inventory::new(),
            sweep: Sweep::new(),
            sample: Sample::new(),
            watched: Watched::default(),
        }
    }

    /// The same watch with another rule for the time of MPS servers.
    #[must_use]
    pub fn mps(mut self, mps: MpsRule) -> Self {
        self.watched.mps = mps;
        self
    }

    /// Looks at everything once: what there is, what it shows, who is on it.
    ///
    /// What could not be read is in [`inventory`](Self::inventory) and [`sample`](Self::sample).
    pub fn look(&mut self) -> Attribution {
        self.inventory = self.node.inventory();
        let query = Query::everything().with_ended();
        self.node.look_at(&self.inventory, &query, &mut self.sweep, &mut self.sample);
        self.watched.attribute(self.node, &self.inventory, &self.sweep, &self.sample)
    }

    /// What containers and jobs were given, as of the last look; `None` where the node has nothing
    /// to read it with.
    #[must_use]
    pub fn evidence(&self) -> Option<&EvidenceList> {
        self.watched.given.is_read().then(|| self.watched.given.evidence())
    }

    /// Device memory as the kernel charged it to owners at the last look.
    ///
    /// # Errors
    /// Why the kernel keeps no such account here.
    pub fn kernel_memory(&self) -> Result<&[KernelMemory], Absence> {
        self.watched.given.kernel_memory()
    }

    /// The containers and jobs that had a process when they were looked for: at the first look, and
    /// again every so many. None where the node has nothing to read them with.
    pub fn owners(&self) -> impl Iterator<Item = &Owner> {
        self.watched.given.owners()
    }

    /// What the machine shows of what an owner was given, as it was read: once in the owner's life,
    /// and again every so many looks.
    #[must_use]
    pub fn facts(&self, owner: &Owner) -> Option<&ContainerFacts> {
        self.watched.given.facts(owner)
    }

    /// Adds what the embedding program knows of who was given what (kubelet's PodResources, an
    /// answer of Docker's). It replaces what was added before.
    pub fn know(&mut self, evidence: Vec<Evidence>) {
        self.watched.given.know(evidence);
    }

    /// What there was at the last look.
    #[must_use]
    pub const fn inventory(&self) -> &Inventory {
        &self.inventory
    }

    /// What units and processes showed at the last look.
    #[must_use]
    pub const fn sample(&self) -> &Sample {
        &self.sample
    }

    /// The processes of the last look.
    #[must_use]
    pub const fn sweep(&self) -> &Sweep {
        &self.sweep
    }
}
