//! Whose a use is: from what processes show to what each container, job and service uses of each
//! unit, with where each number came from.
//!
//! [`attribute`] is a function of one [`Look`] and of what earlier looks left in a [`History`]: no
//! clock, no I/O. `gpu_accounting::Node` and its `Watch` bring the parts together.
//!
//! # Rules
//! - Processes stand on the smallest unit that the driver names: those in a MIG instance on the
//!   instance. A [`Line`] is one owner's processes of one [`Role`] on one unit; containers of one
//!   pod are kept apart; what runs outside of containers has lines of its own.
//! - A number is measured, estimated by the driver, or apportioned by a rule that is named
//!   ([`Basis`]); or it is absent with its reason. Two accounts of the same memory (AMD's compute
//!   driver and DRM) are never added.
//! - An owner is believed where the driver's process numbers are of the namespace that the sweep
//!   reads, and the process is the same by its start; elsewhere the holder is
//!   [`Holder::Unknown`], with the reason.
//! - Parts that make more than the whole (MPS, sampling noise) are scaled to it and say so.
//! - A process that ended between two looks is told once, by what its driver remembers
//!   ([`EndedUse`]): whose it was, where a sweep saw it alive by number and start, and how much of
//!   its time is in no earlier line.
//! - [`Balance`]: lines, what is used by nobody that can be named, and what is free make up the
//!   unit's own total exactly.
//!
//! ```
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! use gpu_core::attribution::{History, Look, attribute};
//! use gpu_core::{Host, Sample, Query, Sweep, SweepRequest};
//! let host = Host::from(gpu_sim::Machine::preset("mixed")?);
//! let (mut inventory, mut sample) = (gpu_core::Inventory::new(), Sample::new());
//! for backend in host.discoveries.iter().filter_map(|of| of.backend.as_ref()) {
//!     inventory.append(backend.inventory()?);
//!     backend.sample_into(&Query::everything(), &mut sample)?;
//! }
//! let pids: Vec<_> = sample.processes.iter().map(|process| process.pid).collect();
//! let mut sweep = Sweep::new();
//! host.sweeper.sweep_into(&SweepRequest::new(&[], &pids).with_owners(), &mut sweep)?;
//! let attribution = attribute(&Look::new(&inventory, &sample, &sweep), &mut History::new());
//! for line in &attribution.lines {
//!     println!("{} {} {:?}", line.holder, line.unit, line.memory);
//! }
//! # Ok(())
//! # }
//! ```

mod balance;
mod basis;
mod ended;
mod engine;
mod history;
mod holder;
mod line;
mod look;
mod part;
mod standing;

pub use balance::{Balance, UnitBalance};
pub use basis::{Attributed, Basis, Rule};
pub use ended::EndedUse;
pub use engine::{Engine, EngineUse};
pub use history::History;
pub use holder::{Holder, Role};
pub use line::{Line, LineProcess};
pub use look::{Look, MpsRule};
pub use standing::{Contradiction, ContradictionKind, Standing};

use basis::Sum;
use part::Part;

use crate::absence::Absence;
use crate::apportion::apportion;
use crate::id::UnitId;
use crate::kernel_memory::{MemoryComparison, compare_memory};
use crate::owner::{Container, Owner, Pod, SlurmJob};
use crate::quantity::{Bytes, Nanoseconds, Permille};
use crate::reading::Reading;

/// Who uses what, at one look.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[non_exhaustive]
pub struct Attribution {
    /// What each owner uses of each unit: in the order of the inventory, then by owner.
    pub lines: Vec<Line>,
    /// How the lines make up what each unit shows, in the order of the inventory.
    pub balances: Vec<UnitBalance>,
    /// What processes used that ended since the look before; those that an embedder adds up, once.
    pub ended: Vec<EndedUse>,
    /// The kernel's own account of device memory beside the lines', by owner and device, where the
    /// kernel keeps one: two accounts, never added.
    pub memory_accounts: Vec<MemoryComparison>,
    /// What is at odds between what was given and what is used; empty when no evidence was
    /// looked for.
    pub contradictions: Vec<Contradiction>,
}

impl Attribution {
    /// The lines of each container that has any, by container.
    pub fn by_container(&self) -> impl Iterator<Item = (&Container, Vec<&Line>)> {
        self.grouped(|line| line.holder.container())
    }

    /// The lines of each pod's containers, by pod. Of a container in a user's own tree of cgroups the
    /// pod is that user's word, and it is in none.
    pub fn by_pod(&self) -> impl Iterator<Item = (&Pod, Vec<&Line>)> {
        self.grouped(|line| line.holder.container().filter(|of| of.user.is_none())?.pod.as_ref())
    }

    /// The lines of each Slurm job's steps and tasks, by job.
    pub fn by_job(&self) -> impl Iterator<Item = (u32, Vec<&Line>)> {
        self.grouped(|line| match line.holder.owner() {
            Some(Owner::Slurm(SlurmJob { job, .. })) => *job,
            _ => None,
        })
    }

    fn grouped<'a, K: Ord>(
        &'a self,
        key: impl Fn(&'a Line) -> Option<K>,
    ) -> impl Iterator<Item = (K, Vec<&'a Line>)> {
        let mut groups: Vec<(K, Vec<&Line>)> = Vec::new();
        for line in &self.lines {
            let Some(key) = key(line) else { continue };
            match groups.binary_search_by(|(known, _)| known.cmp(&key)) {
                Ok(at) => groups[at].1.push(line),
                Err(at) => groups.insert(at, (key, vec![line])),
            }
        }
        groups.into_iter()
    }

    /// The lines on a unit and on its parts.
    pub fn on(&self, unit: impl Into<UnitId>) -> impl Iterator<Item = &Line> {
        let unit = unit.into();
        self.lines.iter().filter(move |line| line.unit.lies_in(unit))
    }

    /// The balance of a unit, if it is in the inventory.
    #[must_use]
    pub fn balance(&self, unit: impl Into<UnitId>) -> Option<&UnitBalance> {
        let unit = unit.into();
        self.balances.iter().find(|balance| balance.unit == unit)
    }
}

/// Who uses what: the look's processes by owner and unit. Counters are counted from what `history`
/// has of the look before, and left in it for the next.
///
/// Deterministic: the same looks give the same answers, in the same order.
#[must_use]
pub fn attribute(look: &Look<'_>, history: &mut History) -> Attribution {
    history.begin(&look.sample.processes);
    let parts = part::parts(look, history);
    let units: Vec<UnitId> = look.inventory.units().collect();
    let mut lines = lines(&parts, &units);
    let unscaled = scale(&mut lines);
    count(&parts, &unscaled, history);
    let ended = ended::ended(look, history);
    history.end(look.sweep);
    let given = look.evidence.map(standing::Given::new);
    for line in &mut lines {
        line.standing = standing::standing(line.holder.owner(), line.unit, given.as_ref());
    }
    let balances = units.iter().map(|unit| balance(*unit, look, &lines, &unscaled)).collect();
    let contradictions = given.map(|given| standing::contradictions(&lines, &given)).unwrap_or_default();
    let memory_accounts = memory_accounts(look, &lines);
    Attribution { lines, balances, ended, memory_accounts, contradictions }
}

fn memory_accounts(look: &Look<'_>, lines: &[Line]) -> Vec<MemoryComparison> {
    let Some(kernel) = look.kernel_memory else { return Vec::new() };
    // The kernel keeps no account on devices whose driver feeds it none.
    let is_kept = |line: &&Line| kernel.iter().any(|of| of.device == line.unit.device());
    let shown = lines
        .iter()
        .filter(is_kept)
        .filter_map(|line| Some((line.holder.owner()?.clone(), line.unit.device(), line.memory.ok()?.value)));
    compare_memory(kernel, shown)
}

/// The parts of one owner and role on one unit make a line.
fn lines(parts: &[Part<'_>], units: &[UnitId]) -> Vec<Line> {
    let mut groups: Vec<Vec<&Part<'_>>> = Vec::new();
    for part in parts {
        let same = |group: &&mut Vec<&Part<'_>>| {
            let first = group[0];
            first.process.unit == part.process.unit && first.role == part.role && first.holder == part.holder
        };
        match groups.iter_mut().find(same) {
            Some(group) => group.push(part),
            None => groups.push(vec![part]),
        }
    }
    let mut lines: Vec<Line> = groups.iter().map(|group| line(group)).collect();
    lines.sort_by(|one, other| {
        // Units that the inventory does not have any more come last, and so do lines without an owner.
        let place = |line: &Line| units.iter().position(|unit| *unit == line.unit).unwrap_or(usize::MAX);
        let unit = place(one).cmp(&place(other)).then_with(|| one.unit.cmp(&other.unit));
        let (owner, of_other) = (one.holder.owner(), other.holder.owner());
        let known = owner.is_none().cmp(&of_other.is_none());
        unit.then(known).then_with(|| owner.cmp(&of_other)).then(one.role.cmp(&other.role))
    });
    lines
}

fn line(parts: &[&Part<'_>]) -> Line {
    let (mut memory, mut system_memory, mut occupied) = (Sum::NOTHING, Sum::NOTHING, Sum::NOTHING);
    let mut shared_with = Vec::new();
    for part in parts {
        memory.add(part.memory, Bytes::saturating_add);
        system_memory.add(part.system_memory, Bytes::saturating_add);
        occupied.add(part.occupied_units, crate::quantity::Count::saturating_add);
        shared_with.extend(part.shared_with.iter().cloned());
    }
    shared_with.sort_unstable();
    shared_with.dedup();
    let mut processes: Vec<LineProcess> = parts
        .iter()
        .map(|Part { process, .. }| LineProcess {
            pid: process.pid,
            start: process.start,
            name: process.name,
        })
        .collect();
    processes.sort_by_key(|process| process.pid);
    let engines: Vec<EngineUse> =
        Engine::ALL.iter().filter_map(|engine| engine_use(*engine, parts)).collect();
    Line {
        unit: parts[0].process.unit,
        holder: parts[0].holder.clone(),
        role: parts[0].role,
        processes,
        memory: memory.get(),
        system_memory: system_memory.get(),
        untold: untold(&engines, parts),
        engines,
        occupied_units: occupied.get(),
        shared_with,
        standing: Standing::NotAsked,
    }
}

/// What the parts have of one engine together, if any of them has a number.
fn engine_use(engine: Engine, parts: &[&Part<'_>]) -> Option<EngineUse> {
    let (mut shares, mut times) = (Sum::NOTHING, Sum::NOTHING);
    let mut covered = Err(Absence::NotYet);
    for part in parts {
        let work = part.engines[engine as usize];
        shares.add(work.map(|(work, basis)| (work.share, basis)), Permille::saturating_add);
        let time = work.and_then(|(work, basis)| Ok((work.time?, basis)));
        times.add(time, Nanoseconds::saturating_add);
        let this = work.and_then(|(work, _)| work.covered);
        covered = match (covered, this) {
            (Ok(longest), Ok(this)) => Ok(this.max(longest)),
            (Err(_), this) => this,
            (longest, Err(_)) => longest,
        };
    }
    let share = shares.get().ok()?;
    let time = times.get();
    // One that has a share and no time yet is missing in the time.
    let missing = time.map_or(share.missing, |time| time.missing.max(share.missing));
    let time = time.map(|time| time.value);
    Some(EngineUse { engine, share: share.value, time, covered, basis: share.basis, missing })
}

/// Why work is in no number: of reasons, one that may be gone at the next look before a lasting one.
fn untold(engines: &[EngineUse], parts: &[&Part<'_>]) -> Option<Absence> {
    let why = |engine| move |part: &&Part<'_>| part.engines[engine as usize].err();
    if parts.iter().filter_map(why(Engine::Compute)).any(|why| why == part::COMPUTE_DRIVER) {
        return Some(part::COMPUTE_DRIVER);
    }
    if !engines.is_empty() {
        return None;
    }
    let main = [Engine::Compute, Engine::Shader].iter().chain(Engine::ALL);
    let all: Vec<Absence> = main.flat_map(|engine| parts.iter().filter_map(why(*engine))).collect();
    let transient = all.iter().find(|why| why.is_transient());
    transient.or(all.first()).copied().or(Some(Absence::NotYet))
}

/// Scales the shares of a unit's shaders to the whole where they make more; hands out, by unit,
/// what they made before.
fn scale(lines: &mut [Line]) -> Vec<(UnitId, Permille)> {
    let mut unscaled = Vec::new();
    // The lines of one unit are together.
    for lines in lines.chunk_by_mut(|one, other| one.unit == other.unit) {
        let unit = lines[0].unit;
        let engines = lines.iter_mut().flat_map(|line| &mut line.engines);
        let mut uses: Vec<&mut EngineUse> = engines.filter(|of| of.engine == Engine::Shader).collect();
        let shares: Vec<u64> = uses.iter().map(|of| of.share.get()).collect();
        let sum = shares.iter().fold(0_u64, |sum, share| sum.saturating_add(*share));
        if sum <= 1000 {
            continue;
        }
        unscaled.push((unit, Permille(sum)));
        for (of, scaled) in uses.iter_mut().zip(apportion(1000, &shares)) {
            of.time = of.time.map(|time| scaled_time(time, scaled, of.share));
            of.share = Permille(scaled);
            of.basis = Basis::Apportioned(Rule::ScaledToWhole);
        }
    }
    unscaled
}

/// Notes what each process' line has had of the shaders' time, as it was scaled.
fn count(parts: &[Part<'_>], unscaled: &[(UnitId, Permille)], history: &mut History) {
    for part in parts {
        let Ok(time) = part.shader().and_then(|(work, _)| work.time) else { continue };
        let whole = unscaled.iter().find(|(unit, _)| *unit == part.process.unit);
        history.count(part.process, whole.map_or(time, |(_, sum)| scaled_time(time, 1000, *sum)));
    }
}

fn scaled_time(time: Nanoseconds, to: u64, from: Permille) -> Nanoseconds {
    let scaled = u128::from(time.get()) * u128::from(to) / u128::from(from.get().max(1));
    Nanoseconds(u64::try_from(scaled).unwrap_or(u64::MAX))
}

const NO_SHARES: Absence = Absence::NotSupported { why: "no process on it has a share of time" };

fn balance(unit: UnitId, look: &Look<'_>, lines: &[Line], unscaled: &[(UnitId, Permille)]) -> UnitBalance {
    let reading = look.sample.reading(unit);
    let on = || lines.iter().filter(move |line| line.unit.lies_in(unit));
    UnitBalance {
        unit,
        memory: memory_balance(reading, on()),
        shader: shader_balance(unit, reading, on()),
        unscaled_shares: unscaled.iter().find(|(of, _)| *of == unit).map(|(_, sum)| *sum),
    }
}

fn memory_balance<'a>(reading: &Reading, lines: impl Iterator<Item = &'a Line>) -> Result<Balance, Absence> {
    let attributed = lines
        .filter_map(|line| line.memory.ok())
        .fold(0_u64, |sum, memory| sum.saturating_add(memory.value.get()));
    let (total, used) = (reading.memory_total?.value, reading.memory_used?.value);
    // Where the driver tells none apart, what it keeps is in what is used.
    let reserved = reading.memory_reserved.map_or(0, |reserved| reserved.value.get());
    Ok(Balance::of(total.get(), reserved, used.get(), attributed))
}

/// The time of a unit's own shaders: under MIG each instance has its own, and a whole of all is
/// nobody's time.
fn shader_balance<'a>(
    unit: UnitId,
    reading: &Reading,
    lines: impl Iterator<Item = &'a Line>,
) -> Result<Balance, Absence> {
    let (mut attributed, mut without) = (0_u64, false);
    for line in lines {
        match line.engine(Engine::Shader) {
            Some(of) if line.unit == unit => attributed = attributed.saturating_add(of.share.get()),
            _ => without = true,
        }
    }
    let busy = reading.busy?.value;
    if without && attributed == 0 {
        return Err(NO_SHARES);
    }
    Ok(Balance::of(1000, 0, busy.get(), attributed))
}
