//! What NVIDIA's Xids mean.

use crate::recovery::RecoveryAction;

use super::advice::{Advice, Clears};
use super::state::State;

/// What NVIDIA's Xid of this number makes of a unit.
///
/// Source: NVIDIA, "Analyzing Xid Errors with the Xid Catalog" (Ampere and newer), column "Resolution Bucket
/// (Immediate Action)":
///
/// | bucket | state | to be done |
/// |---|---|---|
/// | `IGNORE`, `XID_154`, `UPDATE_SWFW`, `WORKFLOW_XID_45` | healthy: a notice | – |
/// | `RESTART_APP` | healthy: a notice | restart the program |
/// | `RESET_GPU`, `WORKFLOW_XID_48` | unhealthy | reset |
/// | `RESTART_BM`, `RESTART_VM` | unhealthy | reboot the node |
/// | `CHECK_MECHANICALS` | unhealthy | check the hardware |
/// | `WORKFLOW_NVLINK_ERR`, `WORKFLOW_NVLINK5_ERR` | degraded | reset |
/// | `CONTACT_SUPPORT`, `CHECK_UVM`, no bucket, not in the catalogue | degraded | contact the vendor |
///
/// Departures, with the catalogue's own words as the reason: 94 (contained memory error) is degraded until a
/// reset, since one "when convenient" is recommended; 157 (no more repairs possible) is degraded; 74 and 144
/// to 150 (NVLink) are degraded only, because a GPU may report them for a fault of the one at the other end:
/// where it must be reset itself, the driver's `recovery_action` says so. NVIDIA's device plugin passes over
/// 13, 31, 43, 45, 68 and 109 as faults of programs; so does this table, but for 109 (context switch
/// time-out), for which the catalogue wants a reset. [`Policy::xid`](super::Policy::xid) changes any of them.
///
/// ```
/// use gpu_core::RecoveryAction;
/// use gpu_core::health::{State, xid_advice};
/// assert_eq!(xid_advice(13).state, State::Healthy);
/// assert_eq!(xid_advice(79).action, RecoveryAction::RebootNode);
/// assert_eq!(xid_advice(4711).state, State::Degraded);
/// ```
#[must_use]
pub const fn advice(number: u64) -> Advice {
    use RecoveryAction::{
        CheckHardware, ContactVendor, DrainAndReset, None, RebootNode, Reset, RestartApplication,
    };
    use State::{Degraded, Unhealthy};
    match number {
        14
        | 37
        | 38
        | 43
        | 44
        | 45
        | 63
        | 66
        | 67
        | 78
        | 92
        | 93
        | 106..=108
        | 121
        | 137
        | 141
        | 152
        | 153
        | 154
        | 160
        | 161 => Advice::notice(None),
        // Without a bucket: about power smoothing, or told in addition to 48.
        162 | 163 | 171 | 172 => Advice::notice(None),
        8
        | 11
        | 13
        | 25
        | 31
        | 32
        | 39..=41
        | 60
        | 68..=72
        | 75..=77
        | 80
        | 82..=86
        | 88
        | 89
        | 96..=105
        | 126..=135
        | 139 => Advice::notice(RestartApplication),
        46 | 48 | 62 | 64 | 95 | 109 | 110 | 119 | 120 | 136 | 140 | 143 | 155 | 156 | 158 => {
            Advice::new(Unhealthy, Reset, Clears::ByReset)
        }
        79 | 151 => Advice::new(Unhealthy, RebootNode, Clears::ByReset),
        54 => Advice::new(Unhealthy, CheckHardware, Clears::ByReset),
        94 => Advice::new(Degraded, DrainAndReset, Clears::ByReset),
        74 | 144..=150 => Advice::new(Degraded, Reset, Clears::ByReset),
        _ => Advice::new(Degraded, ContactVendor, Clears::ByReset),
    }
}
