//! [`UnitStatement`]: what happened to one life of one unit.

use std::sync::Arc;

use super::account::Account;
use super::dimension::Dimension;
use super::part::Part;
use crate::fingerprint::Incarnation;
use crate::id::UnitId;
use crate::owner::Owner;
use crate::quantity::Count;

/// How large a unit is beside its device: what a small instance's hour is worth of the whole's.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
pub struct Size {
    /// Compute units of the unit (SMs, CUs, Xe cores), or its compute slices.
    pub own: Count,
    /// Those of the device, counted alike.
    pub of: Count,
}

impl Size {
    /// All of a device.
    pub const WHOLE: Self = Self { own: Count(1), of: Count(1) };
}

/// What happened to one life of one unit in an interval: an account of each dimension, and who has
/// which part.
#[derive(Clone, PartialEq, Eq, Debug)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[non_exhaustive]
pub struct UnitStatement {
    /// The unit.
    pub unit: UnitId,
    /// Which life of it. A device and its shares have one only.
    pub incarnation: Incarnation,
    /// Product name of a device, profile of a partition, of a share that of its whole; empty where no
    /// source has one.
    #[cfg_attr(feature = "serde", serde(serialize_with = "serialize_name"))]
    pub name: Arc<str>,
    /// How large it is beside its device; `None` where nobody tells, or it shares all of it.
    pub size: Option<Size>,
    /// In the order of [`Dimension::ALL`].
    pub accounts: [Account; Dimension::ALL.len()],
    /// Who held or used it, by owner.
    pub parts: Vec<Part>,
}

impl UnitStatement {
    pub(crate) fn new(
        (unit, incarnation): (UnitId, Incarnation),
        name: Arc<str>,
        size: Option<Size>,
    ) -> Self {
        Self { unit, incarnation, name, size, accounts: [Account::default(); 4], parts: Vec::new() }
    }

    pub(crate) const fn account_mut(&mut self, dimension: Dimension) -> &mut Account {
        &mut self.accounts[dimension as usize]
    }

    /// The account of a dimension. Where [`Account::is_kept`] is false, what happened here is in the
    /// account of what the unit lies in.
    #[must_use]
    pub const fn account(&self, dimension: Dimension) -> &Account {
        &self.accounts[dimension as usize]
    }

    /// What an owner has of it, if anything.
    #[must_use]
    pub fn part(&self, owner: &Owner) -> Option<&Part> {
        let at = self.parts.binary_search_by(|part| part.owner.cmp(owner)).ok()?;
        Some(&self.parts[at])
    }

    /// What names it among all that there ever was.
    #[must_use]
    pub const fn key(&self) -> (UnitId, Incarnation) {
        (self.unit, self.incarnation)
    }
}

#[cfg(feature = "serde")]
fn serialize_name<S: serde::Serializer>(name: &Arc<str>, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(name)
}
