//! [`Failure`]: why something was not done, and what the program exits with.

use std::fmt;

use gpu_accounting::choose::Denied;
use gpu_accounting::ledger::{HoldingId, Outlook, Refusal};
use gpu_store::KeepError;
use serde_json::{Value, json};

/// Why something was not done. The numbers leave room for those of the command that `run` starts.
#[derive(Debug)]
pub enum Failure {
    /// The command line cannot be.
    Usage(String),
    /// The ledger says no.
    Refused(Box<Refused>),
    /// The store did not do it.
    Store(gpu_store::Error),
    /// Whether it was done is not known: asked again with the same key, it is settled.
    Unknown(String),
    /// Something else of this machine's.
    Machine(String),
}

/// What the ledger says.
#[derive(Debug)]
pub struct Refused {
    pub kind: &'static str,
    pub outlook: Outlook,
    pub reason: String,
    pub to_free: Vec<HoldingId>,
}

impl Failure {
    pub fn code(&self) -> u8 {
        match self {
            Self::Usage(_) | Self::Machine(_) => 120,
            Self::Refused(refused) => match refused.outlook {
                Outlook::Never => 121,
                Outlook::NotNow => 122,
                _ => 123,
            },
            Self::Store(_) => 124,
            Self::Unknown(_) => 125,
        }
    }

    /// True where it may be granted later.
    pub fn is_for_now(&self) -> bool {
        matches!(self, Self::Refused(refused) if refused.outlook == Outlook::NotNow)
    }

    pub fn json(&self) -> Value {
        let (kind, outlook, to_free) = match self {
            Self::Usage(_) => ("usage", None, &[][..]),
            Self::Machine(_) => ("machine", None, &[][..]),
            Self::Refused(of) => (of.kind, Some(of.outlook), &of.to_free[..]),
            Self::Store(error) => (error.kind().name(), None, &[][..]),
            Self::Unknown(_) => ("unknown", None, &[][..]),
        };
        json!({
            "schema": 1,
            "done": false,
            "refusal": {
                "kind": kind,
                "outlook": outlook,
                "reason": self.to_string(),
                "to_free": to_free.iter().map(ToString::to_string).collect::<Vec<_>>(),
            },
        })
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Usage(why) | Self::Machine(why) => f.write_str(why),
            Self::Refused(refused) => f.write_str(&refused.reason),
            Self::Store(error) => write!(f, "the store: {error}"),
            Self::Unknown(why) => f.write_str(why),
        }
    }
}

impl From<lexopt::Error> for Failure {
    fn from(error: lexopt::Error) -> Self {
        Self::Usage(error.to_string())
    }
}

impl From<gpu_store::Error> for Failure {
    fn from(error: gpu_store::Error) -> Self {
        Self::Store(error)
    }
}

impl From<Refusal> for Failure {
    fn from(refusal: Refusal) -> Self {
        let (kind, outlook, to_free) = (refusal.kind(), refusal.outlook(), refusal.to_free());
        let reason = match outlook {
            Outlook::Never => format!("never: {refusal}"),
            Outlook::NotNow => format!("not now: {refusal}"),
            _ => refusal.to_string(),
        };
        Self::Refused(Box::new(Refused { kind, outlook, reason, to_free }))
    }
}

impl From<Denied> for Failure {
    fn from(denied: Denied) -> Self {
        KeepError::from(denied).into()
    }
}

impl From<KeepError> for Failure {
    fn from(error: KeepError) -> Self {
        match error {
            KeepError::Refused(refusal) => refusal.into(),
            KeepError::Unmet(unmet) => Self::Refused(Box::new(Refused {
                kind: "unmet",
                outlook: unmet.outlook,
                reason: unmet.to_string(),
                to_free: unmet.to_free,
            })),
            KeepError::Store(error) => Self::Store(error),
            other => Self::Unknown(other.to_string()),
        }
    }
}
