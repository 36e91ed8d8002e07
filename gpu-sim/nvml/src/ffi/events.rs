//! Events: a client may wait, and nothing ever happens.

use std::ffi::c_uint;

use super::nvml;
use crate::abi::{Code, EventData};
use crate::handle::Device;
use crate::out::Out;

/// The one set that there is: it holds nothing.
const SET: usize = 0x4e56_5000_0000;

/// `nvmlEventSet_t`.
#[repr(transparent)]
#[derive(Clone, Copy)]
pub struct EventSet(usize);

impl crate::gate::Named for EventSet {}

impl EventSet {
    fn check(self) -> Result<(), Code> {
        if self.0 == SET { Ok(()) } else { Err(Code::INVALID_ARGUMENT) }
    }
}

nvml! {
    fn nvmlEventSetCreate(set: Out<usize>) |_s| set.put(SET);
    fn nvmlEventSetFree(set: EventSet) |_s| set.check();
    fn nvmlDeviceGetSupportedEventTypes(device: Device, bits: Out<u64>) |s| {
        s.whole(device)?;
        bits.put(0)
    };
    fn nvmlDeviceRegisterEvents(device: Device, _bits: u64, set: EventSet) |s| {
        s.whole(device)?;
        set.check()
    };
    /// Answers at once that the time is over, however long the caller would wait.
    fn nvmlEventSetWait(set: EventSet, _data: Out<EventData>, _milliseconds: c_uint) |_s| {
        set.check()?;
        Err(Code::TIMEOUT)
    };
    fn nvmlEventSetWait_v2(set: EventSet, _data: Out<EventData>, _milliseconds: c_uint) |_s| {
        set.check()?;
        Err(Code::TIMEOUT)
    };
}
