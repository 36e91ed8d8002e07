//! NVIDIA's GPUs, as handles into NVML.

use std::ffi::CString;
use std::path::Path;
use std::str::FromStr;
use std::sync::Arc;

use gpu_core::{
    Absence, DeviceId, Error, PartitionId, PartitionKind, PciAddress, PciId, UnitId, Uuid, Vendor,
};
use gpu_host::file::Attribute;
use gpu_host::pci::{self, PciFunction};

use crate::cut::{Cut, GpuInstance, MigDevice};
use crate::error::Code;
use crate::ffi::{Handle, Library, Pci};
use crate::health::LINK_COUNT;

/// `NVML_DEVICE_ARCH_AMPERE`.
const AMPERE: u32 = 7;
/// More GPUs than a machine can have: a count beyond it is not believed.
const GPUS: u32 = 1024;

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
    pub(crate) cut: Cut,
    /// How many NVLinks it has; `None` where the driver does not count them.
    pub(crate) links: Option<u32>,
    status: Option<Attribute>,
}

impl Board {
    /// Asks NVML about the GPU of a handle. `before` is what was known of the GPUs.
    fn look(
        library: &Library,
        sysfs: &Path,
        handle: Handle,
        before: &[Arc<Self>],
        errors: &mut Vec<Error>,
    ) -> Result<Self, Code> {
        let pci = library.pci(handle);
        let address = pci.as_ref().ok().and_then(address);
        let at_address = address.and_then(|here| before.iter().find(|known| known.address == Some(here)));
        let uuid = match (library.uuid(handle), at_address.map(|known| known.uuid.clone())) {
            // It had one before: a call that fails does not make it another GPU.
            (Err(_), Some(Ok(known))) => Ok(known),
            (told, _) => told,
        };
        let known = uuid.as_deref().ok().and_then(|text| Uuid::from_str(text.strip_prefix("GPU-")?).ok());
        let id = match (known, address) {
            (Some(uuid), _) => DeviceId::from_uuid(Vendor::NVIDIA, uuid),
            (None, Some(address)) => DeviceId::from_pci(Vendor::NVIDIA, address),
            (None, None) => return Err(uuid.err().unwrap_or(Code::NONSENSE)),
        };
        let function = address.and_then(|address| {
            let path = sysfs.join("bus/pci/devices").join(address.to_string());
            pci::function_at(&path, address).ok()
        });
        let status = function.as_ref().map(|function| {
            Attribute::new(function.path.join("power/runtime_status"), "power/runtime_status")
        });
        let mig = library.mig_mode(handle).map(|(current, pending)| (current == 1, pending == 1));
        let before = before.iter().find(|known| known.id == id).map(|known| &known.cut);
        let cut = match mig {
            Ok((true, _)) => Cut::look(library, handle, id, before, errors),
            _ => Cut::none(before),
        };
        Ok(Self {
            id,
            uuid: uuid.map_err(|code| code.absence("nvmlDeviceGetUUID")),
            handle,
            address,
            pci_id: pci.as_ref().ok().map(pci_id),
            function,
            architecture: library
                .architecture(handle)
                .map_err(|code| code.absence("nvmlDeviceGetArchitecture")),
            mig: mig.map_err(|code| code.absence("nvmlDeviceGetMigMode")),
            cut,
            links: library.field(handle, LINK_COUNT).ok(),
            status,
        })
    }

    /// Finds the GPU again by its address, which touches no other GPU, and makes sure that it is
    /// still the same one.
    pub(crate) fn find_again(
        self: &Arc<Self>,
        library: &Library,
        sysfs: &Path,
        errors: &mut Vec<Error>,
    ) -> Option<Arc<Self>> {
        let address = CString::new(self.address?.to_string()).ok()?;
        let handle = library.device_at(&address).ok()?;
        // A UUID that cannot be asked for here is no proof.
        if self.uuid.is_ok() && library.uuid(handle).ok() != self.uuid.clone().ok() {
            return None;
        }
        let found = Self::look(library, sysfs, handle, std::slice::from_ref(self), errors).ok()?;
        (found.id == self.id).then(|| Arc::new(found))
    }

    /// True while the handles still name what they named when they were looked up.
    pub(crate) fn is_current(&self, library: &Library) -> bool {
        let names = |handle: Handle, uuid: &Result<String, Absence>| match uuid {
            Ok(uuid) => library.uuid(handle).as_ref() == Ok(uuid),
            Err(_) => true,
        };
        names(self.handle, &self.uuid) && self.mig_devices().all(|(_, of)| names(of.handle, &of.uuid))
    }

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

    /// True under MIG.
    pub(crate) fn is_cut(&self) -> bool {
        self.mig.is_ok_and(|(current, _)| current)
    }

    pub(crate) fn gpu_instance(&self, instance: &GpuInstance) -> PartitionId {
        self.id.partition(PartitionKind::GPU_INSTANCE, instance.id)
    }

    /// The compute instance; two levels always fit.
    pub(crate) fn compute_instance(&self, instance: &GpuInstance, device: &MigDevice) -> PartitionId {
        let outer = self.gpu_instance(instance);
        outer.inner(PartitionKind::COMPUTE_INSTANCE, device.id).unwrap_or(outer)
    }

    /// The MIG devices, each with the GPU instance that it lies in.
    pub(crate) fn mig_devices(&self) -> impl Iterator<Item = (&GpuInstance, &MigDevice)> {
        let instances = self.cut.instances.iter();
        instances.flat_map(|instance| instance.devices.iter().map(move |device| (instance, device)))
    }

    pub(crate) fn has(&self, unit: UnitId) -> bool {
        match unit {
            UnitId::Device(id) => id == self.id,
            UnitId::Partition(id) => self.cut.instances.iter().any(|instance| {
                self.gpu_instance(instance) == id
                    || instance.devices.iter().any(|device| self.compute_instance(instance, device) == id)
            }),
            _ => false,
        }
    }
}

/// All GPUs, and what went wrong in finding them.
#[derive(Clone, Debug, Default)]
pub(crate) struct Boards {
    pub(crate) boards: Vec<Arc<Board>>,
    /// Known from an earlier look, and not found by this one.
    pub(crate) lost: Vec<Arc<Board>>,
    pub(crate) errors: Vec<Error>,
}

impl Boards {
    /// Asks NVML for every GPU. One that cannot be asked is among the errors; the others are
    /// found.
    pub(crate) fn look(library: &Library, sysfs: &Path, before: &Self) -> Result<Self, Error> {
        let count = library.count().map_err(|code| code.error("nvmlDeviceGetCount_v2", "NVML"))?;
        let known: Vec<Arc<Board>> = before.boards.iter().chain(&before.lost).cloned().collect();
        let mut found = Self::default();
        for index in 0..count.min(GPUS) {
            let handle = match library.device(index) {
                Ok(handle) => handle,
                Err(code) => {
                    found.errors.push(code.error("nvmlDeviceGetHandleByIndex_v2", format!("GPU {index}")));
                    continue;
                }
            };
            match Board::look(library, sysfs, handle, &known, &mut found.errors) {
                Ok(board) => found.boards.push(Arc::new(board)),
                Err(code) => found.errors.push(code.error("nvmlDeviceGetUUID", format!("GPU {index}"))),
            }
        }
        let here = |id: DeviceId| found.boards.iter().any(|board| board.id == id);
        found.lost = known.into_iter().filter(|known| !here(known.id)).collect();
        Ok(found)
    }

    /// True when the unit is here, or was.
    pub(crate) fn has(&self, unit: UnitId) -> bool {
        self.boards.iter().chain(&self.lost).any(|board| board.has(unit))
    }

    /// The same GPUs with one that was found again.
    pub(crate) fn with(&self, found: &Arc<Board>) -> Self {
        let mut next = self.clone();
        next.lost.retain(|board| board.id != found.id);
        match next.boards.iter_mut().find(|board| board.id == found.id) {
            Some(board) => *board = Arc::clone(found),
            None => next.boards.push(Arc::clone(found)),
        }
        next
    }
}

/// NVML leaves out the function: a GPU's is 0, a virtual function's it does not tell.
pub(crate) fn address(pci: &Pci) -> Option<PciAddress> {
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
