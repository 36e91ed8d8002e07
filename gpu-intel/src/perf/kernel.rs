//! The running kernel's own counters, by `perf_event_open`.

use std::io;

use gpu_host::file;
use perf_event::Builder;

use super::{Counted, Counter, Open, Pmu};

/// Opens counters of the running kernel's.
pub(super) fn opener() -> Open {
    Box::new(open)
}

/// A counter that counts, from now on, for the whole machine: the drivers take nothing else.
fn open(pmu: &Pmu, config: u64) -> io::Result<Counter> {
    // The number of a PMU in a tree of another machine is another's here.
    if !file::is_on_sysfs(&pmu.path.join("type")) {
        return Err(io::ErrorKind::Unsupported.into());
    }
    let mut builder = Builder::new().any_pid().one_cpu(pmu.cpu);
    // Neither driver can leave anything out (PERF_PMU_CAP_NO_EXCLUDE).
    builder.exclude_kernel(false).exclude_hv(false);
    let attributes = builder.attrs_mut();
    (attributes.type_, attributes.config) = (pmu.kind, config);
    let mut counter = builder.build()?;
    counter.enable()?;
    Ok(Box::new(move || {
        let read = counter.read_count_and_time()?;
        Ok(Counted { count: read.count, enabled: read.time_enabled })
    }))
}
