//! [`Engine`]: which part of a GPU works; [`EngineUse`]: how long it did for somebody.

use core::fmt;

use super::basis::Basis;
use crate::absence::Absence;
use crate::quantity::{Nanoseconds, Permille};

/// A part of a GPU that works for one program at a time, or is counted as if it did.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[cfg_attr(feature = "serde", serde(rename_all = "snake_case"))]
#[non_exhaustive]
pub enum Engine {
    /// NVIDIA's streaming multiprocessors: time in which a kernel of the program ran, compute or
    /// graphics, however much of the chip it filled.
    Shader,
    /// The graphics engine, by DRM's accounting.
    Graphics,
    /// Compute engines, by DRM's accounting.
    Compute,
    /// Copy engines.
    Copy,
    /// Video engines that both decode and encode, and those that enhance video.
    Video,
    /// Video encoders.
    Encoder,
    /// Video decoders.
    Decoder,
}

impl Engine {
    /// All, in order.
    pub const ALL: &'static [Self] =
        &[Self::Shader, Self::Graphics, Self::Compute, Self::Copy, Self::Video, Self::Encoder, Self::Decoder];

    /// A short constant name, for JSON and labels.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Shader => "shader",
            Self::Graphics => "graphics",
            Self::Compute => "compute",
            Self::Copy => "copy",
            Self::Video => "video",
            Self::Encoder => "encoder",
            Self::Decoder => "decoder",
        }
    }
}

impl fmt::Display for Engine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

/// How long an engine worked for somebody.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[non_exhaustive]
pub struct EngineUse {
    /// Which.
    pub engine: Engine,
    /// Part of the covered time, of one engine: more than 1000 ‰ where there are several.
    pub share: Permille,
    /// How long it worked. An absence while there is no earlier look to count from.
    #[cfg_attr(feature = "serde", serde(serialize_with = "crate::process::serialize_fact"))]
    pub time: Result<Nanoseconds, Absence>,
    /// The time that share and time really speak of, which may be less than that between two
    /// looks: each process has one of its own, and this is the longest. Absent as the time is.
    #[cfg_attr(feature = "serde", serde(serialize_with = "crate::process::serialize_fact"))]
    pub covered: Result<Nanoseconds, Absence>,
    /// Where the numbers came from.
    pub basis: Basis,
    /// Processes that had no such number: share and time are without them.
    pub missing: u32,
}
