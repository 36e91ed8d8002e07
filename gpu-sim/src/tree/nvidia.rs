//! What NVIDIA's kernel driver shows: `/proc/driver/nvidia`, the minors of its capability files,
//! and its majors in `/proc/devices`.
//!
//! Forms: open-gpu-kernel-modules, `kernel-open/nvidia/nv-procfs.c` (`nv_procfs_read_gpu_info`,
//! `nv_procfs_read_version`); NVIDIA's MIG user guide, "Device Nodes and Capabilities".

use std::fmt::Write;
use std::path::Path;

use gpu_core::Vendor;

use super::plan::Plan;
use crate::capability::{self, Capability};
use crate::gpu::{Gpu, NvidiaSpec, Silicon};
use crate::scene::Scene;

const DRIVER: &str = "proc/driver/nvidia";
/// The driver knows 32 GPUs, and lists the minors of all instances that they could have.
const GPUS: u32 = 32;

/// What there is once.
pub(super) fn driver(plan: &mut Plan, scene: &Scene) {
    let Some(driver) = scene.machine().nvidia_driver.as_ref().filter(|_| scene.has_driver(Vendor::NVIDIA))
    else {
        return;
    };
    let version = &driver.version;
    let text = format!(
        "NVRM version: NVIDIA UNIX Open Kernel Module for x86_64  {version}  Release Build  (gpu-sim@simulated)\n\
         GCC version:  none, it is simulated\n"
    );
    plan.text(Path::new(DRIVER), "version", text);
    plan.line(Path::new("sys/module/nvidia"), "version", version);
    plan.text(Path::new("proc/driver/nvidia-caps"), "mig-minors", minors());
    plan.text(Path::new("proc"), "devices", devices());
    access(plan, "mig/config", Capability::CONFIG_MINOR);
    access(plan, "mig/monitor", Capability::MONITOR_MINOR);
}

/// What the driver says of one GPU, and the capability files of its live MIG instances.
pub(super) fn gpu(plan: &mut Plan, scene: &Scene, gpu: &Gpu) {
    let Silicon::Nvidia(nvidia) = &gpu.silicon else { return };
    let version = scene.machine().nvidia_driver.as_ref().map_or("", |driver| &driver.version);
    let folder = Path::new(DRIVER).join("gpus").join(gpu.pci.to_string());
    plan.text(&folder, "information", information(gpu, nvidia, version));
    let Some(mig) = nvidia.mig.as_ref().filter(|mig| mig.enabled) else { return };
    let board = format!("gpu{}/mig", nvidia.minor);
    for instance in &mig.instances {
        let outer = Capability { gpu: nvidia.minor, gi: instance.id, ci: None };
        access(plan, &format!("{board}/gi{}/access", instance.id), outer.minor());
        for inner in &instance.compute_instances {
            let file = format!("{board}/gi{}/ci{}/access", instance.id, inner.id);
            access(plan, &file, Capability { ci: Some(inner.id), ..outer }.minor());
        }
    }
}

fn information(gpu: &Gpu, nvidia: &NvidiaSpec, firmware: &str) -> String {
    let bios = gpu.firmware.as_deref().unwrap_or("??.??.??.??.??");
    format!(
        "Model: \t\t {}\nIRQ:   \t\t {}\nGPU UUID: \t GPU-{}\nVideo BIOS: \t {bios}\nBus Type: \t PCIe\n\
         DMA Size: \t 52 bits\nDMA Mask: \t 0xfffffffffffff\nBus Location: \t {}\nDevice Minor: \t {}\n\
         GPU Firmware: \t {firmware}\nGPU Excluded:\t No\n",
        gpu.name,
        100 + nvidia.minor,
        nvidia.uuid,
        gpu.pci,
        nvidia.minor,
    )
}

/// A capability file; modes are decimal: 256 is 0400.
fn access(plan: &mut Plan, name: &str, minor: u32) {
    let content = format!("DeviceFileMinor: {minor}\nDeviceFileMode: 256\nDeviceFileModify: 1\n");
    plan.text(&Path::new(DRIVER).join("capabilities"), name, content);
}

fn minors() -> String {
    let mut text = format!("config {}\nmonitor {}\n", Capability::CONFIG_MINOR, Capability::MONITOR_MINOR);
    for capability in Capability::of_gpus(GPUS) {
        // Writing to a string does not fail.
        let _ = writeln!(text, "{capability} {}", capability.minor());
    }
    text
}

fn devices() -> String {
    format!(
        "Character devices:\n  1 mem\n  5 /dev/tty\n 10 misc\n195 nvidia\n195 nvidia-modeset\n\
         195 nvidiactl\n226 drm\n{} nvidia-caps\n506 nvidia-uvm\n\nBlock devices:\n259 blkext\n",
        capability::MAJOR
    )
}
