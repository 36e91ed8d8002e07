//! [`SimBackend`]: a world's GPUs in process, and [`SimSweeper`], its processes.

use std::sync::Arc;

use gpu_core::{
    Absence, Backend, BootTime, Capabilities, Clock, ContainerFacts, Device, DeviceNumber, Discovery,
    DrmClient, EndedList, EndedProcess, EndedReading, Error, ErrorKind, Events, EvidenceList, Host,
    Inventory, LookedFor, Measured, Nanoseconds, Outcome, Partition, Partitioner, Permille, PidView, Problem,
    ProcessKey, ProcessKinds, ProcessName, ProcessReading, Query, Sample, Sandbox, Source, Sweep,
    SweepRequest, Sweeper, SweptProcess, UnitId, Units, Vendor,
};

use crate::amd;
use crate::events::SimEvents;
use crate::evidence;
use crate::evidence::SimContainers;
use crate::gpu::{Gpu, Silicon};
use crate::intel;
use crate::inventory;
use crate::machine::{DrmNumbers, Machine};
use crate::partitioner::SimPartitioner;
use crate::reading;
use crate::scene::{Scene, UseState};
use crate::workload::{Part, Use, UseKind, Workload};
use crate::world::World;

/// Reads one vendor's GPUs of a simulated world, in process. Every value says
/// [`Source::Simulated`].
#[derive(Clone, Debug)]
pub struct SimBackend {
    world: World,
    vendor: Vendor,
    partitioner: SimPartitioner,
    events: SimEvents,
}

impl SimBackend {
    /// The GPUs that `vendor` made.
    #[must_use]
    pub fn new(world: World, vendor: Vendor) -> Self {
        let (partitioner, events) = (SimPartitioner::new(world.clone()), SimEvents::new(world.clone()));
        Self { world, vendor, partitioner, events }
    }

    /// Every GPU of the vendor as the inventory would list it, lost ones too, with its position.
    fn listed<'a>(&self, scene: &'a Scene) -> Vec<(usize, &'a Gpu, Device)> {
        let machine = scene.machine();
        let inventory = inventory::inventory(scene, self.vendor);
        scene
            .gpus_of(self.vendor)
            .map(|(position, gpu)| {
                let id = inventory::device_id(machine, gpu);
                let device =
                    inventory.device(id).cloned().unwrap_or_else(|| Device::new(id, gpu.name.clone()));
                (position, gpu, device)
            })
            .collect()
    }
}

impl Backend for SimBackend {
    fn vendor(&self) -> Vendor {
        self.vendor
    }

    fn inventory(&self) -> Result<Inventory, Error> {
        self.world.pass(self.vendor, "inventory");
        Ok(inventory::inventory(&self.world.scene(), self.vendor))
    }

    fn capabilities(&self, unit: UnitId) -> Result<Capabilities, Error> {
        let mut sample = Sample::new();
        self.sample_into(&Query::everything().units(Units::Only(&[unit])).without_processes(), &mut sample)?;
        let reading = sample.get(unit).ok_or_else(|| Error::unknown_unit(unit))?;
        Ok(Capabilities::from_reading(unit, reading))
    }

    fn sample_into(&self, query: &Query<'_>, sample: &mut Sample) -> Result<(), Error> {
        self.world.pass(self.vendor, "sample_into");
        let scene = self.world.scene();
        let listed = self.listed(&scene);
        if let Units::Only(units) = query.units {
            let known = |unit: &UnitId| {
                let here = |device: &Device| {
                    *unit == device.id.into() || device.all_partitions().any(|part| *unit == part.id.into())
                };
                listed.iter().any(|(_, _, device)| here(device))
            };
            if let Some(stranger) = units.iter().find(|unit| unit.vendor() == self.vendor && !known(unit)) {
                return Err(Error::unknown_unit(stranger));
            }
        }
        for (position, gpu, device) in &listed {
            self.sample_gpu(&scene, *position, gpu, device, query, sample);
        }
        Ok(())
    }

    fn partitioner(&self) -> Result<&dyn Partitioner, Absence> {
        match self.vendor {
            Vendor::NVIDIA | Vendor::AMD | Vendor::INTEL => Ok(&self.partitioner),
            _ => Err(Absence::NotSupported { why: "the simulation cuts boards of the three vendors only" }),
        }
    }

    fn events(&self) -> Result<&dyn Events, Absence> {
        match self.vendor {
            Vendor::NVIDIA => Ok(&self.events),
            _ => Err(Absence::NotSupported { why: "the simulation tells of events of NVIDIA's GPUs only" }),
        }
    }

    fn evidence(
        &self,
        facts: &ContainerFacts,
        inventory: &Inventory,
        list: &mut EvidenceList,
    ) -> Result<(), Absence> {
        evidence::interpret(self.vendor, facts, inventory, list)
    }
}

impl SimBackend {
    fn sample_gpu(
        &self,
        scene: &Scene,
        position: usize,
        gpu: &Gpu,
        device: &Device,
        query: &Query<'_>,
        sample: &mut Sample,
    ) {
        let now = scene.now();
        let state = scene.gpu(position);
        let uses = scene.uses(position);
        if state.lost {
            let error = Error::new(ErrorKind::DeviceLost, device.id.to_string(), "the simulated GPU is lost");
            sample.problems.push(Problem::new(self.vendor, &error));
        }
        if query.wants(device.id) {
            sample.push(device.id, reading::device(gpu, &state, now, query.metrics));
        }
        for part in device.all_partitions().filter(|part| query.wants(part.id)) {
            let inside: Vec<UseState> =
                uses.iter().filter(|of| lies_in(device, gpu, part, of.part)).cloned().collect();
            let total = part.memory_total.value().copied();
            sample.push(part.id, reading::partition(gpu, &state, total, &inside, now, query.metrics));
        }
        if query.ended && query.wants(device.id) {
            sample.ended.push(ended_on(scene, position, device, gpu));
        }
        if query.processes && !state.lost && !gpu.asleep && self.vendor == Vendor::INTEL {
            let readings = intel::readings(scene, position, device.id, gpu);
            sample.processes.extend(readings.into_iter().filter(|process| covers(query, process.unit)));
        } else if query.processes && !state.lost && !gpu.asleep {
            let told = amd::uses(scene, position);
            let readings = uses.iter().enumerate().map(|(n, of)| {
                let mut process = self.process(device, gpu, of, now);
                if let Some(of) = told.get(n).filter(|of| of.computes) {
                    process.occupied_units = Ok(Measured::new(of.units, now, Source::Simulated));
                    process.queue_copy_time = Ok(Measured::new(of.copies, now, Source::Simulated));
                }
                process
            });
            sample.processes.extend(readings.filter(|process| covers(query, process.unit)));
        }
    }

    fn process(&self, device: &Device, gpu: &Gpu, of: &UseState, now: BootTime) -> ProcessReading {
        const NOT_TOLD: Absence = Absence::NotSupported { why: "the simulated driver does not tell" };
        let unit = match inventory::partition_id(device.id, gpu, of.part) {
            Some(partition) => partition.into(),
            None => UnitId::Device(device.id),
        };
        let mut reading = ProcessReading::new(unit, of.pid, PidView::Host, NOT_TOLD);
        reading.kinds = match of.kind {
            UseKind::Compute => ProcessKinds::COMPUTE,
            UseKind::Graphics => ProcessKinds::GRAPHICS,
            UseKind::Both => ProcessKinds::COMPUTE.and(ProcessKinds::GRAPHICS),
            UseKind::MpsClient => ProcessKinds::COMPUTE.and(ProcessKinds::MPS_CLIENT),
        };
        reading.memory = Ok(Measured::new(of.memory, now, Source::Simulated));
        // Only NVIDIA's driver estimates a process's time, and not inside MIG.
        if self.vendor == Vendor::NVIDIA && of.part == Part::Whole {
            reading.busy = Ok(Measured::new(Permille(of.busy.min(1000)), now, Source::Simulated));
        }
        reading
    }
}

/// True when the unit, or the device that it is a part of, was asked for.
fn covers(query: &Query<'_>, unit: UnitId) -> bool {
    !matches!(query.units, Units::Only(_)) || query.wants(unit) || query.wants(unit.device())
}

/// True when a process on `of` is inside `part`.
fn lies_in(device: &Device, gpu: &Gpu, part: &Partition, of: Part) -> bool {
    let place = inventory::partition_id(device.id, gpu, of);
    place.is_some_and(|id| id == part.id || id.parent() == Some(part.id))
}

/// Looks over the processes of a simulated world. What has ended is told for
/// [`REMEMBERS`](Self::REMEMBERS), whether a sweep saw it or not.
#[derive(Clone, Debug)]
pub struct SimSweeper {
    world: World,
}

impl SimSweeper {
    /// How long a process stays in [`Sweep::ended`].
    pub const REMEMBERS: Nanoseconds = Nanoseconds::from_secs(300);

    /// The processes of that world.
    #[must_use]
    pub const fn new(world: World) -> Self {
        Self { world }
    }
}

fn swept(machine: &Machine, workload: &Workload, owners: bool) -> SweptProcess {
    let boot = machine.boot_id;
    let key = ProcessKey { boot, pid: workload.pid, start: workload.starts };
    let name = ProcessName::new(workload.name.as_bytes());
    let mut swept = SweptProcess::new(key, name);
    if owners {
        swept.owner = Ok(gpu_core::cgroup::owner(&format!("0::{}", workload.cgroup)));
        swept.sandbox = Sandbox::of(&name, workload.name.as_bytes());
    }
    swept
}

/// The processes that used a GPU and that ended not long ago.
fn ended(scene: &Scene, owners: bool) -> impl Iterator<Item = EndedProcess> {
    let now = scene.now();
    let on_gpus = scene.machine().workloads.iter().filter(|workload| !workload.uses.is_empty());
    let ends = on_gpus.filter_map(move |workload| {
        let ran = |ends: &BootTime| workload.starts < *ends && *ends <= now;
        let ended = workload.ends.filter(ran).filter(|ends| now.since(*ends) <= SimSweeper::REMEMBERS)?;
        Some((workload, ended))
    });
    ends.map(move |(workload, last_seen)| {
        let swept = swept(scene.machine(), workload, owners);
        let mut ended = EndedProcess::new(swept.key, swept.name, last_seen);
        ended.owner = swept.owner;
        ended
    })
}

/// What the driver remembers of processes that have ended, where accounting is on.
fn ended_on(scene: &Scene, position: usize, device: &Device, gpu: &Gpu) -> EndedList {
    const OFF: Absence = Absence::NotSupported { why: "accounting mode is off" };
    let Silicon::Nvidia(nvidia) = &gpu.silicon else { return EndedList::not_kept(device.id) };
    if !nvidia.accounting || nvidia.mig.as_ref().is_some_and(|mig| mig.enabled) {
        return EndedList::new(device.id, Err(OFF));
    }
    let readings = scene.accounts(position).into_iter().filter_map(|account| {
        let mut reading = EndedReading::new(account.pid, PidView::Host, Source::Simulated, OFF);
        reading.began = Ok(account.began);
        reading.lasted = Ok(account.ended?.since(account.began));
        reading.memory_peak = Ok(account.memory_peak);
        reading.busy = Ok(Permille(account.busy));
        Some(reading)
    });
    EndedList::new(device.id, Ok(readings.collect()))
}

/// The device files that a process holds open: NVIDIA's own, or the render nodes of what is used.
fn holds(scene: &Scene, workload: &Workload) -> Vec<DeviceNumber> {
    let gpus = &scene.machine().gpus;
    let number = |of: &Use| match &gpus[of.gpu].silicon {
        Silicon::Nvidia(nvidia) => inventory::nvidia_node(nvidia.minor).number,
        Silicon::Amd(_) | Silicon::Intel(_) => {
            amd::drm(&gpus[of.gpu], of.part).map(DrmNumbers::render_number)
        }
    };
    scene.opened(workload).filter_map(|(process, n)| number(&process.uses[n])).collect()
}

/// DRM's accounting of every descriptor that a process holds: a client comes as often as it is open.
pub(crate) fn clients<'a>(scene: &'a Scene, workload: &'a Workload) -> impl Iterator<Item = DrmClient> + 'a {
    scene.opened(workload).filter_map(|(process, number)| {
        amd::client(scene, process, number).or_else(|| intel::client(scene, process, number))
    })
}

impl Sweeper for SimSweeper {
    fn sweep_into(&self, request: &SweepRequest<'_>, sweep: &mut Sweep) -> Result<(), Error> {
        sweep.clear();
        sweep.pids = PidView::Host;
        let scene = self.world.scene();
        for workload in scene.running() {
            let mut holds = holds(&scene, workload);
            holds.retain(|number| request.holders_of.contains(number));
            if !holds.is_empty() || request.pids.contains(&workload.pid) {
                let mut process = swept(scene.machine(), workload, request.owners);
                holds.sort_unstable();
                holds.dedup();
                process.holds = holds;
                if request.clients {
                    let clients = clients(&scene, workload);
                    process.clients.extend(clients.filter(|of| request.holders_of.contains(&of.node)));
                }
                sweep.processes.push(process);
            }
        }
        sweep.processes.sort_by_key(|process| process.key.pid);
        if request.clients {
            sweep.drop_repeated_clients();
        }
        sweep.ended.extend(ended(&scene, request.owners));
        sweep.ended.sort_by_key(|process| (process.last_seen, process.key.pid));
        Ok(())
    }
}

impl World {
    /// The parts that a node is read through: one discovery for each of the three vendors.
    #[must_use]
    pub fn host(&self) -> Host {
        let discoveries = [Vendor::NVIDIA, Vendor::AMD, Vendor::INTEL]
            .into_iter()
            .map(|vendor| {
                if self.has_driver(vendor) {
                    return Discovery::available(Box::new(SimBackend::new(self.clone(), vendor)));
                }
                let what = format!("a driver for {vendor} on the simulated machine");
                let looked_for = vec![LookedFor { what, found: "not loaded".to_owned() }];
                Discovery::without(vendor, Outcome::NoDriver { looked_for })
            })
            .collect();
        let clock: Arc<dyn Clock> = Arc::new(self.clock().clone());
        let sweeper = Box::new(SimSweeper::new(self.clone()));
        let containers = SimContainers(self.clone());
        Host::new(discoveries, clock, sweeper).containers(containers).simulated(self.machine().name.clone())
    }
}

impl Machine {
    /// The machine's GPUs in process, for a machine of one vendor; of several, the first GPU's.
    #[must_use]
    pub fn backend(self) -> SimBackend {
        let vendor = self.gpus.first().map_or(Vendor::NVIDIA, Gpu::vendor);
        SimBackend::new(World::new(self), vendor)
    }
}

impl From<Machine> for Host {
    fn from(machine: Machine) -> Self {
        World::new(machine).host()
    }
}

impl From<&World> for Host {
    fn from(world: &World) -> Self {
        world.host()
    }
}
