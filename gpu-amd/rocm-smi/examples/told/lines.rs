/// What a backend tells, a line each, without absences and without the time.
fn told(backend: &dyn Backend) -> Result<Vec<String>, gpu_core::Error> {
    let (inventory, sample) = (backend.inventory()?, backend.sample()?);
    let mut lines = Vec::new();
    for device in &inventory.devices {
        let id = device.id;
        lines.push(format!("{id} name {}", device.name));
        let facts = [
            ("pci", device.pci.value().map(ToString::to_string)),
            ("pci_id", device.pci_id.value().map(|id| format!("{id:?}"))),
            ("numa", device.numa.value().map(ToString::to_string)),
            ("vendor_name", device.vendor_name.value().cloned()),
            ("serial", device.serial.value().cloned()),
            ("firmware", device.firmware.value().cloned()),
            ("memory_total", device.memory_total.value().map(|bytes| bytes.get().to_string())),
        ];
        lines.extend(facts.into_iter().filter_map(|(name, fact)| Some(format!("{id} {name} {}", fact?))));
        lines.extend(device.modes.iter().map(|mode| format!("{id} {} {}", mode.name, mode.current)));
        lines.extend(device.nodes.iter().map(|node| format!("{id} node {}", node.path)));
        for part in device.all_partitions() {
            lines.push(format!("{} profile {}", part.id, part.profile));
            lines.extend(part.nodes.iter().map(|node| format!("{} node {}", part.id, node.path)));
        }
    }
    lines.extend(inventory.links.iter().map(|link| format!("{} link {} {:?}", link.a, link.b, link.kind)));
    for unit in &sample.units {
        let values = unit.reading.iter().filter_map(|(metric, value)| Some((metric, value.ok()?.value)));
        lines.extend(values.map(|(metric, value)| format!("{} {metric} {value:?}", unit.unit)));
    }
    for process in &sample.processes {
        let bytes = process.memory.map(|memory| memory.value.get());
        let copies = process.queue_copy_time.map(|time| time.value.get());
        lines.push(format!("{} process {} {bytes:?} {copies:?}", process.unit, process.pid));
    }
    Ok(lines)
}

/// What no other backend tells.
fn only_here(backend: &RocmSmiBackend) -> Result<Vec<String>, gpu_core::Error> {
    let mut lines = Vec::new();
    for device in &backend.inventory()?.devices {
        let details = backend.details(device.id)?;
        lines.extend(details.xgmi_hive.value().map(|hive| format!("{} hive {hive:x}", device.id)));
    }
    for path in backend.paths() {
        lines.push(format!("{} path {} {} {}", path.a, path.b, path.hops, path.is_xgmi));
    }
    Ok(lines)
}
