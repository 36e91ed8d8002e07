//! A simulated `librocm_smi64.so.1`: ROCm SMI's C ABI over the AMD GPUs of gpu-sim's machines.
//!
//! Nothing here is hardware, and nothing is measured: ask `gpu_sim_is_simulated()` (the real
//! library has no such function) where a person must not be misled. It answers as 6.1.2 does over
//! the same machine's trees, mistakes included: a partition shows the whole GPU and the
//! first partition's render node, forms of `gpu_metrics` after 1.5 are not known, energy comes with
//! a rounded unit. (The tests of `gpu-amd/rocm-smi` hold it to that, beside the real one.)
//!
//! # Which machine
//! Read when the library is initialised from nothing, in this order:
//! 1. `machine.json` beside the library's own file: a description as `Machine::to_json` writes it;
//! 2. the environment variable `GPU_SIM_MACHINE`: name of a preset, or path of a description;
//! 3. the preset `empty`.
//!
//! # Driving it
//! From code that can call C: `gpu_sim_machine`, `gpu_sim_fault`, `gpu_sim_clear_faults`,
//! `gpu_sim_advance`. From code that cannot: a file `control.json` beside the library,
//! `{"uptime_ns": 7200000000000, "faults": [{"device_lost": {"gpu": 0, "at": 0}}]}`. It must
//! exist when the library is initialised; from then on each call looks whether it changed
//! (replace it by renaming another over it). Faults of functions (`return_code`, `latency`) name
//! them as `rocm_smi.h` does; `*` is all but `rsmi_init`. What a client's indexes mean is found
//! at `rsmi_init` alone, as in the real library: a GPU that is lost since answers that nothing is
//! supported.
//!
//! # Layout
//! `abi` has the header's types and codes, `out` the only places that write through a caller's
//! pointers, `state` the machine behind the calls, `gate` what happens to every call (faults,
//! time, codes), `load` where the machine comes from, `ffi` the exported functions by topic.
#![allow(non_snake_case)] // the header's own names

mod abi;
mod ffi;
mod gate;
#[path = "../../common/load.rs"]
mod load;
mod out;
mod state;

/// What is simulated, for complaints.
const NAME: &str = "ROCm SMI";
