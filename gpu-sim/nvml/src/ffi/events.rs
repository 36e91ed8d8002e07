//! Events: a client registers GPUs with a set and waits on it, for what the machine's faults say
//! ([`Fault::Event`]).

use std::ffi::c_uint;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use gpu_sim::Fault;

use super::nvml;
use crate::abi::{Code, EventData, NO_INSTANCE};
use crate::gate;
use crate::handle::Device;
use crate::out::Out;
use crate::state::State;

/// How often a wait looks at the machine.
const STEP: Duration = Duration::from_millis(2);
/// The kinds that the boards tell of: those of drivers up to 575.
const KINDS: u64 = 0xff9f;

/// What is registered with a set.
#[derive(Default)]
struct Registered {
    /// Positions of GPUs, with the kinds that are wanted of them.
    gpus: Vec<(usize, u64)>,
    /// What was told, or happened before its GPU was registered.
    told: Vec<Fault>,
}

/// The sets of the process; a place whose set was freed is empty, and not used again.
static SETS: Mutex<Vec<Option<Registered>>> = Mutex::new(Vec::new());

fn sets() -> MutexGuard<'static, Vec<Option<Registered>>> {
    SETS.lock().unwrap_or_else(PoisonError::into_inner)
}

const SET: usize = 0x4e56_6000_0000;

/// `nvmlEventSet_t`: a number that says which set it is.
#[repr(transparent)]
#[derive(Clone, Copy)]
pub struct EventSet(usize);

impl gate::Named for EventSet {}

impl EventSet {
    fn with<T>(self, change: impl FnOnce(&mut Registered) -> Result<T, Code>) -> Result<T, Code> {
        let mut sets = sets();
        let position = self.0.checked_sub(SET).map(|place| place >> 1).ok_or(Code::INVALID_ARGUMENT)?;
        change(sets.get_mut(position).and_then(Option::as_mut).ok_or(Code::INVALID_ARGUMENT)?)
    }
}

fn create(out: Out<usize>) -> Result<(), Code> {
    let mut sets = sets();
    out.put(SET | sets.len() << 1)?;
    sets.push(Some(Registered::default()));
    Ok(())
}

fn free(set: EventSet) -> Result<(), Code> {
    set.with(|_| Ok(()))?;
    sets()[(set.0 - SET) >> 1] = None;
    Ok(())
}

fn register(state: &State, device: Device, kinds: u64, set: EventSet) -> Result<(), Code> {
    let view = state.whole(device)?;
    if kinds & !KINDS != 0 {
        return Err(Code::NOT_SUPPORTED);
    }
    set.with(|set| {
        let past = due(state).filter(|fault| of_gpu(fault) == Some(view.position));
        set.told.extend(past.cloned());
        set.gpus.push((view.position, kinds));
        Ok(())
    })
}

fn due(state: &State) -> impl Iterator<Item = &Fault> {
    let now = state.scene.now();
    let faults = state.scene.machine().faults.iter();
    faults.filter(move |fault| matches!(fault, Fault::Event { at, .. } if *at <= now))
}

fn of_gpu(fault: &Fault) -> Option<usize> {
    if let Fault::Event { gpu, .. } = fault { Some(*gpu) } else { None }
}

/// The next event of a set, if there is one; `GPU_IS_LOST` when there is none and a registered GPU is lost.
fn next(state: &State, set: EventSet, out: Out<EventData>, names_instances: bool) -> Result<(), Code> {
    set.with(|set| {
        let wanted = |fault: &&Fault| {
            let Fault::Event { gpu, kind, .. } = fault else { return false };
            let is_there = *gpu < state.scene.machine().gpus.len();
            // An event of a GPU that nobody registered, or that is not there, comes to everybody: the fault
            // is that the driver says so.
            !is_there
                || set.gpus.iter().any(|(of, kinds)| of == gpu && (kinds & kind != 0 || kind & KINDS == 0))
        };
        let fault = due(state).filter(wanted).find(|fault| !set.told.contains(fault));
        let Some(fault) = fault else {
            let is_lost = |(gpu, _): &(usize, u64)| state.at(*gpu).err() == Some(Code::GPU_IS_LOST);
            return Err(if set.gpus.iter().any(is_lost) { Code::GPU_IS_LOST } else { Code::TIMEOUT });
        };
        set.told.push(fault.clone());
        put(state, fault, out, names_instances)
    })
}

fn put(state: &State, fault: &Fault, out: Out<EventData>, names_instances: bool) -> Result<(), Code> {
    let Fault::Event { gpu, kind, data, gi, ci, .. } = *fault else { return Err(Code::UNKNOWN) };
    let instance = |id: Option<u32>| id.filter(|_| names_instances).unwrap_or(NO_INSTANCE);
    let device = if gpu < state.scene.machine().gpus.len() { Device::whole(gpu).0 } else { 0xdead_beef };
    let event = EventData { device, event: kind, data, gi: instance(gi), ci: instance(ci) };
    if state.scene.machine().faults.contains(&Fault::LongEvents) {
        // Nothing that the caller's struct has room for.
        let behind = out.cast::<u64>();
        (4..12).try_for_each(|word| behind.put_at(word, 0x5a5a_5a5a_5a5a_5a5a))?;
    }
    out.put(event)
}

/// Waits in real time: whatever drives the machine does so from elsewhere.
fn wait(
    name: &'static str,
    set: EventSet,
    out: Out<EventData>,
    milliseconds: c_uint,
    instances: bool,
) -> Code {
    let (began, limit) = (Instant::now(), Duration::from_millis(milliseconds.into()));
    let mut code = gate::call(name, None, |state| next(state, set, out, instances));
    while code == Code::TIMEOUT && began.elapsed() < limit {
        std::thread::sleep(STEP.min(limit.saturating_sub(began.elapsed())));
        code = gate::again(|state| next(state, set, out, instances));
    }
    code
}

nvml! {
    fn nvmlEventSetCreate(set: Out<usize>) |_s| create(set);
    fn nvmlEventSetFree(set: EventSet) |_s| free(set);
    fn nvmlDeviceGetSupportedEventTypes(device: Device, bits: Out<u64>) |s| {
        s.whole(device)?;
        bits.put(KINDS)
    };
    fn nvmlDeviceRegisterEvents(device: Device, bits: u64, set: EventSet) |s| {
        register(s, device, bits, set)
    };
}

/// The first version: events without instances.
#[unsafe(no_mangle)]
pub extern "C" fn nvmlEventSetWait(set: EventSet, data: Out<EventData>, milliseconds: c_uint) -> Code {
    wait("nvmlEventSetWait", set, data, milliseconds, false)
}

#[unsafe(no_mangle)]
pub extern "C" fn nvmlEventSetWait_v2(set: EventSet, data: Out<EventData>, milliseconds: c_uint) -> Code {
    wait("nvmlEventSetWait_v2", set, data, milliseconds, true)
}
