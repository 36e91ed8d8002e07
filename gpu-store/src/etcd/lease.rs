//! [`Lease`]: what ends when nobody keeps it up.

use core::time::Duration;
use std::collections::BTreeSet;

use gpu_core::ledger::{Expire, Expiry, Ledger};

use crate::error::{Error, ErrorKind};

use super::client::Said;
use super::journal::EtcdJournal;
use super::trouble::Trouble;
use super::wire::{LeaseAnswer, LeaseAsk, LeaseGrant, Number, Streamed};

/// A lease of etcd's: it ends when nobody keeps it up, by etcd's clock and no other.
///
/// A holding with [`Expiry::Lease`] of its number ends when an [`Expire`] entry says so, which anybody
/// may apply once the lease has ended ([`EtcdJournal::ended`]). Nothing else comes of it.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
#[non_exhaustive]
pub struct Lease {
    /// etcd's number of it.
    pub id: u64,
    /// How long it lasts from one time that it is kept up to the next. etcd may grant more than was
    /// asked for.
    pub lasts: Duration,
}

impl Lease {
    /// What ends a holding with it.
    #[must_use]
    pub const fn expiry(&self) -> Expiry {
        Expiry::Lease(self.id)
    }
}

/// How a lease stands.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
#[non_exhaustive]
pub enum LeaseState {
    /// It is there, for so long if nobody keeps it up.
    Alive {
        /// In whole seconds.
        left: Duration,
    },
    /// It has ended, or never was. It does not come back.
    Ended,
}

impl EtcdJournal {
    /// A new lease of at least so long, in whole seconds.
    ///
    /// # Errors
    /// [`Invalid`](ErrorKind::Invalid) for more than etcd takes (nine thousand million seconds); and
    /// when etcd cannot be asked.
    pub fn grant(&self, lasts: Duration) -> Result<Lease, Error> {
        const MOST: u64 = 9_000_000_000;
        let seconds = lasts.as_secs().saturating_add(u64::from(lasts.subsec_nanos() > 0)).max(1);
        let Some(ttl) = i64::try_from(seconds).ok().filter(|_| seconds <= MOST) else {
            let detail = format!("a lease of {seconds} s; etcd grants at most {MOST}");
            return Err(Error::new(ErrorKind::Invalid, self.client.place(), detail));
        };
        // A lease whose number was lost ends by itself.
        let said: Result<Said<LeaseAnswer>, _> =
            self.client.call("lease/grant", &LeaseGrant { ttl: Number(ttl) });
        let LeaseAnswer { id, ttl } = said.map_err(|trouble| trouble.at(self.client.place()))?.answer;
        match (u64::try_from(id.0), u64::try_from(ttl.0)) {
            (Ok(id), Ok(ttl)) if id > 0 && ttl > 0 => Ok(Lease { id, lasts: Duration::from_secs(ttl) }),
            _ => Err(Error::new(ErrorKind::Io, self.client.place(), "a lease without number or time")),
        }
    }

    /// Keeps a lease up: from now on it lasts as long again.
    ///
    /// # Errors
    /// When etcd cannot be asked: whether the lease goes on is not known then.
    pub fn keep_alive(&self, lease: u64) -> Result<LeaseState, Error> {
        self.lease_answer::<Streamed<LeaseAnswer>>("lease/keepalive", lease, |answer| answer.result)
    }

    /// How a lease stands.
    ///
    /// # Errors
    /// When etcd cannot be asked.
    pub fn lease(&self, lease: u64) -> Result<LeaseState, Error> {
        self.lease_answer::<LeaseAnswer>("lease/timetolive", lease, Some)
    }

    /// Ends a lease now. One that has ended already has.
    ///
    /// # Errors
    /// When etcd cannot be asked, or does not let this user.
    pub fn revoke(&self, lease: u64) -> Result<(), Error> {
        let Ok(id) = i64::try_from(lease) else { return Ok(()) };
        let said: Result<Said<serde::de::IgnoredAny>, _> =
            self.client.call("lease/revoke", &LeaseAsk { id: Number(id) });
        match said {
            Ok(_) => Ok(()),
            Err(Trouble::Refused(refused)) if refused.is_no_lease() => Ok(()),
            Err(trouble) => Err(trouble.at(self.client.place())),
        }
    }

    /// The holdings of a ledger whose lease has ended, ascending: for each an [`Expire`] entry is due, as
    /// for those of [`Ledger::due`] by the time of day. etcd says which, and no clock of this machine.
    ///
    /// # Errors
    /// When etcd cannot be asked: nothing is said to have ended then.
    pub fn ended(&self, ledger: &Ledger) -> Result<Vec<Expire>, Error> {
        let of_lease = |expiry| match expiry {
            Expiry::Lease(lease) => Some(lease),
            _ => None,
        };
        let leases: BTreeSet<u64> =
            ledger.holdings().filter_map(|holding| of_lease(holding.expiry())).collect();
        let mut ended = Vec::new();
        for lease in leases {
            if self.lease(lease)? == LeaseState::Ended {
                ended.extend(ledger.of_lease(lease));
            }
        }
        ended.sort_unstable_by_key(|expire| expire.holding);
        Ok(ended)
    }

    fn lease_answer<T: serde::de::DeserializeOwned>(
        &self,
        path: &str,
        lease: u64,
        answer: impl FnOnce(T) -> Option<LeaseAnswer>,
    ) -> Result<LeaseState, Error> {
        // No lease of etcd's has such a number.
        let Some(id) = i64::try_from(lease).ok().filter(|id| *id > 0) else { return Ok(LeaseState::Ended) };
        let said: Said<T> = match self.client.call(path, &LeaseAsk { id: Number(id) }) {
            Ok(said) => said,
            Err(Trouble::Refused(refused)) if refused.is_no_lease() => return Ok(LeaseState::Ended),
            Err(trouble) => return Err(trouble.at(self.client.place())),
        };
        match answer(said.answer) {
            // −1 says that there is none, and so does 0 of what was just kept up.
            Some(answer) if answer.id.0 == id => Ok(match u64::try_from(answer.ttl.0) {
                Ok(left @ 1..) => LeaseState::Alive { left: Duration::from_secs(left) },
                Ok(0) if path == "lease/timetolive" => LeaseState::Alive { left: Duration::ZERO },
                _ => LeaseState::Ended,
            }),
            _ => Err(Error::new(ErrorKind::Io, self.client.place(), "an answer about another lease")),
        }
    }
}
