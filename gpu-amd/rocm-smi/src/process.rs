//! Processes of the compute driver, by the library.

use gpu_core::{
    Absence, BootTime, Bytes, Measured, Nanoseconds, Pid, PidView, ProcessKinds, ProcessReading, Source,
    UnitId,
};

use crate::error::{Answer, Refused};
use crate::ffi::Library;

const NOT_TOLD: Absence = Absence::NotSupported { why: "rocm_smi does not tell it of a process" };
const OCCUPANCY: Absence =
    Absence::NotSupported { why: "rocm_smi tells per cent of full dies, not units: read gpu-amd" };
const CLIENTS: Absence = Absence::NotSupported { why: "rocm_smi knows no DRM clients: read gpu-amd" };

/// A process, and one of the library's devices that it uses.
pub(crate) type Holding = (u32, u32);

/// Which process uses which device. One that ends while it is looked at is left out.
pub(crate) fn look(library: &Library) -> Answer<Vec<Holding>> {
    let mut found = Vec::new();
    for pid in library.processes()? {
        let Ok(indexes) = library.devices_of(pid) else { continue };
        found.extend(indexes.into_iter().map(|index| (index, pid)));
    }
    found.sort_unstable();
    found.dedup();
    Ok(found)
}

/// What a process shows on the unit that a device is; nothing when it has ended.
pub(crate) fn reading(
    library: &Library,
    unit: UnitId,
    holding: Holding,
    now: BootTime,
) -> Option<ProcessReading> {
    let (index, pid) = holding;
    // The library reads the compute driver's files, which count in the machine's own namespace.
    let mut reading = ProcessReading::new(unit, Pid(pid), PidView::Host, NOT_TOLD);
    reading.kinds = ProcessKinds::COMPUTE;
    reading.occupied_units = Err(OCCUPANCY);
    reading.set_clients_absent(CLIENTS);
    match library.process(pid, index) {
        Ok(process) => {
            reading.memory = Ok(Measured::new(Bytes(process.memory), now, Source::RocmSmi));
            let copies = Nanoseconds::from_micros(process.copies_us);
            reading.queue_copy_time = Ok(Measured::new(copies, now, Source::RocmSmi));
        }
        Err(refused) if has_ended(refused) => return None,
        Err(refused) => {
            reading.memory = Err(refused.absence());
            reading.queue_copy_time = Err(refused.absence());
        }
    }
    Some(reading)
}

/// `RSMI_STATUS_NOT_FOUND`.
fn has_ended(refused: Refused) -> bool {
    refused.code == Some(10)
}
