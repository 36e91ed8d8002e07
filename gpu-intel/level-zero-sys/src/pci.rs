//! PCI: address, link and traffic.

use std::ffi::c_void;

use crate::layout::structs;
use crate::number::numbers;

numbers! {
    /// How a link is.
    pub struct zes_pci_link_status_t {
        /// Not known.
        UNKNOWN = 0;
        /// Good.
        GOOD = 1;
        /// Slower than it could be.
        QUALITY_ISSUES = 2;
        /// Not stable.
        STABILITY_ISSUES = 3;
    }
}

structs! {
    /// A PCI function.
    pub struct zes_pci_address_t since "1.0" {
        /// Domain.
        domain: u32,
        /// Bus.
        bus: u32,
        /// Device.
        device: u32,
        /// Function.
        function: u32,
    }
    /// Speed of a link; -1 for what is not known.
    pub struct zes_pci_speed_t since "1.0" {
        /// Generation.
        gen_: i32,
        /// Lanes.
        width: i32,
        /// Bytes a second, both ways together.
        maxBandwidth: i64,
    }
    /// A device's PCI function.
    pub struct zes_pci_properties_t since "1.0" stype 0x2 {
        /// Which struct it is.
        stype: u32,
        /// Null, or an extension of the struct.
        pNext: *mut c_void,
        /// Address.
        address: zes_pci_address_t,
        /// Fastest speed.
        maxSpeed: zes_pci_speed_t,
        /// Bytes are counted.
        haveBandwidthCounters: u8,
        /// Packets are counted.
        havePacketCounters: u8,
        /// Replays are counted.
        haveReplayCounters: u8,
    }
    /// A link in force.
    pub struct zes_pci_state_t since "1.0" stype 0x17 {
        /// Which struct it is.
        stype: u32,
        /// Null, or an extension of the struct.
        pNext: *const c_void,
        /// How it is.
        status: zes_pci_link_status_t,
        /// Why it is slow, as a set of bits.
        qualityIssues: u32,
        /// Why it is not stable, as a set of bits.
        stabilityIssues: u32,
        /// Speed in force.
        speed: zes_pci_speed_t,
    }
    /// Traffic since the driver came.
    pub struct zes_pci_stats_t since "1.0" {
        /// Microseconds, of a clock of the device's own.
        timestamp: u64,
        /// Replays.
        replayCounter: u64,
        /// Packets.
        packetCounter: u64,
        /// Bytes received.
        rxCounter: u64,
        /// Bytes sent.
        txCounter: u64,
        /// Speed in force.
        speed: zes_pci_speed_t,
    }
}
