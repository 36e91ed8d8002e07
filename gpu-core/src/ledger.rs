//! Who holds what of one node's GPUs: granted once, never given twice.
//!
//! A [`Ledger`] is a state machine. An [`Entry`] goes in, a [`Receipt`] or a [`Refusal`] comes out,
//! and nothing else decides: no clock, no chance, no I/O. Whoever keeps the entries in order (a
//! `Journal`) can make the same ledger again, byte for byte.
//!
//! ```
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! use gpu_core::{Backend, Bytes, Container, Owner, Runtime};
//! use gpu_core::ledger::{Board, Body, Claim, Commit, EntryId, Expiry, HoldingState, Ledger, Reserve};
//! let inventory = gpu_sim::Machine::preset("hgx-h100-8")?.backend().inventory()?;
//! let mut ledger = Ledger::new("node-1".parse()?);
//! let boards = Board::all(&inventory, &[]);
//! ledger.apply(&ledger.entry(ledger.key(EntryId(1)), Body::Inventory(boards)))?;
//!
//! // Reserve, then start the container, then commit.
//! let key = ledger.key(EntryId(2));
//! let claim = Claim::new(inventory.devices[3].id, Default::default()).memory(Bytes::gib(40));
//! let receipt = ledger.apply(&ledger.entry(key, Body::Reserve(Reserve::new([claim]))))?;
//! let holder = Owner::Container(Container::new(Runtime::Containerd, "train-7".parse()?));
//! let holding = key.holding();
//! ledger.apply(&ledger.entry(ledger.key(EntryId(3)), Body::Commit(Commit { holding, holder, expiry: Expiry::Never })))?;
//! assert_eq!(ledger.holding(holding).unwrap().state(), HoldingState::Held);
//! ledger.check()?;
//! # Ok(())
//! # }
//! ```
//!
//! # What always holds
//! [`Ledger::check`] tests all of it:
//! 1. per unit and dimension, free + reserved + held + draining = capacity: see [`Account`];
//! 2. no two units that are held exclude each other: see [`Exclusion`](crate::Exclusion);
//! 3. a refusal changes nothing, and says what would have to be freed;
//! 4. replay of the entries gives the same ledger, byte for byte: see [`stored`](crate::stored);
//! 5. units that go move their holdings to draining or lost: nothing vanishes but by release or
//!    expiry;
//! 6. shares never add up to a guarantee.
//!
//! # Two phases
//! | entry | holding before | holding after |
//! |---|---|---|
//! | [`Body::Reserve`] | none | reserved |
//! | [`Body::Commit`] | reserved | held |
//! | [`Body::Release`] | any | none |
//! | [`Body::Expire`] | any whose expiry it names | none |
//! | [`Body::Renew`] | any | the same, with another expiry |
//! | [`Body::Inventory`], [`Body::Withdraw`], [`Body::Restore`] | any | as its units are: draining, lost, or back |
//! | [`Body::Repartition`] | any | the same, or the entry is refused |

mod account;
mod apply;
mod board;
mod check;
mod entry;
mod entry_id;
mod expiry;
mod held;
mod holder;
mod holding;
mod image;
mod judge;
mod key;
mod label;
mod look;
mod names;
mod node_name;
mod offer;
mod position;
mod receipt;
mod recent;
mod recut;
mod refusal;
mod replay;
mod shape;
mod table;

use crate::fingerprint::Incarnation;
use crate::id::UnitId;
use crate::time::WallTime;

pub use account::{Account, Dimension};
pub use board::Board;
pub use check::{Broken, Rule};
pub use entry::{Body, Claim, Commit, Entry, Expire, Renew, Reserve};
pub use entry_id::{EntryId, HoldingId};
pub use expiry::Expiry;
pub use holding::{HeldUnit, Holding, HoldingState, Right};
pub(crate) use image::{CommitImage, HoldingImage, Image};
pub use key::Key;
pub use label::Label;
pub(crate) use look::{Facts, OfferAt};
pub use node_name::NodeName;
pub use offer::{Declared, Offer};
pub use position::{History, Place, Position};
pub use receipt::{Moved, Receipt};
pub use refusal::{Conflict, Ended, Outlook, Reason, Refusal};
pub use replay::{Fault, ReplayError};

use held::Holdings;
use recent::{Past, Recent};
use table::Table;

/// Who holds what of one node's GPUs.
///
/// # What is remembered
/// Every call can be repeated, and memory does not grow with history. Both hold because an entry
/// says how far the ledger had come when its id was chosen ([`Entry::seen`]):
/// - The ids of the last [`Ledger::WINDOW`] entries are remembered; so are the ids that reserved and
///   committed a holding, for as long as it lives. The same entry again gives the same receipt; the
///   same id with another body is refused ([`Reason::IdReused`]).
/// - An entry whose id may have been forgotten, because more than [`Ledger::WINDOW`] entries have
///   happened since [`Entry::seen`], is refused ([`Reason::Outdated`]), never taken for new. So the
///   same entry never happens twice, however late it comes again.
/// - Who takes an id for a new entry, with a newer `seen`, after it has been forgotten, says that it
///   is new, and gets what he asks for.
///
/// Body and node are what two entries are compared by; `seen` and `at` are not, and bodies are
/// compared by a digest of 64 bits.
#[derive(Clone)]
pub struct Ledger {
    node: NodeName,
    position: Position,
    history: History,
    table: Table,
    holdings: Holdings,
    recent: Recent,
    past: Past,
    /// What the last entry moved; not part of the state.
    moved: Vec<Moved>,
    /// For bytes in passing; not part of the state.
    scratch: Vec<u8>,
}

impl Ledger {
    /// How many entries' ids are remembered.
    pub const WINDOW: u64 = Recent::WINDOW as u64;
    /// Of how many holdings that ended it is told how.
    pub const PAST: usize = Past::WINDOW;
    /// Most units of one holding.
    pub const MOST_CLAIMS: usize = 256;
    /// Most boards of a node.
    pub const MOST_BOARDS: usize = 1024;
    /// Most parts of a board.
    pub const MOST_PARTS: usize = 1024;
    /// Most names of models and profiles on a node.
    pub const MOST_NAMES: usize = 4096;
    /// Most units that are withdrawn at a time.
    pub const MOST_WITHDRAWN: usize = 4096;

    /// The ledger of a node of which nothing is known yet.
    #[must_use]
    pub fn new(node: NodeName) -> Self {
        Self {
            node,
            position: Position(0),
            history: History(0),
            table: Table::default(),
            holdings: Holdings::default(),
            recent: Recent::default(),
            past: Past::default(),
            moved: Vec::new(),
            scratch: Vec::new(),
        }
    }

    /// Whose ledger it is.
    #[must_use]
    pub const fn node(&self) -> NodeName {
        self.node
    }

    /// How many entries it has applied.
    #[must_use]
    pub const fn position(&self) -> Position {
        self.position
    }

    /// A digest of all of them, in order.
    #[must_use]
    pub const fn history(&self) -> History {
        self.history
    }

    /// Where the next entry stands: what its record says.
    #[must_use]
    pub const fn next(&self) -> Place {
        Place { position: self.position.next(), after: self.history }
    }

    /// A key of this id as of now: for the first call with it, and for every call that repeats it.
    #[must_use]
    pub const fn key(&self, id: EntryId) -> Key {
        Key::new(id, self.position)
    }

    /// An entry for this ledger.
    #[must_use]
    pub const fn entry(&self, key: Key, body: Body) -> Entry {
        Entry::new(self.node, key, body)
    }

    /// The boards as the last entries told them, ascending by device.
    pub fn boards(&self) -> impl ExactSizeIterator<Item = Board> + '_ {
        self.table.boards()
    }

    /// What is withdrawn, ascending.
    pub fn withdrawn(&self) -> impl Iterator<Item = UnitId> + '_ {
        self.table.withdrawn.keys().copied()
    }

    /// The life of a unit that is here: of a share, that of what it is a share of.
    #[must_use]
    pub fn life(&self, unit: impl Into<UnitId>) -> Option<Incarnation> {
        let whole = match unit.into() {
            UnitId::Share(share) => share.whole(),
            whole => whole,
        };
        self.here(whole).ok()
    }

    /// The holding of that id.
    #[must_use]
    pub fn holding(&self, id: HoldingId) -> Option<Holding<'_>> {
        self.holdings.get(id).map(|held| Holding { held, table: &self.table })
    }

    /// All holdings, ascending by id.
    pub fn holdings(&self) -> impl Iterator<Item = Holding<'_>> + '_ {
        self.holdings.iter().map(|held| Holding { held, table: &self.table })
    }

    /// How many holdings there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.holdings.len()
    }

    /// True where nobody holds anything.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.holdings.len() == 0
    }

    /// The holdings whose units exclude `unit`, those of the unit itself included, ascending. None
    /// where it is free.
    #[must_use]
    pub fn in_the_way(&self, unit: impl Into<UnitId>) -> Vec<Conflict> {
        let mut by = Vec::new();
        self.conflicts(unit.into(), &mut by);
        by.sort_unstable();
        by
    }

    /// The holdings that expire by the time of day and whose time has come, ascending: for each an
    /// [`Expire`] entry is due. A clock that goes backwards makes fewer of them due, and undoes
    /// nothing.
    pub fn due(&self, now: WallTime) -> impl Iterator<Item = Expire> + '_ {
        self.holdings.iter().filter_map(move |held| match held.expiry {
            Expiry::At(time) if time <= now => Some(Expire { holding: held.id, expiry: held.expiry }),
            _ => None,
        })
    }

    /// The holdings of a lease that has ended, ascending: for each an [`Expire`] entry is due.
    pub fn of_lease(&self, lease: u64) -> impl Iterator<Item = Expire> + '_ {
        let ended = Expiry::Lease(lease);
        let of = self.holdings.iter().filter(move |held| held.expiry == ended);
        of.map(move |held| Expire { holding: held.id, expiry: ended })
    }

    /// The holdings that the last entry moved, ascending: what their holders have to be told. None
    /// after an entry that is not about units.
    #[must_use]
    pub fn moved(&self) -> &[Moved] {
        &self.moved
    }
}

impl std::fmt::Debug for Ledger {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let mut out = f.debug_struct("Ledger");
        out.field("node", &self.node).field("position", &self.position).field("history", &self.history);
        out.field("boards", &self.table.rows.len()).field("holdings", &self.len()).finish_non_exhaustive()
    }
}
