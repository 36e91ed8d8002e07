//! What NVML's handles are here: numbers that say what they mean, never addresses, so that a
//! wrong one is refused and not followed.

use crate::abi::{Code, Plain};

/// `nvmlDevice_t`: a GPU or a MIG device.
#[repr(transparent)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Device(pub usize);

/// `nvmlGpuInstance_t`.
#[repr(transparent)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct GpuInstance(pub usize);

/// `nvmlComputeInstance_t`.
#[repr(transparent)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ComputeInstance(pub usize);

/// `nvmlGpmSample_t`.
#[repr(transparent)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct GpmSample(pub usize);

// SAFETY: a number in the size of a pointer.
unsafe impl Plain for GpmSample {}
// SAFETY: a number in the size of a pointer.
unsafe impl Plain for Device {}
// SAFETY: a number in the size of a pointer.
unsafe impl Plain for GpuInstance {}
// SAFETY: a number in the size of a pointer.
unsafe impl Plain for ComputeInstance {}

const GPU: usize = 0x4e56_1000_0000;
const MIG: usize = 0x4e56_2000_0000;
const GI: usize = 0x4e56_3000_0000;
const CI: usize = 0x4e56_4000_0000;
const GPM: usize = 0x4e56_5000_0000;
const KIND: usize = !0x0fff_ffff;

/// Which GPU (position in the description), GPU instance and compute instance.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Place {
    pub gpu: usize,
    pub mig: Option<(u32, u32)>,
}

fn pack(kind: usize, gpu: usize, gi: u32, ci: u32) -> usize {
    // In the order of nvml.h's own handles: never NULL, never odd.
    kind | (gpu & 0xfff) << 16 | (gi as usize & 0xff) << 8 | (ci as usize & 0x7f) << 1
}

fn unpack(kind: usize, raw: usize) -> Result<(usize, u32, u32), Code> {
    if raw & KIND != kind || raw & 1 != 0 {
        return Err(Code::INVALID_ARGUMENT);
    }
    let part = |shift: usize, mask: usize| u32::try_from(raw >> shift & mask).unwrap_or_default();
    Ok((raw >> 16 & 0xfff, part(8, 0xff), part(1, 0x7f)))
}

impl Device {
    pub fn whole(gpu: usize) -> Self {
        Self(pack(GPU, gpu, 0, 0))
    }

    pub fn mig(gpu: usize, gi: u32, ci: u32) -> Self {
        Self(pack(MIG, gpu, gi, ci))
    }

    pub fn place(self) -> Result<Place, Code> {
        if let Ok((gpu, gi, ci)) = unpack(MIG, self.0) {
            return Ok(Place { gpu, mig: Some((gi, ci)) });
        }
        unpack(GPU, self.0).map(|(gpu, _, _)| Place { gpu, mig: None })
    }
}

impl GpuInstance {
    pub fn new(gpu: usize, gi: u32) -> Self {
        Self(pack(GI, gpu, gi, 0))
    }

    pub fn place(self) -> Result<(usize, u32), Code> {
        unpack(GI, self.0).map(|(gpu, gi, _)| (gpu, gi))
    }
}

impl GpmSample {
    /// The sample at a position of the list of all; there are never that many.
    pub fn new(position: usize) -> Self {
        Self(GPM | (position & 0xfff_ffff >> 1) << 1)
    }

    pub fn place(self) -> Result<usize, Code> {
        if self.0 & KIND != GPM || self.0 & 1 != 0 {
            return Err(Code::INVALID_ARGUMENT);
        }
        Ok((self.0 & !KIND) >> 1)
    }
}

impl ComputeInstance {
    pub fn new(gpu: usize, gi: u32, ci: u32) -> Self {
        Self(pack(CI, gpu, gi, ci))
    }

    pub fn place(self) -> Result<(usize, u32, u32), Code> {
        unpack(CI, self.0)
    }
}
