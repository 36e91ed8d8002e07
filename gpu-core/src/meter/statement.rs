//! [`Statement`]: the closed account of an interval of one node.

use super::account::Account;
use super::dimension::Dimension;
use super::domain::PowerDomain;
use super::event::Event;
use super::names::{Named, Names};
use super::part::Part;
use super::span::Span;
use super::unit_statement::UnitStatement;
use crate::fingerprint::Incarnation;
use crate::id::UnitId;
use crate::ledger::NodeName;
use crate::owner::Owner;
use crate::quantity::Nanoseconds;

/// The account of an interval of one node: who held and used what, what nobody did, and what is
/// not known.
///
/// A statement of nothing has no span. Its lists are in order, so that equal statements are equal, and
/// two of one node add up ([`Statement::add`]).
#[derive(Clone, PartialEq, Eq, Debug)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[non_exhaustive]
pub struct Statement {
    /// The node.
    pub node: NodeName,
    /// True where anything in it comes from a simulated machine.
    pub simulated: bool,
    /// What of which boots was looked at, by boot and time; what touches is one.
    pub spans: Vec<Span>,
    /// Every life of every unit that was there, by unit and life.
    pub units: Vec<UnitStatement>,
    /// What the owners were called who have a part, by owner.
    pub names: Vec<Named>,
    /// What happened, by boot and time.
    pub events: Vec<Event>,
    /// How many events more there were, of which there was no room to note which.
    pub more_events: u64,
    /// Power domains of several devices, by leader.
    pub domains: Vec<PowerDomain>,
}

impl Statement {
    /// The statement of a node of which nothing was seen.
    #[must_use]
    pub const fn new(node: NodeName) -> Self {
        Self {
            node,
            simulated: false,
            spans: Vec::new(),
            units: Vec::new(),
            names: Vec::new(),
            events: Vec::new(),
            more_events: 0,
            domains: Vec::new(),
        }
    }

    /// How long was looked at, all spans together, whatever gaps they have inside.
    #[must_use]
    pub fn length(&self) -> Nanoseconds {
        self.spans.iter().fold(Nanoseconds::ZERO, |sum, span| sum.saturating_add(span.length()))
    }

    /// That life of that unit, if it was there.
    #[must_use]
    pub fn unit(&self, unit: impl Into<UnitId>, incarnation: Incarnation) -> Option<&UnitStatement> {
        let key = (unit.into(), incarnation);
        let at = self.units.binary_search_by(|of| of.key().cmp(&key)).ok()?;
        Some(&self.units[at])
    }

    /// Every part, with the unit that it is of: by unit, then by owner.
    pub fn parts(&self) -> impl Iterator<Item = (&UnitStatement, &Part)> {
        self.units.iter().flat_map(|unit| unit.parts.iter().map(move |part| (unit, part)))
    }

    /// The parts of one owner, with the units that they are of.
    pub fn of<'a>(&'a self, owner: &'a Owner) -> impl Iterator<Item = (&'a UnitStatement, &'a Part)> {
        self.units.iter().filter_map(move |unit| Some((unit, unit.part(owner)?)))
    }

    /// What people called an owner; nothing where nobody said.
    #[must_use]
    pub fn names(&self, owner: &Owner) -> Option<&Names> {
        let at = self.names.binary_search_by(|named| named.owner.cmp(owner)).ok()?;
        Some(&self.names[at].names)
    }

    /// The sum of a dimension's accounts over a unit and what lies in it, all lives of them: what a
    /// device comes to. Nothing is in it twice. Times of units of different size are added as they
    /// are: of [`Dimension::Busy`] and [`Dimension::Held`] see [`Size`](super::Size).
    #[must_use]
    pub fn sum(&self, unit: impl Into<UnitId>, dimension: Dimension) -> Account {
        let whole = unit.into();
        let mut sum = Account::default();
        for unit in self.units.iter().filter(|of| of.unit.lies_in(whole)) {
            sum = sum.plus(unit.account(dimension)).unwrap_or(sum);
        }
        sum
    }

    /// The device whose account has the energy of `device`: its own, or that of its power domain's
    /// leader.
    #[must_use]
    pub fn energy_of(&self, device: crate::id::DeviceId) -> crate::id::DeviceId {
        let domain = self.domains.iter().find(|domain| domain.others.contains(&device));
        domain.map_or(device, |domain| domain.leader)
    }
}
