//! Where devices lie, and how they reach each other.

use crate::abi::Code;
use crate::ffi::rsmi;
use crate::out::Out;
use crate::state::View;

/// `RSMI_IO_LINK_TYPE`, in the library's numbers, which are not the kernel's.
const PCIE: u32 = 1;
const XGMI: u32 = 2;

/// What a path over the processors weighs, as the kernel's tables have it.
const WEIGHT_OF_PCIE: u64 = 40;
/// Partitions of one GPU are as far from each other as two GPUs that are linked.
const WEIGHT_INSIDE: u32 = 15;

/// The weight of the xGMI path from one device to another, if there is one.
fn weight(view: &View<'_>, other: u32) -> Result<Option<u32>, Code> {
    let other = view.of.at(other)?;
    if (other.position, other.part) == (view.position, view.part) {
        return Err(Code::INVALID_ARGS);
    }
    Ok(if other.position == view.position { Some(WEIGHT_INSIDE) } else { view.xgmi(&other) })
}

rsmi! {
    fn rsmi_topo_get_numa_node_number(node: Out<u32>) |view| {
        node.put(view.gpu.numa.ok_or(Code::NOT_SUPPORTED)?.0)
    };
    fn rsmi_topo_numa_affinity_get(node: Out<i32>) |view| {
        // Where the kernel does not know, its file says -1, and so does the library.
        node.put(view.gpu.numa.and_then(|node| i32::try_from(node.0).ok()).unwrap_or(-1))
    };
    fn rsmi_topo_get_link_weight(other: u32, out: Out<u64>) |view| {
        out.put(weight(view, other)?.map_or(WEIGHT_OF_PCIE, u64::from))
    };
    fn rsmi_topo_get_link_type(other: u32, hops: Out<u64>, kind: Out<u32>) |view| {
        let is_linked = weight(view, other)?.is_some();
        // Over one processor, or over two between which the simulated trees tell of no link.
        let far = if view.gpu.numa == view.of.at(other)?.gpu.numa { 2 } else { 4 };
        hops.put(if is_linked { 1 } else { far })?;
        kind.put(if is_linked { XGMI } else { PCIE })
    };
    fn rsmi_minmax_bandwidth_get(other: u32, least: Out<u64>, most: Out<u64>) |view| {
        // MB/s, of links that lead straight there.
        weight(view, other)?.ok_or(Code::NOT_SUPPORTED)?;
        least.put(50_000)?;
        most.put(50_000)
    };
    fn rsmi_is_P2P_accessible(other: u32, accessible: Out<bool>) |view| {
        view.of.at(other)?;
        accessible.put(true)
    };
}
