//! Error correction of a device's memory.

use std::ffi::c_void;

use crate::layout::structs;
use crate::number::numbers;

numbers! {
    /// Whether errors are corrected.
    pub struct zes_device_ecc_state_t {
        /// Not there.
        UNAVAILABLE = 0;
        /// On.
        ENABLED = 1;
        /// Off.
        DISABLED = 2;
    }
    /// What makes a change come into force.
    pub struct zes_device_action_t {
        /// Nothing.
        NONE = 0;
        /// A warm reset of the card.
        WARM_CARD_RESET = 1;
        /// A cold reset of the card.
        COLD_CARD_RESET = 2;
        /// A cold start of the machine.
        COLD_SYSTEM_REBOOT = 3;
    }
}

structs! {
    /// Error correction.
    pub struct zes_device_ecc_properties_t since "1.4" stype 0x26 {
        /// Which struct it is.
        stype: u32,
        /// Null, or an extension of the struct.
        pNext: *mut c_void,
        /// In force.
        currentState: zes_device_ecc_state_t,
        /// In force after `pendingAction`.
        pendingState: zes_device_ecc_state_t,
        /// What must be done first.
        pendingAction: zes_device_action_t,
    }
}
