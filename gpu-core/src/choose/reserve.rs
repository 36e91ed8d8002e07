//! [`Ledger::reserve`]: choose and reserve, by a key that makes it repeatable.

use core::fmt;
use std::error::Error as StdError;

use crate::ledger::{Body, Commit, Entry, Expiry, Key, Ledger, Receipt, Refusal, Reserve};
use crate::owner::{Container, Owner};

use super::find::among;
use super::request::Request;
use super::unmet::Unmet;

/// Why nothing was reserved.
#[derive(Clone, PartialEq, Eq, Debug)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[cfg_attr(feature = "serde", serde(rename_all = "snake_case"))]
#[non_exhaustive]
pub enum Denied {
    /// No units would do.
    Unmet(Unmet),
    /// The ledger refuses.
    Refused(Refusal),
}

/// What a call comes to, before anything is applied: for whoever writes entries down first.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Proposal {
    /// It happened already.
    Known(Receipt),
    /// The entry to write down and apply.
    New(Box<Entry>),
}

impl fmt::Display for Denied {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unmet(unmet) => unmet.fmt(f),
            Self::Refused(refusal) => refusal.fmt(f),
        }
    }
}

impl StdError for Denied {
    fn source(&self) -> Option<&(dyn StdError + 'static)> {
        match self {
            Self::Unmet(unmet) => Some(unmet),
            Self::Refused(refusal) => Some(refusal),
        }
    }
}

impl From<Unmet> for Denied {
    fn from(unmet: Unmet) -> Self {
        Self::Unmet(unmet)
    }
}

impl From<Refusal> for Denied {
    fn from(refusal: Refusal) -> Self {
        Self::Refused(refusal)
    }
}

impl From<Container> for Owner {
    fn from(container: Container) -> Self {
        Self::Container(container)
    }
}

impl Ledger {
    /// Chooses units and reserves them. With the same key and request again it is the same
    /// reservation, however long it takes to come to be held, and the same receipt.
    ///
    /// # Errors
    /// When no units would do, or the key is another's, has ended, or is older than the ledger's
    /// memory of ids.
    ///
    /// ```
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// use gpu_core::{Backend, Bytes, Container, PciAddress, Runtime};
    /// use gpu_core::choose::Request;
    /// use gpu_core::ledger::{Board, Body, EntryId, Ledger};
    /// let inventory = gpu_sim::Machine::preset("mixed")?.backend().inventory()?;
    /// let mut ledger = Ledger::new("node-1".parse()?);
    /// ledger.apply(&ledger.entry(ledger.key(EntryId(1)), Body::Inventory(Board::all(&inventory, &[]))))?;
    ///
    /// let (key, nic) = (ledger.key(EntryId(2)), PciAddress::new(0, 0x18, 0, 0));
    /// let request = Request::memory(Bytes::gib(4)).exclusive().near(nic);
    /// let receipt = ledger.reserve(key, &request)?;
    /// assert_eq!(ledger.reserve(key, &request)?, receipt);
    /// ledger.commit(key, Container::new(Runtime::Containerd, "train-7".parse()?))?;
    /// assert_eq!(ledger.reserve(key, &request)?, receipt);
    /// ledger.release(key)?;
    /// # Ok(())
    /// # }
    /// ```
    pub fn reserve(&mut self, key: Key, request: &Request) -> Result<Receipt, Denied> {
        match self.propose_reserve(key, request)? {
            Proposal::Known(receipt) => Ok(receipt),
            Proposal::New(entry) => Ok(self.apply(&entry)?),
        }
    }

    /// The holder of what was reserved with this key is there. It is held until it is released;
    /// for another expiry see [`Body::Commit`]. A receipt says that it happened: the same one comes
    /// back, for as long as it is remembered, when the holding has ended meanwhile.
    ///
    /// # Errors
    /// When there is no such reservation, or it has another holder.
    pub fn commit(&mut self, key: Key, holder: impl Into<Owner>) -> Result<Receipt, Refusal> {
        self.apply(&self.commit_entry(key, holder))
    }

    /// Ends what was reserved with this key.
    ///
    /// # Errors
    /// When there is no such holding.
    pub fn release(&mut self, key: Key) -> Result<Receipt, Refusal> {
        self.apply(&self.release_entry(key))
    }

    /// What [`reserve`](Self::reserve) comes to, before it is applied.
    ///
    /// # Errors
    /// As [`reserve`](Self::reserve).
    pub fn propose_reserve(&self, key: Key, request: &Request) -> Result<Proposal, Denied> {
        let asked = request.fingerprint();
        if let Some(receipt) = self.reserved(key, asked)? {
            return Ok(Proposal::Known(receipt));
        }
        let candidates = among(self, request)?;
        let claims = candidates.first().into_iter().flat_map(|candidate| candidate.claims());
        let mut reserve = Reserve::new(claims).until(request.expiry);
        (reserve.label, reserve.asked) = (request.label.clone(), Some(asked));
        Ok(Proposal::New(Box::new(self.entry(key, Body::Reserve(reserve)))))
    }

    /// The entry of [`commit`](Self::commit).
    ///
    /// It says that everything has been seen: a holding remembers who committed it as long as it
    /// lives, and one that has ended cannot be committed.
    #[must_use]
    pub fn commit_entry(&self, key: Key, holder: impl Into<Owner>) -> Entry {
        let commit = Commit { holding: key.holding(), holder: holder.into(), expiry: Expiry::Never };
        let key = Key { id: key.step(1), seen: self.position(), ..key };
        self.entry(key, Body::Commit(commit))
    }

    /// The entry of [`release`](Self::release). Nothing can be released twice, whatever has been
    /// seen.
    #[must_use]
    pub fn release_entry(&self, key: Key) -> Entry {
        let holding = key.holding();
        let key = Key { id: key.step(2), seen: self.position(), ..key };
        self.entry(key, Body::Release(holding))
    }
}
