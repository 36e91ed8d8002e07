//! [`Store`]: where the ledger is kept, and how long holdings last there.

use std::fs;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use gpu_accounting::WallTime;
use gpu_accounting::ledger::{Expiry, Ledger, NodeName};
use gpu_store::{
    EtcdConfig, EtcdJournal, Journal, Keeper, LeaseState, MemoryJournal, SqliteJournal, SqliteOptions, Trust,
};

use crate::args::{Args, StoreName, Verb};
use crate::failure::Failure;

pub struct Store {
    pub keeper: Keeper<Arc<dyn Journal>>,
    pub journal: Arc<dyn Journal>,
    etcd: Option<Arc<EtcdJournal>>,
    now: Option<u64>,
}

/// Whether what was kept up is still ours.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Kept {
    Ours,
    Ended,
}

impl Store {
    pub fn open(args: &Args, node: NodeName) -> Result<Self, Failure> {
        let mut etcd = None;
        let journal: Arc<dyn Journal> = match &args.store {
            StoreName::Memory => Arc::new(MemoryJournal::new()),
            StoreName::Sqlite(file) => Arc::new(sqlite(args, file)?),
            StoreName::Etcd(addresses) => {
                let journal = Arc::new(EtcdJournal::open(etcd_config(args, addresses)?)?);
                etcd = Some(Arc::clone(&journal));
                journal
            }
        };
        let keeper = Keeper::open(Arc::clone(&journal), node)?;
        Ok(Self { keeper, journal, etcd, now: args.now })
    }

    /// The time of day.
    pub fn now(&self) -> WallTime {
        let told = self.now.map(Duration::from_secs);
        // A clock that stands before 1970 makes nothing due.
        let since = told.or_else(|| SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).ok());
        WallTime(since.map_or(0, nanoseconds))
    }

    /// What ends a holding after so long: a lease where the store has them, else the time of day.
    pub fn lasting(&self, time: Duration) -> Result<Expiry, Failure> {
        match &self.etcd {
            Some(etcd) => Ok(etcd.grant(time)?.expiry()),
            None => Ok(self.at(time)),
        }
    }

    pub fn at(&self, time: Duration) -> Expiry {
        Expiry::At(WallTime(self.now().0.saturating_add(nanoseconds(time))))
    }

    /// Takes holdings away whose time has come: any caller does it, and none by a clock of its own where
    /// the store has one.
    pub fn expire(&self) -> Result<(), Failure> {
        let ledger = self.keeper.catch_up()?;
        self.keeper.expire_due(self.now())?;
        let Some(etcd) = &self.etcd else { return Ok(()) };
        for expire in etcd.ended(&ledger)? {
            if let Expiry::Lease(lease) = expire.expiry {
                self.keeper.expire_lease(lease)?;
            }
        }
        Ok(())
    }

    /// Keeps a lease up; for what ends by the time of day that is another entry.
    pub fn keep_alive(&self, lease: u64) -> Result<Kept, Failure> {
        let Some(etcd) = &self.etcd else { return Ok(Kept::Ended) };
        Ok(if etcd.keep_alive(lease)? == LeaseState::Ended { Kept::Ended } else { Kept::Ours })
    }

    /// Ends a lease that nobody needs any more. If that fails it ends by itself.
    pub fn revoke(&self, expiry: Expiry) {
        if let (Some(etcd), Expiry::Lease(lease)) = (&self.etcd, expiry) {
            let _ = etcd.revoke(lease);
        }
    }

    /// The ledger as it is stored now.
    pub fn ledger(&self) -> Result<Arc<Ledger>, Failure> {
        Ok(self.keeper.catch_up()?)
    }
}

fn nanoseconds(time: Duration) -> u64 {
    u64::try_from(time.as_nanos()).unwrap_or(u64::MAX)
}

/// A file is made by the calls that need one: who lists or checks a store wants the one that is there.
fn sqlite(args: &Args, file: &Path) -> Result<SqliteJournal, Failure> {
    let makes = matches!(args.verb, Verb::Run | Verb::Reserve | Verb::Reconcile);
    let trust = if args.force { Trust::Anybody } else { Trust::OwnerOnly };
    Ok(SqliteJournal::open_with(file, &SqliteOptions::new().trust(trust).creates(makes))?)
}

fn etcd_config(args: &Args, addresses: &str) -> Result<EtcdConfig, Failure> {
    let mut config = EtcdConfig::new(addresses)?;
    if let Some(prefix) = &args.etcd_prefix {
        config = config.prefix(prefix)?;
    }
    if let (Some(user), Some(file)) = (&args.etcd_user, &args.etcd_password) {
        let unread = |error| Failure::Machine(format!("{}: {error}", file.display()));
        let password = fs::read_to_string(file).map_err(unread)?;
        config = config.user(user, password.trim_end_matches(['\r', '\n']));
    }
    Ok(config)
}
