//! [`ze_result_t`]: what every function answers.

use crate::number::numbers;

numbers! {
    /// What every function answers.
    pub struct ze_result_t {
        /// It worked.
        SUCCESS = 0;
        /// Not done yet.
        NOT_READY = 1;
        /// The device is gone, or hangs.
        ERROR_DEVICE_LOST = 0x7000_0001;
        /// No memory of the machine's is left.
        ERROR_OUT_OF_HOST_MEMORY = 0x7000_0002;
        /// No memory of the device's is left.
        ERROR_OUT_OF_DEVICE_MEMORY = 0x7000_0003;
        /// The device must be reset first.
        ERROR_DEVICE_REQUIRES_RESET = 0x7000_0006;
        /// The device sleeps.
        ERROR_DEVICE_IN_LOW_POWER_STATE = 0x7000_0007;
        /// The caller may not.
        ERROR_INSUFFICIENT_PERMISSIONS = 0x7001_0000;
        /// Somebody else uses it, or the telemetry is not there now.
        ERROR_NOT_AVAILABLE = 0x7001_0001;
        /// Another library that it needs is missing.
        ERROR_DEPENDENCY_UNAVAILABLE = 0x7002_0000;
        /// Some of the data is lost.
        WARNING_DROPPED_DATA = 0x7002_0001;
        /// The library has not been initialised; also a loader's answer, with several drivers, for
        /// what a driver does not have.
        ERROR_UNINITIALIZED = 0x7800_0001;
        /// Versions do not go together; also a loader's answer when a layer of another version is
        /// in its way.
        ERROR_UNSUPPORTED_VERSION = 0x7800_0002;
        /// The device, the driver or the loader does not have it.
        ERROR_UNSUPPORTED_FEATURE = 0x7800_0003;
        /// An argument is wrong.
        ERROR_INVALID_ARGUMENT = 0x7800_0004;
        /// A handle is null.
        ERROR_INVALID_NULL_HANDLE = 0x7800_0005;
        /// The object is in use.
        ERROR_HANDLE_OBJECT_IN_USE = 0x7800_0006;
        /// A pointer is null.
        ERROR_INVALID_NULL_POINTER = 0x7800_0007;
        /// A size is wrong.
        ERROR_INVALID_SIZE = 0x7800_0008;
        /// A size is not supported.
        ERROR_UNSUPPORTED_SIZE = 0x7800_0009;
        /// An enumeration's value is wrong.
        ERROR_INVALID_ENUMERATION = 0x7800_000c;
        /// An enumeration's value is not supported.
        ERROR_UNSUPPORTED_ENUMERATION = 0x7800_000d;
        /// Something must be done first.
        WARNING_ACTION_REQUIRED = 0x7800_001b;
        /// Something went wrong.
        ERROR_UNKNOWN = 0x7fff_fffe;
    }
}

impl ze_result_t {
    /// True for the two answers that mean "this is not there", once the library is initialised:
    /// with one driver a loader says that the feature is unsupported, with several that nothing is
    /// initialised.
    #[must_use]
    pub const fn is_absent(self) -> bool {
        matches!(self, Self::ERROR_UNSUPPORTED_FEATURE | Self::ERROR_UNINITIALIZED)
    }
}
