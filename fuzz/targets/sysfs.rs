//! What amdgpu writes as text of its own form: levels of clocks, counts of errors, speeds of links.

#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    if let Some(hertz) = gpu_amd::fuzz::highest_level(data) {
        assert!(hertz % 1_000_000 == 0 || hertz == u64::MAX, "{hertz} is no whole MHz");
    }
    if let Some((uncorrected, corrected)) = gpu_amd::fuzz::error_count(data) {
        let written = format!("ue: {uncorrected}\nce: {corrected}\n");
        assert_eq!(gpu_amd::fuzz::error_count(written.as_bytes()), Some((uncorrected, corrected)));
    }
    let Ok(text) = std::str::from_utf8(data) else { return };
    if let Some(generation) = gpu_host::pci::generation_of_speed(text) {
        assert!((1..=7).contains(&generation), "{text:?} is generation {generation}");
    }
    let profile = gpu_amd::fuzz::modes(text);
    assert!(profile.iter().all(|mode| !mode.is_empty() && !mode.contains(',')));
});
