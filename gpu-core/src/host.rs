//! [`Host`]: the parts that a node is read through.

use std::sync::Arc;

use crate::container_reader::ContainerReader;
use crate::outcome::Discovery;
use crate::process::PidView;
use crate::sweep::Sweeper;
use crate::time::Clock;

/// The parts that a node is read through: one discovery per vendor, a clock, and a way to look
/// over processes. Real ones come from the vendor crates and `gpu_host`, simulated ones whole
/// from `gpu_sim`; a node does not know the difference, but says it.
#[derive(Debug)]
#[non_exhaustive]
pub struct Host {
    /// What came of looking for each vendor.
    pub discoveries: Vec<Discovery>,
    /// Tells the time.
    pub clock: Arc<dyn Clock>,
    /// Looks over the processes.
    pub sweeper: Box<dyn Sweeper>,
    /// The namespace in which the sweeper's process numbers count.
    pub pids: PidView,
    /// Reads what containers were given; without one, nothing is known of that.
    pub containers: Option<Box<dyn ContainerReader>>,
    /// The name of the simulated machine, when this is one and not hardware.
    pub simulated: Option<String>,
    /// When it was recorded and by what, in words, when this is a recording and not the machine
    /// itself.
    pub recorded: Option<String>,
}

impl Host {
    /// A host of real parts, whose sweeper counts processes as the machine itself does.
    #[must_use]
    pub fn new(discoveries: Vec<Discovery>, clock: Arc<dyn Clock>, sweeper: Box<dyn Sweeper>) -> Self {
        Self {
            discoveries,
            clock,
            sweeper,
            pids: PidView::Host,
            containers: None,
            simulated: None,
            recorded: None,
        }
    }

    /// The same host with a sweeper whose process numbers count in another namespace.
    #[must_use]
    pub fn pids(self, pids: PidView) -> Self {
        Self { pids, ..self }
    }

    /// The same host with a reader of what containers were given.
    #[must_use]
    pub fn containers(self, reader: impl ContainerReader + 'static) -> Self {
        Self { containers: Some(Box::new(reader)), ..self }
    }

    /// The same host, marked as a recording; `when` says of when and by what.
    #[must_use]
    pub fn recorded(self, when: impl Into<String>) -> Self {
        Self { recorded: Some(when.into()), ..self }
    }

    /// The same host, marked as the simulated machine of that name.
    #[must_use]
    pub fn simulated(self, name: impl Into<String>) -> Self {
        Self { simulated: Some(name.into()), ..self }
    }
}
