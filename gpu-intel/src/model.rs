//! Intel's products by PCI device id, for names and for how many tiles a GPU has.

/// What is known of a product.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Model {
    pub(crate) name: &'static str,
    /// On i915 a `gtN` is a tile on these products only; elsewhere a second one is the media GT.
    pub(crate) tiles: u32,
}

/// The product with this PCI device id.
///
/// Source: the device table of Intel's compute-runtime.
pub(crate) fn model(device_id: u16) -> Option<Model> {
    let (name, tiles) = match device_id {
        0x0bd5 | 0x0bd6 => ("Intel Data Center GPU Max 1550", 2),
        0x0b69 => ("Intel Data Center GPU Max 1450", 2),
        0x0bd9..=0x0bdb => ("Intel Data Center GPU Max 1100", 1),
        0x56c0 => ("Intel Data Center GPU Flex 170", 1),
        0x56c1 => ("Intel Data Center GPU Flex 140", 1),
        0x56c2 => ("Intel Data Center GPU Flex 170V", 1),
        0xe209 | 0xe20b => ("Intel Arc B580 Graphics", 1),
        0xe20c => ("Intel Arc B570 Graphics", 1),
        0xe211 => ("Intel Arc Pro B60 Graphics", 1),
        0xe212 => ("Intel Arc Pro B50 Graphics", 1),
        // In processors: Tiger Lake, Meteor Lake, Arrow Lake, Lunar Lake.
        0x9a40 | 0x9a49 => ("Intel Iris Xe Graphics", 1),
        0x7d55 | 0x7d51 | 0x64a0 => ("Intel Arc Graphics", 1),
        _ => return None,
    };
    Some(Model { name, tiles })
}

/// The name of a product, made from its id where it is not known.
pub(crate) fn name(device_id: u16) -> String {
    match model(device_id) {
        Some(model) => model.name.to_owned(),
        None => format!("Intel GPU 8086:{device_id:04x}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn unknown_products_are_named_by_their_id() {
        assert_eq!(name(0x0bd5), "Intel Data Center GPU Max 1550");
        assert_eq!(name(0x0042), "Intel GPU 8086:0042");
    }
}
