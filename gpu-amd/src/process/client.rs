//! DRM clients of a unit's processes, added up beside what the compute driver says.

use gpu_core::{
    Absence, BootTime, Bytes, Count, DeviceNumber, DrmClient, Measured, Nanoseconds, ProcessKinds,
    ProcessReading, Source, Sweep, UnitId,
};

const NO_SWEEP: Absence =
    Absence::NotSupported { why: "only in DRM's accounting, and the query brings no sweep of it" };
const NO_CLIENT: Absence = Absence::NotSupported { why: "the process has no DRM client on this unit" };
const NOT_KFD: Absence = Absence::NotSupported { why: "not a process of the compute driver" };
const NAMELESS: Absence =
    Absence::NotSupported { why: "its clients have no numbers: copies of one cannot be told" };
const NO_REGION: Absence = Absence::NotSupported { why: "the driver gives no memory of its clients" };
const OLD: Absence = Absence::NotSupported { why: "amdgpu gives engine time from Linux 5.19 on" };

/// True for a client of amdgpu's; one without a driver's name is of an amdgpu that writes none.
fn is_ours(client: &DrmClient) -> bool {
    client.driver.is_none_or(|driver| driver.as_str() == "amdgpu")
}

/// Adds the clients of a sweep behind the device files that `lies_on` accepts to the processes of
/// `unit`, which are `processes[first..]`; a process that is not there yet is added.
pub(crate) fn add_clients(
    sweep: Option<&Sweep>,
    unit: UnitId,
    lies_on: impl Fn(DeviceNumber) -> bool,
    now: BootTime,
    first: usize,
    processes: &mut Vec<ProcessReading>,
) {
    for process in processes.iter_mut().skip(first).filter(|process| process.unit == unit) {
        process.set_clients_absent(if sweep.is_some() { NO_CLIENT } else { NO_SWEEP });
    }
    let Some(sweep) = sweep else { return };
    for swept in &sweep.processes {
        let mut sums = None;
        for client in swept.clients.iter().filter(|client| is_ours(client) && lies_on(client.node)) {
            sums.get_or_insert_with(Sums::default).add(client);
        }
        let Some(sums) = sums else { continue };
        let same = |process: &&mut ProcessReading| {
            process.unit == unit && process.pid == swept.key.pid && process.pid_view == sweep.pids
        };
        match processes.iter_mut().skip(first).find(same) {
            Some(process) => sums.put(now, process),
            None => {
                let mut process = ProcessReading::new(unit, swept.key.pid, sweep.pids, NOT_KFD);
                sums.put(now, &mut process);
                // For one that the compute driver does not know, DRM's is the only account.
                process.memory = process.client_memory;
                processes.push(process);
            }
        }
    }
}

/// What a process' clients on one unit have together.
#[derive(Default)]
struct Sums {
    clients: u64,
    nameless: u64,
    /// An amdgpu that gives no engine time in nanoseconds.
    old: bool,
    memory: Option<Bytes>,
    system: Option<Bytes>,
    evicted: Option<Bytes>,
    graphics: Nanoseconds,
    compute: Nanoseconds,
    copy: Nanoseconds,
    video: Nanoseconds,
}

impl Sums {
    fn add(&mut self, client: &DrmClient) {
        self.clients += 1;
        self.nameless += u64::from(client.id.is_none());
        self.old |= client.driver.is_none();
        for region in &client.regions {
            match region.name.as_str() {
                "vram" => {
                    add(&mut self.memory, region.held());
                    add(&mut self.evicted, region.evicted);
                }
                "gtt" => add(&mut self.system, region.held()),
                _ => {}
            }
        }
        for engine in &client.engines {
            // The driver's names of its blocks (kernel: `amdgpu_fdinfo.c`).
            let sum = match engine.name.as_str() {
                "gfx" => &mut self.graphics,
                "compute" => &mut self.compute,
                "dma" => &mut self.copy,
                "dec" | "enc" | "enc_1" | "jpeg" | "vpe" => &mut self.video,
                _ => continue,
            };
            *sum = sum.saturating_add(engine.time.unwrap_or_default());
        }
    }

    fn put(&self, now: BootTime, process: &mut ProcessReading) {
        let measured = |bytes: Option<Bytes>| match bytes {
            // Several descriptors without numbers may be copies of one client.
            _ if self.nameless > 1 => Err(NAMELESS),
            Some(bytes) => Ok(Measured::new(bytes, now, Source::Fdinfo)),
            None => Err(NO_REGION),
        };
        // The driver writes engines that have worked; the others have not.
        let time = |time: Nanoseconds| match self.old {
            _ if self.nameless > 1 => Err(NAMELESS),
            true => Err(OLD),
            false => Ok(Measured::new(time, now, Source::Fdinfo)),
        };
        process.clients = match self.nameless {
            0 | 1 => Ok(Measured::new(Count(self.clients), now, Source::Fdinfo)),
            _ => Err(NAMELESS),
        };
        process.client_memory = measured(self.memory);
        process.system_memory = measured(self.system);
        process.evicted_memory = measured(self.evicted);
        process.graphics_time = time(self.graphics);
        process.compute_time = time(self.compute);
        process.copy_time = time(self.copy);
        process.video_time = time(self.video);
        if self.graphics != Nanoseconds::ZERO {
            process.kinds = process.kinds.and(ProcessKinds::GRAPHICS);
        }
        if self.compute != Nanoseconds::ZERO {
            process.kinds = process.kinds.and(ProcessKinds::COMPUTE);
        }
    }
}

fn add(sum: &mut Option<Bytes>, more: Option<Bytes>) {
    if let Some(more) = more {
        *sum = Some(sum.unwrap_or_default().saturating_add(more));
    }
}
