//! [`Ended`]: the GPU processes that are gone, for a while.

use std::collections::VecDeque;

use gpu_core::{BootTime, EndedProcess, Nanoseconds, Sweep};

/// How long a process is remembered after its end was noticed.
pub(super) const REMEMBERS: Nanoseconds = Nanoseconds::from_secs(300);

/// Most that are remembered.
pub(super) const MOST: usize = 4096;

/// Processes that ended, in the order in which that was noticed.
#[derive(Debug, Default)]
pub(super) struct Ended {
    processes: VecDeque<(BootTime, EndedProcess)>,
    forgotten: u32,
}

impl Ended {
    pub(super) fn add(&mut self, noticed: BootTime, process: EndedProcess) {
        if self.processes.len() >= MOST {
            self.processes.pop_front();
            self.forgotten = self.forgotten.saturating_add(1);
        }
        self.processes.push_back((noticed, process));
    }

    /// Drops what is remembered long enough, and tells the rest.
    pub(super) fn tell(&mut self, now: BootTime, sweep: &mut Sweep) {
        while self.processes.front().is_some_and(|(noticed, _)| now.since(*noticed) > REMEMBERS) {
            self.processes.pop_front();
        }
        sweep.ended.extend(self.processes.iter().map(|(_, process)| process.clone()));
        sweep.forgotten = self.forgotten;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use gpu_core::{BootId, Pid, ProcessKey, ProcessName, Uuid};

    fn process(pid: u32) -> EndedProcess {
        let key = ProcessKey { boot: BootId(Uuid([0; 16])), pid: Pid(pid), start: BootTime(1) };
        EndedProcess::new(key, ProcessName::new(b"p"), BootTime(2))
    }

    #[test]
    fn what_is_too_much_is_counted_and_what_is_old_goes() {
        let (mut ended, mut sweep) = (Ended::default(), Sweep::new());
        for pid in 0..MOST as u32 + 3 {
            ended.add(BootTime(5), process(pid));
        }
        ended.tell(BootTime(5).plus(REMEMBERS), &mut sweep);
        assert_eq!((sweep.ended.len(), sweep.forgotten), (MOST, 3));
        assert_eq!(sweep.ended[0].key.pid, Pid(3), "the oldest went");
        sweep.clear();
        ended.tell(BootTime(6).plus(REMEMBERS), &mut sweep);
        assert!(sweep.ended.is_empty());
    }
}
