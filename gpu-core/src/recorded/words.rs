//! [`Row`] and [`Taken`]: the model as rows of numbers, beside a table of texts.
//!
//! Every number is a word of 64 bits, whatever its type; a text is the number that it has in the table.
//! Rows of the same thing look alike from one moment to the next, so that what is written of a row is
//! what it differs by.

use std::collections::HashMap;
use std::fmt::Display;
use std::str::FromStr;

use crate::stored::Error;
use crate::time::BootTime;

use super::reason;

/// The texts that have been written since the last head, by number.
#[derive(Debug, Default)]
pub(crate) struct Texts {
    numbers: HashMap<String, u64>,
    /// Those that the frame at hand is the first to have.
    pub new: Vec<String>,
}

impl Texts {
    /// How many there are.
    pub fn len(&self) -> usize {
        self.numbers.len()
    }

    fn number(&mut self, text: &str) -> u64 {
        if let Some(number) = self.numbers.get(text) {
            return *number;
        }
        let number = self.numbers.len() as u64;
        self.numbers.insert(text.to_owned(), number);
        self.new.push(text.to_owned());
        number
    }
}

/// Adds to a row.
pub(crate) struct Row<'a> {
    pub words: &'a mut Vec<u64>,
    pub texts: &'a mut Texts,
    /// Times are written as how far they lie before this one: of most readings that is the same in
    /// every moment.
    pub now: BootTime,
}

impl Row<'_> {
    pub fn num(&mut self, word: impl Into<u64>) {
        self.words.push(word.into());
    }

    pub fn text(&mut self, text: &str) {
        let number = self.texts.number(text);
        self.words.push(number);
    }

    /// Anything that prints as a text which reads back.
    pub fn shown(&mut self, what: &impl Display) {
        self.text(&what.to_string());
    }

    pub fn time(&mut self, time: BootTime) {
        self.words.push(self.now.0.wrapping_sub(time.0));
    }

    pub fn maybe<T>(&mut self, value: Option<T>, write: impl FnOnce(&mut Self, T)) {
        self.num(value.is_some());
        if let Some(value) = value {
            write(self, value);
        }
    }

    pub fn list<'t, T: 't>(
        &mut self,
        list: impl IntoIterator<Item = &'t T, IntoIter: ExactSizeIterator>,
        mut write: impl FnMut(&mut Self, &'t T),
    ) {
        let list = list.into_iter();
        self.num(list.len() as u64);
        list.for_each(|one| write(self, one));
    }
}

/// A text that was read, and the lasting form of it where one was asked for.
#[derive(Debug)]
struct Known {
    text: String,
    lasting: Option<&'static str>,
}

/// The texts that have been read since the last head, by number.
#[derive(Debug, Default)]
pub(crate) struct Read(Vec<Known>);

impl Read {
    pub fn push(&mut self, text: &str) {
        self.0.push(Known { text: text.to_owned(), lasting: None });
    }

    pub fn len(&self) -> usize {
        self.0.len()
    }
}

/// Takes from a row.
pub(crate) struct Taken<'a> {
    words: &'a [u64],
    at: usize,
    texts: &'a mut Read,
    now: BootTime,
}

impl<'a> Taken<'a> {
    pub fn new(words: &'a [u64], texts: &'a mut Read, now: BootTime) -> Self {
        Self { words, at: 0, texts, now }
    }

    pub const fn wrong(&self, what: &'static str) -> Error {
        Error::Malformed { at: self.at, what }
    }

    pub fn word(&mut self) -> Result<u64, Error> {
        let word = self.words.get(self.at).copied();
        self.at += 1;
        word.ok_or_else(|| self.wrong("it ends in the middle of something"))
    }

    /// A number of a smaller type.
    pub fn num<T: TryFrom<u64>>(&mut self) -> Result<T, Error> {
        let word = self.word()?;
        T::try_from(word).map_err(|_| self.wrong("a number that is too large"))
    }

    pub fn flag(&mut self) -> Result<bool, Error> {
        match self.word()? {
            0 => Ok(false),
            1 => Ok(true),
            _ => Err(self.wrong("neither yes nor no")),
        }
    }

    fn known(&mut self) -> Result<&mut Known, Error> {
        let number = self.word()?;
        let wrong = self.wrong("a text that is not there");
        usize::try_from(number).ok().and_then(|number| self.texts.0.get_mut(number)).ok_or(wrong)
    }

    pub fn text(&mut self) -> Result<String, Error> {
        self.known().map(|known| known.text.clone())
    }

    /// A text that lasts as long as the program.
    pub fn lasting(&mut self) -> Result<&'static str, Error> {
        let known = self.known()?;
        Ok(*known.lasting.get_or_insert_with(|| reason::lasting(&known.text)))
    }

    /// A text of some type's, in that type's one form.
    pub fn parsed<T: FromStr>(&mut self, what: &'static str) -> Result<T, Error> {
        let parsed = self.known()?.text.parse();
        parsed.map_err(|_| self.wrong(what))
    }

    pub fn time(&mut self) -> Result<BootTime, Error> {
        let before = self.word()?;
        Ok(BootTime(self.now.0.wrapping_sub(before)))
    }

    pub fn maybe<T>(&mut self, read: impl FnOnce(&mut Self) -> Result<T, Error>) -> Result<Option<T>, Error> {
        if self.flag()? { read(self).map(Some) } else { Ok(None) }
    }

    /// As many as are announced, each of which takes a word at least: what is announced and cannot be
    /// there takes no memory.
    pub fn list<T>(&mut self, mut read: impl FnMut(&mut Self) -> Result<T, Error>) -> Result<Vec<T>, Error> {
        let count: usize = self.num()?;
        if count > self.words.len().saturating_sub(self.at) {
            return Err(self.wrong("more is announced than is there"));
        }
        // A longer list grows as it is read.
        let mut list = Vec::with_capacity(count.min(256));
        for _ in 0..count {
            list.push(read(self)?);
        }
        Ok(list)
    }

    /// Checks that nothing is left.
    pub fn end(&self) -> Result<(), Error> {
        if self.at == self.words.len() { Ok(()) } else { Err(self.wrong("more is there than belongs to it")) }
    }
}
