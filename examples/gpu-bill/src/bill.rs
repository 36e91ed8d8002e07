//! [`Bill`]: statements of a period, added up by who is billed.

use std::collections::BTreeMap;

use gpu_accounting::meter::{
    Account, Dimension, Gap, MergeError, Metered, Part, Statement, Statements, UnitStatement,
};
use gpu_accounting::{Incarnation, Nanoseconds, Owner, SlurmJob, UnitId, WallTime};

use crate::amount::Amount;
use crate::args::ShowBy;
use crate::period::{Lies, Period, ends};

/// One line.
#[derive(Default)]
pub struct Row {
    /// Device time that it held.
    pub held: Amount,
    /// Device time that it kept shaders busy; `None` where nobody tells.
    pub busy: Option<Amount>,
    /// Bytes × nanoseconds.
    pub memory: Option<u128>,
    /// Microjoules of its work.
    pub energy: Option<u128>,
    /// Microjoules of idling while it held something.
    pub standby: u128,
    /// For some of its time nobody tells how busy it was, or what energy that took.
    pub is_partial: bool,
}

/// What of each dimension is nobody's, and all of it.
#[derive(Default)]
pub struct Rest {
    pub unattributed: Row,
    pub untold: Row,
    pub idle: Row,
    pub total: Row,
}

/// How much of the time the numbers speak of.
#[derive(Default)]
pub struct Coverage {
    pub covered: u128,
    pub gaps: BTreeMap<Gap, u128>,
}

impl Coverage {
    /// Millionths of the time; `None` where nothing keeps such an account.
    pub fn micros(&self) -> Option<u128> {
        let all = self.covered + self.gaps.values().sum::<u128>();
        (all > 0).then(|| self.covered * 1_000_000 / all)
    }
}

pub struct Bill {
    pub by: ShowBy,
    pub period: Period,
    statements: Statements,
    pub simulated: bool,
    /// Statements that lie across an end of the period.
    pub across: u32,
    pub outside: u32,
    /// The first and the last time of day.
    pub ends: Option<(WallTime, WallTime)>,
    /// How long was looked at, all nodes together.
    pub length: u128,
    pub rows: BTreeMap<String, Row>,
    pub rest: Rest,
    pub coverage: BTreeMap<Dimension, Coverage>,
    /// By how much parts exceeded their whole, by dimension.
    pub excess: BTreeMap<Dimension, u128>,
    /// Units of which nobody tells what part of their device they are: their times are in no line.
    pub unsized_units: u32,
    pub events: Vec<String>,
}

impl Bill {
    pub fn new(by: ShowBy, period: Period) -> Self {
        Self {
            by,
            period,
            statements: Statements::new(),
            simulated: false,
            across: 0,
            outside: 0,
            ends: None,
            length: 0,
            rows: BTreeMap::new(),
            rest: Rest::default(),
            coverage: BTreeMap::new(),
            excess: BTreeMap::new(),
            unsized_units: 0,
            events: Vec::new(),
        }
    }

    /// Takes a statement in, if it lies in the period.
    pub fn add(&mut self, statement: &Statement) -> Result<(), MergeError> {
        match self.period.of(statement) {
            Lies::Inside => self.statements.add(statement)?,
            Lies::Outside => {
                self.outside += 1;
                return Ok(());
            }
            Lies::Across => {
                self.across += 1;
                return Ok(());
            }
        }
        self.simulated |= statement.simulated;
        if let Some((from, to)) = ends(statement) {
            let (first, last) = self.ends.unwrap_or((from, to));
            self.ends = Some((first.min(from), last.max(to)));
        }
        Ok(())
    }

    pub fn nodes(&self) -> impl ExactSizeIterator<Item = &Statement> {
        self.statements.iter()
    }

    /// Adds everything up.
    pub fn finish(&mut self) {
        let statements = std::mem::take(&mut self.statements);
        for statement in statements.iter() {
            self.length += u128::from(statement.length().get());
            self.events
                .extend(statement.events.iter().map(|event| format!("{}: {}", statement.node, event.kind)));
            for unit in &statement.units {
                self.unit(statement, unit);
            }
        }
        self.statements = statements;
    }

    fn unit(&mut self, statement: &Statement, unit: &UnitStatement) {
        let size = size(statement, unit.unit, unit.incarnation);
        for dimension in Dimension::ALL {
            let account = unit.account(dimension);
            // What is held is held of a unit or of its shares; of what nobody holds there is no end.
            if dimension == Dimension::Held && account.attributed + account.unattributed == 0 {
                continue;
            }
            self.cover(dimension, account);
        }
        let times = [Dimension::Held, Dimension::Busy];
        if size.is_none() && times.iter().any(|of| unit.account(*of).attributed > 0) {
            self.unsized_units += 1;
        }
        let (own, of) = size.unwrap_or((0, 1));
        for part in &unit.parts {
            let key = key(self.by, statement, &part.owner);
            self.rows.entry(key).or_default().part(part, own, of);
        }
        self.rest.total.account(unit, own, of, |account| account.total);
        self.rest.idle.account(unit, own, of, |account| account.idle);
        self.rest.unattributed.account(unit, own, of, |account| account.unattributed);
        self.rest.untold.account(unit, own, of, |account| account.untold);
        let held = unit.account(Dimension::Held);
        self.rest.total.held.add(held.attributed + held.unattributed, own, of);
        self.rest.unattributed.held.add(held.unattributed, own, of);
        self.rest.idle.standby += unit.account(Dimension::Energy).standby;
    }

    fn cover(&mut self, dimension: Dimension, account: &Account) {
        let coverage = self.coverage.entry(dimension).or_default();
        coverage.covered += u128::from(account.covered.get());
        for (gap, time) in account.gaps.iter() {
            *coverage.gaps.entry(gap).or_default() += u128::from(time.get());
        }
        if account.excess > 0 {
            *self.excess.entry(dimension).or_default() += account.excess;
        }
    }
}

impl Row {
    fn part(&mut self, part: &Part, own: u128, of: u128) {
        self.held.add(u128::from(part.held.get()), own, of);
        if let Ok(busy) = part.busy.get() {
            self.busy.get_or_insert_default().add(busy, own, of);
        }
        for (sum, metered) in [(&mut self.memory, &part.memory), (&mut self.energy, &part.energy)] {
            if let Ok(value) = metered.get() {
                *sum = Some(sum.unwrap_or(0) + value);
            }
        }
        self.standby += part.standby;
        let is_missing = |of: &Metered| of.untold > Nanoseconds::ZERO;
        self.is_partial |= [part.busy, part.memory, part.energy].iter().any(is_missing);
    }

    fn account(&mut self, unit: &UnitStatement, own: u128, of: u128, number: fn(&Account) -> u128) {
        let kept = |dimension| Some(unit.account(dimension)).filter(|account| account.get().is_ok());
        if let Some(account) = kept(Dimension::Busy) {
            self.busy.get_or_insert_default().add(number(account), own, of);
        }
        if let Some(account) = kept(Dimension::Memory) {
            self.memory = Some(self.memory.unwrap_or(0) + number(account));
        }
        if let Some(account) = kept(Dimension::Energy) {
            self.energy = Some(self.energy.unwrap_or(0) + number(account));
        }
    }
}

/// Which part of its device a unit is; a share as much of its whole as there are shares.
fn size(statement: &Statement, unit: UnitId, incarnation: Incarnation) -> Option<(u128, u128)> {
    match unit {
        UnitId::Share(share) => {
            let (own, of) = size(statement, share.whole(), incarnation)?;
            Some((own, of * u128::from(share.replicas().max(1))))
        }
        unit => {
            let size = statement.unit(unit, incarnation)?.size?;
            Some((u128::from(size.own.get()), u128::from(size.of.get())))
        }
    }
}

/// Whose line a part is on.
fn key(by: ShowBy, statement: &Statement, owner: &Owner) -> String {
    let names = statement.names(owner);
    let label = |of: Option<&gpu_accounting::Label>| of.map(ToString::to_string);
    let pod = owner.container().and_then(|of| of.pod);
    match by {
        ShowBy::Container => match label(names.and_then(|of| of.container.as_ref())) {
            Some(name) => format!("{name} ({owner})"),
            None => owner.to_string(),
        },
        ShowBy::Pod => {
            let name = label(names.and_then(|of| of.pod.as_ref()));
            let namespace = label(names.and_then(|of| of.namespace.as_ref()));
            match (pod, name, namespace) {
                (None, ..) => format!("not in a pod: {owner}"),
                (Some(pod), Some(name), Some(namespace)) => format!("{namespace}/{name} ({})", pod.uid),
                (Some(pod), Some(name), None) => format!("{name} ({})", pod.uid),
                (Some(pod), None, _) => format!("pod {}", pod.uid),
            }
        }
        ShowBy::Namespace => {
            let namespace = label(names.and_then(|of| of.namespace.as_ref()));
            namespace.unwrap_or_else(|| "no namespace".to_owned())
        }
        ShowBy::Job => match owner {
            Owner::Slurm(SlurmJob { job: Some(job), .. }) => format!("job {job}"),
            _ => "not in a job".to_owned(),
        },
    }
}
