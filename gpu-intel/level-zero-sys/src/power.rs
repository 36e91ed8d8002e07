//! Power domains.

use std::ffi::c_void;

use crate::layout::structs;

structs! {
    /// A power domain. Limits are in milliwatts, -1 when not known.
    pub struct zes_power_properties_t since "1.0" stype 0xd {
        /// Which struct it is.
        stype: u32,
        /// Null, or an extension of the struct.
        pNext: *mut c_void,
        /// True when it is of one tile.
        onSubdevice: u8,
        /// Which tile, if so.
        subdeviceId: u32,
        /// The caller may change it.
        canControl: u8,
        /// It can tell when an amount of energy is used.
        isEnergyThresholdSupported: u8,
        /// Limit as shipped.
        defaultLimit: i32,
        /// Lowest limit.
        minLimit: i32,
        /// Highest limit.
        maxLimit: i32,
    }
    /// Energy since the driver came; only differences say something.
    pub struct zes_power_energy_counter_t since "1.0" {
        /// Microjoules.
        energy: u64,
        /// Microseconds, of a clock of the device's own.
        timestamp: u64,
    }
}
