//! [`SystemClock`]: the machine's own clocks.

use std::path::Path;

use gpu_core::{Absence, BootId, BootTime, Clock, Error, Nanoseconds, WallTime};

use crate::boot;

/// The machine's own clocks.
///
/// On Linux, boot time is `CLOCK_BOOTTIME` and the boot id is
/// `<proc>/sys/kernel/random/boot_id`. On other systems boot time counts from the first use in
/// this process, and the boot id is all zeros: enough to compile and to run against a simulated
/// machine, not to compare with another process.
#[derive(Debug, Clone)]
pub struct SystemClock {
    boot_id: BootId,
}

impl SystemClock {
    /// The machine's clocks, with the boot id read under `proc`.
    ///
    /// # Errors
    /// When the boot id cannot be read or is none.
    pub fn new(proc: &Path) -> Result<Self, Error> {
        Ok(Self { boot_id: boot::id(proc)? })
    }

    /// The machine's clocks, with an all-zero boot id where none can be read.
    #[must_use]
    pub fn new_or_unknown(proc: &Path) -> Self {
        Self { boot_id: boot::id(proc).unwrap_or(boot::UNKNOWN) }
    }
}

impl Clock for SystemClock {
    fn boot_now(&self) -> BootTime {
        BootTime(boot_nanoseconds())
    }

    fn wall_now(&self) -> WallTime {
        let since_epoch = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
        // A clock before 1970 is not set yet.
        WallTime(since_epoch.map_or(0, |span| u64::try_from(span.as_nanos()).unwrap_or(u64::MAX)))
    }

    fn boot_id(&self) -> BootId {
        self.boot_id
    }
}

#[cfg(target_os = "linux")]
fn boot_nanoseconds() -> u64 {
    let now = rustix::time::clock_gettime(rustix::time::ClockId::Boottime);
    // The kernel never tells a negative time since boot.
    let seconds = u64::try_from(now.tv_sec).unwrap_or(0);
    let nanoseconds = u64::try_from(now.tv_nsec).unwrap_or(0);
    seconds.saturating_mul(1_000_000_000).saturating_add(nanoseconds)
}

#[cfg(not(target_os = "linux"))]
fn boot_nanoseconds() -> u64 {
    static FIRST: std::sync::OnceLock<std::time::Instant> = std::sync::OnceLock::new();
    let first = FIRST.get_or_init(std::time::Instant::now);
    u64::try_from(first.elapsed().as_nanos()).unwrap_or(u64::MAX)
}

/// The processor time that the calling thread has used so far (Linux `CLOCK_THREAD_CPUTIME_ID`).
///
/// # Errors
/// `NotSupported` on other systems.
///
/// ```
/// let before = gpu_host::processor_time();
/// if let (Ok(before), Ok(after)) = (before, gpu_host::processor_time()) {
///     assert!(before <= after);
/// }
/// ```
#[cfg(target_os = "linux")]
pub fn processor_time() -> Result<Nanoseconds, Absence> {
    let used = rustix::time::clock_gettime(rustix::time::ClockId::ThreadCPUTime);
    let seconds = u64::try_from(used.tv_sec).unwrap_or(0);
    let nanoseconds = u64::try_from(used.tv_nsec).unwrap_or(0);
    Ok(Nanoseconds(seconds.saturating_mul(1_000_000_000).saturating_add(nanoseconds)))
}

/// The processor time that the calling thread has used so far (Linux `CLOCK_THREAD_CPUTIME_ID`).
///
/// # Errors
/// `NotSupported` on this system.
#[cfg(not(target_os = "linux"))]
pub fn processor_time() -> Result<Nanoseconds, Absence> {
    Err(Absence::NotSupported { why: "a thread's processor time is read on Linux only" })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The witness is the kernel's own `/proc/uptime`, in hundredths of a second.
    #[cfg(target_os = "linux")]
    #[test]
    fn boot_time_is_the_kernels_uptime() {
        let uptime = |text: String| -> u64 {
            let (seconds, hundredths) = text.split_once(' ').unwrap().0.split_once('.').unwrap();
            (seconds.parse::<u64>().unwrap() * 100 + hundredths.parse::<u64>().unwrap()) * 10_000_000
        };
        let clock = SystemClock::new_or_unknown(Path::new("/proc"));
        let before = uptime(std::fs::read_to_string("/proc/uptime").unwrap());
        let now = clock.boot_now().0;
        let after = uptime(std::fs::read_to_string("/proc/uptime").unwrap()) + 10_000_000;
        assert!((before..=after).contains(&now), "{before} ≤ {now} ≤ {after}");
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn the_boot_id_is_the_kernels() {
        let clock = SystemClock::new(Path::new("/proc")).unwrap();
        let text = std::fs::read_to_string("/proc/sys/kernel/random/boot_id").unwrap();
        assert_eq!(clock.boot_id().to_string(), text.trim());
    }
}
