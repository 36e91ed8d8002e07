//! [`Call`]: what a caller wants, before it is an entry.

use gpu_core::Owner;
use gpu_core::choose::{Denied, Proposal, Request};
use gpu_core::ledger::{Body, Commit, Entry, Expire, Expiry, Key, Ledger, Renew};

/// What a caller wants. It becomes an entry when the ledger is known that it is for, and another
/// one when others came first.
#[derive(Clone, Debug)]
pub(super) enum Call {
    Entry(Box<Entry>),
    Reserve(Key, Box<Request>),
    Commit(Key, Box<Owner>, Expiry),
    Release(Key),
    Renew(Key, Expiry),
    Expire(Expire),
}

impl Call {
    /// The entry that it comes to for such a ledger.
    pub fn propose(&self, ledger: &Ledger) -> Result<Proposal, Denied> {
        let entry = match self {
            Self::Entry(entry) => return Ok(Proposal::New(entry.clone())),
            Self::Reserve(key, request) => return ledger.propose_reserve(*key, request),
            Self::Commit(key, holder, expiry) => {
                let mut entry = ledger.commit_entry(*key, (**holder).clone());
                if let Body::Commit(Commit { expiry: until, .. }) = &mut entry.body {
                    *until = *expiry;
                }
                entry
            }
            Self::Release(key) => ledger.release_entry(*key),
            Self::Renew(key, expiry) => {
                let renew = Renew { holding: key.holding(), expiry: *expiry };
                // One of each position: a renewal that is called again renews again.
                let step = ledger.position().0.wrapping_mul(4);
                let id = key.holding().0.step(step.wrapping_add(4));
                ledger.entry(Key { id, seen: ledger.position(), ..*key }, Body::Renew(renew))
            }
            Self::Expire(expire) => expire_entry(ledger, *expire),
        };
        Ok(Proposal::New(Box::new(entry)))
    }
}

/// Everybody who sees that a holding's time has come makes the same entry: one of each life of a
/// holding. What is not held is left to the ledger to refuse.
fn expire_entry(ledger: &Ledger, expire: Expire) -> Entry {
    let reserved_at = ledger.holding(expire.holding).map_or(0, |holding| holding.reserved_at().0);
    let step = reserved_at.wrapping_mul(4).wrapping_add(3);
    let key = Key::new(expire.holding.0.step(step), ledger.position());
    ledger.entry(key, Body::Expire(expire))
}
