//! [`Wanted`] and [`Request`]: what a board shall hold.

use std::collections::BTreeMap;
use std::fmt;

use super::geometry::{Geometry, ProfileKey};

/// A multiset of profiles.
///
/// ```
/// use gpu_core::plan::{ProfileKey, Wanted};
/// let mut wanted = Wanted::default();
/// wanted.add(ProfileKey(9), 2);
/// assert_eq!((wanted.count(ProfileKey(9)), wanted.count(ProfileKey(0))), (2, 0));
/// assert_eq!(wanted.total(), 2);
/// ```
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Default)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
pub struct Wanted(BTreeMap<ProfileKey, u32>);

impl Wanted {
    /// Adds so many of a profile, up to the largest number there is.
    pub fn add(&mut self, profile: ProfileKey, count: u32) {
        if count > 0 {
            let there = self.0.entry(profile).or_default();
            *there = there.saturating_add(count);
        }
    }

    /// How many of a profile.
    #[must_use]
    pub fn count(&self, profile: ProfileKey) -> u32 {
        self.0.get(&profile).copied().unwrap_or(0)
    }

    /// How many of all profiles together.
    #[must_use]
    pub fn total(&self) -> u64 {
        self.0.values().map(|count| u64::from(*count)).sum()
    }

    /// Profiles and how many of each, none with zero, ordered by key.
    pub fn iter(&self) -> impl Iterator<Item = (ProfileKey, u32)> + '_ {
        self.0.iter().map(|(profile, count)| (*profile, *count))
    }
}

impl FromIterator<ProfileKey> for Wanted {
    fn from_iter<I: IntoIterator<Item = ProfileKey>>(profiles: I) -> Self {
        let mut wanted = Self::default();
        profiles.into_iter().for_each(|profile| wanted.add(profile, 1));
        wanted
    }
}

/// Whether a multiset comes on top of what is live, or is all that shall remain.
///
/// ```
/// use gpu_core::plan::{Goal, Request, Wanted};
/// assert_eq!(Request::add(Wanted::default()).goal(), Goal::Add);
/// ```
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[cfg_attr(feature = "serde", serde(rename_all = "snake_case"))]
pub enum Goal {
    /// Everything that is live stays, and the multiset comes on top.
    Add,
    /// Exactly the multiset: live instances that it does not name are destroyed.
    Exactly,
}

/// What a board shall hold, and what may be done to get there.
///
/// ```
/// use gpu_core::plan::{Goal, Request, Wanted};
/// let request = Request::exactly(Wanted::default()).moving();
/// assert_eq!((request.goal(), request.may_move(), request.wanted().total()), (Goal::Exactly, true, 0));
/// ```
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct Request {
    wanted: Wanted,
    goal: Goal,
    moving: bool,
}

impl Request {
    /// These on top of what is live.
    #[must_use]
    pub const fn add(wanted: Wanted) -> Self {
        Self { wanted, goal: Goal::Add, moving: false }
    }

    /// Exactly these: what is live and wanted stays where it is, what is not wanted goes.
    #[must_use]
    pub const fn exactly(wanted: Wanted) -> Self {
        Self { wanted, goal: Goal::Exactly, moving: false }
    }

    /// Allows that instances are destroyed and made anew elsewhere, as few as possible. What runs
    /// on them ends. Pinned instances stay all the same.
    #[must_use]
    pub fn moving(self) -> Self {
        Self { moving: true, ..self }
    }

    /// The multiset.
    #[must_use]
    pub const fn wanted(&self) -> &Wanted {
        &self.wanted
    }

    /// What the multiset means.
    #[must_use]
    pub const fn goal(&self) -> Goal {
        self.goal
    }

    /// True where instances may be moved.
    #[must_use]
    pub const fn may_move(&self) -> bool {
        self.moving
    }
}

/// A profile that a board does not offer: which board, which profile, and what there is.
///
/// ```
/// use gpu_core::plan::{Geometry, Profile, ProfileKey};
/// let board = Geometry::builder("toy", 4).profile(Profile::new(ProfileKey(1), "1g")).build()?;
/// assert_eq!(board.wanted(["2g"]).unwrap_err().to_string(), "toy has no profile 2g: it has 1g");
/// # Ok::<(), gpu_core::plan::GeometryError>(())
/// ```
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct UnknownProfile {
    kind: String,
    profile: String,
    offered: String,
}

impl UnknownProfile {
    pub(super) fn of(geometry: &Geometry, profile: impl fmt::Display) -> Self {
        Self { kind: geometry.kind().to_owned(), profile: profile.to_string(), offered: geometry.names() }
    }
}

impl fmt::Display for UnknownProfile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let article = if self.profile.starts_with("profile ") { "" } else { "profile " };
        write!(f, "{} has no {article}{}: it has {}", self.kind, self.profile, self.offered)
    }
}

impl std::error::Error for UnknownProfile {}
