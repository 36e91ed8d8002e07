//! The numbers of MIG, each a type of its own.

use core::fmt;

use gpu_core::plan::ProfileKey;

macro_rules! numbers {
    ($($(#[$doc:meta])* $name:ident;)*) => {$(
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
        #[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
        #[cfg_attr(feature = "serde", serde(transparent))]
        pub struct $name(pub u32);

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                fmt::Display::fmt(&self.0, f)
            }
        }
    )*};
}

numbers! {
    /// A GPU instance profile in NVML's enumeration: argument of
    /// `nvmlDeviceGetGpuInstanceProfileInfo`. The same on every board.
    ///
    /// ```
    /// use gpu_nvidia_mig::{Board, ProfileIndex};
    /// let (index, a100) = (ProfileIndex::SLICE_1, Board::named("a100-40")?.profiles());
    /// let profile = a100.with_index(index).expect("every board has it");
    /// assert_eq!(profile.name.to_string(), "1g.5gb");
    /// assert_eq!((profile.index.0, profile.id.value().map(|id| id.0)), (0, Some(19)));
    /// # Ok::<(), gpu_nvidia_mig::UnknownBoard>(())
    /// ```
    ProfileIndex;
    /// The id that a board gave to a GPU instance profile: `id` of the profile info, `ID` of
    /// `nvidia-smi mig -lgip`, argument of `nvmlDeviceCreateGpuInstance`.
    ///
    /// ```
    /// assert_eq!(gpu_nvidia_mig::GpuInstanceProfileId(19).to_string(), "19");
    /// ```
    GpuInstanceProfileId;
    /// A live GPU instance on its board. Given anew after a destroy, by no formula.
    ///
    /// ```
    /// assert_eq!(gpu_nvidia_mig::GpuInstanceId(7).to_string(), "7");
    /// ```
    GpuInstanceId;
    /// A compute instance profile in NVML's enumeration: argument of
    /// `nvmlGpuInstanceGetComputeInstanceProfileInfo`.
    ///
    /// ```
    /// use gpu_nvidia_mig::ComputeProfileIndex;
    /// assert_eq!(ComputeProfileIndex::of_slices(7), Some(ComputeProfileIndex(4)));
    /// assert_eq!(ComputeProfileIndex::of_slices(5), None);
    /// ```
    ComputeProfileIndex;
    /// The id that a GPU instance gave to a compute instance profile: argument of
    /// `nvmlGpuInstanceCreateComputeInstance`.
    ///
    /// ```
    /// assert_eq!(gpu_nvidia_mig::ComputeProfileId(2).to_string(), "2");
    /// ```
    ComputeProfileId;
    /// A live compute instance in its GPU instance.
    ///
    /// ```
    /// assert_eq!(gpu_nvidia_mig::ComputeInstanceId(0).to_string(), "0");
    /// ```
    ComputeInstanceId;
}

/// nvml.h's `NVML_GPU_INSTANCE_PROFILE_*`, by number.
const NAMES: [&str; 18] = [
    "1_SLICE",
    "2_SLICE",
    "3_SLICE",
    "4_SLICE",
    "7_SLICE",
    "8_SLICE",
    "6_SLICE",
    "1_SLICE_REV1",
    "2_SLICE_REV1",
    "1_SLICE_REV2",
    "1_SLICE_GFX",
    "2_SLICE_GFX",
    "4_SLICE_GFX",
    "1_SLICE_NO_ME",
    "2_SLICE_NO_ME",
    "1_SLICE_ALL_ME",
    "2_SLICE_ALL_ME",
    "3_SLICE_GFX",
];

impl ProfileIndex {
    /// One compute slice.
    pub const SLICE_1: Self = Self(0);
    /// Two compute slices.
    pub const SLICE_2: Self = Self(1);
    /// Three compute slices.
    pub const SLICE_3: Self = Self(2);
    /// Four compute slices.
    pub const SLICE_4: Self = Self(3);
    /// Seven compute slices.
    pub const SLICE_7: Self = Self(4);
    /// Eight compute slices.
    pub const SLICE_8: Self = Self(5);
    /// Six compute slices.
    pub const SLICE_6: Self = Self(6);
    /// One compute slice and the media extensions: `+me`.
    pub const SLICE_1_REV1: Self = Self(7);
    /// Two compute slices and the media extensions: `+me`.
    pub const SLICE_2_REV1: Self = Self(8);
    /// One compute slice with the memory of two.
    pub const SLICE_1_REV2: Self = Self(9);
    /// One compute slice with graphics: `+gfx`.
    pub const SLICE_1_GFX: Self = Self(10);
    /// Two compute slices with graphics: `+gfx`.
    pub const SLICE_2_GFX: Self = Self(11);
    /// Four compute slices with graphics: `+gfx`.
    pub const SLICE_4_GFX: Self = Self(12);
    /// One compute slice without media engines: `-me`.
    pub const SLICE_1_NO_ME: Self = Self(13);
    /// Two compute slices without media engines: `-me`.
    pub const SLICE_2_NO_ME: Self = Self(14);
    /// One compute slice with all media engines: `+me.all`.
    pub const SLICE_1_ALL_ME: Self = Self(15);
    /// Two compute slices with all media engines: `+me.all`.
    pub const SLICE_2_ALL_ME: Self = Self(16);
    /// Three compute slices with graphics: `+gfx`.
    pub const SLICE_3_GFX: Self = Self(17);

    /// Every index that nvml.h has. Drivers know fewer: each may be answered with "not supported"
    /// or "invalid argument".
    ///
    /// ```
    /// use gpu_nvidia_mig::ProfileIndex;
    /// assert_eq!(ProfileIndex::all().count(), 18);
    /// ```
    pub fn all() -> impl Iterator<Item = Self> {
        (0..).zip(NAMES).map(|(index, _)| Self(index))
    }

    /// What nvml.h calls it, after `NVML_GPU_INSTANCE_PROFILE_`.
    ///
    /// ```
    /// use gpu_nvidia_mig::ProfileIndex;
    /// assert_eq!(ProfileIndex::SLICE_1_REV2.name(), Some("1_SLICE_REV2"));
    /// assert_eq!(ProfileIndex(99).name(), None);
    /// ```
    #[must_use]
    pub fn name(self) -> Option<&'static str> {
        NAMES.get(usize::try_from(self.0).ok()?).copied()
    }
}

impl From<ProfileIndex> for ProfileKey {
    /// Plans name profiles by their index: it is known without hardware, and the board's own id
    /// is one question away.
    fn from(index: ProfileIndex) -> Self {
        Self(index.0)
    }
}

impl From<ProfileKey> for ProfileIndex {
    fn from(key: ProfileKey) -> Self {
        Self(key.0)
    }
}

impl ComputeProfileIndex {
    /// The plain profile of so many compute slices.
    #[must_use]
    pub const fn of_slices(slices: u32) -> Option<Self> {
        match slices {
            1..=4 => Some(Self(slices - 1)),
            7 => Some(Self(4)),
            8 => Some(Self(5)),
            6 => Some(Self(6)),
            _ => None,
        }
    }
}
