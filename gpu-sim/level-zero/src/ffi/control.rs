//! What the real library does not have: the ways to drive the simulation.

use std::ffi::c_int;

use gpu_core::Nanoseconds;
use gpu_sim::Fault;

use crate::gate::control;
use crate::load;
use crate::out::TextIn;
use crate::state::State;
use level_zero_sys::ze_result_t;

/// 1: nothing that this library says is about hardware.
#[unsafe(no_mangle)]
pub extern "C" fn gpu_sim_is_simulated() -> c_int {
    1
}

/// From now on the machine of that preset, or of the description in that file.
#[unsafe(no_mangle)]
pub extern "C" fn gpu_sim_machine(name: TextIn) -> ze_result_t {
    control(|state| {
        *state = State::new(load::named(name.get()?).ok_or(ze_result_t::ERROR_INVALID_ARGUMENT)?);
        Ok(())
    })
}

/// One fault more, as JSON in the form of the description's `faults`.
#[unsafe(no_mangle)]
pub extern "C" fn gpu_sim_fault(json: TextIn) -> ze_result_t {
    control(|state| {
        let fault: Fault =
            serde_json::from_str(json.get()?).map_err(|_| ze_result_t::ERROR_INVALID_ARGUMENT)?;
        *state = state.with(state.added().into_iter().chain([fault]), None);
        Ok(())
    })
}

/// Only the description's own faults.
#[unsafe(no_mangle)]
pub extern "C" fn gpu_sim_clear_faults() -> ze_result_t {
    control(|state| {
        *state = state.with([], None);
        Ok(())
    })
}

/// Lets so many nanoseconds of the machine's time pass.
#[unsafe(no_mangle)]
pub extern "C" fn gpu_sim_advance(nanoseconds: u64) -> ze_result_t {
    control(|state| {
        state.advance(Nanoseconds(nanoseconds));
        Ok(())
    })
}
