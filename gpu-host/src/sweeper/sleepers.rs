//! [`Sleepers`]: device files whose accounts are left alone, because reading them would wake a GPU.

use std::path::Path;

use gpu_core::DeviceNumber;

use crate::file;

/// The first minor number of render nodes (kernel: `drm_minor_alloc`).
const FIRST_RENDER: u32 = 128;

/// Which device files are of GPUs that sleep, asked once of each in a sweep.
///
/// xe takes a reference of the GPU to read its clock for an account (`xe_drm_client.c`,
/// `show_run_ticks`): that wakes it, and waits. i915 and amdgpu tell what they have counted.
#[derive(Debug)]
pub(super) struct Sleepers<'a> {
    sysfs: Option<&'a Path>,
    known: Vec<(DeviceNumber, bool)>,
}

impl<'a> Sleepers<'a> {
    /// By the device tree at `sysfs`; without one, none is known to sleep.
    pub(super) const fn new(sysfs: Option<&'a Path>) -> Self {
        Self { sysfs, known: Vec::new() }
    }

    /// True when reading an account of that device file would wake its GPU.
    pub(super) fn would_wake(&mut self, number: DeviceNumber) -> bool {
        let Some(sysfs) = self.sysfs else { return false };
        if let Some((_, sleeps)) = self.known.iter().find(|(known, _)| *known == number) {
            return *sleeps;
        }
        let sleeps = sleeps(sysfs, number.minor);
        self.known.push((number, sleeps));
        sleeps
    }
}

fn sleeps(sysfs: &Path, minor: u32) -> bool {
    let name = if minor >= FIRST_RENDER { format!("renderD{minor}") } else { format!("card{minor}") };
    let device = sysfs.join("class/drm").join(name).join("device");
    file::link_name(&device.join("driver")).is_ok_and(|driver| driver == "xe")
        && file::read_text(&device.join("power/runtime_status"))
            .is_ok_and(|status| matches!(status.as_str(), "suspended" | "suspending"))
}
