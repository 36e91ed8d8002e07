//! `reconcile`: the ledger beside what the machine shows.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use gpu_accounting::ledger::{Entry, Ledger, Receipt};
use gpu_accounting::reconcile::{Look, Presence, Report, Seen};
use gpu_accounting::{Nanoseconds, Owner, WallTime};

use crate::args::Args;
use crate::failure::Failure;
use crate::source::Source;
use crate::store::Store;
use crate::{fresh, grant};

/// Between the two looks: engine time is counted from one to the next.
const OVER: Duration = Duration::from_millis(500);

/// What was found, and what was done about it.
pub struct Reconciled {
    pub ledger: Arc<Ledger>,
    pub report: Report,
    /// What would repair it.
    pub repairs: Vec<Entry>,
    /// What came of each; none where nothing was to be done.
    pub repaired: Vec<Result<Receipt, Failure>>,
}

impl Reconciled {
    /// Whether nothing is left to do.
    pub fn is_clean(&self) -> bool {
        let is_repaired =
            self.repaired.len() == self.repairs.len() && self.repaired.iter().all(Result::is_ok);
        self.report.is_clean() || (is_repaired && !self.repairs.is_empty() && !self.is_for_people())
    }

    fn is_for_people(&self) -> bool {
        use gpu_accounting::reconcile::Finding;
        let people = |finding| matches!(finding, Finding::LostToTheLiving | Finding::UsedAndNotHeld);
        self.report.lines.iter().any(|line| people(line.finding))
    }
}

pub fn reconcile(args: &Args, source: &Source, store: &Store) -> Result<Reconciled, Failure> {
    // What is lost is told by an inventory; what is overdue is told by the report, and not done yet.
    grant::tell_inventory(args, source, store)?;
    let ledger = store.ledger()?;
    let mut watch = source.node.watch();
    watch.look();
    wait(source);
    let attribution = watch.look();
    let now = store.now();
    let seen = seen(&attribution, watch.evidence(), now);
    let users = attribution.lines.iter().filter_map(|line| line.holder.owner());
    let there: BTreeSet<&Owner> = users.chain(watch.owners()).collect();
    let young = young(&ledger, now, args.grace);
    let presence = |owner: &Owner| {
        if there.contains(owner) || there.iter().any(|other| is_same(owner, other)) {
            return Presence::Here;
        }
        // Of containers and jobs all that have a process were found; of others only who uses a GPU.
        let is_listed = matches!(owner, Owner::Container(_) | Owner::Slurm(_)) && watch.evidence().is_some();
        if is_listed && !young.contains(owner) { Presence::Gone } else { Presence::Unknown }
    };
    let idle_after = Nanoseconds(u64::try_from(args.idle.as_nanos()).unwrap_or(u64::MAX));
    let look = Look { seen: &seen, presence: &presence, now, idle_after };
    let report = Report::of(&ledger, &look);
    let repairs = report.repairs(&ledger, fresh::id);
    let repaired = match args.repair {
        true => repairs.iter().map(|entry| Ok(store.keeper.apply(entry)?)).collect(),
        false => Vec::new(),
    };
    Ok(Reconciled { ledger, report, repairs, repaired })
}

/// Who uses what, by memory or engine time; and who was given what.
fn seen(
    attribution: &gpu_accounting::attribution::Attribution,
    evidence: Option<&gpu_accounting::EvidenceList>,
    now: WallTime,
) -> Vec<Seen> {
    let given = evidence.into_iter().flat_map(|list| &list.evidence).filter_map(Seen::of_evidence);
    let used = attribution.lines.iter().filter_map(|line| {
        let owner = line.holder.owner()?.clone();
        Some(Seen::used(owner, line.unit, now))
    });
    given.chain(used).collect()
}

/// Two names of one owner: who wrote one down may not have known of its pod, or of the job's step.
fn is_same(one: &Owner, other: &Owner) -> bool {
    match (one, other) {
        (Owner::Container(one), Owner::Container(other)) => one.id == other.id,
        (Owner::Slurm(one), Owner::Slurm(other)) => one.job.is_some() && one.job == other.job,
        (one, other) => one == other,
    }
}

/// Who has held something for less than a while: he may be on his way.
fn young(ledger: &Ledger, now: WallTime, grace: Duration) -> BTreeSet<Owner> {
    let grace = u64::try_from(grace.as_nanos()).unwrap_or(u64::MAX);
    let is_young = |since: Option<WallTime>| since.is_some_and(|since| now.0.saturating_sub(since.0) < grace);
    let young = ledger.holdings().filter(|holding| is_young(holding.held_since()));
    young.filter_map(|holding| holding.holder()).collect()
}

fn wait(source: &Source) {
    match &source.world {
        Some(world) => world.clock().advance(Nanoseconds(u64::try_from(OVER.as_nanos()).unwrap_or(u64::MAX))),
        None => std::thread::sleep(OVER),
    }
}
