//! One GPU, as the kernel module and the PCI bus show it.

use std::path::{Path, PathBuf};

use gpu_core::{
    Absence, DeviceId, Error, ErrorKind, PartitionId, PartitionKind, PciAddress, UnitId, Units, Vendor,
};
use gpu_host::file::{self, Attribute};
use gpu_host::pci::{self, PciFunction};

use super::information::Information;
use crate::capability;

/// NVIDIA's PCI vendor id.
const PCI_VENDOR: u16 = 0x10de;

/// One GPU.
#[derive(Clone, Debug)]
pub(crate) struct Board {
    pub(crate) id: DeviceId,
    pub(crate) address: PciAddress,
    pub(crate) function: Option<PciFunction>,
    pub(crate) information: Result<Information, Absence>,
    /// Live MIG instances: each GPU instance with its compute instances.
    pub(crate) instances: Vec<(u32, Vec<u32>)>,
    presence: PathBuf,
    status: Option<Attribute>,
}

impl Board {
    pub(crate) fn is_here(&self) -> bool {
        self.presence.exists()
    }

    pub(crate) fn is_asleep(&self) -> bool {
        is_asleep(self.status.as_ref())
    }

    pub(crate) fn gpu_instance(&self, gi: u32) -> PartitionId {
        self.id.partition(PartitionKind::GPU_INSTANCE, gi)
    }

    /// The compute instance; two levels always fit.
    pub(crate) fn compute_instance(&self, gi: u32, ci: u32) -> PartitionId {
        let outer = self.gpu_instance(gi);
        outer.inner(PartitionKind::COMPUTE_INSTANCE, ci).unwrap_or(outer)
    }

    /// The GPU and its instances, in the order of the inventory.
    pub(crate) fn units(&self) -> impl Iterator<Item = UnitId> {
        let parts = self.instances.iter().flat_map(|(gi, inside)| {
            let inside = inside.iter().map(|ci| self.compute_instance(*gi, *ci));
            std::iter::once(self.gpu_instance(*gi)).chain(inside)
        });
        std::iter::once(self.id.into()).chain(parts.map(UnitId::Partition))
    }

    fn minor(&self) -> Option<u32> {
        self.information.as_ref().ok()?.minor
    }
}

fn is_asleep(status: Option<&Attribute>) -> bool {
    let asleep = |text: &[u8]| Some(matches!(text, b"suspended" | b"suspending"));
    status.is_some_and(|status| status.with_bytes(asleep).unwrap_or(false))
}

/// Where a GPU shows itself.
struct Place {
    address: PciAddress,
    /// A folder that is there as long as the GPU is.
    presence: PathBuf,
    information: PathBuf,
}

/// All GPUs, and what went wrong in finding them.
#[derive(Clone, Debug, Default)]
pub(crate) struct Boards {
    /// GPUs by address.
    pub(crate) boards: Vec<Board>,
    /// GPUs that the driver was told to leave alone.
    pub(crate) excluded: Vec<Board>,
    pub(crate) errors: Vec<Error>,
}

impl Boards {
    /// Looks at the machine. `before` is what an earlier look found.
    pub(crate) fn look(proc: &Path, sysfs: &Path, before: &Self) -> Self {
        let mut found = Self::default();
        for place in found.places(proc, sysfs) {
            let mut known = before.boards.iter().chain(&before.excluded);
            let known = known.find(|known| known.address == place.address);
            found.board(proc, sysfs, place, known);
        }
        found.name_by_hardware();
        found
    }

    /// The GPUs that the module lists, by address. Where the list cannot be read, the functions
    /// that the driver is bound to.
    fn places(&mut self, proc: &Path, sysfs: &Path) -> Vec<Place> {
        let folder = proc.join("driver/nvidia/gpus");
        let mut places = match file::list(&folder) {
            Ok(names) => self.listed(&folder, names),
            Err(error) => {
                self.errors.push(error);
                self.bound(sysfs, &folder)
            }
        };
        // Of two that claim to be one GPU, the one that the kernel would name so is believed.
        places.sort_by_key(|place| (place.address, !place.presence.ends_with(place.address.to_string())));
        places.dedup_by(|later, first| {
            let same = later.address == first.address;
            if same {
                let detail = format!("is the GPU at {}, as {} is", first.address, first.presence.display());
                let at = later.presence.display().to_string();
                self.errors.push(Error::new(ErrorKind::Inconsistent, at, detail));
            }
            same
        });
        places
    }

    fn listed(&mut self, folder: &Path, names: Vec<String>) -> Vec<Place> {
        let mut places = Vec::new();
        for name in names {
            let presence = folder.join(&name);
            match name.parse() {
                Ok(address) => {
                    places.push(Place { address, information: presence.join("information"), presence });
                }
                Err(_) => self.errors.push(file::malformed(&presence, "not named by a PCI address")),
            }
        }
        places
    }

    fn bound(&mut self, sysfs: &Path, folder: &Path) -> Vec<Place> {
        let (functions, errors) = match pci::gpu_functions(sysfs) {
            Ok(found) => found,
            Err(error) => (Vec::new(), vec![error]),
        };
        self.errors.extend(errors);
        let ours = functions
            .into_iter()
            .filter(|of| of.id.vendor == PCI_VENDOR && of.driver.as_deref() == Some("nvidia"));
        ours.map(|function| Place {
            address: function.address,
            information: folder.join(function.address.to_string()).join("information"),
            presence: function.path,
        })
        .collect()
    }

    fn board(&mut self, proc: &Path, sysfs: &Path, place: Place, before: Option<&Board>) {
        let Place { address, presence, information } = place;
        let path = sysfs.join("bus/pci/devices").join(address.to_string());
        let name = "power/runtime_status";
        let status = Some(Attribute::new(path.join(name), name)).filter(Attribute::exists);
        let function = self.keep(pci::function_at(&path, address));
        let known = before.filter(|known| known.information.is_ok());
        let information = match (is_asleep(status.as_ref()), known) {
            (true, Some(known)) => known.information.clone(),
            // Asking wakes it (`rm_ref_dynamic_power` in `nv_procfs_read_gpu_info`).
            (true, None) => Err(Absence::Asleep),
            (false, _) => {
                let read = Information::read(&information, &mut self.errors);
                read.map_err(|error| {
                    let absence = error.absence("driver/nvidia/gpus/*/information");
                    self.errors.push(error);
                    absence
                })
            }
        };
        let uuid = information.as_ref().ok().and_then(|told| told.uuid);
        let id = match uuid {
            Some(uuid) => DeviceId::from_uuid(Vendor::NVIDIA, uuid),
            None => DeviceId::from_pci(Vendor::NVIDIA, address),
        };
        let excluded = information.as_ref().is_ok_and(|told| told.excluded);
        let instances = Vec::new();
        let mut board = Board { id, address, function, information, instances, presence, status };
        if excluded {
            self.excluded.push(board);
            return;
        }
        if let Some(minor) = board.minor() {
            board.instances = capability::instances(proc, minor, &mut self.errors);
        }
        self.boards.push(board);
    }

    fn keep<T>(&mut self, read: Result<T, Error>) -> Option<T> {
        read.map_err(|error| self.errors.push(error)).ok()
    }

    /// A UUID names a GPU for life, where no other claims the same.
    fn name_by_hardware(&mut self) {
        let ids: Vec<DeviceId> = self.boards.iter().map(|board| board.id).collect();
        for board in &mut self.boards {
            if ids.iter().filter(|id| **id == board.id).count() > 1 {
                let detail = "another GPU shows the same UUID";
                self.errors.push(Error::new(ErrorKind::Inconsistent, board.address.to_string(), detail));
                board.id = DeviceId::from_pci(Vendor::NVIDIA, board.address);
            }
        }
    }

    /// Refuses units of ours that are not here.
    pub(crate) fn refuse(&self, units: Units<'_>) -> Result<(), Error> {
        let Units::Only(units) = units else { return Ok(()) };
        let has = |unit: UnitId| self.boards.iter().any(|board| board.units().any(|known| known == unit));
        let stranger = units.iter().find(|unit| unit.vendor() == Vendor::NVIDIA && !has(**unit));
        stranger.map_or(Ok(()), |unit| Err(Error::unknown_unit(unit)))
    }
}
