//! A simulated Level Zero driver: Sysman's C ABI over the Intel GPUs of gpu-sim's machines.
//!
//! Nothing here is hardware, and nothing is measured: ask `gpu_sim_is_simulated()` (a real driver
//! has no such function) where a person must not be misled.
//!
//! # As a driver, and as a loader
//! Behind the real loader: `ZE_ENABLE_ALT_DRIVERS=/path/libgpu_sim_level_zero.so`. It hands out its
//! functions in tables, as a driver does, and never writes a slot that is newer than the version
//! that the loader asks for. It has Sysman alone: what a loader wants of the rest is there and empty.
//! It also exports the functions by their own names, so that it can be loaded in the loader's place.
//!
//! # Which machine
//! Read at the first `zesInit`, in this order:
//! 1. `machine.json` beside the library's own file: a description as `Machine::to_json` writes it;
//! 2. the environment variable `GPU_SIM_MACHINE`: name of a preset, or path of a description;
//! 3. the preset `empty`.
//!
//! A file `control.json` beside the library drives it, if it exists at that time:
//! `{"uptime_ns": 7200000000000, "faults": ["null_handles"]}`. Each call looks whether it changed
//! (replace it by renaming another over it). Faults: `return_code` and `latency` by the function's
//! name (`*`: all but `zesInit`), `unterminated_strings`, `growing_lists`, `garbage_counts`,
//! `null_handles`, `empty_slot`, `device_lost`, `driver_absent`, `unprivileged` (no error counters,
//! no activity of engines). Slots are handed out once: `empty_slot` counts as it is then.
//!
//! # As Intel's driver does
//! Processes are added up over every descriptor, so that one client with two counts twice, and on
//! i915 no memory of theirs is found.
//!
//! # Layout
//! `out` has the only places that write through a caller's pointers, `state` the machine behind the
//! calls, `handle` what handles are, `gate` what happens to every call, `load` where the machine
//! comes from, `ddi` the tables, `ffi` the functions by topic.
#![allow(non_snake_case)] // the specification's own names

mod ddi;
mod ffi;
mod gate;
mod handle;
#[path = "../../common/load.rs"]
mod load;
mod out;
mod state;

/// What is simulated, for complaints.
const NAME: &str = "Level Zero";
