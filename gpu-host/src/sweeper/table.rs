//! [`Table`]: the processes that there are, and what is known of the descriptors of each.

use gpu_core::{BootTime, Nanoseconds, Pid};

use super::process::Sign;

/// One process, whatever it holds.
#[derive(Clone, Copy, Debug)]
pub(super) struct Watched {
    pub(super) pid: Pid,
    /// Its folder's number when it was last listed.
    pub(super) inode: u64,
    /// When it started, once that was read.
    pub(super) start: Option<BootTime>,
    /// Whether it is still the same process must be read.
    pub(super) is_unsure: bool,
    /// What its descriptors' folder showed before the last walk.
    pub(super) sign: Sign,
    /// When that was last looked at.
    pub(super) counted: BootTime,
    /// When its descriptors were last walked over; `None` when they must be.
    pub(super) walked: Option<BootTime>,
    /// It could not be looked into.
    pub(super) is_refused: bool,
    /// It holds a wanted file, and there is no room to remember what it holds.
    pub(super) is_left_out: bool,
}

impl Watched {
    pub(super) const fn new(pid: Pid, inode: u64) -> Self {
        let (sign, counted) = (Sign { size: 0, change: 0 }, BootTime(0));
        let (start, walked) = (None, None);
        Self {
            pid,
            inode,
            start,
            is_unsure: true,
            sign,
            counted,
            walked,
            is_refused: false,
            is_left_out: false,
        }
    }
}

/// The processes by number.
#[derive(Debug, Default)]
pub(super) struct Table {
    pub(super) processes: Vec<Watched>,
    /// Room for the next list.
    next: Vec<Watched>,
    /// Processes for which there was no room.
    pub(super) unwatched: u32,
}

impl Table {
    /// Takes over a new list: who is not in it is dropped, who is new is added while there are
    /// fewer than `most`. Whose folder has another number than before (or 0) may be another.
    pub(super) fn relist(&mut self, listed: &mut Vec<(Pid, u64)>, most: usize) {
        // The kernel's list is in order, a tree's is not.
        if !listed.is_sorted_by_key(|(pid, _)| *pid) {
            listed.sort_unstable_by_key(|(pid, _)| *pid);
        }
        listed.dedup_by_key(|(pid, _)| *pid);
        let mut known = self.processes.iter().copied().peekable();
        let mut room = most.saturating_sub(self.processes.len());
        self.next.clear();
        self.unwatched = 0;
        for (pid, inode) in listed.iter().copied() {
            while known.next_if(|old| old.pid < pid).is_some() {}
            if let Some(mut old) = known.next_if(|old| old.pid == pid) {
                old.is_unsure |= inode == 0 || old.inode != inode;
                old.inode = inode;
                self.next.push(old);
            } else if room > 0 {
                room -= 1;
                self.next.push(Watched::new(pid, inode));
            } else {
                self.unwatched = self.unwatched.saturating_add(1);
            }
        }
        core::mem::swap(&mut self.processes, &mut self.next);
    }

    /// Where the first process of that number or a higher one stands.
    pub(super) fn position(&self, pid: Pid) -> usize {
        self.processes.partition_point(|process| process.pid < pid)
    }

    /// Everything must be walked over again.
    pub(super) fn forget_walks(&mut self) {
        self.processes.iter_mut().for_each(|process| process.walked = None);
    }

    pub(super) fn process_mut(&mut self, pid: Pid) -> Option<&mut Watched> {
        let at = self.position(pid);
        self.processes.get_mut(at).filter(|process| process.pid == pid)
    }
}

/// Whose turn it is in a round over all processes that takes a given time.
#[derive(Debug, Default)]
pub(super) struct Round {
    /// The number at which it goes on.
    next: u32,
}

/// A stretch of the table, over its end where need be.
#[derive(Clone, Copy, Debug)]
pub(super) struct Stretch {
    from: usize,
    count: usize,
    len: usize,
}

impl Round {
    /// As many processes as belong to `elapsed` of a round of `within`: at least one, and all when
    /// it is over.
    pub(super) fn stretch(&mut self, table: &Table, elapsed: Nanoseconds, within: Nanoseconds) -> Stretch {
        let len = table.processes.len();
        let share = len as u128 * u128::from(elapsed.0);
        let count = match share.checked_div(u128::from(within.0)) {
            Some(count) => usize::try_from(count + 1).unwrap_or(len).min(len),
            None => len,
        };
        let from = if len == 0 { 0 } else { table.position(Pid(self.next)) % len };
        if let Some(process) = table.processes.get((from + count) % len.max(1)) {
            self.next = process.pid.0;
        }
        Stretch { from, count, len }
    }
}

impl Stretch {
    pub(super) const fn contains(self, at: usize) -> bool {
        (at + self.len - self.from) % self.len < self.count
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn table(pids: &[u32]) -> Table {
        let mut table = Table::default();
        let mut listed: Vec<_> = pids.iter().map(|pid| (Pid(*pid), u64::from(*pid))).collect();
        table.relist(&mut listed, 100);
        table
    }

    #[test]
    fn a_list_is_taken_over() {
        let mut table = table(&[9, 3, 5]);
        table.processes.iter_mut().for_each(|process| process.is_unsure = false);
        let mut listed = vec![(Pid(3), 3), (Pid(5), 77), (Pid(6), 6), (Pid(7), 7)];
        table.relist(&mut listed, 4);
        let told: Vec<_> = table.processes.iter().map(|p| (p.pid.0, p.is_unsure)).collect();
        assert_eq!(told, [(3, false), (5, true), (6, true)], "9 is gone, 5 may be another, 7 has no room");
        assert_eq!(table.unwatched, 1);
    }

    /// Whatever the length of the steps, a round has had everybody when its time is over.
    #[test]
    fn a_round_has_everybody_in_its_time() {
        let table = table(&(1..=97).collect::<Vec<_>>());
        for step in [1, 7, 10, 33, 100, 250] {
            let (mut round, mut seen, mut time) = (Round::default(), [false; 97], 0);
            while time < 100 {
                time += step;
                let stretch = round.stretch(&table, Nanoseconds(step), Nanoseconds(100));
                (0..97).filter(|at| stretch.contains(*at)).for_each(|at| seen[at] = true);
            }
            assert!(seen.iter().all(|seen| *seen), "steps of {step}");
        }
    }
}
