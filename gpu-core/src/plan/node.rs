//! [`NodePlan`]: several boards of different kinds at once.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::rc::Rc;

use super::geometry::{Geometry, Shape};
use super::infeasible::PlanError;
use super::layout::{Layout, LayoutError, placed};
use super::request::{Request, Wanted};
use super::room::fitting;
use super::solve::{Limits, Plan, Task};

/// One board of a node.
///
/// ```
/// use gpu_core::plan::{Geometry, Layout, NodeBoard};
/// let geometry = Geometry::builder("toy", 4).build()?;
/// let board = NodeBoard { geometry: &geometry, layout: &Layout::default() };
/// assert_eq!(board.geometry.kind(), "toy");
/// # Ok::<(), gpu_core::plan::GeometryError>(())
/// ```
#[derive(Clone, Copy, Debug)]
pub struct NodeBoard<'a> {
    /// What it can be cut into.
    pub geometry: &'a Geometry,
    /// How it is cut.
    pub layout: &'a Layout,
}

/// So many instances of a profile, wherever on the node, or on boards of one kind.
///
/// A name means different things on different boards (`1g.10gb` is one seventh of an H100 and a
/// double share of an A100-40): on a mixed node, say the kind.
///
/// ```
/// use gpu_core::plan::Demand;
/// assert_eq!(Demand::new("1g.10gb", 3).on("h100-80").to_string(), "3 of 1g.10gb on h100-80");
/// ```
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
pub struct Demand {
    /// The profile's name.
    pub profile: String,
    /// The kind of board; any board that offers the profile where there is none.
    pub kind: Option<String>,
    /// How many.
    pub count: u32,
}

impl Demand {
    /// So many of a profile, on any board that offers it.
    #[must_use]
    pub fn new(profile: impl Into<String>, count: u32) -> Self {
        Self { profile: profile.into(), kind: None, count }
    }

    /// The same, on boards of this kind alone.
    #[must_use]
    pub fn on(self, kind: impl Into<String>) -> Self {
        Self { kind: Some(kind.into()), ..self }
    }

    fn position(&self, geometry: &Geometry) -> Option<usize> {
        if self.kind.as_ref().is_some_and(|kind| kind != geometry.kind()) {
            return None;
        }
        geometry.profiles().iter().position(|profile| profile.name() == self.profile)
    }
}

impl fmt::Display for Demand {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} of {}", self.count, self.profile)?;
        match &self.kind {
            Some(kind) => write!(f, " on {kind}"),
            None => Ok(()),
        }
    }
}

/// A plan for each board of a node, in the order of the boards.
///
/// The verdict is complete: where it says that the node cannot hold the demands, no assignment
/// does. Of the assignments with the fewest destroyed instances the first is taken, by filling
/// the boards in their order; each board's part is then planned as [`Geometry::plan`] does.
///
/// ```
/// use gpu_core::plan::{Demand, Geometry, Layout, NodeBoard, NodePlan, Profile, ProfileKey};
/// let geometry = Geometry::builder("toy", 4)
///     .profile(Profile::new(ProfileKey(1), "1g").at(0..4, 1).most(4))
///     .profile(Profile::new(ProfileKey(3), "3g").at([0], 3).most(1))
///     .build()?;
/// let board = NodeBoard { geometry: &geometry, layout: &Layout::default() };
/// let node = NodePlan::of(&[board, board], &[Demand::new("3g", 2), Demand::new("1g", 2)], false)?;
/// assert_eq!(node.plans.iter().map(|plan| plan.create.len()).collect::<Vec<_>>(), [2, 2]);
///
/// let refused = NodePlan::of(&[board, board], &[Demand::new("3g", 3)], false).unwrap_err();
/// assert_eq!(refused.to_string(), "the node has room for 2 of 3g, and 3 are wanted");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
pub struct NodePlan {
    /// One for each board.
    pub plans: Vec<Plan>,
}

/// Why there is no plan for a node.
///
/// ```
/// use gpu_core::plan::{Demand, NodeError, NodePlan};
/// let refused = NodePlan::of(&[], &[Demand::new("1g.10gb", 1)], false);
/// assert_eq!(refused, Err(NodeError::NotOffered(Demand::new("1g.10gb", 1))));
/// ```
#[derive(Clone, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub enum NodeError {
    /// No board of the node (or of the kind that was named) offers the profile.
    NotOffered(Demand),
    /// A board's layout is none that it can have.
    Layout {
        /// Position of the board.
        board: usize,
        /// What is wrong with it.
        error: LayoutError,
    },
    /// One demand alone is more than the node has room for.
    TooMany {
        /// The demand.
        demand: Demand,
        /// How many there is room for, were it the only demand.
        room: u64,
    },
    /// There is room for each demand, and not for all together.
    Together,
    /// The search was given up after [`NodePlan::MOST_STEPS`] steps: it is not known whether there
    /// is a way.
    Undecided,
}

impl fmt::Display for NodeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotOffered(demand) => write!(f, "no board offers {}", demand.profile)
                .and_then(|()| demand.kind.as_ref().map_or(Ok(()), |kind| write!(f, " on {kind}"))),
            Self::Layout { board, error } => write!(f, "board {board}: {error}"),
            Self::TooMany { demand, room } => {
                write!(
                    f,
                    "the node has room for {room} of {}, and {} are wanted",
                    demand.profile, demand.count
                )
            }
            Self::Together => write!(f, "the node has room for each demand, and not for all together"),
            Self::Undecided => write!(f, "not decided within {} steps", NodePlan::MOST_STEPS),
        }
    }
}

impl std::error::Error for NodeError {}

impl NodePlan {
    /// Steps after which the search gives up and says so. A step gives one board its part. Nodes
    /// of eight boards take a few hundred.
    pub const MOST_STEPS: u32 = 200_000;

    /// Adds the demands to the boards. `moving` allows that instances that are not pinned are
    /// moved, each on its own board.
    ///
    /// # Errors
    /// When the node cannot hold them, no board offers one, a layout is none that its board can
    /// have, or the search was given up.
    pub fn of(boards: &[NodeBoard<'_>], demands: &[Demand], moving: bool) -> Result<Self, NodeError> {
        let demands = &merged(demands)[..];
        let offered = |demand: &&Demand| boards.iter().any(|board| demand.position(board.geometry).is_some());
        if let Some(demand) = demands.iter().find(|demand| !offered(demand)) {
            return Err(NodeError::NotOffered(demand.clone()));
        }
        let weights = weights(boards, demands);
        let parts = parts(boards, demands, &weights, moving)?;
        let wanted: Vec<u64> = demands.iter().map(|demand| u64::from(demand.count)).collect();
        enough(&parts, demands)?;
        let most: u32 = parts.iter().map(|part| part.options.iter().map(|o| o.cost).max().unwrap_or(0)).sum();
        for cost in 0..=most {
            let mut search = Search::new(&parts, &weights);
            if search.from(0, &wanted, cost) {
                return search.plan(boards, demands, moving);
            }
            if search.steps > Self::MOST_STEPS {
                return Err(NodeError::Undecided);
            }
        }
        Err(NodeError::Together)
    }
}

/// Demands of the same profile on the same kind, added up: the search splits among different ones
/// only.
fn merged(demands: &[Demand]) -> Vec<Demand> {
    let mut merged: Vec<Demand> = Vec::with_capacity(demands.len());
    for demand in demands {
        let same = |other: &&mut Demand| (&other.profile, &other.kind) == (&demand.profile, &demand.kind);
        match merged.iter_mut().find(same) {
            Some(other) => other.count = other.count.saturating_add(demand.count),
            None => merged.push(demand.clone()),
        }
    }
    merged
}

/// What one board can take on: how many of each demand, and how many instances that destroys.
struct Choice {
    counts: Vec<u64>,
    cost: u32,
    /// By demand: the choice that has one more of it.
    more: Vec<Option<usize>>,
}

struct Part {
    /// The largest first.
    options: Vec<Choice>,
    /// By weights: the most that the board can carry.
    heaviest: Vec<u64>,
}

fn parts(
    boards: &[NodeBoard<'_>],
    demands: &[Demand],
    weights: &[Vec<u64>],
    moving: bool,
) -> Result<Vec<Rc<Part>>, NodeError> {
    let mut parts: Vec<Rc<Part>> = Vec::with_capacity(boards.len());
    for (position, board) in boards.iter().enumerate() {
        let same = |other: &NodeBoard<'_>| {
            std::ptr::eq(other.geometry, board.geometry) && other.layout.live == board.layout.live
        };
        // Boards of one kind that are cut alike are worked out once.
        let part = match boards[..position].iter().position(same) {
            Some(before) => parts[before].clone(),
            None => {
                let part = Part::of(board, demands, weights, moving);
                part.map_err(|error| NodeError::Layout { board: position, error })?.into()
            }
        };
        parts.push(part);
    }
    Ok(parts)
}

impl Part {
    fn of(
        board: &NodeBoard<'_>,
        demands: &[Demand],
        weights: &[Vec<u64>],
        moving: bool,
    ) -> Result<Self, LayoutError> {
        let geometry = board.geometry;
        let live = placed(geometry, board.layout)?;
        let limits = Limits::of(geometry, &live);
        let positions: Vec<Option<usize>> = demands.iter().map(|demand| demand.position(geometry)).collect();
        let mut most = vec![0_u64; geometry.profiles().len()];
        for (demand, position) in demands.iter().zip(&positions) {
            if let Some(position) = position {
                most[*position] += u64::from(demand.count);
            }
        }
        let by_profile: Vec<(Vec<u64>, u32)> = if moving {
            let pinned: Vec<_> = live.iter().copied().filter(|one| one.live.pinned).collect();
            let fitting = fitting(geometry, &pinned, &limits, &most).into_iter();
            fitting.filter_map(|counts| cost(board, &counts).map(|cost| (counts, cost))).collect()
        } else {
            fitting(geometry, &live, &limits, &most).into_iter().map(|counts| (counts, 0)).collect()
        };
        let mut options = by_demand(&by_profile, demands, &positions);
        let slots = |counts: &[u64]| -> u64 {
            let sizes = counts.iter().zip(&positions);
            sizes.map(|(count, at)| count * at.map_or(0, |at| u64::from(geometry.shapes[at].size))).sum()
        };
        options.sort_by_cached_key(|(counts, _)| std::cmp::Reverse((slots(counts), counts.clone())));
        Ok(Self::among(options, weights))
    }

    fn among(options: Vec<(Vec<u64>, u32)>, weights: &[Vec<u64>]) -> Self {
        let places: BTreeMap<&[u64], usize> =
            (0..).zip(&options).map(|(at, (counts, _))| (&counts[..], at)).collect();
        let more = |(counts, _): &(Vec<u64>, u32)| {
            let mut counts = counts.clone();
            let mut found = Vec::with_capacity(counts.len());
            for demand in 0..counts.len() {
                counts[demand] += 1;
                found.push(places.get(&counts[..]).copied());
                counts[demand] -= 1;
            }
            found
        };
        let more: Vec<Vec<Option<usize>>> = options.iter().map(more).collect();
        let heaviest =
            weights.iter().map(|weights| options.iter().map(|(counts, _)| weigh(counts, weights)).max());
        let heaviest = heaviest.map(|most| most.unwrap_or(0)).collect();
        let options =
            options.into_iter().zip(more).map(|((counts, cost), more)| Choice { counts, cost, more });
        Self { options: options.collect(), heaviest }
    }

    /// True when more could be taken on at no higher cost.
    fn is_dominated(&self, choice: &Choice, wanted: &[u64]) -> bool {
        let demands = choice.more.iter().zip(choice.counts.iter().zip(wanted));
        let more = demands.filter_map(|(more, (count, wanted))| more.filter(|_| count < wanted));
        more.into_iter().any(|more| self.options[more].cost <= choice.cost)
    }
}

/// How many instances of a board must be destroyed to add these.
fn cost(board: &NodeBoard<'_>, counts: &[u64]) -> Option<u32> {
    let request = Request::add(wanted(board.geometry, counts)).moving();
    let task = Task::of(board.geometry, board.layout, &request).ok()?;
    let way = task.best(true)?;
    u32::try_from(way.dropped.iter().filter(|dropped| **dropped).count()).ok()
}

fn wanted(geometry: &Geometry, counts: &[u64]) -> Wanted {
    let mut wanted = Wanted::default();
    for (profile, count) in geometry.profiles().iter().zip(counts) {
        wanted.add(profile.key(), u32::try_from(*count).unwrap_or(u32::MAX));
    }
    wanted
}

/// Counts by demand out of counts by profile: two demands may name the same profile of a board.
fn by_demand(
    by_profile: &[(Vec<u64>, u32)],
    demands: &[Demand],
    positions: &[Option<usize>],
) -> Vec<(Vec<u64>, u32)> {
    let mut found = Vec::new();
    for (counts, cost) in by_profile {
        split(counts.clone(), demands, positions, &mut Vec::new(), &mut |split| {
            found.push((split.to_vec(), *cost));
        });
    }
    found
}

fn split(
    left: Vec<u64>,
    demands: &[Demand],
    positions: &[Option<usize>],
    counts: &mut Vec<u64>,
    found: &mut dyn FnMut(&[u64]),
) {
    let Some(position) = positions.get(counts.len()) else {
        if left.iter().all(|left| *left == 0) {
            found(counts);
        }
        return;
    };
    let most = position.map_or(0, |at| left[at].min(u64::from(demands[counts.len()].count)));
    let later = |at: usize| positions[counts.len() + 1..].contains(&Some(at));
    // The last demand for a profile takes what is left of it.
    let least = if position.is_some_and(later) { 0 } else { most };
    for count in least..=most {
        let mut left = left.clone();
        if let Some(at) = position {
            left[*at] -= count;
        }
        counts.push(count);
        split(left, demands, positions, counts, found);
        counts.pop();
    }
}

/// Refuses what no assignment can help.
fn enough(parts: &[Rc<Part>], demands: &[Demand]) -> Result<(), NodeError> {
    for (position, demand) in demands.iter().enumerate() {
        let room: u64 = parts.iter().map(|part| part.heaviest[position]).sum();
        if room < u64::from(demand.count) {
            let demand = demand.clone();
            return Err(NodeError::TooMany { demand, room });
        }
    }
    Ok(())
}

/// What one of each demand weighs, in several ways: nothing but one demand, slots, the first
/// dimension. Whatever the weights, the boards that are left must be able to carry what is left.
fn weights(boards: &[NodeBoard<'_>], demands: &[Demand]) -> Vec<Vec<u64>> {
    let alone = (0..demands.len()).map(|this| (0..demands.len()).map(|n| u64::from(n == this)).collect());
    let least = |of: &dyn Fn(&Shape) -> u64| {
        let weigh = |demand: &Demand| {
            let shapes = boards
                .iter()
                .filter_map(|board| demand.position(board.geometry).map(|at| of(&board.geometry.shapes[at])));
            shapes.min().unwrap_or(0)
        };
        demands.iter().map(weigh).collect::<Vec<u64>>()
    };
    let amounts =
        [least(&|shape| u64::from(shape.size)), least(&|shape| shape.needs.first().copied().unwrap_or(0))];
    alone.chain(amounts).collect()
}

fn weigh(counts: &[u64], weights: &[u64]) -> u64 {
    let all = counts.iter().zip(weights).map(|(count, weight)| count.saturating_mul(*weight));
    all.fold(0, u64::saturating_add)
}

/// Gives each board in turn its part of what is still wanted.
///
/// A board that could take on more takes on more: what it leaves can only make it harder for the
/// boards after it. What is left to them decides alone whether they can, so that a remainder that
/// failed once is not tried again.
struct Search<'a> {
    parts: &'a [Rc<Part>],
    weights: &'a [Vec<u64>],
    /// By board and weights: what it and all after it can carry at most.
    after: Vec<Vec<u64>>,
    failed: BTreeSet<(usize, u32, Vec<u64>)>,
    chosen: Vec<Vec<u64>>,
    steps: u32,
}

impl<'a> Search<'a> {
    fn new(parts: &'a [Rc<Part>], weights: &'a [Vec<u64>]) -> Self {
        let mut after = vec![vec![0; weights.len()]; parts.len() + 1];
        for (board, part) in parts.iter().enumerate().rev() {
            after[board] =
                after[board + 1].iter().zip(&part.heaviest).map(|(later, here)| later + here).collect();
        }
        Self { parts, weights, after, failed: BTreeSet::new(), chosen: Vec::new(), steps: 0 }
    }

    /// True where the boards from this one on cannot carry that much.
    fn is_too_heavy(&self, board: usize, wanted: &[u64]) -> bool {
        let most = self.weights.iter().zip(&self.after[board]);
        most.into_iter().any(|(weights, most)| weigh(wanted, weights) > *most)
    }

    fn from(&mut self, board: usize, wanted: &[u64], cost: u32) -> bool {
        if board == self.parts.len() {
            return wanted.iter().all(|wanted| *wanted == 0);
        }
        let key = (board, cost, wanted.to_vec());
        if self.is_too_heavy(board, wanted) || self.failed.contains(&key) {
            return false;
        }
        let part = self.parts[board].clone();
        for choice in &part.options {
            let fits =
                choice.cost <= cost && choice.counts.iter().zip(wanted).all(|(count, most)| count <= most);
            if !fits || part.is_dominated(choice, wanted) {
                continue;
            }
            self.steps += 1;
            if self.steps > NodePlan::MOST_STEPS {
                return false;
            }
            let rest: Vec<u64> =
                wanted.iter().zip(&choice.counts).map(|(wanted, count)| wanted - count).collect();
            self.chosen.push(choice.counts.clone());
            if self.from(board + 1, &rest, cost - choice.cost) {
                return true;
            }
            self.chosen.pop();
        }
        self.failed.insert(key);
        false
    }

    fn plan(self, boards: &[NodeBoard<'_>], demands: &[Demand], moving: bool) -> Result<NodePlan, NodeError> {
        let mut plans = Vec::with_capacity(boards.len());
        for (position, (board, counts)) in boards.iter().zip(&self.chosen).enumerate() {
            let mut all = Wanted::default();
            for (demand, count) in demands.iter().zip(counts) {
                if let Some(at) = demand.position(board.geometry) {
                    all.add(board.geometry.profiles()[at].key(), u32::try_from(*count).unwrap_or(u32::MAX));
                }
            }
            let request = Request::add(all);
            let request = if moving { request.moving() } else { request };
            match board.geometry.plan(board.layout, &request) {
                Ok(plan) => plans.push(plan),
                Err(PlanError::Layout(error)) => return Err(NodeError::Layout { board: position, error }),
                Err(_) => return Err(NodeError::Together),
            }
        }
        Ok(NodePlan { plans })
    }
}
