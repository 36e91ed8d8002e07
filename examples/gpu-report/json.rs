//! The report as JSON, schema 1.
//!
//! ```text
//! schema       1
//! simulated    true when the data is a simulated machine's
//! machine      the simulated machine's name, else null
//! vendors[]    vendor, outcome (available, partial, no_driver, mismatch, not_permitted,
//!              unsupported_platform, disabled, failed), detail (in words)
//! drivers[]    vendor, name, version, library, compute_api
//! devices[]    id, vendor, name, vendor_name, pci, pci_id, numa_node, serial, board_part,
//!              architecture, firmware, driver, index, memory_kind, memory_total_bytes,
//!              compute_units, process_isolation, modes[] {name, current, pending, available[]}, nodes[] {path,
//!              number, role}, fingerprint, readings {metric: {value, …} or {absent, why}},
//!              health, partitions[]
//! health       of what this one look shows: unit, state (healthy, degraded, unknown, unhealthy), since (ns
//!              since boot), action, evidence[] {at, fault, advice {state, action, clears}, source, since,
//!              last, times}; null where nobody looked
//! partitions[] id, kind, incarnation, profile, placement {start, size}, vendor_name,
//!              legacy_name, memory_total_bytes, compute_units, compute_slices, pci, engines,
//!              time_slice_ns, process_isolation, nodes[], readings, health, partitions[]
//! links[]      a, b (device ids), kind
//! processes[]  unit, pid, pid_view, name, start_ns (since boot), kinds, memory_bytes,
//!              busy_permille, memory_busy_permille, encoder_busy_permille,
//!              decoder_busy_permille, occupied_units, queue_copy_ns; by DRM's accounting, beside
//!              and not in addition: clients, client_memory_bytes, system_memory_bytes,
//!              evicted_memory_bytes, graphics_ns, compute_ns, copy_ns, video_ns,
//!              shared_memory_bytes, and of drivers that count cycles graphics_cycles,
//!              compute_cycles, copy_cycles, video_cycles {worked, elapsed, engines}
//! unmanaged[]  pci, pci_id, vendor, driver, why
//! problems[]   vendor, at, kind, detail
//! ```
//!
//! A fact that is not known is null, and `absent` beside it has its name and the reason. A
//! reading that is not there is `{"absent": kind, "why": words}`. Metric names, and their units,
//! are those of `gpu_core::Reading`: bytes, microwatts, microjoules, millidegrees, hertz,
//! thousandths.

use std::collections::BTreeMap;

use gpu_accounting::{
    Device, DeviceNode, Driver, Engines, Link, Mode, Partition, PciId, Placement, ProcessReading, Reading,
    UnitId, Unmanaged, VendorOutcome,
};

use crate::facts::Facts;
use crate::snapshot::Snapshot;

/// The whole report, with a newline at its end.
pub fn report(snapshot: &Snapshot) -> Result<String, serde_json::Error> {
    let inventory = &snapshot.inventory;
    let problems: Vec<_> = inventory.problems.iter().chain(&snapshot.sample.problems).collect();
    let report = serde_json::json!({
        "schema": 1,
        "simulated": snapshot.simulated.is_some(),
        "machine": snapshot.simulated,
        "vendors": snapshot.outcomes.iter().map(vendor).collect::<Vec<_>>(),
        "drivers": inventory.drivers.iter().map(driver).collect::<Vec<_>>(),
        "devices": inventory.devices.iter().map(|of| device(of, snapshot)).collect::<Vec<_>>(),
        "links": inventory.links.iter().map(link).collect::<Vec<_>>(),
        "processes": snapshot.processes.iter().map(process).collect::<Vec<_>>(),
        "unmanaged": inventory.unmanaged.iter().map(unmanaged).collect::<Vec<_>>(),
        "problems": problems,
    });
    serde_json::to_string_pretty(&report).map(|text| text + "\n")
}

fn vendor(of: &VendorOutcome) -> Facts {
    Facts::default()
        .with("vendor", of.vendor)
        .with("outcome", of.outcome.kind())
        .with("detail", of.outcome.to_string())
}

fn driver(of: &Driver) -> Facts {
    Facts::default()
        .with("vendor", of.vendor)
        .with("name", &of.name)
        .known("version", &of.version)
        .known("library", &of.library)
        .known("compute_api", &of.compute_api)
}

fn device(of: &Device, snapshot: &Snapshot) -> Facts {
    Facts::default()
        .with("id", of.id)
        .with("vendor", of.vendor())
        .with("name", &of.name)
        .with("index", of.index)
        .with("fingerprint", of.fingerprint())
        .known("vendor_name", &of.vendor_name)
        .known("pci", &of.pci)
        .known("pci_id", &of.pci_id.map(|id: PciId| id.to_string()))
        .known("numa_node", &of.numa)
        .known("serial", &of.serial)
        .known("board_part", &of.board_part)
        .known("architecture", &of.architecture)
        .known("firmware", &of.firmware)
        .known("driver", &of.driver)
        .known("memory_kind", &of.memory_kind)
        .known("memory_total_bytes", &of.memory_total)
        .known("compute_units", &of.compute_units)
        .known("process_isolation", &of.process_isolation)
        .with("modes", of.modes.iter().map(mode).collect::<Vec<_>>())
        .with("nodes", of.nodes.iter().map(node).collect::<Vec<_>>())
        .with("readings", readings(snapshot.sample.reading(of.id)))
        .with("health", snapshot.health.get(of.id))
        .with("partitions", partitions(&of.partitions, snapshot))
}

fn partitions(parts: &[Partition], snapshot: &Snapshot) -> Vec<Facts> {
    parts.iter().map(|part| partition(part, snapshot)).collect()
}

fn partition(of: &Partition, snapshot: &Snapshot) -> Facts {
    Facts::default()
        .with("id", of.id)
        .with("kind", of.kind())
        .with("incarnation", of.incarnation)
        .known("profile", &of.profile)
        .known("placement", &of.placement.map(|at: Placement| at))
        .known("vendor_name", &of.vendor_name)
        .known("legacy_name", &of.legacy_name)
        .known("memory_total_bytes", &of.memory_total)
        .known("compute_units", &of.compute_units)
        .known("compute_slices", &of.compute_slices)
        .known("pci", &of.pci)
        .known("numa_node", &of.numa)
        .known("time_slice_ns", &of.time_slice)
        .known("process_isolation", &of.process_isolation)
        .with("engines", engines(&of.engines))
        .with("nodes", of.nodes.iter().map(node).collect::<Vec<_>>())
        .with("readings", readings(snapshot.sample.reading(of.id)))
        .with("health", snapshot.health.get(of.id))
        .with("partitions", partitions(&of.partitions, snapshot))
}

fn engines(of: &Engines) -> Facts {
    Facts::default()
        .known("copy", &of.copy)
        .known("decoder", &of.decoder)
        .known("encoder", &of.encoder)
        .known("jpeg", &of.jpeg)
        .known("optical_flow", &of.optical_flow)
}

fn mode(of: &Mode) -> Facts {
    Facts::default()
        .with("name", of.name)
        .known("current", &of.current)
        .known("pending", &of.pending)
        .known("available", &of.available)
}

fn node(of: &DeviceNode) -> Facts {
    Facts::default().with("path", &of.path).with("number", of.number).with("role", of.role)
}

fn link(of: &Link) -> Facts {
    Facts::default().with("a", of.a).with("b", of.b).with("kind", of.kind)
}

fn readings(of: &Reading) -> BTreeMap<&'static str, serde_json::Value> {
    of.iter()
        .map(|(metric, value)| {
            let value = match value {
                Ok(measured) => serde_json::to_value(measured),
                Err(absence) => serde_json::to_value(absence),
            };
            (metric.name(), value.unwrap_or_default())
        })
        .collect()
}

fn process(of: &ProcessReading) -> Facts {
    Facts::default()
        .with("unit", of.unit)
        .with("device", UnitId::Device(of.unit.device()))
        .with("pid", of.pid)
        .with("pid_view", of.pid_view)
        .with("kinds", of.kinds)
        .result("name", of.name)
        .result("start_ns", of.start)
        .result("memory_bytes", of.memory.map(|measured| measured.value))
        .result("busy_permille", of.busy.map(|measured| measured.value))
        .result("memory_busy_permille", of.memory_busy.map(|measured| measured.value))
        .result("encoder_busy_permille", of.encoder_busy.map(|measured| measured.value))
        .result("decoder_busy_permille", of.decoder_busy.map(|measured| measured.value))
        .result("occupied_units", of.occupied_units.map(|measured| measured.value))
        .result("queue_copy_ns", of.queue_copy_time.map(|measured| measured.value))
        .result("clients", of.clients.map(|measured| measured.value))
        .result("client_memory_bytes", of.client_memory.map(|measured| measured.value))
        .result("system_memory_bytes", of.system_memory.map(|measured| measured.value))
        .result("evicted_memory_bytes", of.evicted_memory.map(|measured| measured.value))
        .result("graphics_ns", of.graphics_time.map(|measured| measured.value))
        .result("compute_ns", of.compute_time.map(|measured| measured.value))
        .result("copy_ns", of.copy_time.map(|measured| measured.value))
        .result("video_ns", of.video_time.map(|measured| measured.value))
        .result("shared_memory_bytes", of.shared_memory.map(|measured| measured.value))
        .result("graphics_cycles", of.graphics_cycles.map(|measured| measured.value))
        .result("compute_cycles", of.compute_cycles.map(|measured| measured.value))
        .result("copy_cycles", of.copy_cycles.map(|measured| measured.value))
        .result("video_cycles", of.video_cycles.map(|measured| measured.value))
}

fn unmanaged(of: &Unmanaged) -> Facts {
    Facts::default()
        .with("pci", of.pci)
        .with("pci_id", of.pci_id.to_string())
        .with("vendor", of.vendor)
        .known("driver", &of.driver)
        .with("why", &of.why)
}
