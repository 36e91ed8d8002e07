//! [`Function`]: a virtual function as Level Zero shows it to the physical one's driver.

use gpu_core::{Absence, Bytes, Metric, Nanoseconds, Need, Permille, Reading};
use level_zero_sys::{
    zes_device_handle_t, zes_engine_group_t, zes_mem_loc_t, zes_vf_exp2_capabilities_t, zes_vf_handle_t,
    zes_vf_util_engine_exp2_t, zes_vf_util_mem_exp2_t,
};

use super::error::absence;
use super::ffi::{Fault, Library, Of};
use super::reading::Reader;
use super::work::Counts;

/// The functions are the specification's 1.10, and that which tells a function's number its 1.12.
const NO_ROWS: Absence = Absence::NotSupported { why: "Level Zero has no such row for the virtual function" };
const NOT_LISTED: Absence = Absence::NotSupported { why: "Level Zero does not list this virtual function" };

/// A virtual function that is enabled.
#[derive(Clone, Copy, Debug)]
pub(super) struct Function {
    /// From 1.
    number: u32,
    /// All of its memory.
    memory: Bytes,
    handle: Of<zes_vf_handle_t>,
}

/// The virtual functions of a device, each asked once who it is.
pub(super) fn all(library: &Library, device: Of<zes_device_handle_t>) -> Result<Vec<Function>, Fault> {
    let f = library.functions();
    let handles = library.parts(f.device_enum_enabled_vf, device, zes_vf_handle_t::is_null)?;
    let function = |handle| {
        let told = library.get(f.vf_get_capabilities, handle, zes_vf_exp2_capabilities_t::new())?;
        Ok(Function { number: told.vfID, memory: Bytes(told.vfDeviceMemSize), handle })
    };
    handles.into_iter().map(function).collect()
}

impl Reader<'_> {
    /// Fills in what is wanted of one virtual function.
    pub(super) fn read_function(&self, number: u32, reading: &mut Reading) {
        let listed = self.device.functions.as_ref();
        let function = listed
            .map_err(|fault| absence(*fault, "zesDeviceEnumEnabledVFExp", Need::Root))
            .and_then(|all| all.iter().find(|of| of.number == number).ok_or(NOT_LISTED));
        let total =
            || function.map(|of| of.memory).and_then(|of| if of.0 == 0 { Err(NO_ROWS) } else { Ok(of) });
        self.fill(&mut reading.memory_total, Metric::MemoryTotal, total);
        let total = reading.memory_total.map(|total| total.value);
        if self.wanted.has(Metric::MemoryUsed) || self.wanted.has(Metric::MemoryFree) {
            let used = function.and_then(|of| self.used(of));
            self.fill(&mut reading.memory_used, Metric::MemoryUsed, || used);
            self.fill(&mut reading.memory_free, Metric::MemoryFree, || {
                const AT: &str = "zesVFManagementGetVFMemoryUtilizationExp2: more is used than there is";
                total?.checked_sub(used?).ok_or(Absence::Failed { at: AT, code: None })
            });
        }
        if self.wanted.has(Metric::Busy) || self.wanted.has(Metric::VideoBusy) {
            let shares = function.and_then(|of| self.shares(of));
            let shares = shares.as_ref().map_err(|absence| *absence);
            self.fill_over(&mut reading.busy, Metric::Busy, || busy(shares?));
            self.fill_over(&mut reading.video_busy, Metric::VideoBusy, || video(shares?));
        }
    }

    /// The device's memory that the function uses.
    fn used(&self, function: &Function) -> Result<Bytes, Absence> {
        const AT: &str = "zesVFManagementGetVFMemoryUtilizationExp2";
        let f = self.library.functions().vf_get_memory_utilization;
        let rows = self.library.rows(f, function.handle, zes_vf_util_mem_exp2_t::new());
        let rows = rows.map_err(|fault| absence(fault, AT, Need::Root))?;
        let mut own = rows.iter().filter(|row| row.vfMemLocation == zes_mem_loc_t::DEVICE).peekable();
        own.peek().ok_or(NO_ROWS)?;
        let sum = own.try_fold(0, |sum: u64, row| sum.checked_add(row.vfMemUtilized));
        sum.map(Bytes).ok_or(Absence::Failed { at: AT, code: None })
    }

    /// What part of the time each group of engines worked for the function since the last look.
    fn shares(&self, function: &Function) -> Result<Vec<Share>, Absence> {
        const AT: &str = "zesVFManagementGetVFEngineUtilizationExp2";
        let f = self.library.functions().vf_get_engine_utilization;
        let rows = self.library.rows(f, function.handle, zes_vf_util_engine_exp2_t::new());
        let rows = rows.map_err(|fault| absence(fault, AT, Need::Root))?;
        // All rows are noted before one that is new ends the look.
        let shares: Vec<Option<Share>> = rows
            .iter()
            .enumerate()
            .map(|(place, row)| {
                let reader = (self.device.address, Counts::Function(function.number, place), None);
                let counters = (row.activeCounterValue, row.samplingCounterValue);
                let since = self.work.since_last(reader, counters, self.now)?;
                let share = u128::from(since.worked) * 1000 / u128::from(since.elapsed);
                let share = Permille(u64::try_from(share).unwrap_or(1000).min(1000));
                Some(Share { group: row.vfEngineType, share, window: since.took })
            })
            .collect();
        shares.into_iter().collect::<Option<_>>().ok_or(Absence::NotYet)
    }
}

/// The work of one group of engines.
struct Share {
    group: zes_engine_group_t,
    share: Permille,
    window: Nanoseconds,
}

type Over = Result<(Permille, Nanoseconds), Absence>;

/// All engines together, where there is such a row; else at least as much as the busiest of them.
fn busy(shares: &[Share]) -> Over {
    let all = shares.iter().find(|of| of.group == zes_engine_group_t::ALL);
    let busiest = all.or_else(|| shares.iter().max_by_key(|of| of.share));
    busiest.map(|of| (of.share, of.window)).ok_or(NO_ROWS)
}

fn video(shares: &[Share]) -> Over {
    let media = shares.iter().find(|of| of.group == zes_engine_group_t::MEDIA_ALL);
    media.map(|of| (of.share, of.window)).ok_or(NO_ROWS)
}
