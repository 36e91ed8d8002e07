//! The simulated library's controls: looked up, since the real library has none of them.

use std::ffi::{CStr, CString};

type Told = unsafe extern "C" fn(*const libc::c_char) -> u32;
type Bare = unsafe extern "C" fn() -> u32;
type Timed = unsafe extern "C" fn(u64) -> u32;

fn address(name: &CStr) -> *mut libc::c_void {
    // SAFETY: dlsym(3): the name ends in NUL.
    let found = unsafe { libc::dlsym(libc::RTLD_DEFAULT, name.as_ptr()) };
    assert!(!found.is_null(), "{name:?}: the library is not the simulated one");
    found
}

fn tell(name: &CStr, text: &str) {
    let text = CString::new(text).unwrap();
    // SAFETY: gpu-sim-rocm-smi: the function's type; the text ends in NUL.
    let code = unsafe { std::mem::transmute::<*mut libc::c_void, Told>(address(name))(text.as_ptr()) };
    assert_eq!(code, 0, "{name:?} of {text:?}");
}

/// The machine of a preset, or of a description in a file.
pub fn machine(name: &str) {
    tell(c"gpu_sim_machine", name);
}

/// One fault more.
pub fn fault(json: &str) {
    tell(c"gpu_sim_fault", json);
}

/// No added fault any more.
pub fn clear_faults() {
    // SAFETY: gpu-sim-rocm-smi: the function's type; takes nothing.
    unsafe { std::mem::transmute::<*mut libc::c_void, Bare>(address(c"gpu_sim_clear_faults"))() };
}

/// Lets time pass.
pub fn advance(nanoseconds: u64) {
    // SAFETY: gpu-sim-rocm-smi: the function's type; takes a number.
    unsafe { std::mem::transmute::<*mut libc::c_void, Timed>(address(c"gpu_sim_advance"))(nanoseconds) };
}
