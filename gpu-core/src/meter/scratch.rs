//! [`Scratch`]: lists that are used again, so that a look allocates nothing.

use core::cmp::Reverse;

use crate::apportion::apportion_into;

/// Whose a weight is: a unit, and a part of it.
pub(super) type Whose = (usize, usize);

/// Something to be spread, and what came of it.
#[derive(Clone, Debug, Default)]
pub(super) struct Scratch {
    pub whose: Vec<Whose>,
    /// As many as `whose`, or one more: what is nobody's.
    pub weights: Vec<u64>,
    /// What each got.
    pub shares: Vec<u64>,
    rests: Vec<(Reverse<u128>, usize)>,
}

impl Scratch {
    pub fn clear(&mut self) {
        self.whose.clear();
        self.weights.clear();
        self.shares.clear();
    }

    pub fn push(&mut self, whose: Whose, weight: u64) {
        self.whose.push(whose);
        self.weights.push(weight);
    }

    pub fn sum(&self) -> u128 {
        self.weights.iter().map(|weight| u128::from(*weight)).sum()
    }

    /// Spreads a total by the weights.
    pub fn spread(&mut self, total: u64) {
        apportion_into(total, &self.weights, &mut self.shares, &mut self.rests);
    }

    /// Leaves everybody what he brought.
    pub fn keep(&mut self) {
        self.shares.clone_from(&self.weights);
    }
}
