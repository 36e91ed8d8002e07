//! What amdgpu's answers mean.

/// True for a `power/runtime_status` that says that the GPU sleeps, or is about to.
///
/// amdgpu refuses sensors of such a GPU with EPERM on newer kernels and wakes it on older ones
/// (kernel: `amdgpu_pm.c`, `amdgpu_pm_get_access_if_active`).
pub(crate) fn is_asleep(status: &[u8]) -> bool {
    matches!(status, b"suspended" | b"suspending")
}
