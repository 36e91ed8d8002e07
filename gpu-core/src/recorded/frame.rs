//! Frames of a recording, and the sorts of rows in them.

use crate::stored::{self, Error};

/// The version that is written: the newest that is known.
pub const VERSION: u16 = 1;

/// What every frame of a recording begins with.
pub const MAGIC: [u8; 4] = *b"GPUR";

/// What a frame holds.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Sort {
    /// A [`Head`](super::Head).
    Head,
    /// A [`Moment`](super::Moment).
    Moment,
}

/// Adds a frame: begin, version, sort, length, content, and the CRC-32C of all before.
pub fn frame(sort: Sort, content: &[u8], bytes: &mut Vec<u8>) {
    let sort = match sort {
        Sort::Head => 1,
        Sort::Moment => 2,
    };
    stored::frame_of(MAGIC, VERSION, sort, bytes, |to| to.0.extend_from_slice(content));
}

/// How long the whole frame is that begins with these bytes: 15 at least are needed to tell.
///
/// # Errors
/// [`Error::Truncated`] when they are fewer, [`Error::NotOurs`] when they begin otherwise.
pub fn length(bytes: &[u8]) -> Result<usize, Error> {
    stored::length_of(MAGIC, bytes)
}

/// What one whole frame holds, and its content.
///
/// # Errors
/// [`Error::Damaged`] when the check sum is another, [`Error::Newer`] of a version that is not known,
/// [`Error::OtherSort`] of something that recordings do not hold.
pub fn open(frame: &[u8]) -> Result<(Sort, &[u8]), Error> {
    let needed = length(frame)?;
    if frame.len() < needed {
        return Err(Error::Truncated { needed, found: frame.len() });
    }
    let (_, sort, content) = stored::checked(VERSION, &frame[..needed])?;
    match sort {
        1 => Ok((Sort::Head, content)),
        2 => Ok((Sort::Moment, content)),
        sort => Err(Error::OtherSort { sort }),
    }
}

/// What a row is of.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Kind {
    Times,
    Drivers,
    Device,
    Links,
    Unmanaged,
    InventoryProblems,
    Unit,
    Process,
    Ended,
    SampleProblems,
    Sweep,
    Swept,
    SweptEnded,
    Evidence,
    KernelMemory,
    Named,
}

impl Kind {
    const ALL: [Self; 16] = [
        Self::Times,
        Self::Drivers,
        Self::Device,
        Self::Links,
        Self::Unmanaged,
        Self::InventoryProblems,
        Self::Unit,
        Self::Process,
        Self::Ended,
        Self::SampleProblems,
        Self::Sweep,
        Self::Swept,
        Self::SweptEnded,
        Self::Evidence,
        Self::KernelMemory,
        Self::Named,
    ];

    /// The number that stands for it in version 1.
    pub const fn number(self) -> u64 {
        match self {
            Self::Times => 0,
            Self::Drivers => 1,
            Self::Device => 2,
            Self::Links => 3,
            Self::Unmanaged => 4,
            Self::InventoryProblems => 5,
            Self::Unit => 6,
            Self::Process => 7,
            Self::Ended => 8,
            Self::SampleProblems => 9,
            Self::Sweep => 10,
            Self::Swept => 11,
            Self::SweptEnded => 12,
            Self::Evidence => 13,
            Self::KernelMemory => 14,
            Self::Named => 15,
        }
    }

    pub fn of(number: u64) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.number() == number)
    }
}
