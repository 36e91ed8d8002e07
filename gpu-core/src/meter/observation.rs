//! [`Observation`]: one look, as a meter is told of it.

use super::held::Held;
use super::moment::Moment;
use crate::attribution::Attribution;
use crate::inventory::Inventory;
use crate::sample::Sample;

/// One look, as a meter is told of it: what there is, what it showed, whose that was, and who holds
/// what.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct Observation<'a> {
    /// When it was: of the sample, as near as can be.
    pub at: Moment,
    /// What there is.
    pub inventory: &'a Inventory,
    /// What it showed.
    pub sample: &'a Sample,
    /// Whose that was: [`attribute`](crate::attribution::attribute) of the same look, with a
    /// history of its own that is kept from look to look.
    pub attribution: &'a Attribution,
    /// Who holds what from now on, in any order; `None` where nobody says.
    pub held: Option<&'a [Held]>,
}

impl<'a> Observation<'a> {
    /// A look of which nobody says who holds what.
    #[must_use]
    pub const fn new(
        at: Moment,
        inventory: &'a Inventory,
        sample: &'a Sample,
        attribution: &'a Attribution,
    ) -> Self {
        Self { at, inventory, sample, attribution, held: None }
    }

    /// The same look, with who holds what.
    #[must_use]
    pub const fn held(self, held: &'a [Held]) -> Self {
        Self { held: Some(held), ..self }
    }
}
