//! The calls into NVML. All unsafe code of this crate is here.
#![allow(unsafe_code, reason = "a C library is called")]

use std::ffi::{CStr, OsStr, c_char, c_int, c_uint};

use nvml_wrapper::Nvml;
use nvml_wrapper::error::NvmlError;
use nvml_wrapper_sys::bindings as sys;

use crate::error::Code;

pub(crate) type ProcessInfo = sys::nvmlProcessInfo_v2_st;
pub(crate) type Utilization = sys::nvmlProcessUtilizationSample_st;
pub(crate) type Account = sys::nvmlAccountingStats_st;
pub(crate) type Attributes = sys::nvmlDeviceAttributes_st;
pub(crate) type Memory = sys::nvmlMemory_v2_st;
pub(crate) type Pci = sys::nvmlPciInfo_st;
/// What NVML calls a profile info of the second version: with the driver's own name for it.
pub(crate) type ProfileInfo = sys::nvmlGpuInstanceProfileInfo_v2_st;
pub(crate) type InstanceInfo = sys::nvmlGpuInstanceInfo_st;
pub(crate) type FieldValue = sys::nvmlFieldValue_st;
pub(crate) type FabricInfo = sys::nvmlGpuFabricInfo_v3_t;
pub(crate) type EventData = sys::nvmlEventData_st;

/// A device or a MIG device, valid as long as the [`Library`] that gave it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Handle(sys::nvmlDevice_t);

// SAFETY: NVML's reference (`nvml.h`) calls its functions thread-safe; a handle is a name for a
// device in them and is never dereferenced here.
unsafe impl Send for Handle {}
// SAFETY: as above.
unsafe impl Sync for Handle {}

/// A GPU instance, valid until it is destroyed.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Instance(sys::nvmlGpuInstance_t);

/// A compute instance, valid until it is destroyed.
#[derive(Clone, Copy, Debug)]
pub(crate) struct ComputeInstance(sys::nvmlComputeInstance_t);

/// What NVML gathers events in, valid until it is given back with `event_set_free`.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct EventSet(sys::nvmlEventSet_t);

// SAFETY: as for a device's handle.
unsafe impl Send for EventSet {}
// SAFETY: as for a device's handle.
unsafe impl Sync for EventSet {}

/// What GPM saw of a GPU instance at one time; to be given back with `gpm_free`.
#[derive(Debug)]
pub(crate) struct GpmSample(sys::nvmlGpmSample_t);

// SAFETY: as for a device's handle; NVML's functions about samples may be called from any thread.
unsafe impl Send for GpmSample {}

/// NVML, loaded and initialised. Dropping it shuts NVML down and unloads the library.
#[derive(Debug)]
pub(crate) struct Library {
    nvml: Nvml,
}

/// Calls a function that may not be there.
macro_rules! call {
    ($library:expr, $function:ident($($argument:expr),*)) => {
        match $library.nvml.lib().$function.as_ref() {
            Ok(function) => {
                // SAFETY: `nvml.h`: handles come from this initialised library, which outlives
                // the call; pointers are to live values of the type that the header names, and
                // a length given with one is that of its buffer.
                match unsafe { function($($argument),*) } {
                    0 => Ok(()),
                    code => Err(Code(code)),
                }
            }
            Err(_) => Err(Code::FUNCTION_NOT_FOUND),
        }
    };
}

/// Functions about a device with plain arguments and one number as the answer.
macro_rules! getters {
    ($($name:ident = $function:ident($($argument:ident),*) -> $type:ty;)*) => {
        impl Library {$(
            pub(crate) fn $name(&self, of: Handle $(, $argument: u32)*) -> Result<$type, Code> {
                let mut answer: $type = 0;
                call!(self, $function(of.0 $(, $argument)*, &mut answer))?;
                Ok(answer)
            }
        )*}
    };
}

getters! {
    minor = nvmlDeviceGetMinorNumber() -> u32;
    architecture = nvmlDeviceGetArchitecture() -> u32;
    power = nvmlDeviceGetPowerUsage() -> u32;
    power_limit = nvmlDeviceGetEnforcedPowerLimit() -> u32;
    power_limit_default = nvmlDeviceGetPowerManagementDefaultLimit() -> u32;
    energy = nvmlDeviceGetTotalEnergyConsumption() -> u64;
    temperature = nvmlDeviceGetTemperature(sensor) -> u32;
    temperature_threshold = nvmlDeviceGetTemperatureThreshold(threshold) -> u32;
    clock = nvmlDeviceGetClockInfo(domain) -> u32;
    clock_max = nvmlDeviceGetMaxClockInfo(domain) -> u32;
    throttle = nvmlDeviceGetCurrentClocksThrottleReasons() -> u64;
    performance_state = nvmlDeviceGetPerformanceState() -> u32;
    ecc_errors = nvmlDeviceGetTotalEccErrors(kind, counter) -> u64;
    pcie_generation = nvmlDeviceGetCurrPcieLinkGeneration() -> u32;
    pcie_width = nvmlDeviceGetCurrPcieLinkWidth() -> u32;
    pcie_generation_max = nvmlDeviceGetMaxPcieLinkGeneration() -> u32;
    pcie_width_max = nvmlDeviceGetMaxPcieLinkWidth() -> u32;
    pcie_replays = nvmlDeviceGetPcieReplayCounter() -> u32;
    supported_events = nvmlDeviceGetSupportedEventTypes() -> u64;
    fan_speed = nvmlDeviceGetFanSpeed() -> u32;
    mig_device_count = nvmlDeviceGetMaxMigDeviceCount() -> u32;
    gpu_instance_id = nvmlDeviceGetGpuInstanceId() -> u32;
    compute_instance_id = nvmlDeviceGetComputeInstanceId() -> u32;
    nvlink_state = nvmlDeviceGetNvLinkState(link) -> u32;
    nvlink_remote = nvmlDeviceGetNvLinkRemoteDeviceType(link) -> u32;
}

/// Functions about a device with two numbers as the answer.
macro_rules! pairs {
    ($($name:ident = $function:ident;)*) => {
        impl Library {$(
            pub(crate) fn $name(&self, of: Handle) -> Result<(u32, u32), Code> {
                let (mut one, mut other) = (0, 0);
                call!(self, $function(of.0, &mut one, &mut other))?;
                Ok((one, other))
            }
        )*}
    };
}

pairs! {
    encoder = nvmlDeviceGetEncoderUtilization;
    decoder = nvmlDeviceGetDecoderUtilization;
    power_limits = nvmlDeviceGetPowerManagementLimitConstraints;
    mig_mode = nvmlDeviceGetMigMode;
}

/// Functions about a device that answer with text.
macro_rules! texts {
    ($($name:ident = $function:ident;)*) => {
        impl Library {$(
            pub(crate) fn $name(&self, of: Handle) -> Result<String, Code> {
                let mut text = Text([0; TEXT + 1]);
                call!(self, $function(of.0, text.as_mut_ptr(), TEXT as c_uint))?;
                text.take()
            }
        )*}
    };
}

texts! {
    name = nvmlDeviceGetName;
    uuid = nvmlDeviceGetUUID;
    serial = nvmlDeviceGetSerial;
    board_part = nvmlDeviceGetBoardPartNumber;
    vbios = nvmlDeviceGetVbiosVersion;
}

/// Longer than any of NVML's strings (at most 96 bytes).
const TEXT: usize = 128;

/// A buffer for a string of NVML's. One byte more than NVML is told of: what runs up to the last
/// byte that it was told of has no end.
struct Text([u8; TEXT + 1]);

impl Text {
    fn as_mut_ptr(&mut self) -> *mut c_char {
        self.0.as_mut_ptr().cast()
    }

    fn take(&self) -> Result<String, Code> {
        text_of(&self.0[..TEXT]).ok_or(Code::NONSENSE)
    }
}

/// The text up to the first zero byte, if there is any.
fn text_of(bytes: &[u8]) -> Option<String> {
    let text = CStr::from_bytes_until_nul(bytes).ok()?.to_str().ok()?.trim();
    (!text.is_empty()).then(|| text.to_owned())
}

/// C structs of integers and raw pointers.
pub(crate) trait Plain {}
impl Plain for Pci {}
impl Plain for Memory {}
impl Plain for sys::nvmlMemory_st {}
impl Plain for sys::nvmlUtilization_st {}
impl Plain for InstanceInfo {}
impl Plain for ProfileInfo {}
impl Plain for sys::nvmlGpuInstanceProfileInfo_st {}
impl Plain for sys::nvmlComputeInstanceProfileInfo_st {}
impl Plain for sys::nvmlComputeInstanceInfo_st {}
impl Plain for FieldValue {}
impl Plain for FabricInfo {}
impl Plain for sys::nvmlGpuFabricInfo_v2_t {}
impl Plain for RoomyEvent {}
impl Plain for sys::nvmlGpmSupport_t {}
impl Plain for sys::nvmlGpmMetricsGet_t {}
impl Plain for Attributes {}
impl Plain for ProcessInfo {}
impl Plain for Utilization {}
impl Plain for Account {}

/// Such a struct, all zero.
pub(crate) fn zeroed<T: Plain>() -> T {
    // SAFETY: the types for which `Plain` is implemented are C structs (and one union) of numbers
    // and raw pointers, for which all zeroes is a value.
    unsafe { std::mem::zeroed() }
}

/// The struct of an event, and room behind it: drivers have made structs longer before (535 did) under the
/// same name.
#[repr(C)]
pub(crate) struct RoomyEvent {
    data: EventData,
    spare: [u64; 32],
}

/// A field that is an unsigned integer.
pub(crate) fn unsigned(value: &FieldValue) -> Result<u32, Code> {
    match (value.nvmlReturn, value.valueType) {
        // SAFETY: the union was zeroed whole, and any bytes are an integer.
        (0, sys::nvmlValueType_enum_NVML_VALUE_TYPE_UNSIGNED_INT) => Ok(unsafe { value.value.uiVal }),
        (0, _) => Err(Code::NONSENSE),
        (code, _) => Err(Code(code)),
    }
}

/// The handle of the GPU that an event names.
pub(crate) const fn device_of(event: &EventData) -> Handle {
    Handle(event.device)
}

/// More accounts of processes than a driver keeps (`nvmlDeviceGetAccountingBufferSize`: 4000).
const MOST_ACCOUNTS: usize = 1 << 16;
/// More GPU instances than any board can have.
const INSTANCES: u32 = 64;

/// The driver's own name for a profile, without the `MIG ` before it; none in old drivers.
pub(crate) fn profile_name(info: &ProfileInfo) -> Option<String> {
    let name = info.name.map(|byte| byte as u8);
    let name = text_of(&name)?;
    Some(name.strip_prefix("MIG ").map_or(name.clone(), str::to_owned))
}

/// Which list of processes.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum List {
    Compute,
    Graphics,
    Mps,
}

impl Library {
    /// Loads and initialises the library at `path`, or the one of that name that the loader finds.
    pub(crate) fn load(path: &OsStr) -> Result<Self, NvmlError> {
        Ok(Self { nvml: Nvml::builder().lib_path(path).init()? })
    }

    pub(crate) fn driver_version(&self) -> Result<String, Code> {
        let mut text = Text([0; TEXT + 1]);
        call!(self, nvmlSystemGetDriverVersion(text.as_mut_ptr(), TEXT as c_uint))?;
        text.take()
    }

    pub(crate) fn library_version(&self) -> Result<String, Code> {
        let mut text = Text([0; TEXT + 1]);
        call!(self, nvmlSystemGetNVMLVersion(text.as_mut_ptr(), TEXT as c_uint))?;
        text.take()
    }

    /// CUDA's version as 1000 × major + 10 × minor.
    pub(crate) fn cuda_version(&self) -> Result<u32, Code> {
        let mut version = 0;
        call!(self, nvmlSystemGetCudaDriverVersion_v2(&mut version))?;
        u32::try_from(version).map_err(|_| Code::NONSENSE)
    }

    pub(crate) fn count(&self) -> Result<u32, Code> {
        let mut count = 0;
        call!(self, nvmlDeviceGetCount_v2(&mut count))?;
        Ok(count)
    }

    pub(crate) fn device(&self, index: u32) -> Result<Handle, Code> {
        let mut handle = std::ptr::null_mut();
        call!(self, nvmlDeviceGetHandleByIndex_v2(index, &mut handle))?;
        Ok(Handle(handle))
    }

    pub(crate) fn mig_device(&self, of: Handle, index: u32) -> Result<Handle, Code> {
        let mut handle = std::ptr::null_mut();
        call!(self, nvmlDeviceGetMigDeviceHandleByIndex(of.0, index, &mut handle))?;
        Ok(Handle(handle))
    }

    pub(crate) fn pci(&self, of: Handle) -> Result<Pci, Code> {
        let mut pci: Pci = zeroed();
        call!(self, nvmlDeviceGetPciInfo_v3(of.0, &mut pci))?;
        Ok(pci)
    }

    /// The second version of the call, else the first, whose answer has `version` 1 and counts
    /// what is reserved as used.
    pub(crate) fn memory(&self, of: Handle) -> Result<Memory, Code> {
        let mut memory: Memory = zeroed();
        // `nvml.h`: a struct's version is its size, with the number in the highest byte.
        memory.version = size_of::<Memory>() as u32 | 2 << 24;
        match call!(self, nvmlDeviceGetMemoryInfo_v2(of.0, &mut memory)) {
            Err(Code::FUNCTION_NOT_FOUND | Code::ARGUMENT_VERSION_MISMATCH) => self.memory_v1(of),
            answer => answer.map(|()| memory),
        }
    }

    fn memory_v1(&self, of: Handle) -> Result<Memory, Code> {
        let mut old: sys::nvmlMemory_st = zeroed();
        call!(self, nvmlDeviceGetMemoryInfo(of.0, &mut old))?;
        Ok(Memory { version: 1, total: old.total, reserved: 0, free: old.free, used: old.used })
    }

    /// Percent of the time in which the GPU, and its memory, was busy.
    pub(crate) fn utilization(&self, of: Handle) -> Result<(u32, u32), Code> {
        let mut rates: sys::nvmlUtilization_st = zeroed();
        call!(self, nvmlDeviceGetUtilizationRates(of.0, &mut rates))?;
        Ok((rates.gpu, rates.memory))
    }

    /// Rows remapped for correctable and uncorrectable errors, pending, failed.
    pub(crate) fn remapped_rows(&self, of: Handle) -> Result<[u32; 4], Code> {
        let [mut corrected, mut uncorrected, mut pending, mut failed] = [0; 4];
        call!(
            self,
            nvmlDeviceGetRemappedRows(of.0, &mut corrected, &mut uncorrected, &mut pending, &mut failed)
        )?;
        Ok([corrected, uncorrected, pending, failed])
    }

    /// Fields of a device, each with a code of its own.
    pub(crate) fn fields(&self, of: Handle, asked: &mut [FieldValue]) -> Result<(), Code> {
        let count = c_int::try_from(asked.len()).unwrap_or(c_int::MAX);
        call!(self, nvmlDeviceGetFieldValues(of.0, count, asked.as_mut_ptr()))
    }

    /// A field that is an unsigned integer.
    pub(crate) fn field(&self, of: Handle, field: u32) -> Result<u32, Code> {
        let mut value: FieldValue = zeroed();
        value.fieldId = field;
        self.fields(of, std::slice::from_mut(&mut value))?;
        unsigned(&value)
    }

    /// The GPU's place in its fabric, by the third version of the struct, else by the second, which has no
    /// summary.
    pub(crate) fn fabric(&self, of: Handle) -> Result<FabricInfo, Code> {
        let mut info: FabricInfo = zeroed();
        info.version = size_of::<FabricInfo>() as u32 | 3 << 24;
        // The function takes all versions, and the bindings name the newest.
        match call!(self, nvmlDeviceGetGpuFabricInfoV(of.0, &mut info)) {
            Err(Code::ARGUMENT_VERSION_MISMATCH) => self.fabric_v2(of),
            answer => answer.map(|()| info),
        }
    }

    fn fabric_v2(&self, of: Handle) -> Result<FabricInfo, Code> {
        // In the room of the third version, which begins as the second does: a driver that knows the
        // second only writes less.
        let mut info: FabricInfo = zeroed();
        info.version = size_of::<sys::nvmlGpuFabricInfo_v2_t>() as u32 | 2 << 24;
        call!(self, nvmlDeviceGetGpuFabricInfoV(of.0, &mut info))?;
        info.healthSummary = 0;
        Ok(info)
    }

    pub(crate) fn event_set(&self) -> Result<EventSet, Code> {
        let mut set = std::ptr::null_mut();
        call!(self, nvmlEventSetCreate(&mut set))?;
        Ok(EventSet(set))
    }

    /// Gives a set back. One that NVML does not take back is lost, and harms nobody.
    pub(crate) fn event_set_free(&self, set: EventSet) {
        let _ = call!(self, nvmlEventSetFree(set.0));
    }

    /// From now on, events of these kinds at the GPU come to the set.
    pub(crate) fn register_events(&self, of: Handle, kinds: u64, set: EventSet) -> Result<(), Code> {
        call!(self, nvmlDeviceRegisterEvents(of.0, kinds, set.0))
    }

    /// Waits for an event, at most so many milliseconds, by the second version of the call, else by the first,
    /// which names no instances.
    pub(crate) fn wait_event(&self, set: EventSet, milliseconds: u32) -> Result<EventData, Code> {
        let mut event: RoomyEvent = zeroed();
        (event.data.gpuInstanceId, event.data.computeInstanceId) = (u32::MAX, u32::MAX);
        match call!(self, nvmlEventSetWait_v2(set.0, &mut event.data, milliseconds)) {
            Err(Code::FUNCTION_NOT_FOUND) => {
                call!(self, nvmlEventSetWait(set.0, &mut event.data, milliseconds))?;
            }
            answer => answer?,
        }
        Ok(event.data)
    }

    pub(crate) fn attributes(&self, of: Handle) -> Result<Attributes, Code> {
        let mut attributes: Attributes = zeroed();
        call!(self, nvmlDeviceGetAttributes_v2(of.0, &mut attributes))?;
        Ok(attributes)
    }

    /// The GPU at a PCI address. Touches that GPU alone (`nvml.h`), unlike a look-up by UUID.
    pub(crate) fn device_at(&self, address: &CStr) -> Result<Handle, Code> {
        let mut handle = std::ptr::null_mut();
        call!(self, nvmlDeviceGetHandleByPciBusId_v2(address.as_ptr(), &mut handle))?;
        Ok(Handle(handle))
    }

    /// `nvmlGpuTopologyLevel_t`: where the paths of two GPUs meet.
    pub(crate) fn common_ancestor(&self, one: Handle, other: Handle) -> Result<u32, Code> {
        let mut level = 0;
        call!(self, nvmlDeviceGetTopologyCommonAncestor(one.0, other.0, &mut level))?;
        Ok(level)
    }

    /// What is at the other end of an NVLink.
    pub(crate) fn nvlink_peer(&self, of: Handle, link: u32) -> Result<Pci, Code> {
        let mut pci: Pci = zeroed();
        call!(self, nvmlDeviceGetNvLinkRemotePciInfo_v2(of.0, link, &mut pci))?;
        Ok(pci)
    }

    /// The GPU instance profile at an index of NVML's enumeration: by the second version of the
    /// call, else by the first, which has no name.
    pub(crate) fn profile(&self, of: Handle, index: u32) -> Result<ProfileInfo, Code> {
        let mut info: ProfileInfo = zeroed();
        info.version = size_of::<ProfileInfo>() as u32 | 2 << 24;
        match call!(self, nvmlDeviceGetGpuInstanceProfileInfoV(of.0, index, &mut info)) {
            Err(Code::FUNCTION_NOT_FOUND | Code::ARGUMENT_VERSION_MISMATCH) => self.profile_v1(of, index),
            answer => answer.map(|()| info),
        }
    }

    fn profile_v1(&self, of: Handle, index: u32) -> Result<ProfileInfo, Code> {
        let mut old: sys::nvmlGpuInstanceProfileInfo_st = zeroed();
        call!(self, nvmlDeviceGetGpuInstanceProfileInfo(of.0, index, &mut old))?;
        Ok(ProfileInfo {
            version: 1,
            id: old.id,
            isP2pSupported: old.isP2pSupported,
            sliceCount: old.sliceCount,
            instanceCount: old.instanceCount,
            multiprocessorCount: old.multiprocessorCount,
            copyEngineCount: old.copyEngineCount,
            decoderCount: old.decoderCount,
            encoderCount: old.encoderCount,
            jpegCount: old.jpegCount,
            ofaCount: old.ofaCount,
            memorySizeMB: old.memorySizeMB,
            name: [0; 96],
        })
    }

    /// The live GPU instances of one profile, of which there can be `most`.
    pub(crate) fn instances(&self, of: Handle, profile: u32, most: u32) -> Result<Vec<Instance>, Code> {
        // NVML is not told how many fit: it fills in as many as the profile allows (`nvml.h`).
        let mut found = vec![std::ptr::null_mut(); most.max(INSTANCES) as usize];
        let mut count = most;
        call!(self, nvmlDeviceGetGpuInstances(of.0, profile, found.as_mut_ptr(), &mut count))?;
        found.truncate(count as usize);
        Ok(found.into_iter().map(Instance).collect())
    }

    pub(crate) fn instance(&self, of: Handle, id: u32) -> Result<Instance, Code> {
        let mut instance = std::ptr::null_mut();
        call!(self, nvmlDeviceGetGpuInstanceById(of.0, id, &mut instance))?;
        Ok(Instance(instance))
    }

    /// Id, profile id and placement of a GPU instance.
    pub(crate) fn instance_info(&self, instance: Instance) -> Result<InstanceInfo, Code> {
        let mut info: InstanceInfo = zeroed();
        call!(self, nvmlGpuInstanceGetInfo(instance.0, &mut info))?;
        Ok(info)
    }

    /// First slot and number of slots of each place that a profile may take.
    pub(crate) fn placements(&self, of: Handle, profile: u32) -> Result<Vec<(u32, u32)>, Code> {
        let empty = sys::nvmlGpuInstancePlacement_st { start: 0, size: 0 };
        let mut places = [empty; INSTANCES as usize];
        let mut count = INSTANCES;
        call!(
            self,
            nvmlDeviceGetGpuInstancePossiblePlacements_v2(of.0, profile, places.as_mut_ptr(), &mut count)
        )?;
        Ok(places.iter().take(count as usize).map(|place| (place.start, place.size)).collect())
    }

    /// Sets MIG mode, and tells what became of it: 0 when it is in force.
    pub(crate) fn set_mig_mode(&self, of: Handle, on: bool) -> Result<Code, Code> {
        let mut status = 0;
        call!(self, nvmlDeviceSetMigMode(of.0, on.into(), &mut status))?;
        Ok(Code(status))
    }

    /// Makes a GPU instance at a place.
    pub(crate) fn create_instance(
        &self,
        of: Handle,
        profile: u32,
        start: u32,
        size: u32,
    ) -> Result<Instance, Code> {
        let place = sys::nvmlGpuInstancePlacement_st { start, size };
        let mut instance = std::ptr::null_mut();
        call!(self, nvmlDeviceCreateGpuInstanceWithPlacement(of.0, profile, &place, &mut instance))?;
        Ok(Instance(instance))
    }

    pub(crate) fn destroy_instance(&self, instance: Instance) -> Result<(), Code> {
        call!(self, nvmlGpuInstanceDestroy(instance.0))
    }

    /// Id and compute slices of the compute instance profile at an index of NVML's enumeration.
    pub(crate) fn compute_profile(&self, instance: Instance, index: u32) -> Result<(u32, u32), Code> {
        let mut info: sys::nvmlComputeInstanceProfileInfo_st = zeroed();
        // The engines of a GPU instance are shared by its compute instances: there is no other
        // engine profile (`NVML_COMPUTE_INSTANCE_ENGINE_PROFILE_SHARED`).
        call!(self, nvmlGpuInstanceGetComputeInstanceProfileInfo(instance.0, index, 0, &mut info))?;
        Ok((info.id, info.sliceCount))
    }

    pub(crate) fn create_compute_instance(
        &self,
        instance: Instance,
        profile: u32,
    ) -> Result<ComputeInstance, Code> {
        let mut made = std::ptr::null_mut();
        call!(self, nvmlGpuInstanceCreateComputeInstance(instance.0, profile, &mut made))?;
        Ok(ComputeInstance(made))
    }

    pub(crate) fn compute_instance(&self, instance: Instance, id: u32) -> Result<ComputeInstance, Code> {
        let mut found = std::ptr::null_mut();
        call!(self, nvmlGpuInstanceGetComputeInstanceById(instance.0, id, &mut found))?;
        Ok(ComputeInstance(found))
    }

    /// The id of a compute instance in its GPU instance.
    pub(crate) fn compute_instance_number(&self, of: ComputeInstance) -> Result<u32, Code> {
        let mut info: sys::nvmlComputeInstanceInfo_st = zeroed();
        call!(self, nvmlComputeInstanceGetInfo_v2(of.0, &mut info))?;
        Ok(info.id)
    }

    pub(crate) fn destroy_compute_instance(&self, of: ComputeInstance) -> Result<(), Code> {
        call!(self, nvmlComputeInstanceDestroy(of.0))
    }

    /// True where GPM works.
    pub(crate) fn gpm_supported(&self, of: Handle) -> Result<bool, Code> {
        let mut support: sys::nvmlGpmSupport_t = zeroed();
        support.version = sys::NVML_GPM_SUPPORT_VERSION;
        call!(self, nvmlGpmQueryDeviceSupport(of.0, &mut support))?;
        Ok(support.isSupportedDevice != 0)
    }

    pub(crate) fn gpm_sample(&self) -> Result<GpmSample, Code> {
        let mut sample = std::ptr::null_mut();
        call!(self, nvmlGpmSampleAlloc(&mut sample))?;
        Ok(GpmSample(sample))
    }

    /// Gives a sample back. One that NVML does not take back is lost, and harms nobody.
    pub(crate) fn gpm_free(&self, sample: GpmSample) {
        let _ = call!(self, nvmlGpmSampleFree(sample.0));
    }

    /// Takes a sample of a GPU instance of the GPU `of`.
    pub(crate) fn gpm_take(&self, of: Handle, instance: u32, sample: &mut GpmSample) -> Result<(), Code> {
        call!(self, nvmlGpmMigSampleGet(of.0, instance, sample.0))
    }

    /// Percent of the time between two samples of one instance in which something ran.
    pub(crate) fn gpm_busy(&self, first: &GpmSample, second: &GpmSample) -> Result<f64, Code> {
        let mut asked: sys::nvmlGpmMetricsGet_t = zeroed();
        asked.version = sys::NVML_GPM_METRICS_GET_VERSION;
        (asked.numMetrics, asked.sample1, asked.sample2) = (1, first.0, second.0);
        asked.metrics[0].metricId = sys::nvmlGpmMetricId_t_NVML_GPM_METRIC_GRAPHICS_UTIL;
        call!(self, nvmlGpmMetricsGet(&mut asked))?;
        match asked.metrics[0].nvmlReturn {
            0 => Ok(asked.metrics[0].value),
            code => Err(Code(code)),
        }
    }

    /// Fills `rows` with a list of processes and says how many there are.
    pub(crate) fn processes(&self, of: Handle, list: List, rows: &mut [ProcessInfo]) -> Result<usize, Code> {
        let mut count = c_uint::try_from(rows.len()).unwrap_or(c_uint::MAX);
        let buffer = rows.as_mut_ptr();
        // `nvmlProcessInfo_t` of the third version of these calls is laid out as the second.
        let told = match list {
            List::Compute => {
                call!(self, nvmlDeviceGetComputeRunningProcesses_v3(of.0, &mut count, buffer.cast()))
            }
            List::Graphics => {
                call!(self, nvmlDeviceGetGraphicsRunningProcesses_v3(of.0, &mut count, buffer.cast()))
            }
            List::Mps => {
                call!(self, nvmlDeviceGetMPSComputeRunningProcesses_v3(of.0, &mut count, buffer.cast()))
            }
        };
        if told == Err(Code::FUNCTION_NOT_FOUND) {
            return self.processes_v2(of, list, rows);
        }
        told.map(|()| rows.len().min(count as usize))
    }

    /// The calls of drivers before 510, with rows of the same layout.
    fn processes_v2(&self, of: Handle, list: List, rows: &mut [ProcessInfo]) -> Result<usize, Code> {
        let mut count = c_uint::try_from(rows.len()).unwrap_or(c_uint::MAX);
        let buffer = rows.as_mut_ptr();
        match list {
            List::Compute => call!(self, nvmlDeviceGetComputeRunningProcesses_v2(of.0, &mut count, buffer)),
            List::Graphics => call!(self, nvmlDeviceGetGraphicsRunningProcesses_v2(of.0, &mut count, buffer)),
            List::Mps => call!(self, nvmlDeviceGetMPSComputeRunningProcesses_v2(of.0, &mut count, buffer)),
        }?;
        Ok(rows.len().min(count as usize))
    }

    /// Whether the driver keeps accounts of processes.
    pub(crate) fn keeps_accounts(&self, of: Handle) -> Result<bool, Code> {
        let mut mode = 0;
        call!(self, nvmlDeviceGetAccountingMode(of.0, &mut mode))?;
        Ok(mode == 1)
    }

    /// The numbers of the processes that the driver has an account of, ended ones too.
    pub(crate) fn accounted_pids(&self, of: Handle) -> Result<Vec<u32>, Code> {
        let mut count = 0;
        match call!(self, nvmlDeviceGetAccountingPids(of.0, &mut count, std::ptr::null_mut())) {
            Ok(()) => return Ok(Vec::new()),
            Err(Code::INSUFFICIENT_SIZE) => {}
            Err(code) => return Err(code),
        }
        // Room for some that come in between.
        let room = (count as usize).min(MOST_ACCOUNTS) + 64;
        let mut pids = vec![0; room];
        let mut count = c_uint::try_from(room).unwrap_or(c_uint::MAX);
        call!(self, nvmlDeviceGetAccountingPids(of.0, &mut count, pids.as_mut_ptr()))?;
        pids.truncate(count as usize);
        Ok(pids)
    }

    /// The account of a process.
    pub(crate) fn account(&self, of: Handle, pid: u32) -> Result<Account, Code> {
        let mut account = zeroed();
        call!(self, nvmlDeviceGetAccountingStats(of.0, pid, &mut account))?;
        Ok(account)
    }

    /// Fills `rows` with how busy processes were after `since`, and says how many there are.
    pub(crate) fn process_utilization(
        &self,
        of: Handle,
        since: u64,
        rows: &mut [Utilization],
    ) -> Result<usize, Code> {
        let mut count = c_uint::try_from(rows.len()).unwrap_or(c_uint::MAX);
        call!(self, nvmlDeviceGetProcessUtilization(of.0, rows.as_mut_ptr(), &mut count, since))?;
        Ok(rows.len().min(count as usize))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Sizes by the header's own layout on a 64-bit machine.
    #[test]
    fn structs_are_as_long_as_nvml_has_them() {
        assert_eq!(size_of::<ProcessInfo>(), 24);
        assert_eq!(size_of::<sys::nvmlProcessInfo_t>(), 24);
        assert_eq!(size_of::<Memory>(), 40);
        assert_eq!(size_of::<Pci>(), 68);
        assert_eq!(size_of::<sys::nvmlFieldValue_st>(), 40);
        assert_eq!(size_of::<Utilization>(), 32);
        assert_eq!(size_of::<Account>(), 56);
        assert_eq!(size_of::<Attributes>(), 40);
        assert_eq!(size_of::<sys::nvmlGpuInstanceInfo_st>(), 24);
        assert_eq!(size_of::<EventData>(), 32);
        // The second version begins the third.
        assert_eq!((size_of::<sys::nvmlGpuFabricInfo_v2_t>(), size_of::<FabricInfo>()), (36, 40));
        assert_eq!(std::mem::offset_of!(FabricInfo, healthSummary), 36);
    }

    #[test]
    fn text_ends_at_the_first_zero() {
        assert_eq!(text_of(b"NVIDIA A30\0rest").as_deref(), Some("NVIDIA A30"));
        assert_eq!(text_of(b"no end"), None);
        assert_eq!(text_of(b"\xff\0"), None);
        assert_eq!(text_of(b"\0"), None);
    }
}
