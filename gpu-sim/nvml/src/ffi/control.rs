//! What the real library does not have: the ways to drive the simulation.

use std::ffi::{c_int, c_uint};

use gpu_core::Nanoseconds;
use gpu_sim::Fault;

use crate::abi::Code;
use crate::gate::control;
use crate::load;
use crate::out::{Out, TextIn, TextOut};
use crate::record;
use crate::state::State;

/// 1: nothing that this library says is about hardware.
#[unsafe(no_mangle)]
pub extern "C" fn gpu_sim_is_simulated() -> c_int {
    1
}

/// From now on the machine of that preset, or of the description in that file.
#[unsafe(no_mangle)]
pub extern "C" fn gpu_sim_machine(name: TextIn) -> Code {
    control(|state| {
        *state = State::new(load::named(name.get()?).ok_or(Code::INVALID_ARGUMENT)?);
        Ok(())
    })
}

/// One fault more, as JSON in the form of the description's `faults`.
#[unsafe(no_mangle)]
pub extern "C" fn gpu_sim_fault(json: TextIn) -> Code {
    control(|state| {
        let fault: Fault = serde_json::from_str(json.get()?).map_err(|_| Code::INVALID_ARGUMENT)?;
        *state = state.with(None, state.added().into_iter().chain([fault]), None);
        Ok(())
    })
}

/// Only the description's own faults.
#[unsafe(no_mangle)]
pub extern "C" fn gpu_sim_clear_faults() -> Code {
    control(|state| {
        *state = state.with(None, [], None);
        Ok(())
    })
}

/// Lets so many nanoseconds of the machine's time pass.
#[unsafe(no_mangle)]
pub extern "C" fn gpu_sim_advance(nanoseconds: u64) -> Code {
    control(|state| {
        state.advance(Nanoseconds(nanoseconds));
        Ok(())
    })
}

/// A function, or all (`*`), takes so long from now on.
#[unsafe(no_mangle)]
pub extern "C" fn gpu_sim_latency(function: TextIn, nanoseconds: u64) -> Code {
    control(|state| {
        let (function, time) = (function.get()?.to_owned(), Nanoseconds(nanoseconds));
        let latency = Fault::Latency { function, time };
        *state = state.with(None, state.added().into_iter().chain([latency]), None);
        Ok(())
    })
}

/// Records every call from now on and forgets earlier records; 0 stops and keeps the record.
#[unsafe(no_mangle)]
pub extern "C" fn gpu_sim_record(on: c_int) -> Code {
    record::switch(on != 0);
    Code::SUCCESS
}

/// The call at a position of the record: the function's name and the position of the GPU that it
/// was about, `UINT_MAX` for none. `NOT_FOUND` past the end.
#[unsafe(no_mangle)]
pub extern "C" fn gpu_sim_recorded(
    position: c_uint,
    name: TextOut,
    length: c_uint,
    gpu: Out<c_uint>,
) -> Code {
    let Some((function, of)) = record::at(position as usize) else { return Code::NOT_FOUND };
    let of = of.and_then(|of| c_uint::try_from(of).ok()).unwrap_or(c_uint::MAX);
    match name.put(length, false, format_args!("{function}")).and_then(|()| gpu.put(of)) {
        Ok(()) => Code::SUCCESS,
        Err(code) => code,
    }
}
