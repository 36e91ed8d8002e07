//! [`Cut`]: how a board is cut now, as handles into NVML.

use gpu_core::{Absence, DeviceId, Error, Need, Placement};
use gpu_nvidia_mig::ProfileIndex;

use crate::error::Code;
use crate::ffi::{Attributes, Handle, Instance, Library, ProfileInfo};

/// Past the highest index of NVML's enumeration of profiles, with room for those to come: an
/// index that a driver does not know answers `INVALID_ARGUMENT`, and is passed over.
const PROFILES: u32 = 32;
/// More MIG devices than a GPU can have: a count beyond it is not believed.
const MIG_DEVICES: u32 = 64;
const UNTOLD: Absence = Absence::NotSupported { why: "the driver does not place it" };

/// How a board is cut: what it offers, and what there is.
#[derive(Debug, Default)]
pub(crate) struct Cut {
    /// The GPU instance profiles that the board offers.
    pub(crate) profiles: Vec<Offered>,
    /// Live GPU instances, by id.
    pub(crate) instances: Vec<GpuInstance>,
    /// How often the board was seen to be cut anew since the backend first looked.
    generation: u64,
    /// The lives that are known: those of `instances`, and where a look was not complete also
    /// those that it may have missed.
    lives: Vec<Life>,
}

/// What is remembered of an instance, to know it again.
#[derive(Clone, Debug)]
struct Life {
    id: u32,
    profile: Option<u32>,
    placement: Option<Placement>,
    born: u64,
    devices: Vec<DeviceLife>,
}

#[derive(Clone, Debug)]
struct DeviceLife {
    id: u32,
    uuid: Option<String>,
    slices: Option<u32>,
    born: u64,
}

/// A GPU instance profile that a board offers.
#[derive(Clone, Debug)]
pub(crate) struct Offered {
    pub(crate) index: ProfileIndex,
    pub(crate) info: ProfileInfo,
}

/// One GPU instance.
#[derive(Debug)]
pub(crate) struct GpuInstance {
    pub(crate) id: u32,
    /// Id of its profile; not told to a caller without privilege.
    pub(crate) profile: Option<u32>,
    pub(crate) placement: Result<Placement, Absence>,
    /// Its compute instances, by id. There may be none yet.
    pub(crate) devices: Vec<MigDevice>,
    /// The generation of the board in which it was first seen.
    pub(crate) born: u64,
}

/// One compute instance, by the handle that NVML calls a MIG device.
#[derive(Debug)]
pub(crate) struct MigDevice {
    pub(crate) handle: Handle,
    /// Id of the compute instance in its GPU instance.
    pub(crate) id: u32,
    pub(crate) uuid: Result<String, Absence>,
    pub(crate) name: Option<String>,
    pub(crate) attributes: Result<Attributes, Absence>,
    /// The generation of the board in which it was first seen.
    pub(crate) born: u64,
}

impl Cut {
    /// Asks NVML how the board is cut. What cannot be asked is among the errors.
    pub(crate) fn look(
        library: &Library,
        board: Handle,
        id: DeviceId,
        before: Option<&Self>,
        errors: &mut Vec<Error>,
    ) -> Self {
        let complained = errors.len();
        let mut look = Look { library, board, id, errors, cut: Self::default() };
        look.profiles();
        look.instances();
        look.mig_devices();
        let is_complete = look.errors.len() == complained;
        let mut cut = look.cut;
        cut.instances.sort_by_key(|instance| instance.id);
        cut.take_over(before, is_complete);
        cut
    }

    /// A board that is not under MIG.
    pub(crate) fn none(before: Option<&Self>) -> Self {
        let mut cut = Self::default();
        cut.take_over(before, true);
        cut
    }

    /// The profile of an instance, where both are told.
    pub(crate) fn profile_of(&self, instance: &GpuInstance) -> Option<&Offered> {
        self.profiles.iter().find(|profile| Some(profile.info.id) == instance.profile)
    }

    /// What was there before keeps the generation in which it was first seen; what is new has the
    /// board's next one. Of what a look could not see nothing is concluded.
    fn take_over(&mut self, before: Option<&Self>, is_complete: bool) {
        let Some(before) = before else {
            self.lives = self.instances.iter().map(Life::of).collect();
            return;
        };
        let next = before.generation + 1;
        let mut changed = false;
        for instance in &mut self.instances {
            let known = before.lives.iter().find(|life| life.is(instance));
            changed |= known.is_none();
            instance.born = known.map_or(next, |life| life.born);
            for device in &mut instance.devices {
                let known = known.and_then(|life| life.devices.iter().find(|life| life.is(device)));
                changed |= known.is_none();
                device.born = known.map_or(next, |life| life.born);
            }
        }
        self.lives = self.instances.iter().map(Life::of).collect();
        if is_complete {
            changed |= count(&self.lives) != count(&before.lives);
        } else {
            self.remember(&before.lives);
        }
        self.generation = before.generation + u64::from(changed);
    }

    /// Keeps the lives that an incomplete look may have missed.
    fn remember(&mut self, before: &[Life]) {
        for life in before {
            match self.lives.iter_mut().find(|known| known.id == life.id) {
                Some(known) => {
                    known.profile = known.profile.or(life.profile);
                    known.placement = known.placement.or(life.placement);
                    let seen = |id: u32| known.devices.iter().any(|device| device.id == id);
                    let missed: Vec<_> = life.devices.iter().filter(|of| !seen(of.id)).cloned().collect();
                    known.devices.extend(missed);
                }
                None => self.lives.push(life.clone()),
            }
        }
    }
}

/// How many lives there are, of instances and of what is in them.
fn count(lives: &[Life]) -> (usize, usize) {
    (lives.len(), lives.iter().map(|life| life.devices.len()).sum())
}

/// True when two answers do not contradict each other.
fn agree<T: PartialEq>(one: Option<&T>, other: Option<&T>) -> bool {
    match (one, other) {
        (Some(one), Some(other)) => one == other,
        _ => true,
    }
}

impl Life {
    fn of(instance: &GpuInstance) -> Self {
        let devices = instance.devices.iter().map(|device| DeviceLife {
            id: device.id,
            uuid: device.uuid.clone().ok(),
            slices: device.slices(),
            born: device.born,
        });
        Self {
            id: instance.id,
            profile: instance.profile,
            placement: instance.placement.ok(),
            born: instance.born,
            devices: devices.collect(),
        }
    }

    /// The same place, cut by the same profile.
    fn is(&self, instance: &GpuInstance) -> bool {
        self.id == instance.id
            && agree(self.profile.as_ref(), instance.profile.as_ref())
            && agree(self.placement.as_ref(), instance.placement.as_ref().ok())
    }
}

impl DeviceLife {
    fn is(&self, device: &MigDevice) -> bool {
        self.id == device.id
            && agree(self.uuid.as_ref(), device.uuid.as_ref().ok())
            && agree(self.slices.as_ref(), device.slices().as_ref())
    }
}

impl MigDevice {
    fn slices(&self) -> Option<u32> {
        self.attributes.as_ref().ok().map(|told| told.computeInstanceSliceCount)
    }
}

/// One look at one board.
struct Look<'a> {
    library: &'a Library,
    board: Handle,
    id: DeviceId,
    errors: &'a mut Vec<Error>,
    cut: Cut,
}

impl Look<'_> {
    fn profiles(&mut self) {
        for index in 0..PROFILES {
            match self.library.profile(self.board, index) {
                Ok(info) => self.cut.profiles.push(Offered { index: ProfileIndex(index), info }),
                Err(Code::NOT_SUPPORTED | Code::INVALID_ARGUMENT) => {}
                Err(code) => {
                    let error = code.error("nvmlDeviceGetGpuInstanceProfileInfo", self.id);
                    self.errors.push(error);
                    return;
                }
            }
        }
    }

    /// The GPU instances of each profile, with or without compute instances in them. Told to the
    /// privileged only.
    fn instances(&mut self) {
        for at in 0..self.cut.profiles.len() {
            let ProfileInfo { id, instanceCount: most, .. } = self.cut.profiles[at].info;
            match self.library.instances(self.board, id, most) {
                Ok(found) => found.into_iter().for_each(|instance| self.instance(instance)),
                // MIG devices, which everyone may list, tell of theirs.
                Err(Code::NO_PERMISSION) => return,
                Err(Code::NOT_SUPPORTED | Code::NOT_FOUND) => {}
                Err(code) => self.errors.push(code.error("nvmlDeviceGetGpuInstances", self.id)),
            }
        }
    }

    fn instance(&mut self, instance: Instance) {
        match self.library.instance_info(instance) {
            Ok(info) => {
                let place = Placement { start: info.placement.start, size: info.placement.size };
                self.entry(info.id, Some(info.profileId), Ok(place));
            }
            // It was destroyed in between.
            Err(Code::INVALID_ARGUMENT | Code::NOT_FOUND) => {}
            Err(code) => self.errors.push(code.error("nvmlGpuInstanceGetInfo", self.id)),
        }
    }

    /// The instance of that id, listed if it was not yet.
    fn entry(
        &mut self,
        id: u32,
        profile: Option<u32>,
        placement: Result<Placement, Absence>,
    ) -> &mut GpuInstance {
        let known = self.cut.instances.iter().position(|known| known.id == id);
        let at = known.unwrap_or_else(|| {
            let devices = Vec::new();
            self.cut.instances.push(GpuInstance { id, profile, placement, devices, born: 0 });
            self.cut.instances.len() - 1
        });
        &mut self.cut.instances[at]
    }

    /// The MIG devices, by index. Indices with none (`NOT_FOUND`) are normal.
    fn mig_devices(&mut self) {
        for index in 0..self.library.mig_device_count(self.board).unwrap_or(0).min(MIG_DEVICES) {
            match self.library.mig_device(self.board, index) {
                Ok(handle) => {
                    if let Err((at, code)) = self.mig_device(handle) {
                        self.errors.push(code.error(at, format!("MIG device {index} of {}", self.id)));
                    }
                }
                Err(Code::NOT_FOUND) => {}
                Err(Code::INVALID_ARGUMENT) => break,
                Err(code) => {
                    let at = "nvmlDeviceGetMigDeviceHandleByIndex";
                    self.errors.push(code.error(at, format!("MIG device {index} of {}", self.id)));
                }
            }
        }
    }

    fn mig_device(&mut self, handle: Handle) -> Result<(), (&'static str, Code)> {
        let library = self.library;
        let at = |name: &'static str| move |code: Code| (name, code);
        let instance = library.gpu_instance_id(handle).map_err(at("nvmlDeviceGetGpuInstanceId"))?;
        let id = library.compute_instance_id(handle).map_err(at("nvmlDeviceGetComputeInstanceId"))?;
        let device = MigDevice {
            handle,
            id,
            uuid: library.uuid(handle).map_err(|code| code.absence("nvmlDeviceGetUUID")),
            name: library.name(handle).ok(),
            attributes: library.attributes(handle).map_err(|code| code.absence("nvmlDeviceGetAttributes_v2")),
            born: 0,
        };
        let listed = self.cut.instances.iter().any(|known| known.id == instance);
        let (profile, placement) = if listed { (None, Err(UNTOLD)) } else { self.place(instance) };
        let devices = &mut self.entry(instance, profile, placement).devices;
        if let Err(place) = devices.binary_search_by_key(&id, |known| known.id) {
            devices.insert(place, device);
        }
        Ok(())
    }

    /// Profile and placement of a GPU instance that the lists of profiles did not show.
    fn place(&self, id: u32) -> (Option<u32>, Result<Placement, Absence>) {
        let told = self.library.instance(self.board, id);
        match told.and_then(|instance| self.library.instance_info(instance)) {
            Ok(info) => {
                let place = Placement { start: info.placement.start, size: info.placement.size };
                (Some(info.profileId), Ok(place))
            }
            Err(Code::NO_PERMISSION) => {
                let needs = Need::Access("/proc/driver/nvidia/capabilities/mig/monitor");
                (None, Err(Absence::NotPermitted { needs }))
            }
            Err(code) => (None, Err(code.absence("nvmlDeviceGetGpuInstanceById"))),
        }
    }
}
