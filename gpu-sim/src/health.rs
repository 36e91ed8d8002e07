//! [`HealthSpec`]: how well a simulated GPU is.

use gpu_core::{DriverHealth, Fabric, FabricIssues, FabricState, RecoveryAction};
use serde::{Deserialize, Serialize};

use crate::gpu::PcieSpec;

/// How well a simulated GPU is, beside its memory ([`EccSpec`](crate::EccSpec)): as a rule nothing is wrong.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct HealthSpec {
    /// What NVIDIA's driver asks for, by NVML's number (0 nothing, 1 reset, 2 reboot, 3 drain peers, 4 drain
    /// and reset); `None` for a driver that does not tell.
    pub recovery_action: Option<u32>,
    /// The GPU's place in its NVLink fabric; `None` for a board without.
    pub fabric: Option<FabricSpec>,
    /// How many of the GPU's NVLinks are down: the last ones.
    pub links_down: u32,
    /// The PCIe link that GPU and slot could have; `None` where that is the one in force.
    pub pcie_most: Option<PcieSpec>,
    /// Too hot: the hardware slows it down.
    pub hot: bool,
    /// The power supply asks for less.
    pub power_brake: bool,
    /// What xe writes into `gpu_health` (`ok`, `warning`, `critical`); `None` without such a file.
    pub gpu_health: Option<String>,
    /// What Level Zero says of the memory of each tile of Intel's GPUs (`zes_mem_health_t`: 0 unknown, 1 well,
    /// 2 degraded, 3 critical, 4 to be replaced), by tile; those that are missing are well.
    pub memory: Vec<u32>,
    /// The GPU's firmware has to be flashed (xe's `survivability_mode`).
    pub survivability: bool,
}

/// A place in an NVLink fabric, by NVML's numbers (`nvmlGpuFabricInfo_v3_t`).
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FabricSpec {
    /// 1 not started, 2 in progress, 3 completed.
    pub state: u8,
    /// What joining came to: 0 is success.
    #[serde(default)]
    pub status: u32,
    /// The health mask: two bits each, of which 1 is bad and 2 is well, and four bits for the configuration.
    #[serde(default)]
    pub health: u32,
    /// The driver's summary: 0 not supported, 1 healthy, 2 unhealthy, 3 limited capacity.
    #[serde(default)]
    pub summary: u8,
}

impl FabricSpec {
    /// Joined, and all well.
    #[must_use]
    pub const fn up() -> Self {
        // Not degraded, no recovery, routes well, no time-outs, configured as it shall be.
        Self { state: 3, status: 0, health: 0x1aa, summary: 1 }
    }
}

/// What NVML's number asks for.
pub(crate) const fn recovery(number: u32) -> RecoveryAction {
    match number {
        0 => RecoveryAction::None,
        1 => RecoveryAction::Reset,
        2 => RecoveryAction::RebootNode,
        3 => RecoveryAction::DrainPeers,
        4 => RecoveryAction::DrainAndReset,
        other => RecoveryAction::Unknown(other),
    }
}

pub(crate) fn fabric(of: &FabricSpec) -> Fabric {
    let state = match of.state {
        1 => FabricState::NotStarted,
        2 => FabricState::InProgress,
        3 => FabricState::Completed,
        other => FabricState::Unknown(other),
    };
    let mut issues = FabricIssues { known: 0, raw: of.health & !0xfff };
    let two_bits = [
        (0, FabricIssues::DEGRADED_BANDWIDTH),
        (2, FabricIssues::ROUTE_RECOVERY),
        (4, FabricIssues::ROUTE_UNHEALTHY),
        (6, FabricIssues::ACCESS_TIMEOUT_RECOVERY),
    ];
    for (shift, issue) in two_bits {
        if of.health >> shift & 3 == 1 {
            issues = issues | issue;
        }
    }
    if of.health >> 8 & 0xf > 1 {
        issues = issues | FabricIssues::MISCONFIGURED;
    }
    match of.summary {
        2 => issues = issues | FabricIssues::UNHEALTHY,
        3 => issues = issues | FabricIssues::LIMITED_CAPACITY,
        _ => {}
    }
    Fabric::new(state, of.status, issues)
}

/// What xe's files say.
pub(crate) fn driver(of: &HealthSpec) -> Option<DriverHealth> {
    if of.survivability {
        return Some(DriverHealth::NeedsFirmware);
    }
    Some(match of.gpu_health.as_deref()? {
        "ok" => DriverHealth::Ok,
        "warning" => DriverHealth::Warning,
        "critical" => DriverHealth::Critical,
        _ => DriverHealth::Unknown(0),
    })
}
