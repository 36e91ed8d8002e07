//! What happens to every call: is the library initialised, does a fault answer in its place, how
//! long does it take.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use gpu_core::Nanoseconds;

use crate::abi::Code;
use crate::load::{self, Watched};
use crate::state::State;

/// What there is in the process.
struct Library {
    clients: u64,
    state: Option<State>,
    control: Option<Watched>,
}

static LIBRARY: Mutex<Library> = Mutex::new(Library { clients: 0, state: None, control: None });

fn library() -> MutexGuard<'static, Library> {
    LIBRARY.lock().unwrap_or_else(PoisonError::into_inner)
}

/// One call of a client, about the device of an index or none.
pub fn call(
    function: &'static str,
    index: Option<u32>,
    body: impl FnOnce(&State) -> Result<(), Code>,
) -> Code {
    guard(|| {
        let mut library = library();
        if library.clients == 0 {
            return Err(Code::INIT_ERROR);
        }
        library.look_at_control();
        let state = library.state.as_ref().ok_or(Code::INIT_ERROR)?;
        faults(state, function, index.and_then(|index| state.position(index)))?;
        body(state)
    })
}

/// A panic must not reach C.
fn guard(body: impl FnOnce() -> Result<(), Code>) -> Code {
    match catch_unwind(AssertUnwindSafe(body)) {
        Ok(Ok(())) => Code::SUCCESS,
        Ok(Err(code)) => code,
        Err(_) => Code::INTERNAL_EXCEPTION,
    }
}

fn faults(state: &State, function: &str, gpu: Option<usize>) -> Result<(), Code> {
    let faults = &state.faults;
    if let Some(Nanoseconds(time)) = faults.latency.get(function).or_else(|| faults.latency.get("*")) {
        std::thread::sleep(Duration::from_nanos(*time));
    }
    let everywhere = if function == "rsmi_init" { None } else { faults.codes.get("*") };
    let mut all = faults.codes.get(function).into_iter().chain(everywhere).flatten();
    match all.find(|(of, _)| of.is_none() || *of == gpu) {
        Some((_, code)) if *code != 0 => Err(Code(*code)),
        _ => Ok(()),
    }
}

/// `rsmi_init`: counts clients; the first one has the machine read and the devices counted.
pub fn init() -> Code {
    guard(|| {
        let mut library = library();
        if library.clients == 0 {
            library.control = Watched::beside_library();
            if library.state.is_none() {
                library.state = Some(State::new(load::machine()));
            }
            library.look_at_control();
            library.state.as_mut().ok_or(Code::INTERNAL_EXCEPTION)?.enumerate();
        }
        let state = library.state.as_ref().ok_or(Code::INTERNAL_EXCEPTION)?;
        faults(state, "rsmi_init", None)?;
        if !state.has_driver() {
            return Err(Code::INIT_ERROR);
        }
        library.clients += 1;
        Ok(())
    })
}

/// `rsmi_shut_down`: the machine stays, what indexes mean is found anew at the next start.
pub fn shut_down() -> Code {
    guard(|| {
        let mut library = library();
        library.clients = library.clients.checked_sub(1).ok_or(Code::INIT_ERROR)?;
        Ok(())
    })
}

/// Changes the machine from a test; makes it first if no client has.
pub fn control(change: impl FnOnce(&mut State) -> Result<(), Code>) -> Code {
    guard(|| {
        let mut library = library();
        if library.state.is_none() {
            library.state = Some(State::new(load::machine()));
        }
        change(library.state.as_mut().ok_or(Code::INTERNAL_EXCEPTION)?)
    })
}

impl Library {
    fn look_at_control(&mut self) {
        let Self { state: Some(state), control: Some(control), .. } = self else { return };
        if let Some(told) = control.changed() {
            *state = state.with(told.faults, told.uptime_ns);
        }
    }
}
