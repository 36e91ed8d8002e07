//! Memory modules.

use std::ffi::c_void;

use crate::layout::structs;
use crate::number::numbers;

numbers! {
    /// What memory it is.
    pub struct zes_mem_type_t {
        /// High bandwidth memory.
        HBM = 0;
        /// DDR.
        DDR = 1;
        /// DDR3.
        DDR3 = 2;
        /// DDR4.
        DDR4 = 3;
        /// DDR5.
        DDR5 = 4;
        /// LPDDR.
        LPDDR = 5;
        /// LPDDR3.
        LPDDR3 = 6;
        /// LPDDR4.
        LPDDR4 = 7;
        /// LPDDR5.
        LPDDR5 = 8;
        /// GDDR4.
        GDDR4 = 14;
        /// GDDR5.
        GDDR5 = 15;
        /// GDDR5X.
        GDDR5X = 16;
        /// GDDR6.
        GDDR6 = 17;
        /// GDDR6X.
        GDDR6X = 18;
        /// GDDR7.
        GDDR7 = 19;
    }
    /// Whose memory it is.
    pub struct zes_mem_loc_t {
        /// The machine's.
        SYSTEM = 0;
        /// The device's.
        DEVICE = 1;
    }
    /// How well memory is.
    pub struct zes_mem_health_t {
        /// Not known.
        UNKNOWN = 0;
        /// All is well.
        OK = 1;
        /// Errors are many.
        DEGRADED = 2;
        /// It will fail: reset, so that bad parts are taken out.
        CRITICAL = 3;
        /// It must be replaced.
        REPLACE = 4;
    }
}

structs! {
    /// A memory module.
    pub struct zes_mem_properties_t since "1.0" stype 0xb {
        /// Which struct it is.
        stype: u32,
        /// Null, or an extension of the struct.
        pNext: *mut c_void,
        /// What it is.
        type_: zes_mem_type_t,
        /// True when it is of one tile.
        onSubdevice: u8,
        /// Which tile, if so.
        subdeviceId: u32,
        /// Whose it is.
        location: zes_mem_loc_t,
        /// Bytes; 0 when not known.
        physicalSize: u64,
        /// Bits of the bus; -1 when not known.
        busWidth: i32,
        /// Channels; -1 when not known.
        numChannels: i32,
    }
    /// What is in a memory module.
    pub struct zes_mem_state_t since "1.0" stype 0x1e {
        /// Which struct it is.
        stype: u32,
        /// Null, or an extension of the struct.
        pNext: *const c_void,
        /// How well it is.
        health: zes_mem_health_t,
        /// Free bytes.
        free: u64,
        /// Bytes that can be had.
        size: u64,
    }
    /// Traffic of a memory module since the driver came.
    pub struct zes_mem_bandwidth_t since "1.0" {
        /// Bytes read.
        readCounter: u64,
        /// Bytes written.
        writeCounter: u64,
        /// Most bytes a second.
        maxBandwidth: u64,
        /// Microseconds, of a clock of the device's own.
        timestamp: u64,
    }
}
