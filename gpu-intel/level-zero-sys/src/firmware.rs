//! Firmware.

use std::ffi::{c_char, c_void};

use crate::layout::structs;

structs! {
    /// A firmware.
    pub struct zes_firmware_properties_t since "1.0" stype 0x8 {
        /// Which struct it is.
        stype: u32,
        /// Null, or an extension of the struct.
        pNext: *mut c_void,
        /// True when it is of one tile.
        onSubdevice: u8,
        /// Which tile, if so.
        subdeviceId: u32,
        /// The caller may replace it.
        canControl: u8,
        /// Which it is.
        name: [c_char; 64],
        /// Its version.
        version: [c_char; 64],
    }
}
