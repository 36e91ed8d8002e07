//! NVIDIA's GPUs and their MIG devices, as handles into NVML.

use std::path::Path;
use std::str::FromStr;

use gpu_core::{
    Absence, DeviceId, Error, PartitionId, PartitionKind, PciAddress, PciId, UnitId, Uuid, Vendor,
};
use gpu_host::file::Attribute;
use gpu_host::pci::{self, PciFunction};

use crate::error::Code;
use crate::ffi::{Handle, Library, Pci};

/// More MIG devices than a GPU can have: a count beyond it is not believed.
const MIG_DEVICES: u32 = 64;
/// `NVML_DEVICE_ARCH_AMPERE`.
const AMPERE: u32 = 7;

/// One GPU.
#[derive(Debug)]
pub(crate) struct Board {
    pub(crate) id: DeviceId,
    pub(crate) uuid: Result<String, Absence>,
    pub(crate) handle: Handle,
    pub(crate) address: Option<PciAddress>,
    pub(crate) pci_id: Option<PciId>,
    pub(crate) function: Option<PciFunction>,
    pub(crate) architecture: Result<u32, Absence>,
    /// Whether MIG mode is on now, and after the next reset.
    pub(crate) mig: Result<(bool, bool), Absence>,
    pub(crate) mig_devices: Vec<MigDevice>,
    status: Option<Attribute>,
}

/// One compute instance, by the handle that NVML calls a MIG device.
#[derive(Debug)]
pub(crate) struct MigDevice {
    pub(crate) handle: Handle,
    pub(crate) gpu_instance: u32,
    pub(crate) compute_instance: u32,
}

impl Board {
    pub(crate) fn is_asleep(&self) -> bool {
        let Some(status) = &self.status else { return false };
        let asleep = |text: &[u8]| Some(matches!(text, b"suspended" | b"suspending"));
        status.with_bytes(asleep).unwrap_or(false)
    }

    /// True where power is the average of the last second: Ampere and later, but not GA100, whose
    /// PCI ids are 0x20.. (`nvml.h`, `nvmlDeviceGetPowerUsage`).
    pub(crate) fn averages_power(&self) -> bool {
        let is_ga100 = self.pci_id.is_some_and(|id| id.device >> 8 == 0x20);
        self.architecture.is_ok_and(|architecture| architecture >= AMPERE) && !is_ga100
    }

    pub(crate) fn gpu_instance(&self, device: &MigDevice) -> PartitionId {
        self.id.partition(PartitionKind::GPU_INSTANCE, device.gpu_instance)
    }

    /// The compute instance; two levels always fit.
    pub(crate) fn compute_instance(&self, device: &MigDevice) -> PartitionId {
        let outer = self.gpu_instance(device);
        outer.inner(PartitionKind::COMPUTE_INSTANCE, device.compute_instance).unwrap_or(outer)
    }

    /// One MIG device of each GPU instance that has any.
    pub(crate) fn gpu_instances(&self) -> impl Iterator<Item = &MigDevice> {
        self.mig_devices.iter().enumerate().filter_map(|(at, device)| {
            let before = &self.mig_devices[..at];
            (!before.iter().any(|other| other.gpu_instance == device.gpu_instance)).then_some(device)
        })
    }

    pub(crate) fn has(&self, unit: UnitId) -> bool {
        match unit {
            UnitId::Device(id) => id == self.id,
            UnitId::Partition(id) => self
                .mig_devices
                .iter()
                .any(|device| self.gpu_instance(device) == id || self.compute_instance(device) == id),
            _ => false,
        }
    }
}

/// All GPUs, and what went wrong in finding them.
#[derive(Debug, Default)]
pub(crate) struct Boards {
    pub(crate) boards: Vec<Board>,
    pub(crate) errors: Vec<Error>,
}

/// Asks NVML for every GPU. One that cannot be asked is among the errors; the others are found.
pub(crate) fn look(library: &Library, sysfs: &Path) -> Result<Boards, Error> {
    let count = library.count().map_err(|code| code.error("nvmlDeviceGetCount_v2", "NVML"))?;
    let mut found = Boards::default();
    for index in 0..count.min(1024) {
        match library.device(index) {
            Ok(handle) => found.add(library, sysfs, index, handle),
            Err(code) => {
                found.errors.push(code.error("nvmlDeviceGetHandleByIndex_v2", format!("GPU {index}")));
            }
        }
    }
    Ok(found)
}

impl Boards {
    fn add(&mut self, library: &Library, sysfs: &Path, index: u32, handle: Handle) {
        let uuid = library.uuid(handle);
        let pci = library.pci(handle);
        let address = pci.as_ref().ok().and_then(address);
        let known = uuid.as_deref().ok().and_then(|text| Uuid::from_str(text.strip_prefix("GPU-")?).ok());
        let id = match (known, address) {
            (Some(uuid), _) => DeviceId::from_uuid(Vendor::NVIDIA, uuid),
            (None, Some(address)) => DeviceId::from_pci(Vendor::NVIDIA, address),
            (None, None) => {
                let code = uuid.err().unwrap_or(Code::NONSENSE);
                self.errors.push(code.error("nvmlDeviceGetUUID", format!("GPU {index}")));
                return;
            }
        };
        let function = address.and_then(|address| {
            let path = sysfs.join("bus/pci/devices").join(address.to_string());
            pci::function_at(&path, address).ok()
        });
        let status = function.as_ref().map(|function| {
            Attribute::new(function.path.join("power/runtime_status"), "power/runtime_status")
        });
        let mut board = Board {
            id,
            uuid: uuid.map_err(|code| code.absence("nvmlDeviceGetUUID")),
            handle,
            address,
            pci_id: pci.as_ref().ok().map(pci_id),
            function,
            architecture: library
                .architecture(handle)
                .map_err(|code| code.absence("nvmlDeviceGetArchitecture")),
            mig: library
                .mig_mode(handle)
                .map(|(current, pending)| (current == 1, pending == 1))
                .map_err(|code| code.absence("nvmlDeviceGetMigMode")),
            mig_devices: Vec::new(),
            status,
        };
        if board.mig.is_ok_and(|(current, _)| current) {
            board.mig_devices = self.mig_devices(library, &board);
        }
        self.boards.push(board);
    }

    /// The MIG devices, by instance. Indices with none (`NOT_FOUND`) are normal.
    fn mig_devices(&mut self, library: &Library, board: &Board) -> Vec<MigDevice> {
        let mut devices = Vec::new();
        for index in 0..library.mig_device_count(board.handle).unwrap_or(0).min(MIG_DEVICES) {
            match mig_device(library, board.handle, index) {
                Ok(device) => devices.push(device),
                Err((_, Code::NOT_FOUND)) => {}
                Err((_, Code::INVALID_ARGUMENT)) => break,
                Err((at, code)) => {
                    self.errors.push(code.error(at, format!("MIG device {index} of {}", board.id)));
                }
            }
        }
        devices.sort_by_key(|device| (device.gpu_instance, device.compute_instance));
        devices.dedup_by_key(|device| (device.gpu_instance, device.compute_instance));
        devices
    }
}

fn mig_device(library: &Library, of: Handle, index: u32) -> Result<MigDevice, (&'static str, Code)> {
    let at = |name: &'static str| move |code: Code| (name, code);
    let handle = library.mig_device(of, index).map_err(at("nvmlDeviceGetMigDeviceHandleByIndex"))?;
    Ok(MigDevice {
        handle,
        gpu_instance: library.gpu_instance_id(handle).map_err(at("nvmlDeviceGetGpuInstanceId"))?,
        compute_instance: library
            .compute_instance_id(handle)
            .map_err(at("nvmlDeviceGetComputeInstanceId"))?,
    })
}

/// NVML leaves out the function: a GPU's is 0, a virtual function's it does not tell.
fn address(pci: &Pci) -> Option<PciAddress> {
    Some(PciAddress::new(pci.domain, u8::try_from(pci.bus).ok()?, u8::try_from(pci.device).ok()?, 0))
}

/// Both ids have the vendor in the low half.
fn pci_id(pci: &Pci) -> PciId {
    let (low, high) = (|id: u32| (id & 0xffff) as u16, |id: u32| (id >> 16) as u16);
    PciId {
        vendor: low(pci.pciDeviceId),
        device: high(pci.pciDeviceId),
        subvendor: low(pci.pciSubSystemId),
        subdevice: high(pci.pciSubSystemId),
    }
}
