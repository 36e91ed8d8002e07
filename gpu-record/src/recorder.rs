//! [`Recorder`]: adds moments to a recording.

use std::fmt;
use std::fs::{File, OpenOptions};
use std::io::Write;
use std::path::{Path, PathBuf};

use gpu_core::recorded::{Redactor, Sort, Writer, frame};
use miniz_oxide::deflate::compress_to_vec;

use crate::error::Error;
use crate::recording::{Item, Recording};
use crate::{Head, Moment};

/// How much DEFLATE tries: 6 is what zlib does by itself.
const LEVEL: u8 = 6;

/// Adds moments to a recording, in a file or anywhere else.
///
/// Every so often it adds a head by itself, so that what is damaged takes less with it.
///
/// ```
/// use gpu_accounting::{Node, record::{Recorder, Redaction}};
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # let path = std::env::temp_dir().join(format!("gpu-recorder-{}.gpurec", std::process::id()));
/// # let _ = std::fs::remove_file(&path);
/// # let node = Node::builder().machine(gpu_sim::Machine::preset("mixed")?).build();
/// let mut head = node.recording_head("my-agent 1.0");
/// head.redacted = Redaction::EVERYTHING;
/// let mut recorder = Recorder::append(&path, head)?;
/// let mut watch = node.watch();
/// watch.look();
/// match recorder.add(&watch.moment()) {
///     Ok(bytes) => println!("{bytes} bytes more"),
///     Err(error) if error.kind() == "full" => println!("later, when there is room: {error}"),
///     Err(error) => return Err(error.into()),
/// }
/// # std::fs::remove_file(&path)?;
/// # Ok(())
/// # }
/// ```
#[derive(Debug)]
pub struct Recorder {
    out: Out,
    head: Head,
    redactor: Redactor,
    writer: Writer,
    /// A head is due: at the start, after a long stretch, after a write that failed.
    is_due: bool,
    content: Vec<u8>,
    frames: Vec<u8>,
    removed: u64,
    before: u64,
}

impl Recorder {
    /// Begins a recording in a file that does not exist yet.
    ///
    /// What `head.redacted` names is replaced in every moment.
    ///
    /// # Errors
    /// [`Error::Io`] when the file exists, or cannot be made or written.
    pub fn create(path: impl AsRef<Path>, head: Head) -> Result<Self, Error> {
        let path = path.as_ref();
        let file = OpenOptions::new().append(true).create_new(true).open(path);
        let file = file.map_err(|error| Error::io(path.display(), error))?;
        Self::begin(Out::file(file, path, 0), head)
    }

    /// Goes on with a recording, which is read once for that; begins one where there is no file, or an
    /// empty one.
    ///
    /// A frame at the end that was not written to its end, as a program leaves it that was killed, is
    /// taken off: [`removed`](Self::removed) says how long it was. Damage that is anything else is left
    /// alone and refused, for what comes after it may still be of use to somebody.
    ///
    /// # Errors
    /// [`Error::Io`] when the file cannot be read or written; [`Error::Form`] and
    /// [`Error::Compressed`] when it is no recording, a newer one, or damaged; [`Error::OtherMachine`]
    /// when it is of another machine.
    pub fn append(path: impl AsRef<Path>, head: Head) -> Result<Self, Error> {
        let path = path.as_ref();
        let io = |error| Error::io(path.display(), error);
        let file = OpenOptions::new().append(true).create(true).open(path).map_err(io)?;
        // A device, such as a pipe or a tape, is written to and not read.
        let is_file = file.metadata().map_err(io)?.is_file();
        let whole = if is_file { whole(path, &head)? } else { 0 };
        let found = if is_file { file.metadata().map_err(io)?.len() } else { 0 };
        if found > whole {
            file.set_len(whole).map_err(io)?;
        }
        let mut recorder = Self::begin(Out::file(file, path, whole), head)?;
        recorder.removed = found.saturating_sub(whole);
        Ok(recorder)
    }

    /// Begins a recording anywhere else: a pipe, a buffer, a connection.
    ///
    /// # Errors
    /// [`Error::Io`] when it cannot be written.
    pub fn new(out: impl Write + Send + 'static, head: Head) -> Result<Self, Error> {
        Self::begin(Out::Other { out: Box::new(out), is_broken: false, len: 0 }, head)
    }

    /// Writes the head at once: who cannot record learns it before there is anything to lose.
    fn begin(out: Out, head: Head) -> Result<Self, Error> {
        let redactor = Redactor::new(head.redacted);
        let before = out.len();
        let mut recorder = Self {
            out,
            head,
            redactor,
            writer: Writer::new(),
            is_due: true,
            content: Vec::new(),
            frames: Vec::new(),
            removed: 0,
            before,
        };
        recorder.frames.clear();
        recorder.add_head();
        recorder.write()?;
        Ok(recorder)
    }

    /// Adds a moment; returns how many bytes that took.
    ///
    /// # Errors
    /// [`Error::Io`] when it cannot be written ([`kind`](Error::kind) `full` when the disk is): what was
    /// added before stays whole, and the next moment can be added when there is room.
    /// [`Error::Changed`] when somebody else wrote to the file. [`Error::Form`] when the moment is larger
    /// than any that is read back.
    pub fn add(&mut self, moment: &Moment) -> Result<u64, Error> {
        self.out.check()?;
        self.frames.clear();
        if self.is_due || self.writer.is_long() {
            self.head.started = moment.wall;
            self.add_head();
        }
        self.content.clear();
        let written = if self.head.redacted == crate::Redaction::NOTHING {
            self.writer.moment(moment, &mut self.content)
        } else {
            let mut moment = moment.clone();
            self.redactor.redact(&mut moment);
            self.writer.moment(&moment, &mut self.content)
        };
        if let Err(error) = written {
            self.is_due = true;
            return Err(Error::Form { at: self.out.len(), error });
        }
        frame(Sort::Moment, &compress_to_vec(&self.content, LEVEL), &mut self.frames);
        self.write()
    }

    /// Waits until everything that was added is on the disk: after that it survives a loss of power.
    ///
    /// # Errors
    /// [`Error::Io`] when the disk refuses.
    pub fn sync(&mut self) -> Result<(), Error> {
        match &mut self.out {
            Out::File { file, path, .. } => {
                file.sync_data().map_err(|error| Error::io(path.display(), error))
            }
            Out::Other { out, .. } => out.flush().map_err(|error| Error::io("the recording", error)),
        }
    }

    /// How many bytes this recorder has written.
    #[must_use]
    pub const fn written(&self) -> u64 {
        self.out.len() - self.before
    }

    /// How many bytes [`append`](Self::append) took off the end: a frame that nobody finished.
    #[must_use]
    pub const fn removed(&self) -> u64 {
        self.removed
    }

    fn add_head(&mut self) {
        self.content.clear();
        self.writer.head(&self.head, &mut self.content);
        frame(Sort::Head, &compress_to_vec(&self.content, LEVEL), &mut self.frames);
        self.is_due = false;
    }

    fn write(&mut self) -> Result<u64, Error> {
        let written = self.out.write(&self.frames);
        // The next moment cannot be told by what it differs by from one that is not there.
        self.is_due = written.is_err();
        written.map(|()| self.frames.len() as u64)
    }
}

/// How many bytes of a file are whole frames, where a recording like this may go on.
fn whole(path: &Path, head: &Head) -> Result<u64, Error> {
    let mut recording = Recording::open(path)?;
    loop {
        match recording.next() {
            None => return Ok(recording.position()),
            Some(Ok(Item::Head(of))) if !of.is_same_machine(head) => {
                return Err(Error::OtherMachine { at: recording.position() });
            }
            Some(Ok(_)) => {}
            Some(Err(error)) if error.kind() == "truncated" => return Ok(recording.position()),
            Some(Err(error)) => return Err(error),
        }
    }
}

/// Where a recording is written to.
enum Out {
    File { file: File, path: PathBuf, len: u64, is_regular: bool },
    Other { out: Box<dyn Write + Send>, is_broken: bool, len: u64 },
}

impl fmt::Debug for Out {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::File { path, len, .. } => write!(f, "{} ({len} bytes)", path.display()),
            Self::Other { len, .. } => write!(f, "{len} bytes"),
        }
    }
}

impl Out {
    fn file(file: File, path: &Path, len: u64) -> Self {
        let is_regular = file.metadata().is_ok_and(|of| of.is_file());
        Self::File { file, path: path.to_owned(), len, is_regular }
    }

    const fn len(&self) -> u64 {
        match self {
            Self::File { len, .. } | Self::Other { len, .. } => *len,
        }
    }

    /// Checks that nothing is in the way of another frame.
    fn check(&self) -> Result<(), Error> {
        match self {
            Self::File { file, path, len, is_regular: true } => {
                let found = file.metadata().map_err(|error| Error::io(path.display(), error))?.len();
                if found == *len { Ok(()) } else { Err(Error::Changed { expected: *len, found }) }
            }
            Self::Other { is_broken: true, .. } => Err(Error::Broken),
            _ => Ok(()),
        }
    }

    /// Adds bytes, all or none of them.
    fn write(&mut self, bytes: &[u8]) -> Result<(), Error> {
        let added = bytes.len() as u64;
        match self {
            Self::File { file, path, len, .. } => {
                if let Err(error) = file.write_all(bytes) {
                    // Of what was written half, nothing shall stay. Where that fails too, the file ends in
                    // the middle of a frame, as after a crash, and the next write notices.
                    let _ = file.set_len(*len);
                    return Err(Error::io(path.display(), error));
                }
                *len += added;
            }
            Self::Other { out, is_broken, len } => {
                if let Err(error) = out.write_all(bytes).and_then(|()| out.flush()) {
                    *is_broken = true;
                    return Err(Error::io("the recording", error));
                }
                *len += added;
            }
        }
        Ok(())
    }
}
