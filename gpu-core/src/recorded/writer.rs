//! [`Writer`]: moments as bytes, each by what it differs by from the one before.

use crate::stored::Error;
use crate::time::BootTime;

use super::delta::{self, MOST_WORDS, Rows, write_varint};
use super::frame::Kind;
use super::head::Head;
use super::moment::{Moment, Rowed};
use super::v1;
use super::words::{Row, Texts};

/// After so many moments, or texts, a stretch is long enough: what is damaged or lost in it takes
/// with it what comes after, up to the next head.
const LONGEST: u32 = 1024;
const MOST_TEXTS: usize = 1 << 16;

/// Makes bytes of a head and of the moments after it. The bytes are not compressed and not framed:
/// `gpu_record` does both.
#[derive(Debug, Default)]
pub struct Writer {
    texts: Texts,
    before: Rows,
    rows: Rows,
    moments: u32,
}

impl Writer {
    /// A writer that has written nothing.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// True when it is time for another head, to which what was before is nothing.
    #[must_use]
    pub fn is_long(&self) -> bool {
        self.moments >= LONGEST || self.texts.len() >= MOST_TEXTS
    }

    /// Adds a head, and forgets what was before it.
    pub fn head(&mut self, head: &Head, out: &mut Vec<u8>) {
        *self = Self::default();
        let mut words = Vec::new();
        v1::write_head(&mut Row { words: &mut words, texts: &mut self.texts, now: BootTime(0) }, head);
        self.new_texts(out);
        write_varint(out, words.len() as u64);
        words.into_iter().for_each(|word| write_varint(out, word));
    }

    /// Adds a moment.
    ///
    /// # Errors
    /// [`Error::Malformed`] when it is larger than any that is read back: a hundred thousand
    /// processes. Nothing is added then.
    pub fn moment(&mut self, moment: &Moment, out: &mut Vec<u8>) -> Result<(), Error> {
        let Moment { at, wall, inventory, sample, sweep, containers } = moment;
        self.rows.clear();
        let mut to = Rowed { rows: &mut self.rows, texts: &mut self.texts, now: *at };
        to.row(Kind::Times, &"", |to| to.words.extend([at.0, wall.0]));
        v1::write_inventory(&mut to, inventory);
        v1::write_sample(&mut to, sample);
        if let Some(sweep) = sweep {
            v1::write_sweep(&mut to, sweep);
        }
        if let Some(containers) = containers {
            v1::write_containers(&mut to, containers);
        }
        if self.rows.words.len() > MOST_WORDS {
            return Err(Error::Malformed { at: 0, what: "more than a moment may hold" });
        }
        self.new_texts(out);
        delta::write(&self.rows, &self.before, out);
        std::mem::swap(&mut self.rows, &mut self.before);
        self.moments += 1;
        Ok(())
    }

    fn new_texts(&mut self, out: &mut Vec<u8>) {
        write_varint(out, self.texts.new.len() as u64);
        for text in self.texts.new.drain(..) {
            write_varint(out, text.len() as u64);
            out.extend_from_slice(text.as_bytes());
        }
    }
}
