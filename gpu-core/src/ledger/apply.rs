//! What an entry does.

use crate::stored;

use super::Ledger;
use super::entry::{Body, Entry, Reserve};
use super::entry_id::HoldingId;
use super::held::{Claims, Committed, Held, HeldClaim, When, Words};
use super::holder::Holder;
use super::judge::{Effect, Verdict, receipt};
use super::receipt::Receipt;
use super::refusal::{Ended, Refusal};
use super::table::ClaimOn;

impl Ledger {
    /// Most bytes that are kept for the next entry.
    const SCRATCH: usize = 512;

    /// Makes an entry happen, once: the same entry again gives the same receipt and changes
    /// nothing. Which holdings an entry about units moved is in [`Ledger::moved`] afterwards.
    ///
    /// # Errors
    /// See [`Reason`](super::Reason). A refusal changes nothing.
    ///
    /// ```
    /// use gpu_core::{Bytes, DeviceId, Incarnation, PciAddress, Vendor};
    /// use gpu_core::ledger::{Board, Body, Claim, Entry, EntryId, Ledger, Offer, Outlook, Reserve};
    /// let mut ledger = Ledger::new("node-1".parse()?);
    /// let gpu = DeviceId::from_pci(Vendor::NVIDIA, PciAddress::new(0, 0x1b, 0, 0));
    /// let life = Incarnation::default();
    /// let board = Board::new("H100", Offer::new(gpu, life).memory(Bytes::gib(80)));
    /// let seen = ledger.entry(ledger.key(EntryId(1)), Body::Inventory(vec![board]));
    /// ledger.apply(&seen)?;
    ///
    /// let claim = Claim::new(gpu, life).memory(Bytes::gib(20));
    /// let entry = ledger.entry(ledger.key(EntryId(2)), Body::Reserve(Reserve::new([claim])));
    /// let receipt = ledger.apply(&entry)?;
    /// assert_eq!(ledger.apply(&entry)?, receipt);
    ///
    /// let other = ledger.entry(ledger.key(EntryId(3)), Body::Reserve(Reserve::new([claim])));
    /// let refused = ledger.apply(&other).unwrap_err();
    /// assert_eq!((refused.outlook(), refused.to_free()), (Outlook::NotNow, vec![receipt.holding.unwrap()]));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn apply(&mut self, entry: &Entry) -> Result<Receipt, Refusal> {
        let mut bytes = std::mem::take(&mut self.scratch);
        bytes.clear();
        let (digest, whole) = stored::digests(&mut bytes, self.history.0, entry);
        // What an inventory takes is not kept for the entries in between.
        if bytes.capacity() <= Self::SCRATCH {
            self.scratch = bytes;
        }
        match self.judge(entry, digest)? {
            Verdict::Repeated(receipt) => Ok(receipt),
            Verdict::New(effect) => {
                self.moved.clear();
                self.position = self.position.next();
                self.history.0 = whole;
                self.recent.push(entry.id, digest, self.position);
                self.settle(entry, effect, digest);
                Ok(receipt(entry, self.position))
            }
        }
    }

    /// What [`apply`](Self::apply) would answer, without doing anything.
    ///
    /// # Errors
    /// See [`Reason`](super::Reason).
    pub fn preview(&self, entry: &Entry) -> Result<Receipt, Refusal> {
        let (digest, _) = stored::digests(&mut Vec::new(), self.history.0, entry);
        match self.judge(entry, digest)? {
            Verdict::Repeated(receipt) => Ok(receipt),
            Verdict::New(_) => Ok(receipt(entry, self.position.next())),
        }
    }

    fn settle(&mut self, entry: &Entry, effect: Effect, digest: u64) {
        match (effect, &entry.body) {
            (Effect::Reserve(claims), Body::Reserve(reserve)) => {
                self.settle_reserve(entry, reserve, claims, digest);
            }
            (Effect::Commit, Body::Commit(commit)) => {
                let (position, at) = (self.position, When::of(entry.at));
                let holder = Holder::of(&commit.holder);
                if let Some(held) = self.holdings.get_mut(commit.holding) {
                    held.commit = Some(Committed { id: entry.id, digest, position, at, holder });
                    held.expiry = commit.expiry;
                }
            }
            (Effect::End(holding, ended), _) => self.end(holding, ended),
            (Effect::Renew, Body::Renew(renew)) => {
                if let Some(held) = self.holdings.get_mut(renew.holding) {
                    held.expiry = renew.expiry;
                }
            }
            (Effect::Recut(recut), _) => self.settle_recut(*recut),
            // An effect is made of its own body: `judge` makes no others.
            (Effect::Reserve(_) | Effect::Commit | Effect::Renew, _) => {}
        }
    }

    fn settle_reserve(&mut self, entry: &Entry, reserve: &Reserve, claims: Vec<HeldClaim>, digest: u64) {
        let number = self.holdings.insert(Held {
            id: HoldingId(entry.id),
            digest,
            position: self.position,
            at: When::of(entry.at),
            words: Words::of(reserve.asked, reserve.label.clone()),
            expiry: reserve.expiry,
            claims: Claims::from(claims),
            commit: None,
        });
        self.link(number);
    }

    /// Enters the claims of a holding with their boards.
    pub(super) fn link(&mut self, number: u32) {
        let Some(held) = self.holdings.at(number) else { return };
        for (at, claim) in (0..).zip(held.claims.as_slice()) {
            self.table.enter(ClaimOn { holding: number, at }, &claim.spot);
        }
    }

    fn end(&mut self, holding: HoldingId, ended: Ended) {
        let Some((number, held)) = self.holdings.remove(holding) else { return };
        for (at, claim) in (0..).zip(held.claims.as_slice()) {
            self.table.leave(ClaimOn { holding: number, at }, &claim.spot);
        }
        self.past.push(holding, ended);
    }
}
