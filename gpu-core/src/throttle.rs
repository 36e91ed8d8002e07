//! [`ThrottleReasons`]: what holds a GPU's clocks down.

use core::fmt;
use core::ops::BitOr;

/// The reasons for which clocks are below their maximum, as a set. Unknown vendor bits are kept.
///
/// ```
/// use gpu_core::ThrottleReasons;
/// let reasons = ThrottleReasons::POWER_CAP | ThrottleReasons::THERMAL;
/// assert_eq!(reasons.to_string(), "power cap, thermal");
/// assert_eq!(ThrottleReasons::NONE.to_string(), "none");
/// ```
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Debug)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct ThrottleReasons {
    /// The set of known reasons, as bits.
    pub known: u32,
    /// Bits that the vendor reported and this version does not know, as the vendor wrote them.
    pub raw: u64,
}

macro_rules! reasons {
    ($($(#[$doc:meta])* $name:ident = $bit:literal, $text:literal;)*) => {
        impl ThrottleReasons {
            $($(#[$doc])* pub const $name: Self = Self { known: 1 << $bit, raw: 0 };)*

            const NAMES: &'static [(Self, &'static str)] = &[$((Self::$name, $text)),*];
        }
    };
}

reasons! {
    /// Nothing runs (NVML `GpuIdle`).
    IDLE = 0, "idle";
    /// Somebody set the clocks (NVML `ApplicationsClocksSetting`).
    SETTING = 1, "clock setting";
    /// The power limit (NVML `SwPowerCap`; AMD's package power trackers; Intel `reason_pl1`,
    /// `reason_pl2`, `reason_pl4`).
    POWER_CAP = 2, "power cap";
    /// Temperature, by hardware or software (NVML `HwThermalSlowdown`, `SwThermalSlowdown`; AMD's
    /// temperature throttlers; Intel `reason_thermal`).
    THERMAL = 3, "thermal";
    /// The power supply or the board's regulator asks for it (NVML `HwPowerBrakeSlowdown`; AMD's
    /// current throttlers and `VRHOT`; Intel `reason_vr_tdc`, `reason_vr_thermalert`, `reason_ratl`).
    POWER_BRAKE = 4, "power brake";
    /// Hardware slowdown without a finer reason (NVML `HwSlowdown`; AMD's `PROCHOT`; Intel `reason_prochot`).
    HARDWARE = 5, "hardware slowdown";
    /// Clocks kept equal over a group of boards (NVML `SyncBoost`).
    SYNC = 6, "sync boost";
    /// The display's clocks (NVML `DisplayClockSetting`).
    DISPLAY = 7, "display clocks";
}

impl ThrottleReasons {
    /// Nothing holds the clocks down.
    pub const NONE: Self = Self { known: 0, raw: 0 };

    /// True when every reason in `other` is in this set.
    #[must_use]
    pub const fn contains(self, other: Self) -> bool {
        self.known & other.known == other.known && self.raw & other.raw == other.raw
    }

    /// True when nothing holds the clocks down.
    #[must_use]
    pub const fn is_empty(self) -> bool {
        self.known == 0 && self.raw == 0
    }
}

impl BitOr for ThrottleReasons {
    type Output = Self;

    fn bitor(self, other: Self) -> Self {
        Self { known: self.known | other.known, raw: self.raw | other.raw }
    }
}

impl fmt::Display for ThrottleReasons {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.is_empty() {
            return f.write_str("none");
        }
        let mut separator = "";
        for (reason, name) in Self::NAMES {
            if self.contains(*reason) {
                write!(f, "{separator}{name}")?;
                separator = ", ";
            }
        }
        if self.raw != 0 {
            write!(f, "{separator}unknown {:#x}", self.raw)?;
        }
        Ok(())
    }
}
