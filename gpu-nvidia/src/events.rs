//! Events: Xids and what else NVML tells of by itself.
//!
//! NVML has sets of events: GPUs are registered with one, and a thread waits on it. A wait is answered with
//! `GPU_IS_LOST` as soon as *any* registered GPU is lost (`nvml.h`, `nvmlEventSetWait_v2`): it is then begun
//! anew without those, so that one lost GPU does not silence the others.

use std::sync::PoisonError;

use gpu_core::{
    BootTime, DeviceId, Error, ErrorKind, Event, EventKind, Events, Nanoseconds, PartitionKind, Source,
    UnitId, Vendor,
};

use crate::backend::NvidiaBackend;
use crate::board::{Board, Boards};
use crate::error::Code;
use crate::ffi::{EventData, EventSet, Handle, Library, device_of};

/// The kinds that are listened for (`nvmlEventType*`): memory errors, Xids, storms, retired memory, poison,
/// GPUs that cannot be used, other recovery actions. Not for clocks and power supplies.
const KINDS: u64 = 0x1 | 0x2 | XID | 0x200 | 0x400 | 0x800 | 0x1000 | 0x2000 | 0x4000 | 0x8000;
const XID: u64 = 0x8;
/// What stands in the place of an instance outside MIG.
const NO_INSTANCE: u32 = u32::MAX;
/// Most events that one wait hands over: a driver that never stops is left in between.
const MOST: usize = 1024;
const AT: &str = "nvmlEventSetWait_v2";

/// What is listened with.
#[derive(Debug, Default)]
pub(crate) struct Listening {
    set: Option<EventSet>,
    /// The GPUs that are registered, by the handles that they were registered by.
    registered: Vec<(DeviceId, Handle)>,
    /// GPUs that tell of no events.
    deaf: Vec<(DeviceId, Handle)>,
    /// Sets that somebody may still wait on. They are few: one for each time that a GPU was lost.
    old: Vec<EventSet>,
}

impl Listening {
    /// The set, with every GPU that can be registered with it.
    fn listen(&mut self, library: &Library, boards: &Boards) -> Result<EventSet, Error> {
        let set = match self.set {
            Some(set) => set,
            None => library.event_set().map_err(|code| code.error("nvmlEventSetCreate", "NVML"))?,
        };
        self.set = Some(set);
        for board in boards.boards.iter().filter(|board| !board.is_asleep()) {
            let this = (board.id, board.handle);
            if self.registered.contains(&this) || self.deaf.contains(&this) {
                continue;
            }
            let kinds = library.supported_events(board.handle).map(|kinds| kinds & KINDS);
            let answer = match kinds {
                Ok(0) => Err(Code::NOT_SUPPORTED),
                Ok(kinds) => library.register_events(board.handle, kinds, set),
                Err(code) => Err(code),
            };
            match answer {
                Ok(()) => self.registered.push(this),
                Err(Code::NOT_SUPPORTED | Code::FUNCTION_NOT_FOUND) => self.deaf.push(this),
                // It may answer the next time.
                Err(_) => {}
            }
        }
        if !self.registered.is_empty() {
            return Ok(set);
        }
        let all_are_deaf = boards.boards.iter().all(|board| self.deaf.contains(&(board.id, board.handle)));
        let (kind, detail) = match all_are_deaf {
            true => (ErrorKind::NotSupported, "no GPU here tells of events"),
            false => (ErrorKind::DeviceLost, "no GPU here can be listened to now"),
        };
        Err(Error::new(kind, "nvmlDeviceRegisterEvents", detail))
    }

    /// Lets go of a set on which a GPU is lost. True where those that are not can be listened to.
    fn leave(&mut self, set: EventSet, library: &Library) -> bool {
        if self.set != Some(set) {
            // Somebody else did so already.
            return true;
        }
        self.old.extend(self.set.take());
        let before = self.registered.len();
        self.registered.retain(|(_, handle)| library.uuid(*handle) != Err(Code::GPU_IS_LOST));
        let is_smaller = self.registered.len() < before;
        // They are to be registered with the next set.
        self.registered.clear();
        is_smaller
    }

    pub(crate) fn end(&mut self, library: &Library) {
        self.set.take().into_iter().chain(self.old.drain(..)).for_each(|set| library.event_set_free(set));
    }
}

impl Events for NvidiaBackend {
    fn wait(&self, limit: Nanoseconds, events: &mut Vec<Event>) -> Result<(), Error> {
        let mut boards = self.current();
        let set = self.listening().listen(self.library(), &boards)?;
        let milliseconds = u32::try_from(limit.get().div_ceil(1_000_000)).unwrap_or(u32::MAX);
        let (mut patience, mut has_looked) = (milliseconds, false);
        for _ in 0..MOST {
            match self.library().wait_event(set, patience) {
                Ok(event) => {
                    if !has_looked && self.named(&boards, device_of(&event)).is_none() {
                        // A GPU may have come since.
                        has_looked = true;
                        boards = self.look_again().unwrap_or(boards);
                    }
                    events.push(self.event(&boards, &event));
                    patience = 0;
                }
                Err(Code::TIMEOUT) => return Ok(()),
                Err(Code::GPU_IS_LOST) if self.listening().leave(set, self.library()) => return Ok(()),
                Err(_) if patience == 0 && milliseconds > 0 => return Ok(()),
                Err(code) => return Err(code.error(AT, "NVML")),
            }
        }
        Ok(())
    }
}

impl NvidiaBackend {
    fn listening(&self) -> std::sync::MutexGuard<'_, Listening> {
        self.listening.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The GPU of a handle that NVML named: by the handle, or by the UUID that NVML tells of it.
    fn named(&self, boards: &Boards, handle: Handle) -> Option<DeviceId> {
        let by_handle = |board: &&std::sync::Arc<Board>| board.handle == handle;
        let all = || boards.boards.iter().chain(&boards.lost);
        let registered = |id: &(DeviceId, Handle)| (id.1 == handle).then_some(id.0);
        all()
            .find(by_handle)
            .map(|board| board.id)
            .or_else(|| self.listening().registered.iter().find_map(registered))
            .or_else(|| {
                let uuid = self.library().uuid(handle).ok()?;
                all().find(|board| board.uuid.as_ref() == Ok(&uuid)).map(|board| board.id)
            })
    }

    fn event(&self, boards: &Boards, event: &EventData) -> Event {
        let device = self.named(boards, device_of(event));
        let board = device.and_then(|id| boards.boards.iter().find(|board| board.id == id));
        // The instance is told of Xids only, and means something under MIG only (`nvml.h`).
        let is_of_instance = event.eventType == XID && board.is_some_and(|board| board.is_cut());
        let unit = device.map(|id| if is_of_instance { instance(id, event) } else { id.into() });
        let at: BootTime = self.now();
        Event::new(Vendor::NVIDIA, unit, kind(event.eventType, event.eventData), at, Source::Nvml)
    }
}

fn instance(device: DeviceId, event: &EventData) -> UnitId {
    if event.gpuInstanceId == NO_INSTANCE {
        return device.into();
    }
    let outer = device.partition(PartitionKind::GPU_INSTANCE, event.gpuInstanceId);
    let inner = match event.computeInstanceId {
        NO_INSTANCE => None,
        index => outer.inner(PartitionKind::COMPUTE_INSTANCE, index),
    };
    inner.unwrap_or(outer).into()
}

/// `nvmlEventType*`; the data is an Xid's number, and of other kinds nothing.
const fn kind(kind: u64, data: u64) -> EventKind {
    match kind {
        XID => EventKind::Xid(data),
        0x1 => EventKind::ErrorsCorrected,
        0x2 => EventKind::ErrorUncorrected,
        0x200 => EventKind::CorrectedStorm,
        0x400 => EventKind::MemoryRetired,
        0x800 => EventKind::RetirementFailed,
        0x1000 => EventKind::PoisonContained,
        0x2000 => EventKind::PoisonFatal,
        0x4000 => EventKind::Unavailable,
        0x8000 => EventKind::RecoveryChanged,
        kind => EventKind::Unknown { kind, data },
    }
}
