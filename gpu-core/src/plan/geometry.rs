//! [`Geometry`]: what a board can be cut into.

use std::collections::BTreeMap;
use std::fmt;

use crate::partition::Placement;

use super::request::{UnknownProfile, Wanted};

/// Names a profile within a geometry: a number of the vendor's that the planner never looks into.
///
/// ```
/// use gpu_core::plan::ProfileKey;
/// assert_eq!(ProfileKey(9).to_string(), "profile 9");
/// ```
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(transparent))]
pub struct ProfileKey(pub u32);

impl fmt::Display for ProfileKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "profile {}", self.0)
    }
}

/// Something that a board has a number of, and that instances use up wherever they sit: compute
/// slices, decoders, memory quota.
///
/// ```
/// use gpu_core::plan::{Dimension, Geometry};
/// let board = Geometry::builder("toy", 4).dimension("decoders", 4).build()?;
/// assert_eq!(board.dimensions(), [Dimension { name: "decoders".to_owned(), capacity: 4 }]);
/// # Ok::<(), gpu_core::plan::GeometryError>(())
/// ```
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
pub struct Dimension {
    /// What it is called, in the plural: `compute slices`.
    pub name: String,
    /// How many the board has.
    pub capacity: u64,
}

/// One kind of instance that a board offers.
///
/// ```
/// use gpu_core::plan::{Profile, ProfileKey};
/// let profile = Profile::new(ProfileKey(2), "3g.40gb").at([0, 4], 4).most(2).needs("compute slices", 3);
/// assert_eq!(profile.places().map(|place| place.to_string()).collect::<Vec<_>>(), ["0:4", "4:4"]);
/// ```
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
pub struct Profile {
    key: ProfileKey,
    name: String,
    starts: Vec<u32>,
    size: u32,
    most: u32,
    needs: Vec<(String, u64)>,
}

impl Profile {
    /// A profile that takes no slot, needs nothing, and may be there once.
    #[must_use]
    pub fn new(key: ProfileKey, name: impl Into<String>) -> Self {
        Self { key, name: name.into(), starts: vec![0], size: 0, most: 1, needs: Vec::new() }
    }

    /// Takes `size` slots in a row, from one of `starts`. With size 0 it takes none.
    #[must_use]
    pub fn at(self, starts: impl IntoIterator<Item = u32>, size: u32) -> Self {
        Self { starts: starts.into_iter().collect(), size, ..self }
    }

    /// May be there this many times at once.
    #[must_use]
    pub fn most(self, most: u32) -> Self {
        Self { most, ..self }
    }

    /// Uses up `amount` of a dimension; a second call for the same dimension replaces the first.
    #[must_use]
    pub fn needs(mut self, dimension: impl Into<String>, amount: u64) -> Self {
        let dimension = dimension.into();
        self.needs.retain(|(name, _)| *name != dimension);
        self.needs.push((dimension, amount));
        self
    }

    /// What names it in this geometry.
    #[must_use]
    pub const fn key(&self) -> ProfileKey {
        self.key
    }

    /// The vendor's name for it.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Slots that an instance takes.
    #[must_use]
    pub const fn size(&self) -> u32 {
        self.size
    }

    /// How many may be there at once.
    #[must_use]
    pub const fn maximum(&self) -> u32 {
        self.most
    }

    /// How much of a dimension an instance uses up.
    #[must_use]
    pub fn need(&self, dimension: &str) -> u64 {
        self.needs.iter().find(|(name, _)| name == dimension).map_or(0, |(_, amount)| *amount)
    }

    /// Where an instance may sit, in the order in which places are tried.
    pub fn places(&self) -> impl Iterator<Item = Placement> + '_ {
        self.starts.iter().map(|start| Placement { start: *start, size: self.size })
    }
}

/// The slots of a board as bits.
pub(super) type Slots = u16;

/// A profile as the search sees it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Shape {
    /// Where it may sit; the same order as the profile's starts.
    pub places: Vec<(u32, Slots)>,
    /// By dimension of the geometry.
    pub needs: Vec<u64>,
    pub size: u32,
    pub most: u64,
}

/// What a board can be cut into: slots, dimensions, profiles.
///
/// From a driver's answers, or from a table for planning without hardware.
///
/// ```
/// use gpu_core::plan::{Geometry, Profile, ProfileKey};
/// let board = Geometry::builder("toy", 4)
///     .profile(Profile::new(ProfileKey(7), "half").at([0, 2], 2).most(2))
///     .build()?;
/// assert_eq!((board.kind(), board.slots()), ("toy", 4));
/// assert_eq!(board.profile(ProfileKey(7)).map(Profile::name), Some("half"));
/// assert_eq!(board.named("half").map(Profile::key), Some(ProfileKey(7)));
/// # Ok::<(), gpu_core::plan::GeometryError>(())
/// ```
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Geometry {
    kind: String,
    slots: u32,
    dimensions: Vec<Dimension>,
    profiles: Vec<Profile>,
    /// One for each profile.
    pub(super) shapes: Vec<Shape>,
    /// Positions in `profiles`, in the order in which they are placed: the largest first.
    pub(super) order: Vec<usize>,
}

impl Geometry {
    /// Most slots that a board may have.
    pub const MOST_SLOTS: u32 = 16;
    /// Most instances of a profile that takes no slot.
    pub const MOST_UNPLACED: u32 = 256;
    /// Most profiles that a board may offer.
    pub const MOST_PROFILES: usize = 64;

    /// Begins a geometry of a board of this kind (`h100-80`) with this many slots.
    #[must_use]
    pub fn builder(kind: impl Into<String>, slots: u32) -> GeometryBuilder {
        GeometryBuilder { kind: kind.into(), slots, dimensions: Vec::new(), profiles: Vec::new() }
    }

    /// Which kind of board it is.
    #[must_use]
    pub fn kind(&self) -> &str {
        &self.kind
    }

    /// How many slots the board has.
    #[must_use]
    pub const fn slots(&self) -> u32 {
        self.slots
    }

    /// What instances use up besides slots.
    #[must_use]
    pub fn dimensions(&self) -> &[Dimension] {
        &self.dimensions
    }

    /// What the board offers.
    #[must_use]
    pub fn profiles(&self) -> &[Profile] {
        &self.profiles
    }

    /// The profile of that key.
    #[must_use]
    pub fn profile(&self, key: ProfileKey) -> Option<&Profile> {
        self.position(key).map(|position| &self.profiles[position])
    }

    /// The profile of exactly that name.
    #[must_use]
    pub fn named(&self, name: &str) -> Option<&Profile> {
        self.profiles.iter().find(|profile| profile.name == name)
    }

    /// A multiset of profiles by their names.
    ///
    /// # Errors
    /// The first name that the board does not offer.
    ///
    /// ```
    /// use gpu_core::plan::{Geometry, Profile, ProfileKey};
    /// let half = Profile::new(ProfileKey(7), "half").at([0, 1], 1);
    /// let board = Geometry::builder("toy", 2).profile(half).build()?;
    /// assert_eq!(board.wanted(["half", "half"])?.count(ProfileKey(7)), 2);
    /// assert_eq!(board.wanted(["third"]).unwrap_err().to_string(), "toy has no profile third: it has half");
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn wanted<'a>(&self, names: impl IntoIterator<Item = &'a str>) -> Result<Wanted, UnknownProfile> {
        let mut wanted = Wanted::default();
        for name in names {
            let profile = self.named(name).ok_or_else(|| UnknownProfile::of(self, name))?;
            wanted.add(profile.key, 1);
        }
        Ok(wanted)
    }

    pub(super) fn position(&self, key: ProfileKey) -> Option<usize> {
        self.profiles.iter().position(|profile| profile.key == key)
    }

    pub(super) fn names(&self) -> String {
        self.profiles.iter().map(Profile::name).collect::<Vec<_>>().join(", ")
    }
}

/// Builds a [`Geometry`] and checks it.
///
/// ```
/// use gpu_core::plan::{Geometry, Profile, ProfileKey};
/// let builder = Geometry::builder("toy", 4).dimension("decoders", 2);
/// let builder = builder.profile(Profile::new(ProfileKey(1), "1g").at(0..4, 1).most(4).needs("decoders", 1));
/// assert_eq!(builder.build()?.profiles()[0].need("decoders"), 1);
/// # Ok::<(), gpu_core::plan::GeometryError>(())
/// ```
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct GeometryBuilder {
    kind: String,
    slots: u32,
    dimensions: Vec<Dimension>,
    profiles: Vec<Profile>,
}

impl GeometryBuilder {
    /// Adds a dimension and how much of it the board has.
    #[must_use]
    pub fn dimension(mut self, name: impl Into<String>, capacity: u64) -> Self {
        self.dimensions.push(Dimension { name: name.into(), capacity });
        self
    }

    /// Adds a profile.
    #[must_use]
    pub fn profile(mut self, profile: Profile) -> Self {
        self.profiles.push(profile);
        self
    }

    /// The geometry.
    ///
    /// # Errors
    /// When two profiles share key or name, two dimensions a name, a place lies outside the
    /// board, a profile has no place or needs a dimension that is not there, or there is more of
    /// something than can be planned: [`Geometry::MOST_SLOTS`], [`Geometry::MOST_PROFILES`],
    /// [`Geometry::MOST_UNPLACED`].
    ///
    /// ```
    /// use gpu_core::plan::{Geometry, Profile, ProfileKey};
    /// let three = Profile::new(ProfileKey(0), "3g").at([6], 4);
    /// let outside = Geometry::builder("toy", 8).profile(three).build();
    /// assert_eq!(outside.unwrap_err().to_string(), "toy: 3g at 6:4 lies outside the 8 slots of the board");
    /// ```
    pub fn build(self) -> Result<Geometry, GeometryError> {
        let Self { kind, slots, dimensions, profiles } = self;
        let refuse = |what: String| Err(GeometryError { kind: kind.clone(), what });
        if slots > Geometry::MOST_SLOTS || profiles.len() > Geometry::MOST_PROFILES {
            return refuse(format!(
                "{slots} slots and {} profiles are more than can be planned",
                profiles.len()
            ));
        }
        let mut columns = BTreeMap::new();
        for (column, dimension) in dimensions.iter().enumerate() {
            if columns.insert(dimension.name.clone(), column).is_some() {
                return refuse(format!("dimension {} is there twice", dimension.name));
            }
        }
        for (position, profile) in profiles.iter().enumerate() {
            if let Err(what) = check(profile, &profiles[..position], slots, &columns) {
                return refuse(what);
            }
        }
        let shapes: Vec<Shape> = profiles.iter().map(|profile| shape(profile, &columns)).collect();
        let mut order: Vec<usize> = (0..profiles.len()).collect();
        // Stable: profiles that are as large keep the order of the geometry.
        order.sort_by_key(|position| {
            let shape = &shapes[*position];
            std::cmp::Reverse((shape.size, shape.needs.first().copied().unwrap_or(0)))
        });
        Ok(Geometry { kind, slots, dimensions, profiles, shapes, order })
    }
}

fn check(
    profile: &Profile,
    before: &[Profile],
    slots: u32,
    columns: &BTreeMap<String, usize>,
) -> Result<(), String> {
    let name = &profile.name;
    if let Some(other) = before.iter().find(|other| other.key == profile.key || other.name == *name) {
        return Err(format!("{name} and {} share name or key", other.name));
    }
    if profile.starts.is_empty() {
        return Err(format!("{name} has no place"));
    }
    if profile.size == 0 && profile.most > Geometry::MOST_UNPLACED {
        return Err(format!("{} of {name} are more than can be planned", profile.most));
    }
    for place in profile.places() {
        if place.start.checked_add(place.size).is_none_or(|end| end > slots) {
            return Err(format!("{name} at {place} lies outside the {slots} slots of the board"));
        }
    }
    match profile.needs.iter().find(|(dimension, _)| !columns.contains_key(dimension)) {
        Some((dimension, _)) => Err(format!("{name} needs {dimension}, which is no dimension of the board")),
        None => Ok(()),
    }
}

fn shape(profile: &Profile, columns: &BTreeMap<String, usize>) -> Shape {
    let mut needs = vec![0; columns.len()];
    for (dimension, amount) in &profile.needs {
        needs[columns[dimension]] = *amount;
    }
    let places = profile.places().map(|place| (place.start, slots_of(place))).collect();
    Shape { places, needs, size: profile.size, most: u64::from(profile.most) }
}

/// The slots of a place that lies within [`Geometry::MOST_SLOTS`].
pub(super) fn slots_of(place: Placement) -> Slots {
    let ones = (1_u32 << place.size) - 1;
    #[allow(clippy::cast_possible_truncation)] // the end is at most 16
    let bits = (ones << place.start) as Slots;
    bits
}

/// A geometry that cannot be: of which board, and what is wrong.
///
/// ```
/// use gpu_core::plan::Geometry;
/// let twice = Geometry::builder("toy", 4).dimension("decoders", 2).dimension("decoders", 4).build();
/// assert_eq!(twice.unwrap_err().to_string(), "toy: dimension decoders is there twice");
/// ```
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct GeometryError {
    kind: String,
    what: String,
}

impl fmt::Display for GeometryError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.kind, self.what)
    }
}

impl std::error::Error for GeometryError {}

#[cfg(test)]
mod tests {
    use super::*;

    fn refused(builder: GeometryBuilder, part: &str) {
        let text = builder.build().unwrap_err().to_string();
        assert!(text.contains(part), "{text}");
    }

    #[test]
    fn geometries_that_cannot_be_are_refused() {
        let one = || Profile::new(ProfileKey(1), "a").at([0], 1);
        refused(Geometry::builder("t", 17), "17 slots");
        refused(Geometry::builder("t", 4).profile(one()).profile(one()), "share name or key");
        refused(Geometry::builder("t", 4).profile(one().at([], 1)), "no place");
        refused(Geometry::builder("t", 0).profile(one().at([0], 0).most(257)), "257 of a");
        refused(Geometry::builder("t", 4).profile(one().at([u32::MAX], 2)), "outside");
        refused(Geometry::builder("t", 4).profile(one().at([4], 1)), "outside");
        refused(Geometry::builder("t", 4).profile(one().needs("decoders", 1)), "no dimension");
        refused(Geometry::builder("t", 4).dimension("d", 1).dimension("d", 2), "twice");
    }

    #[test]
    fn slots_are_bits() {
        assert_eq!(slots_of(Placement { start: 0, size: 16 }), u16::MAX);
        assert_eq!(slots_of(Placement { start: 4, size: 4 }), 0xf0);
        assert_eq!(slots_of(Placement { start: 16, size: 0 }), 0);
    }
}
