//! [`ClientSums`]: what a process' DRM clients have on one unit, added up; and
//! [`add_clients`], which does it for all processes of a sweep.

use crate::absence::Absence;
use crate::drm_client::{DrmClient, DrmEngine, DrmRegion};
use crate::engine_cycles::EngineCycles;
use crate::id::UnitId;
use crate::measured::{Measured, Source};
use crate::process::{ProcessKinds, ProcessReading};
use crate::quantity::{Bytes, Count, Nanoseconds};
use crate::sweep::Sweep;
use crate::time::BootTime;

const NO_SWEEP: Absence =
    Absence::NotSupported { why: "only in DRM's accounting, and the query brings no sweep of it" };
const NO_CLIENT: Absence = Absence::NotSupported { why: "the process has no DRM client on this unit" };
const NAMELESS: Absence =
    Absence::NotSupported { why: "its clients have no numbers: copies of one cannot be told" };
const NO_REGION: Absence = Absence::NotSupported { why: "the driver gives no memory of its clients" };
const NOT_SHARED: Absence = Absence::NotSupported { why: "the driver does not tell what its clients share" };
const IN_CYCLES: Absence =
    Absence::NotSupported { why: "the driver counts cycles, not time: see the engine's cycles" };
const IN_TIME: Absence = Absence::NotSupported { why: "the driver counts time, not cycles" };

/// What an engine does.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[cfg_attr(feature = "serde", serde(rename_all = "snake_case"))]
pub enum EngineKind {
    /// Draws, and on older GPUs computes.
    Graphics,
    /// Computes only.
    Compute,
    /// Copies.
    Copy,
    /// Decodes, encodes or scales pictures.
    Video,
}

impl EngineKind {
    /// Every kind.
    pub const ALL: [Self; 4] = [Self::Graphics, Self::Compute, Self::Copy, Self::Video];
}

/// Whose memory a region is.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[cfg_attr(feature = "serde", serde(rename_all = "snake_case"))]
pub enum RegionKind {
    /// The device's own.
    Device,
    /// The machine's, used by the device.
    System,
}

/// What the names mean that a kernel driver gives to engines and memory regions of one unit.
///
/// *Implementers:* a name that is not the unit's, or that is not known, is `None`.
pub trait ClientNames {
    /// What the engine of that name does.
    fn engine(&self, name: &str) -> Option<EngineKind>;

    /// Where the region of that name lies.
    fn region(&self, name: &str) -> Option<RegionKind>;

    /// What a kind of engine has done that no client names: nothing (`Ok`) where the driver
    /// leaves out what has not worked, else why it is not told.
    ///
    /// # Errors
    /// The reason for which nothing is said.
    fn unnamed_engine(&self, client: &DrmClient) -> Result<(), Absence>;

    /// Why the unit has no memory in the device's own regions when no client names one.
    fn no_device_memory(&self) -> Absence {
        NO_REGION
    }
}

/// What one process' clients on one unit have together. Each client must come once
/// ([`Sweep::drop_repeated_clients`]).
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct ClientSums {
    clients: u64,
    nameless: u64,
    device: Held,
    system: Held,
    engines: [Engine; 4],
    /// Why engines that no client names are not told, if so.
    unnamed: Option<Absence>,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
struct Held {
    held: Option<Bytes>,
    shared: Option<Bytes>,
    evicted: Option<Bytes>,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
struct Engine {
    time: Option<Nanoseconds>,
    cycles: Option<EngineCycles>,
}

impl ClientSums {
    /// Adds a client's memory and work, as far as the names are the unit's.
    pub fn add(&mut self, client: &DrmClient, names: &impl ClientNames) {
        self.clients += 1;
        self.nameless += u64::from(client.id.is_none());
        self.unnamed = self.unnamed.or(names.unnamed_engine(client).err());
        for region in &client.regions {
            match names.region(region.name.as_str()) {
                Some(RegionKind::Device) => self.device.add(region),
                Some(RegionKind::System) => self.system.add(region),
                None => {}
            }
        }
        let mut cycles = [None; 4];
        for engine in &client.engines {
            let Some(kind) = names.engine(engine.name.as_str()) else { continue };
            if let Some(time) = engine.time {
                let sum = &mut self.engines[kind as usize].time;
                *sum = Some(sum.unwrap_or_default().saturating_add(time));
            }
            join_classes(&mut cycles[kind as usize], engine);
        }
        for (sum, more) in self.engines.iter_mut().zip(cycles) {
            join_clients(&mut sum.cycles, more);
        }
    }

    /// Memory that the clients hold in the device's own regions.
    #[must_use]
    pub const fn device_memory(&self) -> Option<Bytes> {
        self.device.held
    }

    /// Fills in everything of `process` that comes from DRM's accounting, and adds to its kinds
    /// what its engines have done.
    pub fn put(&self, names: &impl ClientNames, now: BootTime, source: Source, process: &mut ProcessReading) {
        // Several descriptors without numbers may be copies of one client.
        if self.nameless > 1 {
            return process.set_clients_absent(NAMELESS);
        }
        let bytes = |bytes: Option<Bytes>, why| match bytes {
            Some(bytes) => Ok(Measured::new(bytes, now, source)),
            None => Err(why),
        };
        process.clients = Ok(Measured::new(Count(self.clients), now, source));
        process.client_memory = bytes(self.device.held, names.no_device_memory());
        process.shared_memory = bytes(self.device.shared, NOT_SHARED);
        process.system_memory = bytes(self.system.held, NO_REGION);
        process.evicted_memory = bytes(self.device.evicted, NO_REGION);
        for kind in EngineKind::ALL {
            let engine = self.engines[kind as usize];
            *process.engine_time_mut(kind) = self.time(engine).map(|time| Measured::new(time, now, source));
            *process.engine_cycles_mut(kind) =
                self.cycles(engine).map(|cycles| Measured::new(cycles, now, source));
        }
        for (kind, does) in
            [(EngineKind::Graphics, ProcessKinds::GRAPHICS), (EngineKind::Compute, ProcessKinds::COMPUTE)]
        {
            if self.engines[kind as usize].has_worked() {
                process.kinds = process.kinds.and(does);
            }
        }
    }

    fn time(&self, engine: Engine) -> Result<Nanoseconds, Absence> {
        match (engine.time, engine.cycles, self.unnamed) {
            (Some(time), _, _) => Ok(time),
            (None, Some(_), _) => Err(IN_CYCLES),
            (None, None, Some(why)) => Err(why),
            (None, None, None) => Ok(Nanoseconds::ZERO),
        }
    }

    fn cycles(&self, engine: Engine) -> Result<EngineCycles, Absence> {
        match (engine.cycles, engine.time, self.unnamed) {
            (Some(cycles), _, _) => Ok(cycles),
            (None, None, Some(why)) => Err(why),
            _ => Err(IN_TIME),
        }
    }
}

impl Held {
    fn add(&mut self, region: &DrmRegion) {
        add(&mut self.held, region.held());
        add(&mut self.shared, region.shared);
        add(&mut self.evicted, region.evicted);
    }
}

impl Engine {
    fn has_worked(self) -> bool {
        self.time.is_some_and(|time| time != Nanoseconds::ZERO)
            || self.cycles.is_some_and(|cycles| cycles.worked > 0)
    }
}

fn add(sum: &mut Option<Bytes>, more: Option<Bytes>) {
    if let Some(more) = more {
        *sum = Some(sum.unwrap_or_default().saturating_add(more));
    }
}

/// Classes of one kind within a client have engines beside each other, on one clock.
fn join_classes(sum: &mut Option<EngineCycles>, engine: &DrmEngine) {
    let (Some(worked), Some(elapsed)) = (engine.cycles, engine.total_cycles) else { return };
    let before = sum.unwrap_or_default();
    *sum = Some(EngineCycles {
        worked: before.worked.saturating_add(worked),
        elapsed: before.elapsed.max(elapsed),
        engines: before.engines.saturating_add(engine.capacity),
    });
}

/// Clients of one unit have the same engines: work adds up, engines do not.
fn join_clients(sum: &mut Option<EngineCycles>, more: Option<EngineCycles>) {
    let Some(more) = more else { return };
    let before = sum.unwrap_or_default();
    *sum = Some(EngineCycles {
        worked: before.worked.saturating_add(more.worked),
        elapsed: before.elapsed.max(more.elapsed),
        engines: before.engines.max(more.engines),
    });
}

/// Adds the clients of a sweep that `is_here` accepts to the processes of `unit`, which are
/// `processes[first..]`; a process that is not there yet is added, with `unlisted` as the reason
/// for what only another account would tell, and with DRM's memory as its memory. For backends.
#[allow(clippy::too_many_arguments)] // a join of two lists has two ends
pub fn add_clients(
    sweep: Option<&Sweep>,
    unit: UnitId,
    names: &impl ClientNames,
    is_here: impl Fn(&DrmClient) -> bool,
    unlisted: Absence,
    now: BootTime,
    first: usize,
    processes: &mut Vec<ProcessReading>,
) {
    for process in processes.iter_mut().skip(first).filter(|process| process.unit == unit) {
        process.set_clients_absent(if sweep.is_some() { NO_CLIENT } else { NO_SWEEP });
    }
    let Some(sweep) = sweep else { return };
    // A sweep has each process once: one that is added here is not looked for again.
    let listed = first.min(processes.len())..processes.len();
    for swept in &sweep.processes {
        let mut sums = None;
        for client in swept.clients.iter().filter(|client| is_here(client)) {
            sums.get_or_insert_with(ClientSums::default).add(client, names);
        }
        let Some(sums) = sums else { continue };
        let same = |process: &&mut ProcessReading| {
            process.pid == swept.key.pid && process.unit == unit && process.pid_view.is_same(sweep.pids)
        };
        match processes[listed.clone()].iter_mut().find(same) {
            Some(process) => sums.put(names, now, Source::Fdinfo, process),
            None => {
                let mut process = ProcessReading::new(unit, swept.key.pid, sweep.pids, unlisted);
                sums.put(names, now, Source::Fdinfo, &mut process);
                // DRM's is the only account of it.
                process.memory = process.client_memory;
                processes.push(process);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::node_file::DeviceNumber;
    use crate::process::{Pid, PidView};
    use crate::tag::Tag;

    struct Names;

    impl ClientNames for Names {
        fn engine(&self, name: &str) -> Option<EngineKind> {
            match name {
                "rcs" => Some(EngineKind::Graphics),
                "vcs" | "vecs" => Some(EngineKind::Video),
                _ => None,
            }
        }

        fn region(&self, name: &str) -> Option<RegionKind> {
            (name == "vram0").then_some(RegionKind::Device)
        }

        fn unnamed_engine(&self, _: &DrmClient) -> Result<(), Absence> {
            Err(Absence::NotSupported { why: "none" })
        }
    }

    fn client(id: Option<u64>) -> DrmClient {
        let mut client = DrmClient::new(DeviceNumber { major: 226, minor: 128 });
        client.id = id;
        let vram = client.region(Tag::literal("vram0"));
        (vram.total, vram.shared) = (Some(Bytes::gib(1)), Some(Bytes::mib(3)));
        for (name, cycles, capacity) in [("rcs", 5, 1), ("vcs", 7, 2), ("vecs", 1, 1), ("new", 9, 1)] {
            let engine = client.engine(Tag::literal(name));
            (engine.cycles, engine.total_cycles, engine.capacity) = (Some(cycles), Some(1000), capacity);
        }
        client
    }

    fn reading(clients: &[DrmClient]) -> ProcessReading {
        let unit = "intel:pci:0000:03:00.0".parse().unwrap();
        let mut process = ProcessReading::new(unit, Pid(1), PidView::Host, Absence::NotYet);
        let mut sums = ClientSums::default();
        for client in clients {
            sums.add(client, &Names);
        }
        sums.put(&Names, BootTime(9), Source::Fdinfo, &mut process);
        process
    }

    #[test]
    fn work_adds_up_and_engines_do_not() {
        let process = reading(&[client(Some(1)), client(Some(2))]);
        assert_eq!(process.clients.unwrap().value, Count(2));
        assert_eq!(process.client_memory.unwrap().value, Bytes::gib(2));
        assert_eq!(process.shared_memory.unwrap().value, Bytes::mib(6));
        let video = process.video_cycles.unwrap().value;
        assert_eq!(video, EngineCycles { worked: 16, elapsed: 1000, engines: 3 });
        assert_eq!(process.video_time, Err(IN_CYCLES));
        assert_eq!(process.copy_time, Err(Absence::NotSupported { why: "none" }));
        assert_eq!(process.copy_cycles, process.copy_time.map(|time| time.map(|_| EngineCycles::default())));
        assert_eq!(process.kinds, ProcessKinds::GRAPHICS);
    }

    #[test]
    fn copies_of_a_client_without_a_number_cannot_be_told() {
        assert!(reading(&[client(None)]).client_memory.is_ok(), "there is but one");
        let process = reading(&[client(None), client(None)]);
        assert_eq!((process.clients, process.client_memory), (Err(NAMELESS), Err(NAMELESS)));
        assert_eq!(process.graphics_cycles, Err(NAMELESS));
    }
}
