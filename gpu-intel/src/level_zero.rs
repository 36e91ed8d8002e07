//! Intel's Level Zero (Sysman) as a second source, loaded at run time.
//!
//! It is entered by `zesInit` alone: `zeInit` starts the compute driver too, which can end the
//! process. No environment variable is read or set. What the kernel's files show stays theirs;
//! Level Zero fills in what they do not have, and each value says so
//! ([`Source::LevelZero`](gpu_core::Source::LevelZero)).
//!
//! | what | function | unit |
//! |---|---|---|
//! | memory in use, free | `zesMemoryGetState` | device, tile |
//! | bytes of memory, and their part of the most since the last look | `zesMemoryGetBandwidth` | device, tile |
//! | health, where the driver has no file for it | `zesMemoryGetState`, of devices `zesDeviceGetState` too | device, tile |
//! | memory in use of a virtual function, free | `zesVFManagementGetVFMemoryUtilizationExp2` (specification 1.10) | virtual function |
//! | busy, video busy, since the last look | `zesVFManagementGetVFEngineUtilizationExp2` (1.10) | virtual function |
//! | energy, temperatures | `zesPowerGetEnergyCounter`, `zesTemperatureGetState`, where no file has them | device, tile |
//! | clocks | `zesFrequencyGetState`, where no file has them | device, tile |
//! | busy, video busy, since the last look | `zesEngineGetActivity`: needs CAP_PERFMON | device, tile |
//! | memory errors | `zesRasGetState`: hardware's categories alone | device, tile |
//! | PCIe link and replays, fan | `zesDevicePciGetState`, `zesDevicePciGetStats`, `zesFanGetState` | device |
//! | serial number, UUID, firmware, Xe cores | `zesDeviceGetProperties`, `zesFirmwareGetProperties` | device |
//! | Xe Link | `zesFabricPortGetState` | pairs of devices |
//! | health of device and memory | `zesDeviceGetState`, `zesMemoryGetState`: a problem of the inventory | device |
//!
//! A loader without `zesInit`, a layer in the way, no driver, lists that grow or have garbage for a
//! length, null handles, functions that a driver lacks: [`LevelZeroError`], or an absence or a problem
//! with the function's name. Two drivers that show the same device count once, by PCI address
//! and UUID.
//!
//! Starting it costs what its drivers do, and wakes GPUs that sleep; samples ask no GPU that
//! sleeps. It lists processes too, and adds up every descriptor of a client: they are not taken
//! from it.

mod device;
mod error;
mod ffi;
mod function;
mod reading;
mod work;

use std::path::Path;
use std::sync::{Arc, PoisonError, RwLock};

use gpu_core::{BootTime, Error, MetricSet, PciAddress, Reading};

pub(crate) use device::Device;
use device::Place;
pub use error::LevelZeroError;
use ffi::Library;
use reading::Reader;
use work::Work;

/// The name under which the system's own loader is found.
pub const LOADER: &str = level_zero_sys::LOADER;

/// Level Zero, started.
#[derive(Debug)]
pub struct LevelZero {
    library: Library,
    found: RwLock<Arc<Found>>,
    work: Work,
}

/// What one look found.
#[derive(Debug, Default)]
pub(crate) struct Found {
    /// Each device once, by address.
    pub(crate) devices: Vec<Device>,
    /// How many were listed once more by another driver.
    pub(crate) repeated: usize,
    /// What could not be read.
    pub(crate) problems: Vec<Error>,
}

impl LevelZero {
    /// Loads a loader by name ([`LOADER`]) or path, starts Sysman, and looks at the devices.
    ///
    /// # Errors
    /// [`LevelZeroError`] tells whether there is none, it is too old, has no driver, or does not
    /// start.
    pub fn start(library: &Path) -> Result<Self, LevelZeroError> {
        let library = Library::start(library).map_err(|error| LevelZeroError::from_load(&error))?;
        let library = library.map_err(LevelZeroError::from_start)?;
        let level_zero = Self { library, found: RwLock::default(), work: Work::default() };
        level_zero.look();
        Ok(level_zero)
    }

    /// Looks at the devices again.
    pub(crate) fn look(&self) {
        let found = Arc::new(self.devices());
        *self.found.write().unwrap_or_else(PoisonError::into_inner) = found;
    }

    pub(crate) fn found(&self) -> Arc<Found> {
        Arc::clone(&self.found.read().unwrap_or_else(PoisonError::into_inner))
    }

    fn devices(&self) -> Found {
        let mut found = Found::default();
        let mut seen: Vec<(PciAddress, [u8; 16])> = Vec::new();
        let drivers = match self.library.drivers() {
            Ok(drivers) => drivers,
            Err(fault) => {
                found.problems.extend(error::problem(fault, "zesDriverGet", "Level Zero"));
                return found;
            }
        };
        for driver in drivers {
            let handles = match self.library.devices(driver) {
                Ok(handles) => handles,
                Err(fault) => {
                    found.problems.extend(error::problem(fault, "zesDeviceGet", "Level Zero"));
                    continue;
                }
            };
            for handle in handles {
                match Place::of(&self.library, handle) {
                    Ok(place) if seen.contains(&(place.address, place.uuid)) => found.repeated += 1,
                    Ok(place) => {
                        seen.push((place.address, place.uuid));
                        found.devices.push(Device::look(&self.library, handle, &place));
                    }
                    Err(fault) => {
                        found.problems.extend(error::problem(fault, "zesDeviceGetProperties", "Level Zero"));
                    }
                }
            }
        }
        found.devices.sort_by_key(|device| device.address);
        found
    }

    /// The PCI functions of the devices that it shows, each once, in order.
    #[must_use]
    pub fn addresses(&self) -> Vec<PciAddress> {
        self.found().devices.iter().map(|device| device.address).collect()
    }

    /// How many devices were shown once more: by a second driver for the same hardware.
    #[must_use]
    pub fn repeated(&self) -> usize {
        self.found().repeated
    }

    /// Fills in what is wanted of a device, or of one of its tiles, wherever `reading` says
    /// [`NotSupported`](gpu_core::Absence::NotSupported), and activity where it says
    /// [`NotPermitted`](gpu_core::Absence::NotPermitted); says whether the device is here.
    pub fn read(
        &self,
        address: PciAddress,
        tile: Option<u32>,
        wanted: MetricSet,
        now: BootTime,
        reading: &mut Reading,
    ) -> bool {
        self.of(address, |library, device| {
            Reader { library, device, tile, wanted, now, work: &self.work }.read(reading);
        })
    }

    /// The same of a virtual function, by its number from 1. A driver whose tables are older than the
    /// functions for it leaves the reading as it is.
    pub fn read_function(
        &self,
        address: PciAddress,
        number: u32,
        wanted: MetricSet,
        now: BootTime,
        reading: &mut Reading,
    ) -> bool {
        self.of(address, |library, device| {
            let reader = Reader { library, device, tile: None, wanted, now, work: &self.work };
            reader.read_function(number, reading);
        })
    }

    /// Does something with a device; false where it is not here.
    fn of(&self, address: PciAddress, act: impl FnOnce(&Library, &Device)) -> bool {
        let found = self.found();
        let device = found.devices.iter().find(|device| device.address == address);
        device.map(|device| act(&self.library, device)).is_some()
    }
}
