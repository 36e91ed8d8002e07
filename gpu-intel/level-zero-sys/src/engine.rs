//! Groups of engines.

use std::ffi::c_void;

use crate::layout::structs;
use crate::number::numbers;

numbers! {
    /// What engines do.
    pub struct zes_engine_group_t {
        /// All of them.
        ALL = 0;
        /// Every compute engine.
        COMPUTE_ALL = 1;
        /// Every media engine.
        MEDIA_ALL = 2;
        /// Every copy engine.
        COPY_ALL = 3;
        /// One compute engine.
        COMPUTE_SINGLE = 4;
        /// One render engine.
        RENDER_SINGLE = 5;
        /// One decoder.
        MEDIA_DECODE_SINGLE = 6;
        /// One encoder.
        MEDIA_ENCODE_SINGLE = 7;
        /// One copy engine.
        COPY_SINGLE = 8;
        /// One engine that improves pictures.
        MEDIA_ENHANCEMENT_SINGLE = 9;
        /// One 3D engine.
        THREE_D_SINGLE = 10;
        /// All that draw and compute.
        THREE_D_RENDER_COMPUTE_ALL = 11;
        /// Every render engine.
        RENDER_ALL = 12;
        /// Every 3D engine.
        THREE_D_ALL = 13;
        /// One codec.
        MEDIA_CODEC_SINGLE = 14;
    }
}

structs! {
    /// A group of engines.
    pub struct zes_engine_properties_t since "1.0" stype 0x5 {
        /// Which struct it is.
        stype: u32,
        /// Null, or an extension of the struct.
        pNext: *mut c_void,
        /// What it does.
        type_: zes_engine_group_t,
        /// True when it is of one tile.
        onSubdevice: u8,
        /// Which tile, if so.
        subdeviceId: u32,
    }
    /// How long engines have worked: both numbers count in the same unit, and only differences say something.
    pub struct zes_engine_stats_t since "1.0" {
        /// Time that they worked.
        activeTime: u64,
        /// Time that went by.
        timestamp: u64,
    }
}
