//! [`Keeper`]: a node's ledger over a journal.

mod batch;
mod call;
mod desk;

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use gpu_core::choose::Request;
use gpu_core::ledger::{
    Body, Entry, EntryId, Expire, Expiry, Key, Ledger, NodeName, Position, Reason, Receipt,
};
use gpu_core::{Owner, WallTime, stored};

use crate::error::{Error, ErrorKind};
use crate::journal::{Append, Journal, Snapshot};
use crate::keep_error::KeepError;
use crate::policy::Policy;
use crate::replica::Replica;
use crate::stream::Stream;

use batch::{Answer, Batch, Item, Outcome};
use call::Call;
use desk::Desk;

/// A node's ledger over a journal: what it says happened is stored, and what is stored happened.
///
/// Several keepers, in one process or many, may be over one stream: of two entries that exclude
/// each other the journal takes one, and the other is judged again after it. Several threads
/// may use one keeper: what they ask for while a batch is being written is written together as
/// the next one, in the order in which they came.
///
/// ```
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// use gpu_core::{Backend, Bytes, Container, Runtime};
/// use gpu_core::choose::Request;
/// use gpu_core::ledger::{Board, Body, EntryId};
/// use gpu_store::{Keeper, MemoryJournal};
/// let journal = MemoryJournal::new();
/// let keeper = Keeper::open(&journal, "node-1".parse()?)?;
/// let inventory = gpu_sim::Machine::preset("hgx-h100-8")?.backend().inventory()?;
/// keeper.apply(&keeper.entry(EntryId(1), Body::Inventory(Board::all(&inventory, &[]))))?;
///
/// // A key makes each call one that can be made again, here or after a restart.
/// let key = keeper.key(EntryId(2));
/// keeper.reserve(key, &Request::memory(Bytes::gib(20)))?;
/// keeper.commit(key, Container::new(Runtime::Containerd, "train-7".parse()?))?;
///
/// let again = Keeper::open(&journal, "node-1".parse()?)?;
/// assert!(again.ledger().holding(key.holding()).unwrap().holder().is_some());
/// again.release(key)?;
/// assert!(again.ledger().is_empty());
/// # Ok(())
/// # }
/// ```
#[derive(Debug)]
pub struct Keeper<J: Journal> {
    journal: J,
    policy: Policy,
    desk: Desk,
    replica: Mutex<Replica>,
    /// Why the last snapshot of the policy was not made.
    trouble: Mutex<Option<Error>>,
}

impl<J: Journal> Keeper<J> {
    /// The ledger of a node as the journal has it: empty where it has none yet.
    ///
    /// # Errors
    /// When the journal cannot be read, or what it holds is not what was written
    /// ([`Damaged`](ErrorKind::Damaged)) or of a newer version ([`Newer`](ErrorKind::Newer)).
    pub fn open(journal: J, node: NodeName) -> Result<Self, Error> {
        Self::open_with(journal, node, Policy::default())
    }

    /// The same under another policy.
    ///
    /// # Errors
    /// As [`open`](Self::open).
    pub fn open_with(journal: J, node: NodeName, policy: Policy) -> Result<Self, Error> {
        let replica = Mutex::new(Replica::open(&journal, Stream::ledger(node))?);
        Ok(Self { journal, policy, desk: Desk::default(), replica, trouble: Mutex::new(None) })
    }

    /// The journal that it is over.
    #[must_use]
    pub const fn journal(&self) -> &J {
        &self.journal
    }

    /// The ledger as it was seen last: all that this keeper stored is in it, what others stored
    /// may not be yet. It stays as it is for as long as somebody has it.
    #[must_use]
    pub fn ledger(&self) -> Arc<Ledger> {
        Arc::clone(&self.replica().ledger)
    }

    /// The ledger with what others have stored meanwhile.
    ///
    /// # Errors
    /// As [`open`](Self::open).
    pub fn catch_up(&self) -> Result<Arc<Ledger>, Error> {
        let mut replica = self.replica();
        replica.catch_up(&self.journal)?;
        Ok(Arc::clone(&replica.ledger))
    }

    /// A key of this id as of now: see [`Ledger::key`].
    #[must_use]
    pub fn key(&self, id: EntryId) -> Key {
        self.replica().ledger.key(id)
    }

    /// An entry of this id as of now.
    #[must_use]
    pub fn entry(&self, id: EntryId, body: Body) -> Entry {
        let ledger = self.ledger();
        ledger.entry(ledger.key(id), body)
    }

    /// Makes an entry happen, once, and stored: the same entry again gives the same receipt.
    ///
    /// # Errors
    /// See [`KeepError`]. What is refused is refused by the ledger as the journal has it at that
    /// time, and is not stored.
    pub fn apply(&self, entry: &Entry) -> Result<Receipt, KeepError> {
        self.call(Call::Entry(Box::new(entry.clone())))
    }

    /// Chooses units and reserves them: see [`Ledger::reserve`]. When others take them first,
    /// it chooses again.
    ///
    /// # Errors
    /// See [`KeepError`].
    pub fn reserve(&self, key: Key, request: &Request) -> Result<Receipt, KeepError> {
        self.call(Call::Reserve(key, Box::new(request.clone())))
    }

    /// The holder of what was reserved with this key is there: it is held until it is released.
    /// See [`Ledger::commit`].
    ///
    /// # Errors
    /// See [`KeepError`].
    pub fn commit(&self, key: Key, holder: impl Into<Owner>) -> Result<Receipt, KeepError> {
        self.commit_until(key, holder, Expiry::Never)
    }

    /// The same until it expires.
    ///
    /// # Errors
    /// See [`KeepError`].
    pub fn commit_until(
        &self,
        key: Key,
        holder: impl Into<Owner>,
        expiry: Expiry,
    ) -> Result<Receipt, KeepError> {
        self.call(Call::Commit(key, Box::new(holder.into()), expiry))
    }

    /// Ends what was reserved with this key.
    ///
    /// # Errors
    /// See [`KeepError`].
    pub fn release(&self, key: Key) -> Result<Receipt, KeepError> {
        self.call(Call::Release(key))
    }

    /// Gives what was reserved with this key another expiry. Called again it is done again.
    ///
    /// # Errors
    /// See [`KeepError`].
    pub fn renew(&self, key: Key, expiry: Expiry) -> Result<Receipt, KeepError> {
        self.call(Call::Renew(key, expiry))
    }

    /// Ends a holding whose expiry has come: see [`Ledger::due`] and [`Ledger::of_lease`].
    ///
    /// # Errors
    /// See [`KeepError`]; refused where somebody else did it first, or it was renewed.
    pub fn expire(&self, expire: Expire) -> Result<Receipt, KeepError> {
        self.call(Call::Expire(expire))
    }

    /// Ends every holding that expires by the time of day and whose time has come by `now`, as the
    /// journal has them; one that is released, expired or renewed meanwhile is passed over.
    ///
    /// # Errors
    /// The first that is not done for another reason; those before it are.
    pub fn expire_due(&self, now: WallTime) -> Result<Vec<Receipt>, KeepError> {
        let due: Vec<Expire> = self.catch_up()?.due(now).collect();
        self.expire_all(due)
    }

    /// Ends every holding of a lease that has ended, likewise.
    ///
    /// # Errors
    /// As [`expire_due`](Self::expire_due).
    pub fn expire_lease(&self, lease: u64) -> Result<Vec<Receipt>, KeepError> {
        let due: Vec<Expire> = self.catch_up()?.of_lease(lease).collect();
        self.expire_all(due)
    }

    fn expire_all(&self, due: Vec<Expire>) -> Result<Vec<Receipt>, KeepError> {
        let mut done = Vec::with_capacity(due.len());
        for expire in due {
            match self.expire(expire) {
                Ok(receipt) => done.push(receipt),
                Err(KeepError::Refused(refusal))
                    if matches!(refusal.reason(), Reason::NotHeld { .. } | Reason::OtherExpiry { .. }) => {}
                Err(error) => return Err(error),
            }
        }
        Ok(done)
    }

    /// Puts a snapshot of the ledger as it was seen last, and compacts as the policy says. Returns
    /// how far it reaches.
    ///
    /// # Errors
    /// When the store does not do it. Nothing is lost by that.
    pub fn snapshot(&self) -> Result<Position, Error> {
        let ledger = self.ledger();
        let (stream, at) = (Stream::ledger(ledger.node()), ledger.position());
        if at > Position(0) {
            self.journal.put_snapshot(&stream, &Snapshot::new(at, stored::encode_snapshot(&ledger)))?;
            let mut replica = self.replica();
            replica.snapshot = replica.snapshot.max(at);
        }
        let behind = self.policy.behind.and_then(|behind| at.0.checked_sub(behind));
        if let Some(through) = behind.filter(|through| *through > 0) {
            self.journal.compact(&stream, Position(through))?;
        }
        Ok(at)
    }

    /// Why the last snapshot that the policy asked for was not made, once. Entries are stored
    /// all the same; the journal grows until one is made.
    #[must_use]
    pub fn take_snapshot_trouble(&self) -> Option<Error> {
        self.trouble.lock().unwrap_or_else(PoisonError::into_inner).take()
    }

    /// Whoever panicked while he held it has left a ledger of whole entries.
    fn replica(&self) -> MutexGuard<'_, Replica> {
        self.replica.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn call(&self, call: Call) -> Answer {
        self.desk.call(call, |items| {
            let answered = self.write(items);
            self.snapshot_by_policy();
            answered
        })
    }

    /// Judges and appends a batch until it is known what became of it.
    fn write(&self, mut items: Vec<Item>) -> (Vec<(u64, Answer)>, Vec<Item>) {
        let deadline = Instant::now() + self.policy.patience;
        let (mut is_caught_up, mut conflicts) = (false, 0);
        loop {
            let ledger = self.ledger();
            let batch = Batch::judge(&ledger, &items, self.journal.limits());
            let Some(after) = batch.after() else {
                // Refused by what may be behind what is stored.
                if is_caught_up || !batch.has_refused() {
                    return batch.answers(items, &Outcome::Stored);
                }
                match self.catch_up() {
                    Ok(_) => is_caught_up = true,
                    Err(error) => return fail(items, &error),
                }
                continue;
            };
            match self.append(&ledger, &batch, &mut items, deadline) {
                Settled::Stored => {
                    self.advance(after);
                    return batch.answers(items, &Outcome::Stored);
                }
                Settled::Others(actual) => {
                    // One more look in any case: it may have been these very entries.
                    conflicts += 1;
                    let is_late = conflicts > 1 && Instant::now() >= deadline;
                    if let Err(error) = self.after_others(actual, is_late) {
                        return fail(items, &error);
                    }
                    is_caught_up = true;
                }
                Settled::Unknown(why) => return batch.answers(items, &Outcome::Unknown(why)),
                Settled::Failed(error) => return batch.answers(items, &Outcome::Failed(error)),
            }
        }
    }

    /// Somebody may have caught up meanwhile, with this and with what came after.
    fn advance(&self, after: Arc<Ledger>) {
        let mut replica = self.replica();
        if replica.ledger.position() < after.position() {
            replica.ledger = after;
        }
    }

    /// Appends until the answer is known. The same records at the same place: whatever became of
    /// the first append, only one of both can be there.
    fn append(&self, ledger: &Ledger, batch: &Batch, items: &mut [Item], deadline: Instant) -> Settled {
        let stream = Stream::ledger(ledger.node());
        let records: Vec<&[u8]> = batch.records.iter().map(Vec::as_slice).collect();
        let mut doubt = None;
        loop {
            match (self.journal.append(&stream, ledger.position(), &records), &doubt) {
                (Ok(Append::Appended { .. }), _) => return Settled::Stored,
                (Ok(Append::Conflict { actual }), _) => return Settled::Others(actual),
                (Ok(Append::Unknown { why }), _) => doubt = Some(why),
                (Err(error), None) => return Settled::Failed(error),
                // That this append did nothing says nothing of the one before.
                (Err(_), Some(_)) => {}
            }
            batch.pin(items);
            let left = deadline.saturating_duration_since(Instant::now());
            if let Some(why) = doubt.take_if(|_| left.is_zero()) {
                return Settled::Unknown(why);
            }
            thread::sleep(left.min(Duration::from_millis(20)));
        }
    }

    fn after_others(&self, actual: Position, is_late: bool) -> Result<(), Error> {
        let mut replica = self.replica();
        replica.still_reaches(actual)?;
        let before = replica.ledger.position();
        replica.catch_up(&self.journal)?;
        if replica.ledger.position() == before {
            let detail = format!("its end is said to be at {actual}, and nothing comes after {before}");
            return Err(Error::new(ErrorKind::Damaged, replica.stream.to_string(), detail));
        }
        if is_late {
            let detail = format!("others appended first for {:?}", self.policy.patience);
            return Err(Error::new(ErrorKind::Busy, replica.stream.to_string(), detail));
        }
        Ok(())
    }

    fn snapshot_by_policy(&self) {
        let (at, snapshot) = {
            let replica = self.replica();
            (replica.ledger.position(), replica.snapshot)
        };
        if self.policy.every == 0 || at.since(snapshot) < self.policy.every {
            return;
        }
        if let Err(error) = self.snapshot_unless_others() {
            *self.trouble.lock().unwrap_or_else(PoisonError::into_inner) = Some(error);
        }
    }

    /// Others who keep the same ledger make snapshots, too.
    fn snapshot_unless_others(&self) -> Result<(), Error> {
        let (stream, at) = {
            let replica = self.replica();
            (replica.stream, replica.ledger.position())
        };
        let newest = self.journal.extent(&stream)?.snapshot.unwrap_or_default();
        let mut replica = self.replica();
        replica.snapshot = replica.snapshot.max(newest);
        drop(replica);
        if at.since(newest) >= self.policy.every { self.snapshot().map(drop) } else { Ok(()) }
    }
}

/// What is known of an append.
enum Settled {
    Stored,
    /// Others have appended; the end is there.
    Others(Position),
    Unknown(String),
    Failed(Error),
}

/// Nothing of these was stored by this call; of those whose entry went to a store whose answer was
/// lost, that is not known.
fn fail(items: Vec<Item>, error: &Error) -> (Vec<(u64, Answer)>, Vec<Item>) {
    let answer = |item: Item| match item.pinned {
        Some(entry) => (item.ticket, Err(KeepError::Unknown { entry, why: error.to_string() })),
        None => (item.ticket, Err(KeepError::Store(error.again()))),
    };
    (items.into_iter().map(answer).collect(), Vec::new())
}
