//! What Intel's drivers would let perf count, as they list it (kernel: `i915_pmu.c`, `xe_pmu.c`). Nobody
//! can open it: the number is no driver's.

use std::path::{Path, PathBuf};

use super::plan::Plan;
use crate::gpu::{Gpu, IntelDriver, IntelSpec};

/// The folder of a GPU's counters, and the link to it from the list of all.
pub(super) fn of(plan: &mut Plan, position: usize, gpu: &Gpu, intel: &IntelSpec) {
    let address = gpu.pci.to_string().replace(':', "_");
    let is_xe = intel.driver == IntelDriver::Xe;
    let name = match () {
        () if is_xe => format!("xe_{address}"),
        // The graphics of a processor.
        () if gpu.pci.to_string() == "0000:00:02.0" => "i915".to_owned(),
        () => format!("i915_{address}"),
    };
    let path = PathBuf::from("sys/devices").join(&name);
    plan.link(&path, &Path::new("sys/bus/event_source/devices").join(name));
    plan.line(&path, "type", 24 + position);
    plan.line(&path, "cpumask", 0);
    if is_xe { xe(plan, &path) } else { i915(plan, &path) }
}

/// One event for each engine; the number has class, instance and what is counted.
fn i915(plan: &mut Plan, path: &Path) {
    plan.line(path, "format/i915_eventid", "config:0-20");
    for (engine, config) in
        [("rcs0", 0), ("bcs0", 0x1000), ("vcs0", 0x2000), ("vcs1", 0x2010), ("ccs0", 0x4000)]
    {
        plan.line(path, &format!("events/{engine}-busy"), format_args!("config={config:#x}"));
        plan.line(path, &format!("events/{engine}-busy.unit"), "ns");
    }
    plan.line(path, "events/rc6-residency", "config=0x100003");
    plan.line(path, "events/rc6-residency.unit", "ns");
}

/// The same events for all engines, which are parameters.
fn xe(plan: &mut Plan, path: &Path) {
    let fields = [
        ("event", "config:0-11"),
        ("engine_instance", "config:12-19"),
        ("engine_class", "config:20-27"),
        ("function", "config:44-59"),
        ("gt", "config:60-63"),
    ];
    for (name, bits) in fields {
        plan.line(path, &format!("format/{name}"), bits);
    }
    for (name, number) in [("gt-c6-residency", 1), ("engine-active-ticks", 2), ("engine-total-ticks", 3)] {
        plan.line(path, &format!("events/{name}"), format_args!("event={number:#04x}"));
    }
}
