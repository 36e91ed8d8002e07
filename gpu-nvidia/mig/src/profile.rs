//! [`Profile`]: one GPU instance profile of a board.

use gpu_core::{Bytes, Count, Engines, Known, Placement};

use crate::id::{GpuInstanceProfileId, ProfileIndex};
use crate::name::ProfileName;

/// A GPU instance profile, as a driver reports it or a table has it. What is not known says why.
///
/// ```
/// use gpu_nvidia_mig::Board;
/// let profiles = Board::named("h100-80")?.profiles();
/// let double = profiles.find(&"1g.20gb".parse()?)?;
/// assert_eq!((double.slices, double.most), (1, 4));
/// assert_eq!(double.multiprocessors.to_string(), "26");
/// assert_eq!(double.places.value().unwrap().len(), 4);
/// assert_eq!(double.inferred, None);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub struct Profile {
    /// Its name.
    pub name: ProfileName,
    /// Its index in NVML's enumeration.
    pub index: ProfileIndex,
    /// The id that the board gave it.
    pub id: Known<GpuInstanceProfileId>,
    /// Compute slices.
    pub slices: u32,
    /// Multiprocessors (SMs): no multiple of the slices.
    pub multiprocessors: Known<Count>,
    /// Memory. Differs a little from driver to driver.
    pub memory: Known<Bytes>,
    /// How many there may be at once.
    pub most: u32,
    /// Where it may sit, in memory slots.
    pub places: Known<Vec<Placement>>,
    /// Engines of its own.
    pub engines: Engines,
    /// Other names under which tools know it.
    pub aliases: Vec<ProfileName>,
    /// Where the row comes from.
    pub source: &'static str,
    /// What of the row is concluded rather than read, and from what.
    pub inferred: Option<&'static str>,
}

impl Profile {
    /// A profile of which nothing else is known because the source does not tell.
    ///
    /// ```
    /// use gpu_nvidia_mig::{Profile, ProfileIndex};
    /// let profile = Profile::new("1g.10gb".parse()?, ProfileIndex::SLICE_1, 7, "a driver");
    /// assert!(profile.memory.value().is_none());
    /// # Ok::<(), gpu_core::ParseError>(())
    /// ```
    #[must_use]
    pub fn new(name: ProfileName, index: ProfileIndex, most: u32, source: &'static str) -> Self {
        const WHY: &str = "not told by this source";
        Self {
            slices: name.slices(),
            name,
            index,
            id: Known::unsupported(WHY),
            multiprocessors: Known::unsupported(WHY),
            memory: Known::unsupported(WHY),
            most,
            places: Known::unsupported(WHY),
            engines: Engines::unsupported(WHY),
            aliases: Vec::new(),
            source,
            inferred: None,
        }
    }

    /// True when this is a name of it: its own, one of its aliases, or the one that tools give it
    /// that round its memory up to whole GiB (`7g.79gb` on an A100 with 80 GB).
    ///
    /// ```
    /// use gpu_nvidia_mig::Board;
    /// let profiles = Board::named("a100-80")?.profiles();
    /// let whole = profiles.find(&"7g.79gb".parse()?)?;
    /// assert_eq!(whole.name.to_string(), "7g.80gb");
    /// assert!(whole.is_called(&"7g.80gb".parse()?) && !whole.is_called(&"7g.40gb".parse()?));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[must_use]
    pub fn is_called(&self, name: &ProfileName) -> bool {
        let rounded_up =
            self.memory.value().and_then(|memory| u32::try_from(memory.get().div_ceil(1 << 30)).ok());
        *name == self.name
            || self.aliases.contains(name)
            || rounded_up.is_some_and(|gigabytes| *name == self.name.sized(gigabytes))
    }
}
