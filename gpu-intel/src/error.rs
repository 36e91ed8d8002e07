//! What the drivers' answers mean.

/// True for a `power/runtime_status` that says that the GPU sleeps, or is about to.
///
/// Reading a sensor of such a GPU wakes it (both drivers take a runtime reference in hwmon).
pub(crate) fn is_asleep(status: &[u8]) -> bool {
    matches!(status, b"suspended" | b"suspending")
}
