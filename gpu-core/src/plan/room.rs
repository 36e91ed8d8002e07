//! What else fits, what a layout wastes, and which layouts a board can hold.

use std::collections::BTreeSet;

use crate::partition::Placement;
use crate::quantity::Permille;

use super::geometry::{Geometry, ProfileKey, Slots};
use super::layout::{Layout, LayoutError, Placed};
use super::request::Wanted;
use super::search::{Openness, Search, groups, pack};
use super::solve::{Limits, checked, count, taken};

/// What the places of instances cost: slots that could still be used if the same instances sat
/// elsewhere.
///
/// ```
/// use gpu_core::plan::{Fragmentation, Geometry, Layout, Live, Profile, ProfileKey};
/// use gpu_core::{Fingerprint, Permille, Placement};
/// let board = Geometry::builder("toy", 4)
///     .profile(Profile::new(ProfileKey(1), "1g").at(0..4, 1).most(4))
///     .profile(Profile::new(ProfileKey(2), "2g").at([0, 2], 2).most(2))
///     .build()?;
/// let live = |start| Live::new(ProfileKey(1), Placement { start, size: 1 }, start);
/// let spread = Layout::new(Fingerprint(0), vec![live(0), live(2)]);
/// // Two more of 1g fit; of 2g none, and one if both sat side by side: 2 of 4 slots are lost.
/// assert_eq!(board.fragmentation(&spread)?, Fragmentation { lost: 2, of: 4 });
/// assert_eq!(board.fragmentation(&spread)?.permille(), Permille(500));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
pub struct Fragmentation {
    /// How much less room there is than with the best places.
    pub lost: u64,
    /// The room with the best places: for every profile the slots that as many further instances
    /// of it alone as fit would take, added up.
    pub of: u64,
}

impl Fragmentation {
    /// The part that is lost; nothing where there was no room to lose.
    #[must_use]
    pub const fn permille(self) -> Permille {
        match self.lost.saturating_mul(1000).checked_div(self.of) {
            Some(part) => Permille(part),
            None => Permille(0),
        }
    }
}

impl Geometry {
    /// How many further instances of each profile fit, each profile alone, without moving any.
    ///
    /// # Errors
    /// When the layout is none that the board can have.
    ///
    /// ```
    /// use gpu_core::plan::{Geometry, Layout, Profile, ProfileKey};
    /// let board = Geometry::builder("toy", 4)
    ///     .profile(Profile::new(ProfileKey(1), "1g").at(0..3, 1).most(4))
    ///     .profile(Profile::new(ProfileKey(2), "2g").at([0, 2], 2).most(2))
    ///     .build()?;
    /// assert_eq!(board.room(&Layout::default())?, [(ProfileKey(1), 3), (ProfileKey(2), 2)]);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn room(&self, layout: &Layout) -> Result<Vec<(ProfileKey, u64)>, LayoutError> {
        let (live, limits) = checked(self, layout)?;
        let left = limits.left(self, &count(self, live.iter()));
        let taken = taken(live.iter());
        let rooms = self.profiles().iter().zip(&self.shapes).zip(left).map(|((profile, shape), left)| {
            let places = if shape.size == 0 { left } else { pack(&shape.places, taken) };
            (profile.key(), places.min(left))
        });
        Ok(rooms.collect())
    }

    /// Every multiset of further instances that fits and to which nothing can be added, without
    /// moving any: the headroom of the board. Empty where nothing fits. The number of answers
    /// grows with the profiles: a few dozen on MIG boards.
    ///
    /// # Errors
    /// When the layout is none that the board can have.
    ///
    /// ```
    /// use gpu_core::plan::{Geometry, Layout, Profile, ProfileKey};
    /// let board = Geometry::builder("toy", 2)
    ///     .profile(Profile::new(ProfileKey(1), "half").at(0..2, 1).most(2))
    ///     .profile(Profile::new(ProfileKey(2), "whole").at([0], 2).most(1))
    ///     .build()?;
    /// let fits = board.headroom(&Layout::default())?;
    /// assert_eq!(fits, [board.wanted(["whole"])?, board.wanted(["half", "half"])?]);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn headroom(&self, layout: &Layout) -> Result<Vec<Wanted>, LayoutError> {
        let (live, limits) = checked(self, layout)?;
        let fitting = fitting(self, &live, &limits, &vec![u64::MAX; self.profiles().len()]);
        let fitting: BTreeSet<Vec<u64>> = fitting.into_iter().collect();
        let maximal = fitting.iter().rev().filter(|counts| {
            !counts.is_empty()
                && !(0..counts.len()).any(|profile| fitting.contains(&one_more(counts, profile)))
        });
        let wanted = maximal.filter(|counts| counts.iter().any(|count| *count > 0)).map(|counts| {
            let mut wanted = Wanted::default();
            for (profile, count) in self.profiles().iter().zip(counts) {
                wanted.add(profile.key(), u32::try_from(*count).unwrap_or(u32::MAX));
            }
            wanted
        });
        let mut wanted: Vec<Wanted> = wanted.collect();
        // The fewest and largest instances first.
        wanted.sort_by_key(Wanted::total);
        Ok(wanted)
    }

    /// What the places of the live instances cost, compared with the best places for the same
    /// instances.
    ///
    /// # Errors
    /// When the layout is none that the board can have.
    pub fn fragmentation(&self, layout: &Layout) -> Result<Fragmentation, LayoutError> {
        let (live, limits) = checked(self, layout)?;
        let there = count(self, live.iter());
        let mut openness = Openness::new(self, limits.left(self, &there));
        let now = openness.of(self, taken(live.iter()));
        let groups = groups(self, &there);
        // The layout itself is one of the ways, so that there is always one.
        let best = Search::new(self, &groups, Some(&mut openness)).run(0).map_or(now, |(best, _)| best);
        Ok(Fragmentation { lost: best.saturating_sub(now), of: best })
    }

    /// Every layout to which no instance can be added, as profiles and places in ascending order
    /// of slots. For profiles that take slots; a few hundred on MIG boards.
    ///
    /// ```
    /// use gpu_core::plan::{Geometry, Profile, ProfileKey};
    /// let board = Geometry::builder("toy", 2)
    ///     .profile(Profile::new(ProfileKey(1), "half").at(0..2, 1).most(2))
    ///     .profile(Profile::new(ProfileKey(2), "whole").at([0], 2).most(1))
    ///     .build()?;
    /// let layouts = board.layouts();
    /// let profiles = |layout: &Vec<_>| layout.iter().map(|(profile, _)| *profile).collect::<Vec<_>>();
    /// let held: Vec<Vec<ProfileKey>> = layouts.iter().map(profiles).collect();
    /// assert_eq!(held, [vec![ProfileKey(2)], vec![ProfileKey(1); 2]]);
    /// # Ok::<(), gpu_core::plan::GeometryError>(())
    /// ```
    #[must_use]
    pub fn layouts(&self) -> Vec<Vec<(ProfileKey, Placement)>> {
        let mut walk =
            Layouts { geometry: self, limits: Limits::of(self, &[]), chosen: Vec::new(), found: Vec::new() };
        walk.from(0, 0, &mut vec![0; self.profiles().len()]);
        walk.found
    }
}

/// Walks the board slot by slot: each slot begins an instance, or none.
struct Layouts<'a> {
    geometry: &'a Geometry,
    limits: Limits,
    chosen: Vec<(ProfileKey, Placement)>,
    found: Vec<Vec<(ProfileKey, Placement)>>,
}

impl Layouts<'_> {
    fn from(&mut self, slot: u32, taken: Slots, counts: &mut Vec<u64>) {
        if slot == self.geometry.slots() {
            if self.is_full(taken, counts) {
                self.found.push(self.chosen.clone());
            }
            return;
        }
        for &profile in &self.geometry.order {
            let shape = &self.geometry.shapes[profile];
            let Some((start, slots)) =
                shape.places.iter().find(|(start, slots)| *start == slot && *slots != 0)
            else {
                continue;
            };
            counts[profile] += 1;
            if taken & slots == 0 && self.limits.allow(self.geometry, counts) {
                let placement = Placement { start: *start, size: shape.size };
                self.chosen.push((self.geometry.profiles()[profile].key(), placement));
                self.from(slot + shape.size, taken | slots, counts);
                self.chosen.pop();
            }
            counts[profile] -= 1;
        }
        self.from(slot + 1, taken, counts);
    }

    fn is_full(&self, taken: Slots, counts: &[u64]) -> bool {
        let left = self.limits.left(self.geometry, counts);
        let shapes = self.geometry.shapes.iter().zip(left);
        !shapes.into_iter().any(|(shape, left)| left > 0 && pack(&shape.places, taken) > 0)
    }
}

/// Every multiset (by profile position) of at most `most` that fits beside the live instances,
/// the empty one included.
pub(super) fn fitting(geometry: &Geometry, live: &[Placed], limits: &Limits, most: &[u64]) -> Vec<Vec<u64>> {
    let there = count(geometry, live.iter());
    let mut walk = Fitting { geometry, limits, most, all: there.clone(), there, found: Vec::new() };
    walk.grow(&geometry.order, &[taken(live.iter())]);
    walk.found
}

/// Counts one profile after the other up, and carries along every set of slots that the instances
/// so far can take. Once there is none left, more of the profile does not fit either.
struct Fitting<'a> {
    geometry: &'a Geometry,
    limits: &'a Limits,
    most: &'a [u64],
    there: Vec<u64>,
    /// What is there, and what comes on top.
    all: Vec<u64>,
    found: Vec<Vec<u64>>,
}

impl Fitting<'_> {
    fn grow(&mut self, order: &[usize], ways: &[Slots]) {
        let Some((&profile, rest)) = order.split_first() else {
            self.found.push(self.all.iter().zip(&self.there).map(|(all, there)| all - there).collect());
            return;
        };
        let geometry = self.geometry;
        let shape = &geometry.shapes[profile];
        let least = self.all[profile];
        // Slots taken, and the first place that the next instance may have: places ascend.
        let mut now: Vec<(Slots, usize)> = ways.iter().map(|taken| (*taken, 0)).collect();
        while !now.is_empty() {
            let mut ways: Vec<Slots> = now.iter().map(|(taken, _)| *taken).collect();
            ways.sort_unstable();
            ways.dedup();
            self.grow(rest, &ways);
            self.all[profile] += 1;
            if self.all[profile] - least > self.most[profile] || !self.limits.allow(geometry, &self.all) {
                break;
            }
            if shape.size > 0 {
                now = one_placed(&shape.places, &now);
            }
        }
        self.all[profile] = least;
    }
}

/// Every way to place one more instance.
fn one_placed(places: &[(u32, Slots)], ways: &[(Slots, usize)]) -> Vec<(Slots, usize)> {
    let more = |(taken, from): &(Slots, usize)| {
        let (taken, later) = (*taken, places.iter().enumerate().skip(*from));
        let free = later.filter(move |(_, (_, slots))| taken & slots == 0);
        free.map(move |(position, (_, slots))| (taken | slots, position + 1))
    };
    let mut ways: Vec<(Slots, usize)> = ways.iter().flat_map(more).collect();
    ways.sort_unstable();
    ways.dedup();
    ways
}

fn one_more(counts: &[u64], profile: usize) -> Vec<u64> {
    let mut more = counts.to_vec();
    more[profile] += 1;
    more
}
