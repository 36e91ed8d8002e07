//! Temperature sensors.

use std::ffi::c_void;

use crate::layout::structs;
use crate::number::numbers;

numbers! {
    /// What a sensor measures.
    pub struct zes_temp_sensors_t {
        /// The hottest of all.
        GLOBAL = 0;
        /// The hottest of the GPU.
        GPU = 1;
        /// The hottest of the memory.
        MEMORY = 2;
        /// The coolest of all.
        GLOBAL_MIN = 3;
        /// The coolest of the GPU.
        GPU_MIN = 4;
        /// The coolest of the memory.
        MEMORY_MIN = 5;
        /// The hottest of the board.
        GPU_BOARD = 6;
        /// The coolest of the board.
        GPU_BOARD_MIN = 7;
        /// The voltage regulator.
        VOLTAGE_REGULATOR = 8;
    }
}

structs! {
    /// A temperature sensor.
    pub struct zes_temp_properties_t since "1.0" stype 0x14 {
        /// Which struct it is.
        stype: u32,
        /// Null, or an extension of the struct.
        pNext: *mut c_void,
        /// What it measures.
        type_: zes_temp_sensors_t,
        /// True when it is of one tile.
        onSubdevice: u8,
        /// Which tile, if so.
        subdeviceId: u32,
        /// Highest temperature that is allowed, in degrees; -1 when not known.
        maxTemperature: f64,
        /// It tells when it is critical.
        isCriticalTempSupported: u8,
        /// It has a first threshold.
        isThreshold1Supported: u8,
        /// It has a second threshold.
        isThreshold2Supported: u8,
    }
}
