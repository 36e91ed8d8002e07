//! The simulated library by its C functions: what a careless client may hand to it.

#![allow(unsafe_code)] // calls C

use std::ptr::null_mut;

use rocm_smi_lib as rsmi;

#[path = "common/machine.rs"]
mod machine;
use machine::Simulated;

const INVALID_ARGS: u32 = 1;
const NOT_SUPPORTED: u32 = 2;
const INIT_ERROR: u32 = 8;
const INSUFFICIENT_SIZE: u32 = 11;

/// Calls functions of a device with these arguments after the index, and hands out their codes.
macro_rules! codes {
    ($index:expr; $($function:ident($($argument:expr),*);)*) => {
        // SAFETY: rocm_smi.h: a pointer may be NULL, and an index any number.
        unsafe { [$((stringify!($function), rsmi::$function($index $(, $argument)*))),*] }
    };
}

fn answers(index: u32) -> Vec<(&'static str, u32)> {
    codes! { index;
        rsmi_dev_id_get(null_mut());
        rsmi_dev_name_get(null_mut(), 64);
        rsmi_dev_serial_number_get(null_mut(), 64);
        rsmi_dev_pci_id_get(null_mut());
        rsmi_dev_unique_id_get(null_mut());
        rsmi_dev_memory_total_get(0, null_mut());
        rsmi_dev_memory_usage_get(77, null_mut());
        rsmi_dev_busy_percent_get(null_mut());
        rsmi_dev_power_cap_range_get(0, null_mut(), null_mut());
        rsmi_dev_energy_count_get(null_mut(), null_mut(), null_mut());
        rsmi_dev_temp_metric_get(0, 0, null_mut());
        rsmi_dev_temp_metric_get(u32::MAX, u32::MAX, null_mut());
        rsmi_dev_gpu_clk_freq_get(0, null_mut());
        rsmi_dev_pci_bandwidth_get(null_mut());
        rsmi_dev_ecc_count_get(u64::MAX, null_mut());
        rsmi_dev_memory_reserved_pages_get(null_mut(), null_mut());
        rsmi_utilization_count_get(null_mut(), u32::MAX, null_mut());
        rsmi_topo_get_link_type(u32::MAX, null_mut(), null_mut());
        rsmi_dev_gpu_metrics_info_get(null_mut());
        rsmi_dev_power_profile_presets_get(0, null_mut());
        rsmi_dev_supported_func_iterator_open(null_mut());
    }
    .to_vec()
}

#[test]
fn nothing_breaks_the_simulated_library() {
    let _simulated = Simulated::few("mi300x-8", 1);
    for (function, code) in answers(0) {
        assert_eq!(code, INIT_ERROR, "{function} before rsmi_init");
    }
    // SAFETY: rocm_smi.h: takes flags.
    assert_eq!(unsafe { rsmi::rsmi_init(0) }, 0);
    for (function, code) in answers(0) {
        assert!(matches!(code, INVALID_ARGS | NOT_SUPPORTED), "{function} answers {code}");
    }
    for (function, code) in answers(1).into_iter().chain(answers(u32::MAX)) {
        assert_eq!(code, INVALID_ARGS, "{function} of a device that is not there");
    }
    // SAFETY: rocm_smi.h: once for each `rsmi_init`.
    assert_eq!(unsafe { rsmi::rsmi_shut_down() }, 0);
    // SAFETY: as above; once more than there was an `rsmi_init`.
    assert_eq!(unsafe { rsmi::rsmi_shut_down() }, INIT_ERROR);
}

#[test]
fn texts_are_cut_and_say_so() {
    let _simulated = Simulated::few("mi300x-8", 1);
    // SAFETY: rocm_smi.h: takes flags.
    assert_eq!(unsafe { rsmi::rsmi_init(0) }, 0);
    let mut text = [b'x'; 8];
    // SAFETY: rocm_smi.h: the buffer has room for as many bytes as it says: one less than there are.
    let code = unsafe { rsmi::rsmi_dev_name_get(0, text.as_mut_ptr().cast(), 7) };
    assert_eq!((code, &text), (INSUFFICIENT_SIZE, b"AMD In\0x"));
    // SAFETY: rocm_smi.h: once for each `rsmi_init`.
    unsafe { rsmi::rsmi_shut_down() };
}
