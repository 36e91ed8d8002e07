//! What happens to every call: is NVML initialised, does a fault answer in its place, how long
//! does it take.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};
use std::time::{Duration, Instant};

use gpu_core::Nanoseconds;
use gpu_sim::Machine;

use crate::abi::Code;
use crate::handle::{ComputeInstance, Device, GpuInstance};
use crate::load::{self, Control, Watched};
use crate::record;
use crate::state::State;

/// What there is in the process.
struct Library {
    clients: u32,
    state: Option<State>,
    /// `control.json`.
    control: Option<Watched>,
    /// `state.json`.
    kept: Option<Watched>,
}

static LIBRARY: RwLock<Library> = RwLock::new(Library { clients: 0, state: None, control: None, kept: None });

fn read() -> RwLockReadGuard<'static, Library> {
    LIBRARY.read().unwrap_or_else(PoisonError::into_inner)
}

fn write() -> RwLockWriteGuard<'static, Library> {
    LIBRARY.write().unwrap_or_else(PoisonError::into_inner)
}

/// The position of the GPU that an argument names: faults may be of one GPU.
pub trait Named {
    /// The position, if it names one.
    fn position(&self) -> Option<usize> {
        None
    }
}

impl Named for Device {
    fn position(&self) -> Option<usize> {
        self.place().ok().map(|place| place.gpu)
    }
}

impl Named for GpuInstance {
    fn position(&self) -> Option<usize> {
        self.place().ok().map(|(gpu, _)| gpu)
    }
}

impl Named for ComputeInstance {
    fn position(&self) -> Option<usize> {
        self.place().ok().map(|(gpu, _, _)| gpu)
    }
}

/// Arguments that name no GPU.
impl Named for () {}

/// One call of a client.
pub fn call(
    function: &'static str,
    gpu: Option<usize>,
    body: impl FnOnce(&State) -> Result<(), Code>,
) -> Code {
    record::note(function, gpu);
    guard(|| {
        with_state(|state| {
            faults(state, function, gpu)?;
            body(state)
        })
    })
}

/// Another look at the machine within a call that waits.
pub fn again(body: impl FnOnce(&State) -> Result<(), Code>) -> Code {
    guard(|| with_state(body))
}

fn with_state(body: impl FnOnce(&State) -> Result<(), Code>) -> Result<(), Code> {
    let mut library = read();
    if library.clients == 0 {
        return Err(Code::UNINITIALIZED);
    }
    if library.control.is_some() || library.kept.is_some() {
        drop(library);
        write().look_at_files();
        library = read();
    }
    body(library.state.as_ref().ok_or(Code::UNINITIALIZED)?)
}

/// One call of a client that changes the machine.
pub fn change(
    function: &'static str,
    gpu: Option<usize>,
    body: impl FnOnce(&mut State) -> Result<(), Code>,
) -> Code {
    record::note(function, gpu);
    guard(|| {
        let mut library = write();
        if library.clients == 0 {
            return Err(Code::UNINITIALIZED);
        }
        let _turn = library.kept.as_ref().and_then(Watched::lock);
        library.look_at_files();
        let Library { state, kept, .. } = &mut *library;
        let state = state.as_mut().ok_or(Code::UNINITIALIZED)?;
        faults(state, function, gpu)?;
        body(state)?;
        if let Some(kept) = kept {
            kept.replace(&state.described().to_json());
        }
        Ok(())
    })
}

/// A panic must not reach C.
fn guard(body: impl FnOnce() -> Result<(), Code>) -> Code {
    match catch_unwind(AssertUnwindSafe(body)) {
        Ok(Ok(())) => Code::SUCCESS,
        Ok(Err(code)) => code,
        Err(_) => Code::UNKNOWN,
    }
}

fn faults(state: &State, function: &str, gpu: Option<usize>) -> Result<(), Code> {
    let faults = &state.faults;
    let mut time = faults.latency_of_all;
    if !faults.latency.is_empty() {
        time = faults.latency.get(function).copied().unwrap_or(time);
    }
    take(time);
    if faults.codes.is_empty() {
        return Ok(());
    }
    let is_init = function.starts_with("nvmlInit");
    let everywhere = if is_init { None } else { faults.codes.get("*") };
    let mut all = faults.codes.get(function).into_iter().chain(everywhere).flatten();
    match all.find(|(of, _)| of.is_none() || *of == gpu) {
        Some((_, code)) if *code != 0 => Err(Code(*code)),
        _ => Ok(()),
    }
}

/// Lets real time pass: spinning where sleeping would be too coarse.
fn take(time: Nanoseconds) {
    if time.0 == 0 {
        return;
    }
    let time = Duration::from_nanos(time.0);
    if time >= Duration::from_millis(1) {
        return std::thread::sleep(time);
    }
    let start = Instant::now();
    while start.elapsed() < time {
        std::hint::spin_loop();
    }
}

/// `nvmlInit`: counts clients; the first one has the machine read.
pub fn init(function: &'static str) -> Code {
    guard(|| {
        let mut library = write();
        if library.clients == 0 {
            library.control = Watched::beside_library("control.json");
            library.kept = Watched::beside_library("state.json");
            if library.state.is_none() || library.control.is_some() || library.kept.is_some() {
                library.state = Some(State::new(load::machine()));
            }
            library.look_at_files();
        }
        let state = library.state.as_ref().ok_or(Code::UNKNOWN)?;
        faults(state, function, None)?;
        let driver = state.driver().ok_or(Code::DRIVER_NOT_LOADED)?;
        if driver.library_version.as_ref().is_some_and(|library| *library != driver.version) {
            return Err(Code::LIB_RM_VERSION_MISMATCH);
        }
        library.clients += 1;
        Ok(())
    })
}

/// `nvmlShutdown`: the last one forgets the machine.
pub fn shutdown() -> Code {
    guard(|| {
        let mut library = write();
        library.clients = library.clients.checked_sub(1).ok_or(Code::UNINITIALIZED)?;
        if library.clients == 0 {
            library.state = None;
        }
        Ok(())
    })
}

/// Changes the machine from a test; makes it first if no client has.
pub fn control(change: impl FnOnce(&mut State) -> Result<(), Code>) -> Code {
    guard(|| {
        let mut library = write();
        if library.state.is_none() {
            library.state = Some(State::new(load::machine()));
        }
        change(library.state.as_mut().ok_or(Code::UNKNOWN)?)
    })
}

impl Library {
    fn look_at_files(&mut self) {
        let Some(state) = &mut self.state else { return };
        if let Some(machine) = self.kept.as_mut().and_then(Watched::changed::<Machine>) {
            *state = state.with(Some(machine), state.added(), None);
        }
        if let Some(control) = self.control.as_mut().and_then(Watched::changed::<Control>) {
            let machine = control.machine();
            *state = state.with(machine, control.faults, control.uptime_ns);
        }
    }
}
