//! Whether this process may open counters of a whole machine by perf, as the kernel's files tell.
//!
//! Source: `Documentation/admin-guide/perf-security.rst`, `Documentation/admin-guide/sysctl/kernel.rst`
//! (`perf_event_paranoid`), `proc_pid_status(5)`, `capabilities(7)`.

use std::path::Path;

use gpu_core::{Absence, Error, ErrorKind, Need};
use gpu_host::file;

/// What it takes, unless the machine lets everybody.
pub(crate) const PERFMON: Absence = Absence::NotPermitted { needs: Need::Capability("CAP_PERFMON") };

/// Each lets at the counters of a processor (kernel: `perfmon_capable`).
const CAP_PERFMON: u32 = 38;
const CAP_SYS_ADMIN: u32 = 21;

/// Nothing where this process may open them, or why not. A capability that cannot be seen, because
/// there is no such process in the tree, is none; one in a user namespace of a container's is seen
/// here, and the kernel refuses all the same.
pub(crate) fn refusal(proc: &Path) -> Option<Absence> {
    match paranoid(&proc.join("sys/kernel/perf_event_paranoid")) {
        Err(absence) => Some(absence),
        // From 1 on, counters of a processor are for the privileged.
        Ok(level) if level <= 0 => None,
        Ok(_) => match effective(&proc.join("self/status")) {
            Err(absence) => Some(absence),
            Ok(held) if held >> CAP_PERFMON & 1 == 1 || held >> CAP_SYS_ADMIN & 1 == 1 => None,
            Ok(_) => Some(PERFMON),
        },
    }
}

/// The file is the sign that the kernel has perf at all (`perf_event_open(2)`).
fn paranoid(path: &Path) -> Result<i64, Absence> {
    const NAME: &str = "perf_event_paranoid";
    let text = file::read_text(path).map_err(|error: Error| match error.kind() {
        ErrorKind::NotFound => Absence::NotSupported { why: "the kernel has no perf" },
        _ => error.absence(NAME),
    })?;
    text.trim().parse().map_err(|_| Absence::Failed { at: NAME, code: None })
}

/// The line `CapEff:` of a process, as a set of bits.
fn effective(path: &Path) -> Result<u64, Absence> {
    const NAME: &str = "CapEff of the own process";
    const FAILED: Absence = Absence::Failed { at: NAME, code: None };
    let Some(text) = file::read_optional(path).map_err(|error| error.absence(NAME))? else { return Ok(0) };
    let line = text.lines().find_map(|line| line.strip_prefix("CapEff:")).ok_or(FAILED)?;
    u64::from_str_radix(line.trim(), 16).map_err(|_| FAILED)
}
