//! [`EndedUse`]: what somebody's process used that ended between two looks.

use super::basis::Basis;
use super::history::History;
use super::holder::Holder;
use super::look::Look;
use crate::absence::{Absence, Need};
use crate::ended::EndedReading;
use crate::id::DeviceId;
use crate::owner::Owner;
use crate::process::{Pid, ProcessKey, ProcessName};
use crate::quantity::{Bytes, Nanoseconds};
use crate::sweep::EndedProcess;
use crate::time::BootTime;

/// By how much two clocks' ideas of one moment may differ.
const SLACK: Nanoseconds = Nanoseconds(2_000_000_000);

/// What a process that has ended used of a device in its whole life, told once.
#[derive(Clone, PartialEq, Eq, Debug)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[non_exhaustive]
pub struct EndedUse {
    /// The device.
    pub device: DeviceId,
    /// Whose it was: known when a sweep saw the process alive.
    pub holder: Holder,
    /// Its number.
    pub pid: Pid,
    /// Its name, where a sweep saw it.
    pub name: Option<ProcessName>,
    /// When it began to use the device.
    #[cfg_attr(feature = "serde", serde(serialize_with = "crate::process::serialize_fact"))]
    pub began: Result<BootTime, Absence>,
    /// For how long it used it.
    #[cfg_attr(feature = "serde", serde(serialize_with = "crate::process::serialize_fact"))]
    pub lasted: Result<Nanoseconds, Absence>,
    /// Most device memory that it held at a time.
    #[cfg_attr(feature = "serde", serde(serialize_with = "crate::process::serialize_fact"))]
    pub memory_peak: Result<Bytes, Absence>,
    /// How long the shaders worked for it: the driver's estimate of the part, of how long it lasted.
    #[cfg_attr(feature = "serde", serde(serialize_with = "crate::process::serialize_fact"))]
    pub time: Result<Nanoseconds, Absence>,
    /// How much of that time is in no line of an earlier look: what is to be added to those, once.
    #[cfg_attr(feature = "serde", serde(serialize_with = "crate::process::serialize_fact"))]
    pub unseen: Result<Nanoseconds, Absence>,
    /// Where the numbers came from: estimated.
    pub basis: Basis,
}

/// The processes that ended since the last look.
pub(super) fn ended(look: &Look<'_>, history: &mut History) -> Vec<EndedUse> {
    let mut uses = Vec::new();
    for list in &look.sample.ended {
        let before = list.processes.is_ok() && history.is_first_answer(list.device);
        for process in list.processes.iter().flatten() {
            if history.is_told(list.device, process) || before {
                continue;
            }
            uses.push(one(look, list.device, process, history));
        }
    }
    history.keep_told(&look.sample.ended);
    uses
}

fn one(look: &Look<'_>, device: DeviceId, process: &EndedReading, history: &History) -> EndedUse {
    let seen = seen(look, process);
    let holder = match &seen {
        Ok(seen) => seen.owner.clone().map_or_else(Holder::Unknown, Holder::Owner),
        Err(why) => Holder::Unknown(*why),
    };
    let time = process.busy.and_then(|busy| Ok(super::history::part(process.lasted?, busy)));
    let counted = seen.map_or(Nanoseconds::ZERO, |seen| history.counted_so_far(device, &seen.key));
    EndedUse {
        device,
        holder,
        pid: process.pid,
        name: seen.ok().map(|seen| seen.name),
        began: process.began,
        lasted: process.lasted,
        memory_peak: process.memory_peak,
        time,
        unseen: time.map(|time| time.saturating_sub(counted)),
        basis: Basis::Estimated(process.source),
    }
}

/// A process as a sweep saw it.
#[derive(Clone, Copy)]
struct Seen<'a> {
    key: ProcessKey,
    name: ProcessName,
    owner: &'a Result<Owner, Absence>,
}

/// The process as the last sweep that saw it did: the same number, and alive when it began.
fn seen<'a>(look: &Look<'a>, process: &EndedReading) -> Result<Seen<'a>, Absence> {
    const NEVER: Absence = Absence::NotSupported { why: "it was never seen alive" };
    if !process.pid_view.is_same(look.sweep.pids) {
        return Err(Absence::NotPermitted { needs: Need::HostPids });
    }
    let began = process.began?;
    let lived = |of: &&EndedProcess| of.key.start <= began.plus(SLACK) && began <= of.last_seen.plus(SLACK);
    if let Some(of) = look.sweep.ended_with(process.pid).find(lived) {
        return Ok(Seen { key: of.key, name: of.name, owner: &of.owner });
    }
    // It ended after the sweep of this very look, or has only left the device.
    let alive = look.sweep.process(process.pid).filter(|of| of.key.start <= began.plus(SLACK));
    alive.map(|of| Seen { key: of.key, name: of.name, owner: &of.owner }).ok_or(NEVER)
}
