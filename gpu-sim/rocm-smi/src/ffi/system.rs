//! Starting, stopping, and what there is.

use std::ffi::c_char;

use crate::abi::{Code, Version};
use crate::gate::{call, init, shut_down};
use crate::out::{Out, TextOut};

/// What 6.1.2 says of itself.
const VERSION: (u32, u32, u32) = (7, 2, 0);
const BUILD: *const c_char = c"0".as_ptr();

#[unsafe(no_mangle)]
pub extern "C" fn rsmi_init(_flags: u64) -> Code {
    init()
}

#[unsafe(no_mangle)]
pub extern "C" fn rsmi_shut_down() -> Code {
    shut_down()
}

#[unsafe(no_mangle)]
pub extern "C" fn rsmi_num_monitor_devices(devices: Out<u32>) -> Code {
    call("rsmi_num_monitor_devices", None, |state| devices.put(state.devices()))
}

/// Answers without being initialised, as the real one.
#[unsafe(no_mangle)]
pub extern "C" fn rsmi_version_get(version: Out<Version>) -> Code {
    let (major, minor, patch) = VERSION;
    version.put(Version { major, minor, patch, build: BUILD }).map_or_else(|code| code, |()| Code::SUCCESS)
}

/// The driver's version is the only component; without one of its own, 6.1.2 says the kernel's.
#[unsafe(no_mangle)]
pub extern "C" fn rsmi_version_str_get(component: u32, text: TextOut, length: u32) -> Code {
    call("rsmi_version_str_get", None, |state| {
        if component != 0 {
            return Err(Code::INVALID_ARGS);
        }
        let machine = state.scene.machine();
        let version = machine.amdgpu_version.as_ref().unwrap_or(&machine.kernel);
        text.put(length as usize, state.faults.unterminated, version)
    })
}

#[unsafe(no_mangle)]
pub extern "C" fn rsmi_status_string(status: u32, text: Out<StatusText>) -> Code {
    let known = match status {
        0 => c"RSMI_STATUS_SUCCESS: The function has been executed successfully.",
        1 => c"RSMI_STATUS_INVALID_ARGS: The provided arguments do not meet the preconditions.",
        2 => c"RSMI_STATUS_NOT_SUPPORTED: This function is not supported in the current environment.",
        _ => c"RSMI_STATUS_UNKNOWN_ERROR: An unknown error prevented the call from completing.",
    };
    text.put(StatusText(known.as_ptr())).map_or_else(|code| code, |()| Code::SUCCESS)
}

/// A text that lives as long as the library.
#[repr(transparent)]
#[derive(Clone, Copy)]
pub struct StatusText(*const c_char);

// SAFETY: a pointer to a text of this library.
unsafe impl crate::abi::Plain for StatusText {}

/// Handles of iterators and counters are never given out: there is none to go on with.
macro_rules! without_handle {
    ($($name:ident;)*) => {
        $(
            #[unsafe(no_mangle)]
            pub extern "C" fn $name(_handle: usize) -> Code {
                call(stringify!($name), None, |_| Err(Code::INVALID_ARGS))
            }
        )*
    };
}

without_handle! {
    rsmi_dev_supported_variant_iterator_open;
    rsmi_dev_supported_func_iterator_close;
    rsmi_func_iter_next;
    rsmi_func_iter_value_get;
    rsmi_dev_counter_destroy;
    rsmi_counter_control;
    rsmi_counter_read;
    rsmi_event_notification_get;
}
