//! Functions that came with ROCm 6: looked up when the program runs, so that it starts beside an
//! older library too, and says that it is older.

use std::ffi::{CStr, c_char, c_void};

use gpu_core::{Error, ErrorKind};
use rocm_smi_lib as rsmi;

/// `rsmi_dev_compute_partition_get`, and others that fill a text.
pub(crate) type TextFunction = unsafe extern "C" fn(u32, *mut c_char, u32) -> u32;
/// `rsmi_compute_process_info_by_device_get`.
pub(crate) type ProcessFunction = unsafe extern "C" fn(u32, u32, *mut rsmi::rsmi_process_info_t) -> u32;
/// Functions that give one number of a device.
pub(crate) type NumberFunction<T> = unsafe extern "C" fn(u32, *mut T) -> u32;

/// What ROCm 6 has and ROCm 5 has not.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Newer {
    pub(crate) compute_partition: TextFunction,
    pub(crate) memory_partition: TextFunction,
    pub(crate) socket_power: NumberFunction<u64>,
    pub(crate) xgmi_physical_id: NumberFunction<u16>,
    pub(crate) process_on_device: ProcessFunction,
}

impl Newer {
    /// Looks all of them up.
    ///
    /// # Errors
    /// `NotSupported`, with the name of the first that is missing.
    pub(crate) fn find() -> Result<Self, Error> {
        // SAFETY: rocm_smi.h of 6.1 declares each of these names with the type of its field.
        unsafe {
            Ok(Self {
                compute_partition: of_name(c"rsmi_dev_compute_partition_get")?,
                memory_partition: of_name(c"rsmi_dev_memory_partition_get")?,
                socket_power: of_name(c"rsmi_dev_current_socket_power_get")?,
                xgmi_physical_id: of_name(c"rsmi_dev_xgmi_physical_id_get")?,
                process_on_device: of_name(c"rsmi_compute_process_info_by_device_get")?,
            })
        }
    }
}

/// The function of that name in whatever the program has loaded.
///
/// # Safety
/// `F` is the type of a pointer to the function of that name.
unsafe fn of_name<F: Copy>(name: &'static CStr) -> Result<F, Error> {
    const { assert!(size_of::<F>() == size_of::<*mut c_void>()) };
    // SAFETY: dlsym(3): the name ends in NUL.
    let found = unsafe { libc::dlsym(libc::RTLD_DEFAULT, name.as_ptr()) };
    if found.is_null() {
        let detail = "the library is older than ROCm 6: it has no such function";
        return Err(Error::new(ErrorKind::NotSupported, name.to_string_lossy(), detail));
    }
    // SAFETY: dlsym(3) gives the function's address, and `F` is its type by this function's contract.
    Ok(unsafe { std::mem::transmute_copy::<*mut c_void, F>(&found) })
}
