//! The compute driver's processes: names of files, and the numbers in them.

#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    if let Some(number) = gpu_host::file::parse_u64(data) {
        assert_eq!(gpu_host::file::parse_u64(format!("{number}\n").as_bytes()), Some(number));
    }
    let Ok(name) = std::str::from_utf8(data) else { return };
    if let Some(id) = gpu_amd::fuzz::process_entry(name) {
        let digits = name.rsplit('_').next().unwrap_or_default().trim_start_matches('0');
        assert!(name == "queues" || id == 0 || digits == id.to_string(), "{name:?} is {id}");
    }
});
