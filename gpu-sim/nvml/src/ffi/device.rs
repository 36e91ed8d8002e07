//! How GPUs are counted and found, and who they are.

use std::ffi::{c_int, c_uint};

use gpu_core::PciAddress;

use super::{nvml, unsupported};
use crate::abi::{Code, PciInfo};
use crate::handle::Device;
use crate::out::{Out, TextIn, TextOut, field};
use crate::state::{State, View};

fn by_index(state: &State, index: c_uint) -> Result<Device, Code> {
    let position = state.order.get(index as usize).ok_or(Code::INVALID_ARGUMENT)?;
    state.at(*position).map(|view| Device::whole(view.position))
}

fn by_uuid(state: &State, text: &str) -> Result<Device, Code> {
    let mut lost = false;
    for position in &state.order {
        // Resolving by UUID touches every GPU (nvml.h): a lost one before the one that is meant
        // does not stop it, but not finding any then answers that a GPU is lost.
        let Ok(view) = state.at(*position) else {
            lost = true;
            continue;
        };
        let gpu = view.nvidia.uuid.to_string();
        if text.strip_prefix("GPU-") == Some(&gpu) {
            return Ok(Device::whole(*position));
        }
        for (_, gi, ci) in view.mig_devices(state.faults.permuted) {
            let (instance, _) = view.instance(gi)?;
            let found = instance.compute_instances.iter().find(|c| c.id == ci);
            let new = found.map(|c| format!("MIG-{}", c.uuid));
            if new.as_deref() == Some(text) || text == format!("MIG-GPU-{gpu}/{gi}/{ci}") {
                return Ok(Device::mig(*position, gi, ci));
            }
        }
    }
    Err(if lost { Code::GPU_IS_LOST } else { Code::NOT_FOUND })
}

/// `[domain:]bus:device[.function]`, hexadecimal.
fn address(text: &str) -> Option<(u32, u8, u8)> {
    let text = text.split_once('.').map_or(text, |(slot, _)| slot);
    let mut parts = text.rsplit(':');
    let device = u8::from_str_radix(parts.next()?, 16).ok()?;
    let bus = u8::from_str_radix(parts.next()?, 16).ok()?;
    let domain = parts.next().map_or(Some(0), |domain| u32::from_str_radix(domain, 16).ok())?;
    Some((domain, bus, device))
}

fn by_address(state: &State, text: &str) -> Result<Device, Code> {
    let wanted = address(text).ok_or(Code::INVALID_ARGUMENT)?;
    let is = |pci: PciAddress| (pci.domain, pci.bus, pci.device) == wanted;
    let gpus = &state.scene.machine().gpus;
    let position = state.order.iter().find(|position| is(gpus[**position].pci)).ok_or(Code::NOT_FOUND)?;
    state.at(*position).map(|view| Device::whole(view.position))
}

fn pci_info(state: &State, view: &View<'_>) -> PciInfo {
    let (pci, id) = (view.gpu.pci, view.gpu.pci_id);
    let unterminated = state.faults.unterminated;
    let PciAddress { domain, bus, device, .. } = pci;
    PciInfo {
        bus_id_legacy: field(unterminated, format_args!("{domain:04X}:{bus:02X}:{device:02X}.0")),
        domain,
        bus: bus.into(),
        device: device.into(),
        pci_device_id: u32::from(id.device) << 16 | u32::from(id.vendor),
        pci_subsystem_id: u32::from(id.subdevice) << 16 | u32::from(id.subvendor),
        bus_id: field(unterminated, format_args!("{domain:08X}:{bus:02X}:{device:02X}.0")),
    }
}

fn text_of(state: &State, text: TextOut, length: c_uint, value: Option<&String>) -> Result<(), Code> {
    let value = value.ok_or(Code::NOT_SUPPORTED)?;
    text.put(length, state.faults.unterminated, format_args!("{value}"))
}

fn name(state: &State, device: Device, text: TextOut, length: c_uint) -> Result<(), Code> {
    let (view, mig) = state.device(device)?;
    let unterminated = state.faults.unterminated;
    let Some(mig) = mig else {
        return text.put(length, unterminated, format_args!("{}", view.gpu.name));
    };
    let (board, profile) = (&view.gpu.name, &mig.profile.name);
    if mig.ci.slices == mig.profile.slices {
        text.put(length, unterminated, format_args!("{board} MIG {profile}"))
    } else {
        text.put(length, unterminated, format_args!("{board} MIG {}c.{profile}", mig.ci.slices))
    }
}

fn uuid(state: &State, device: Device, text: TextOut, length: c_uint) -> Result<(), Code> {
    let unterminated = state.faults.unterminated;
    match state.device(device)? {
        (view, None) => text.put(length, unterminated, format_args!("GPU-{}", view.nvidia.uuid)),
        (_, Some(mig)) => text.put(length, unterminated, format_args!("MIG-{}", mig.ci.uuid)),
    }
}

fn index(state: &State, device: Device) -> Result<c_uint, Code> {
    let (view, mig) = state.device(device)?;
    if let Some(mig) = mig {
        let at = |(_, gi, ci): &(u32, u32, u32)| (*gi, *ci) == (mig.gi.id, mig.ci.id);
        return view
            .mig_devices(state.faults.permuted)
            .find(at)
            .map(|(index, _, _)| index)
            .ok_or(Code::UNKNOWN);
    }
    let at = state.order.iter().position(|position| *position == view.position).ok_or(Code::UNKNOWN)?;
    c_uint::try_from(at).map_err(|_| Code::UNKNOWN)
}

fn how_many(state: &State, count: Out<c_uint>) -> Result<(), Code> {
    count.put(c_uint::try_from(state.order.len()).map_err(|_| Code::UNKNOWN)?)
}

nvml! {
    fn nvmlDeviceGetCount(count: Out<c_uint>) |s| how_many(s, count);
    fn nvmlDeviceGetCount_v2(count: Out<c_uint>) |s| how_many(s, count);
    fn nvmlDeviceGetHandleByIndex(index: c_uint, device: Out<Device>) |s| device.put(by_index(s, index)?);
    fn nvmlDeviceGetHandleByIndex_v2(index: c_uint, device: Out<Device>) |s| device.put(by_index(s, index)?);
    fn nvmlDeviceGetHandleByUUID(uuid: TextIn, device: Out<Device>) |s| device.put(by_uuid(s, uuid.get()?)?);
    fn nvmlDeviceGetHandleByPciBusId(pci: TextIn, device: Out<Device>) |s| {
        device.put(by_address(s, pci.get()?)?)
    };
    fn nvmlDeviceGetHandleByPciBusId_v2(pci: TextIn, device: Out<Device>) |s| {
        device.put(by_address(s, pci.get()?)?)
    };
    fn nvmlDeviceGetHandleBySerial(serial: TextIn, device: Out<Device>) |s| {
        let serial = serial.get()?;
        let is = |position: &&usize| s.scene.machine().gpus[**position].serial.as_deref() == Some(serial);
        device.put(Device::whole(s.at(*s.order.iter().find(is).ok_or(Code::NOT_FOUND)?)?.position))
    };
    fn nvmlDeviceGetName(device: Device, text: TextOut, length: c_uint) |s| name(s, device, text, length);
    fn nvmlDeviceGetUUID(device: Device, text: TextOut, length: c_uint) |s| uuid(s, device, text, length);
    fn nvmlDeviceGetIndex(device: Device, out: Out<c_uint>) |s| out.put(index(s, device)?);
    fn nvmlDeviceGetPciInfo(device: Device, info: Out<PciInfo>) |s| {
        info.put(pci_info(s, &s.whole(device)?))
    };
    fn nvmlDeviceGetPciInfo_v2(device: Device, info: Out<PciInfo>) |s| {
        info.put(pci_info(s, &s.whole(device)?))
    };
    fn nvmlDeviceGetPciInfo_v3(device: Device, info: Out<PciInfo>) |s| {
        info.put(pci_info(s, &s.whole(device)?))
    };
    fn nvmlDeviceGetSerial(device: Device, text: TextOut, length: c_uint) |s| {
        text_of(s, text, length, s.whole(device)?.gpu.serial.as_ref())
    };
    fn nvmlDeviceGetBoardPartNumber(device: Device, text: TextOut, length: c_uint) |s| {
        text_of(s, text, length, s.whole(device)?.gpu.board_part.as_ref())
    };
    fn nvmlDeviceGetVbiosVersion(device: Device, text: TextOut, length: c_uint) |s| {
        text_of(s, text, length, s.whole(device)?.gpu.firmware.as_ref())
    };
    fn nvmlDeviceGetMinorNumber(device: Device, minor: Out<c_uint>) |s| {
        minor.put(s.whole(device)?.nvidia.minor)
    };
    fn nvmlDeviceGetBoardId(device: Device, id: Out<c_uint>) |s| {
        let pci = s.whole(device)?.gpu.pci;
        id.put(pci.domain << 16 | u32::from(pci.bus) << 8 | u32::from(pci.device))
    };
    fn nvmlDeviceGetMultiGpuBoard(device: Device, multi: Out<c_uint>) |s| {
        s.whole(device)?;
        multi.put(0)
    };
    fn nvmlDeviceGetArchitecture(device: Device, architecture: Out<c_uint>) |s| {
        architecture.put(s.board(device)?.nvidia.architecture)
    };
    fn nvmlDeviceGetBrand(device: Device, brand: Out<c_uint>) |s| {
        // NVML_BRAND_NVIDIA_RTX is 13, NVML_BRAND_NVIDIA 14.
        brand.put(if s.board(device)?.gpu.name.contains(" RTX ") { 13 } else { 14 })
    };
    fn nvmlDeviceGetCudaComputeCapability(device: Device, major: Out<c_int>, minor: Out<c_int>) |s| {
        let (high, low) = s.board(device)?.nvidia.compute_capability;
        major.put(high)?;
        minor.put(low)
    };
    fn nvmlDeviceGetNumGpuCores(device: Device, cores: Out<c_uint>) |s| {
        // CUDA cores of an SM: 64 on GA100, 128 on what came after (CUDA programming guide).
        let view = s.whole(device)?;
        let of_sm = if view.nvidia.compute_capability == (8, 0) { 64 } else { 128 };
        cores.put(view.gpu.compute_units * of_sm)
    };
    fn nvmlDeviceGetPersistenceMode(device: Device, mode: Out<c_uint>) |s| {
        mode.put(s.board(device)?.nvidia.persistence.into())
    };
    fn nvmlDeviceGetComputeMode(device: Device, mode: Out<c_uint>) |s| {
        s.board(device)?;
        mode.put(0)
    };
    fn nvmlDeviceGetDisplayMode(device: Device, mode: Out<c_uint>) |s| {
        s.board(device)?;
        mode.put(0)
    };
    fn nvmlDeviceGetDisplayActive(device: Device, mode: Out<c_uint>) |s| {
        s.board(device)?;
        mode.put(0)
    };
    fn nvmlDeviceGetNumaNodeId(device: Device, node: Out<c_uint>) |s| {
        // The node that is the GPU's memory, not the one that it hangs on: only where there is one.
        s.whole(device)?;
        let _ = node;
        Err(Code::NOT_SUPPORTED)
    };
}

unsupported! {
    nvmlDeviceGetDriverModel;
    nvmlDeviceGetDriverModel_v2;
    nvmlDeviceGetVirtualizationMode;
    nvmlDeviceGetInforomVersion;
    nvmlDeviceGetInforomImageVersion;
    nvmlDeviceGetRetiredPages_v2;
    nvmlDeviceGetSupportedVgpus;
    nvmlDeviceGetActiveVgpus;
    nvmlDeviceGetConfComputeMemSizeInfo;
    nvmlDeviceGetRunningProcessDetailList;
    nvmlDeviceGetProcessesUtilizationInfo;
}
