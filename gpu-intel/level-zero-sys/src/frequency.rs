//! Frequency domains.

use std::ffi::c_void;

use crate::layout::structs;
use crate::number::numbers;

numbers! {
    /// What a frequency drives.
    pub struct zes_freq_domain_t {
        /// The GPU.
        GPU = 0;
        /// The memory.
        MEMORY = 1;
        /// The media engines.
        MEDIA = 2;
    }
    /// Why a frequency is lower than asked for, as a set of bits.
    pub struct zes_freq_throttle_reason_flags_t {
        /// The average power (PL1).
        AVE_PWR_CAP = 1;
        /// The power of a burst (PL2).
        BURST_PWR_CAP = 2;
        /// The current.
        CURRENT_LIMIT = 4;
        /// The temperature.
        THERMAL_LIMIT = 8;
        /// The power supply.
        PSU_ALERT = 16;
        /// A range that software set.
        SW_RANGE = 32;
        /// What the hardware allows.
        HW_RANGE = 64;
    }
}

structs! {
    /// A frequency domain. Frequencies are in MHz.
    pub struct zes_freq_properties_t since "1.0" stype 0x9 {
        /// Which struct it is.
        stype: u32,
        /// Null, or an extension of the struct.
        pNext: *mut c_void,
        /// What it drives.
        type_: zes_freq_domain_t,
        /// True when it is of one tile.
        onSubdevice: u8,
        /// Which tile, if so.
        subdeviceId: u32,
        /// The caller may change it.
        canControl: u8,
        /// It can tell when it is throttled.
        isThrottleEventSupported: u8,
        /// Lowest.
        min: f64,
        /// Highest.
        max: f64,
    }
    /// A frequency in force, in MHz; -1 for what is not known.
    pub struct zes_freq_state_t since "1.0" stype 0x1b {
        /// Which struct it is.
        stype: u32,
        /// Null, or an extension of the struct.
        pNext: *const c_void,
        /// Volts.
        currentVoltage: f64,
        /// What is asked for.
        request: f64,
        /// Most that the power allows.
        tdp: f64,
        /// What is most efficient.
        efficient: f64,
        /// What it is.
        actual: f64,
        /// Why it is lower than asked for.
        throttleReasons: zes_freq_throttle_reason_flags_t,
    }
}
