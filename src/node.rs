//! [`Node`]: one machine and its GPUs.

use std::path::PathBuf;
use std::sync::{Mutex, PoisonError};

use gpu_core::attribution::Attribution;
use gpu_core::{
    Absence, Backend, Clock, ContainerReader, DeviceId, DeviceNumber, Error, ErrorKind, Host, Inventory,
    Outcome, Partitioner, Problem, ProcessReading, Query, Sample, Sweep, SweepRequest, UnitId, Units, Vendor,
};

use crate::builder::NodeBuilder;
use crate::join::{self, Scratch};
use crate::unmanaged;
use crate::watch::Watch;

/// What came of looking for one vendor's GPUs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct VendorOutcome {
    /// Whose GPUs were looked for.
    pub vendor: Vendor,
    /// What came of it.
    pub outcome: Outcome,
}

/// One machine and its GPUs, whoever made them.
///
/// Reading it never fails as a whole: a vendor that cannot be read is an [`Outcome`] or a
/// [`Problem`], and the others are there. Usable from several threads at once.
#[derive(Debug)]
pub struct Node {
    host: Host,
    outcomes: Vec<VendorOutcome>,
    /// Where PCI functions without a backend are looked for; none on a simulated machine.
    sysfs: Option<PathBuf>,
    scratch: Mutex<Scratch>,
}

impl Node {
    /// The machine that the program runs on, with every vendor that this build knows.
    ///
    /// No GPU, no driver, no library: an outcome to print, not an error to handle.
    ///
    /// ```
    /// let node = gpu_accounting::Node::discover();
    /// for of in node.outcomes() {
    ///     println!("{}: {}", of.vendor, of.outcome);
    /// }
    /// ```
    #[must_use]
    pub fn discover() -> Self {
        Self::builder().build()
    }

    /// Says what the node is read through.
    pub fn builder() -> NodeBuilder {
        NodeBuilder::default()
    }

    pub(crate) fn new(host: Host, sysfs: Option<PathBuf>) -> Self {
        let outcomes = host
            .discoveries
            .iter()
            .map(|of| VendorOutcome { vendor: of.vendor, outcome: of.outcome.clone() })
            .collect();
        Self { host, outcomes, sysfs, scratch: Mutex::default() }
    }

    /// What came of looking for each vendor, in the order in which they were looked for.
    #[must_use]
    pub fn outcomes(&self) -> &[VendorOutcome] {
        &self.outcomes
    }

    /// The name of the simulated machine, when this is one and not hardware. Who shows its data
    /// to people says so.
    #[must_use]
    pub fn simulated(&self) -> Option<&str> {
        self.host.simulated.as_deref()
    }

    /// The node's clock.
    #[must_use]
    pub fn clock(&self) -> &dyn Clock {
        &*self.host.clock
    }

    /// The backends that answered, in the order of their outcomes.
    pub fn backends(&self) -> impl Iterator<Item = &dyn Backend> {
        self.host.discoveries.iter().filter_map(|of| of.backend.as_deref())
    }

    /// Changes how a board is cut; privileged. [`gpu_core::apply`] carries out
    /// what was planned.
    ///
    /// # Errors
    /// Why there is none: the vendor's backend cannot, or there is no such backend here.
    ///
    /// ```
    /// # use gpu_accounting::{Node, Inner, apply::apply, plan::Request};
    /// # let node = Node::builder().machine(gpu_sim::Machine::preset("mixed")?).build();
    /// let device = node.inventory().devices[0].id;
    /// let partitioner = node.partitioner(device)?;
    /// let board = partitioner.board(device)?;
    /// let wanted = board.geometry.wanted(["1g.10gb"])?;
    /// let plan = board.geometry.plan(&board.layout, &Request::add(wanted))?;
    /// let done = apply(partitioner, device, &plan, &Inner::Whole)?;
    /// println!("made {} ({})", done.made[0].id, done.made[0].profile);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn partitioner(&self, device: DeviceId) -> Result<&dyn Partitioner, Absence> {
        let found = self.backends().find(|backend| backend.vendor() == device.vendor());
        found.ok_or(Absence::NotSupported { why: "no backend reads this vendor here" })?.partitioner()
    }

    /// What GPUs there are now, how they are cut and joined. Reads the machine at every call.
    ///
    /// A vendor that cannot be read is in [`Inventory::problems`]; GPUs on the PCI bus that no
    /// backend drives are in [`Inventory::unmanaged`].
    ///
    /// ```
    /// # use gpu_accounting::Node;
    /// # let node = Node::builder().machine(gpu_sim::Machine::preset("mixed")?).build();
    /// let inventory = node.inventory();
    /// for device in inventory.devices() {
    ///     println!("{} {} {}", device.id, device.name, device.fingerprint());
    /// }
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[must_use]
    pub fn inventory(&self) -> Inventory {
        let mut all = Inventory::new();
        for backend in self.backends() {
            match backend.inventory() {
                Ok(inventory) => all.append(inventory),
                Err(error) => all.problems.push(Problem::new(backend.vendor(), &error)),
            }
        }
        self.round_off(&mut all);
        all
    }

    /// Adds to the backends' inventories, put together, what none of them sees.
    pub(crate) fn round_off(&self, all: &mut Inventory) {
        name_clashes(all);
        if let Some(sysfs) = &self.sysfs {
            unmanaged::append(sysfs, &self.outcomes, all);
        }
        all.links.sort_unstable();
    }

    /// What every unit and every process that the drivers name shows now.
    ///
    /// For sampling at a rate, keep a [`Sample`] and use [`sample_into`](Self::sample_into).
    #[must_use]
    pub fn sample(&self) -> Sample {
        self.sample_of(&Query::everything())
    }

    /// A fresh sample of a query that names no units, and so cannot be refused.
    fn sample_of(&self, query: &Query<'_>) -> Sample {
        debug_assert!(!matches!(query.units, Units::Only(_)), "this query can be refused");
        let mut sample = Sample::new();
        self.collect(query, &mut sample);
        self.identify(&mut sample);
        sample
    }

    /// Fills `sample` (cleared first) with what `query` asks for. Once the sample has grown to
    /// the machine's size, nothing is allocated.
    ///
    /// Processes are joined with their names and start times from `/proc`, where the numbers
    /// can be trusted to mean the same processes there.
    ///
    /// # Errors
    /// `UnknownUnit` when the query names a unit that is not here. A vendor that cannot be read
    /// is in [`Sample::problems`].
    pub fn sample_into(&self, query: &Query<'_>, sample: &mut Sample) -> Result<(), Error> {
        sample.clear();
        self.refuse_strangers(query)?;
        if let Some(refusal) = self.collect(query, sample) {
            sample.clear();
            return Err(refusal);
        }
        self.identify(sample);
        Ok(())
    }

    /// Asks every backend; hands back a refusal of units that the query names.
    fn collect(&self, query: &Query<'_>, sample: &mut Sample) -> Option<Error> {
        let names_units = matches!(query.units, Units::Only(_));
        for backend in self.backends() {
            match backend.sample_into(query, sample) {
                Ok(()) => {}
                Err(error) if names_units && error.kind() == ErrorKind::UnknownUnit => return Some(error),
                Err(error) => sample.problems.push(Problem::new(backend.vendor(), &error)),
            }
        }
        None
    }

    /// The processes that use GPUs now: those that the drivers name, with what they show, and
    /// those that hold a GPU's device file open without the driver naming them.
    ///
    /// Walks over all descriptors of all processes: dearer than a sample.
    ///
    /// ```
    /// # use gpu_accounting::Node;
    /// # let node = Node::builder().machine(gpu_sim::Machine::preset("mixed")?).build();
    /// for process in node.processes() {
    ///     match process.memory {
    ///         Ok(memory) => println!("{} on {}: {memory}", process.pid, process.unit),
    ///         Err(absence) => println!("{} on {}: {absence}", process.pid, process.unit),
    ///     }
    /// }
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[must_use]
    pub fn processes(&self) -> Vec<ProcessReading> {
        let (mut sweep, mut sample) = (Sweep::new(), Sample::new());
        let query = Query::everything().metrics(gpu_core::MetricSet::NONE);
        self.look_at(&self.inventory(), &query, &mut sweep, &mut sample);
        sample.processes
    }

    /// Who uses what now: every process that the drivers name or that holds a GPU's device file,
    /// by container, job and service. One look: times need two, see [`watch`](Self::watch).
    ///
    /// ```
    /// # use gpu_accounting::Node;
    /// # let node = Node::builder().machine(gpu_sim::Machine::preset("mixed")?).build();
    /// for line in node.attribution().lines {
    ///     println!("{} on {}: {:?}", line.holder, line.unit, line.memory);
    /// }
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[must_use]
    pub fn attribution(&self) -> Attribution {
        self.watch().look()
    }

    /// Watches who uses what, look after look.
    #[must_use]
    pub fn watch(&self) -> Watch<'_> {
        Watch::new(self)
    }

    /// How well every unit is, by one look. What only several looks show (a counter that grows, a link that
    /// was up) and what drivers tell by themselves needs [`HealthWatch`](crate::HealthWatch).
    ///
    /// ```
    /// # use gpu_accounting::Node;
    /// # let node = Node::builder().machine(gpu_sim::Machine::preset("mixed")?).build();
    /// for unit in node.health().units {
    ///     println!("{}: {}; {}", unit.unit, unit.why(), unit.action);
    /// }
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[cfg(feature = "health")]
    #[must_use]
    pub fn health(&self) -> gpu_core::health::Report {
        use gpu_core::health::{Health, Look, METRICS};
        let inventory = self.inventory();
        let sample = self.sample_of(&Query::everything().metrics(METRICS).without_processes());
        let (now, boot) = (self.clock().boot_now(), self.clock().boot_id());
        let mut health = Health::default();
        health.look(&Look { inventory: &inventory, sample: &sample, now, boot });
        health.report(now)
    }

    /// Reads what containers were given, where the host has a reader.
    pub(crate) fn container_reader(&self) -> Option<&dyn ContainerReader> {
        self.host.containers.as_deref()
    }

    /// Fills `sweep` with the processes on the GPUs of `inventory`, with their owners, and `sample`
    /// with what `query` asks for and with those processes.
    pub(crate) fn look_at(
        &self,
        inventory: &Inventory,
        query: &Query<'_>,
        sweep: &mut Sweep,
        sample: &mut Sample,
    ) {
        // Without a sweep there are still the drivers' own lists.
        let swept = self.sweep(inventory, sweep).is_ok();
        sample.clear();
        let query = if swept { query.sweep(sweep) } else { *query };
        self.collect(&query, sample);
        self.join(inventory, swept, sweep, sample);
    }

    /// Fills `sweep` with the processes on the GPUs of `inventory`, with their owners.
    pub(crate) fn sweep(&self, inventory: &Inventory, sweep: &mut Sweep) -> Result<(), Error> {
        let holders = join::holders(inventory);
        let numbers: Vec<DeviceNumber> = holders.iter().map(|(number, _)| *number).collect();
        let request = SweepRequest::new(&numbers, &[]).with_clients().with_owners();
        self.host.sweeper.sweep_into(&request, sweep)
    }

    /// Joins a sample's processes with those of a sweep of the same moment, and adds those that no
    /// driver named. Where the sweep failed (not `swept`), the processes say so.
    pub(crate) fn join(&self, inventory: &Inventory, swept: bool, sweep: &mut Sweep, sample: &mut Sample) {
        let holders = join::holders(inventory);
        let mut scratch = self.scratch.lock().unwrap_or_else(PoisonError::into_inner);
        join::complete(&*self.host.sweeper, self.host.pids, &mut scratch, sweep, &sample.processes);
        drop(scratch);
        join::describe(swept.then_some(&*sweep), self.host.pids, &mut sample.processes);
        join::add_holders(sweep, &holders, self.host.pids, &mut sample.processes);
    }

    /// A unit of a vendor that no backend reads is refused here; each backend refuses those of
    /// its own vendor that it does not know.
    fn refuse_strangers(&self, query: &Query<'_>) -> Result<(), Error> {
        let Units::Only(units) = query.units else { return Ok(()) };
        let known = |unit: &&UnitId| self.backends().any(|backend| backend.vendor() == unit.vendor());
        match units.iter().find(|unit| !known(unit)) {
            Some(stranger) => Err(Error::unknown_unit(stranger)),
            None => Ok(()),
        }
    }

    /// Joins the sample's processes with their names and start times.
    fn identify(&self, sample: &mut Sample) {
        if sample.processes.is_empty() {
            return;
        }
        let mut scratch = self.scratch.lock().unwrap_or_else(PoisonError::into_inner);
        join::identify(&*self.host.sweeper, self.host.pids, &mut scratch, &mut sample.processes);
    }
}

/// Names devices that two backends claim under one id.
fn name_clashes(inventory: &mut Inventory) {
    let mut ids: Vec<_> = inventory.devices.iter().map(|device| device.id).collect();
    ids.sort_unstable();
    for pair in ids.windows(2).filter(|pair| pair[0] == pair[1]) {
        let error = Error::new(
            ErrorKind::Inconsistent,
            pair[0].to_string(),
            "two devices carry this id; readings by id show the first",
        );
        inventory.problems.push(Problem::new(pair[0].vendor(), &error));
    }
}
