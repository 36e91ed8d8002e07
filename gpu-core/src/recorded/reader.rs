//! [`Reader`]: heads and moments from bytes.

use crate::reading::Metric;
use crate::stored::Error;
use crate::time::{BootTime, WallTime};

use super::delta::{self, Bytes, Rows};
use super::frame::Kind;
use super::head::Head;
use super::moment::Moment;
use super::v1;
use super::words::{Read, Taken};

/// Most texts of one stretch: far more than a writer lets there be.
const MOST_TEXTS: usize = 1 << 20;

/// Makes heads and moments of bytes, in the order in which a [`Writer`](super::Writer) made them.
#[derive(Debug, Default)]
pub struct Reader {
    texts: Read,
    before: Rows,
    rows: Rows,
    metrics: Vec<Option<Metric>>,
    has_head: bool,
}

impl Reader {
    /// A reader that has read nothing.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// The head that bytes hold. What was before it is forgotten.
    ///
    /// # Errors
    /// [`Error::Malformed`] when they hold none.
    pub fn head(&mut self, bytes: &[u8]) -> Result<Head, Error> {
        *self = Self::default();
        let mut from = Bytes::new(bytes);
        self.read_texts(&mut from)?;
        let count = from.varint()?;
        // Each takes a byte at least.
        if count > bytes.len() as u64 {
            return Err(from.wrong("more is announced than is there"));
        }
        let words = (0..count).map(|_| from.varint()).collect::<Result<Vec<_>, _>>()?;
        from.end()?;
        let mut taken = Taken::new(&words, &mut self.texts, BootTime(0));
        let (head, metrics) = v1::read_head(&mut taken)?;
        taken.end()?;
        self.metrics = metrics;
        self.has_head = true;
        Ok(head)
    }

    /// The moment that bytes hold: the one that was written next.
    ///
    /// # Errors
    /// [`Error::Malformed`] when they hold none, or when no head came before. The reader is of no use
    /// then until the next head.
    pub fn moment(&mut self, bytes: &[u8]) -> Result<Moment, Error> {
        let mut from = Bytes::new(bytes);
        if !std::mem::take(&mut self.has_head) {
            return Err(from.wrong("a moment without a head"));
        }
        self.read_texts(&mut from)?;
        delta::read(&mut from, &self.before, &mut self.rows)?;
        from.end()?;
        let moment = self.rows()?;
        std::mem::swap(&mut self.rows, &mut self.before);
        self.has_head = true;
        Ok(moment)
    }

    fn rows(&mut self) -> Result<Moment, Error> {
        let mut moment = Moment::new(BootTime(0), WallTime(0));
        for (number, section) in self.rows.sections.iter().enumerate() {
            let words = &self.rows.words[section.start..section.start + section.len];
            let mut from = Taken::new(words, &mut self.texts, moment.at);
            let kind = Kind::of(section.kind).ok_or_else(|| from.wrong("no sort of row"))?;
            if (number == 0) != (kind == Kind::Times) {
                return Err(from.wrong("times that do not come first"));
            }
            read_row(&mut from, kind, &self.metrics, &mut moment)?;
            from.end()?;
        }
        if self.rows.sections.is_empty() {
            return Err(Error::Malformed { at: 0, what: "a moment without a time" });
        }
        Ok(moment)
    }

    fn read_texts(&mut self, from: &mut Bytes<'_>) -> Result<(), Error> {
        for _ in 0..from.varint()? {
            let text = from.text()?;
            if self.texts.len() >= MOST_TEXTS {
                return Err(from.wrong("more texts than a stretch may hold"));
            }
            self.texts.push(text);
        }
        Ok(())
    }
}

fn read_row(
    from: &mut Taken<'_>,
    kind: Kind,
    metrics: &[Option<Metric>],
    moment: &mut Moment,
) -> Result<(), Error> {
    match kind {
        Kind::Times => {
            moment.at = BootTime(from.word()?);
            moment.wall = WallTime(from.word()?);
            Ok(())
        }
        Kind::Drivers | Kind::Device | Kind::Links | Kind::Unmanaged | Kind::InventoryProblems => {
            v1::read_inventory_row(from, kind, &mut moment.inventory)
        }
        Kind::Unit | Kind::Process | Kind::Ended | Kind::SampleProblems => {
            v1::read_sample_row(from, kind, metrics, &mut moment.sample)
        }
        Kind::Sweep | Kind::Swept | Kind::SweptEnded => v1::read_sweep_row(from, kind, &mut moment.sweep),
        Kind::Evidence | Kind::KernelMemory | Kind::Named => {
            v1::read_containers(from, kind, &mut moment.containers)
        }
    }
}
