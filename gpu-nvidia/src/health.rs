//! Readings that tell how well a GPU is: numbered fields, the fabric, the link that there could be.

use gpu_core::{
    Absence, Count, Fabric, FabricIssues, FabricState, Measured, Metric, Millicelsius, Reading,
    RecoveryAction, Source,
};

use crate::error::Code;
use crate::ffi::{FabricInfo, FieldValue, unsigned, zeroed};
use crate::reading::Reader;

/// `NVML_FI_DEV_*`.
const RETIRED_SINGLE: u32 = 29;
const RETIRED_DOUBLE: u32 = 30;
const RETIRED_PENDING: u32 = 31;
const MEMORY_TEMPERATURE: u32 = 82;
pub(crate) const LINK_COUNT: u32 = 91;
const LINK_STATE: u32 = 165;
const RECOVERY_ACTION: u32 = 230;

/// More links than a board can have: a count beyond it is not believed.
const LINKS: usize = 64;
const FIELDS: usize = 5 + LINKS;
const AT: &str = "nvmlDeviceGetFieldValues";

/// Numbered fields, asked for by one call.
struct Fields {
    values: [FieldValue; FIELDS],
    count: usize,
    /// What the call as a whole answered.
    answer: Result<(), Code>,
}

impl Fields {
    fn new() -> Self {
        Self { values: [zeroed(); FIELDS], count: 0, answer: Ok(()) }
    }

    fn ask(&mut self, field: u32, scope: u32) {
        if let Some(value) = self.values.get_mut(self.count) {
            (value.fieldId, value.scopeId) = (field, scope);
            self.count += 1;
        }
    }

    fn of(&self, field: u32) -> impl Iterator<Item = &FieldValue> {
        self.values[..self.count].iter().filter(move |value| value.fieldId == field)
    }

    /// A number that was asked for.
    fn number(&self, field: u32) -> Result<u32, Code> {
        self.answer?;
        self.of(field).next().map_or(Err(Code::NO_DATA), unsigned)
    }
}

impl Reader<'_> {
    pub(crate) fn health(&self, reading: &mut Reading) {
        self.fields(reading);
        let of = self.library;
        let slot = &mut reading.fabric;
        if self.wanted.has(Metric::Fabric) {
            *slot = match of.fabric(self.board.handle) {
                Ok(info) => fabric(&info).map(|fabric| self.measured(fabric)),
                Err(code) => Err(self.refused(code, "nvmlDeviceGetGpuFabricInfoV")),
            };
        }
        let count = |n: u32| Count(n.into());
        let (slot, metric) = (&mut reading.pcie_generation_max, Metric::PcieGenerationMax);
        let at = "nvmlDeviceGetMaxPcieLinkGeneration";
        self.value(slot, metric, at, |handle| of.pcie_generation_max(handle), count);
        let (slot, metric) = (&mut reading.pcie_width_max, Metric::PcieWidthMax);
        let at = "nvmlDeviceGetMaxPcieLinkWidth";
        self.value(slot, metric, at, |handle| of.pcie_width_max(handle), count);
    }

    fn measured<T>(&self, value: T) -> Measured<T> {
        Measured::new(value, self.now, Source::Nvml)
    }

    /// One call answers for all of them.
    fn fields(&self, reading: &mut Reading) {
        use Metric::{LinksDown, LinksUp, RetiredPages, RetiredPagesPending, TemperatureMemory};
        let wants = |metric| self.wanted.has(metric);
        let mut fields = Fields::new();
        let asked: [(&[Metric], &[u32]); 4] = [
            (&[TemperatureMemory], &[MEMORY_TEMPERATURE]),
            (&[RetiredPages], &[RETIRED_SINGLE, RETIRED_DOUBLE]),
            (&[RetiredPagesPending], &[RETIRED_PENDING]),
            (&[Metric::RecoveryAction], &[RECOVERY_ACTION]),
        ];
        for (_, wanted) in asked.iter().filter(|(metrics, _)| metrics.iter().any(|metric| wants(*metric))) {
            wanted.iter().for_each(|field| fields.ask(*field, 0));
        }
        if wants(LinksUp) || wants(LinksDown) {
            (0..self.board.links.unwrap_or(0)).for_each(|link| fields.ask(LINK_STATE, link));
        }
        if fields.count > 0 {
            fields.answer = self.library.fields(self.board.handle, &mut fields.values[..fields.count]);
        }
        let told = |field| fields.number(field).map_err(|code| self.field_refused(code, &fields));
        if wants(TemperatureMemory) {
            let heat = told(MEMORY_TEMPERATURE);
            reading.temperature_memory =
                heat.map(|degrees| self.measured(Millicelsius::from_degrees(degrees.into())));
        }
        if wants(RetiredPages) {
            let pages = told(RETIRED_SINGLE).and_then(|single| Ok((single, told(RETIRED_DOUBLE)?)));
            let sum = |(single, double)| Count(u64::from(single) + u64::from(double));
            reading.retired_pages = pages.map(|both| self.measured(sum(both)));
        }
        if wants(RetiredPagesPending) {
            let pending = told(RETIRED_PENDING);
            reading.retired_pages_pending = pending.map(|n| self.measured(Count(n.into())));
        }
        if wants(Metric::RecoveryAction) {
            reading.recovery_action = told(RECOVERY_ACTION).map(|number| self.measured(recovery(number)));
        }
        self.links(reading, &fields);
    }

    fn links(&self, reading: &mut Reading, fields: &Fields) {
        const NONE: Absence =
            Absence::NotSupported { why: "this GPU has no NVLinks, or its driver does not count them" };
        let (wants_up, wants_down) = (self.wanted.has(Metric::LinksUp), self.wanted.has(Metric::LinksDown));
        if !wants_up && !wants_down {
            return;
        }
        let counted = fields.answer.map_err(|code| self.field_refused(code, fields)).and_then(|()| {
            let (mut up, mut down) = (0_u64, 0_u64);
            for link in fields.of(LINK_STATE) {
                match unsigned(link) {
                    // 1 is active; 2, asleep, wakes by itself.
                    Ok(1 | 2) => up += 1,
                    Ok(_) => down += 1,
                    Err(code) => return Err(self.field_refused(code, fields)),
                }
            }
            if up + down == 0 { Err(NONE) } else { Ok((up, down)) }
        });
        if wants_up {
            reading.links_up = counted.map(|(up, _)| self.measured(Count(up)));
        }
        if wants_down {
            reading.links_down = counted.map(|(_, down)| self.measured(Count(down)));
        }
    }

    /// Why a field is not there. A field that NVML does not know says nothing against the handle.
    fn field_refused(&self, code: Code, fields: &Fields) -> Absence {
        match code {
            Code::INVALID_ARGUMENT if fields.answer.is_ok() => {
                Absence::NotSupported { why: "this version of NVML has no such field" }
            }
            code => self.refused(code, AT),
        }
    }
}

/// `nvmlDeviceGpuRecoveryAction_t`. What is past 4 has had two meanings in public headers.
fn recovery(number: u32) -> RecoveryAction {
    match number {
        0 => RecoveryAction::None,
        1 => RecoveryAction::Reset,
        2 => RecoveryAction::RebootNode,
        3 => RecoveryAction::DrainPeers,
        4 => RecoveryAction::DrainAndReset,
        other => RecoveryAction::Unknown(other),
    }
}

/// `nvmlGpuFabricInfo_v3_t`: the health mask has two bits for each matter (1 is "true", 2 "false"), and four
/// for the configuration (1 is "none").
fn fabric(info: &FabricInfo) -> Result<Fabric, Absence> {
    let state = match info.state {
        0 => return Err(Absence::NotSupported { why: "this GPU is on no board with an NVLink fabric" }),
        1 => FabricState::NotStarted,
        2 => FabricState::InProgress,
        3 => FabricState::Completed,
        other => FabricState::Unknown(other),
    };
    let bits = |shift: u32, mask: u32| info.healthMask >> shift & mask;
    let rows = [
        (bits(0, 3) == 1, FabricIssues::DEGRADED_BANDWIDTH),
        (bits(2, 3) == 1, FabricIssues::ROUTE_RECOVERY),
        (bits(4, 3) == 1, FabricIssues::ROUTE_UNHEALTHY),
        (bits(6, 3) == 1, FabricIssues::ACCESS_TIMEOUT_RECOVERY),
        (bits(8, 0xf) > 1, FabricIssues::MISCONFIGURED),
        (info.healthSummary == 2, FabricIssues::UNHEALTHY),
        (info.healthSummary == 3, FabricIssues::LIMITED_CAPACITY),
    ];
    let there = rows.iter().filter(|(is_so, _)| *is_so);
    let known = there.fold(FabricIssues::NONE, |all, (_, issue)| all | *issue);
    let raw = FabricIssues { known: 0, raw: info.healthMask & !0xfff };
    Ok(Fabric::new(state, info.status, known | raw))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// By `nvml.h`: degraded bandwidth is 1 at bit 0, routes unhealthy 1 at bit 4, a wrong chassis 3 at bit 8.
    #[test]
    fn masks_as_the_header_has_them() {
        let mut info: FabricInfo = zeroed();
        info.state = 3;
        info.healthMask = 0x1aa;
        assert_eq!(fabric(&info).unwrap().issues, FabricIssues::NONE);
        info.healthMask = 0x3_0000 | 3 << 8 | 2 << 6 | 1 << 4 | 2 << 2 | 1;
        let issues =
            FabricIssues::DEGRADED_BANDWIDTH | FabricIssues::ROUTE_UNHEALTHY | FabricIssues::MISCONFIGURED;
        let read = fabric(&info).unwrap();
        assert_eq!((read.issues.known, read.issues.raw), (issues.known, 0x3_0000));
        info.healthSummary = 2;
        assert!(fabric(&info).unwrap().issues.contains(FabricIssues::UNHEALTHY));
        info.state = 0;
        assert_eq!(fabric(&info).unwrap_err().kind(), "not_supported");
        info.state = 200;
        assert_eq!(fabric(&info).unwrap().state, FabricState::Unknown(200));
    }
}
