//! Names of AMD's accelerators, for machines whose driver does not tell (`product_name` is empty
//! or missing on many).

/// The name of the product with this PCI device id.
///
/// Source: the kernel's and ROCm's device tables; a name that the machine tells is preferred.
pub(crate) fn name(device_id: u16) -> Option<&'static str> {
    Some(match device_id {
        0x7408 | 0x740c => "AMD Instinct MI250X",
        0x740f => "AMD Instinct MI210",
        0x74a0 => "AMD Instinct MI300A",
        0x74a1 => "AMD Instinct MI300X",
        0x74a2 => "AMD Instinct MI308X",
        0x74a5 => "AMD Instinct MI325X",
        0x75a0 => "AMD Instinct MI350X",
        0x75a3 => "AMD Instinct MI355X",
        _ => return None,
    })
}

/// How many accelerator dies the product has, for those of which a partition may be missing.
pub(crate) fn dies(device_id: u16) -> Option<u32> {
    Some(match device_id {
        0x74a0 => 6,
        0x74a1 | 0x74a5 | 0x75a0 | 0x75a3 => 8,
        0x74a2 => 4,
        _ => return None,
    })
}

/// True for GPUs that share a card, and its power sensor, with another: MI250 and MI250X.
pub(crate) fn is_one_of_two_dies(device_id: u16) -> bool {
    matches!(device_id, 0x7408 | 0x740c)
}

/// True for products that compute in the machine's own memory.
pub(crate) fn shares_system_memory(device_id: u16) -> bool {
    device_id == 0x74a0
}

/// `gfx942` for 90402: major, minor and stepping in decimal pairs, the last in hexadecimal.
pub(crate) fn architecture(gfx_target_version: u64) -> String {
    let (major, minor, step) =
        (gfx_target_version / 10_000, gfx_target_version / 100 % 100, gfx_target_version % 100);
    format!("gfx{major}{minor}{step:x}")
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Targets as LLVM's AMDGPU guide names them.
    #[test]
    fn architectures_by_llvms_names() {
        assert_eq!(architecture(90_402), "gfx942");
        assert_eq!(architecture(90_010), "gfx90a");
        assert_eq!(architecture(110_000), "gfx1100");
        assert_eq!(architecture(90_500), "gfx950");
    }
}
