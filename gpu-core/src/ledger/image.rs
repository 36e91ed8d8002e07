//! [`Image`]: all that a ledger is, in one order: what a snapshot holds.

use std::collections::BTreeMap;

use crate::fingerprint::{Fingerprint, Incarnation};
use crate::id::UnitId;
use crate::owner::Owner;
use crate::time::WallTime;

use super::Ledger;
use super::board::Board;
use super::entry::{Body, Claim};
use super::entry_id::{EntryId, HoldingId};
use super::expiry::Expiry;
use super::held::{Claims, Committed, Held, HeldClaim, Spot, When, Words};
use super::holder::Holder;
use super::label::Label;
use super::node_name::NodeName;
use super::position::{History, Position};
use super::recent::{Past, Recent};
use super::refusal::Ended;
use super::shape;
use super::table::Table;

/// All that a ledger is. Every list has one order.
pub(crate) struct Image {
    pub node: NodeName,
    pub position: Position,
    pub history: History,
    pub boards: Vec<Board>,
    pub withdrawn: Vec<(UnitId, Incarnation)>,
    pub holdings: Vec<HoldingImage>,
    pub recent: Vec<(EntryId, u64)>,
    pub past: Vec<(HoldingId, Ended)>,
}

/// All that a holding is.
pub(crate) struct HoldingImage {
    pub id: HoldingId,
    pub digest: u64,
    pub position: Position,
    pub at: Option<WallTime>,
    pub asked: Option<Fingerprint>,
    pub label: Option<Label>,
    pub expiry: Expiry,
    /// Each with whether it is gone.
    pub claims: Vec<(Claim, bool)>,
    pub commit: Option<CommitImage>,
}

/// All that is kept of a commit.
pub(crate) struct CommitImage {
    pub id: EntryId,
    pub digest: u64,
    pub position: Position,
    pub at: Option<WallTime>,
    pub holder: Owner,
}

impl Ledger {
    pub(crate) fn image(&self) -> Image {
        Image {
            node: self.node,
            position: self.position,
            history: self.history,
            boards: self.boards().collect(),
            withdrawn: self.table.withdrawn.iter().map(|(unit, life)| (*unit, *life)).collect(),
            holdings: self.holdings.iter().filter_map(|held| self.holding_image(held)).collect(),
            recent: self.recent.iter(self.position).collect(),
            past: self.past.iter().collect(),
        }
    }

    fn holding_image(&self, held: &Held) -> Option<HoldingImage> {
        let claims = held.claims.as_slice().iter().map(|claim| {
            let (unit, incarnation) = self.table.life(&claim.spot);
            let asked = Claim::new(unit, incarnation);
            let asked = asked.memory(crate::Bytes(claim.memory)).compute(crate::Count(claim.compute));
            (asked, matches!(claim.spot, Spot::Gone(_)))
        });
        let commit = match &held.commit {
            None => None,
            Some(Committed { id, digest, position, at, holder }) => {
                let holder = holder.get()?;
                let at = at.get();
                Some(CommitImage { id: *id, digest: *digest, position: *position, at, holder })
            }
        };
        let Held { id, digest, position, expiry, .. } = *held;
        let at = held.at.get();
        let words = held.words.as_deref();
        let (asked, label) =
            (words.and_then(|words| words.asked), words.and_then(|words| words.label.clone()));
        Some(HoldingImage {
            id,
            digest,
            position,
            at,
            asked,
            label,
            expiry,
            claims: claims.collect(),
            commit,
        })
    }

    /// The ledger of that image.
    ///
    /// # Errors
    /// What of it cannot be.
    pub(crate) fn from_image(image: Image) -> Result<Self, &'static str> {
        let mut ledger = Self::new(image.node);
        (ledger.position, ledger.history) = (image.position, image.history);
        let boards = Body::Inventory(image.boards);
        shape::check(&boards).map_err(|_| "boards that cannot be")?;
        let Body::Inventory(boards) = boards else { return Err("no boards") };
        let withdrawn = ascending(image.withdrawn)?;
        let count = withdrawn.len();
        ledger.table = Table::new(&boards, withdrawn);
        if ledger.table.withdrawn.len() != count {
            return Err("a partition that is withdrawn and is not there");
        }
        ledger.remember(&image.recent, &image.past)?;
        if !image.holdings.is_sorted_by(|one, next| one.id < next.id) {
            return Err("holdings that do not ascend");
        }
        for holding in image.holdings {
            ledger.put_back(holding)?;
        }
        ledger.check_state().map_err(|_| "holdings that cannot be together")?;
        Ok(ledger)
    }

    fn remember(
        &mut self,
        recent: &[(EntryId, u64)],
        past: &[(HoldingId, Ended)],
    ) -> Result<(), &'static str> {
        let count = recent.len() as u64;
        if count != self.position.0.min(Recent::WINDOW as u64) || past.len() > Past::WINDOW {
            return Err("more or less is remembered than the position says");
        }
        self.recent = Recent::of(recent, self.position);
        past.iter().for_each(|(holding, ended)| self.past.push(*holding, *ended));
        Ok(())
    }

    fn put_back(&mut self, image: HoldingImage) -> Result<(), &'static str> {
        let ascends = image.claims.is_sorted_by(|(one, _), (next, _)| one.unit < next.unit);
        if image.claims.is_empty() || image.claims.len() > Self::MOST_CLAIMS || !ascends {
            return Err("a holding of nothing, of too much, or out of order");
        }
        let mut claims = Vec::with_capacity(image.claims.len());
        for (claim, is_gone) in image.claims {
            let spot = if is_gone {
                Spot::Gone(Box::new((claim.unit, claim.incarnation)))
            } else {
                self.table
                    .find(claim.unit, claim.incarnation)
                    .map_err(|_| "a holding of what is not there")?
            };
            let (memory, compute) = (claim.memory.get(), claim.compute.get());
            let mut held = HeldClaim { spot, memory, compute, is_draining: false };
            held.is_draining = self.strain(&held).is_some();
            claims.push(held);
        }
        let commit = image.commit.map(|commit| Committed {
            id: commit.id,
            digest: commit.digest,
            position: commit.position,
            at: When::of(commit.at),
            holder: Holder::of(&commit.holder),
        });
        let HoldingImage { id, digest, position, at, asked, label, expiry, .. } = image;
        let claims = Claims::from(claims);
        let (at, words) = (When::of(at), Words::of(asked, label));
        let held = Held { id, digest, position, at, words, expiry, claims, commit };
        let number = self.holdings.insert(held);
        self.link(number);
        Ok(())
    }
}

fn ascending(units: Vec<(UnitId, Incarnation)>) -> Result<BTreeMap<UnitId, Incarnation>, &'static str> {
    let is_place = |(unit, _): &(UnitId, Incarnation)| !matches!(unit, UnitId::Share(_));
    let ascends = units.is_sorted_by(|(one, _), (next, _)| one < next);
    if !ascends || units.len() > Ledger::MOST_WITHDRAWN || !units.iter().all(is_place) {
        return Err("what is withdrawn does not ascend");
    }
    Ok(units.into_iter().collect())
}
