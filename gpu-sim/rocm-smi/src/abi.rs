//! ROCm SMI's types and codes, as `rocm_smi.h` of ROCm 6.1 lays them out.

use std::ffi::c_char;

/// `rsmi_status_t`.
#[repr(transparent)]
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Code(pub u32);

impl Code {
    pub const SUCCESS: Self = Self(0);
    pub const INVALID_ARGS: Self = Self(1);
    pub const NOT_SUPPORTED: Self = Self(2);
    pub const INTERNAL_EXCEPTION: Self = Self(6);
    pub const INIT_ERROR: Self = Self(8);
    pub const NOT_FOUND: Self = Self(10);
    pub const INSUFFICIENT_SIZE: Self = Self(11);
}

/// Most frequencies of a clock.
pub const FREQUENCIES: usize = 33;

/// Plain data that may be written byte by byte to a caller.
///
/// # Safety
/// `repr(C)`, and valid for every caller whatever its bytes.
pub unsafe trait Plain: Copy {}

macro_rules! plain {
    ($($name:ty),* $(,)?) => {
        $(
            // SAFETY: numbers and `repr(C)` structs of numbers, laid out as in rocm_smi.h.
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

plain!(u8, u16, u32, u64, i32, i64, f32, bool);

structs! {
    /// `rsmi_version_t`; the build is a text that lives as long as the library.
    Version { major: u32, minor: u32, patch: u32, build: *const c_char }
    /// `rsmi_frequencies_t`, which has said since 6.0 whether there is deep sleep.
    Frequencies { has_deep_sleep: bool, num_supported: u32, current: u32, frequency: [u64; FREQUENCIES] }
    /// `rsmi_pcie_bandwidth_t`.
    PcieBandwidth { transfer_rate: Frequencies, lanes: [u32; FREQUENCIES] }
    /// `rsmi_utilization_counter_t`.
    Utilization { kind: u32, value: u64 }
    /// `rsmi_error_count_t`.
    ErrorCount { correctable: u64, uncorrectable: u64 }
    /// `rsmi_retired_page_record_t`.
    RetiredPage { address: u64, size: u64, status: u32 }
    /// `rsmi_process_info_t`.
    Process { pid: u32, pasid: u32, vram: u64, sdma_us: u64, cu_occupancy: u32 }
}
