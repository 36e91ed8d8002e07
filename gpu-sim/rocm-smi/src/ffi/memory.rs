//! Memory, and its errors. A partition repeats the whole GPU's.

use crate::abi::{Code, ErrorCount, RetiredPage};
use crate::ffi::rsmi;
use crate::out::Out;
use crate::state::View;

/// `rsmi_memory_type_t`: device memory, the part of it that the processor sees, system memory.
const VRAM: u32 = 0;
const VISIBLE: u32 = 1;
const GTT: u32 = 2;

/// `rsmi_gpu_block_t` of the blocks that count errors.
const UMC: u64 = 1;
const GFX: u64 = 4;

/// `rsmi_ras_err_state_t`.
const DISABLED: u32 = 1;
const ENABLED: u32 = 6;

fn errors(view: &View<'_>, block: u64) -> Result<ErrorCount, Code> {
    let ecc = view.gpu.ecc.as_ref().ok_or(Code::NOT_SUPPORTED)?;
    match block {
        UMC => Ok(ErrorCount { correctable: ecc.corrected, uncorrectable: ecc.uncorrected }),
        GFX => Ok(ErrorCount { correctable: 0, uncorrectable: 0 }),
        _ => Err(Code::NOT_SUPPORTED),
    }
}

rsmi! {
    fn rsmi_dev_memory_total_get(kind: u32, total: Out<u64>) |view| match kind {
        VRAM | VISIBLE => total.put(view.gpu.memory.total.get()),
        GTT => total.put(view.gpu.memory.system_total.unwrap_or_default().get()),
        _ => Err(Code::INVALID_ARGS),
    };
    fn rsmi_dev_memory_usage_get(kind: u32, used: Out<u64>) |view| match kind {
        VRAM | VISIBLE => used.put(view.state.memory_used.get()),
        GTT => used.put(0),
        _ => Err(Code::INVALID_ARGS),
    };
    fn rsmi_dev_memory_reserved_pages_get(count: Out<u32>, pages: Out<RetiredPage>) |view| {
        let retired = view.gpu.ecc.as_ref().ok_or(Code::NOT_SUPPORTED)?.retired_pages;
        let all: Vec<_> = (0..retired).map(|n| RetiredPage { address: n, size: 4096, status: 0 }).collect();
        pages.list(count, &all)
    };
    fn rsmi_dev_ecc_count_get(block: u64, count: Out<ErrorCount>) |view| count.put(errors(view, block)?);
    fn rsmi_dev_ecc_enabled_get(blocks: Out<u64>) |view| {
        blocks.put(if view.gpu.ecc.is_some() { UMC | GFX } else { 0 })
    };
    fn rsmi_dev_ecc_status_get(block: u64, state: Out<u32>) |view| {
        state.put(if errors(view, block).is_ok() { ENABLED } else { DISABLED })
    };
}
