//! [`Cursor`]: how far a process's history on a device has been read.

use core::ops::Range;

use crate::id::DeviceId;
use crate::process::Pid;

/// How far the caller has read into one process's history on one device.
///
/// One a process: sources such as NVML keep one row for each, every row with a time stamp of its
/// own, and one stamp for all of them would lose those that come late.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
pub struct Cursor {
    /// On which device.
    pub device: DeviceId,
    /// Whose history, in the namespace in which the source counts.
    pub pid: Pid,
    /// The newest stamp that was seen, in the source's own time.
    pub stamp: u64,
}

/// The cursors on one device among those of a [`Sample`](crate::Sample). For backends.
#[derive(Debug)]
pub struct Cursors<'a> {
    /// By device and pid.
    all: &'a mut Vec<Cursor>,
    device: DeviceId,
    here: Range<usize>,
}

impl<'a> Cursors<'a> {
    /// The cursors on `device` among `all`, which are ordered by device and pid.
    pub fn of(all: &'a mut Vec<Cursor>, device: DeviceId) -> Self {
        let start = all.partition_point(|cursor| cursor.device < device);
        let count = all[start..].iter().take_while(|cursor| cursor.device == device).count();
        Self { all, device, here: start..start + count }
    }

    /// The newest stamp that was seen of any process; 0 before the first.
    #[must_use]
    pub fn newest(&self) -> u64 {
        self.all[self.here.clone()].iter().map(|cursor| cursor.stamp).max().unwrap_or(0)
    }

    /// Notes a stamp of a process's history, if it is newer than what was seen of it; says
    /// whether it is.
    pub fn advance(&mut self, pid: Pid, stamp: u64) -> bool {
        match self.all[self.here.clone()].binary_search_by_key(&pid, |cursor| cursor.pid) {
            Ok(at) => {
                let seen = &mut self.all[self.here.start + at].stamp;
                let is_newer = stamp > *seen;
                *seen = stamp.max(*seen);
                is_newer
            }
            Err(at) => {
                self.all.insert(self.here.start + at, Cursor { device: self.device, pid, stamp });
                self.here.end += 1;
                true
            }
        }
    }

    /// Forgets those whose processes `is_there` does not know: they ended.
    pub fn retain(&mut self, is_there: impl Fn(Pid) -> bool) {
        // Most samples forget none, and nothing is moved then.
        for at in self.here.clone().rev() {
            if !is_there(self.all[at].pid) {
                self.all.remove(at);
                self.here.end -= 1;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::pci::PciAddress;
    use crate::vendor::Vendor;

    #[test]
    fn cursors_of_one_device_leave_the_others_alone() {
        let device = |slot| DeviceId::from_pci(Vendor::NVIDIA, PciAddress::new(0, slot, 0, 0));
        let mut all = Vec::new();
        for (slot, pid, stamp) in [(2, 20, 7), (1, 10, 3), (1, 12, 4), (2, 10, 5), (3, 1, 9), (1, 11, 2)] {
            assert!(Cursors::of(&mut all, device(slot)).advance(Pid(pid), stamp));
        }
        assert!(all.is_sorted(), "{all:?}");
        let mut first = Cursors::of(&mut all, device(1));
        assert_eq!(first.newest(), 4);
        assert!(!first.advance(Pid(12), 4), "seen");
        assert!(!first.advance(Pid(12), 1), "older");
        assert!(first.advance(Pid(11), 8));
        assert_eq!(first.newest(), 8);
        first.retain(|pid| pid == Pid(11));
        assert!(!first.advance(Pid(11), 8));
        assert_eq!(Cursors::of(&mut all, device(2)).newest(), 7);
        assert_eq!(Cursors::of(&mut all, device(4)).newest(), 0);
        assert_eq!(all.iter().map(|cursor| cursor.pid.0).collect::<Vec<_>>(), [11, 10, 20, 1]);
    }
}
