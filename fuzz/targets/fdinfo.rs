//! DRM's accounting of a descriptor: `/proc/<pid>/fdinfo/<fd>`.

#![no_main]

use gpu_core::DeviceNumber;
use libfuzzer_sys::fuzz_target;

/// Most engines, and most regions, that are kept of a client.
const MOST: usize = 64;

fuzz_target!(|data: &[u8]| {
    let node = DeviceNumber { major: 226, minor: 128 };
    let Some(client) = gpu_host::fdinfo::parse(data, node) else { return };
    assert!(client.engines.len() <= MOST && client.regions.len() <= MOST);
    assert!(client.engines.iter().all(|engine| engine.capacity > 0));
    let lines = data.split(|byte| *byte == b'\n').count();
    assert!((client.unknown + client.malformed) as usize <= lines, "more bad lines than lines");
    let mut names: Vec<_> = client.engines.iter().map(|engine| engine.name).collect();
    names.sort();
    names.dedup();
    assert_eq!(names.len(), client.engines.len(), "an engine is there twice");
    // A line that nobody knows changes nothing but the count of such lines.
    let mut more = b"drm-nobody-knows: 1\n".to_vec();
    more.extend_from_slice(data);
    let again = gpu_host::fdinfo::parse(&more, node).expect("a client is one with a line more");
    assert_eq!((&again.engines, &again.regions), (&client.engines, &client.regions));
});
