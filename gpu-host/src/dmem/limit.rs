//! Limits of device memory: [set](Dmem::limit), changed and lifted, and read back.

use std::fmt;
use std::path::{Path, PathBuf};

use gpu_core::{Bytes, DeviceId, Error, ErrorKind, Inventory, Need, Tag};

use super::account::regions;
use super::{Dmem, RegionName, not_handed_down};
use crate::file::{self, WriteError};

/// The kernel counts in pages; 64 KiB is the largest.
const LARGEST_PAGE: u64 = 64 << 10;

/// A limit that was set, as it reads now.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
#[non_exhaustive]
pub struct LimitSet {
    /// The limit before; `None` for none.
    pub before: Option<Bytes>,
    /// The limit now; `None` for none.
    pub now: Option<Bytes>,
    /// What is charged now.
    pub current: Bytes,
}

impl LimitSet {
    /// True when more is charged than the limit allows. The kernel takes such a limit and gives
    /// nothing back by it: what is allocated stays, and nothing more is to be had until it is freed.
    #[must_use]
    pub fn is_exceeded(&self) -> bool {
        self.now.is_some_and(|limit| self.current > limit)
    }
}

/// Why a limit was not set. Unless the variant says otherwise, nothing was changed.
#[derive(Clone, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub enum LimitRefusal {
    /// The controller is not handed down to this cgroup. Enabling it there is the administrator's
    /// (`+dmem`), and not possible below a delegated cgroup that does not have it.
    Off {
        /// The outermost cgroup on the way that does not hand it down.
        parent: PathBuf,
    },
    /// The cgroup is gone, or never was.
    NoCgroup {
        /// Where it should be.
        cgroup: PathBuf,
    },
    /// The GPU has no such region that the kernel counts.
    UnknownRegion {
        /// The GPU.
        device: DeviceId,
        /// The region.
        region: Tag,
    },
    /// The caller may not: the cgroup is not delegated to him.
    NotPermitted {
        /// What he would need.
        needs: Need,
    },
    /// The kernel took it, and the limit reads otherwise: it is not what was asked for.
    NotTaken {
        /// What was asked for.
        wanted: Option<Bytes>,
        /// What it reads.
        found: Option<Bytes>,
    },
    /// Reading or writing failed. What the limit is now has to be read.
    Failed(Error),
}

impl LimitRefusal {
    /// A short constant name of the kind, for JSON and logs.
    #[must_use]
    pub const fn kind(&self) -> &'static str {
        match self {
            Self::Off { .. } => "off",
            Self::NoCgroup { .. } => "no_cgroup",
            Self::UnknownRegion { .. } => "unknown_region",
            Self::NotPermitted { .. } => "not_permitted",
            Self::NotTaken { .. } => "not_taken",
            Self::Failed(_) => "failed",
        }
    }
}

impl fmt::Display for LimitRefusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let shown = |limit: &Option<Bytes>| limit.map_or("none".to_owned(), |bytes| bytes.to_string());
        match self {
            Self::Off { parent } => not_handed_down(parent).fmt(f),
            Self::NoCgroup { cgroup } => write!(f, "{}: there is no such cgroup", cgroup.display()),
            Self::UnknownRegion { device, region } => {
                write!(f, "the kernel counts no region {region} of {device}")
            }
            Self::NotPermitted { needs } => write!(f, "not permitted: needs {needs}"),
            Self::NotTaken { wanted, found } => {
                write!(f, "the limit reads {}, not {} as was asked for", shown(found), shown(wanted))
            }
            Self::Failed(error) => error.fmt(f),
        }
    }
}

impl std::error::Error for LimitRefusal {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::Failed(error) => Some(error),
            _ => None,
        }
    }
}

impl From<Error> for LimitRefusal {
    fn from(error: Error) -> Self {
        match error.kind() {
            ErrorKind::NotPermitted => Self::NotPermitted { needs: Need::Access("dmem.max") },
            _ => Self::Failed(error),
        }
    }
}

impl Dmem {
    /// Sets how much device memory a cgroup may have of a region at most, or lifts the limit with
    /// `None`; reads back. [`cgroup_of`](Self::cgroup_of) finds a container's.
    ///
    /// # Errors
    /// Why it was not set.
    pub fn limit(
        &self,
        cgroup: &Path,
        inventory: &Inventory,
        device: DeviceId,
        region: Tag,
        limit: Option<Bytes>,
    ) -> Result<LimitSet, LimitRefusal> {
        let is_it = |name: &RegionName| name.tag() == Some(region) && name.device(inventory) == Some(device);
        let mut known = self.regions.iter().map(|(name, _)| name);
        let name = known.find(|name| is_it(name)).ok_or(LimitRefusal::UnknownRegion { device, region })?;
        if !cgroup.is_dir() {
            return Err(LimitRefusal::NoCgroup { cgroup: cgroup.to_path_buf() });
        }
        let before = self.read_limit(cgroup, name)?;
        let path = cgroup.join("dmem.max");
        let value = limit.map_or("max".to_owned(), |bytes| bytes.get().to_string());
        file::write(&path, &format!("{name} {value}\n")).map_err(|error| refused(&path, error))?;
        let now = self.read_limit(cgroup, name)?;
        if !is_taken(limit, now) {
            return Err(LimitRefusal::NotTaken { wanted: limit, found: now });
        }
        let current = of(&regions(cgroup, "dmem.current")?.unwrap_or_default(), name);
        Ok(LimitSet { before, now, current: current.unwrap_or(Bytes::ZERO) })
    }

    fn read_limit(&self, cgroup: &Path, name: &RegionName) -> Result<Option<Bytes>, LimitRefusal> {
        match regions(cgroup, "dmem.max")? {
            Some(limits) => Ok(of(&limits, name)),
            None => {
                let parent = self.where_off(cgroup);
                Err(parent.map_or_else(
                    || LimitRefusal::NoCgroup { cgroup: cgroup.to_path_buf() },
                    |parent| LimitRefusal::Off { parent },
                ))
            }
        }
    }
}

fn of(list: &[(RegionName, Option<Bytes>)], name: &RegionName) -> Option<Bytes> {
    list.iter().find(|(other, _)| other == name).and_then(|(_, bytes)| *bytes)
}

/// The limit as it was asked for, or rounded down to pages.
fn is_taken(wanted: Option<Bytes>, found: Option<Bytes>) -> bool {
    match (wanted, found) {
        (None, None) => true,
        (Some(wanted), Some(found)) => found <= wanted && wanted.get() - found.get() < LARGEST_PAGE,
        _ => false,
    }
}

fn refused(path: &Path, error: WriteError) -> LimitRefusal {
    let (WriteError::Unopened(error) | WriteError::Refused(error)) = error;
    LimitRefusal::from(file::at_path(path, error))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Somebody who is not root, in a cgroup that is not his.
    #[test]
    fn what_the_kernel_answers_to_a_write() {
        let path = Path::new("dmem.max");
        let answer = |number| std::io::Error::from_raw_os_error(number);
        // EACCES, EPERM.
        for error in [WriteError::Unopened(answer(13)), WriteError::Refused(answer(1))] {
            assert_eq!(refused(path, error).kind(), "not_permitted");
        }
        assert_eq!(refused(path, WriteError::Refused(answer(22))).kind(), "failed");
    }

    #[test]
    fn limits_in_pages() {
        let some = |bytes| Some(Bytes(bytes));
        assert!(is_taken(some(5000), some(4096)) && is_taken(None, None) && is_taken(some(0), some(0)));
        assert!(!is_taken(some(4096), some(8192)) && !is_taken(some(1 << 20), some(4096)));
        assert!(!is_taken(None, some(0)) && !is_taken(some(0), None));
    }
}
