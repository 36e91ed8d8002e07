//! [`Ledger::check`]: everything that always holds.

use core::fmt;

use crate::exclusion::Exclusion;
use crate::id::UnitId;
use crate::stored;

use super::Ledger;
use super::account::Dimension;
use super::held::{Held, Spot};
use super::holding::Right;
use super::recent::Recent;
use super::shape;
use super::table::ClaimOn;

/// What always holds of a ledger.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[cfg_attr(feature = "serde", serde(rename_all = "snake_case"))]
#[non_exhaustive]
pub enum Rule {
    /// Free + reserved + held + draining = capacity.
    Sums,
    /// No two units that are held exclude each other.
    Exclusion,
    /// Shares guarantee nothing.
    Shares,
    /// Every claim is entered with its board, once, and with no other.
    Claims,
    /// Every holding stands as its units do.
    States,
    /// The boards are ones that a node can have.
    Boards,
    /// What is remembered is what the position says.
    Memory,
    /// The snapshot opens to the same ledger.
    Snapshot,
}

/// A rule that does not hold: a fault of this crate, or of the memory that it runs in.
#[derive(Clone, PartialEq, Eq, Debug)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
pub struct Broken {
    /// Which rule.
    pub rule: Rule,
    /// Where, and what is there instead.
    pub what: String,
}

impl fmt::Display for Broken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}: {}", self.rule, self.what)
    }
}

impl std::error::Error for Broken {}

impl Ledger {
    /// Checks everything that always holds. Takes time that grows with the square of the claims on
    /// a board: for tests, for opening, and for whoever wants to be sure.
    ///
    /// # Errors
    /// The first rule that does not hold.
    pub fn check(&self) -> Result<(), Broken> {
        self.check_state()?;
        let bytes = stored::encode_snapshot(self);
        match stored::decode_snapshot(&bytes) {
            Ok(same) if stored::encode_snapshot(&same) == bytes => Ok(()),
            Ok(_) => broken(Rule::Snapshot, "it opens to another ledger"),
            Err(error) => broken(Rule::Snapshot, error),
        }
    }

    /// All rules but that of the snapshot.
    pub(crate) fn check_state(&self) -> Result<(), Broken> {
        self.check_boards()?;
        self.check_claims()?;
        self.check_exclusion()?;
        self.check_excluded()?;
        self.holdings.iter().try_for_each(|held| self.check_states(held))?;
        self.check_sums()?;
        self.check_memory()
    }

    fn check_boards(&self) -> Result<(), Broken> {
        let body = super::entry::Body::Inventory(self.boards().collect());
        shape::check(&body).or_else(|reason| broken(Rule::Boards, reason))
    }

    fn check_claims(&self) -> Result<(), Broken> {
        let mut expected: Vec<(u32, u32, u32)> = Vec::new();
        for number in self.holdings.numbers() {
            let claims = self.holdings.at(number).map_or(&[][..], |held| held.claims.as_slice());
            expected.extend((0..).zip(claims).filter_map(|(at, claim)| match claim.spot {
                Spot::Here { row, .. } => Some((row, number, at)),
                Spot::Gone(_) => None,
            }));
        }
        let entered = (0..)
            .zip(&self.table.rows)
            .flat_map(|(row, of)| of.claims.iter().map(move |ClaimOn { holding, at }| (row, *holding, *at)));
        let mut entered: Vec<(u32, u32, u32)> = entered.collect();
        expected.sort_unstable();
        entered.sort_unstable();
        if entered == expected { Ok(()) } else { broken(Rule::Claims, "boards and holdings differ") }
    }

    fn check_exclusion(&self) -> Result<(), Broken> {
        let all = |row: &super::table::Row| -> Vec<UnitId> {
            let held = |on: &ClaimOn| Some(&self.holdings.at(on.holding)?.claims.as_slice()[on.at as usize]);
            row.claims.iter().filter_map(held).map(|claim| self.table.life(&claim.spot).0).collect()
        };
        for row in &self.table.rows {
            let claims = all(row);
            for (at, one) in claims.iter().enumerate() {
                if let Some(other) = claims[at + 1..].iter().find(|other| excludes(*one, **other)) {
                    return broken(Rule::Exclusion, format_args!("{one} and {other} are both held"));
                }
            }
        }
        Ok(())
    }

    fn check_excluded(&self) -> Result<(), Broken> {
        for (number, row) in (0..).zip(&self.table.rows) {
            for seat in &row.seats {
                let unit = self.table.unit(row.device, seat);
                let expected = self.claimed(number).filter(|claimed| excludes(*claimed, unit)).count();
                if seat.excluded as usize != expected {
                    return broken(Rule::Claims, format_args!("{unit} is excluded {} times", seat.excluded));
                }
            }
        }
        Ok(())
    }

    fn check_states(&self, held: &Held) -> Result<(), Broken> {
        for claim in held.claims.as_slice() {
            let (unit, _) = self.table.life(&claim.spot);
            let is_here = matches!(claim.spot, Spot::Here { .. });
            if is_here && claim.is_draining != self.strain(claim).is_some() {
                return broken(Rule::States, format_args!("{} of {unit} drains, or should", held.id));
            }
            if let (UnitId::Share(_), Spot::Here { row, seat, share }) = (unit, &claim.spot) {
                if matches!(self.table.right(*row, *seat, share.is_some()), Right::Whole { .. }) {
                    return broken(Rule::Shares, format_args!("{unit} guarantees something"));
                }
            }
        }
        Ok(())
    }

    fn check_sums(&self) -> Result<(), Broken> {
        for row in &self.table.rows {
            for seat in &row.seats {
                let unit = self.table.unit(row.device, seat);
                for of in [Dimension::Memory, Dimension::Compute, Dimension::Shares] {
                    let Some(account) = self.account(unit, of) else { continue };
                    let parts = [account.free, account.reserved, account.held, account.draining];
                    if parts.into_iter().map(u128::from).sum::<u128>() != u128::from(account.capacity) {
                        return broken(Rule::Sums, format_args!("{of} of {unit}: {account:?}"));
                    }
                }
            }
        }
        Ok(())
    }

    fn check_memory(&self) -> Result<(), Broken> {
        let expected = self.position.0.min(Recent::WINDOW as u64);
        if self.recent.len() as u64 != expected {
            return broken(Rule::Memory, format_args!("{} ids, and not {expected}", self.recent.len()));
        }
        let ahead = self.holdings.iter().find(|held| {
            held.position > self.position || held.commit.as_ref().is_some_and(|c| c.position > self.position)
        });
        match ahead {
            Some(held) => broken(Rule::Memory, format_args!("{} is from later", held.id)),
            None => Ok(()),
        }
    }
}

fn excludes(one: UnitId, other: UnitId) -> bool {
    Exclusion::between(one, other).is_some()
}

fn broken(rule: Rule, what: impl fmt::Display) -> Result<(), Broken> {
    Err(Broken { rule, what: what.to_string() })
}
