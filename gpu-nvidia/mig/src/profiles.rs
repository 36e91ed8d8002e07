//! [`Profiles`]: what one board offers, from its driver or from a table.

use std::fmt;

use gpu_core::plan::{self, Geometry, GeometryError, ProfileKey, Wanted};
use gpu_core::{Absence, Count, Engines, Known, ParseError};

use crate::board::Board;
use crate::id::ProfileIndex;
use crate::name::ProfileName;
use crate::profile::Profile;

/// The GPU instance profiles of a board.
///
/// ```
/// use gpu_nvidia_mig::{Profile, ProfileIndex, Profiles};
/// // As a driver told them.
/// let mut whole = Profile::new("7g.80gb".parse()?, ProfileIndex::SLICE_7, 1, "a driver");
/// whole.places = vec![gpu_core::Placement { start: 0, size: 8 }].into();
/// let profiles = Profiles::new("h100-80", vec![whole]);
/// assert_eq!(profiles.geometry()?.slots(), 8);
/// assert_eq!(profiles.board(), "h100-80");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Profiles {
    board: String,
    list: Vec<Profile>,
}

impl Profiles {
    /// What a board of this kind offers.
    #[must_use]
    pub fn new(board: impl Into<String>, list: Vec<Profile>) -> Self {
        Self { board: board.into(), list }
    }

    /// Which kind of board it is.
    #[must_use]
    pub fn board(&self) -> &str {
        &self.board
    }

    /// Every profile, in the order of the source.
    pub fn iter(&self) -> impl Iterator<Item = &Profile> {
        self.list.iter()
    }

    /// The profile of that index.
    #[must_use]
    pub fn with_index(&self, index: ProfileIndex) -> Option<&Profile> {
        self.list.iter().find(|profile| profile.index == index)
    }

    /// The profile of that name, or else of that alias.
    ///
    /// # Errors
    /// When the board has none; the error says what it has, and which boards have that name.
    ///
    /// ```
    /// use gpu_nvidia_mig::Board;
    /// let refused = Board::named("h100-80")?.profiles().find(&"1g.5gb".parse()?).unwrap_err().to_string();
    /// assert!(refused.starts_with("h100-80 has no profile 1g.5gb: it has 1g.10gb,"), "{refused}");
    /// assert!(refused.ends_with("; it is a profile of a100-40"), "{refused}");
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn find(&self, name: &ProfileName) -> Result<&Profile, UnknownProfile> {
        let exact = self.list.iter().find(|profile| profile.name == *name);
        let found = exact.or_else(|| self.list.iter().find(|profile| profile.is_called(name)));
        found.ok_or_else(|| UnknownProfile::of(self, &name.to_string(), None))
    }

    /// A multiset of profiles by names and aliases.
    ///
    /// # Errors
    /// The first text that is no name, or no name of this board's.
    pub fn wanted<'a>(&self, names: impl IntoIterator<Item = &'a str>) -> Result<Wanted, UnknownProfile> {
        let mut wanted = Wanted::default();
        for text in names {
            let name = text.parse().map_err(|error| UnknownProfile::of(self, text, Some(error)))?;
            wanted.add(self.find(&name)?.index.into(), 1);
        }
        Ok(wanted)
    }

    /// The geometry to plan with. Slots are memory slices. Dimensions are compute slices and
    /// engines; of each there are as many as the greediest profile has of it at its maximum
    /// (`4g` once, or `1g` four times): no board holds less than that.
    ///
    /// Where a source does not count the engines of every profile, they are concluded from the
    /// names: an instance has a media engine for each of its slices, `+me.all` has all, `-me` has
    /// none, and `+me` and `+me.all` take the one set of media extensions.
    ///
    /// # Errors
    /// When it is not known where a profile may sit, or the answers contradict each other.
    ///
    /// ```
    /// use gpu_nvidia_mig::Board;
    /// let board = Board::named("rtx-pro-6000")?.geometry()?;
    /// let dimensions: Vec<String> =
    ///     board.dimensions().iter().map(|one| format!("{} {}", one.capacity, one.name)).collect();
    /// assert_eq!(
    ///     dimensions,
    ///     [
    ///         "4 compute slices",
    ///         "4 copy engines",
    ///         "4 decoders",
    ///         "4 encoders",
    ///         "4 JPEG engines",
    ///         "1 optical flow engines"
    ///     ]
    /// );
    /// let thor = Board::named("thor")?.geometry().unwrap_err();
    /// assert_eq!(thor.to_string(), "thor: no public source tells where 1g.0gb may sit");
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn geometry(&self) -> Result<Geometry, NoGeometry> {
        let mut slots = 0;
        for profile in &self.list {
            let places = profile.places.get().map_err(|absence| self.no_place(profile, absence))?;
            let ends = places.iter().map(|place| place.start.saturating_add(place.size));
            slots = slots.max(ends.max().unwrap_or(0));
        }
        let dimensions = self.dimensions();
        let mut builder = Geometry::builder(&self.board, slots);
        for dimension in &dimensions {
            builder = builder.dimension(dimension.name, dimension.capacity(&self.list));
        }
        for (position, profile) in self.list.iter().enumerate() {
            builder = builder.profile(planned(profile, position, &dimensions));
        }
        builder.build().map_err(|error| NoGeometry(Gap::Geometry(error)))
    }

    fn no_place(&self, profile: &Profile, absence: Absence) -> NoGeometry {
        NoGeometry(Gap::Place { board: self.board.clone(), profile: profile.name.to_string(), absence })
    }

    fn dimensions(&self) -> Vec<Column> {
        let slices = self.list.iter().map(|profile| u64::from(profile.slices)).collect();
        let mut columns = vec![Column { name: "compute slices", amounts: slices }];
        for (name, pick) in ENGINES {
            let amounts = self.list.iter().map(|profile| pick(&profile.engines).value().map(|count| count.0));
            columns.extend(amounts.collect::<Option<Vec<u64>>>().map(|amounts| Column { name, amounts }));
        }
        if columns.len() == 1 {
            columns.extend(self.media_by_name());
        }
        columns.retain(|column| column.amounts.iter().any(|amount| *amount > 0));
        columns
    }

    fn media_by_name(&self) -> [Column; 2] {
        let all = self.list.iter().map(|profile| profile.slices).max().unwrap_or(0);
        let engines = self.list.iter().map(|profile| match &profile.name {
            name if name.has("me.all") => u64::from(all),
            name if name.lacks("me") => 0,
            _ => u64::from(profile.slices),
        });
        let extensions = self.list.iter().map(|profile| &profile.name);
        let extensions = extensions.map(|name| u64::from(name.has("me") || name.has("me.all")));
        [
            Column { name: "media engines", amounts: engines.collect() },
            Column { name: "media extensions", amounts: extensions.collect() },
        ]
    }
}

type Pick = fn(&Engines) -> &Known<Count>;

const ENGINES: [(&str, Pick); 5] = [
    ("copy engines", |engines| &engines.copy),
    ("decoders", |engines| &engines.decoder),
    ("encoders", |engines| &engines.encoder),
    ("JPEG engines", |engines| &engines.jpeg),
    ("optical flow engines", |engines| &engines.optical_flow),
];

/// A dimension and how much of it each profile uses up.
struct Column {
    name: &'static str,
    amounts: Vec<u64>,
}

impl Column {
    fn capacity(&self, list: &[Profile]) -> u64 {
        // Compute slices are not counted by maxima: the whole board is one profile.
        if self.name == "compute slices" {
            return self.amounts.iter().copied().max().unwrap_or(0);
        }
        let most =
            self.amounts.iter().zip(list).map(|(amount, of)| amount.saturating_mul(u64::from(of.most)));
        most.max().unwrap_or(0)
    }
}

fn planned(profile: &Profile, position: usize, dimensions: &[Column]) -> plan::Profile {
    let places = profile.places.value().map_or(&[][..], Vec::as_slice);
    let size = places.first().map_or(0, |place| place.size);
    let starts = places.iter().map(|place| place.start);
    let mut planned = plan::Profile::new(ProfileKey::from(profile.index), profile.name.to_string());
    planned = planned.at(starts, size).most(profile.most);
    for dimension in dimensions {
        planned = planned.needs(dimension.name, dimension.amounts[position]);
    }
    planned
}

/// A name that no profile of the board has.
///
/// ```
/// use gpu_nvidia_mig::Board;
/// let refused = Board::named("a30-24")?.profiles().wanted(["1g.6gb", "3g.40gb"]).unwrap_err();
/// assert_eq!(refused.elsewhere(), ["a100-80", "h100-80"]);
/// # Ok::<(), gpu_nvidia_mig::UnknownBoard>(())
/// ```
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct UnknownProfile(Box<Unknown>);

#[derive(Clone, PartialEq, Eq, Debug)]
struct Unknown {
    board: String,
    name: String,
    offered: Vec<String>,
    elsewhere: Vec<&'static str>,
    form: Option<ParseError>,
}

impl UnknownProfile {
    fn of(profiles: &Profiles, name: &str, form: Option<ParseError>) -> Self {
        let here = |board: &&Board| board.key() != profiles.board;
        let has = |board: &&Board| {
            name.parse().is_ok_and(|name| board.profiles().iter().any(|profile| profile.name == name))
        };
        Self(Box::new(Unknown {
            board: profiles.board.clone(),
            name: name.to_owned(),
            offered: profiles.iter().map(|profile| profile.name.to_string()).collect(),
            elsewhere: Board::all().iter().filter(here).filter(has).map(Board::key).collect(),
            form,
        }))
    }

    /// The boards that have a profile of that name.
    #[must_use]
    pub fn elsewhere(&self) -> &[&'static str] {
        &self.0.elsewhere
    }
}

impl fmt::Display for UnknownProfile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Unknown { board, name, offered, elsewhere, form } = &*self.0;
        if let Some(form) = form {
            return form.fmt(f);
        }
        write!(f, "{board} has no profile {name}: it has {}", offered.join(", "))?;
        if !elsewhere.is_empty() {
            write!(f, "; it is a profile of {}", elsewhere.join(", "))?;
        }
        Ok(())
    }
}

impl std::error::Error for UnknownProfile {}

/// Why there is no geometry to plan with.
///
/// ```
/// use gpu_nvidia_mig::Board;
/// assert!(Board::named("thor")?.geometry().is_err());
/// # Ok::<(), gpu_nvidia_mig::UnknownBoard>(())
/// ```
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct NoGeometry(Gap);

#[derive(Clone, PartialEq, Eq, Debug)]
enum Gap {
    Place { board: String, profile: String, absence: Absence },
    Geometry(GeometryError),
}

impl fmt::Display for NoGeometry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0 {
            Gap::Place { board, profile, absence: Absence::NotSupported { why } } => {
                write!(f, "{board}: {why} {profile} may sit")
            }
            Gap::Place { board, profile, absence } => write!(f, "{board}: places of {profile}: {absence}"),
            Gap::Geometry(error) => error.fmt(f),
        }
    }
}

impl std::error::Error for NoGeometry {}
