//! [`Infeasible`]: why a request cannot be fulfilled, and what would have to go.

use std::fmt;

use super::layout::{LayoutError, Live};
use super::request::UnknownProfile;

/// What is short.
///
/// ```
/// use gpu_core::plan::Binding;
/// let short = Binding::Slots { needed: 9, capacity: 8 };
/// assert_eq!(short.to_string(), "9 slots are needed, and the board has 8");
/// ```
#[derive(Clone, PartialEq, Eq, Debug)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[cfg_attr(feature = "serde", serde(rename_all = "snake_case"))]
#[non_exhaustive]
pub enum Binding {
    /// More of a profile than the board has at once.
    Maximum {
        /// The profile's name.
        profile: String,
        /// How many there would be.
        wanted: u64,
        /// How many there may be.
        most: u64,
    },
    /// More of a dimension than the board has.
    Dimension {
        /// The dimension's name.
        dimension: String,
        /// How much would be used.
        needed: u64,
        /// How much there is.
        capacity: u64,
    },
    /// More slots than the board has.
    Slots {
        /// How many would be taken.
        needed: u64,
        /// How many there are.
        capacity: u64,
    },
    /// The amounts suffice, but this profile finds no place beside the others.
    Place {
        /// The profile's name.
        profile: String,
        /// Slots that are free of instances that stay.
        free: Vec<u32>,
    },
    /// An instance is pinned and not part of what shall remain.
    Pinned {
        /// The instance.
        live: Live,
    },
}

impl fmt::Display for Binding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Maximum { profile, wanted, most } => {
                write!(f, "at most {most} of {profile}, and {wanted} are wanted")
            }
            Self::Dimension { dimension, needed, capacity } => {
                write!(f, "{needed} {dimension} are needed, and the board has {capacity}")
            }
            Self::Slots { needed, capacity } => {
                write!(f, "{needed} slots are needed, and the board has {capacity}")
            }
            Self::Place { profile, free } => {
                write!(f, "no place for {profile}: free are ")?;
                match &free[..] {
                    [] => write!(f, "no slots"),
                    free => write!(f, "slots {free:?}"),
                }
            }
            Self::Pinned { live } => {
                write!(f, "instance {} at {} is pinned, and not wanted", live.tag, live.placement)
            }
        }
    }
}

/// What would have to happen for the request to be possible: always as few instances as can be.
///
/// ```
/// use gpu_core::{Placement, plan::{Freeing, Live, ProfileKey}};
/// let live = Live::new(ProfileKey(9), Placement { start: 4, size: 4 }, 1);
/// assert_eq!(Freeing::Destroy(vec![live]).to_string(), "it would do to destroy instance 1 at 4:4");
/// ```
#[derive(Clone, PartialEq, Eq, Debug)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[cfg_attr(feature = "serde", serde(rename_all = "snake_case"))]
#[non_exhaustive]
pub enum Freeing {
    /// It is too much for the board, whatever goes.
    Impossible,
    /// These would have to be destroyed and made anew elsewhere: see
    /// [`Request::moving`](super::Request::moving).
    Move(Vec<Live>),
    /// These would have to go for good.
    Destroy(Vec<Live>),
    /// These are pinned and would have to be let go.
    Unpin(Vec<Live>),
}

impl fmt::Display for Freeing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (verb, live) = match self {
            Self::Impossible => return write!(f, "nothing that could be freed helps"),
            Self::Move(live) => ("move", live),
            Self::Destroy(live) => ("destroy", live),
            Self::Unpin(live) => ("unpin", live),
        };
        write!(f, "it would do to {verb} ")?;
        for (position, one) in live.iter().enumerate() {
            let comma = if position == 0 { "" } else { ", " };
            write!(f, "{comma}instance {} at {}", one.tag, one.placement)?;
        }
        Ok(())
    }
}

/// A request that cannot be fulfilled.
///
/// ```
/// use gpu_core::{Fingerprint, Placement};
/// use gpu_core::plan::{Freeing, Geometry, Layout, Live, PlanError, Profile, ProfileKey, Request};
/// let board = Geometry::builder("toy", 4)
///     .profile(Profile::new(ProfileKey(1), "1g").at(0..4, 1).most(4))
///     .profile(Profile::new(ProfileKey(2), "2g").at([0, 2], 2).most(2))
///     .build()?;
/// let live = |start| Live::new(ProfileKey(1), Placement { start, size: 1 }, 7 + start);
/// let spread = Layout::new(Fingerprint(1), vec![live(1), live(2)]);
/// let Err(PlanError::Infeasible(no)) = board.plan(&spread, &Request::add(board.wanted(["2g"])?)) else {
///     panic!("both places of 2g are taken in part");
/// };
/// let told = "no place for 2g: free are slots [0, 3]; it would do to move instance 9 at 2:1";
/// assert_eq!(no.to_string(), told);
/// assert_eq!(no.to_free, Freeing::Move(vec![live(2)]));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, PartialEq, Eq, Debug)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
pub struct Infeasible {
    /// What is short: at least one entry, maxima before dimensions before slots before places.
    pub binding: Vec<Binding>,
    /// What would have to go.
    pub to_free: Freeing,
}

impl fmt::Display for Infeasible {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for binding in &self.binding {
            write!(f, "{binding}; ")?;
        }
        write!(f, "{}", self.to_free)
    }
}

impl std::error::Error for Infeasible {}

/// Why there is no plan.
///
/// ```
/// use gpu_core::plan::{Geometry, Layout, PlanError, ProfileKey, Request};
/// let board = Geometry::builder("toy", 4).build()?;
/// let request = Request::add([ProfileKey(1)].into_iter().collect());
/// let refused = board.plan(&Layout::default(), &request);
/// assert!(matches!(refused, Err(PlanError::UnknownProfile(_))));
/// # Ok::<(), gpu_core::plan::GeometryError>(())
/// ```
#[derive(Clone, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub enum PlanError {
    /// The board cannot hold it.
    Infeasible(Infeasible),
    /// The request names a profile that the board does not offer.
    UnknownProfile(UnknownProfile),
    /// The layout is none that the board can have.
    Layout(LayoutError),
}

impl fmt::Display for PlanError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Infeasible(infeasible) => infeasible.fmt(f),
            Self::UnknownProfile(unknown) => unknown.fmt(f),
            Self::Layout(error) => error.fmt(f),
        }
    }
}

impl std::error::Error for PlanError {}

impl From<Infeasible> for PlanError {
    fn from(infeasible: Infeasible) -> Self {
        Self::Infeasible(infeasible)
    }
}

impl From<UnknownProfile> for PlanError {
    fn from(unknown: UnknownProfile) -> Self {
        Self::UnknownProfile(unknown)
    }
}

impl From<LayoutError> for PlanError {
    fn from(error: LayoutError) -> Self {
        Self::Layout(error)
    }
}
