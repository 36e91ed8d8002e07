//! Devices: who they are.

use std::ffi::{c_char, c_void};

use crate::layout::structs;
use crate::number::numbers;

numbers! {
    /// What a device is.
    pub struct zes_device_type_t {
        /// A GPU.
        GPU = 1;
        /// A processor.
        CPU = 2;
        /// An FPGA.
        FPGA = 3;
        /// An accelerator for memory copies.
        MCA = 4;
        /// A video processor.
        VPU = 5;
    }
    /// Properties of a device, as a set of bits.
    pub struct zes_device_property_flags_t {
        /// It is part of the processor.
        INTEGRATED = 1;
        /// It is a part of a device.
        SUBDEVICE = 2;
        /// It corrects errors of its memory.
        ECC = 4;
        /// It pages memory in on demand.
        ONDEMANDPAGING = 8;
    }
    /// Whether a device was repaired.
    pub struct zes_repair_status_t {
        /// It cannot be.
        UNSUPPORTED = 0;
        /// It was not.
        NOT_PERFORMED = 1;
        /// It was.
        PERFORMED = 2;
    }
    /// Why a device must be reset, as a set of bits.
    pub struct zes_reset_reason_flags_t {
        /// It hangs.
        WEDGED = 1;
        /// It is to be repaired.
        REPAIR = 2;
    }
}

structs! {
    /// A device's UUID in the core part.
    pub struct ze_device_uuid_t since "1.0" {
        /// The bytes.
        id: [u8; 16],
    }
    /// A device as the core part knows it; Sysman fills in what it knows.
    pub struct ze_device_properties_t since "1.0" stype 0x3 {
        /// Which struct it is.
        stype: u32,
        /// Null, or an extension of the struct.
        pNext: *mut c_void,
        /// What it is.
        type_: u32,
        /// PCI vendor.
        vendorId: u32,
        /// PCI device.
        deviceId: u32,
        /// Properties.
        flags: u32,
        /// Which tile, if it is one.
        subdeviceId: u32,
        /// Clock, in MHz.
        coreClockRate: u32,
        /// Largest allocation, in bytes.
        maxMemAllocSize: u64,
        /// Contexts of the hardware.
        maxHardwareContexts: u32,
        /// Highest priority of a queue.
        maxCommandQueuePriority: u32,
        /// Threads of an execution unit.
        numThreadsPerEU: u32,
        /// Width of an execution unit.
        physicalEUSimdWidth: u32,
        /// Execution units of a subslice (a Xe core).
        numEUsPerSubslice: u32,
        /// Subslices of a slice.
        numSubslicesPerSlice: u32,
        /// Slices of the device.
        numSlices: u32,
        /// Resolution of its timer, in nanoseconds or, from 1.2, in ticks a second.
        timerResolution: u64,
        /// Bits of its time stamp.
        timestampValidBits: u32,
        /// Bits of a kernel's time stamp.
        kernelTimestampValidBits: u32,
        /// Its UUID.
        uuid: ze_device_uuid_t,
        /// Its name.
        name: [c_char; 256],
    }
    /// Who a device is. Strings say "unknown" when the driver does not know.
    pub struct zes_device_properties_t since "1.0" stype 0x1 {
        /// Which struct it is.
        stype: u32,
        /// Null, or an extension of the struct.
        pNext: *mut c_void,
        /// What the core part knows.
        core: ze_device_properties_t,
        /// Tiles.
        numSubdevices: u32,
        /// Serial number.
        serialNumber: [c_char; 64],
        /// Part number of the board.
        boardNumber: [c_char; 64],
        /// Brand.
        brandName: [c_char; 64],
        /// Model.
        modelName: [c_char; 64],
        /// Vendor.
        vendorName: [c_char; 64],
        /// Version of the driver in the kernel.
        driverVersion: [c_char; 64],
    }
    /// A UUID.
    pub struct zes_uuid_t since "1.5" {
        /// The bytes.
        id: [u8; 16],
    }
    /// Extends `zes_device_properties_t`: a device's UUID in Sysman.
    pub struct zes_device_ext_properties_t since "1.6" stype 0x2d {
        /// Which struct it is.
        stype: u32,
        /// Null, or an extension of the struct.
        pNext: *mut c_void,
        /// UUID.
        uuid: zes_uuid_t,
        /// What it is.
        type_: zes_device_type_t,
        /// Properties.
        flags: zes_device_property_flags_t,
    }
    /// A tile of a device.
    pub struct zes_subdevice_exp_properties_t since "1.9" stype 0x0002_0004 {
        /// Which struct it is.
        stype: u32,
        /// Null, or an extension of the struct.
        pNext: *mut c_void,
        /// Which tile.
        subdeviceId: u32,
        /// Its UUID.
        uuid: zes_uuid_t,
    }
    /// How a device is.
    pub struct zes_device_state_t since "1.0" stype 0x15 {
        /// Which struct it is.
        stype: u32,
        /// Null, or an extension of the struct.
        pNext: *const c_void,
        /// Why it must be reset, if so.
        reset: zes_reset_reason_flags_t,
        /// Whether it was repaired.
        repaired: zes_repair_status_t,
    }
}
