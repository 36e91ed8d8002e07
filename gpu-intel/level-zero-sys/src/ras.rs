//! Counters of errors.

use std::ffi::c_void;

use crate::layout::structs;
use crate::number::numbers;

numbers! {
    /// Whether errors were corrected.
    pub struct zes_ras_error_type_t {
        /// They were.
        CORRECTABLE = 0;
        /// They were not.
        UNCORRECTABLE = 1;
    }
}

structs! {
    /// A set of counters.
    pub struct zes_ras_properties_t since "1.0" stype 0xf {
        /// Which struct it is.
        stype: u32,
        /// Null, or an extension of the struct.
        pNext: *mut c_void,
        /// Which errors.
        type_: zes_ras_error_type_t,
        /// True when it is of one tile.
        onSubdevice: u8,
        /// Which tile, if so.
        subdeviceId: u32,
    }
    /// Errors by category, in this order: resets, of programs, of drivers, of compute units, of other hardware, of caches, of displays.
    pub struct zes_ras_state_t since "1.0" stype 0x22 {
        /// Which struct it is.
        stype: u32,
        /// Null, or an extension of the struct.
        pNext: *const c_void,
        /// How many.
        category: [u64; 7],
    }
}
