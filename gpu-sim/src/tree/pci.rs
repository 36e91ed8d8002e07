//! PCI functions and the DRM nodes below them.

use std::path::{Path, PathBuf};

use gpu_core::{PciAddress, PciId};

use super::plan::Plan;
use crate::gpu::Gpu;
use crate::machine::{Bystander, DrmNumbers};
use crate::scene::Scene;

/// GT/s of a lane, by generation from 1 on.
const SPEEDS: [&str; 6] = ["2.5", "5.0", "8.0", "16.0", "32.0", "64.0"];

/// Where the bus lists its functions.
const BUS: &str = "sys/bus/pci/devices";

/// The directory of a function below its bridges:
/// `sys/devices/pci0000:04/0000:04:01.0/0000:05:00.0`.
pub(super) fn directory(gpu: &Gpu) -> PathBuf {
    below(&gpu.bridges, gpu.pci)
}

fn below(bridges: &[PciAddress], pci: PciAddress) -> PathBuf {
    let first = bridges.first().copied().unwrap_or(pci);
    let mut path = PathBuf::from(format!("sys/devices/pci{:04x}:{:02x}", first.domain, first.bus));
    for step in bridges.iter().chain([&pci]) {
        path.push(step.to_string());
    }
    path
}

/// What every GPU's PCI function has, and the DRM nodes that its driver gives it.
pub(super) fn gpu(plan: &mut Plan, scene: &Scene, gpu: &Gpu) {
    let path = directory(gpu);
    let class = if gpu.drm.is_some() && gpu.pci_id.vendor == 0x8086 { 0x03_0000 } else { 0x03_8000 };
    function(plan, &path, gpu.pci, gpu.pci_id, class);
    match gpu.numa {
        Some(node) => plan.line(&path, "numa_node", node),
        None => plan.line(&path, "numa_node", -1),
    }
    plan.line(&path, "power/runtime_status", if gpu.asleep { "suspended" } else { "active" });
    let most = gpu.health.pcie_most.as_ref().unwrap_or(&gpu.pcie);
    for (when, link) in [("current", &gpu.pcie), ("max", most)] {
        let name = format!("{when}_link_speed");
        match SPEEDS.get((link.generation as usize).wrapping_sub(1)) {
            Some(speed) => plan.line(&path, &name, format_args!("{speed} GT/s PCIe")),
            // A function inside the processor has no link (kernel: `pci_speed_string`).
            None => plan.line(&path, &name, "Unknown"),
        }
        plan.line(&path, &format!("{when}_link_width"), link.width);
    }
    if scene.drives(gpu) {
        driver(plan, &path, gpu.driver());
        plan.folder(&Path::new("sys/module").join(gpu.driver()));
        if let Some(drm) = &gpu.drm {
            drm_nodes(plan, &path, drm);
        }
    }
}

/// A display function that is not one of the machine's GPUs.
pub(super) fn bystander(plan: &mut Plan, of: &Bystander) {
    let path = below(&[], of.pci);
    function(plan, &path, of.pci, of.pci_id, of.class);
    plan.line(&path, "numa_node", -1);
    if let Some(name) = &of.driver {
        driver(plan, &path, name);
    }
    if let Some(card) = of.card {
        drm_node(plan, &path, &format!("card{card}"), DrmNumbers { card, render: 0 }.card_number());
    }
}

fn function(plan: &mut Plan, path: &Path, pci: PciAddress, id: PciId, class: u32) {
    plan.line(path, "class", format_args!("{class:#08x}"));
    plan.line(path, "vendor", format_args!("{:#06x}", id.vendor));
    plan.line(path, "device", format_args!("{:#06x}", id.device));
    plan.line(path, "subsystem_vendor", format_args!("{:#06x}", id.subvendor));
    plan.line(path, "subsystem_device", format_args!("{:#06x}", id.subdevice));
    plan.link(path, &Path::new(BUS).join(pci.to_string()));
}

pub(super) fn driver(plan: &mut Plan, path: &Path, name: &str) {
    let driver = Path::new("sys/bus/pci/drivers").join(name);
    plan.folder(&driver);
    plan.link(&driver, &path.join("driver"));
}

/// A card and a render node of the device at `device`.
pub(super) fn drm_nodes(plan: &mut Plan, device: &Path, drm: &DrmNumbers) {
    drm_node(plan, device, &format!("card{}", drm.card), drm.card_number());
    drm_node(plan, device, &format!("renderD{}", drm.render), drm.render_number());
}

fn drm_node(plan: &mut Plan, device: &Path, name: &str, number: gpu_core::DeviceNumber) {
    let path = device.join("drm").join(name);
    plan.line(&path, "dev", number);
    plan.link(device, &path.join("device"));
    plan.link(&path, &Path::new("sys/class/drm").join(name));
}
