//! [`Recording`]: reads heads and moments one by one.

use std::fmt;
use std::fs::File;
use std::io::{BufReader, ErrorKind, Read};
use std::path::Path;

use gpu_core::recorded::{self, Reader, Sort};
use miniz_oxide::inflate::decompress_to_vec_with_limit;

use crate::error::Error;
use crate::{Head, Moment};

/// Longest content of a frame, compressed and not. A moment of a thousand processes has a few hundred
/// kilobytes.
const LONGEST: usize = 64 << 20;
/// So much has to be there to tell how long a frame is.
const BEGIN: usize = 15;

/// What a recording holds.
#[derive(Clone, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub enum Item {
    /// What follows is of this.
    Head(Box<Head>),
    /// What the node showed at one time.
    Moment(Box<Moment>),
}

/// Reads heads and moments one by one, as an iterator.
///
/// It ends after the last, or with the error that says where and how it cannot be read any further.
///
/// ```
/// use gpu_record::{Item, Recording};
/// let mut recording = Recording::from_reader(&b"GPUR, and then something else"[..]);
/// let error = recording.next().expect("it is not empty").unwrap_err();
/// assert_eq!((error.kind(), error.position()), ("malformed", Some(0)));
/// assert!(recording.next().is_none());
/// for item in Recording::from_reader(&b""[..]) {
///     match item? {
///         Item::Moment(moment) => println!("{} units", moment.sample.units.len()),
///         Item::Head(head) => println!("by {}", head.by),
///         _ => {}
///     }
/// }
/// # Ok::<(), gpu_record::Error>(())
/// ```
pub struct Recording {
    from: Box<dyn Read + Send>,
    at: String,
    position: u64,
    reader: Reader,
    frame: Vec<u8>,
    has_ended: bool,
}

impl fmt::Debug for Recording {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} at byte {}", self.at, self.position)
    }
}

impl Recording {
    /// Reads a file.
    ///
    /// # Errors
    /// [`Error::Io`] when it cannot be opened.
    pub fn open(path: impl AsRef<Path>) -> Result<Self, Error> {
        let path = path.as_ref();
        let file = File::open(path).map_err(|error| Error::io(path.display(), error))?;
        Ok(Self::of(BufReader::with_capacity(1 << 16, file), path.display().to_string()))
    }

    /// Reads from anywhere else.
    pub fn from_reader(from: impl Read + Send + 'static) -> Self {
        Self::of(from, "the recording".to_owned())
    }

    fn of(from: impl Read + Send + 'static, at: String) -> Self {
        let (reader, frame) = (Reader::new(), Vec::new());
        Self { from: Box::new(from), at, position: 0, reader, frame, has_ended: false }
    }

    /// How many bytes have been read: all of whole frames.
    #[must_use]
    pub const fn position(&self) -> u64 {
        self.position
    }

    /// The next head or moment; `None` at the end.
    fn read(&mut self) -> Result<Option<Item>, Error> {
        self.frame.clear();
        self.take(BEGIN)?;
        if self.frame.is_empty() {
            return Ok(None);
        }
        let at = self.position;
        let form = |error| Error::Form { at, error };
        let len = recorded::length(&self.frame).map_err(form)?;
        if len > LONGEST {
            return Err(form(recorded::Error::Malformed { at: 0, what: "a frame that is longer than any" }));
        }
        self.take(len)?;
        let (sort, content) = recorded::open(&self.frame).map_err(form)?;
        let content = decompress_to_vec_with_limit(content, LONGEST).map_err(|_| Error::Compressed { at })?;
        let item = match sort {
            Sort::Head => Item::Head(Box::new(self.reader.head(&content).map_err(form)?)),
            Sort::Moment => Item::Moment(Box::new(self.reader.moment(&content).map_err(form)?)),
        };
        self.position += len as u64;
        Ok(Some(item))
    }

    /// Makes the frame so long, as far as there is anything. What is announced and not there takes no
    /// memory.
    fn take(&mut self, len: usize) -> Result<(), Error> {
        let missing = len.saturating_sub(self.frame.len()) as u64;
        let read = (&mut self.from).take(missing).read_to_end(&mut self.frame);
        match read {
            Err(error) if error.kind() != ErrorKind::UnexpectedEof => Err(Error::io(&self.at, error)),
            _ => Ok(()),
        }
    }
}

impl Iterator for Recording {
    type Item = Result<Item, Error>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.has_ended {
            return None;
        }
        let read = self.read().transpose();
        self.has_ended = !matches!(read, Some(Ok(_)));
        read
    }
}
