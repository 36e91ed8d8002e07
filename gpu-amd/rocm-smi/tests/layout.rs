//! The simulated library's structs against those that bindgen makes of AMD's header: size,
//! alignment, and the place of the fields.

use std::mem::{align_of, offset_of, size_of};

use rocm_smi_lib as real;

#[allow(dead_code, missing_docs, unsafe_code)] // the library uses the rest
#[path = "../../../gpu-sim/rocm-smi/src/abi.rs"]
mod abi;

macro_rules! same {
    ($($ours:ident = $real:ident { $($field:ident = $name:ident),* })*) => {
        $(
            assert_eq!(size_of::<abi::$ours>(), size_of::<real::$real>(), stringify!($ours));
            assert_eq!(align_of::<abi::$ours>(), align_of::<real::$real>(), stringify!($ours));
            $(
                let (here, there) = (offset_of!(abi::$ours, $field), offset_of!(real::$real, $name));
                assert_eq!(here, there, stringify!($ours.$field));
            )*
        )*
    };
}

#[test]
fn structs_are_laid_out_as_in_the_header() {
    same! {
        Version = rsmi_version_t { major = major, minor = minor, patch = patch, build = build }
        Frequencies = rsmi_frequencies_t {
            has_deep_sleep = has_deep_sleep, num_supported = num_supported, current = current,
            frequency = frequency
        }
        PcieBandwidth = rsmi_pcie_bandwidth_t { transfer_rate = transfer_rate, lanes = lanes }
        Utilization = rsmi_utilization_counter_t { kind = type_, value = value }
        ErrorCount = rsmi_error_count_t { correctable = correctable_err, uncorrectable = uncorrectable_err }
        RetiredPage = rsmi_retired_page_record_t { address = page_address, size = page_size, status = status }
        Process = rsmi_process_info_t {
            pid = process_id, pasid = pasid, vram = vram_usage, sdma_us = sdma_usage,
            cu_occupancy = cu_occupancy
        }
    }
    assert_eq!(abi::FREQUENCIES, real::RSMI_MAX_NUM_FREQUENCIES as usize);
}

#[test]
fn codes_are_the_headers() {
    for (ours, real) in [
        (abi::Code::SUCCESS, real::rsmi_status_t_RSMI_STATUS_SUCCESS),
        (abi::Code::INVALID_ARGS, real::rsmi_status_t_RSMI_STATUS_INVALID_ARGS),
        (abi::Code::NOT_SUPPORTED, real::rsmi_status_t_RSMI_STATUS_NOT_SUPPORTED),
        (abi::Code::INTERNAL_EXCEPTION, real::rsmi_status_t_RSMI_STATUS_INTERNAL_EXCEPTION),
        (abi::Code::INIT_ERROR, real::rsmi_status_t_RSMI_STATUS_INIT_ERROR),
        (abi::Code::NOT_FOUND, real::rsmi_status_t_RSMI_STATUS_NOT_FOUND),
        (abi::Code::INSUFFICIENT_SIZE, real::rsmi_status_t_RSMI_STATUS_INSUFFICIENT_SIZE),
    ] {
        assert_eq!(ours.0, real);
    }
}
