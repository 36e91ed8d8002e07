//! DRM clients of a unit's processes, added up beside what the compute driver says.

use gpu_core::{
    Absence, BootTime, ClientNames, DeviceNumber, DrmClient, EngineKind, ProcessReading, RegionKind, Sweep,
    UnitId,
};

const NOT_KFD: Absence = Absence::NotSupported { why: "not a process of the compute driver" };
const OLD: Absence = Absence::NotSupported { why: "amdgpu gives engine time from Linux 5.19 on" };

/// amdgpu's names (kernel: `amdgpu_fdinfo.c`).
struct Names;

impl ClientNames for Names {
    fn engine(&self, name: &str) -> Option<EngineKind> {
        match name {
            "gfx" => Some(EngineKind::Graphics),
            "compute" => Some(EngineKind::Compute),
            "dma" => Some(EngineKind::Copy),
            "dec" | "enc" | "enc_1" | "jpeg" | "vpe" => Some(EngineKind::Video),
            _ => None,
        }
    }

    fn region(&self, name: &str) -> Option<RegionKind> {
        match name {
            "vram" => Some(RegionKind::Device),
            "gtt" => Some(RegionKind::System),
            _ => None,
        }
    }

    /// The driver writes engines that have worked; the others have not. One that does not give
    /// its name gives no engine time in nanoseconds either.
    fn unnamed_engine(&self, client: &DrmClient) -> Result<(), Absence> {
        if client.driver.is_none() { Err(OLD) } else { Ok(()) }
    }
}

/// True for a client of amdgpu's; one without a driver's name is of an amdgpu that writes none.
fn is_ours(client: &DrmClient) -> bool {
    client.driver.is_none_or(|driver| driver.as_str() == "amdgpu")
}

/// Adds the clients of a sweep behind the device files that `lies_on` accepts to the processes of
/// `unit`, which are `processes[first..]`; a process that is not there yet is added.
pub(crate) fn add_clients(
    sweep: Option<&Sweep>,
    unit: UnitId,
    lies_on: impl Fn(DeviceNumber) -> bool,
    now: BootTime,
    first: usize,
    processes: &mut Vec<ProcessReading>,
) {
    let is_here = |client: &DrmClient| is_ours(client) && lies_on(client.node);
    gpu_core::add_clients(sweep, unit, &Names, is_here, NOT_KFD, now, first, processes);
}
