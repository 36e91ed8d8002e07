//! What each process uses, before it is added up by owner.

use super::basis::{Basis, Rule};
use super::engine::Engine;
use super::history::{History, Value, Work};
use super::holder::{Holder, Role};
use super::look::{Look, MpsRule};
use crate::absence::{Absence, Need};
use crate::apportion::apportion;
use crate::engine_cycles::EngineCycles;
use crate::id::UnitId;
use crate::measured::{Measured, Source};
use crate::owner::Owner;
use crate::process::{ProcessKinds, ProcessReading};
use crate::quantity::{Bytes, Count, Nanoseconds, Permille};
use crate::sweep::{Sweep, SweptProcess};

/// Name of the MPS server's processes: `nvidia-cuda-mps-server`, as the kernel cuts it.
const MPS_SERVER: &[u8] = b"nvidia-cuda-mps";

/// On AMD, work of the compute driver is in no engine counter.
pub(super) const COMPUTE_DRIVER: Absence = Absence::NotSupported {
    why: "the compute driver gives no engine time for a process; how many units it fills at a moment is no time",
};

type Fact<T> = Result<(T, Basis), Absence>;

/// What one process uses of one unit.
pub(super) struct Part<'a> {
    pub(super) process: &'a ProcessReading,
    pub(super) holder: Holder,
    pub(super) role: Role,
    pub(super) shared_with: Vec<Owner>,
    pub(super) memory: Fact<Bytes>,
    pub(super) system_memory: Fact<Bytes>,
    pub(super) occupied_units: Fact<Count>,
    /// In the order of [`Engine::ALL`].
    pub(super) engines: [Fact<Work>; Engine::ALL.len()],
}

impl Part<'_> {
    pub(super) const fn shader(&self) -> Fact<Work> {
        self.engines[Engine::Shader as usize]
    }
}

/// The parts of every process of the look, in the order of the sample.
pub(super) fn parts<'a>(look: &Look<'a>, history: &mut History) -> Vec<Part<'a>> {
    let processes = look.sample.processes.iter();
    let mut parts: Vec<Part<'a>> = processes.map(|process| part(process, look.sweep, history)).collect();
    spread_mps(look.mps, &mut parts);
    parts
}

fn part<'a>(process: &'a ProcessReading, sweep: &Sweep, history: &mut History) -> Part<'a> {
    let swept = swept(process, sweep);
    let holder = match &swept {
        Ok(swept) => match &swept.owner {
            Ok(owner) => Holder::Owner(owner.clone()),
            Err(why) => Holder::Unknown(*why),
        },
        Err(why) => Holder::Unknown(*why),
    };
    if let Ok(swept) = swept {
        history.rebase(process, &swept.clients);
    }
    let shared_with = swept.map(|swept| shared_with(swept, sweep)).unwrap_or_default();
    let memory = process.memory.or(process.client_memory);
    let is_shared = !shared_with.is_empty();
    let of_clients = |fact: Fact<Bytes>| match fact {
        Ok((value, Basis::Measured(Source::Fdinfo | Source::Simulated))) if is_shared => {
            Ok((value, Basis::Apportioned(Rule::FirstHolder)))
        }
        fact => fact,
    };
    Part {
        process,
        holder,
        role: role(process, swept.ok()),
        memory: of_clients(measured(memory)),
        system_memory: of_clients(measured(process.system_memory)),
        occupied_units: measured(process.occupied_units),
        engines: engines(process, is_shared, history),
        shared_with,
    }
}

fn measured<T>(fact: Result<Measured<T>, Absence>) -> Fact<T> {
    fact.map(|of| (of.value, Basis::Measured(of.source)))
}

/// The process as the sweep saw it, if it is the same.
fn swept<'a>(process: &ProcessReading, sweep: &'a Sweep) -> Result<&'a SweptProcess, Absence> {
    if !process.pid_view.is_same(sweep.pids) {
        return Err(Absence::NotPermitted { needs: Need::HostPids });
    }
    let swept = sweep.process(process.pid).ok_or(Absence::Lost)?;
    match process.start {
        // The number has passed to another process.
        Ok(start) if start != swept.key.start => Err(Absence::Lost),
        _ => Ok(swept),
    }
}

fn role(process: &ProcessReading, swept: Option<&SweptProcess>) -> Role {
    if let Some(sandbox) = swept.and_then(|swept| swept.sandbox) {
        return Role::Sandbox(sandbox);
    }
    let is_server = process.name.is_ok_and(|name| name.as_bytes() == MPS_SERVER);
    if is_server && process.unit.vendor() == crate::Vendor::NVIDIA { Role::MpsServer } else { Role::Program }
}

/// Other owners whose processes hold a client of this process'.
fn shared_with(swept: &SweptProcess, sweep: &Sweep) -> Vec<Owner> {
    let also = swept.clients.iter().flat_map(|client| &client.also);
    let owners = also.filter_map(|pid| sweep.process(*pid)?.owner.as_ref().ok());
    let mut others: Vec<Owner> = owners.filter(|owner| swept.owner.as_ref() != Ok(*owner)).cloned().collect();
    others.sort_unstable();
    others.dedup();
    others
}

fn engines(
    process: &ProcessReading,
    is_shared: bool,
    history: &mut History,
) -> [Fact<Work>; Engine::ALL.len()] {
    let mut engines = [Err(Absence::NotYet); Engine::ALL.len()];
    let estimates = [
        (Engine::Shader, process.busy),
        (Engine::Encoder, process.encoder_busy),
        (Engine::Decoder, process.decoder_busy),
    ];
    for (engine, fact) in estimates {
        if fact.is_err() {
            history.silent(process, engine);
        }
        let work = fact.map(|of| (history.estimated(process, engine, of), Basis::Estimated(of.source)));
        engines[engine as usize] = work;
    }
    let queues = process.queue_copy_time.map(|time| time.map(Value::QueueTime));
    let counters = [
        (Engine::Graphics, counter(process.graphics_time, process.graphics_cycles)),
        (Engine::Compute, compute(process)),
        // The compute driver's own queues and DRM's clients are two accounts of the same engines.
        (Engine::Copy, counter(process.copy_time, process.copy_cycles).or(queues)),
        (Engine::Video, counter(process.video_time, process.video_cycles)),
    ];
    for (engine, fact) in counters {
        let basis = |source| match is_shared {
            true => Basis::Apportioned(Rule::FirstHolder),
            false => Basis::Measured(source),
        };
        let work = fact.and_then(|of| Ok((history.counted(process, engine, of)?, basis(of.source))));
        engines[engine as usize] = work;
    }
    engines
}

/// A process of the compute driver shows no compute time in DRM's accounting: that it had none is
/// not said.
fn compute(process: &ProcessReading) -> Result<Measured<Value>, Absence> {
    let by_driver = process.occupied_units.is_ok() || process.queue_copy_time.is_ok();
    match process.compute_time {
        Ok(time) if by_driver && time.value == Nanoseconds::ZERO => Err(COMPUTE_DRIVER),
        Err(_) if by_driver => Err(COMPUTE_DRIVER),
        time => counter(time, process.compute_cycles),
    }
}

/// What an engine's counter stands at: in time, or in cycles where the driver counts those.
fn counter(
    time: Result<Measured<Nanoseconds>, Absence>,
    cycles: Result<Measured<EngineCycles>, Absence>,
) -> Result<Measured<Value>, Absence> {
    match (time, cycles) {
        (Err(_), Ok(cycles)) => Ok(cycles.map(Value::Cycles)),
        (time, _) => time.map(|time| time.map(Value::Time)),
    }
}

/// Spreads the servers' time over their clients, unit by unit.
fn spread_mps(rule: MpsRule, parts: &mut [Part<'_>]) {
    if rule == MpsRule::KeepApart {
        return;
    }
    let servers: Vec<usize> = (0..parts.len()).filter(|at| parts[*at].role == Role::MpsServer).collect();
    for server in servers {
        let unit = parts[server].process.unit;
        let Ok((work, _)) = parts[server].shader() else { continue };
        let clients: Vec<usize> = (0..parts.len()).filter(|at| is_idle_client(&parts[*at], unit)).collect();
        let weight = |at: &usize| match rule {
            MpsRule::ByMemory => parts[*at].memory.map_or(0, |(memory, _)| memory.get()),
            _ => 1,
        };
        let weights: Vec<u64> = clients.iter().map(weight).collect();
        if weights.iter().all(|weight| *weight == 0) {
            continue;
        }
        let rule = if rule == MpsRule::ByMemory { Rule::MpsByMemory } else { Rule::MpsEqually };
        let shares = apportion(work.share.get(), &weights);
        let times = work.time.map(|time| apportion(time.get(), &weights));
        for (n, client) in clients.into_iter().enumerate() {
            let time = times.as_ref().map(|times| Nanoseconds(times[n])).map_err(|why| *why);
            let given = Work { share: Permille(shares[n]), time, covered: work.covered };
            parts[client].engines[Engine::Shader as usize] = Ok((given, Basis::Apportioned(rule)));
        }
        // Given away: nothing of it is counted twice.
        let nothing = Work { share: Permille::ZERO, time: work.time.map(|_| Nanoseconds::ZERO), ..work };
        parts[server].engines[Engine::Shader as usize] = Ok((nothing, Basis::Apportioned(rule)));
    }
}

/// A client of an MPS server that the driver shows no time of.
fn is_idle_client(part: &Part<'_>, unit: UnitId) -> bool {
    let shows_time = part.shader().is_ok_and(|(work, _)| work.share != Permille::ZERO);
    part.process.unit == unit && part.process.kinds.contains(ProcessKinds::MPS_CLIENT) && !shows_time
}
