//! Names of MIG profiles.

/// The name of a GPU instance's profile by its compute slices and memory: the memory as a part of
/// the GPU's, rounded up to eighths, of the GPU's memory in whole GiB rounded up, rounded to the
/// nearest. This is the rule by which NVIDIA's own names come out, `3g.71gb` on an H200.
///
/// Attributes such as `+me` cannot be told from these numbers.
pub(crate) fn name(slices: u32, memory_mib: u64, gpu_mib: u64) -> Option<String> {
    let eighths = memory_mib.checked_mul(8)?.div_ceil(gpu_mib.max(1));
    let gib = eighths.checked_mul(gpu_mib.div_ceil(1024))?.checked_add(4)? / 8;
    (gpu_mib != 0 && slices != 0).then(|| format!("{slices}g.{gib}gb"))
}

/// The GPU instance's profile in the name of a MIG device: `NVIDIA H200 MIG 1c.3g.71gb` lies in a
/// `3g.71gb`.
pub(crate) fn of_device_name(name: &str) -> Option<&str> {
    let profile = of_compute_instance(name)?;
    match profile.split_once("c.") {
        Some((slices, rest)) if slices.bytes().all(|byte| byte.is_ascii_digit()) => Some(rest),
        _ => Some(profile),
    }
}

/// The whole profile in the name of a MIG device.
pub(crate) fn of_compute_instance(name: &str) -> Option<&str> {
    name.rsplit_once("MIG ").map(|(_, profile)| profile.trim()).filter(|profile| !profile.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_as_nvidia_has_them() {
        // Memory by `nvidia-smi mig -lgip` in MiB.
        for (slices, mib, gpu, expected) in [
            (1, 4864, 40960, "1g.5gb"),
            (3, 19968, 40960, "3g.20gb"),
            (1, 9984, 81559, "1g.10gb"),
            (1, 10875, 95830, "1g.12gb"),
            (3, 47227, 95830, "3g.47gb"),
            (1, 16384, 143_771, "1g.18gb"),
            (2, 33280, 143_771, "2g.35gb"),
            (4, 97280, 97887, "4g.96gb"),
        ] {
            assert_eq!(name(slices, mib, gpu).as_deref(), Some(expected));
        }
        assert_eq!(name(1, 1, 0), None);
    }

    #[test]
    fn profiles_out_of_device_names() {
        assert_eq!(of_device_name("NVIDIA H200 MIG 1g.18gb"), Some("1g.18gb"));
        assert_eq!(of_device_name("MIG 1c.3g.20gb"), Some("3g.20gb"));
        assert_eq!(of_device_name("NVIDIA A100-SXM4-40GB MIG 1g.5gb+me"), Some("1g.5gb+me"));
        assert_eq!(of_device_name("NVIDIA H200"), None);
    }
}
