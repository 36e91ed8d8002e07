//! What an entry comes to, before anything changes.

use crate::exclusion::Exclusion;
use crate::fingerprint::Fingerprint;
use crate::id::UnitId;

use super::Ledger;
use super::entry::{Body, Claim, Commit, Entry, Expire, Renew, Reserve};
use super::entry_id::HoldingId;
use super::held::{Held, HeldClaim, Spot};
use super::holding::HoldingState;
use super::key::Key;
use super::position::Position;
use super::receipt::Receipt;
use super::recent::Recent;
use super::recut::Recut;
use super::refusal::{Conflict, Ended, Reason, Refusal};
use super::shape;

/// What an entry comes to.
pub(super) enum Verdict {
    /// It happened already.
    Repeated(Receipt),
    /// It is to happen.
    New(Effect),
}

/// What is to change. Nothing of it can fail.
pub(super) enum Effect {
    Reserve(Vec<HeldClaim>),
    Commit,
    End(HoldingId, Ended),
    Renew,
    Recut(Box<Recut>),
}

impl Ledger {
    pub(super) fn judge(&self, entry: &Entry, digest: u64) -> Result<Verdict, Refusal> {
        if entry.node != self.node {
            return Err(Reason::OtherNode { entry: entry.node.into(), ledger: self.node.into() }.into());
        }
        shape::check(&entry.body)?;
        if let Some((position, known)) = self.known(entry) {
            if known != digest {
                return Err(Reason::IdReused { id: entry.id, position }.into());
            }
            return Ok(Verdict::Repeated(receipt(entry, position)));
        }
        self.timely(entry.seen)?;
        let effect = match &entry.body {
            Body::Reserve(reserve) => self.reserve_effect(reserve),
            Body::Commit(commit) => self.commit_effect(commit),
            Body::Release(holding) => self.live(*holding).map(|_| Effect::End(*holding, Ended::Released)),
            Body::Expire(expire) => self.expire_effect(expire),
            Body::Renew(Renew { holding, .. }) => self.live(*holding).map(|_| Effect::Renew),
            Body::Inventory(boards) => Ok(self.inventory(boards)),
            Body::Repartition(board) => self.repartition(board),
            Body::Withdraw(units) => self.withdraw(units),
            Body::Restore(units) => self.restore(units),
        }?;
        Ok(Verdict::New(effect))
    }

    /// Where the entry of that id stands and the digest of its body, if either is remembered: by
    /// the holding that it made or changed, while that lives, or among the last entries.
    fn known(&self, entry: &Entry) -> Option<(Position, u64)> {
        if let Some(held) = self.holdings.get(HoldingId(entry.id)) {
            return Some((held.position, held.digest));
        }
        let about = entry.body.holding().and_then(|holding| self.holdings.get(holding));
        if let Some(commit) = about.and_then(|held| held.commit.as_ref()) {
            if commit.id == entry.id {
                return Some((commit.position, commit.digest));
            }
        }
        self.recent.find(entry.id, self.position)
    }

    /// Refuses what is so old that its id may have been forgotten, and what comes from a caller
    /// who has seen more than is here.
    fn timely(&self, seen: Position) -> Result<(), Refusal> {
        let position = self.position;
        if seen > position {
            return Err(Reason::Ahead { seen, position }.into());
        }
        // It can have happened at `seen + 1` at the earliest, and the last ids are remembered.
        if position.since(seen) > Recent::WINDOW as u64 {
            return Err(Reason::Outdated { seen, position }.into());
        }
        Ok(())
    }

    /// The receipt of what was reserved with this key for such a request.
    pub(crate) fn reserved(&self, key: Key, asked: Fingerprint) -> Result<Option<Receipt>, Refusal> {
        let (id, holding) = (key.id, key.holding());
        if let Some(held) = self.holdings.get(holding) {
            if held.words.as_ref().and_then(|words| words.asked) != Some(asked) {
                return Err(Reason::IdReused { id, position: held.position }.into());
            }
            return Ok(Some(Receipt { id, position: held.position, holding: Some(holding) }));
        }
        match self.recent.find(id, self.position) {
            // It was reserved and has ended, or the id is no reservation's: not to be had again.
            Some((position, _)) => match self.past.find(holding) {
                Some(ended) => Err(Reason::NotHeld { holding, ended: Some(ended) }.into()),
                None => Err(Reason::IdReused { id, position }.into()),
            },
            None => self.timely(key.seen).map(|()| None),
        }
    }

    pub(super) fn live(&self, holding: HoldingId) -> Result<&Held, Refusal> {
        self.holdings
            .get(holding)
            .ok_or_else(|| Reason::NotHeld { holding, ended: self.past.find(holding) }.into())
    }

    fn commit_effect(&self, commit: &Commit) -> Result<Effect, Refusal> {
        let holding = commit.holding;
        let held = self.live(holding)?;
        if held.commit.is_some() {
            return Err(Reason::AlreadyHeld { holding }.into());
        }
        if held.state() == HoldingState::Lost {
            return Err(Reason::Gone { holding }.into());
        }
        Ok(Effect::Commit)
    }

    fn expire_effect(&self, expire: &Expire) -> Result<Effect, Refusal> {
        let Expire { holding, expiry } = *expire;
        let held = self.live(holding)?;
        if held.expiry != expiry || expiry == super::expiry::Expiry::Never {
            return Err(Reason::OtherExpiry { holding, expiry: held.expiry }.into());
        }
        Ok(Effect::End(holding, Ended::Expired))
    }

    fn reserve_effect(&self, reserve: &Reserve) -> Result<Effect, Refusal> {
        let located = reserve.claims.iter().map(|claim| self.located(claim));
        let located: Vec<HeldClaim> = located.collect::<Result<_, _>>()?;
        let mut by = Vec::new();
        for (claim, held) in reserve.claims.iter().zip(&located) {
            if !self.is_free_at(&held.spot) {
                self.conflicts(claim.unit, &mut by);
            }
        }
        if !by.is_empty() {
            by.sort_unstable();
            return Err(Reason::Taken { by }.into());
        }
        Ok(Effect::Reserve(located))
    }

    /// The claim where its unit stands, if that can be had and has enough.
    fn located(&self, claim: &Claim) -> Result<HeldClaim, Refusal> {
        let spot = self.table.find(claim.unit, claim.incarnation)?;
        let held =
            HeldClaim { spot, memory: claim.memory.get(), compute: claim.compute.get(), is_draining: false };
        match self.strain(&held) {
            Some(reason) => Err(reason.into()),
            None => Ok(held),
        }
    }

    /// Why a unit that stands somewhere is not to be had like this.
    pub(super) fn strain(&self, claim: &HeldClaim) -> Option<Reason> {
        let Spot::Here { row, seat: at, share } = claim.spot else { return None };
        let seat = self.table.seat(row, at)?;
        let unit = || self.table.life(&claim.spot).0;
        let no = |why| Some(Reason::NotOffered { unit: unit(), why });
        match (share, &seat.shared) {
            (None, _) if !seat.is_holdable => return no("only parts of it can be"),
            (Some(_), None) => return no("it is not declared shared"),
            (Some(share), Some(declared)) if share.n != declared.replicas || share.k >= share.n => {
                return no("it is declared shared otherwise");
            }
            _ => {}
        }
        if seat.is_withdrawn {
            return Some(Reason::Withdrawn { unit: unit() });
        }
        // Shares have nothing of their own: what they see is there once for all of them.
        let own = |has: Option<u64>| if share.is_some() { None } else { has };
        let short = |what, asked: u64, has: Option<u64>| {
            let is_short = asked > has.unwrap_or(0);
            is_short.then(|| Reason::TooSmall { unit: unit(), what, asked, has })
        };
        short("memory", claim.memory, own(seat.memory.get()))
            .or_else(|| short("compute units", claim.compute, own(seat.compute.get())))
    }

    /// True where it is known without looking at each claim that none excludes the unit there.
    fn is_free_at(&self, spot: &Spot) -> bool {
        let Spot::Here { row, seat, .. } = *spot else { return false };
        // What excludes no whole excludes none of its shares.
        self.table.seat(row, seat).is_some_and(|seat| seat.excluded == 0)
    }

    /// Adds every claim that excludes `asked`.
    pub(super) fn conflicts(&self, asked: UnitId, by: &mut Vec<Conflict>) {
        let Some(number) = self.table.row(asked.device()) else { return };
        for on in &self.table.rows[number as usize].claims {
            let Some(held) = self.holdings.at(on.holding) else { continue };
            let claim = &held.claims.as_slice()[on.at as usize];
            let (unit, _) = self.table.life(&claim.spot);
            if let Some(exclusion) = Exclusion::between(unit, asked) {
                let state = claim.state(held.phase());
                by.push(Conflict { holding: held.id, held: unit, asked, exclusion, state });
            }
        }
    }
}

pub(super) fn receipt(entry: &Entry, position: Position) -> Receipt {
    let holding = match &entry.body {
        Body::Reserve(_) => Some(HoldingId(entry.id)),
        body => body.holding(),
    };
    Receipt { id: entry.id, position, holding }
}
