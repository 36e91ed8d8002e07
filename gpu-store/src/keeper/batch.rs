//! [`Batch`]: calls that are judged one after the other and appended together.

use std::sync::Arc;

use gpu_core::choose::Proposal;
use gpu_core::ledger::{Entry, Ledger, Receipt};
use gpu_core::stored;

use crate::error::{Error, ErrorKind};
use crate::keep_error::KeepError;
use crate::limits::Limits;

use super::call::Call;

/// What a caller gets.
pub(super) type Answer = Result<Receipt, KeepError>;

/// A call, and the entry of it that went to a store whose answer was lost.
#[derive(Debug)]
pub(super) struct Item {
    pub ticket: u64,
    pub call: Call,
    pub pinned: Option<Box<Entry>>,
}

/// What a call comes to after those before it.
enum Judged {
    /// Nothing is stored for it.
    Answered(Answer),
    /// Its entry is in the batch, and this is the answer once the batch is stored.
    Stored(Box<Entry>, Receipt),
    /// It waits for the next batch: there is no room in this one, or what it comes to rests on
    /// entries of this one that are not stored yet.
    Left,
}

/// Calls judged one after the other.
pub(super) struct Batch {
    /// The ledger after all of them, once there was one to be judged.
    after: Option<Arc<Ledger>>,
    pub records: Vec<Vec<u8>>,
    judged: Vec<Judged>,
    bytes: usize,
}

impl Batch {
    /// More would be more than a ledger's memory of ids, and the last would be refused as too old.
    const MOST: usize = Ledger::WINDOW as usize / 2;

    /// Judges calls as they come on a ledger.
    pub fn judge(ledger: &Arc<Ledger>, items: &[Item], limits: Limits) -> Self {
        let mut batch =
            Self { after: None, records: Vec::new(), judged: Vec::with_capacity(items.len()), bytes: 0 };
        for item in items {
            let judged = batch.judge_one(ledger, item, limits);
            batch.judged.push(judged);
        }
        batch
    }

    fn judge_one(&mut self, ledger: &Arc<Ledger>, item: &Item, limits: Limits) -> Judged {
        let now: &Ledger = self.after.as_ref().unwrap_or(ledger);
        if let Some(receipt) = item.pinned.as_ref().and_then(|entry| happened(now, entry)) {
            return Judged::Answered(Ok(receipt));
        }
        let entry = match item.call.propose(now) {
            Ok(Proposal::New(entry)) => entry,
            Ok(Proposal::Known(receipt)) => return self.answered(ledger, Ok(receipt)),
            Err(denied) => return self.answered(ledger, Err(denied.into())),
        };
        self.add(ledger, entry, limits)
    }

    /// An answer, if it does not rest on what is not stored yet.
    fn answered(&self, ledger: &Ledger, answer: Answer) -> Judged {
        let is_stored = match &answer {
            Ok(receipt) => receipt.position <= ledger.position(),
            Err(_) => self.records.is_empty(),
        };
        if is_stored { Judged::Answered(answer) } else { Judged::Left }
    }

    fn add(&mut self, ledger: &Arc<Ledger>, entry: Box<Entry>, limits: Limits) -> Judged {
        let next = self.after.as_ref().unwrap_or(ledger).next();
        let record = stored::encode(next, &entry);
        if record.len() > limits.record.min(limits.batch) {
            let detail = format!("entry {} takes {} bytes", entry.id, record.len());
            let at = format!("ledger/{}", ledger.node());
            return Judged::Answered(Err(Error::new(ErrorKind::TooLarge, at, detail).into()));
        }
        // One finds room in any store: what nobody ever takes would wait for ever.
        let is_full = self.records.len() >= limits.records.clamp(1, Self::MOST);
        if is_full || self.bytes + record.len() > limits.batch {
            return Judged::Left;
        }
        let after = self.after.get_or_insert_with(|| Arc::clone(ledger));
        // The ledger that is kept stays as it is until this is stored: here it is copied.
        match Arc::make_mut(after).apply(&entry) {
            Ok(receipt) if receipt.position == next.position => {
                self.bytes += record.len();
                self.records.push(record);
                Judged::Stored(entry, receipt)
            }
            // It happened before, or is refused: nothing has changed.
            known_or_refused => self.answered(ledger, known_or_refused.map_err(Into::into)),
        }
    }

    /// The ledger after all of them; `None` where no entry is new.
    pub fn after(&self) -> Option<Arc<Ledger>> {
        self.after.clone().filter(|_| !self.records.is_empty())
    }

    /// Some call was refused: by what may be behind what is stored.
    pub fn has_refused(&self) -> bool {
        self.judged.iter().any(|judged| matches!(judged, Judged::Answered(Err(_))))
    }

    /// Remembers with each call the entry that went to a store whose answer was lost.
    pub fn pin(&self, items: &mut [Item]) {
        for (item, judged) in items.iter_mut().zip(&self.judged) {
            if let Judged::Stored(entry, _) = judged {
                item.pinned = Some(entry.clone());
            }
        }
    }

    /// What each call gets, and the calls that found no room.
    pub fn answers(self, items: Vec<Item>, outcome: &Outcome) -> (Vec<(u64, Answer)>, Vec<Item>) {
        let (mut answers, mut left) = (Vec::with_capacity(items.len()), Vec::new());
        for (item, judged) in items.into_iter().zip(self.judged) {
            match judged {
                Judged::Answered(answer) => answers.push((item.ticket, outcome.confirm(answer))),
                Judged::Stored(entry, receipt) => answers.push((item.ticket, outcome.of(entry, receipt))),
                Judged::Left => left.push(item),
            }
        }
        (answers, left)
    }
}

/// The receipt of an entry that happened already.
fn happened(ledger: &Ledger, entry: &Entry) -> Option<Receipt> {
    ledger.preview(entry).ok().filter(|receipt| receipt.position <= ledger.position())
}

/// What became of a batch's records.
pub(super) enum Outcome {
    Stored,
    Unknown(String),
    Failed(Error),
}

impl Outcome {
    /// A refusal holds if nobody has appended meanwhile, which only an append that is stored tells.
    fn confirm(&self, answer: Answer) -> Answer {
        let Err(KeepError::Refused(_) | KeepError::Unmet(_)) = &answer else { return answer };
        match self {
            Self::Stored => answer,
            Self::Failed(error) => Err(error.again().into()),
            Self::Unknown(why) => {
                Err(Error::new(ErrorKind::Unreachable, "journal", format!("its end is unknown: {why}"))
                    .into())
            }
        }
    }

    fn of(&self, entry: Box<Entry>, receipt: Receipt) -> Answer {
        match self {
            Self::Stored => Ok(receipt),
            Self::Unknown(why) => Err(KeepError::Unknown { entry, why: why.clone() }),
            Self::Failed(error) => Err(error.again().into()),
        }
    }
}

#[cfg(test)]
mod tests {
    use gpu_core::ledger::{Board, Body, Claim, EntryId, HoldingId, Offer, Reserve};
    use gpu_core::{DeviceId, Incarnation, PciAddress, Vendor};

    use super::*;

    /// A ledger of one GPU, and calls: two for the GPU, the first again, and a release of nothing.
    fn scene() -> (Arc<Ledger>, Vec<Item>) {
        let gpu = DeviceId::from_pci(Vendor::NVIDIA, PciAddress::new(0, 1, 0, 0));
        let mut ledger = Ledger::new("node-1".parse().unwrap());
        let board = Board::new("H100", Offer::new(gpu, Incarnation(0)));
        ledger.apply(&ledger.entry(ledger.key(EntryId(1)), Body::Inventory(vec![board]))).unwrap();
        let reserve = || Body::Reserve(Reserve::new([Claim::new(gpu, Incarnation(0))]));
        let release = Body::Release(HoldingId(EntryId(99)));
        let entries = [(4, release), (2, reserve()), (2, reserve()), (3, reserve())];
        let entries = entries.map(|(id, body)| Box::new(ledger.entry(ledger.key(EntryId(id)), body)));
        let item = |(ticket, entry)| Item { ticket, call: Call::Entry(entry), pinned: None };
        let items = (0..).zip(entries).map(item).collect();
        (Arc::new(ledger), items)
    }

    fn judged(outcome: &Outcome) -> (Vec<(u64, Answer)>, Vec<u64>) {
        let (ledger, items) = scene();
        let batch = Batch::judge(&ledger, &items, Limits::EMBEDDED);
        assert_eq!(batch.records.len(), 1);
        let (answers, left) = batch.answers(items, outcome);
        (answers, left.iter().map(|item| item.ticket).collect())
    }

    /// Nobody is told what rests on an entry that is not stored yet, neither that it happened nor
    /// that it is in the way.
    #[test]
    fn what_rests_on_the_batch_waits_for_it() {
        let (answers, left) = judged(&Outcome::Stored);
        assert_eq!(left, [2, 3]);
        assert!(matches!(answers[0], (0, Err(KeepError::Refused(_)))), "{answers:?}");
        assert!(matches!(answers[1], (1, Ok(receipt)) if receipt.position.0 == 2), "{answers:?}");
        let (answers, left) = judged(&Outcome::Unknown("lost".to_owned()));
        assert_eq!(left, [2, 3]);
        assert!(matches!(answers[1], (1, Err(KeepError::Unknown { .. }))), "{answers:?}");
    }

    /// A refusal counts when it is known that nobody has appended meanwhile.
    #[test]
    fn a_refusal_counts_when_the_batch_is_stored() {
        for outcome in [
            Outcome::Failed(Error::new(ErrorKind::Full, "disk", "full")),
            Outcome::Unknown("lost".to_owned()),
        ] {
            let (answers, _) = judged(&outcome);
            assert!(matches!(answers[0], (0, Err(KeepError::Store(_)))), "{answers:?}");
        }
    }

    #[test]
    fn what_finds_no_room_is_left_for_the_next_batch() {
        let (ledger, items) = scene();
        let few = Batch::judge(&ledger, &items, Limits { records: 1, ..Limits::EMBEDDED });
        assert_eq!(few.records.len(), 1);
        let (answers, left) = few.answers(items, &Outcome::Stored);
        assert_eq!((answers.len(), left.len()), (2, 2));
        let (ledger, items) = scene();
        let short = Batch::judge(&ledger, &items, Limits { record: 10, ..Limits::EMBEDDED });
        let (answers, _) = short.answers(items, &Outcome::Stored);
        assert!(
            matches!(&answers[1], (1, Err(KeepError::Store(error))) if error.kind() == ErrorKind::TooLarge)
        );
    }
}
