//! Paths between GPUs, and to the processor.

use std::ffi::{c_int, c_uint};

use gpu_sim::{FabricSpec, LinkKindSpec, NvidiaSpec};

use super::{nvml, unsupported};
use crate::abi::{Code, FabricV1, FabricV2, FabricV3, PciInfo, version};
use crate::handle::Device;
use crate::out::{Out, field};
use crate::state::{State, View};

/// Links that a board has to NVSwitches.
fn links(nvidia: &NvidiaSpec) -> u32 {
    nvidia.nvswitch_links
}

/// Whether a link is up: 1, or 0 for one that is there and down.
pub(super) fn link_state(view: &View<'_>, link: c_uint) -> Result<c_uint, Code> {
    match view.state.nvlinks {
        0 => Err(Code::NOT_SUPPORTED),
        links if link >= links => Err(Code::INVALID_ARGUMENT),
        links => Ok((link < links - view.gpu.health.links_down.min(links)).into()),
    }
}

/// The cluster of the simulated fabric: made up.
const CLUSTER: [u8; 16] = [0x5e; 16];

fn fabric(state: &State, device: Device) -> Result<&FabricSpec, Code> {
    state.whole(device)?.gpu.health.fabric.as_ref().ok_or(Code::NOT_SUPPORTED)
}

/// By the version that the caller asks for: 3 has a summary.
fn versioned_fabric(state: &State, device: Device, info: Out<FabricV3>) -> Result<(), Code> {
    let (second, third) = (version::<FabricV2>(2), version::<FabricV3>(3));
    let asked = info.cast::<c_uint>().get()?;
    let &FabricSpec { state: joined, status, health, summary } = fabric(state, device)?;
    let (cluster, clique, state, padding) = (CLUSTER, 1, joined, [0; 3]);
    match asked {
        _ if asked == third => {
            let (version, rest) = (third, [0; 3]);
            info.put(FabricV3 { version, cluster, status, clique, state, padding, health, summary, rest })
        }
        _ if asked == second => {
            let version = second;
            info.cast().put(FabricV2 { version, cluster, status, clique, state, padding, health })
        }
        _ => Err(Code::ARGUMENT_VERSION_MISMATCH),
    }
}

/// What a link of a board ends at.
enum End {
    Switch,
    Gpu(usize),
}

/// Links to switches first, then straight ones, in the order of the description.
fn end(state: &State, view: &View<'_>, link: c_uint) -> Result<End, Code> {
    // NVML_NVLINK_MAX_LINKS of driver 550.
    if link >= 18 {
        return Err(Code::INVALID_ARGUMENT);
    }
    let mut first = view.nvidia.nvswitch_links;
    if link < first {
        return Ok(End::Switch);
    }
    for of in &state.scene.machine().links {
        let LinkKindSpec::NvLink { links } = of.kind else { continue };
        let other = match view.position {
            here if here == of.a => of.b,
            here if here == of.b => of.a,
            _ => continue,
        };
        if link < first + links {
            return Ok(End::Gpu(other));
        }
        first += links;
    }
    Err(if first == 0 { Code::NOT_SUPPORTED } else { Code::NOT_FOUND })
}

fn remote(state: &State, view: &View<'_>, link: c_uint) -> Result<PciInfo, Code> {
    let (domain, bus, device) = match end(state, view, link)? {
        End::Gpu(other) => {
            let pci = state.scene.machine().gpus[other].pci;
            (pci.domain, pci.bus, pci.device)
        }
        // NVSwitches of a baseboard, four of them, on buses of their own.
        End::Switch => (0, 0xc5 + u8::try_from(link % 4).unwrap_or(0), 0),
    };
    let unterminated = state.faults.unterminated;
    Ok(PciInfo {
        bus_id_legacy: field(unterminated, format_args!("{domain:04X}:{bus:02X}:{device:02X}.0")),
        domain,
        bus: bus.into(),
        device: device.into(),
        pci_device_id: 0,
        pci_subsystem_id: 0,
        bus_id: field(unterminated, format_args!("{domain:08X}:{bus:02X}:{device:02X}.0")),
    })
}

/// NODE (40) for two GPUs on one NUMA node, SYSTEM (50) otherwise, as in the other forms of the
/// simulation; INTERNAL (0) for a GPU and itself.
fn ancestor(a: &View<'_>, b: &View<'_>) -> c_uint {
    if a.position == b.position {
        return 0;
    }
    if a.gpu.numa.is_some() && a.gpu.numa == b.gpu.numa { 40 } else { 50 }
}

/// 0 OK, 5 for "not supported between these": boards with links reach each other.
fn p2p(a: &View<'_>, b: &View<'_>) -> c_uint {
    if links(a.nvidia) > 0 && links(b.nvidia) > 0 { 0 } else { 5 }
}

/// Sets the bits of the processors in a list such as `0-15,32-47`.
fn processors(list: &str, words: &mut [u64]) {
    for range in list.trim().split(',').filter(|range| !range.is_empty()) {
        let (from, to) = range.split_once('-').unwrap_or((range, range));
        if let (Ok(from), Ok(to)) = (from.parse::<usize>(), to.parse::<usize>()) {
            for processor in from..=to.min(words.len() * 64 - 1) {
                words[processor / 64] |= 1 << (processor % 64);
            }
        }
    }
}

fn cpu_affinity(state: &State, device: Device, length: c_uint, out: Out<u64>) -> Result<(), Code> {
    let view = state.whole(device)?;
    let mut words = [0_u64; 64];
    let length = (length as usize).min(words.len());
    if length == 0 {
        return Err(Code::INVALID_ARGUMENT);
    }
    let near = state.scene.machine().numa_nodes.iter().find(|numa| Some(numa.node) == view.gpu.numa);
    processors(near.map_or("", |numa| &numa.cpus), &mut words[..length]);
    words[..length].iter().enumerate().try_for_each(|(position, word)| out.put_at(position, *word))
}

nvml! {
    fn nvmlDeviceGetNvLinkState(device: Device, link: c_uint, active: Out<c_uint>) |s| {
        let view = s.whole(device)?;
        match end(s, &view, link) {
            Ok(_) => active.put(link_state(&view, link).unwrap_or(0)),
            Err(Code::NOT_FOUND) => active.put(0),
            Err(code) => Err(code),
        }
    };
    fn nvmlDeviceGetNvLinkVersion(device: Device, link: c_uint, version: Out<c_uint>) |s| {
        let view = s.whole(device)?;
        end(s, &view, link)?;
        // NVLink 3 with Ampere, 4 with Hopper, 5 with Blackwell.
        version.put(match view.nvidia.architecture { ..=8 => 3, 9 => 4, _ => 5 })
    };
    fn nvmlDeviceGetNvLinkCapability(device: Device, link: c_uint, what: c_uint, has: Out<c_uint>) |s| {
        end(s, &s.whole(device)?, link)?;
        has.put(c_uint::from(what <= 2))
    };
    fn nvmlDeviceGetNvLinkRemotePciInfo(device: Device, link: c_uint, info: Out<PciInfo>) |s| {
        info.put(remote(s, &s.whole(device)?, link)?)
    };
    fn nvmlDeviceGetNvLinkRemotePciInfo_v2(device: Device, link: c_uint, info: Out<PciInfo>) |s| {
        info.put(remote(s, &s.whole(device)?, link)?)
    };
    fn nvmlDeviceGetNvLinkRemoteDeviceType(device: Device, link: c_uint, kind: Out<c_uint>) |s| {
        // NVML_NVLINK_DEVICE_TYPE_GPU is 0, _SWITCH 2.
        kind.put(match end(s, &s.whole(device)?, link)? { End::Gpu(_) => 0, End::Switch => 2 })
    };
    fn nvmlDeviceGetTopologyCommonAncestor(a: Device, b: Device, level: Out<c_uint>) |s| {
        level.put(ancestor(&s.whole(a)?, &s.whole(b)?))
    };
    fn nvmlDeviceGetP2PStatus(a: Device, b: Device, _what: c_uint, status: Out<c_uint>) |s| {
        status.put(p2p(&s.whole(a)?, &s.whole(b)?))
    };
    fn nvmlDeviceOnSameBoard(a: Device, b: Device, same: Out<c_int>) |s| {
        same.put((s.whole(a)?.position == s.whole(b)?.position).into())
    };
    fn nvmlDeviceGetCpuAffinity(device: Device, length: c_uint, out: Out<u64>) |s| {
        cpu_affinity(s, device, length, out)
    };
    fn nvmlDeviceGetMemoryAffinity(device: Device, length: c_uint, out: Out<u64>, _scope: c_uint) |s| {
        let node = s.whole(device)?.gpu.numa.ok_or(Code::NOT_SUPPORTED)?;
        for position in 0..length as usize {
            let here = node.0 as usize / 64 == position;
            out.put_at(position, if here { 1 << (node.0 % 64) } else { 0 })?;
        }
        Ok(())
    };
}

nvml! {
    fn nvmlDeviceGetGpuFabricInfo(device: Device, info: Out<FabricV1>) |s| {
        let of = fabric(s, device)?;
        info.put(FabricV1 { cluster: CLUSTER, status: of.status, clique: 1, state: of.state, rest: [0; 3] })
    };
    fn nvmlDeviceGetGpuFabricInfoV(device: Device, info: Out<FabricV3>) |s| {
        versioned_fabric(s, device, info)
    };
}

unsupported! {
    nvmlDeviceGetNvLinkErrorCounter;
}
