//! [`RecoveryAction`]: what is to be done so that a GPU can be used again.

use core::fmt;

/// What is to be done so that a GPU can be used again. Ascends from what costs least.
///
/// Source of the drivers' own: NVML `nvmlDeviceGpuRecoveryAction_t`, explained in NVIDIA's "GPU Memory
/// Error Management", section "Error Recovery and Response Flags".
///
/// ```
/// use gpu_core::RecoveryAction;
/// assert!(RecoveryAction::Reset > RecoveryAction::RestartApplication);
/// assert_eq!(RecoveryAction::RebootNode.to_string(), "reboot the node");
/// assert_eq!(RecoveryAction::Unknown(77).to_string(), "unknown (77)");
/// ```
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(rename_all = "snake_case"))]
#[non_exhaustive]
pub enum RecoveryAction {
    /// Nothing.
    None,
    /// Start the program again that was hit. The GPU is well.
    RestartApplication,
    /// Stop traffic between this GPU and others, and ask the driver again.
    DrainPeers,
    /// Start the service that brings the NVLink fabric up (Fabric Manager) again.
    RestartFabricManager,
    /// Place nothing new on it, let run what runs, then reset it: it works, with less than it has.
    DrainAndReset,
    /// End what runs on it and reset it.
    Reset,
    /// Reboot the machine.
    RebootNode,
    /// Flash the device's firmware.
    FlashFirmware,
    /// Look at cables, power plugs and the slot.
    CheckHardware,
    /// Ask the vendor. It may have to be replaced.
    ContactVendor,
    /// Replace it.
    Replace,
    /// Something that the driver asks for and that this version does not know, as the driver wrote it.
    Unknown(u32),
}

impl RecoveryAction {
    /// A short constant name, for JSON and metric labels.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::RestartApplication => "restart_application",
            Self::DrainPeers => "drain_peers",
            Self::RestartFabricManager => "restart_fabric_manager",
            Self::DrainAndReset => "drain_and_reset",
            Self::Reset => "reset",
            Self::RebootNode => "reboot_node",
            Self::FlashFirmware => "flash_firmware",
            Self::CheckHardware => "check_hardware",
            Self::ContactVendor => "contact_vendor",
            Self::Replace => "replace",
            Self::Unknown(_) => "unknown",
        }
    }

    /// True for what the GPU comes out of as after a reset.
    #[must_use]
    pub const fn is_reset(self) -> bool {
        matches!(self, Self::DrainAndReset | Self::Reset | Self::RebootNode | Self::Unknown(_))
    }
}

impl fmt::Display for RecoveryAction {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::None => "none",
            Self::RestartApplication => "restart the program",
            Self::DrainPeers => "drain peer traffic",
            Self::RestartFabricManager => "restart the fabric manager",
            Self::DrainAndReset => "drain and reset the GPU",
            Self::Reset => "reset the GPU",
            Self::RebootNode => "reboot the node",
            Self::FlashFirmware => "flash the firmware",
            Self::CheckHardware => "check the hardware",
            Self::ContactVendor => "contact the vendor",
            Self::Replace => "replace the GPU",
            Self::Unknown(raw) => return write!(f, "unknown ({raw})"),
        })
    }
}
