//! Samples as words: one row a unit, one a process on a unit.

use crate::absence::Absence;
use crate::ended::{EndedList, EndedReading};
use crate::process::{Pid, PidView, ProcessKinds, ProcessName, ProcessReading};
use crate::reading::{Metric, Reading};
use crate::recorded::frame::Kind;
use crate::recorded::moment::Rowed;
use crate::recorded::words::{Row, Taken};
use crate::sample::{Sample, UnitReading};
use crate::stored::Error;

use super::fact::{
    Value, read_measured, read_result, read_source, read_value, write_measured, write_result, write_source,
};
use super::inventory::{read_problem, write_problem};

/// Cursors are the caller's, and stay there.
pub(crate) fn write_sample(to: &mut Rowed<'_>, sample: &Sample) {
    let Sample { units, processes, ended, problems, cursors: _ } = sample;
    for of in units {
        let UnitReading { unit, reading } = of;
        to.row(Kind::Unit, unit, |to| {
            to.shown(unit);
            reading.write(to);
        });
    }
    for process in processes {
        to.row(Kind::Process, &format_args!("{} {}", process.pid, process.unit), |to| {
            write_process(to, process)
        });
    }
    for list in ended {
        to.row(Kind::Ended, &list.device, |to| write_ended(to, list));
    }
    to.row(Kind::SampleProblems, &"", |to| to.list(problems, write_problem));
}

pub(crate) fn read_sample_row(
    from: &mut Taken<'_>,
    kind: Kind,
    metrics: &[Option<Metric>],
    sample: &mut Sample,
) -> Result<(), Error> {
    match kind {
        Kind::Unit => {
            let unit = from.parsed("no id of a unit")?;
            sample.units.push(UnitReading { unit, reading: read_reading(from, metrics)? });
        }
        Kind::Process => sample.processes.push(read_process(from)?),
        Kind::Ended => sample.ended.push(read_ended(from)?),
        _ => sample.problems = from.list(read_problem)?,
    }
    Ok(())
}

/// A reading in the order of the metrics that the recording names. One that this release does not
/// know is passed over, and one that the recording does not know is absent for that reason.
fn read_reading(from: &mut Taken<'_>, metrics: &[Option<Metric>]) -> Result<Reading, Error> {
    let mut reading =
        Reading::absent(Absence::NotSupported { why: "the recording does not know this metric" });
    for metric in metrics {
        match metric {
            Some(metric) => reading.read(*metric, from)?,
            None => {
                for _ in 0..6 {
                    from.word()?;
                }
            }
        }
    }
    Ok(reading)
}

pub(super) fn write_view(to: &mut Row<'_>, view: PidView) {
    to.num(match view {
        PidView::Host => 0_u64,
        PidView::Caller => 1,
        PidView::Mounted => 2,
        PidView::Unknown => 3,
    });
}

pub(super) fn read_view(from: &mut Taken<'_>) -> Result<PidView, Error> {
    Ok(match from.word()? {
        0 => PidView::Host,
        1 => PidView::Caller,
        2 => PidView::Mounted,
        3 => PidView::Unknown,
        _ => return Err(from.wrong("no namespace of process numbers")),
    })
}

/// Fifteen bytes and how many of them count, in two words: names are not always text.
pub(super) fn write_name(to: &mut Row<'_>, name: ProcessName) {
    let mut bytes = [0; 16];
    let used = name.as_bytes();
    bytes[..used.len()].copy_from_slice(used);
    #[allow(clippy::cast_possible_truncation)] // at most 15
    let len = used.len() as u8;
    bytes[15] = len;
    let name = u128::from_le_bytes(bytes);
    #[allow(clippy::cast_possible_truncation)] // the two halves
    to.words.extend([name as u64, (name >> 64) as u64]);
}

pub(super) fn read_name(from: &mut Taken<'_>) -> Result<ProcessName, Error> {
    let (low, high) = (from.word()?, from.word()?);
    let bytes = (u128::from(high) << 64 | u128::from(low)).to_le_bytes();
    let name = bytes.get(..usize::from(bytes[15])).filter(|name| name.len() < 16);
    name.map(ProcessName::new).ok_or_else(|| from.wrong("a name that is longer than the kernel's"))
}

fn write_process(to: &mut Row<'_>, process: &ProcessReading) {
    let ProcessReading {
        unit,
        pid,
        pid_view,
        start,
        name,
        kinds,
        memory,
        busy,
        memory_busy,
        encoder_busy,
        decoder_busy,
        occupied_units,
        queue_copy_time,
        clients,
        client_memory,
        system_memory,
        evicted_memory,
        graphics_time,
        compute_time,
        copy_time,
        video_time,
        shared_memory,
        graphics_cycles,
        compute_cycles,
        copy_cycles,
        video_cycles,
    } = process;
    to.shown(unit);
    to.num(pid.0);
    write_view(to, *pid_view);
    write_result(to, *start, |to, start| to.num(start.0));
    write_result(to, *name, write_name);
    to.num(
        [(ProcessKinds::COMPUTE, 1), (ProcessKinds::GRAPHICS, 2), (ProcessKinds::MPS_CLIENT, 4)]
            .into_iter()
            .filter(|(kind, _)| kinds.contains(*kind))
            .map(|(_, bit)| bit)
            .sum::<u64>(),
    );
    [memory, client_memory, system_memory, evicted_memory, shared_memory]
        .into_iter()
        .for_each(|fact| write_measured(to, fact));
    [busy, memory_busy, encoder_busy, decoder_busy].into_iter().for_each(|fact| write_measured(to, fact));
    [occupied_units, clients].into_iter().for_each(|fact| write_measured(to, fact));
    [queue_copy_time, graphics_time, compute_time, copy_time, video_time]
        .into_iter()
        .for_each(|fact| write_measured(to, fact));
    [graphics_cycles, compute_cycles, copy_cycles, video_cycles]
        .into_iter()
        .for_each(|fact| write_measured(to, fact));
}

fn read_process(from: &mut Taken<'_>) -> Result<ProcessReading, Error> {
    let (unit, pid, view) = (from.parsed("no id of a unit")?, Pid(from.num()?), read_view(from)?);
    let mut process = ProcessReading::new(unit, pid, view, Absence::NotYet);
    process.start = read_result(from, |from| from.word().map(crate::time::BootTime))?;
    process.name = read_result(from, read_name)?;
    let bits = from.word()?;
    if bits > 7 {
        return Err(from.wrong("nothing that a process does on a GPU"));
    }
    for (bit, kind) in
        [(1, ProcessKinds::COMPUTE), (2, ProcessKinds::GRAPHICS), (4, ProcessKinds::MPS_CLIENT)]
    {
        if bits & bit != 0 {
            process.kinds = process.kinds.and(kind);
        }
    }
    process.memory = read_measured(from)?;
    process.client_memory = read_measured(from)?;
    process.system_memory = read_measured(from)?;
    process.evicted_memory = read_measured(from)?;
    process.shared_memory = read_measured(from)?;
    process.busy = read_measured(from)?;
    process.memory_busy = read_measured(from)?;
    process.encoder_busy = read_measured(from)?;
    process.decoder_busy = read_measured(from)?;
    process.occupied_units = read_measured(from)?;
    process.clients = read_measured(from)?;
    process.queue_copy_time = read_measured(from)?;
    process.graphics_time = read_measured(from)?;
    process.compute_time = read_measured(from)?;
    process.copy_time = read_measured(from)?;
    process.video_time = read_measured(from)?;
    process.graphics_cycles = read_measured(from)?;
    process.compute_cycles = read_measured(from)?;
    process.copy_cycles = read_measured(from)?;
    process.video_cycles = read_measured(from)?;
    Ok(process)
}

fn write_ended(to: &mut Row<'_>, list: &EndedList) {
    let EndedList { device, processes } = list;
    to.shown(device);
    write_result(to, processes.as_ref().map_err(|absence| *absence), |to, processes| {
        to.list(processes, write_ended_reading);
    });
}

fn read_ended(from: &mut Taken<'_>) -> Result<EndedList, Error> {
    let device = from.parsed("no id of a device")?;
    Ok(EndedList::new(device, read_result(from, |from| from.list(read_ended_reading))?))
}

fn write_ended_reading(to: &mut Row<'_>, ended: &EndedReading) {
    let EndedReading { pid, pid_view, began, lasted, memory_peak, busy, memory_busy, source } = ended;
    to.num(pid.0);
    write_view(to, *pid_view);
    write_result(to, *began, |to, began| to.num(began.0));
    write_result(to, *lasted, |to, lasted| to.num(lasted.0));
    write_result(to, *memory_peak, |to, peak| to.words.extend(peak.words()));
    write_result(to, *busy, |to, busy| to.words.extend(busy.words()));
    write_result(to, *memory_busy, |to, busy| to.words.extend(busy.words()));
    write_source(to, *source);
}

fn read_ended_reading(from: &mut Taken<'_>) -> Result<EndedReading, Error> {
    Ok(EndedReading {
        pid: Pid(from.num()?),
        pid_view: read_view(from)?,
        began: read_result(from, |from| from.word().map(crate::time::BootTime))?,
        lasted: read_result(from, |from| from.word().map(crate::quantity::Nanoseconds))?,
        memory_peak: read_result(from, read_value)?,
        busy: read_result(from, read_value)?,
        memory_busy: read_result(from, read_value)?,
        source: read_source(from)?,
    })
}
