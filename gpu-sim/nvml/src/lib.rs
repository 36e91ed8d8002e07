//! A simulated `libnvidia-ml.so.1`: NVML's C ABI over the machines of gpu-sim.
//!
//! Nothing here is hardware, and nothing is measured: device names and versions look like the
//! real ones because clients parse them, so ask `gpu_sim_is_simulated()` (the real library has
//! no such function) where a person must not be misled.
//!
//! # Which machine
//! Read when NVML is initialised from nothing, in this order:
//! 1. `machine.json` beside the library's own file: a description as `Machine::to_json` writes it;
//! 2. the environment variable `GPU_SIM_MACHINE`: name of a preset, or path of a description;
//! 3. the preset `empty`.
//!
//! A copy of the library in a folder of its own is an instance of its own: `gpu_sim::library` finds
//! the built file and lays copies under the real name.
//!
//! # Driving it
//! From code that can call C: `gpu_sim_machine`, `gpu_sim_fault`, `gpu_sim_clear_faults`,
//! `gpu_sim_advance`, `gpu_sim_latency`. From code that cannot: a file `control.json` beside the
//! library, `{"uptime_ns": 7200000000000, "faults": [{"latency": {"function": "*", "time": 5000}}]}`.
//! It must exist when NVML is initialised; from then on each call looks whether it changed
//! (replace it by renaming another over it). Its faults come beside those of the description; a
//! `"machine"` in it (a preset, or a description beside the library) takes the place of the first.
//! `gpu_sim_record` and `gpu_sim_recorded` tell which calls a client made.
//!
//! # Keeping what was changed
//! MIG changes stay in the process that made them, unless there is a file `state.json` beside the
//! library (empty at first): then they are kept in it, and every process that loads this copy of
//! the library sees them, as clients of one driver do.
//!
//! # Layout
//! `abi` has NVML's types and codes, `out` the only places that write through a caller's
//! pointers, `state` the machine behind the calls, `handle` what NVML's handles are, `gate` what
//! happens to every call (faults, time, codes), `load` where the machine comes from, `ffi` the
//! exported functions by topic. What NVML exports and this does not is absent as a symbol, as in
//! an old driver.
#![allow(non_snake_case, non_camel_case_types)] // NVML's own names

mod abi;
mod ffi;
mod gate;
mod handle;
mod load;
mod out;
mod record;
mod state;
