//! A node that is put together by hand and looked at step by step: what no machine shows on demand.

#![allow(dead_code)] // each test binary uses some of it

use gpu_core::attribution::{Attribution, History, Look, attribute};
use gpu_core::meter::{Held, Meter, Moment, Observation, Refused, Rules, Statement};
use gpu_core::{
    Absence, BootId, BootTime, Bytes, Device, Host, Inventory, Measured, Microjoules, Nanoseconds, Owner,
    Permille, Pid, PidView, ProcessKey, ProcessName, ProcessReading, Query, Reading, Sample, Source, Sweep,
    SweepRequest, SweptProcess, UnitId, Uuid, WallTime, cgroup,
};
use gpu_sim::{Machine, World};

pub const SECOND: u64 = 1_000_000_000;
pub const WHY: Absence = Absence::NotSupported { why: "not in this test" };

/// A process of somebody's.
#[derive(Clone, Debug)]
pub struct Process {
    pub pid: u32,
    pub start: u64,
    pub unit: UnitId,
    /// `None` where nobody can say whose it is.
    pub owner: Option<Owner>,
    pub memory: Option<u64>,
    /// A counter, in nanoseconds.
    pub busy: Option<u64>,
}

/// What units show, what runs on them, and a meter that is told.
pub struct Hand {
    pub inventory: Inventory,
    pub sample: Sample,
    pub processes: Vec<Process>,
    pub held: Option<Vec<Held>>,
    pub boot: u8,
    pub now: u64,
    pub wall: u64,
    pub history: History,
    pub meter: Meter,
}

impl Hand {
    /// With the devices of a preset, and nobody on them.
    pub fn new(preset: &str, rules: Rules) -> Self {
        let mut machine = Machine::preset(preset).unwrap();
        machine.workloads.clear();
        let (inventory, mut sample) = read(&World::new(machine));
        sample.processes.clear();
        let meter = Meter::new("node-1".parse().unwrap(), rules);
        Self {
            inventory,
            sample,
            processes: Vec::new(),
            held: None,
            boot: 1,
            now: 100 * SECOND,
            wall: 1_700_000_000 * SECOND,
            history: History::new(),
            meter,
        }
    }

    pub fn device(&self, at: usize) -> &Device {
        &self.inventory.devices[at]
    }

    pub fn unit(&self, at: usize) -> UnitId {
        self.device(at).id.into()
    }

    /// The unit at that place in the inventory's list of units.
    pub fn units(&self) -> Vec<UnitId> {
        self.inventory.units().collect()
    }

    pub fn reading(&mut self, unit: UnitId) -> &mut Reading {
        &mut self.sample.units.iter_mut().find(|of| of.unit == unit).unwrap().reading
    }

    pub fn energy(&mut self, unit: UnitId, value: u64) {
        self.reading(unit).energy = measured(Microjoules(value));
    }

    pub fn busy(&mut self, unit: UnitId, permille: u64) {
        self.reading(unit).busy = measured(Permille(permille));
    }

    pub fn memory(&mut self, unit: UnitId, total: u64, reserved: Option<u64>, used: u64) {
        let reading = self.reading(unit);
        reading.memory_total = measured(Bytes(total));
        reading.memory_used = measured(Bytes(used));
        reading.memory_reserved = reserved.map_or(Err(WHY), |reserved| measured(Bytes(reserved)));
    }

    /// Starts a process of an owner.
    pub fn run(&mut self, pid: u32, unit: UnitId, owner: Option<Owner>, memory: u64, busy: Option<u64>) {
        let (start, memory) = (self.now - 1, Some(memory));
        self.processes.push(Process { pid, start, unit, owner, memory, busy });
    }

    pub fn of(&mut self, pid: u32) -> &mut Process {
        self.processes.iter_mut().find(|process| process.pid == pid).unwrap()
    }

    pub fn attribution(&mut self) -> Attribution {
        let (boot, now) = (self.boot_id(), BootTime(self.now));
        let mut sweep = Sweep::new();
        sweep.pids = PidView::Host;
        self.sample.processes.clear();
        for process in &self.processes {
            let key = ProcessKey { boot, pid: Pid(process.pid), start: BootTime(process.start) };
            if !sweep.processes.iter().any(|of: &SweptProcess| of.key == key) {
                let mut swept = SweptProcess::new(key, ProcessName::new(b"test"));
                swept.owner = process.owner.clone().ok_or(Absence::Lost);
                sweep.processes.push(swept);
            }
            let mut reading = ProcessReading::new(process.unit, Pid(process.pid), PidView::Host, WHY);
            reading.start = Ok(key.start);
            reading.name = Ok(ProcessName::new(b"test"));
            if let Some(memory) = process.memory {
                reading.memory = Ok(Measured::new(Bytes(memory), now, Source::Nvml));
            }
            if let Some(busy) = process.busy {
                reading.compute_time = Ok(Measured::new(Nanoseconds(busy), now, Source::Fdinfo));
            }
            self.sample.processes.push(reading);
        }
        sweep.processes.sort_by_key(|process| process.key.pid);
        attribute(&Look::new(&self.inventory, &self.sample, &sweep), &mut self.history)
    }

    pub fn boot_id(&self) -> BootId {
        BootId(Uuid([self.boot; 16]))
    }

    pub fn moment(&self) -> Moment {
        Moment { boot: self.boot_id(), since_boot: BootTime(self.now), wall: WallTime(self.wall) }
    }

    /// Looks, and tells the meter.
    pub fn try_look(&mut self) -> Result<(), Refused> {
        let attribution = self.attribution();
        let mut look = Observation::new(self.moment(), &self.inventory, &self.sample, &attribution);
        if let Some(held) = &self.held {
            look = look.held(held);
        }
        self.meter.observe(&look)
    }

    pub fn look(&mut self) {
        self.try_look().unwrap();
    }

    /// Lets so much time pass.
    pub fn pass(&mut self, ns: u64) {
        self.now += ns;
        self.wall += ns;
    }

    /// Closes the statement, which holds what always holds.
    pub fn close(&mut self) -> Statement {
        let statement = self.meter.close();
        statement.check().unwrap();
        statement
    }
}

#[allow(clippy::unnecessary_wraps)] // the form in which readings hold values
pub fn measured<T>(value: T) -> Result<Measured<T>, Absence> {
    Ok(Measured::new(value, BootTime(1), Source::Nvml))
}

pub fn read(world: &World) -> (Inventory, Sample) {
    let host = Host::from(world);
    let (mut inventory, mut sample) = (Inventory::new(), Sample::new());
    for backend in host.discoveries.iter().filter_map(|of| of.backend.as_ref()) {
        inventory.append(backend.inventory().unwrap());
        backend.sample_into(&Query::everything(), &mut sample).unwrap();
    }
    (inventory, sample)
}

/// Everything that a look at a host is made of, joined as `gpu_accounting::Node` does.
pub fn take(host: &Host) -> (Inventory, Sample, Sweep) {
    let (mut inventory, mut sample, mut sweep) = (Inventory::new(), Sample::new(), Sweep::new());
    for backend in host.discoveries.iter().filter_map(|of| of.backend.as_ref()) {
        inventory.append(backend.inventory().unwrap());
        backend.sample_into(&Query::everything().with_ended(), &mut sample).unwrap();
    }
    let pids: Vec<Pid> = sample.processes.iter().map(|process| process.pid).collect();
    let request = SweepRequest::new(&[], &pids).with_owners();
    host.sweeper.sweep_into(&request, &mut sweep).unwrap();
    for process in &mut sample.processes {
        if let Some(swept) = sweep.process(process.pid) {
            (process.start, process.name) = (Ok(swept.key.start), Ok(swept.name));
        }
    }
    (inventory, sample, sweep)
}

/// A container of that digit.
pub fn docker(digit: char) -> Owner {
    cgroup::owner(&format!("0::/docker/{}\n", digit.to_string().repeat(64)))
}
