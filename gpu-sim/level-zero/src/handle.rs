//! What handles are here: numbers that say what they mean, never addresses, so that a wrong one is
//! refused and not followed.

use level_zero_sys::ze_result_t;

/// Any of Sysman's handles, as it comes from a caller.
#[repr(transparent)]
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Handle(pub usize);

/// What a handle is of.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Kind {
    Driver = 1,
    Device,
    Memory,
    Engine,
    Power,
    Temperature,
    Frequency,
    Ras,
    Port,
    Firmware,
    Fan,
    VirtualFunction,
}

const MARK: usize = 0x4c5a_0000_0000;

impl Handle {
    pub const NULL: Self = Self(0);

    /// The handle of the `index`-th thing of a kind on a GPU.
    pub const fn new(kind: Kind, gpu: usize, index: usize) -> Self {
        Self(MARK | (kind as usize) << 24 | (gpu & 0xff) << 16 | (index & 0xfff) << 4)
    }

    /// GPU and index of a handle of that kind.
    pub const fn read(self, kind: Kind) -> Result<(usize, usize), ze_result_t> {
        if self.0 == 0 {
            return Err(ze_result_t::ERROR_INVALID_NULL_HANDLE);
        }
        if self.0 & !0xff_ffff != MARK | (kind as usize) << 24 || self.0 & 0xf != 0 {
            return Err(ze_result_t::ERROR_INVALID_ARGUMENT);
        }
        Ok((self.0 >> 16 & 0xff, self.0 >> 4 & 0xfff))
    }

    /// The GPU that it is of, whatever it is.
    pub const fn gpu(self) -> Option<usize> {
        if self.0 & !0xfff_ffff == MARK { Some(self.0 >> 16 & 0xff) } else { None }
    }
}
