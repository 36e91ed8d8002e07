//! The compute driver's topology: properties of nodes, of memory banks and of links.

#![no_main]

use gpu_amd::fuzz;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|text: &str| {
    if let Some(node) = fuzz::node(text) {
        assert!(node.partition < 16, "bits of a location that are none");
        if let Some((start, size)) = node.dies {
            assert_eq!(start, node.partition * size);
        }
    }
    if let Some((heap, size)) = fuzz::bank(text) {
        // What stands first counts.
        let more = format!("heap_type {heap}\nsize_in_bytes {}\n{text}", size.get());
        assert_eq!(fuzz::bank(&more), Some((heap, size)));
    }
    if let Some((kind, to, weight)) = fuzz::link(text) {
        let written = format!("type {kind}\nnode_to {to}\nweight {weight}\n");
        assert_eq!(fuzz::link(&written), Some((kind, to, weight)));
    }
});
