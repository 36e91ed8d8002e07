//! [`AmdBackend`]: the read side.

use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock};

use gpu_core::{
    Absence, Backend, BootId, BootTime, Bytes, Capabilities, Clock, ContainerFacts, DeviceNumber, EndedList,
    Error, ErrorKind, EvidenceList, Inventory, Measured, Metric, MetricSet, Partitioner, Problem, Query,
    Reading, Sample, Source, UnitId, Units, Vendor,
};
use gpu_host::Roots;

use crate::blob::{Blob, PAGE};
use crate::board::{self, Board, Boards};
use crate::evidence;
use crate::inventory;
use crate::kfd::KfdNode;
use crate::process::{self, Holding, Holdings};
use crate::reading::WHOLE_GPU_ONLY;

/// Reads AMD's GPUs from sysfs, hwmon and the compute driver's tree.
///
/// Files are found when the machine is looked at (at the start and at every
/// [`inventory`](Backend::inventory)) and read at every sample.
#[derive(Debug)]
pub struct AmdBackend {
    roots: Roots,
    clock: Arc<dyn Clock>,
    boards: RwLock<Arc<Boards>>,
    /// Room for what processes hold, between two samples.
    holdings: Mutex<Holdings>,
}

impl AmdBackend {
    /// The GPUs under the device tree of `roots`; who holds them is looked for in its processes
    /// when something is changed, and not otherwise.
    ///
    /// # Errors
    /// When PCI or DRM cannot be listed, though they are there.
    pub fn new(roots: Roots, clock: Arc<dyn Clock>) -> Result<Self, Error> {
        let boards = RwLock::new(Arc::new(board::look(&roots.sysfs)?));
        Ok(Self { roots, clock, boards, holdings: Mutex::default() })
    }

    fn boards(&self) -> Arc<Boards> {
        Arc::clone(&self.boards.read().unwrap_or_else(PoisonError::into_inner))
    }

    fn holdings(&self) -> MutexGuard<'_, Holdings> {
        self.holdings.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) const fn roots(&self) -> &Roots {
        &self.roots
    }

    pub(crate) fn locks(&self) -> &Path {
        &self.roots.locks
    }

    pub(crate) const fn clock(&self) -> &Arc<dyn Clock> {
        &self.clock
    }

    pub(crate) fn boot_id(&self) -> BootId {
        self.clock.boot_id()
    }

    pub(crate) fn look_again(&self) -> Result<Arc<Boards>, Error> {
        let found = Arc::new(board::look(&self.roots.sysfs)?);
        *self.boards.write().unwrap_or_else(PoisonError::into_inner) = Arc::clone(&found);
        Ok(found)
    }

    /// Refuses units of ours that are not there, and says whether the others are all known.
    fn check(boards: &Boards, units: Units<'_>) -> Result<(), Error> {
        let Units::Only(units) = units else { return Ok(()) };
        let stranger = units.iter().find(|unit| unit.vendor() == Vendor::AMD && !is_known(boards, **unit));
        stranger.map_or(Ok(()), |unit| Err(Error::unknown_unit(unit)))
    }
}

fn is_known(boards: &Boards, unit: UnitId) -> bool {
    boards.boards.iter().any(|board| match unit {
        UnitId::Device(id) => board.id == id,
        UnitId::Partition(id) => {
            board.is_partitioned() && board.nodes.iter().any(|node| board.partition_id(node) == id)
        }
        _ => false,
    })
}

impl Backend for AmdBackend {
    fn vendor(&self) -> Vendor {
        Vendor::AMD
    }

    fn inventory(&self) -> Result<Inventory, Error> {
        let boards = self.look_again()?;
        Ok(inventory::inventory(&self.roots.sysfs, &boards, self.clock.boot_id()))
    }

    fn capabilities(&self, unit: UnitId) -> Result<Capabilities, Error> {
        let mut sample = Sample::new();
        self.sample_into(&Query::everything().units(Units::Only(&[unit])).without_processes(), &mut sample)?;
        let reading = sample.get(unit).ok_or_else(|| Error::unknown_unit(unit))?;
        Ok(Capabilities::from_reading(unit, reading))
    }

    fn sample_into(&self, query: &Query<'_>, sample: &mut Sample) -> Result<(), Error> {
        let mut boards = self.boards();
        if Self::check(&boards, query.units).is_err() {
            // It may have come since: a mode change makes partitions anew.
            boards = self.look_again()?;
            Self::check(&boards, query.units)?;
        }
        // Two samples at the same time do not wait for each other: the second finds no room.
        let holdings = std::mem::take(&mut *self.holdings());
        let now = self.clock.boot_now();
        let mut sampler = Sampler { boards: &boards, query, now, holdings, has_looked: false };
        sampler.run(sample);
        *self.holdings() = sampler.holdings;
        if query.ended {
            let wanted = boards.boards.iter().filter(|board| query.wants(board.id));
            sample.ended.extend(wanted.map(|board| EndedList::not_kept(board.id)));
        }
        Ok(())
    }

    fn partitioner(&self) -> Result<&dyn Partitioner, Absence> {
        Ok(self)
    }

    fn evidence(
        &self,
        facts: &ContainerFacts,
        inventory: &Inventory,
        list: &mut EvidenceList,
    ) -> Result<(), Absence> {
        evidence::interpret(facts, inventory, list);
        Ok(())
    }
}

/// One sample.
struct Sampler<'a> {
    boards: &'a Boards,
    query: &'a Query<'a>,
    now: BootTime,
    /// What processes hold, looked at when it is first asked for.
    holdings: Holdings,
    has_looked: bool,
}

impl Sampler<'_> {
    fn run(&mut self, sample: &mut Sample) {
        for board in &self.boards.boards {
            self.board(board, sample);
        }
    }

    fn board(&mut self, board: &Board, sample: &mut Sample) {
        let unreadable = board.sensors.unreadable();
        if unreadable == Some(Absence::Lost) {
            let error =
                Error::new(ErrorKind::DeviceLost, board.id.to_string(), "its directory in sysfs is gone");
            sample.problems.push(Problem::new(Vendor::AMD, &error));
        }
        let mut page = [0; PAGE];
        let blob = self.blob(board, unreadable, &mut page);
        if self.query.wants(board.id) {
            self.device(board, unreadable, &blob, sample);
        }
        if board.is_partitioned() {
            for node in &board.nodes {
                if self.query.wants(board.partition_id(node)) {
                    self.partition(board, node, unreadable, &blob, sample);
                }
            }
        }
        if self.query.processes && unreadable != Some(Absence::Lost) {
            self.processes(board, sample);
        }
    }

    /// One read of the GPU's `gpu_metrics`, for the device and all its partitions.
    fn blob<'b>(&self, board: &Board, unreadable: Option<Absence>, page: &'b mut [u8; PAGE]) -> Blob<'b> {
        let part = || board.nodes.iter().any(|node| self.query.wants(board.partition_id(node)));
        let asked = self.query.wants(board.id) || board.is_partitioned() && part();
        // What sleeps is not touched, what nobody asks for is not read.
        let wanted = if asked && unreadable.is_none() { self.query.metrics } else { MetricSet::NONE };
        Blob::read(board.sensors.gpu_metrics.as_ref(), wanted, self.now, page)
            .explain(|| board.sensors.unreadable())
    }

    fn device(&self, board: &Board, unreadable: Option<Absence>, blob: &Blob<'_>, sample: &mut Sample) {
        let reading = sample.push(board.id, Reading::default());
        match unreadable {
            Some(absence) => reading.fill(self.query.metrics, absence),
            None if board.function.is_none() => {
                const WHY: Absence = Absence::NotSupported { why: "only the compute driver's tree is here" };
                reading.fill(self.query.metrics, WHY);
                if self.query.metrics.has(Metric::MemoryTotal) {
                    let total = board.memory_of_nodes();
                    reading.memory_total = total.map(|total| Measured::new(total, self.now, Source::Kfd));
                }
            }
            None => board.sensors.read(self.query.metrics, self.now, blob, reading),
        }
    }

    fn partition(
        &mut self,
        board: &Board,
        node: &KfdNode,
        unreadable: Option<Absence>,
        blob: &Blob<'_>,
        sample: &mut Sample,
    ) {
        let wanted = self.query.metrics;
        let reading = sample.push(board.partition_id(node), Reading::default());
        if let Some(absence) = unreadable {
            return reading.fill(wanted, absence);
        }
        reading.fill(wanted, WHOLE_GPU_ONLY);
        blob.fill_partition(node.place(), wanted, reading);
        if wanted.has(Metric::MemoryTotal) {
            reading.memory_total = node.memory.map(|memory| Measured::new(memory, self.now, Source::Kfd));
        }
        if wanted.has(Metric::MemoryFree) {
            reading.memory_free =
                Err(Absence::NotSupported { why: "a GPU's memory is one pool that its partitions draw on" });
        }
        if wanted.has(Metric::MemoryUsed) {
            reading.memory_used = self.used_by_processes(node);
        }
    }

    /// Memory of a partition is used by the processes of the compute driver; graphics clients
    /// and the driver itself are only in the whole GPU's number.
    fn used_by_processes(&mut self, node: &KfdNode) -> Result<Measured<Bytes>, Absence> {
        let gpu_id = node
            .gpu_id
            .ok_or(Absence::NotSupported { why: "the compute driver does not tell the gpu_id" })?;
        let mut sum = Bytes::ZERO;
        for holding in self.holdings().iter().filter(|holding| holding.gpu_id == gpu_id) {
            sum = sum.saturating_add(holding.memory?);
        }
        Ok(Measured::new(sum, self.now, Source::Kfd))
    }

    fn processes(&mut self, board: &Board, sample: &mut Sample) {
        let device = UnitId::Device(board.id);
        if !board.is_partitioned() {
            return self.processes_on(device, &board.nodes, |number| board.has(number), board, sample);
        }
        for node in &board.nodes {
            let unit = board.partition_id(node).into();
            let own = |number| board.is_of(node, number);
            self.processes_on(unit, std::slice::from_ref(node), own, board, sample);
        }
        // Files of the GPU that belong to no live partition.
        let rest = |number| board.has(number) && !board.nodes.iter().any(|node| board.is_of(node, number));
        self.processes_on(device, &[], rest, board, sample);
    }

    /// The processes of one unit: by the compute driver's nodes that it is, and by the DRM
    /// clients behind its device files.
    fn processes_on(
        &mut self,
        unit: UnitId,
        nodes: &[KfdNode],
        lies_on: impl Fn(DeviceNumber) -> bool,
        board: &Board,
        sample: &mut Sample,
    ) {
        if !(self.query.wants(unit) || self.query.wants(board.id)) {
            return;
        }
        let (now, first) = (self.now, sample.processes.len());
        for gpu_id in nodes.iter().filter_map(|node| node.gpu_id) {
            let here = self.holdings().iter().filter(|holding| holding.gpu_id == gpu_id);
            sample.processes.extend(here.map(|holding| process::reading(holding, unit, now)));
        }
        process::add_clients(self.query.sweep, unit, lies_on, now, first, &mut sample.processes);
    }

    fn holdings(&mut self) -> &[Holding] {
        if !self.has_looked {
            self.holdings.look(&self.boards.processes);
            self.has_looked = true;
        }
        &self.holdings.all
    }
}
