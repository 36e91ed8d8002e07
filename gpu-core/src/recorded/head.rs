//! [`Head`]: what a stretch of a recording is of.

use crate::outcome::Outcome;
use crate::process::PidView;
use crate::time::{BootId, WallTime};
use crate::vendor::Vendor;

use super::redact::Redaction;

/// What came of looking for one vendor's GPUs when the recording began.
#[derive(Clone, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub struct VendorSeen {
    /// Whose.
    pub vendor: Vendor,
    /// What came of it.
    pub outcome: Outcome,
}

impl VendorSeen {
    /// What came of looking for this vendor's GPUs.
    #[must_use]
    pub const fn new(vendor: Vendor, outcome: Outcome) -> Self {
        Self { vendor, outcome }
    }
}

/// What a stretch of a recording is of: the machine, the boot, and how it was looked at. A recording
/// begins with one; who goes on with a recording, and a recorder every so often, adds another.
#[derive(Clone, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub struct Head {
    /// When the stretch was begun, by the machine's time of day.
    pub started: WallTime,
    /// The boot to which its times belong.
    pub boot: BootId,
    /// The namespace in which the sweeps' process numbers count.
    pub pids: PidView,
    /// What is simulated, where anything of it is: the name of a machine, or words.
    pub simulated: Option<String>,
    /// The program that recorded, with its version.
    pub by: String,
    /// What was replaced by pseudonyms.
    pub redacted: Redaction,
    /// What came of looking for each vendor, in the order in which they were looked for.
    pub vendors: Vec<VendorSeen>,
}

impl Head {
    /// The head of a recording of hardware, by nobody in particular, of no vendor.
    #[must_use]
    pub const fn new(started: WallTime, boot: BootId, pids: PidView) -> Self {
        Self {
            started,
            boot,
            pids,
            simulated: None,
            by: String::new(),
            redacted: Redaction::NOTHING,
            vendors: Vec::new(),
        }
    }

    /// True when both may be of one machine: the same vendors could be read, and both are simulated
    /// alike.
    #[must_use]
    pub fn is_same_machine(&self, other: &Self) -> bool {
        let read = |head: &Self| -> Vec<Vendor> {
            let read = head.vendors.iter().filter(|of| of.outcome.is_available());
            let mut read: Vec<Vendor> = read.map(|of| of.vendor).collect();
            read.sort_unstable();
            read
        };
        self.simulated == other.simulated && read(self) == read(other)
    }
}
