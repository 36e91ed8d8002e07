//! Processes that have a device open.

use std::ffi::c_void;

use crate::layout::structs;

structs! {
    /// A process. Intel's driver adds up every open descriptor, so that one client with two counts twice.
    pub struct zes_process_state_t since "1.0" stype 0x16 {
        /// Which struct it is.
        stype: u32,
        /// Null, or an extension of the struct.
        pNext: *const c_void,
        /// Its number, in the namespace of the caller's `/proc`.
        processId: u32,
        /// Bytes of the device's memory.
        memSize: u64,
        /// Of them, shared ones.
        sharedSize: u64,
        /// Engines that it uses, as a set of bits.
        engines: u32,
    }
}
