//! [`Board`]: one GPU as the trees show it, with the files that samples read.

use std::path::{Path, PathBuf};

use gpu_core::{
    Absence, Bytes, DeviceId, DeviceNode, DeviceNumber, Error, ErrorKind, NodeRole, PartitionId,
    PartitionKind, PciAddress, Vendor,
};
use gpu_host::drm::DrmNode;
use gpu_host::pci::PciFunction;
use gpu_host::{drm, file, pci};

use crate::kfd::{self, KfdNode, Topology};
use crate::reading::Sensors;

/// PCI vendor id of AMD.
const PCI_VENDOR: u16 = 0x1002;

/// Everything that one look at the machine found.
#[derive(Clone, Debug, Default)]
pub(crate) struct Boards {
    /// GPUs by address.
    pub(crate) boards: Vec<Board>,
    /// Where processes of the compute driver are listed.
    pub(crate) processes: PathBuf,
    /// What could not be read.
    pub(crate) errors: Vec<Error>,
}

/// One GPU as the trees show it.
#[derive(Clone, Debug)]
pub(crate) struct Board {
    pub(crate) id: DeviceId,
    pub(crate) address: PciAddress,
    /// Its PCI function; `None` where only the compute driver's tree is there.
    pub(crate) function: Option<PciFunction>,
    /// `unique_id`, where it is not zero.
    pub(crate) unique_id: Option<u64>,
    /// Its nodes in the compute driver's topology, by partition.
    pub(crate) nodes: Vec<KfdNode>,
    /// Every card and render node of the machine that belongs to it.
    pub(crate) drm: Vec<DrmNode>,
    pub(crate) sensors: Sensors,
}

impl Board {
    /// True when the GPU is cut: several nodes, or one that is not the first.
    pub(crate) fn is_partitioned(&self) -> bool {
        self.nodes.len() > 1 || self.nodes.iter().any(|node| node.partition != 0)
    }

    /// The id of the partition that a node is.
    pub(crate) fn partition_id(&self, node: &KfdNode) -> PartitionId {
        self.id.partition(PartitionKind::COMPUTE_PARTITION, node.partition)
    }

    /// The xGMI hive that it is in; `None` outside of any.
    pub(crate) fn hive(&self) -> Option<u64> {
        self.nodes.iter().find_map(|node| node.hive)
    }

    /// The directory of its PCI function.
    pub(crate) fn path(&self) -> Option<&Path> {
        self.function.as_ref().map(|function| function.path.as_path())
    }

    /// A small text file of the PCI function; `None` when there is none or it is empty.
    pub(crate) fn text(&self, name: &str) -> Result<Option<String>, Error> {
        let Some(path) = self.path() else { return Ok(None) };
        Ok(file::read_optional(&path.join(name))?.filter(|text| !text.is_empty()))
    }

    /// Memory by the compute driver's tree alone: the sum over the partitions.
    pub(crate) fn memory_of_nodes(&self) -> Result<Bytes, Absence> {
        let overflow = Absence::Failed { at: "the sum of the partitions' memory", code: None };
        let add = |sum: Bytes, node: &KfdNode| sum.checked_add(node.memory?).ok_or(overflow);
        self.nodes.iter().try_fold(Bytes::ZERO, add)
    }

    /// True when the device file of that number is one of the GPU's or its partitions'.
    pub(crate) fn has(&self, number: DeviceNumber) -> bool {
        self.drm.iter().any(|drm| drm.number == Some(number))
    }

    /// True when the device file of that number is one of the partition's.
    pub(crate) fn is_of(&self, node: &KfdNode, number: DeviceNumber) -> bool {
        let is_render = |drm: &&DrmNode| drm.role == NodeRole::Render && Some(drm.minor) == node.render_minor;
        let Some(render) = self.drm.iter().find(is_render) else { return false };
        self.drm.iter().any(|drm| drm.device == render.device && drm.number == Some(number))
    }

    /// The card and render nodes of one partition; of the whole GPU when it is not cut.
    pub(crate) fn nodes_of(&self, node: &KfdNode) -> Vec<DeviceNode> {
        let render =
            self.drm.iter().find(|drm| drm.role == NodeRole::Render && Some(drm.minor) == node.render_minor);
        let Some(render) = render else { return Vec::new() };
        self.drm.iter().filter(|drm| drm.device == render.device).map(DrmNode::device_node).collect()
    }
}

/// Looks at the machine.
///
/// # Errors
/// When neither PCI nor DRM can be listed, though they are there.
pub(crate) fn look(sysfs: &Path) -> Result<Boards, Error> {
    let Topology { gpus, hidden, mut errors } = kfd::read(sysfs);
    if hidden > 0 {
        let detail = format!("{hidden} GPU nodes are not allowed to this caller's device cgroup");
        errors.push(Error::new(ErrorKind::NotPermitted, kfd::root(sysfs).display().to_string(), detail));
    }
    let (functions, unreadable) = pci::gpu_functions(sysfs)?;
    errors.extend(unreadable);
    let (drm, unreadable) = drm::nodes(sysfs)?;
    errors.extend(unreadable);

    let ours = functions
        .into_iter()
        .filter(|function| function.id.vendor == PCI_VENDOR && function.driver.as_deref() == Some("amdgpu"));
    let mut boards: Vec<Board> =
        ours.map(|function| Board::of_function(function, &drm, &mut errors)).collect();
    for node in gpus {
        match boards.iter_mut().find(|board| board.address.slot() == node.location) {
            Some(board) => board.nodes.push(node),
            None => boards.push(Board::of_node(node)),
        }
    }
    for board in &mut boards {
        board.nodes.sort_by_key(|node| (node.partition, node.number));
        drop_repeated(&mut board.nodes, &mut errors);
        board.adopt_partition_nodes(&drm);
    }
    boards.sort_by_key(|board| board.address);
    name_by_hardware(&mut boards);
    Ok(Boards { boards, processes: kfd::root(sysfs).join("proc"), errors })
}

impl Board {
    fn of_function(function: PciFunction, drm: &[DrmNode], errors: &mut Vec<Error>) -> Self {
        let resolved = function.path.canonicalize().unwrap_or_else(|_| function.path.clone());
        let unique_id = unique_id(&function.path).unwrap_or_else(|error| {
            errors.push(error);
            None
        });
        Self {
            id: DeviceId::from_pci(Vendor::AMD, function.address),
            address: function.address,
            unique_id,
            nodes: Vec::new(),
            drm: drm.iter().filter(|node| node.device == resolved).cloned().collect(),
            sensors: Sensors::of(&function.path, function.id.device, errors),
            function: Some(function),
        }
    }

    /// A GPU of which only the compute driver's tree tells.
    fn of_node(node: KfdNode) -> Self {
        Self {
            id: DeviceId::from_pci(Vendor::AMD, node.location),
            address: node.location,
            function: None,
            unique_id: None,
            nodes: vec![node],
            drm: Vec::new(),
            sensors: Sensors::default(),
        }
    }

    /// Partitions after the first have DRM nodes of their own, below platform devices.
    fn adopt_partition_nodes(&mut self, drm: &[DrmNode]) {
        self.unique_id = self.unique_id.or_else(|| self.nodes.iter().find_map(|node| node.unique_id));
        for node in &self.nodes {
            let render =
                drm.iter().find(|d| d.role == NodeRole::Render && Some(d.minor) == node.render_minor);
            let Some(render) = render else { continue };
            let new = drm.iter().filter(|d| d.device == render.device);
            for drm in new {
                if !self.drm.contains(drm) {
                    self.drm.push(drm.clone());
                }
            }
        }
    }
}

/// `unique_id` in hexadecimal, where the board has one: on many it is 0.
fn unique_id(device: &Path) -> Result<Option<u64>, Error> {
    let path = device.join("unique_id");
    let text = file::read_optional(&path)?.unwrap_or_default();
    if text.is_empty() {
        return Ok(None);
    }
    let id = u64::from_str_radix(text.trim_start_matches("0x"), 16);
    let id = id.map_err(|_| file::malformed(&path, "not 16 hexadecimal digits"))?;
    Ok(Some(id).filter(|id| *id != 0))
}

/// Two nodes that claim to be the same partition: the first is kept, the other named.
fn drop_repeated(nodes: &mut Vec<KfdNode>, errors: &mut Vec<Error>) {
    nodes.dedup_by(|later, first| {
        let same = later.partition == first.partition;
        if same {
            let at = format!("KFD node {}", later.number);
            let detail = format!(
                "is partition {} of {}, as node {} is",
                later.partition, later.location, first.number
            );
            errors.push(Error::new(ErrorKind::Inconsistent, at, detail));
        }
        same
    });
}

/// `unique_id` names a GPU for life, where no other on the machine claims the same.
fn name_by_hardware(boards: &mut [Board]) {
    let ids: Vec<Option<u64>> = boards.iter().map(|board| board.unique_id).collect();
    for board in boards {
        if let Some(id) = board.unique_id {
            if ids.iter().filter(|other| **other == Some(id)).count() == 1 {
                board.id = DeviceId::from_serial(Vendor::AMD, id);
            }
        }
    }
}
