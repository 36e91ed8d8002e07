//! [`Plan`]: what stays, what goes, what is made where.

use crate::fingerprint::Fingerprint;
use crate::partition::Placement;

use super::geometry::{Geometry, ProfileKey, Slots};
use super::infeasible::{Binding, Freeing, Infeasible, PlanError};
use super::layout::{Layout, LayoutError, Live, Placed, placed};
use super::request::{Goal, Request, UnknownProfile, Wanted};
use super::search::{Openness, Placing, Search, groups};

/// An instance to be made: all that a driver needs to be told.
///
/// ```
/// use gpu_core::{Placement, plan::{New, ProfileKey}};
/// let place = Placement { start: 4, size: 4 };
/// let new = New { profile: ProfileKey(2), name: "3g.40gb".to_owned(), placement: place };
/// assert_eq!(format!("{} at {}", new.name, new.placement), "3g.40gb at 4:4");
/// ```
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
pub struct New {
    /// What to make.
    pub profile: ProfileKey,
    /// The profile's name, for people.
    pub name: String,
    /// Where to make it.
    pub placement: Placement,
}

/// How to bring a board from one layout to another: destroy first, in order; then create, in
/// order.
///
/// ```
/// use gpu_core::{Fingerprint, Placement};
/// use gpu_core::plan::{Geometry, Layout, Live, Profile, ProfileKey, Request};
/// let board = Geometry::builder("toy", 4)
///     .profile(Profile::new(ProfileKey(1), "1g").at(0..4, 1).most(4))
///     .profile(Profile::new(ProfileKey(2), "2g").at([0, 2], 2).most(2))
///     .build()?;
/// let live = |start| Live::new(ProfileKey(1), Placement { start, size: 1 }, 7 + start);
/// let spread = Layout::new(Fingerprint(1), vec![live(1), live(2)]);
/// let plan = board.plan(&spread, &Request::add(board.wanted(["2g"])?).moving())?;
/// assert_eq!((&plan.keep[..], &plan.destroy[..]), (&[live(1)][..], &[live(2)][..]));
/// let made: Vec<String> = plan.create.iter().map(|new| format!("{}@{}", new.name, new.placement)).collect();
/// assert_eq!(made, ["2g@2:2", "1g@0:1"]);
/// assert_eq!(plan.fingerprint, Fingerprint(1));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
pub struct Plan {
    /// The state of the board that it was made on. On another state it is void.
    pub fingerprint: Fingerprint,
    /// Instances that are not touched, by place.
    pub keep: Vec<Live>,
    /// Instances to destroy, by place.
    pub destroy: Vec<Live>,
    /// Instances to make, the largest first.
    pub create: Vec<New>,
}

impl Plan {
    /// True where there is nothing to do.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.destroy.is_empty() && self.create.is_empty()
    }

    /// What the board holds when the plan is done.
    pub fn result(&self) -> impl Iterator<Item = (ProfileKey, Placement)> + '_ {
        let kept = self.keep.iter().map(|live| (live.profile, live.placement));
        kept.chain(self.create.iter().map(|new| (new.profile, new.placement)))
    }
}

impl Geometry {
    /// The best way to fulfil a request on a board that is cut like this (see
    /// [the module](super#what-is-best) for what is best).
    ///
    /// # Errors
    /// When it cannot be fulfilled, names a profile that the board does not offer, or the layout
    /// is none that the board can have.
    ///
    /// ```
    /// use gpu_core::plan::{Geometry, Layout, Profile, ProfileKey, Request};
    /// let half = Profile::new(ProfileKey(2), "2g").at([0, 2], 2).most(2);
    /// let board = Geometry::builder("toy", 4).profile(half).build()?;
    /// let wanted = board.wanted(["2g", "2g"])?;
    /// assert_eq!(board.plan(&Layout::default(), &Request::exactly(wanted))?.create.len(), 2);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn plan(&self, layout: &Layout, request: &Request) -> Result<Plan, PlanError> {
        let task = Task::of(self, layout, request)?;
        match task.best(request.may_move()) {
            Some(way) => Ok(task.plan(layout.fingerprint, &way)),
            None => Err(task.infeasible(request.may_move()).into()),
        }
    }
}

/// A request on a board. Counts are by position of the profile in the geometry.
pub(super) struct Task<'a> {
    pub geometry: &'a Geometry,
    pub live: Vec<Placed>,
    target: Vec<u64>,
    goal: Goal,
    pub limits: Limits,
}

/// What a board can hold at most. What is live proves that the board holds it, whatever the
/// geometry says: a driver's answer beats a table's.
pub(super) struct Limits {
    most: Vec<u64>,
    capacity: Vec<u64>,
}

impl Limits {
    pub fn of(geometry: &Geometry, live: &[Placed]) -> Self {
        let there = count(geometry, live.iter());
        let most = geometry.shapes.iter().zip(&there).map(|(shape, there)| shape.most.max(*there));
        let capacity = geometry.dimensions().iter().enumerate();
        let capacity =
            capacity.map(|(column, dimension)| dimension.capacity.max(used(geometry, &there, column)));
        Self { most: most.collect(), capacity: capacity.collect() }
    }

    /// Amounts that these instances exceed, wherever they sit.
    pub fn exceeded(&self, geometry: &Geometry, counts: &[u64]) -> Vec<Binding> {
        let mut short = Vec::new();
        for ((profile, wanted), most) in geometry.profiles().iter().zip(counts).zip(&self.most) {
            if wanted > most {
                let profile = profile.name().to_owned();
                short.push(Binding::Maximum { profile, wanted: *wanted, most: *most });
            }
        }
        for (column, (dimension, capacity)) in geometry.dimensions().iter().zip(&self.capacity).enumerate() {
            let needed = used(geometry, counts, column);
            if needed > *capacity {
                let dimension = dimension.name.clone();
                short.push(Binding::Dimension { dimension, needed, capacity: *capacity });
            }
        }
        let needed = slots(geometry, counts);
        let capacity = u64::from(geometry.slots());
        if needed > capacity {
            short.push(Binding::Slots { needed, capacity });
        }
        short
    }

    /// True when no amount is exceeded.
    pub fn allow(&self, geometry: &Geometry, counts: &[u64]) -> bool {
        counts.iter().zip(&self.most).all(|(count, most)| count <= most)
            && (0..self.capacity.len()).all(|column| used(geometry, counts, column) <= self.capacity[column])
            && slots(geometry, counts) <= u64::from(geometry.slots())
    }

    /// By profile: how many more there may be beside `counts`, by amounts and maxima.
    pub fn left(&self, geometry: &Geometry, counts: &[u64]) -> Vec<u64> {
        let capacity = self.capacity.iter().enumerate();
        let free: Vec<u64> = capacity
            .map(|(column, capacity)| capacity.saturating_sub(used(geometry, counts, column)))
            .collect();
        let shapes = geometry.shapes.iter().enumerate();
        shapes
            .map(|(profile, shape)| {
                let by_amount =
                    shape.needs.iter().zip(&free).filter_map(|(need, free)| free.checked_div(*need));
                by_amount.min().unwrap_or(u64::MAX).min(self.most[profile].saturating_sub(counts[profile]))
            })
            .collect()
    }
}

fn used(geometry: &Geometry, counts: &[u64], column: usize) -> u64 {
    let amounts =
        geometry.shapes.iter().zip(counts).map(|(shape, count)| shape.needs[column].saturating_mul(*count));
    amounts.fold(0, u64::saturating_add)
}

fn slots(geometry: &Geometry, counts: &[u64]) -> u64 {
    let amounts =
        geometry.shapes.iter().zip(counts).map(|(shape, count)| u64::from(shape.size).saturating_mul(*count));
    amounts.fold(0, u64::saturating_add)
}

pub(super) fn count<'a>(geometry: &Geometry, live: impl Iterator<Item = &'a Placed>) -> Vec<u64> {
    let mut counts = vec![0; geometry.profiles().len()];
    live.for_each(|one| counts[one.profile] += 1);
    counts
}

pub(super) fn by_position(geometry: &Geometry, wanted: &Wanted) -> Result<Vec<u64>, UnknownProfile> {
    let mut counts = vec![0; geometry.profiles().len()];
    for (key, count) in wanted.iter() {
        let position = geometry.position(key).ok_or_else(|| UnknownProfile::of(geometry, key))?;
        counts[position] = u64::from(count);
    }
    Ok(counts)
}

/// One way to fulfil a request: which live instances go, and what is made.
pub(super) struct Way {
    pub dropped: Vec<bool>,
    pub made: Placing,
}

impl<'a> Task<'a> {
    pub fn of(geometry: &'a Geometry, layout: &Layout, request: &Request) -> Result<Self, PlanError> {
        let live = placed(geometry, layout)?;
        let mut target = by_position(geometry, request.wanted())?;
        if request.goal() == Goal::Add {
            let there = count(geometry, live.iter());
            target.iter_mut().zip(there).for_each(|(target, there)| *target += there);
        }
        let limits = Limits::of(geometry, &live);
        Ok(Self { geometry, live, target, goal: request.goal(), limits })
    }

    /// The best way, if there is any.
    pub fn best(&self, moving: bool) -> Option<Way> {
        if !self.limits.allow(self.geometry, &self.target) || self.unwanted_pinned().next().is_some() {
            return None;
        }
        let there = count(self.geometry, self.live.iter());
        let stay: u64 = there.iter().zip(&self.target).map(|(there, target)| there.min(target)).sum();
        let fewest = self.live.len() - usize::try_from(stay).unwrap_or(usize::MAX).min(self.live.len());
        let pinned = self.live.iter().filter(|one| one.live.pinned).count();
        let most = if moving { self.live.len() - pinned } else { fewest };
        if moving && !self.possible(&|one| one.live.pinned) {
            return None;
        }
        let mut openness = Openness::new(self.geometry, self.limits.left(self.geometry, &self.target));
        (fewest..=most).find_map(|dropped| self.dropping(dropped, &mut openness))
    }

    /// The best of the ways that destroy exactly so many.
    fn dropping(&self, dropped: usize, openness: &mut Openness) -> Option<Way> {
        let mut best: Option<(u64, Way)> = None;
        let unpinned = |one: &Placed| !one.live.pinned;
        choose(&self.live, &unpinned, dropped, &mut |gone| {
            let kept = || self.live.iter().zip(gone).filter(|(_, gone)| !**gone).map(|(one, _)| one);
            if let Some((score, made)) = self.around(kept, Some(openness)) {
                if best.as_ref().is_none_or(|(best, _)| score > *best) {
                    best = Some((score, Way { dropped: gone.to_vec(), made }));
                }
            }
            false
        });
        best.map(|(_, way)| way)
    }

    /// The best places for what the target has beyond these instances, which stay.
    fn around<'b, I: Iterator<Item = &'b Placed>>(
        &self,
        kept: impl Fn() -> I,
        openness: Option<&mut Openness>,
    ) -> Option<(u64, Placing)> {
        let there = count(self.geometry, kept());
        let missing: Option<Vec<u64>> =
            self.target.iter().zip(&there).map(|(target, there)| target.checked_sub(*there)).collect();
        let groups = groups(self.geometry, &missing?);
        Search::new(self.geometry, &groups, openness).run(taken(kept())).ok()
    }

    /// True when the target can be placed around the instances that `stays` names.
    fn possible(&self, stays: &dyn Fn(&Placed) -> bool) -> bool {
        self.around(|| self.live.iter().filter(|one| stays(one)), None).is_some()
    }

    /// Pinned instances beyond what the target has of their profile.
    fn unwanted_pinned(&self) -> impl Iterator<Item = &Placed> {
        let mut left = self.target.clone();
        self.live.iter().filter(move |one| {
            let left = &mut left[one.profile];
            let unwanted = one.live.pinned && *left == 0;
            if one.live.pinned {
                *left = left.saturating_sub(1);
            }
            unwanted
        })
    }

    fn plan(&self, fingerprint: Fingerprint, way: &Way) -> Plan {
        let pick = |gone: bool| {
            let chosen = self.live.iter().zip(&way.dropped).filter(move |(_, dropped)| **dropped == gone);
            chosen.map(|(one, _)| one.live).collect()
        };
        let create = way.made.iter().map(|(profile, start)| {
            let profile = &self.geometry.profiles()[*profile];
            let placement = Placement { start: *start, size: profile.size() };
            New { profile: profile.key(), name: profile.name().to_owned(), placement }
        });
        Plan { fingerprint, keep: pick(false), destroy: pick(true), create: create.collect() }
    }

    fn infeasible(&self, moving: bool) -> Infeasible {
        let mut binding = self.limits.exceeded(self.geometry, &self.target);
        binding.extend(self.unwanted_pinned().map(|one| Binding::Pinned { live: one.live }));
        if binding.is_empty() {
            binding.push(self.homeless(moving));
        }
        Infeasible { binding, to_free: self.to_free(moving) }
    }

    /// The first profile that finds no place beside what stays.
    fn homeless(&self, moving: bool) -> Binding {
        let mut left = self.target.clone();
        let mut live: Vec<&Placed> = self.live.iter().filter(|one| one.live.pinned || !moving).collect();
        live.sort_by_key(|one| !one.live.pinned);
        // Of each profile, as many stay as are wanted.
        live.retain(|one| {
            let wanted = left[one.profile] > 0;
            left[one.profile] -= u64::from(wanted);
            wanted
        });
        let taken = taken(live.into_iter());
        let groups = groups(self.geometry, &left);
        let at = Search::new(self.geometry, &groups, None).run(taken).err().unwrap_or(0);
        let profile = groups.get(at).map_or("", |group| self.geometry.profiles()[group.profile].name());
        let free = (0..self.geometry.slots()).filter(|slot| taken >> slot & 1 == 0).collect();
        Binding::Place { profile: profile.to_owned(), free }
    }

    fn to_free(&self, moving: bool) -> Freeing {
        if !moving {
            if let Some(way) = self.best(true) {
                return Freeing::Move(self.chosen(&way.dropped));
            }
        }
        match self.goal {
            Goal::Add => self.to_destroy(moving),
            Goal::Exactly => self.to_unpin(),
        }
    }

    /// The fewest instances without which the rest and what is wanted fit.
    fn to_destroy(&self, moving: bool) -> Freeing {
        let unpinned: &dyn Fn(&Placed) -> bool = &|one| !one.live.pinned;
        let any: &dyn Fn(&Placed) -> bool = &|_| true;
        let mut found = None;
        for may_go in [unpinned, any] {
            for size in 1..=self.live.len() {
                let over = choose(&self.live, may_go, size, &mut |gone| {
                    let fits = self.fits_without(gone, moving);
                    if fits {
                        found = Some(self.chosen(gone));
                    }
                    fits
                });
                if over {
                    return found.map_or(Freeing::Impossible, Freeing::Destroy);
                }
            }
        }
        Freeing::Impossible
    }

    fn fits_without(&self, gone: &[bool], moving: bool) -> bool {
        let mut target = self.target.clone();
        let live = || self.live.iter().zip(gone);
        live().filter(|(_, gone)| **gone).for_each(|(one, _)| target[one.profile] -= 1);
        if !self.limits.allow(self.geometry, &target) {
            return false;
        }
        let stays = live().filter(|(one, gone)| !**gone && (!moving || one.live.pinned)).map(|(one, _)| one);
        let there = count(self.geometry, stays.clone());
        target.iter_mut().zip(there).for_each(|(target, there)| *target -= there);
        Search::new(self.geometry, &groups(self.geometry, &target), None).run(taken(stays)).is_ok()
    }

    /// The fewest pins without which the target can be had, moving what is not pinned.
    fn to_unpin(&self) -> Freeing {
        if !self.limits.allow(self.geometry, &self.target) {
            return Freeing::Impossible;
        }
        let mut found = Freeing::Impossible;
        for size in 1..=self.live.len() {
            let over = choose(&self.live, &|one| one.live.pinned, size, &mut |free| {
                let kept = || {
                    let both = self.live.iter().zip(free);
                    both.filter(|(one, free)| one.live.pinned && !**free).map(|(one, _)| one)
                };
                let fits = self.around(kept, None).is_some();
                if fits {
                    found = Freeing::Unpin(self.chosen(free));
                }
                fits
            });
            if over {
                break;
            }
        }
        found
    }

    fn chosen(&self, which: &[bool]) -> Vec<Live> {
        self.live.iter().zip(which).filter(|(_, chosen)| **chosen).map(|(one, _)| one.live).collect()
    }
}

pub(super) fn taken<'a>(live: impl Iterator<Item = &'a Placed>) -> Slots {
    live.fold(0, |slots, one| slots | one.slots)
}

/// Calls `visit` with every choice of `size` instances among those that `may` be chosen, those at
/// the highest slots first, until it says that it has enough. Of instances that take no slot and
/// are alike, the last are chosen.
fn choose(
    live: &[Placed],
    may: &dyn Fn(&Placed) -> bool,
    size: usize,
    visit: &mut dyn FnMut(&[bool]) -> bool,
) -> bool {
    let mut chosen = vec![false; live.len()];
    step(live, may, live.len(), size, &mut chosen, visit)
}

fn step(
    live: &[Placed],
    may: &dyn Fn(&Placed) -> bool,
    before: usize,
    size: usize,
    chosen: &mut [bool],
    visit: &mut dyn FnMut(&[bool]) -> bool,
) -> bool {
    if size == 0 {
        return visit(chosen);
    }
    if size > before {
        return false;
    }
    let at = before - 1;
    let one = &live[at];
    let later = || live[before..].iter().zip(&chosen[before..]);
    let alike = one.slots == 0 && later().any(|(other, chosen)| one.like(other) && !chosen);
    if may(one) && !alike {
        chosen[at] = true;
        if step(live, may, at, size - 1, chosen, visit) {
            return true;
        }
        chosen[at] = false;
    }
    step(live, may, at, size, chosen, visit)
}

/// Checks a layout without planning anything.
pub(super) fn checked(geometry: &Geometry, layout: &Layout) -> Result<(Vec<Placed>, Limits), LayoutError> {
    let live = placed(geometry, layout)?;
    let limits = Limits::of(geometry, &live);
    Ok((live, limits))
}
