//! [`among`]: what of one node would do.

use crate::exclusion::Exclusion;
use crate::id::UnitId;
use crate::ledger::{Ledger, Outlook};
use crate::quantity::Bytes;

use super::candidate::Candidate;
use super::pick::{Pick, Picks, to_free, unfit};
use super::request::{Request, Unasked};
use super::unmet::Unmet;

/// Most candidates that are told: the best.
const MOST: usize = 16;

/// What of a node would do, the best first: at most sixteen candidates, at least one.
///
/// # Errors
/// When nothing would: never, or not now, and what would have to be freed.
///
/// ```
/// use gpu_core::choose::{self, Request};
/// use gpu_core::ledger::{Ledger, Outlook};
/// let nothing = Ledger::new("node-1".parse()?);
/// let unmet = choose::among(&nothing, &Request::any()).unwrap_err();
/// assert_eq!((unmet.outlook, unmet.there), (Outlook::Never, 0));
/// # Ok::<(), gpu_core::ParseError>(())
/// ```
pub fn among(ledger: &Ledger, request: &Request) -> Result<Vec<Candidate>, Unmet> {
    let picks = Picks::of(ledger, request);
    let candidates = if request.count == 1 {
        // One unit is on one NUMA node, and on its own island.
        picks.free.iter().take(MOST).map(|pick| candidate(ledger, request, &[*pick])).collect()
    } else {
        together(ledger, request, &picks)
    };
    if candidates.is_empty() { Err(unmet(ledger, request, &picks)) } else { Ok(candidates) }
}

/// The same, in the order of a policy of one's own: the smallest first.
///
/// # Errors
/// As [`among`].
///
/// ```
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// use gpu_core::Backend;
/// use gpu_core::choose::{self, Candidate, Request};
/// use gpu_core::ledger::{Board, Body, EntryId, Ledger};
/// let inventory = gpu_sim::Machine::preset("hgx-h100-8")?.backend().inventory()?;
/// let mut ledger = Ledger::new("node-1".parse()?);
/// ledger.apply(&ledger.entry(ledger.key(EntryId(1)), Body::Inventory(Board::all(&inventory, &[]))))?;
/// // The last device first.
/// let policy = |candidate: &Candidate| std::cmp::Reverse(candidate.units[0].claim.unit);
/// let last = ledger.boards().last().map(|board| board.device.into());
/// assert_eq!(Some(choose::by(&ledger, &Request::any(), policy)?[0].units[0].claim.unit), last);
/// # Ok(())
/// # }
/// ```
pub fn by<K: Ord>(
    ledger: &Ledger,
    request: &Request,
    policy: impl Fn(&Candidate) -> K,
) -> Result<Vec<Candidate>, Unmet> {
    let mut candidates = among(ledger, request)?;
    candidates.sort_by_key(policy);
    Ok(candidates)
}

/// One candidate of each group that has enough.
fn together(ledger: &Ledger, request: &Request, picks: &Picks) -> Vec<Candidate> {
    let group = |pick: &Pick| {
        let numa = if request.same_numa { pick.numa.map(Some) } else { Some(None) };
        let island = if request.same_island { pick.island.map(Some) } else { Some(None) };
        numa.zip(island)
    };
    let mut groups: Vec<_> = picks.free.iter().filter_map(group).collect();
    groups.sort_unstable();
    groups.dedup();
    let mut sets: Vec<Vec<Pick>> = Vec::new();
    for wanted in groups {
        let of: Vec<Pick> = picks.free.iter().filter(|pick| group(pick) == Some(wanted)).copied().collect();
        sets.extend(several(ledger, request, &of));
    }
    let mut candidates: Vec<Candidate> = sets.iter().map(|set| candidate(ledger, request, set)).collect();
    candidates.sort_by_cached_key(|one| {
        let boards = if request.spread { u32::MAX - one.boards } else { one.boards };
        let first = one.units.first().map(|chosen| chosen.claim.unit);
        (one.distance, one.waste, boards, one.fresh, first)
    });
    candidates.truncate(MOST);
    candidates
}

/// As many as are asked for, the best first, none excluding another.
fn several(ledger: &Ledger, request: &Request, of: &[Pick]) -> Option<Vec<Pick>> {
    let count = usize::from(request.count);
    let mut set: Vec<(UnitId, Pick)> = Vec::with_capacity(count.min(of.len()));
    let mut left: Vec<(UnitId, Pick)> = of.iter().map(|pick| (pick.unit(ledger), *pick)).collect();
    // Small ones come first, so that no large one stands in the way of several. To spread, each
    // round takes one of each board.
    for most in 1..=if request.spread { count } else { 1 } {
        let mut rest = Vec::new();
        for (unit, pick) in left {
            let on_board = set.iter().filter(|(_, other)| other.at.row == pick.at.row).count();
            if set.len() == count || (request.spread && on_board >= most) {
                rest.push((unit, pick));
            } else if set.iter().all(|(other, _)| Exclusion::between(*other, unit).is_none()) {
                set.push((unit, pick));
            }
        }
        left = rest;
    }
    (set.len() == count && count > 0).then(|| set.into_iter().map(|(_, pick)| pick).collect())
}

fn candidate(ledger: &Ledger, request: &Request, picks: &[Pick]) -> Candidate {
    let mut units: Vec<_> = picks.iter().map(|pick| pick.chosen(ledger, request)).collect();
    units.sort_unstable_by_key(|chosen| chosen.claim.unit);
    let waste = picks.iter().fold(0, |sum: u64, pick| sum.saturating_add(pick.waste));
    let mut boards: Vec<(u32, bool)> = picks.iter().map(|pick| (pick.at.row, pick.is_fresh)).collect();
    boards.sort_unstable();
    boards.dedup();
    let count = |boards: usize| u32::try_from(boards).unwrap_or(u32::MAX);
    let fresh = count(boards.iter().filter(|(_, is_fresh)| *is_fresh).count());
    let distance = picks.iter().map(|pick| pick.distance).max().unwrap_or_default();
    Candidate { units, waste: Bytes(waste), boards: count(boards.len()), fresh, distance }
}

fn unmet(ledger: &Ledger, request: &Request, picks: &Picks) -> Unmet {
    let (asked, free) = (u32::from(request.count), u32::try_from(picks.free.len()).unwrap_or(u32::MAX));
    let alone = Request { same_numa: false, same_island: false, ..request.clone() };
    let apart = request.count > 1 && !together(ledger, &alone, picks).is_empty();
    let is_possible = asked > 0 && is_possible(ledger, request);
    let outlook = if is_possible { Outlook::NotNow } else { Outlook::Never };
    let missing = if apart { asked } else { asked.saturating_sub(free).max(1) };
    let to_free = if is_possible { to_free(ledger, request, missing) } else { Vec::new() };
    let unfit = if is_possible { unfit(ledger, request) } else { Vec::new() };
    Unmet { outlook, asked, there: picks.there, free, to_free, apart, unfit }
}

/// Whether it would do if nobody held anything, nothing were withdrawn and all were well.
fn is_possible(ledger: &Ledger, request: &Request) -> bool {
    let empty = ledger.without_holdings();
    let request = Request { unfit: Unasked::default(), ..request.clone() };
    let picks = Picks::of(&empty, &request);
    if request.count == 1 { !picks.free.is_empty() } else { !together(&empty, &request, &picks).is_empty() }
}
