//! Ports of the fabric between GPUs (Xe Link).

use std::ffi::{c_char, c_void};

use crate::layout::structs;
use crate::number::numbers;

numbers! {
    /// How a port is.
    pub struct zes_fabric_port_status_t {
        /// Not known.
        UNKNOWN = 0;
        /// All is well.
        HEALTHY = 1;
        /// It works, worse than it could.
        DEGRADED = 2;
        /// It does not work.
        FAILED = 3;
        /// It is switched off.
        DISABLED = 4;
    }
}

structs! {
    /// Which port: the same number on both ends of a link.
    pub struct zes_fabric_port_id_t since "1.0" {
        /// The device's number in the fabric.
        fabricId: u32,
        /// The tile's number on the device.
        attachId: u32,
        /// The port's number on the tile, from 1.
        portNumber: u8,
    }
    /// Speed of a port, one way; -1 for what is not known.
    pub struct zes_fabric_port_speed_t since "1.0" {
        /// Bits a second and lane.
        bitRate: i64,
        /// Lanes.
        width: i32,
    }
    /// A port.
    pub struct zes_fabric_port_properties_t since "1.0" stype 0x6 {
        /// Which struct it is.
        stype: u32,
        /// Null, or an extension of the struct.
        pNext: *mut c_void,
        /// What fabric it is.
        model: [c_char; 256],
        /// True when it is of one tile.
        onSubdevice: u8,
        /// Which tile, if so.
        subdeviceId: u32,
        /// Which it is.
        portId: zes_fabric_port_id_t,
        /// Fastest, receiving.
        maxRxSpeed: zes_fabric_port_speed_t,
        /// Fastest, sending.
        maxTxSpeed: zes_fabric_port_speed_t,
    }
    /// A port in force.
    pub struct zes_fabric_port_state_t since "1.0" stype 0x19 {
        /// Which struct it is.
        stype: u32,
        /// Null, or an extension of the struct.
        pNext: *const c_void,
        /// How it is.
        status: zes_fabric_port_status_t,
        /// Why it is degraded, as a set of bits.
        qualityIssues: u32,
        /// Why it failed, as a set of bits.
        failureReasons: u32,
        /// The port on the other end.
        remotePortId: zes_fabric_port_id_t,
        /// Speed in force, receiving.
        rxSpeed: zes_fabric_port_speed_t,
        /// Speed in force, sending.
        txSpeed: zes_fabric_port_speed_t,
    }
}
