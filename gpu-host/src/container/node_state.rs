//! What is the machine's and not a container's: [`NodeState`].

use std::path::Path;
use std::time::SystemTime;

use gpu_core::{Error, Known};

use super::gres::Gres;
#[cfg(feature = "containers")]
use super::state::{CdiSpecs, Checkpoint};
use crate::Roots;

/// Files and folders by whose change it is read again. Specifications are replaced, as a rule, which
/// changes their folder; one that is written over in place is seen with the next other change.
const WATCHED: [&str; 5] = [
    "etc/slurm/gres.conf",
    "etc/slurm-llnl/gres.conf",
    "var/lib/kubelet/device-plugins/kubelet_internal_checkpoint",
    "etc/cdi",
    "run/cdi",
];

/// Length and time of the last change, of each that is there.
type Stamps = [Option<(u64, SystemTime)>; WATCHED.len()];

/// What the machine's own files say, as they were read last.
#[derive(Debug)]
pub(super) struct NodeState {
    pub(super) gres: Known<Gres>,
    #[cfg(feature = "containers")]
    pub(super) checkpoint: Known<Checkpoint>,
    #[cfg(feature = "containers")]
    pub(super) specs: CdiSpecs,
    pub(super) problems: Vec<Error>,
    stamps: Stamps,
}

impl NodeState {
    pub(super) fn read(roots: &Roots) -> Self {
        // Before the files: what changes meanwhile is read once more.
        let stamps = stamps(&roots.host);
        let mut problems = Vec::new();
        Self {
            gres: Gres::read(roots, &mut problems),
            #[cfg(feature = "containers")]
            checkpoint: Checkpoint::read(&roots.host, &mut problems),
            #[cfg(feature = "containers")]
            specs: CdiSpecs::read(&roots.host, &mut problems),
            problems,
            stamps,
        }
    }

    pub(super) fn is_current(&self, roots: &Roots) -> bool {
        self.stamps == stamps(&roots.host)
    }
}

fn stamps(host: &Path) -> Stamps {
    WATCHED.map(|name| {
        let there = std::fs::metadata(host.join(name)).ok()?;
        Some((there.len(), there.modified().ok()?))
    })
}
