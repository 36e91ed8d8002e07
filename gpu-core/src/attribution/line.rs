//! [`Line`]: what one owner uses of one unit.

use super::basis::Attributed;
use super::engine::{Engine, EngineUse};
use super::holder::{Holder, Role};
use super::standing::Standing;
use crate::absence::Absence;
use crate::id::UnitId;
use crate::owner::Owner;
use crate::process::{Pid, ProcessName};
use crate::quantity::{Bytes, Count};
use crate::time::BootTime;

/// A process of a line.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[non_exhaustive]
pub struct LineProcess {
    /// Its number, as the driver has it.
    pub pid: Pid,
    /// When it started: with boot and number its identity.
    #[cfg_attr(feature = "serde", serde(serialize_with = "crate::process::serialize_fact"))]
    pub start: Result<BootTime, Absence>,
    /// Its name.
    #[cfg_attr(feature = "serde", serde(serialize_with = "crate::process::serialize_fact"))]
    pub name: Result<ProcessName, Absence>,
}

/// What one owner's processes of one role use of one unit.
#[derive(Clone, PartialEq, Eq, Debug)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[non_exhaustive]
pub struct Line {
    /// The unit: the smallest that the driver names.
    pub unit: UnitId,
    /// Whose processes they are.
    pub holder: Holder,
    /// What they are to the unit.
    pub role: Role,
    /// The processes, by number.
    pub processes: Vec<LineProcess>,
    /// Device memory. Managed memory is in nobody's.
    #[cfg_attr(feature = "serde", serde(serialize_with = "crate::process::serialize_fact"))]
    pub memory: Result<Attributed<Bytes>, Absence>,
    /// System memory that the GPU uses for them (AMD's GTT, all that an APU has).
    #[cfg_attr(feature = "serde", serde(serialize_with = "crate::process::serialize_fact"))]
    pub system_memory: Result<Attributed<Bytes>, Absence>,
    /// The engines that have a number, in order.
    pub engines: Vec<EngineUse>,
    /// Why there is work that is in none of those numbers, where that is so: no engine has one, or
    /// a process computes through AMD's compute driver, which counts no time for it.
    pub untold: Option<Absence>,
    /// Compute units that their waves fill at this moment (AMD): a hint, never to be added up over
    /// time.
    #[cfg_attr(feature = "serde", serde(serialize_with = "crate::process::serialize_fact"))]
    pub occupied_units: Result<Attributed<Count>, Absence>,
    /// Others that hold a DRM client of these processes too: all of it is counted here.
    pub shared_with: Vec<Owner>,
    /// Whether the holder was given the unit.
    pub standing: Standing,
}

impl Line {
    /// What the line has of an engine, if it has a number.
    #[must_use]
    pub fn engine(&self, engine: Engine) -> Option<&EngineUse> {
        self.engines.iter().find(|of| of.engine == engine)
    }
}
