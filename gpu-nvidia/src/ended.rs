//! Processes that have ended, by NVML's accounting (`nvmlDeviceGetAccountingStats`).
//!
//! Root switches it on (`nvidia-smi --accounting-mode=1`); it is always off under MIG. The driver
//! keeps the last 4000 or so in a ring; each is asked for once.

use std::collections::BTreeMap;

use gpu_core::{
    Absence, BootTime, Bytes, DeviceId, EndedList, EndedReading, Nanoseconds, Permille, Pid, PidView, Sample,
    Source, WallTime,
};

use crate::board::Board;
use crate::error::Code;
use crate::ffi::{Account, Library};

const OFF: Absence = Absence::NotSupported {
    why: "the driver keeps accounts of processes only where accounting mode is on (nvidia-smi --accounting-mode=1)",
};
const UNDER_MIG: Absence =
    Absence::NotSupported { why: "the driver keeps no accounts of processes while MIG is on" };
const NOT_TOLD: Absence = Absence::NotSupported { why: "the account of the process has no such number" };

/// `NVML_VALUE_NOT_AVAILABLE`, in 32 and 64 bits.
const NOT_AVAILABLE: u32 = u32::MAX;
const NOT_AVAILABLE_LONG: u64 = u64::MAX;

/// What was asked for already, board by board.
#[derive(Debug, Default)]
pub(crate) struct Accounts(BTreeMap<DeviceId, Ring>);

/// What a board's ring held when it was looked at last.
#[derive(Debug, Default)]
struct Ring {
    /// How often each number was in it, and what is known of it; `None` while one of that number
    /// runs.
    known: BTreeMap<u32, Entry>,
}

/// What is known of one number.
#[derive(Clone, Copy, Debug)]
struct Entry {
    /// How often it was in the ring.
    times: usize,
    /// When its process began, as the driver stamps it, and the account; `None` while it runs.
    ended: Option<(u64, EndedReading)>,
}

/// When a sample is taken, by both clocks.
#[derive(Clone, Copy)]
pub(crate) struct Now {
    pub(crate) boot: BootTime,
    pub(crate) wall: WallTime,
}

impl Accounts {
    /// Adds what the driver remembers of processes that have ended on a board.
    pub(crate) fn add(
        &mut self,
        library: &Library,
        board: &Board,
        view: PidView,
        now: Now,
        sample: &mut Sample,
    ) {
        let processes = self.look(library, board, view, now);
        sample.ended.push(EndedList::new(board.id, processes));
    }

    fn look(
        &mut self,
        library: &Library,
        board: &Board,
        view: PidView,
        now: Now,
    ) -> Result<Vec<EndedReading>, Absence> {
        if board.is_cut() {
            return Err(UNDER_MIG);
        }
        let at = "nvmlDeviceGetAccountingMode";
        if !library.keeps_accounts(board.handle).map_err(|code| code.absence(at))? {
            return Err(OFF);
        }
        let pids = library.accounted_pids(board.handle);
        let pids = pids.map_err(|code| code.absence("nvmlDeviceGetAccountingPids"))?;
        let mut times = BTreeMap::<u32, usize>::new();
        for pid in pids {
            *times.entry(pid).or_default() += 1;
        }
        let ring = self.0.entry(board.id).or_default();
        ring.known.retain(|pid, _| times.contains_key(pid));
        for (pid, times) in times {
            // A number that is there once more than before is another process' too.
            let before = ring.known.get(&pid).copied();
            if before.is_some_and(|before| before.times == times && before.ended.is_some()) {
                continue;
            }
            let ended = ended(library, board, pid, view, now);
            // The same account is the same reading: clocks are never read twice alike.
            let same = before
                .and_then(|before| before.ended)
                .filter(|(stamp, _)| ended.is_some_and(|(again, _)| again == *stamp));
            ring.known.insert(pid, Entry { times, ended: same.or(ended) });
        }
        Ok(ring.known.values().filter_map(|entry| entry.ended).map(|(_, reading)| reading).collect())
    }
}

/// The account of a process that has ended, with its stamp; `None` of one that runs, or that the driver
/// has just forgotten. One that cannot be read hides no other.
fn ended(library: &Library, board: &Board, pid: u32, view: PidView, now: Now) -> Option<(u64, EndedReading)> {
    match library.account(board.handle, pid) {
        Ok(account) if account.isRunning == 0 => Some((account.startTime, reading(&account, pid, view, now))),
        Ok(_) | Err(Code::NOT_FOUND) => None,
        Err(code) => {
            let absence = code.absence("nvmlDeviceGetAccountingStats");
            Some((0, EndedReading::new(Pid(pid), view, Source::Nvml, absence)))
        }
    }
}

fn reading(account: &Account, pid: u32, view: PidView, now: Now) -> EndedReading {
    let percent = |percent: u32| match percent {
        percent if percent <= 100 => Ok(Permille::from_percent(u64::from(percent))),
        NOT_AVAILABLE => Err(NOT_TOLD),
        _ => Err(Absence::Failed { at: "a part of the time beyond all of it", code: None }),
    };
    let mut reading = EndedReading::new(Pid(pid), view, Source::Nvml, NOT_TOLD);
    reading.began = began(account.startTime, now);
    // `nvml.h`: milliseconds.
    reading.lasted = match account.time {
        NOT_AVAILABLE_LONG => Err(NOT_TOLD),
        time => Ok(Nanoseconds(time.saturating_mul(1_000_000))),
    };
    reading.memory_peak = match account.maxMemoryUsage {
        NOT_AVAILABLE_LONG => Err(NOT_TOLD),
        bytes => Ok(Bytes(bytes)),
    };
    reading.busy = percent(account.gpuUtilization);
    reading.memory_busy = percent(account.memoryUtilization);
    reading
}

/// The stamp is the time of day in microseconds: as the time since boot it is as far back.
fn began(stamp: u64, now: Now) -> Result<BootTime, Absence> {
    const OTHER_CLOCK: Absence =
        Absence::Failed { at: "a start before this boot, or in the future", code: None };
    let age = (now.wall.0 / 1000).checked_sub(stamp).ok_or(OTHER_CLOCK)?;
    let age = age.checked_mul(1000).ok_or(OTHER_CLOCK)?;
    now.boot.0.checked_sub(age).map(BootTime).ok_or(OTHER_CLOCK)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ffi::zeroed;

    const NOW: Now = Now { boot: BootTime(900_000_000_000), wall: WallTime(1_700_000_000_000_000_000) };

    #[test]
    fn accounts_are_read_as_nvml_means_them() {
        let mut account: Account = zeroed();
        account.gpuUtilization = 40;
        account.memoryUtilization = NOT_AVAILABLE;
        account.maxMemoryUsage = 3 << 30;
        account.time = 2500;
        account.startTime = 1_700_000_000_000_000 - 10_000_000;
        let reading = reading(&account, 7, PidView::Host, NOW);
        assert_eq!(reading.began, Ok(BootTime(890_000_000_000)));
        assert_eq!(reading.lasted, Ok(Nanoseconds(2_500_000_000)));
        assert_eq!((reading.busy, reading.memory_busy), (Ok(Permille(400)), Err(NOT_TOLD)));
        assert_eq!(reading.memory_peak, Ok(Bytes::gib(3)));
    }

    #[test]
    fn stamps_of_another_clock_are_not_believed() {
        assert!(began(1_700_000_000_000_001, NOW).is_err(), "in the future");
        assert!(began(17, NOW).is_err(), "before this boot");
        assert!(began(0, NOW).is_err());
    }
}
