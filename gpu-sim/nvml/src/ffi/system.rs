//! Initialisation, versions, and what concerns no GPU.

use std::ffi::{c_char, c_int, c_uint};

use super::nvml;
use crate::abi::Code;
use crate::gate;
use crate::out::{Out, TextOut};

/// Counts a client.
#[unsafe(no_mangle)]
pub extern "C" fn nvmlInit() -> Code {
    gate::init("nvmlInit")
}

/// Counts a client.
#[unsafe(no_mangle)]
pub extern "C" fn nvmlInit_v2() -> Code {
    gate::init("nvmlInit_v2")
}

/// Counts a client; the flags (no GPUs, do not attach) change nothing here.
#[unsafe(no_mangle)]
pub extern "C" fn nvmlInitWithFlags(_flags: c_uint) -> Code {
    gate::init("nvmlInitWithFlags")
}

/// Forgets a client.
#[unsafe(no_mangle)]
pub extern "C" fn nvmlShutdown() -> Code {
    gate::shutdown()
}

/// What a code means, in words of our own; works before initialisation.
#[unsafe(no_mangle)]
pub extern "C" fn nvmlErrorString(code: Code) -> *const c_char {
    let text = match code.0 {
        0 => c"Success",
        1 => c"Uninitialized",
        2 => c"Invalid Argument",
        3 => c"Not Supported",
        4 => c"Insufficient Permissions",
        6 => c"Not Found",
        7 => c"Insufficient Size",
        9 => c"Driver Not Loaded",
        10 => c"Timeout",
        15 => c"GPU is lost",
        18 => c"Driver/library version mismatch",
        25 => c"Argument version mismatch",
        _ => c"Unknown Error",
    };
    text.as_ptr()
}

nvml! {
    fn nvmlSystemGetDriverVersion(text: TextOut, length: c_uint) |s| {
        let driver = s.driver().ok_or(Code::DRIVER_NOT_LOADED)?;
        text.put(length, s.faults.unterminated, format_args!("{}", driver.version))
    };
    fn nvmlSystemGetNVMLVersion(text: TextOut, length: c_uint) |s| {
        let driver = s.driver().ok_or(Code::DRIVER_NOT_LOADED)?;
        // CUDA's major version, then the driver's: 12.550.54.15.
        let version = format_args!("{}.{}", driver.cuda / 1000, driver.version);
        text.put(length, s.faults.unterminated, version)
    };
    fn nvmlSystemGetCudaDriverVersion(version: Out<c_int>) |s| {
        version.put(s.driver().ok_or(Code::DRIVER_NOT_LOADED)?.cuda)
    };
    fn nvmlSystemGetCudaDriverVersion_v2(version: Out<c_int>) |s| {
        version.put(s.driver().ok_or(Code::DRIVER_NOT_LOADED)?.cuda)
    };
    fn nvmlSystemGetProcessName(pid: c_uint, text: TextOut, length: c_uint) |s| {
        let pid = pid.wrapping_sub(s.faults.pid_shift);
        let of = s.scene.running().find(|workload| workload.pid.0 == pid).ok_or(Code::NOT_FOUND)?;
        text.put(length, s.faults.unterminated, format_args!("{}", of.name))
    };
    fn nvmlUnitGetCount(count: Out<c_uint>) |_s| count.put(0);
}
