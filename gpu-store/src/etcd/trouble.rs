//! [`Trouble`]: a call that brought no answer, or another than was asked for.

use crate::error::{Error, ErrorKind};

/// A call that brought no answer, or a refusal.
#[derive(Clone, Debug)]
pub(super) enum Trouble {
    /// No member was asked: nothing happened.
    Unsent(String),
    /// Somebody was asked, and did not say: it may have happened, or may yet.
    Lost(String),
    /// etcd says no: nothing happened, unless there is no room.
    Refused(Refused),
    /// The answer is longer than is read at a time.
    Overlong,
}

/// etcd says no.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Refused {
    /// gRPC's number of the sort.
    pub code: i64,
    pub message: String,
}

/// What to do about a refusal.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Sort {
    /// The token is no good any more: another is to be had.
    Token,
    /// The member cannot tell now, and what was asked may have happened.
    Passing,
    /// The member has too much to do, and did nothing.
    Busy,
    /// It stays so.
    Final(ErrorKind),
}

// gRPC's numbers.
const CANCELLED: i64 = 1;
const UNKNOWN: i64 = 2;
const DEADLINE_EXCEEDED: i64 = 4;
const PERMISSION_DENIED: i64 = 7;
const RESOURCE_EXHAUSTED: i64 = 8;
const INTERNAL: i64 = 13;
const UNAVAILABLE: i64 = 14;
const UNAUTHENTICATED: i64 = 16;

impl Refused {
    /// By number, and where one number has several meanings by etcd's own words
    /// (`api/v3rpc/rpctypes`, the same from 3.4 on).
    pub fn sort(&self) -> Sort {
        let says = |words: &str| self.message.contains(words);
        match self.code {
            _ if says("invalid auth token") || says("revision of auth store is old") => Sort::Token,
            _ if says("user name is empty") => Sort::Token,
            _ if says("authentication failed") => Sort::Final(ErrorKind::NotPermitted),
            _ if says("too large") || says("too many operations") || says("larger than max") => {
                Sort::Final(ErrorKind::TooLarge)
            }
            RESOURCE_EXHAUSTED if says("space exceeded") => Sort::Final(ErrorKind::Full),
            RESOURCE_EXHAUSTED => Sort::Busy,
            UNAUTHENTICATED => Sort::Token,
            PERMISSION_DENIED => Sort::Final(ErrorKind::NotPermitted),
            CANCELLED | UNKNOWN | DEADLINE_EXCEEDED | INTERNAL | UNAVAILABLE => Sort::Passing,
            _ => Sort::Final(ErrorKind::Io),
        }
    }

    /// True where a lease is not there.
    pub fn is_no_lease(&self) -> bool {
        self.message.contains("lease not found")
    }
}

impl Trouble {
    /// The same as an error at a place.
    pub fn at(self, at: impl Into<String>) -> Error {
        match self {
            Self::Unsent(why) | Self::Lost(why) => Error::new(ErrorKind::Unreachable, at, why),
            Self::Overlong => Error::new(ErrorKind::TooLarge, at, "an answer longer than is read at a time"),
            Self::Refused(refused) => {
                let kind = match refused.sort() {
                    Sort::Token => ErrorKind::NotPermitted,
                    Sort::Passing => ErrorKind::Unreachable,
                    Sort::Busy => ErrorKind::Busy,
                    Sort::Final(kind) => kind,
                };
                Error::new(kind, at, refused.message)
            }
        }
    }
}

impl From<&ureq::Error> for Trouble {
    /// Whether anything was sent: in doubt it was.
    fn from(error: &ureq::Error) -> Self {
        use std::io::ErrorKind as Io;
        let unsent = match error {
            ureq::Error::HostNotFound | ureq::Error::ConnectionFailed | ureq::Error::BadUri(_) => true,
            ureq::Error::Timeout(phase) => matches!(phase, ureq::Timeout::Resolve | ureq::Timeout::Connect),
            ureq::Error::Io(error) => matches!(
                error.kind(),
                Io::ConnectionRefused | Io::HostUnreachable | Io::NetworkUnreachable | Io::AddrNotAvailable
            ),
            _ => false,
        };
        if unsent { Self::Unsent(error.to_string()) } else { Self::Lost(error.to_string()) }
    }
}
