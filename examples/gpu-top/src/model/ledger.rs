//! [`LedgerView`]: the ledger beside what the machine shows.

use std::collections::{BTreeMap, BTreeSet};
use std::time::SystemTime;

use gpu_accounting::attribution::Attribution;
use gpu_accounting::ledger::{Expiry, Ledger};
use gpu_accounting::meter::Held;
use gpu_accounting::reconcile::{Finding, Line, Look, Presence, Report, Seen};
use gpu_accounting::{Nanoseconds, Owner, UnitId, WallTime, Watch};

use super::holder::names;
use super::unit::place;
use crate::ledger::Book;
use crate::text::span;

/// Nobody is taken for dead who has held for less: he may be on his way.
const GRACE: Nanoseconds = Nanoseconds::from_secs(60);

/// The ledger beside what the machine shows.
#[derive(Clone, Debug, Default)]
pub struct LedgerView {
    /// Whose it is, and in which file.
    pub name: String,
    /// How many entries it has.
    pub entries: u64,
    /// Why it cannot be read any more: what stands here is what was read last.
    pub why: Option<String>,
    /// What is held, ascending by holding, and then what is given or used and not held.
    pub lines: Vec<HeldView>,
}

/// What is found of one unit and one owner.
#[derive(Clone, Debug)]
pub struct HeldView {
    pub unit: UnitId,
    /// `#0 gi:1`.
    pub place: String,
    pub owner: Option<Owner>,
    pub who: String,
    pub whose: String,
    pub finding: Finding,
    /// For how long that has been so, where it is known.
    pub since: Option<String>,
    /// What ends it without its holder; empty for what is not held.
    pub expires: String,
    /// What names the holding; empty for what is not held.
    pub holding: String,
    /// The caller's words on it.
    pub label: String,
}

impl HeldView {
    /// What a cell says of it. What is held and not used is in capitals, so that it stands out without
    /// colours, too.
    pub fn text(&self) -> String {
        let word = match self.finding {
            Finding::HeldAndUsed => "held",
            Finding::HeldAndUnused { .. } => "UNUSED",
            Finding::Reserved => "reserved",
            Finding::Overdue => "overdue",
            Finding::HeldByTheDead => "dead",
            Finding::LostToTheLiving | Finding::Lost => "lost",
            Finding::GivenAndNotHeld | Finding::UsedAndNotHeld => "not held",
            _ => "see details",
        };
        self.since.as_ref().map_or_else(|| word.to_owned(), |since| format!("{word} {since}"))
    }

    /// Whether somebody should look at it.
    pub const fn is_at_odds(&self) -> bool {
        !matches!(self.finding, Finding::HeldAndUsed | Finding::Reserved)
    }

    /// Everything of it, line by line.
    pub fn facts(&self) -> Vec<(&'static str, String)> {
        let mut facts = vec![("ledger says", self.finding.to_string())];
        if !self.holding.is_empty() {
            facts.push(("holds", format!("{} ({})", self.place, self.unit)));
            let since = self.since.clone().unwrap_or_else(|| "not told: no entry has a time".to_owned());
            facts.push(("for", since));
            facts.push(("expires", self.expires.clone()));
            facts.push(("holding", self.holding.clone()));
        }
        if !self.label.is_empty() {
            facts.push(("label", self.label.clone()));
        }
        facts
    }
}

/// Holds a ledger against the machine, look after look.
pub struct Beside {
    book: Book,
    /// When each owner was last seen to use a unit: of those who hold something, or use it now.
    used: BTreeMap<(Owner, UnitId), WallTime>,
    held: Vec<Held>,
}

impl Beside {
    pub const fn new(book: Book) -> Self {
        Self { book, used: BTreeMap::new(), held: Vec::new() }
    }

    /// Who holds what by the ledger, for the meter; nothing while the ledger cannot be read.
    pub fn held(&self, view: &LedgerView) -> Option<&[Held]> {
        view.why.is_none().then_some(&self.held)
    }

    /// Reads what was appended, and holds the ledger against a look.
    pub fn look(&mut self, watch: &Watch<'_>, attribution: &Attribution) -> LedgerView {
        let why = self.book.look();
        let ledger = self.book.ledger();
        Held::of_ledger(&ledger, &mut self.held);
        let now = now();
        self.remember(&ledger, attribution, now);
        let report = self.report(&ledger, watch, attribution, now);
        let lines = report.lines.iter().map(|line| view(&ledger, watch, line, now)).collect();
        LedgerView { name: self.book.name(), entries: ledger.position().0, why, lines }
    }

    fn remember(&mut self, ledger: &Ledger, attribution: &Attribution, now: WallTime) {
        for line in &attribution.lines {
            if let Some(owner) = line.holder.owner() {
                self.used.insert((owner.clone(), line.unit), now);
            }
        }
        let holders: Vec<Owner> = ledger.holdings().filter_map(|held| held.holder()).collect();
        let holds = |owner: &Owner| holders.iter().any(|holder| is_same(holder, owner));
        self.used.retain(|(owner, _), last| *last == now || holds(owner));
    }

    fn report(&self, ledger: &Ledger, watch: &Watch<'_>, attribution: &Attribution, now: WallTime) -> Report {
        let given = watch.evidence().into_iter().flat_map(|list| &list.evidence);
        let used = self.used.iter().map(|((owner, unit), last)| Seen::used(owner.clone(), *unit, *last));
        let seen: Vec<Seen> = given.filter_map(Seen::of_evidence).chain(used).collect();
        let users = attribution.lines.iter().filter_map(|line| line.holder.owner());
        let there: BTreeSet<&Owner> = users.chain(watch.owners()).collect();
        let young = young(ledger, now);
        let presence = |owner: &Owner| {
            if there.contains(owner) || there.iter().any(|other| is_same(owner, other)) {
                return Presence::Here;
            }
            // Of containers and jobs all that have a process were found; of others only who uses a GPU.
            let is_listed =
                matches!(owner, Owner::Container(_) | Owner::Slurm(_)) && watch.evidence().is_some();
            if is_listed && !young.contains(owner) { Presence::Gone } else { Presence::Unknown }
        };
        // Who looks all the time sees when a use ends: from then on it is unused.
        Report::of(ledger, &Look { seen: &seen, presence: &presence, now, idle_after: Nanoseconds::ZERO })
    }
}

fn view(ledger: &Ledger, watch: &Watch<'_>, line: &Line, now: WallTime) -> HeldView {
    let holding = line.holding.and_then(|id| ledger.holding(id));
    let since = match line.finding {
        Finding::HeldAndUnused { since } => since,
        _ => holding.and_then(|holding| holding.held_since().or_else(|| holding.reserved_since())),
    };
    let (who, whose) = match &line.owner {
        Some(owner) => names(watch, owner),
        None => ("nobody yet".to_owned(), String::new()),
    };
    HeldView {
        unit: line.unit,
        place: place(watch.inventory(), line.unit),
        owner: line.owner.clone(),
        who,
        whose,
        finding: line.finding,
        since: since.map(|since| span(now.0.saturating_sub(since.0))),
        expires: holding.map_or_else(String::new, |holding| expires(holding.expiry(), now)),
        holding: line.holding.map_or_else(String::new, |id| id.to_string()),
        label: holding.and_then(|holding| holding.label()).unwrap_or_default().to_owned(),
    }
}

fn expires(expiry: Expiry, now: WallTime) -> String {
    match expiry {
        Expiry::At(time) if time <= now => "overdue".to_owned(),
        Expiry::At(time) => format!("in {}", span(time.0 - now.0)),
        Expiry::Lease(lease) => format!("lease {lease}"),
        other => other.to_string(),
    }
}

/// The time of day by which entries of a ledger are written, also beside a simulated machine.
fn now() -> WallTime {
    let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    WallTime(u64::try_from(since.as_nanos()).unwrap_or(u64::MAX))
}

/// Who has held something for less than a while.
fn young(ledger: &Ledger, now: WallTime) -> BTreeSet<Owner> {
    let is_young =
        |since: Option<WallTime>| since.is_some_and(|since| now.0.saturating_sub(since.0) < GRACE.get());
    let young = ledger.holdings().filter(|holding| is_young(holding.held_since()));
    young.filter_map(|holding| holding.holder()).collect()
}

/// Two names of one owner: who wrote one down may not have known of its pod, or of the job's step.
pub fn is_same(one: &Owner, other: &Owner) -> bool {
    match (one, other) {
        (Owner::Container(one), Owner::Container(other)) => one.id == other.id,
        (Owner::Slurm(one), Owner::Slurm(other)) => one.job.is_some() && one.job == other.job,
        (one, other) => one == other,
    }
}

/// Whether what is held and what is used can be the same: one lies in the other, whichever share.
pub fn touches(one: UnitId, other: UnitId) -> bool {
    let whole = |unit: UnitId| match unit {
        UnitId::Share(share) => share.whole(),
        unit => unit,
    };
    let (one, other) = (whole(one), whole(other));
    one.lies_in(other) || other.lies_in(one)
}
