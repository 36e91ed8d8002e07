//! How a statement is closed, and the next begun.

use super::Meter;
use super::account::Account;
use super::live::{Live, Standing};
use super::names::{Named, Names};
use super::part::Part;
use super::statement::Statement;
use super::unit_statement::UnitStatement;
use crate::labels::Labels;
use crate::owner::Owner;

/// What an owner is called, and in which interval it was last said.
#[derive(Clone, Debug)]
pub(super) struct Called {
    named: Named,
    interval: u64,
}

impl Meter {
    pub(super) fn name(&mut self, owner: &Owner, labels: &Labels) {
        let interval = self.interval;
        match self.names.binary_search_by(|called| called.named.owner.cmp(owner)) {
            Ok(at) => {
                self.names[at].interval = interval;
                self.names[at].named.names.take(labels);
            }
            Err(at) => {
                let named = Named { owner: owner.clone(), names: Names::from(labels) };
                self.names.insert(at, Called { named, interval });
            }
        }
    }

    /// Closes the open statement into `statement`, whose lists are used again.
    pub(super) fn turn(&mut self, statement: &mut Statement) {
        core::mem::swap(&mut self.open, statement);
        self.close_names(statement);
        statement.domains.clone_from(&self.rules.domains);
        statement.domains.sort_unstable();
        self.open.node = statement.node;
        self.open.simulated = false;
        self.open.spans.clear();
        self.open.events.clear();
        self.open.more_events = 0;
        self.open.domains.clear();
        self.open.units.truncate(self.live.units.len());
        for at in 0..self.live.units.len() {
            begin_unit(&mut self.live, at, statement, &mut self.open);
        }
        self.interval += 1;
    }

    /// Notes what those are called who were called something in this interval, or are still here;
    /// forgets the others.
    fn close_names(&mut self, statement: &mut Statement) {
        // The names of the statement before the last are used again where they are the same.
        core::mem::swap(&mut statement.names, &mut self.open.names);
        let interval = self.interval;
        let has_part = |owner: &Owner| statement.units.iter().any(|unit| unit.part(owner).is_some());
        self.names.retain(|called| called.interval == interval || has_part(&called.named.owner));
        let names = &mut statement.names;
        names.truncate(self.names.len());
        for (at, called) in self.names.iter().enumerate() {
            match names.get_mut(at) {
                Some(known) if *known == called.named => {}
                Some(known) => known.clone_from(&called.named),
                None => names.push(called.named.clone()),
            }
        }
        self.open.names.clear();
    }
}

/// Begins the next account of a unit: with those who are there now, and nothing else.
fn begin_unit(live: &mut Live, at: usize, closed: &Statement, open: &mut Statement) {
    let unit = &mut live.units[at];
    let before = &closed.units[unit.at];
    if open.units.len() == at {
        open.units.push(UnitStatement::new(before.key(), before.name.clone(), before.size));
    }
    let next = &mut open.units[at];
    (next.unit, next.incarnation, next.size) = (before.unit, before.incarnation, before.size);
    next.name.clone_from(&before.name);
    next.accounts = [Account::default(); 4];
    next.parts.clear();
    let is_here = |standing: &Standing| standing.then.is_present || standing.then.is_held;
    let here = before.parts.iter().zip(&unit.standings).filter(|(_, standing)| is_here(standing));
    next.parts.extend(here.map(|(part, _)| Part::new(part.owner.clone())));
    unit.standings.retain(is_here);
    unit.at = at;
}
