//! Virtual functions. Sysman reads them, it makes none.

use std::ffi::c_void;

use crate::layout::structs;
use crate::zes_engine_group_t;
use crate::zes_mem_loc_t;
use crate::zes_pci_address_t;

structs! {
    /// A virtual function.
    pub struct zes_vf_exp2_capabilities_t since "1.12" stype 0x0002_0011 {
        /// Which struct it is.
        stype: u32,
        /// Null, or an extension of the struct.
        pNext: *mut c_void,
        /// Its PCI function.
        address: zes_pci_address_t,
        /// Its memory, in bytes.
        vfDeviceMemSize: u64,
        /// Its number, from 1.
        vfID: u32,
    }
    /// Memory that a virtual function uses.
    pub struct zes_vf_util_mem_exp2_t since "1.10" stype 0x0002_0009 {
        /// Which struct it is.
        stype: u32,
        /// Null, or an extension of the struct.
        pNext: *const c_void,
        /// Whose memory it is.
        vfMemLocation: zes_mem_loc_t,
        /// Bytes.
        vfMemUtilized: u64,
    }
    /// Work of engines for a virtual function; only differences say something.
    pub struct zes_vf_util_engine_exp2_t since "1.10" stype 0x0002_0010 {
        /// Which struct it is.
        stype: u32,
        /// Null, or an extension of the struct.
        pNext: *const c_void,
        /// Which engines.
        vfEngineType: zes_engine_group_t,
        /// Cycles that they worked.
        activeCounterValue: u64,
        /// Cycles that went by.
        samplingCounterValue: u64,
    }
}
