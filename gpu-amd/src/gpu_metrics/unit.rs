//! [`Unit`]: what a number of `gpu_metrics` counts in, and the quantity that it is.

use gpu_core::{
    Absence, Count, Hertz, Microjoules, Microwatts, Millicelsius, Nanoseconds, Permille, Rpm,
    ThrottleReasons, Value,
};

/// What a number counts in.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Unit {
    Celsius,
    /// Hundredths of a degree.
    Centi,
    Percent,
    /// Hundredths of per cent.
    CentiPercent,
    /// In one of several units, by chip.
    Unstated,
    Watts,
    Milliwatts,
    /// 2⁻¹⁶ joules, which the header rounds to 15.259 µJ.
    EnergyUnits,
    Nanoseconds,
    TensOfNs,
    Megahertz,
    Rotations,
    /// A plain number: see the field.
    Number,
    /// Bits whose meaning differs by chip.
    Bits,
    /// The throttlers that all chips share.
    Throttlers,
}

impl Unit {
    /// The quantity that a number in this unit is.
    ///
    /// # Errors
    /// `Failed` when it cannot be: more than all of it, or too large for the quantity.
    /// `NotSupported` when the unit is not known.
    pub(super) fn value(self, raw: u64) -> Result<Value, Absence> {
        const SENSELESS: Absence =
            Absence::Failed { at: "gpu_metrics holds a value that cannot be", code: None };
        let part = |permille: u64| match permille {
            0..=1000 => Ok(Value::Permille(Permille(permille))),
            _ => Err(SENSELESS),
        };
        let heat = |unit: i64| {
            let raw = i64::try_from(raw).map_err(|_| SENSELESS)?;
            Ok(Value::Millicelsius(Millicelsius(raw.saturating_mul(unit))))
        };
        match self {
            Self::Celsius => heat(1000),
            Self::Centi => heat(10),
            Self::Percent => part(raw.saturating_mul(10)),
            Self::CentiPercent => part(raw / 10),
            Self::Unstated => {
                Err(Absence::NotSupported { why: "this version of gpu_metrics leaves its unit to the chip" })
            }
            Self::Watts => Ok(Value::Microwatts(Microwatts::from_watts(raw))),
            Self::Milliwatts => Ok(Value::Microwatts(Microwatts::from_milliwatts(raw))),
            Self::EnergyUnits => Ok(Value::Microjoules(energy(raw))),
            Self::Nanoseconds => Ok(Value::Nanoseconds(Nanoseconds(raw))),
            Self::TensOfNs => Ok(Value::Nanoseconds(Nanoseconds(raw.checked_mul(10).ok_or(SENSELESS)?))),
            Self::Megahertz => Ok(Value::Hertz(Hertz::from_mhz(raw))),
            Self::Rotations => Ok(Value::Rpm(Rpm(raw))),
            Self::Number => Ok(Value::Count(Count(raw))),
            Self::Bits => Ok(Value::ThrottleReasons(ThrottleReasons { known: 0, raw })),
            Self::Throttlers => Ok(Value::ThrottleReasons(throttlers(raw))),
        }
    }
}

/// Energy in units of 2⁻¹⁶ J. A unit is 10⁶/2¹⁶ = 15625/1024 µJ, exactly; what is left below a
/// microjoule is cut off, never carried from reading to reading, so that the sum is off by less
/// than one microjoule however long it runs. (15.259 is this number rounded, and too high by
/// 14 J in a MJ; AMD's library multiplies by 15.3, too high by 2.7 kJ in a MJ.)
pub(super) fn energy(units: u64) -> Microjoules {
    let microjoules = u128::from(units) * 15_625 / 1024;
    Microjoules(u64::try_from(microjoules).unwrap_or(u64::MAX))
}

/// The throttlers that all chips share, by bit (`SMU_THROTTLER_*_BIT` in the kernel's
/// `drivers/gpu/drm/amd/pm/swsmu/inc/amdgpu_smu.h`).
const THROTTLERS: [(core::ops::RangeInclusive<u32>, ThrottleReasons); 5] = [
    // PPT0 to PPT3, SPL, FPPT, SPPT, SPPT_APU: trackers of package power.
    (0..=7, ThrottleReasons::POWER_CAP),
    // TDC and EDC of each rail: current, sustained and peak.
    (16..=22, ThrottleReasons::POWER_BRAKE),
    // GPU, core, memory, edge, hot spot, SoC, regulators, liquids.
    (32..=43, ThrottleReasons::THERMAL),
    // VRHOT0 and VRHOT1: a regulator's alarm.
    (44..=45, ThrottleReasons::POWER_BRAKE),
    // PROCHOT of processor and GPU.
    (46..=47, ThrottleReasons::HARDWARE),
    // APCC (23), PPM (56), FIT (57) and whatever comes have no name here: kept as they are.
];

/// The reasons that the bits stand for; unknown bits are kept.
fn throttlers(bits: u64) -> ThrottleReasons {
    let mut reasons = ThrottleReasons::NONE;
    for bit in (0..u64::BITS).filter(|bit| bits & 1 << bit != 0) {
        let known = THROTTLERS.iter().find(|(range, _)| range.contains(&bit));
        reasons = reasons
            | match known {
                Some((_, reason)) => *reason,
                None => ThrottleReasons { known: 0, raw: 1 << bit },
            };
    }
    reasons
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn energy_is_exact() {
        // 2¹⁶ units are a joule by definition.
        assert_eq!(energy(1 << 16), Microjoules(1_000_000));
        assert_eq!(energy(1), Microjoules(15));
        assert_eq!(energy(1024), Microjoules(15_625));
        // A year at 750 W: 23.652 GJ, to the microjoule.
        assert_eq!(energy((750 * 31_536_000) << 16), Microjoules(23_652_000_000_000_000));
        assert_eq!(energy(u64::MAX), Microjoules(u64::MAX), "the largest counter does not wrap");
    }

    #[test]
    fn throttlers_by_the_kernels_bits() {
        assert_eq!(throttlers(0), ThrottleReasons::NONE);
        assert_eq!(throttlers(1 << 36), ThrottleReasons::THERMAL, "hot spot");
        assert_eq!(throttlers(1 | 1 << 17), ThrottleReasons::POWER_CAP | ThrottleReasons::POWER_BRAKE);
        assert_eq!(throttlers(1 << 47), ThrottleReasons::HARDWARE);
        assert_eq!(throttlers(1 << 63 | 1 << 23).raw, 1 << 63 | 1 << 23);
    }

    #[test]
    fn what_cannot_be_is_refused() {
        assert!(Unit::Percent.value(101).is_err());
        assert!(Unit::CentiPercent.value(10_010).is_err());
        assert!(Unit::Celsius.value(u64::MAX).is_err());
        assert_eq!(Unit::Centi.value(4512), Ok(Value::Millicelsius(Millicelsius(45_120))));
        assert_eq!(Unit::Milliwatts.value(1500), Ok(Value::Microwatts(Microwatts(1_500_000))));
    }
}
