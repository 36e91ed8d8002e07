//! Handles: pointers to what only a driver knows.

macro_rules! handles {
    ($($(#[$doc:meta])* $name:ident;)*) => {
        $(
            $(#[$doc])*
            #[repr(transparent)]
            #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
            pub struct $name(pub *mut std::ffi::c_void);

            impl $name {
                /// No handle.
                pub const NULL: Self = Self(std::ptr::null_mut());

                /// True for what a driver hands out for nothing, and a broken one for something.
                #[must_use]
                pub const fn is_null(self) -> bool {
                    self.0.is_null()
                }
            }

            impl $crate::Zero for $name {
                const ZERO: Self = Self::NULL;
            }
        )*
    };
}

handles! {
    /// A driver.
    zes_driver_handle_t;
    /// A device; Sysman has no handles for tiles.
    zes_device_handle_t;
    /// A memory module.
    zes_mem_handle_t;
    /// A group of engines.
    zes_engine_handle_t;
    /// A power domain.
    zes_pwr_handle_t;
    /// A temperature sensor.
    zes_temp_handle_t;
    /// A frequency domain.
    zes_freq_handle_t;
    /// A set of error counters.
    zes_ras_handle_t;
    /// A port of the fabric between GPUs.
    zes_fabric_port_handle_t;
    /// A firmware.
    zes_firmware_handle_t;
    /// A fan.
    zes_fan_handle_t;
    /// A virtual function.
    zes_vf_handle_t;
}
