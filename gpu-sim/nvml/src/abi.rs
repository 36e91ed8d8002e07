//! NVML's types and codes, as nvml.h of driver 550 lays them out (versions of structs by name).

use std::ffi::{c_int, c_uint, c_ulonglong};

/// `nvmlReturn_t`.
#[repr(transparent)]
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Code(pub c_uint);

impl Code {
    pub const SUCCESS: Self = Self(0);
    pub const UNINITIALIZED: Self = Self(1);
    pub const INVALID_ARGUMENT: Self = Self(2);
    pub const NOT_SUPPORTED: Self = Self(3);
    pub const NO_PERMISSION: Self = Self(4);
    pub const NOT_FOUND: Self = Self(6);
    pub const INSUFFICIENT_SIZE: Self = Self(7);
    pub const DRIVER_NOT_LOADED: Self = Self(9);
    pub const TIMEOUT: Self = Self(10);
    pub const NO_DATA: Self = Self(21);
    pub const GPU_IS_LOST: Self = Self(15);
    pub const IN_USE: Self = Self(19);
    pub const LIB_RM_VERSION_MISMATCH: Self = Self(18);
    pub const ARGUMENT_VERSION_MISMATCH: Self = Self(25);
    pub const UNKNOWN: Self = Self(999);
}

/// What a process or a field has in place of an instance id outside MIG.
pub const NO_INSTANCE: c_uint = 0xFFFF_FFFF;

/// Plain data that may be written byte by byte to a caller.
///
/// # Safety
/// `repr(C)`, and valid for every caller whatever its bytes.
pub unsafe trait Plain: Copy {}

macro_rules! plain {
    ($($name:ty),* $(,)?) => {
        $(
            // SAFETY: integers and `repr(C)` structs of integers, laid out as in nvml.h.
            unsafe impl Plain for $name {}
        )*
    };
}

macro_rules! structs {
    ($($(#[$doc:meta])* $name:ident { $($field:ident: $ty:ty),* $(,)? })*) => {
        $(
            $(#[$doc])*
            #[repr(C)]
            #[derive(Clone, Copy, Debug)]
            pub struct $name { $(pub $field: $ty),* }
            plain!($name);
        )*
    };
}

plain!(c_int, c_uint, u64, i64, u16, u8, usize);

structs! {
    /// `nvmlPciInfo_t`.
    PciInfo {
        bus_id_legacy: [u8; 16], domain: c_uint, bus: c_uint, device: c_uint,
        pci_device_id: c_uint, pci_subsystem_id: c_uint, bus_id: [u8; 32],
    }
    /// `nvmlUtilization_t`.
    Utilization { gpu: c_uint, memory: c_uint }
    /// `nvmlMemory_t`.
    Memory { total: c_ulonglong, free: c_ulonglong, used: c_ulonglong }
    /// `nvmlMemory_v2_t`.
    MemoryV2 {
        version: c_uint, total: c_ulonglong, reserved: c_ulonglong, free: c_ulonglong, used: c_ulonglong,
    }
    /// `nvmlBAR1Memory_t`.
    Bar1 { total: c_ulonglong, free: c_ulonglong, used: c_ulonglong }
    /// `nvmlProcessInfo_v1_t`.
    ProcessV1 { pid: c_uint, memory: c_ulonglong }
    /// `nvmlProcessInfo_v2_t`, which the functions of version 3 fill too.
    ProcessV2 { pid: c_uint, memory: c_ulonglong, gi: c_uint, ci: c_uint }
    /// The form that drivers 535.43 to 535.86 gave `nvmlProcessInfo_t` without a new version.
    ProcessOld535 { pid: c_uint, memory: c_ulonglong, gi: c_uint, ci: c_uint, protected: c_ulonglong }
    /// `nvmlProcessUtilizationSample_t`.
    ProcessSample {
        pid: c_uint, time_stamp: c_ulonglong, sm: c_uint, memory: c_uint, encoder: c_uint, decoder: c_uint,
    }
    /// `nvmlAccountingStats_t`.
    AccountingStats {
        gpu: c_uint, memory: c_uint, memory_peak: c_ulonglong, time_ms: c_ulonglong, start_us: c_ulonglong,
        is_running: c_uint, reserved: [c_uint; 5],
    }
    /// `nvmlEccErrorCounts_t`.
    EccCounts { l1: c_ulonglong, l2: c_ulonglong, memory: c_ulonglong, registers: c_ulonglong }
    /// `nvmlDeviceAttributes_t`.
    Attributes {
        multiprocessors: c_uint, copy_engines: c_uint, decoders: c_uint, encoders: c_uint,
        jpegs: c_uint, ofas: c_uint, gi_slices: c_uint, ci_slices: c_uint, memory_mb: c_ulonglong,
    }
    /// `nvmlFieldValue_t`; the value is a union of numbers, the widest of them 64 bits.
    FieldValue {
        field: c_uint, scope: c_uint, timestamp: i64, latency_us: i64, value_type: c_uint,
        code: c_uint, value: u64,
    }
    /// `nvmlTemperature_v1_t`.
    TemperatureV1 { version: c_uint, sensor: c_uint, temperature: c_int }
    /// `nvmlGpuInstancePlacement_t`, and `nvmlComputeInstancePlacement_t`.
    Placement { start: c_uint, size: c_uint }
    /// `nvmlGpuInstanceProfileInfo_t`.
    GiProfile {
        id: c_uint, p2p: c_uint, slices: c_uint, instances: c_uint, multiprocessors: c_uint,
        copy_engines: c_uint, decoders: c_uint, encoders: c_uint, jpegs: c_uint, ofas: c_uint,
        memory_mb: c_ulonglong,
    }
    /// `nvmlGpuInstanceProfileInfo_v2_t`.
    GiProfileV2 {
        version: c_uint, id: c_uint, p2p: c_uint, slices: c_uint, instances: c_uint,
        multiprocessors: c_uint, copy_engines: c_uint, decoders: c_uint, encoders: c_uint,
        jpegs: c_uint, ofas: c_uint, memory_mb: c_ulonglong, name: [u8; 96],
    }
    /// `nvmlGpuInstanceProfileInfo_v3_t`: without P2P, with capabilities.
    GiProfileV3 {
        version: c_uint, id: c_uint, slices: c_uint, instances: c_uint, multiprocessors: c_uint,
        copy_engines: c_uint, decoders: c_uint, encoders: c_uint, jpegs: c_uint, ofas: c_uint,
        memory_mb: c_ulonglong, name: [u8; 96], capabilities: c_uint,
    }
    /// `nvmlGpuInstanceInfo_t`.
    GiInfo { device: usize, id: c_uint, profile: c_uint, placement: Placement }
    /// `nvmlComputeInstanceProfileInfo_t`.
    CiProfile {
        id: c_uint, slices: c_uint, instances: c_uint, multiprocessors: c_uint, copy_engines: c_uint,
        decoders: c_uint, encoders: c_uint, jpegs: c_uint, ofas: c_uint,
    }
    /// `nvmlComputeInstanceInfo_t`.
    CiInfo { device: usize, gpu_instance: usize, id: c_uint, profile: c_uint, placement: Placement }
    /// `nvmlGpmSupport_t`.
    GpmSupport { version: c_uint, supported: c_uint }
    /// `nvmlGpmMetric_t`; the value is a `double`, by its bits.
    GpmMetric {
        id: c_uint, code: c_uint, value: u64, short_name: usize, long_name: usize, unit: usize,
    }
    /// `nvmlGpmMetricsGet_t`.
    GpmMetrics {
        version: c_uint, count: c_uint, first: usize, second: usize, metrics: [GpmMetric; 210],
    }
    /// `nvmlGpuFabricInfo_t`.
    FabricV1 { cluster: [u8; 16], status: c_uint, clique: c_uint, state: u8, rest: [u8; 3] }
    /// `nvmlGpuFabricInfo_v2_t`. NVIDIA's Python bindings read the padding as a part of the state, so
    /// that it has to be zero.
    FabricV2 {
        version: c_uint, cluster: [u8; 16], status: c_uint, clique: c_uint, state: u8, padding: [u8; 3],
        health: c_uint,
    }
    /// `nvmlGpuFabricInfo_v3_t`, of which the same holds.
    FabricV3 {
        version: c_uint, cluster: [u8; 16], status: c_uint, clique: c_uint, state: u8, padding: [u8; 3],
        health: c_uint, summary: u8, rest: [u8; 3],
    }
    /// `nvmlEventData_t`.
    EventData { device: usize, event: c_ulonglong, data: c_ulonglong, gi: c_uint, ci: c_uint }
}

/// The version word of a struct: its size, and its number above.
#[allow(clippy::cast_possible_truncation)] // structs of NVML are far smaller than 16 MiB
pub const fn version<T>(number: c_uint) -> c_uint {
    size_of::<T>() as c_uint | number << 24
}
