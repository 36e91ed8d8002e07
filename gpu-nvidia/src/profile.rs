//! What NVML tells of a MIG profile, in the words of `gpu_nvidia_mig`.

use gpu_core::{Bytes, Count, Engines, Known, Placement};
use gpu_nvidia_mig::{DeviceName, GpuInstanceProfileId, Profile, ProfileIndex, ProfileName};

use crate::cut::Offered;
use crate::ffi;

/// The attributes that the names of profiles have which differ from plain ones in more than size,
/// by index in NVML's enumeration.
const ATTRIBUTES: [(ProfileIndex, &str); 10] = [
    (ProfileIndex::SLICE_1_REV1, "+me"),
    (ProfileIndex::SLICE_2_REV1, "+me"),
    (ProfileIndex::SLICE_1_GFX, "+gfx"),
    (ProfileIndex::SLICE_2_GFX, "+gfx"),
    (ProfileIndex::SLICE_3_GFX, "+gfx"),
    (ProfileIndex::SLICE_4_GFX, "+gfx"),
    (ProfileIndex::SLICE_1_NO_ME, "-me"),
    (ProfileIndex::SLICE_2_NO_ME, "-me"),
    (ProfileIndex::SLICE_1_ALL_ME, "+me.all"),
    (ProfileIndex::SLICE_2_ALL_ME, "+me.all"),
];

/// The name of a profile: the driver's own, or for drivers that have none the one that follows
/// from its sizes and its index.
pub(crate) fn name(of: &Offered, gpu_mib: Option<u64>) -> Option<ProfileName> {
    let told = ffi::profile_name(&of.info).and_then(|name| name.parse().ok());
    told.or_else(|| {
        let plain = computed(of.info.sliceCount, of.info.memorySizeMB, gpu_mib?)?;
        let attribute = ATTRIBUTES.iter().find(|(index, _)| *index == of.index).map_or("", |of| of.1);
        format!("{plain}{attribute}").parse().ok()
    })
}

/// The name that follows from the sizes of an instance and of its GPU, without attributes.
pub(crate) fn computed(slices: u32, memory_mib: u64, gpu_mib: u64) -> Option<ProfileName> {
    ProfileName::computed(slices, mebibytes(memory_mib)?, mebibytes(gpu_mib)?)
}

fn mebibytes(count: u64) -> Option<Bytes> {
    count.checked_mul(1 << 20).map(Bytes)
}

/// The GPU instance's profile in the name of a MIG device: `NVIDIA H200 MIG 1c.3g.71gb` lies in a
/// `3g.71gb`.
pub(crate) fn of_device_name(name: &str) -> Option<ProfileName> {
    of_compute_instance(name).map(|profile| profile.gpu_instance())
}

/// The whole profile in the name of a MIG device.
pub(crate) fn of_compute_instance(name: &str) -> Option<ProfileName> {
    name.parse::<DeviceName>().ok().map(|name| name.profile().clone())
}

/// All that NVML tells of a profile. One without a name cannot be planned with.
pub(crate) fn profile(of: &Offered, places: Vec<Placement>, gpu_mib: Option<u64>) -> Option<Profile> {
    let info = &of.info;
    let mut profile = Profile::new(name(of, gpu_mib)?, of.index, info.instanceCount, "NVML");
    profile.id = GpuInstanceProfileId(info.id).into();
    profile.slices = info.sliceCount;
    profile.multiprocessors = count(info.multiprocessorCount);
    profile.memory = match mebibytes(info.memorySizeMB) {
        Some(bytes) => bytes.into(),
        None => Known::unsupported("NVML tells more than there can be"),
    };
    profile.places = places.into();
    profile.engines = Engines::unsupported("NVML does not tell");
    profile.engines.copy = count(info.copyEngineCount);
    profile.engines.decoder = count(info.decoderCount);
    profile.engines.encoder = count(info.encoderCount);
    profile.engines.jpeg = count(info.jpegCount);
    profile.engines.optical_flow = count(info.ofaCount);
    Some(profile)
}

fn count(n: u32) -> Known<Count> {
    Count(n.into()).into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn profiles_out_of_device_names() {
        let of = |name: &str| of_device_name(name).map(|profile| profile.to_string());
        assert_eq!(of("NVIDIA H200 MIG 1g.18gb").as_deref(), Some("1g.18gb"));
        assert_eq!(of("MIG 1c.3g.20gb").as_deref(), Some("3g.20gb"));
        assert_eq!(of("NVIDIA A100-SXM4-40GB MIG 1g.5gb+me").as_deref(), Some("1g.5gb+me"));
        assert_eq!(of("NVIDIA H200"), None);
    }

    /// A driver before the names: sizes of an A100-40 by `nvidia-smi mig -lgip`.
    #[test]
    fn names_of_drivers_that_have_none() {
        let of = |index: ProfileIndex, slices: u32, mib: u64| {
            let mut info: ffi::ProfileInfo = ffi::zeroed();
            (info.sliceCount, info.memorySizeMB) = (slices, mib);
            name(&Offered { index, info }, Some(40_960)).map(|name| name.to_string())
        };
        assert_eq!(of(ProfileIndex::SLICE_3, 3, 19_968).as_deref(), Some("3g.20gb"));
        assert_eq!(of(ProfileIndex::SLICE_1_REV1, 1, 4_864).as_deref(), Some("1g.5gb+me"));
        assert_eq!(of(ProfileIndex::SLICE_1_REV2, 1, 9_856).as_deref(), Some("1g.10gb"));
        assert_eq!(of(ProfileIndex::SLICE_1, 0, 4_864), None);
    }
}
