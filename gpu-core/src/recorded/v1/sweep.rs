//! Sweeps as words: one row a process.

use crate::drm_client::{DrmClient, DrmEngine, DrmRegion};
use crate::process::{Pid, ProcessKey};
use crate::quantity::{Bytes, Hertz, Nanoseconds};
use crate::recorded::frame::Kind;
use crate::recorded::moment::Rowed;
use crate::recorded::words::{Row, Taken};
use crate::sandbox::Sandbox;
use crate::stored::Error;
use crate::sweep::{EndedProcess, Sweep, SweptProcess};
use crate::time::BootTime;

use super::fact::{read_result, write_result};
use super::inventory::{read_number, write_number};
use super::owner::{read_owner, write_owner};
use super::sample::{read_name, read_view, write_name, write_view};

pub(crate) fn write_sweep(to: &mut Rowed<'_>, sweep: &Sweep) {
    let Sweep {
        processes,
        ended,
        forgotten,
        unreadable,
        postponed,
        unwatched,
        unreadable_clients,
        repeated_clients,
        asleep_clients,
        pids,
    } = sweep;
    to.row(Kind::Sweep, &"", |to| {
        write_view(to, *pids);
        for count in [
            forgotten,
            unreadable,
            postponed,
            unwatched,
            unreadable_clients,
            repeated_clients,
            asleep_clients,
        ] {
            to.num(*count);
        }
    });
    for process in processes {
        to.row(Kind::Swept, &process.key.pid, |to| write_swept(to, process));
    }
    for process in ended {
        to.row(Kind::SweptEnded, &process.key.pid, |to| write_ended(to, process));
    }
}

pub(crate) fn read_sweep_row(
    from: &mut Taken<'_>,
    kind: Kind,
    sweep: &mut Option<Sweep>,
) -> Result<(), Error> {
    if kind == Kind::Sweep {
        let mut new = Sweep::new();
        new.pids = read_view(from)?;
        new.forgotten = from.num()?;
        new.unreadable = from.num()?;
        new.postponed = from.num()?;
        new.unwatched = from.num()?;
        new.unreadable_clients = from.num()?;
        new.repeated_clients = from.num()?;
        new.asleep_clients = from.num()?;
        *sweep = Some(new);
        return Ok(());
    }
    let Some(sweep) = sweep else { return Err(from.wrong("processes of no sweep")) };
    match kind {
        Kind::Swept => {
            let process = read_swept(from)?;
            // They are looked up by number.
            if sweep.processes.last().is_some_and(|last| last.key.pid >= process.key.pid) {
                return Err(from.wrong("processes that do not ascend"));
            }
            sweep.processes.push(process);
        }
        _ => sweep.ended.push(read_ended(from)?),
    }
    Ok(())
}

fn write_key(to: &mut Row<'_>, key: &ProcessKey) {
    let ProcessKey { boot, pid, start } = key;
    to.shown(boot);
    to.num(pid.0);
    to.num(start.0);
}

fn read_key(from: &mut Taken<'_>) -> Result<ProcessKey, Error> {
    Ok(ProcessKey { boot: from.parsed("no boot")?, pid: Pid(from.num()?), start: BootTime(from.word()?) })
}

fn write_swept(to: &mut Row<'_>, process: &SweptProcess) {
    let SweptProcess { key, name, holds, clients, owner, sandbox } = process;
    write_key(to, key);
    write_name(to, *name);
    to.list(holds, |to, number| write_number(to, *number));
    write_result(to, owner.as_ref().map_err(|absence| *absence), write_owner);
    to.maybe(*sandbox, |to, sandbox| {
        to.num(match sandbox {
            Sandbox::Gvisor => 0_u64,
            Sandbox::VirtualMachine => 1,
        });
    });
    to.list(clients, write_client);
}

fn read_swept(from: &mut Taken<'_>) -> Result<SweptProcess, Error> {
    let mut process = SweptProcess::new(read_key(from)?, read_name(from)?);
    process.holds = from.list(read_number)?;
    process.owner = read_result(from, read_owner)?;
    process.sandbox = from.maybe(|from| match from.word()? {
        0 => Ok(Sandbox::Gvisor),
        1 => Ok(Sandbox::VirtualMachine),
        _ => Err(from.wrong("no sort of sandbox")),
    })?;
    process.clients = from.list(read_client)?;
    Ok(process)
}

fn write_client(to: &mut Row<'_>, client: &DrmClient) {
    let DrmClient { node, driver, pdev, id, also, engines, regions, unknown, malformed } = client;
    write_number(to, *node);
    to.maybe(driver.as_ref(), Row::shown);
    to.maybe(pdev.as_ref(), Row::shown);
    to.maybe(*id, Row::num);
    to.list(also, |to, pid| to.num(pid.0));
    to.num(*unknown);
    to.num(*malformed);
    to.list(engines, write_engine);
    to.list(regions, write_region);
}

fn read_client(from: &mut Taken<'_>) -> Result<DrmClient, Error> {
    Ok(DrmClient {
        node: read_number(from)?,
        driver: from.maybe(|from| from.parsed("no name of a driver"))?,
        pdev: from.maybe(|from| from.parsed("no PCI address"))?,
        id: from.maybe(Taken::word)?,
        also: from.list(|from| from.num().map(Pid))?,
        unknown: from.num()?,
        malformed: from.num()?,
        engines: from.list(read_engine)?,
        regions: from.list(read_region)?,
    })
}

fn write_engine(to: &mut Row<'_>, engine: &DrmEngine) {
    let DrmEngine { name, time, cycles, total_cycles, capacity, max_frequency } = engine;
    to.shown(name);
    to.maybe(time.map(Nanoseconds::get), Row::num);
    to.maybe(*cycles, Row::num);
    to.maybe(*total_cycles, Row::num);
    to.num(*capacity);
    to.maybe(max_frequency.map(Hertz::get), Row::num);
}

fn read_engine(from: &mut Taken<'_>) -> Result<DrmEngine, Error> {
    Ok(DrmEngine {
        name: from.parsed("no name of an engine")?,
        time: from.maybe(Taken::word)?.map(Nanoseconds),
        cycles: from.maybe(Taken::word)?,
        total_cycles: from.maybe(Taken::word)?,
        capacity: from.num()?,
        max_frequency: from.maybe(Taken::word)?.map(Hertz),
    })
}

fn write_region(to: &mut Row<'_>, region: &DrmRegion) {
    let DrmRegion { name, total, shared, resident, purgeable, active, evicted, requested } = region;
    to.shown(name);
    for bytes in [total, shared, resident, purgeable, active, evicted, requested] {
        to.maybe(bytes.map(Bytes::get), Row::num);
    }
}

fn read_region(from: &mut Taken<'_>) -> Result<DrmRegion, Error> {
    let mut region = DrmRegion::new(from.parsed("no name of a region")?);
    let DrmRegion { name: _, total, shared, resident, purgeable, active, evicted, requested } = &mut region;
    for bytes in [total, shared, resident, purgeable, active, evicted, requested] {
        *bytes = from.maybe(Taken::word)?.map(Bytes);
    }
    Ok(region)
}

fn write_ended(to: &mut Row<'_>, process: &EndedProcess) {
    let EndedProcess { key, name, owner, last_seen } = process;
    write_key(to, key);
    write_name(to, *name);
    write_result(to, owner.as_ref().map_err(|absence| *absence), write_owner);
    to.num(last_seen.0);
}

fn read_ended(from: &mut Taken<'_>) -> Result<EndedProcess, Error> {
    let mut ended = EndedProcess::new(read_key(from)?, read_name(from)?, BootTime(0));
    ended.owner = read_result(from, read_owner)?;
    ended.last_seen = BootTime(from.word()?);
    Ok(ended)
}
