//! Joins what drivers say of processes with what `/proc` says.

use gpu_core::{
    Absence, DeviceId, DeviceNumber, Inventory, Need, Pid, PidView, ProcessReading, Sweep, SweepRequest,
    Sweeper, SweptProcess, UnitId,
};

/// Room that one sample after the other uses.
#[derive(Debug, Default)]
pub(crate) struct Scratch {
    pids: Vec<Pid>,
    sweep: Sweep,
}

/// Fills in names and start times of the processes whose numbers mean the same in the sweeper's
/// namespace; the others get the reason.
pub(crate) fn identify(
    sweeper: &dyn Sweeper,
    swept_as: PidView,
    scratch: &mut Scratch,
    processes: &mut [ProcessReading],
) {
    let Scratch { pids, sweep } = scratch;
    pids.clear();
    pids.extend(processes.iter().filter(|p| p.pid_view.is_same(swept_as)).map(|p| p.pid));
    pids.sort_unstable();
    pids.dedup();
    let swept = sweeper.sweep_into(&SweepRequest::new(&[], pids), sweep);
    describe(swept.is_ok().then_some(&*sweep), swept_as, processes);
}

/// Fills in names and start times from a sweep that has the processes; without one, why not.
pub(crate) fn describe(sweep: Option<&Sweep>, swept_as: PidView, processes: &mut [ProcessReading]) {
    for process in processes {
        let found = if !process.pid_view.is_same(swept_as) {
            Err(Absence::NotPermitted { needs: Need::HostPids })
        } else {
            let sweep = sweep.ok_or(Absence::Failed { at: "the process list", code: None });
            // It ended since the driver named it, or it may not be looked at.
            sweep.and_then(|sweep| sweep.process(process.pid).ok_or(Absence::Lost))
        };
        process.start = found.map(|process| process.key.start);
        process.name = found.map(|process| process.name);
    }
}

/// Sweeps the processes that the drivers name and `sweep` does not have yet, too.
pub(crate) fn complete(
    sweeper: &dyn Sweeper,
    swept_as: PidView,
    scratch: &mut Scratch,
    sweep: &mut Sweep,
    processes: &[ProcessReading],
) {
    let Scratch { pids, sweep: named } = scratch;
    pids.clear();
    let is_new = |p: &&ProcessReading| p.pid_view.is_same(swept_as) && sweep.process(p.pid).is_none();
    pids.extend(processes.iter().filter(is_new).map(|p| p.pid));
    pids.sort_unstable();
    pids.dedup();
    if !pids.is_empty() && sweeper.sweep_into(&SweepRequest::new(&[], pids).with_owners(), named).is_ok() {
        sweep.absorb(named);
    }
}

/// The device files of an inventory, each with the smallest unit that it opens, by number.
pub(crate) fn holders(inventory: &Inventory) -> Vec<(DeviceNumber, UnitId)> {
    let mut holders = Vec::new();
    for device in &inventory.devices {
        let parts = device.all_partitions().map(|part| (UnitId::from(part.id), &part.nodes));
        for (unit, nodes) in std::iter::once((UnitId::from(device.id), &device.nodes)).chain(parts) {
            holders.extend(nodes.iter().filter_map(|node| Some((node.number?, unit))));
        }
    }
    // A file that opens a device and a part of it stands for the part: the last one listed.
    holders.reverse();
    holders.sort_by_key(|(number, _)| *number);
    holders.dedup_by_key(|(number, _)| *number);
    holders
}

/// Adds the processes that hold a unit's device file and that no driver named on that device.
pub(crate) fn add_holders(
    sweep: &Sweep,
    holders: &[(DeviceNumber, UnitId)],
    swept_as: PidView,
    processes: &mut Vec<ProcessReading>,
) {
    let same = processes.iter().filter(|process| process.pid_view.is_same(swept_as));
    let mut named: Vec<(Pid, DeviceId)> = same.map(|process| (process.pid, process.unit.device())).collect();
    named.sort_unstable();
    for swept in &sweep.processes {
        let mut units: Vec<UnitId> = swept
            .holds
            .iter()
            .filter_map(|number| {
                let at = holders.binary_search_by_key(number, |(number, _)| *number).ok()?;
                Some(holders[at].1)
            })
            .collect();
        units.sort_unstable();
        units.dedup();
        for unit in units {
            if named.binary_search(&(swept.key.pid, unit.device())).is_err() {
                processes.push(holder(swept, unit, swept_as));
            }
        }
    }
}

/// A process of which only is known that it holds the unit's device file open.
fn holder(swept: &SweptProcess, unit: UnitId, swept_as: PidView) -> ProcessReading {
    const WHY: Absence =
        Absence::NotSupported { why: "it holds the device file; the driver does not say what it uses" };
    let mut reading = ProcessReading::new(unit, swept.key.pid, swept_as, WHY);
    reading.start = Ok(swept.key.start);
    reading.name = Ok(swept.name);
    reading
}
