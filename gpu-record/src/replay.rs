//! [`Replay`]: a node that is read from a recording.

use std::io::Read;
use std::path::Path;
use std::sync::Arc;

use gpu_core::{Clock, Discovery, Host, Nanoseconds, Outcome, Vendor};

use crate::backend::ShownBackend;
use crate::clock::ShownClock;
use crate::containers::ShownContainers;
use crate::error::Error;
use crate::recording::{Item, Recording};
use crate::shown::{NOBODY, Shown};
use crate::stamp::Stamp;
use crate::sweeper::ShownSweeper;
use crate::{Head, Moment};

/// A node that is read from a recording: it shows one moment, and the next when it is told to.
///
/// Time on it is the recording's. How fast the moments follow each other is the caller's affair:
/// [`next`](Self::next) says how far they lay apart.
#[derive(Debug)]
pub struct Replay {
    recording: Recording,
    head: Head,
    shown: Shown,
    number: u64,
}

impl Replay {
    /// Shows the first moment of the recording in a file.
    ///
    /// # Errors
    /// [`Error::Io`] when it cannot be read, [`Error::Form`] or [`Error::Compressed`] when it does not
    /// begin as a recording does or is damaged before the first moment, [`Error::Empty`] when there is
    /// none.
    pub fn open(path: impl AsRef<Path>) -> Result<Self, Error> {
        Self::of(Recording::open(path)?)
    }

    /// Shows the first moment of a recording that is read from anywhere else.
    ///
    /// # Errors
    /// As [`open`](Self::open).
    pub fn from_reader(from: impl Read + Send + 'static) -> Result<Self, Error> {
        Self::of(Recording::from_reader(from))
    }

    fn of(mut recording: Recording) -> Result<Self, Error> {
        let mut first = None;
        loop {
            match recording.next().ok_or(Error::Empty)?? {
                Item::Head(head) => first = Some(*head),
                Item::Moment(moment) => {
                    // A moment without a head is refused as malformed.
                    let head = first.ok_or(Error::Empty)?;
                    let shown = Shown::new(head.boot, *moment);
                    return Ok(Self { recording, head, shown, number: 0 });
                }
            }
        }
    }

    /// What the moment that is shown belongs to.
    #[must_use]
    pub const fn head(&self) -> &Head {
        &self.head
    }

    /// The moment that is shown.
    #[must_use]
    pub fn moment(&self) -> Arc<Moment> {
        self.shown.moment()
    }

    /// How many moments came before the one that is shown.
    #[must_use]
    pub const fn number(&self) -> u64 {
        self.number
    }

    /// Shows the next moment; returns how long after the one before it was, and `None` at the end,
    /// where the last moment stays. Between two boots that is counted by the time of day.
    ///
    /// # Errors
    /// [`Error::Form`], [`Error::Compressed`] or [`Error::Io`] when the recording cannot be read any
    /// further, [`Error::OtherMachine`] when it goes on with another machine. The last moment stays,
    /// and asked again, it is the end.
    #[allow(clippy::should_implement_trait)] // what it gives is not what there is
    pub fn next(&mut self) -> Result<Option<Nanoseconds>, Error> {
        loop {
            let at = self.recording.position();
            match self.recording.next().transpose()? {
                None => return Ok(None),
                Some(Item::Head(head)) if !head.is_same_machine(&self.head) => {
                    return Err(Error::OtherMachine { at });
                }
                Some(Item::Head(head)) => self.head = *head,
                Some(Item::Moment(moment)) => {
                    let before = self.shown.scene();
                    let gap = if before.boot == self.head.boot {
                        moment.at.since(before.moment.at)
                    } else {
                        Nanoseconds(moment.wall.0.saturating_sub(before.moment.wall.0))
                    };
                    self.shown.show(self.head.boot, *moment);
                    self.number += 1;
                    return Ok(Some(gap));
                }
            }
        }
    }

    /// The parts that a node of the recording is read through. They show what this replay shows, and are
    /// marked as recorded, and as simulated where that was recorded.
    #[must_use]
    pub fn host(&self) -> Host {
        let seen = &self.head.vendors;
        let read: Vec<Vendor> =
            seen.iter().filter(|of| of.outcome.is_available()).map(|of| of.vendor).collect();
        let first = read.first().copied();
        let backend = |vendor: Vendor| -> Box<dyn gpu_core::Backend> {
            let others = (first.is_none() || first == Some(vendor)).then(|| read.clone());
            Box::new(ShownBackend { vendor, shown: self.shown.clone(), others })
        };
        let discovery = |vendor, outcome: &Outcome| Discovery {
            vendor,
            outcome: outcome.clone(),
            backend: outcome.is_available().then(|| backend(vendor)),
        };
        let mut discoveries: Vec<_> = seen.iter().map(|of| discovery(of.vendor, &of.outcome)).collect();
        if first.is_none() {
            discoveries.push(discovery(NOBODY, &Outcome::Available));
        }
        let clock: Arc<dyn Clock> = Arc::new(ShownClock(self.shown.clone()));
        let mut host = Host::new(discoveries, clock, Box::new(ShownSweeper(self.shown.clone())));
        host = host.pids(self.head.pids).recorded(self.to_string());
        if self.shown.moment().containers.is_some() {
            host = host.containers(ShownContainers(self.shown.clone()));
        }
        match &self.head.simulated {
            Some(name) => host.simulated(name),
            None => host,
        }
    }
}

/// Prints when the recording was begun, and by what: `2026-03-01T12:00:00Z, by gpu-report 0.1.0`.
impl std::fmt::Display for Replay {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Head { started, by, redacted, .. } = &self.head;
        write!(f, "{}", Stamp(*started))?;
        if !by.is_empty() {
            write!(f, ", by {}", by.escape_default())?;
        }
        match (redacted.pids, redacted.names) {
            (false, false) => Ok(()),
            (true, false) => f.write_str(", process numbers replaced"),
            (false, true) => f.write_str(", names replaced"),
            (true, true) => f.write_str(", process numbers and names replaced"),
        }
    }
}
