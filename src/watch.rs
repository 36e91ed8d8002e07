//! [`Watch`]: who uses what, look after look.

use gpu_core::attribution::{Attribution, History, Look, MpsRule, attribute};
use gpu_core::{
    Absence, ContainerFacts, Evidence, EvidenceList, Inventory, KernelMemory, Owner, Query, Sample, Sweep,
};

use crate::given::Given;
use crate::node::Node;

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
    mps: MpsRule,
    inventory: Inventory,
    sweep: Sweep,
    sample: Sample,
    history: History,
    given: Given,
}

impl<'n> Watch<'n> {
    pub(crate) fn new(node: &'n Node) -> Self {
        Self {
            node,
            mps: MpsRule::default(),
            inventory: Inventory::new(),
            sweep: Sweep::new(),
            sample: Sample::new(),
            history: History::new(),
            given: Given::default(),
        }
    }

    /// The same watch with another rule for the time of MPS servers.
    #[must_use]
    pub fn mps(self, mps: MpsRule) -> Self {
        Self { mps, ..self }
    }

    /// Looks at everything once: what there is, what it shows, who is on it.
    ///
    /// What could not be read is in [`inventory`](Self::inventory) and [`sample`](Self::sample).
    pub fn look(&mut self) -> Attribution {
        self.inventory = self.node.inventory();
        let query = Query::everything().with_ended();
        self.node.look_at(&self.inventory, &query, &mut self.sweep, &mut self.sample);
        let mut look = Look::new(&self.inventory, &self.sample, &self.sweep).mps(self.mps);
        if self.given.look(self.node, &self.inventory, &self.sweep) {
            look = look.evidence(self.given.evidence());
        }
        if let Ok(memory) = self.given.kernel_memory() {
            look = look.kernel_memory(memory);
        }
        attribute(&look, &mut self.history)
    }

    /// What containers and jobs were given, as of the last look; `None` where the node has nothing
    /// to read it with.
    #[must_use]
    pub fn evidence(&self) -> Option<&EvidenceList> {
        self.given.is_read().then(|| self.given.evidence())
    }

    /// Device memory as the kernel charged it to owners at the last look.
    ///
    /// # Errors
    /// Why the kernel keeps no such account here.
    pub fn kernel_memory(&self) -> Result<&[KernelMemory], Absence> {
        self.given.kernel_memory()
    }

    /// The containers and jobs that had a process when they were looked for: at the first look, and
    /// again every so many. None where the node has nothing to read them with.
    pub fn owners(&self) -> impl Iterator<Item = &Owner> {
        self.given.owners()
    }

    /// What the machine shows of what an owner was given, as it was read: once in the owner's life,
    /// and again every so many looks.
    #[must_use]
    pub fn facts(&self, owner: &Owner) -> Option<&ContainerFacts> {
        self.given.facts(owner)
    }

    /// Adds what the embedding program knows of who was given what (kubelet's PodResources, an
    /// answer of Docker's). It replaces what was added before.
    pub fn know(&mut self, evidence: Vec<Evidence>) {
        self.given.know(evidence);
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
