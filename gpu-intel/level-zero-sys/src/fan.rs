//! Fans.

use std::ffi::c_void;

use crate::layout::structs;
use crate::number::numbers;

numbers! {
    /// What a speed counts in.
    pub struct zes_fan_speed_units_t {
        /// Rotations a minute.
        RPM = 0;
        /// Hundredths of the highest speed.
        PERCENT = 1;
    }
}

structs! {
    /// A fan.
    pub struct zes_fan_properties_t since "1.0" stype 0x7 {
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
        /// Ways of control, as a set of bits.
        supportedModes: u32,
        /// Units of speed, as a set of bits.
        supportedUnits: u32,
        /// Fastest; -1 when not known.
        maxRPM: i32,
        /// Points of a table of speeds; -1 when there is none.
        maxPoints: i32,
    }
}
