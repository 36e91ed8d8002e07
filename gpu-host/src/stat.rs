//! `/proc/<pid>/stat`: name and start time of a process.

use gpu_core::{BootTime, ProcessName};

/// What we need of `/proc/<pid>/stat`.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Stat {
    /// The name, from the second field.
    pub name: ProcessName,
    /// The start time, from field 22.
    pub start: BootTime,
}

/// Ticks in a second of every time that Linux shows to programs (`USER_HZ`): 100 on all
/// architectures that have GPUs.
const TICKS_PER_SECOND: u64 = 100;

/// Reads the text of `/proc/<pid>/stat`; `None` when it is not of that form.
///
/// The name is between the first `(` and the *last* `)`: a process chooses its own name and may
/// put parentheses, spaces and newlines into it.
///
/// ```
/// use gpu_host::stat::parse;
/// let stat = parse(b"42 (a) R (b) S 1 42 42 0 -1 0 0 0 0 0 0 0 0 0 20 0 1 0 12345 0 0").unwrap();
/// assert_eq!(stat.name.to_string(), "a) R (b");
/// assert_eq!(stat.start.0, 123_450_000_000);
/// ```
#[must_use]
pub fn parse(text: &[u8]) -> Option<Stat> {
    let open = text.iter().position(|b| *b == b'(')?;
    let close = text.iter().rposition(|b| *b == b')')?;
    let name = ProcessName::new(text.get(open + 1..close)?);
    // The state, field 3, is the first after the name.
    let rest = std::str::from_utf8(&text[close + 1..]).ok()?;
    let ticks: u64 = rest.split_ascii_whitespace().nth(22 - 3)?.parse().ok()?;
    let start = BootTime(ticks.checked_mul(1_000_000_000 / TICKS_PER_SECOND)?);
    Some(Stat { name, start })
}

/// `PF_KTHREAD` of the kernel's `sched.h`: field 9 of a thread of the kernel's own.
const KERNEL_THREAD: u64 = 0x0020_0000;

/// True of the text of `/proc/<pid>/stat` of a thread of the kernel's own, which has no parent.
pub(crate) fn is_kernel_thread(text: &[u8]) -> bool {
    let Some(close) = text.iter().rposition(|b| *b == b')') else { return false };
    let Ok(rest) = std::str::from_utf8(&text[close + 1..]) else { return false };
    let mut fields = rest.split_ascii_whitespace();
    let parent = fields.nth(4 - 3);
    let flags = fields.nth(9 - 4 - 1).and_then(|flags| flags.parse::<u64>().ok());
    parent == Some("0") && flags.is_some_and(|flags| flags & KERNEL_THREAD != 0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_no_stat_is_refused() {
        for bad in [
            "",
            "(",
            ")",
            ")(",
            "1 (a)",
            "1 (a) S 1 2 3",
            "1 (a) S 1 42 42 0 -1 0 0 0 0 0 0 0 0 0 20 0 1 0 x",
        ] {
            assert_eq!(parse(bad.as_bytes()), None, "{bad:?}");
        }
    }

    /// The witness is the kernel itself: this very process.
    #[cfg(target_os = "linux")]
    #[test]
    fn this_process_started_before_now() {
        let text = std::fs::read("/proc/self/stat").unwrap();
        let stat = parse(&text).unwrap();
        let comm = std::fs::read("/proc/self/comm").unwrap();
        assert_eq!(stat.name.as_bytes(), comm.strip_suffix(b"\n").unwrap());
        let uptime = std::fs::read_to_string("/proc/uptime").unwrap();
        let seconds: u64 = uptime.split('.').next().unwrap().parse().unwrap();
        assert!(stat.start.0 <= (seconds + 1) * 1_000_000_000);
    }
}
