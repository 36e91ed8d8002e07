//! [`Holders`]: who holds what, by a ledger or by what the machine shows.

use std::error::Error;
use std::path::Path;

use gpu_accounting::ledger::NodeName;
use gpu_accounting::meter::Held;
use gpu_accounting::{Inventory, Watch};
use gpu_store::{Follower, SqliteJournal, SqliteOptions};

use crate::given;

/// Who holds what.
pub enum Holders {
    /// By what the machine shows that everybody was given.
    Machine,
    /// By a ledger, such as `gpu-lease` keeps. It is followed; nothing is written there.
    Ledger(Box<Follower<SqliteJournal>>),
}

impl Holders {
    /// The ledger of a node in a file that is there.
    pub fn in_ledger(file: &Path, node: NodeName) -> Result<Self, Box<dyn Error>> {
        let journal = SqliteJournal::open_with(file, &SqliteOptions::new().read_only(true))?;
        let follower = Follower::open(journal, node)?;
        if follower.ledger().position().0 == 0 {
            return Err(format!("{}: it has no ledger of node {node} (--node NAME)", file.display()).into());
        }
        Ok(Self::Ledger(Box::new(follower)))
    }

    /// All that is held now, in place of what `list` has; false where nobody can tell.
    pub fn held(
        &mut self,
        watch: &Watch<'_>,
        inventory: &Inventory,
        list: &mut Vec<Held>,
    ) -> Result<bool, Box<dyn Error>> {
        match self {
            Self::Machine => {
                let Some(evidence) = watch.evidence() else { return Ok(false) };
                given::held(evidence, inventory, list);
            }
            Self::Ledger(follower) => {
                follower.catch_up()?;
                Held::of_ledger(&follower.ledger(), list);
            }
        }
        Ok(true)
    }
}
