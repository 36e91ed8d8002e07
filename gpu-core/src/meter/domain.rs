//! [`PowerDomain`]: devices whose energy is counted together.

use crate::id::DeviceId;

/// Devices whose energy one counter counts together: on AMD's MI250X one die shows the power of both,
/// and the other none.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
pub struct PowerDomain {
    /// The device that shows the counter: the account of the domain's energy is its.
    pub leader: DeviceId,
    /// The others, whose accounts of energy are not kept.
    pub others: Vec<DeviceId>,
}
