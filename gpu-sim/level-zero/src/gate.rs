//! What happens to every call: is the library initialised, does a fault answer in its place, how
//! long does it take.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use gpu_core::Nanoseconds;
use level_zero_sys::ze_result_t;

use crate::load::{self, Watched};
use crate::state::State;

/// What there is in the process.
struct Library {
    initialised: bool,
    state: Option<State>,
    control: Option<Watched>,
}

static LIBRARY: Mutex<Library> = Mutex::new(Library { initialised: false, state: None, control: None });

fn library() -> MutexGuard<'static, Library> {
    LIBRARY.lock().unwrap_or_else(PoisonError::into_inner)
}

/// What a body answers.
pub type Answer = Result<(), ze_result_t>;

/// One call of a client, about a GPU or none.
pub fn call(function: &'static str, gpu: Option<usize>, body: impl FnOnce(&State) -> Answer) -> ze_result_t {
    guard(|| {
        let mut library = library();
        if !library.initialised {
            return Err(ze_result_t::ERROR_UNINITIALIZED);
        }
        library.look_at_control();
        let state = library.state.as_ref().ok_or(ze_result_t::ERROR_UNINITIALIZED)?;
        faults(state, function, gpu)?;
        body(state)
    })
}

/// A panic must not reach C.
fn guard(body: impl FnOnce() -> Answer) -> ze_result_t {
    match catch_unwind(AssertUnwindSafe(body)) {
        Ok(Ok(())) => ze_result_t::SUCCESS,
        Ok(Err(code)) => code,
        Err(_) => ze_result_t::ERROR_UNKNOWN,
    }
}

fn faults(state: &State, function: &str, gpu: Option<usize>) -> Answer {
    let faults = &state.faults;
    if let Some(Nanoseconds(time)) = faults.latency.get(function).or_else(|| faults.latency.get("*")) {
        std::thread::sleep(Duration::from_nanos(*time));
    }
    let everywhere = if function == "zesInit" { None } else { faults.codes.get("*") };
    let mut all = faults.codes.get(function).into_iter().chain(everywhere).flatten();
    match all.find(|(of, _)| of.is_none() || *of == gpu) {
        Some((_, code)) if *code != 0 => Err(ze_result_t(*code)),
        _ => Ok(()),
    }
}

/// `zesInit`: the first one has the machine read.
pub fn init() -> ze_result_t {
    guard(|| {
        let mut library = library();
        library.make();
        let state = library.state.as_ref().ok_or(ze_result_t::ERROR_UNKNOWN)?;
        faults(state, "zesInit", None)?;
        if !state.has_driver() {
            // As Intel's driver does without a device.
            return Err(ze_result_t::ERROR_UNINITIALIZED);
        }
        library.initialised = true;
        Ok(())
    })
}

/// True when a fault leaves the slot of a function empty. Asked before anybody initialises.
pub fn is_empty_slot(function: &str) -> bool {
    let mut library = library();
    library.make();
    library.state.as_ref().is_some_and(|state| state.faults.is_empty_slot(function))
}

/// Changes the machine from a test; makes it first if no client has.
pub fn control(change: impl FnOnce(&mut State) -> Answer) -> ze_result_t {
    guard(|| {
        let mut library = library();
        library.make();
        change(library.state.as_mut().ok_or(ze_result_t::ERROR_UNKNOWN)?)
    })
}

impl Library {
    fn make(&mut self) {
        if self.state.is_none() {
            self.control = Watched::beside_library();
            self.state = Some(State::new(load::machine()));
        }
        self.look_at_control();
    }

    fn look_at_control(&mut self) {
        let Self { state: Some(state), control: Some(control), .. } = self else { return };
        if let Some(told) = control.changed() {
            *state = state.with(told.faults, told.uptime_ns);
        }
    }
}
