//! [`Board`]: one GPU as the trees show it, with the files that samples read.

use std::path::{Path, PathBuf};

use gpu_core::{
    Absence, DeviceId, DeviceNumber, Error, NodeRole, PartitionId, PartitionKind, PciAddress, Vendor,
};
use gpu_host::drm::DrmNode;
use gpu_host::file::Attribute;
use gpu_host::pci::PciFunction;
use gpu_host::{Roots, drm, file, hwmon, pci};

use crate::perf::{Pmu, permission, pmu};
use crate::reading::Sensors;
use crate::{i915, model, xe};

/// PCI vendor id of Intel.
const PCI_VENDOR: u16 = 0x8086;

/// More tiles or virtual functions than any GPU has: what a damaged tree may make us look at.
const MOST: u32 = 256;

/// Everything that one look at the machine found.
#[derive(Clone, Debug, Default)]
pub(crate) struct Boards {
    /// GPUs by address.
    pub(crate) boards: Vec<Board>,
    /// What could not be read.
    pub(crate) errors: Vec<Error>,
    /// Why this process may not have engines counted by perf, if so.
    pub(crate) perf_refused: Option<Absence>,
}

/// One GPU as the trees show it.
#[derive(Clone, Debug)]
pub(crate) struct Board {
    pub(crate) id: DeviceId,
    pub(crate) function: PciFunction,
    pub(crate) tiles: Vec<Tile>,
    pub(crate) virtual_functions: Vec<VirtualFunction>,
    pub(crate) drm: Vec<DrmNode>,
    pub(crate) sensors: Sensors,
    /// What perf could count of its engines.
    pub(crate) pmu: Result<Pmu, Absence>,
}

/// One tile: on most products the only one.
#[derive(Clone, Debug, Default)]
pub(crate) struct Tile {
    pub(crate) number: u32,
    pub(crate) memory: Option<Attribute>,
    pub(crate) energy: Option<Attribute>,
    pub(crate) gt: Gt,
}

/// The graphics GT of a tile.
#[derive(Clone, Debug, Default)]
pub(crate) struct Gt {
    pub(crate) clock: Option<Attribute>,
    pub(crate) clock_max: Option<Attribute>,
    pub(crate) throttle_status: Option<Attribute>,
    pub(crate) throttle_power: Vec<Attribute>,
    pub(crate) throttle_heat: Vec<Attribute>,
    pub(crate) throttle_hardware: Vec<Attribute>,
    pub(crate) ccs_mode: Option<Attribute>,
    pub(crate) slices: Option<Attribute>,
}

/// One virtual function of a GPU.
#[derive(Clone, Debug)]
pub(crate) struct VirtualFunction {
    /// From 1, as the drivers count; 0 is the physical function.
    pub(crate) number: u32,
    pub(crate) address: Option<PciAddress>,
    pub(crate) quota: Quota,
    pub(crate) drm: Vec<DrmNode>,
    /// The file under which a guest's program holds it, where it is bound for that.
    pub(crate) vfio: Option<DeviceNumber>,
}

/// What a virtual function may use.
#[derive(Clone, Debug, Default)]
pub(crate) struct Quota {
    /// Bytes, to be added up.
    pub(crate) memory: Vec<Attribute>,
    pub(crate) exec_quantum_ms: Option<Attribute>,
}

impl Board {
    /// True when the GPU has tiles that are units of their own.
    pub(crate) fn has_tiles(&self) -> bool {
        self.tiles.len() > 1
    }

    pub(crate) fn is_xe(&self) -> bool {
        self.function.driver.as_deref() == Some("xe")
    }

    /// The card's directory.
    pub(crate) fn card(&self) -> Option<PathBuf> {
        self.drm.iter().find(|node| node.role == NodeRole::Card).map(|node| node.path.clone())
    }

    pub(crate) fn tile_id(&self, tile: &Tile) -> PartitionId {
        self.id.partition(PartitionKind::TILE, tile.number)
    }

    pub(crate) fn function_id(&self, function: &VirtualFunction) -> PartitionId {
        self.id.partition(PartitionKind::VIRTUAL_FUNCTION, function.number)
    }
}

/// Looks at the machine.
///
/// # Errors
/// When PCI or DRM cannot be listed, though they are there.
pub(crate) fn look(roots: &Roots) -> Result<Boards, Error> {
    let sysfs = roots.sysfs.as_path();
    let (functions, mut errors) = pci::gpu_functions(sysfs)?;
    let (drm, unreadable) = drm::nodes(sysfs)?;
    errors.extend(unreadable);
    let listed: Vec<PciAddress> = functions.iter().map(|function| function.address).collect();
    let mut boards: Vec<Board> = functions
        .into_iter()
        .filter(|function| function.id.vendor == PCI_VENDOR)
        .filter(|function| matches!(function.driver.as_deref(), Some("i915" | "xe")))
        // A virtual function is a part of its GPU; in a guest, which sees no parent, a device.
        .filter(|function| !function.physical.is_some_and(|parent| listed.contains(&parent)))
        .map(|function| board(sysfs, function, &drm, &mut errors))
        .collect();
    boards.sort_by_key(|board| board.function.address);
    Ok(Boards { boards, errors, perf_refused: permission::refusal(&roots.proc) })
}

fn board(sysfs: &Path, function: PciFunction, drm: &[DrmNode], errors: &mut Vec<Error>) -> Board {
    let path = function.path.clone();
    let is_xe = function.driver.as_deref() == Some("xe");
    let drm_of = nodes_of(&path, drm);
    let card = drm_of.iter().find(|node| node.role == NodeRole::Card).map(|node| node.path.clone());
    let chips = hwmon::of(&path, errors);
    let count = model::model(function.id.device).map_or(1, |model| model.tiles);
    let (tiles, total) = match &card {
        _ if is_xe => (xe::tiles(&path), None),
        Some(card) => (i915::tiles(card, count, &chips), i915::total(card)),
        None => (Vec::new(), None),
    };
    let quota = |number| match &card {
        _ if is_xe => xe::quota(&path, number),
        Some(card) => i915::quota(card, number),
        None => Quota::default(),
    };
    Board {
        id: DeviceId::from_pci(Vendor::INTEL, function.address),
        virtual_functions: virtual_functions(sysfs, &path, drm, quota),
        sensors: Sensors::of(&path, is_xe, &chips, &tiles, total),
        pmu: pmu::of(sysfs, &path, function.address, is_xe),
        drm: drm_of,
        tiles,
        function,
    }
}

/// The number of `/dev/vfio/<group>`: who gives a function to a guest has it open.
fn vfio(sysfs: &Path, function: &Path) -> Option<DeviceNumber> {
    let group = file::link_name(&function.join("iommu_group")).ok()?;
    file::read_text(&sysfs.join("class/vfio").join(group).join("dev")).ok()?.parse().ok()
}

fn virtual_functions(
    sysfs: &Path,
    path: &Path,
    drm: &[DrmNode],
    quota: impl Fn(u32) -> Quota,
) -> Vec<VirtualFunction> {
    let live = file::read_u64(&path.join("sriov_numvfs")).unwrap_or(0).min(u64::from(MOST));
    (1..=live)
        .filter_map(|number| u32::try_from(number).ok())
        .map(|number| {
            let link = path.join(format!("virtfn{}", number - 1));
            let address = file::link_name(&link).ok().and_then(|name| name.parse().ok());
            let vfio = vfio(sysfs, &link);
            VirtualFunction { number, address, quota: quota(number), drm: nodes_of(&link, drm), vfio }
        })
        .collect()
}

fn nodes_of(path: &Path, drm: &[DrmNode]) -> Vec<DrmNode> {
    let resolved: PathBuf = path.canonicalize().unwrap_or_else(|_| path.to_path_buf());
    drm.iter().filter(|node| node.device == resolved).cloned().collect()
}

/// The numbers N of the entries `<prefix>N` of a directory, ascending.
pub(crate) fn numbered(folder: &Path, prefix: &str) -> Vec<u32> {
    let names = file::list(folder).unwrap_or_default();
    let mut numbers: Vec<u32> = names
        .iter()
        .filter_map(|name| name.strip_prefix(prefix)?.parse().ok())
        .filter(|number| *number < MOST)
        .collect();
    numbers.sort_unstable();
    numbers.dedup();
    numbers
}
