//! [`Layout`]: how a board is cut now.

use std::fmt;

use crate::fingerprint::Fingerprint;
use crate::partition::Placement;

use super::geometry::{Geometry, ProfileKey, Slots, slots_of};

/// A live instance.
///
/// ```
/// use gpu_core::{Placement, plan::{Live, ProfileKey}};
/// let live = Live::new(ProfileKey(9), Placement { start: 4, size: 4 }, 1).pinned();
/// assert!(live.pinned && live.tag == 1);
/// ```
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
pub struct Live {
    /// Where it sits.
    pub placement: Placement,
    /// What it is.
    pub profile: ProfileKey,
    /// The caller's own number for it, such as the GPU instance id.
    pub tag: u32,
    /// It must stay, whatever is allowed for others.
    pub pinned: bool,
}

impl Live {
    /// An instance that may be destroyed where a plan needs it.
    #[must_use]
    pub const fn new(profile: ProfileKey, placement: Placement, tag: u32) -> Self {
        Self { placement, profile, tag, pinned: false }
    }

    /// The same, but it must stay.
    #[must_use]
    pub const fn pinned(self) -> Self {
        Self { pinned: true, ..self }
    }
}

/// How a board is cut now, and the fingerprint of that state.
///
/// ```
/// use gpu_core::plan::Layout;
/// assert!(Layout::default().live.is_empty());
/// ```
#[derive(Clone, PartialEq, Eq, Hash, Debug, Default)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
pub struct Layout {
    /// What the board's state was when it was read; a plan carries it on.
    pub fingerprint: Fingerprint,
    /// The instances, in any order.
    pub live: Vec<Live>,
}

impl Layout {
    /// A board with these instances.
    #[must_use]
    pub const fn new(fingerprint: Fingerprint, live: Vec<Live>) -> Self {
        Self { fingerprint, live }
    }
}

/// A live instance as the search sees it.
#[derive(Clone, Copy, Debug)]
pub(super) struct Placed {
    pub live: Live,
    /// Position of its profile in the geometry.
    pub profile: usize,
    pub slots: Slots,
}

impl Placed {
    /// True when it makes no difference which of the two is there.
    pub fn like(&self, other: &Self) -> bool {
        (self.profile, self.slots, self.live.pinned) == (other.profile, other.slots, other.live.pinned)
    }
}

/// The instances by place, checked against the geometry.
pub(super) fn placed(geometry: &Geometry, layout: &Layout) -> Result<Vec<Placed>, LayoutError> {
    let refuse = |live: &Live, what| Err(LayoutError { live: *live, what });
    let mut all: Vec<Placed> = Vec::with_capacity(layout.live.len());
    let mut taken: Slots = 0;
    let mut sorted = layout.live.clone();
    sorted.sort_unstable();
    for live in sorted {
        let Some(profile) = geometry.position(live.profile) else {
            return refuse(&live, Fault::NoSuchProfile);
        };
        let offered = &geometry.profiles()[profile];
        if !offered.places().any(|place| place == live.placement) {
            return refuse(&live, Fault::NoSuchPlace(offered.name().to_owned()));
        }
        let slots = slots_of(live.placement);
        if taken & slots != 0 {
            return refuse(&live, Fault::Overlap(offered.name().to_owned()));
        }
        taken |= slots;
        all.push(Placed { live, profile, slots });
    }
    Ok(all)
}

/// A layout that the geometry cannot have: which instance, and what is wrong with it.
///
/// ```
/// use gpu_core::{Fingerprint, Placement};
/// use gpu_core::plan::{Geometry, Layout, Live, Profile, ProfileKey};
/// let board = Geometry::builder("toy", 4).profile(Profile::new(ProfileKey(2), "2g").at([0, 2], 2)).build()?;
/// let odd = Live::new(ProfileKey(2), Placement { start: 1, size: 2 }, 7);
/// let refused = board.room(&Layout::new(Fingerprint(0), vec![odd])).unwrap_err();
/// assert_eq!(refused.to_string(), "instance 7 at 1:2: 2g has no such place");
/// assert_eq!(refused.live(), odd);
/// # Ok::<(), gpu_core::plan::GeometryError>(())
/// ```
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct LayoutError {
    live: Live,
    what: Fault,
}

#[derive(Clone, PartialEq, Eq, Debug)]
enum Fault {
    NoSuchProfile,
    NoSuchPlace(String),
    Overlap(String),
}

impl LayoutError {
    /// The instance that cannot be.
    #[must_use]
    pub const fn live(&self) -> Live {
        self.live
    }
}

impl fmt::Display for LayoutError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Live { placement, profile, tag, .. } = self.live;
        write!(f, "instance {tag} at {placement}: ")?;
        match &self.what {
            Fault::NoSuchProfile => write!(f, "the board has no {profile}"),
            Fault::NoSuchPlace(name) => write!(f, "{name} has no such place"),
            Fault::Overlap(name) => write!(f, "{name} overlaps with another instance"),
        }
    }
}

impl std::error::Error for LayoutError {}
