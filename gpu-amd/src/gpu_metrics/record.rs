//! Version 1.9: no structure, but records that say what they are.
//!
//! Behind the header stand the number of records, in 32 bits, and the records, packed: 64 bits of
//! what it is (kernel: `kgd_pp_interface.h`, `AMDGPU_METRICS_ENC_ATTR`: how many in bits 0 to 9, which
//! in 10 to 19, the type in 20 to 23, the unit in 24 to 31), and the numbers themselves
//! (`smu_cmn.h`, `DECLARE_SMU_METRICS_CLASS`). Widths and units have changed from one kernel to the
//! next; what the record says counts.

use super::Field;
use super::unit::Unit;

/// The version that is made of records.
pub(super) const VERSION: (u8, u8) = (1, 9);

/// Where the records begin: behind the header and their number.
const START: usize = 8;
/// Size of what a record says of itself.
const ENCODING: usize = 8;

/// Units, as records number them.
const NONE: u8 = 0;
const MEGAHERTZ: u8 = 1;
const CELSIUS: u8 = 2;
const WATTS: u8 = 3;
const NANOSECONDS: u8 = 4;
const TENS_OF_NS: u8 = 5;
const TRANSFERS: u8 = 6;
const TENTHS_OF_TRANSFERS: u8 = 7;
const GIGABYTES: u8 = 8;
const KILOBYTES: u8 = 9;
const PERCENT: u8 = 10;

/// Sums of activity have been marked as per cent, and as plain numbers later.
const SUM: &[u8] = &[NONE, PERCENT, GIGABYTES];

/// What the records are whose numbers are known: number, field, the units in which it is that field,
/// and what that is here.
const KNOWN: [(u16, Field, &[u8], Unit); 39] = [
    (0, Field::TemperatureHotspot, &[CELSIUS], Unit::Celsius),
    (1, Field::TemperatureMemory, &[CELSIUS], Unit::Celsius),
    (2, Field::TemperatureVrSoc, &[CELSIUS], Unit::Celsius),
    (3, Field::SocketPower, &[WATTS], Unit::Watts),
    (4, Field::GfxActivity, &[PERCENT], Unit::Percent),
    (5, Field::MemoryActivity, &[PERCENT], Unit::Percent),
    (6, Field::MemoryBandwidthMax, &[GIGABYTES], Unit::Number),
    (7, Field::Energy, &[NONE], Unit::EnergyUnits),
    (8, Field::DriverTime, &[NANOSECONDS], Unit::Nanoseconds),
    (9, Field::Accumulations, &[NONE], Unit::Number),
    (10, Field::ThrottledProchot, &[NONE], Unit::Number),
    (11, Field::ThrottledPower, &[NONE], Unit::Number),
    (12, Field::ThrottledSocketHeat, &[NONE], Unit::Number),
    (13, Field::ThrottledVrHeat, &[NONE], Unit::Number),
    (14, Field::ThrottledHbmHeat, &[NONE], Unit::Number),
    (15, Field::GfxClockLocks, &[NONE], Unit::Bits),
    (16, Field::PcieWidth, &[NONE], Unit::Number),
    (17, Field::PcieSpeed, &[TENTHS_OF_TRANSFERS], Unit::Number),
    (18, Field::XgmiWidth, &[NONE], Unit::Number),
    (19, Field::XgmiSpeed, &[TRANSFERS], Unit::Number),
    (20, Field::GfxActivitySum, SUM, Unit::Number),
    (21, Field::MemoryActivitySum, SUM, Unit::Number),
    (22, Field::PcieTraffic, SUM, Unit::Number),
    (23, Field::PcieTrafficNow, &[GIGABYTES], Unit::Number),
    (24, Field::PcieRecoveries, &[NONE], Unit::Number),
    (25, Field::PcieReplays, &[NONE], Unit::Number),
    (26, Field::PcieReplayRollovers, &[NONE], Unit::Number),
    (27, Field::PcieNaksSent, &[NONE], Unit::Number),
    (28, Field::PcieNaksReceived, &[NONE], Unit::Number),
    (29, Field::XgmiRead, &[KILOBYTES], Unit::Number),
    (30, Field::XgmiWritten, &[KILOBYTES], Unit::Number),
    (31, Field::XgmiStatus, &[NONE], Unit::Number),
    (32, Field::FirmwareTime, &[TENS_OF_NS], Unit::TensOfNs),
    (33, Field::GfxClock, &[MEGAHERTZ], Unit::Megahertz),
    (34, Field::SocClock, &[MEGAHERTZ], Unit::Megahertz),
    (35, Field::VideoClock, &[MEGAHERTZ], Unit::Megahertz),
    (37, Field::MemoryClock, &[MEGAHERTZ], Unit::Megahertz),
    (41, Field::JpegActivity, &[PERCENT], Unit::Percent),
    (42, Field::VideoActivity, &[PERCENT], Unit::Percent),
];

/// One record.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Record {
    /// What it is, as the driver numbers it.
    id: u16,
    unit: u8,
    /// Where its numbers begin.
    pub(super) at: usize,
    /// Bytes of each.
    pub(super) width: u8,
    pub(super) count: u16,
    /// The highest bit is a sign.
    pub(super) is_signed: bool,
}

impl Record {
    /// The record that begins at `at`, if it lies within `bytes` and its type is known.
    fn read(bytes: &[u8], at: usize) -> Option<Self> {
        let start = at.checked_add(ENCODING)?;
        let encoding = u64::from_le_bytes(bytes.get(at..start)?.try_into().ok()?);
        let part = |shift: u32, bits: u32| (encoding >> shift & ((1 << bits) - 1)) as u16;
        // Unsigned and signed in turn, of 1, 2, 4 and 8 bytes. More than that would have a length that
        // nobody knows, and what the upper half holds nobody says.
        let kind = part(20, 4);
        if kind > 7 || encoding >> 32 != 0 {
            return None;
        }
        let (width, count) = (1 << (kind / 2), part(0, 10));
        let end = start.checked_add(usize::from(width) * usize::from(count))?;
        bytes.get(start..end)?;
        let unit = part(24, 8) as u8;
        Some(Self { id: part(10, 10), unit, at: start, width, count, is_signed: kind % 2 == 1 })
    }

    fn end(&self) -> usize {
        self.at + usize::from(self.width) * usize::from(self.count)
    }

    /// What its numbers count in as that field; `None` where the record gives another unit than the
    /// field is known in.
    pub(super) fn unit_of(&self, field: Field) -> Option<Unit> {
        let known = KNOWN.iter().find(|(id, of, ..)| (*id, *of) == (self.id, field))?;
        known.2.contains(&self.unit).then_some(known.3)
    }
}

/// The records of a whole: as many as it says, however many bytes that takes.
fn records(bytes: &[u8]) -> impl Iterator<Item = Option<Record>> + '_ {
    let number = bytes.get(4..START).and_then(|number| number.try_into().ok()).map_or(0, u32::from_le_bytes);
    let mut at = START;
    (0..number).map(move |_| {
        let record = Record::read(bytes, at)?;
        at = record.end();
        Some(record)
    })
}

/// True when these bytes are as many records as they say, and nothing else.
pub(super) fn are_whole(bytes: &[u8]) -> bool {
    let mut end = START;
    for record in records(bytes) {
        match record {
            Some(record) => end = record.end(),
            None => return false,
        }
    }
    end == bytes.len()
}

/// The record of a field, the first where there are several.
pub(super) fn of(bytes: &[u8], field: Field) -> Option<Record> {
    let (id, ..) = KNOWN.iter().find(|(_, of, ..)| *of == field)?;
    records(bytes).map_while(|record| record).find(|record| record.id == *id)
}

#[cfg(test)]
mod tests;
