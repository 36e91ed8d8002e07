//! The complete search for places.
//!
//! Instances are placed group by group (a group is all new instances of one profile), the largest
//! first, and within a group at ascending places, since which of two equal instances sits where
//! makes no difference. What remains to be decided after a group depends on the slots taken alone:
//! a set of slots that a group has begun with once is not searched again. So the search visits at
//! most groups × 2^slots states, and the first way found is the first in order.

use super::geometry::{Geometry, Slots};

/// New instances of one profile.
#[derive(Clone, Copy, Debug)]
pub(super) struct Group {
    /// Position of the profile in the geometry.
    pub profile: usize,
    pub count: u64,
}

/// The groups of a multiset by profile position, in the order in which they are placed.
pub(super) fn groups(geometry: &Geometry, counts: &[u64]) -> Vec<Group> {
    let order = geometry.order.iter();
    order.map(|&profile| Group { profile, count: counts[profile] }).filter(|group| group.count > 0).collect()
}

/// New instances: positions of profiles and first slots.
pub(super) type Placing = Vec<(usize, u32)>;

/// One search: which groups, and how good a way is.
pub(super) struct Search<'a> {
    geometry: &'a Geometry,
    groups: &'a [Group],
    /// How open the board remains; without it the first way is the best.
    openness: Option<&'a mut Openness>,
    /// By group and slots taken.
    seen: Vec<u64>,
    chosen: Placing,
    best: Option<(u64, Placing)>,
    /// The last group that was begun.
    deepest: usize,
}

impl<'a> Search<'a> {
    pub fn new(geometry: &'a Geometry, groups: &'a [Group], openness: Option<&'a mut Openness>) -> Self {
        let bits = groups.len() << geometry.slots();
        let seen = vec![0; bits.div_ceil(64)];
        Self { geometry, groups, openness, seen, chosen: Vec::new(), best: None, deepest: 0 }
    }

    /// The best way to place all groups beside `taken`, with its openness.
    pub fn run(mut self, taken: Slots) -> Result<(u64, Placing), usize> {
        self.begin(0, taken);
        self.best.ok_or(self.deepest)
    }

    /// True when the search is over.
    fn begin(&mut self, group: usize, taken: Slots) -> bool {
        let Some(&Group { profile, count }) = self.groups.get(group) else {
            return self.found(taken);
        };
        self.deepest = self.deepest.max(group);
        let bit = (group << self.geometry.slots()) + usize::from(taken);
        if self.seen[bit / 64] >> (bit % 64) & 1 == 1 {
            return false;
        }
        self.seen[bit / 64] |= 1 << (bit % 64);
        if self.geometry.shapes[profile].size == 0 {
            return self.begin_unplaced(group, profile, count, taken);
        }
        self.place(group, profile, count, 0, taken)
    }

    /// Instances that take no slot are all at the first place.
    fn begin_unplaced(&mut self, group: usize, profile: usize, count: u64, taken: Slots) -> bool {
        let before = self.chosen.len();
        let start = self.geometry.shapes[profile].places[0].0;
        self.chosen.extend((0..count).map(|_| (profile, start)));
        let over = self.begin(group + 1, taken);
        self.chosen.truncate(before);
        over
    }

    fn place(&mut self, group: usize, profile: usize, left: u64, from: usize, taken: Slots) -> bool {
        if left == 0 {
            return self.begin(group + 1, taken);
        }
        let shape = &self.geometry.shapes[profile];
        for (position, &(start, slots)) in shape.places.iter().enumerate().skip(from) {
            if taken & slots != 0 {
                continue;
            }
            self.chosen.push((profile, start));
            let over = self.place(group, profile, left - 1, position + 1, taken | slots);
            self.chosen.pop();
            if over {
                return true;
            }
        }
        false
    }

    fn found(&mut self, taken: Slots) -> bool {
        let Some(openness) = &mut self.openness else {
            self.best = Some((0, self.chosen.clone()));
            return true;
        };
        let score = openness.of(self.geometry, taken);
        if self.best.as_ref().is_none_or(|(best, _)| score > *best) {
            self.best = Some((score, self.chosen.clone()));
        }
        false
    }
}

/// How much else could be made beside one multiset of instances, by the slots that it takes: for
/// every profile the slots that as many instances of it alone as fit would take, added up.
pub(super) struct Openness {
    /// By profile: most further instances, by amounts and maxima.
    most: Vec<u64>,
    /// By slots taken; [`UNKNOWN`] where it was not asked for yet.
    known: Vec<u64>,
}

const UNKNOWN: u64 = u64::MAX;

impl Openness {
    pub fn new(geometry: &Geometry, most: Vec<u64>) -> Self {
        Self { most, known: vec![UNKNOWN; 1 << geometry.slots()] }
    }

    pub fn of(&mut self, geometry: &Geometry, taken: Slots) -> u64 {
        let known = self.known[usize::from(taken)];
        if known != UNKNOWN {
            return known;
        }
        let room = geometry.shapes.iter().zip(&self.most);
        let score = room.map(|(shape, most)| u64::from(shape.size) * pack(&shape.places, taken).min(*most));
        let score = score.sum();
        self.known[usize::from(taken)] = score;
        score
    }
}

/// How many disjoint places are free. Places of one profile are equally long, so taking each in
/// turn that begins no earlier than the last ended takes as many as can be.
pub(super) fn pack(places: &[(u32, Slots)], mut taken: Slots) -> u64 {
    let mut count = 0;
    for (_, slots) in places {
        if *slots != 0 && taken & slots == 0 {
            taken |= slots;
            count += 1;
        }
    }
    count
}
