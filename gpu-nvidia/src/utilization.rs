//! How busy each process was, by NVML's estimate.
//!
//! `nvmlDeviceGetProcessUtilization` is not a stream of samples: it has one row for each process
//! that was active, each with a time stamp of its own, in no order, some of them late, and at
//! times garbage among them. So every process has a cursor of its own.

use gpu_core::{
    Absence, BootTime, Cursors, Measured, Permille, Pid, ProcessReading, Sample, Source, WallTime,
};

use crate::error::Code;
use crate::ffi::Utilization;
use crate::process::Look;

/// How late a row may come, in NVML's microseconds: rows that are older than the newest by more
/// are not asked for.
const LATE: u64 = 5_000_000;
/// How far in the future a stamp is still believed, in microseconds.
const AHEAD: u64 = 1_000_000;

/// Fills in how busy the processes from `first` on were. A process without a row since its last
/// one reads `NotYet`: that it was idle is not said.
pub(crate) fn add(look: &mut Look<'_>, first: usize, sample: &mut Sample) {
    let (id, wall) = (look.board.id, look.wall.0 / 1000);
    let processes = &mut sample.processes[first..];
    let mut cursors = Cursors::of(&mut sample.cursors, id);
    if cursors.newest() > wall + AHEAD {
        // The clock was set back: rows of the new time would look as if they had been seen.
        cursors.retain(|_| false);
    }
    let since = cursors.newest().saturating_sub(LATE);
    let busy = &mut look.lists.busy;
    let rows = match look.library.process_utilization(look.board.handle, since, busy) {
        Ok(count) => &busy[..count],
        // No row since.
        Err(Code::NOT_FOUND) => return,
        Err(code) => return refuse(processes, code.absence("nvmlDeviceGetProcessUtilization")),
    };
    for row in rows.iter().filter(|row| is_plausible(row, wall)) {
        let pid = Pid(row.pid);
        let Some(process) = processes.iter_mut().find(|known| known.pid == pid) else { continue };
        // In whatever order they come, the newest of a process is the one that stays.
        if !cursors.advance(pid, row.timeStamp) {
            continue;
        }
        let Some(as_of) = boot_time(row.timeStamp, look.wall, look.now) else { continue };
        let part =
            |percent: u32| Ok(Measured::new(Permille::from_percent(u64::from(percent)), as_of, Source::Nvml));
        process.busy = part(row.smUtil);
        process.memory_busy = part(row.memUtil);
        process.encoder_busy = part(row.encUtil);
        process.decoder_busy = part(row.decUtil);
    }
    // Processes that are not listed any more have no history to go on with: a number that comes
    // back is another process.
    cursors.retain(|pid| processes.iter().any(|process| process.pid == pid));
}

fn refuse(processes: &mut [ProcessReading], absence: Absence) {
    for process in processes {
        process.busy = Err(absence);
        process.memory_busy = Err(absence);
        process.encoder_busy = Err(absence);
        process.decoder_busy = Err(absence);
    }
}

/// NVML gives garbage rows at times.
fn is_plausible(row: &Utilization, wall: u64) -> bool {
    let parts = [row.smUtil, row.memUtil, row.encUtil, row.decUtil];
    parts.into_iter().all(|percent| percent <= 100) && row.timeStamp <= wall + AHEAD
}

/// When a row was so. Its stamp looks like the time of day. One of this boot that is older than a row can
/// be late is no news (the first look of all asks for every row); one that is no time of this boot is of
/// another clock, and the row counts as of now.
fn boot_time(stamp: u64, wall: WallTime, now: BootTime) -> Option<BootTime> {
    match (wall.0 / 1000).checked_sub(stamp) {
        Some(age) if age <= LATE => Some(BootTime(now.0.saturating_sub(age * 1000))),
        Some(age) if age <= now.0 / 1000 => None,
        _ => Some(now),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const WALL: WallTime = WallTime(1_700_000_000_000_000_000);

    #[test]
    fn a_row_is_of_its_own_time() {
        let now = BootTime(900_000_000_000);
        let stamp = WALL.0 / 1000;
        assert_eq!(boot_time(stamp - 2_000_000, WALL, now), Some(BootTime(898_000_000_000)));
        assert_eq!(boot_time(stamp - 60_000_000, WALL, now), None, "a minute old");
        assert_eq!(boot_time(stamp + 10, WALL, now), Some(now));
        assert_eq!(boot_time(17, WALL, now), Some(now), "of another clock");
    }

    #[test]
    fn garbage_is_not_believed() {
        let row = |sm: u32, stamp: u64| Utilization {
            pid: 7,
            timeStamp: stamp,
            smUtil: sm,
            memUtil: 0,
            encUtil: 0,
            decUtil: 0,
        };
        let wall = WALL.0 / 1000;
        assert!(is_plausible(&row(100, wall), wall));
        assert!(!is_plausible(&row(101, wall), wall));
        assert!(!is_plausible(&row(1_651_076_143, wall), wall));
        assert!(!is_plausible(&row(3, u64::MAX), wall));
    }
}
