//! Statements that add up: over time, and in [`Statements`] over nodes.

use core::cmp::Ordering;
use core::fmt;

use super::account::Account;
use super::part::{Metered, Part};
use super::span::Span;
use super::statement::Statement;
use super::unit_statement::UnitStatement;
use crate::ledger::NodeName;

/// Two statements that are not to be added.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[cfg_attr(feature = "serde", serde(rename_all = "snake_case"))]
#[non_exhaustive]
pub enum MergeError {
    /// They are of two nodes.
    OtherNode,
    /// They speak of the same time: what happened then would be counted twice.
    Overlap {
        /// The span of the one that the other has time in common with.
        span: Span,
    },
    /// A sum is larger than can be written.
    TooLarge,
}

impl MergeError {
    /// A short constant name of the kind, for JSON and logs.
    #[must_use]
    pub const fn kind(&self) -> &'static str {
        match self {
            Self::OtherNode => "other_node",
            Self::Overlap { .. } => "overlap",
            Self::TooLarge => "too_large",
        }
    }
}

impl fmt::Display for MergeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::OtherNode => f.write_str("the statements are of two nodes"),
            Self::Overlap { span } => write!(
                f,
                "the statements have time in common: {} to {} ns of boot {}",
                span.from.0, span.to.0, span.boot
            ),
            Self::TooLarge => f.write_str("a sum of the statements is too large"),
        }
    }
}

impl std::error::Error for MergeError {}

impl Account {
    /// Adds another account of the same dimension.
    ///
    /// # Errors
    /// When a sum does not fit.
    pub(super) fn plus(&self, other: &Self) -> Result<Self, MergeError> {
        let sum = |of: fn(&Self) -> u128| of(self).checked_add(of(other)).ok_or(MergeError::TooLarge);
        Ok(Self {
            total: sum(|of| of.total)?,
            attributed: sum(|of| of.attributed)?,
            idle: sum(|of| of.idle)?,
            unattributed: sum(|of| of.unattributed)?,
            reserved: sum(|of| of.reserved)?,
            untold: sum(|of| of.untold)?,
            standby: sum(|of| of.standby)?,
            excess: sum(|of| of.excess)?,
            covered: self.covered.checked_add(other.covered).ok_or(MergeError::TooLarge)?,
            gaps: self.gaps.checked_add(&other.gaps).ok_or(MergeError::TooLarge)?,
            kind: self.kind.max(other.kind),
        })
    }
}

impl Metered {
    fn plus(&self, other: &Self) -> Result<Self, MergeError> {
        Ok(Self {
            value: self.value.checked_add(other.value).ok_or(MergeError::TooLarge)?,
            basis: self.basis.max(other.basis),
            told: self.told.checked_add(other.told).ok_or(MergeError::TooLarge)?,
            untold: self.untold.checked_add(other.untold).ok_or(MergeError::TooLarge)?,
        })
    }
}

impl Part {
    fn plus(&self, other: &Self) -> Result<Self, MergeError> {
        Ok(Self {
            owner: self.owner.clone(),
            held: self.held.checked_add(other.held).ok_or(MergeError::TooLarge)?,
            busy: self.busy.plus(&other.busy)?,
            memory: self.memory.plus(&other.memory)?,
            energy: self.energy.plus(&other.energy)?,
            standby: self.standby.checked_add(other.standby).ok_or(MergeError::TooLarge)?,
        })
    }
}

impl UnitStatement {
    fn plus(&self, other: &Self) -> Result<Self, MergeError> {
        let mut accounts = self.accounts;
        for (mine, theirs) in accounts.iter_mut().zip(&other.accounts) {
            *mine = mine.plus(theirs)?;
        }
        let parts = join(&self.parts, &other.parts, |one, two| one.owner.cmp(&two.owner), Part::plus)?;
        Ok(Self {
            unit: self.unit,
            incarnation: self.incarnation,
            // What one knows and the other does not; where they know different things, whichever is
            // asked first.
            name: self.name.clone().max(other.name.clone()),
            size: self.size.max(other.size),
            accounts,
            parts,
        })
    }
}

impl Statement {
    /// Adds another interval of the same node. In whichever order statements are added, they make the
    /// same.
    ///
    /// # Errors
    /// When they are of two nodes, or have time in common; the statement is as it was then.
    pub fn add(&mut self, other: &Self) -> Result<(), MergeError> {
        if self.node != other.node {
            return Err(MergeError::OtherNode);
        }
        let spans = spans(&self.spans, &other.spans)?;
        let units =
            join(&self.units, &other.units, |one, two| one.key().cmp(&two.key()), UnitStatement::plus)?;
        let names = join(
            &self.names,
            &other.names,
            |one, two| one.owner.cmp(&two.owner),
            |one, two| Ok(one.max(two).clone()),
        )?;
        self.more_events = self.more_events.saturating_add(other.more_events);
        self.simulated |= other.simulated;
        self.events.extend_from_slice(&other.events);
        self.events.sort_unstable();
        self.domains.extend_from_slice(&other.domains);
        self.domains.sort_unstable();
        self.domains.dedup();
        (self.spans, self.units, self.names) = (spans, units, names);
        Ok(())
    }
}

/// Two lists in order, as one: what both have is added.
fn join<T: Clone>(
    one: &[T],
    two: &[T],
    order: impl Fn(&T, &T) -> Ordering,
    plus: impl Fn(&T, &T) -> Result<T, MergeError>,
) -> Result<Vec<T>, MergeError> {
    let (mut left, mut right) = (one.iter().peekable(), two.iter().peekable());
    let mut joined = Vec::with_capacity(one.len().max(two.len()));
    loop {
        let next = match (left.peek(), right.peek()) {
            (Some(a), Some(b)) => order(a, b),
            (Some(_), None) => Ordering::Less,
            (None, Some(_)) => Ordering::Greater,
            (None, None) => return Ok(joined),
        };
        let (a, b) = match next {
            Ordering::Less => (left.next(), None),
            Ordering::Greater => (None, right.next()),
            Ordering::Equal => (left.next(), right.next()),
        };
        match (a, b) {
            (Some(a), Some(b)) => joined.push(plus(a, b)?),
            (a, b) => joined.extend(a.or(b).cloned()),
        }
    }
}

/// The spans of both; those that touch are one.
fn spans(one: &[Span], two: &[Span]) -> Result<Vec<Span>, MergeError> {
    let mut all: Vec<Span> = one.iter().chain(two).copied().collect();
    all.sort_unstable();
    let mut joined: Vec<Span> = Vec::with_capacity(all.len());
    for span in all {
        match joined.last_mut() {
            Some(last) if last.overlaps(&span) => return Err(MergeError::Overlap { span }),
            Some(last) if last.boot == span.boot && last.to == span.from => {
                last.to = span.to;
                last.wall_to = span.wall_to;
                last.looks = last.looks.saturating_add(span.looks);
            }
            _ => joined.push(span),
        }
    }
    Ok(joined)
}

/// Statements of many nodes and intervals, added up by node.
///
/// ```
/// use gpu_core::meter::{Statement, Statements};
/// let mut all = Statements::new();
/// all.add(&Statement::new("node-2".parse()?))?;
/// all.add(&Statement::new("node-1".parse()?))?;
/// all.add(&Statement::new("node-2".parse()?))?;
/// assert_eq!(all.iter().map(|of| of.node.as_str()).collect::<Vec<_>>(), ["node-1", "node-2"]);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, PartialEq, Eq, Debug, Default)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
pub struct Statements(Vec<Statement>);

impl Statements {
    /// No statement.
    #[must_use]
    pub const fn new() -> Self {
        Self(Vec::new())
    }

    /// Adds a statement to what there is of its node. In whichever order statements are added, they
    /// make the same.
    ///
    /// # Errors
    /// When it has time in common with one that was added; nothing is changed then.
    pub fn add(&mut self, statement: &Statement) -> Result<(), MergeError> {
        match self.0.binary_search_by(|of| of.node.cmp(&statement.node)) {
            Ok(at) => self.0[at].add(statement),
            Err(at) => {
                self.0.insert(at, statement.clone());
                Ok(())
            }
        }
    }

    /// The statements, one a node, by its name.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = &Statement> {
        self.0.iter()
    }

    /// The statement of a node, if there is one.
    #[must_use]
    pub fn of(&self, node: &NodeName) -> Option<&Statement> {
        self.0.iter().find(|of| of.node == *node)
    }
}
