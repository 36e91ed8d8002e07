//! [`Pace`]: how late a sweep may see what nobody told it of.

use gpu_core::Nanoseconds;

/// How old at most each kind of knowledge is in the result of a sweep by a
/// [`WatchingSweeper`](super::WatchingSweeper). What is older is looked up by the sweep itself;
/// what is younger is looked up in turn, so that the work is spread. Zero looks at every sweep.
///
/// ```
/// use gpu_core::Nanoseconds;
/// let mut pace = gpu_host::Pace::default();
/// assert_eq!(pace.count, Nanoseconds::from_secs(10));
/// pace.count = Nanoseconds(0);
/// assert!(pace != gpu_host::Pace::default());
/// ```
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub struct Pace {
    /// The list of processes: a new process is seen this late.
    /// By default 5 s.
    pub list: Nanoseconds,
    /// The number of descriptors of each process, where the kernel tells it (Linux 6.2 and later):
    /// a process that has opened a device file is seen this late. By default 10 s.
    pub count: Nanoseconds,
    /// The descriptors of each process: one that closes as many as it opens is seen this late. By
    /// default 5 min.
    pub walk: Nanoseconds,
    /// The same where the kernel does not tell numbers of descriptors. By default 30 s.
    pub walk_uncounted: Nanoseconds,
}

impl Default for Pace {
    fn default() -> Self {
        Self {
            list: Nanoseconds::from_secs(5),
            count: Nanoseconds::from_secs(10),
            walk: Nanoseconds::from_secs(300),
            walk_uncounted: Nanoseconds::from_secs(30),
        }
    }
}
