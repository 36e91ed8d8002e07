//! The topology as a matrix: which way each device reaches each other.

use gpu_accounting::{Device, Inventory, LinkKind, PcieAncestor};

use crate::table::Table;

/// The matrix, and the legend of the marks in it.
pub fn topology(inventory: &Inventory) -> Vec<String> {
    let devices = &inventory.devices;
    let names: Vec<String> = (0..devices.len()).map(|i| format!("#{i}")).collect();
    let mut headings = vec![""];
    headings.extend(names.iter().map(String::as_str));
    headings.push("NUMA node");
    let mut table = Table::new(&headings);
    for (name, device) in names.iter().zip(devices) {
        let cells = devices.iter().map(|other| mark(inventory, device, other));
        let numa = device.numa.value().map_or_else(|| "-".to_owned(), ToString::to_string);
        table.row(std::iter::once(name.clone()).chain(cells).chain([numa]));
    }
    let mut lines = table.lines();
    lines.push("NVn NVLink ×n   NSn NVLink ×n by switch   XG xGMI   XL Xe Link".to_owned());
    lines.push(
        "PCIe meeting at: PB board  PX switch  PS switches  PH host bridge  NO NUMA node  SY system"
            .to_owned(),
    );
    lines
}

/// The fastest way between two devices.
fn mark(inventory: &Inventory, one: &Device, other: &Device) -> String {
    if one.id == other.id {
        return "·".to_owned();
    }
    match inventory.links_between(one.id, other.id).map(|link| link.kind).min() {
        None => "-".to_owned(),
        Some(LinkKind::NvLink { links, switched: false }) => format!("NV{links}"),
        Some(LinkKind::NvLink { links, switched: true }) => format!("NS{links}"),
        Some(LinkKind::Xgmi { .. }) => "XG".to_owned(),
        Some(LinkKind::XeLink) => "XL".to_owned(),
        Some(LinkKind::Pcie { ancestor }) => match ancestor {
            PcieAncestor::Board => "PB".to_owned(),
            PcieAncestor::Switch => "PX".to_owned(),
            PcieAncestor::Switches => "PS".to_owned(),
            PcieAncestor::HostBridge => "PH".to_owned(),
            PcieAncestor::NumaNode => "NO".to_owned(),
            PcieAncestor::System => "SY".to_owned(),
            _ => "?".to_owned(),
        },
        Some(_) => "?".to_owned(),
    }
}
