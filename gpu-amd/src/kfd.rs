//! The compute driver's topology: one node for each partition of each GPU.
//!
//! Source: `class/kfd/kfd/topology` (kernel: `drivers/gpu/drm/amd/amdkfd/kfd_topology.c`).

use std::path::{Path, PathBuf};

use gpu_core::{Absence, Bytes, Error, ErrorKind, PciAddress};
use gpu_host::file;

use crate::blob::Place;

/// AMD's PCI vendor id, as KFD writes it in decimal.
const VENDOR: u64 = 0x1002;
/// `heap_type` of device memory that the processor cannot see, and that it can.
const DEVICE_HEAPS: [u64; 2] = [1, 2];

const NO_BANK: Absence = Absence::NotSupported { why: "the compute driver lists no memory bank" };
const UNREADABLE_BANK: Absence = Absence::Failed { at: "topology/nodes/*/mem_banks", code: None };

/// Type of an I/O link, as in `kfd_crat.h`.
pub(crate) const LINK_PCIE: u64 = 2;
pub(crate) const LINK_XGMI: u64 = 11;

/// One GPU node of the topology: a partition, or a whole GPU that is not partitioned.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct KfdNode {
    /// Its number in the topology.
    pub(crate) number: u32,
    /// The number by which processes' files name it; `None` where the file is missing.
    pub(crate) gpu_id: Option<u32>,
    /// Address of the GPU; the function is the partition's index.
    pub(crate) location: PciAddress,
    /// Which partition of its GPU it is.
    pub(crate) partition: u32,
    pub(crate) device_id: u16,
    pub(crate) unique_id: Option<u64>,
    /// The xGMI hive that its GPU is in.
    pub(crate) hive: Option<u64>,
    pub(crate) render_minor: Option<u32>,
    pub(crate) compute_units: Option<u64>,
    pub(crate) dies: Option<u64>,
    pub(crate) gfx_target_version: Option<u64>,
    /// Device memory, or why it is not known.
    pub(crate) memory: Result<Bytes, Absence>,
    pub(crate) links: Vec<IoLink>,
}

impl KfdNode {
    /// First die and number of dies of the partition. All partitions of a GPU have the same
    /// number (kernel: `aqua_vanjaram.c`), so that one that is missing leaves its place empty.
    pub(crate) fn dies(&self) -> Option<(u32, u32)> {
        let size = u32::try_from(self.dies?).ok()?;
        Some((self.partition.checked_mul(size)?, size))
    }

    /// Where `gpu_metrics` has what is the partition's own.
    pub(crate) fn place(&self) -> Place {
        let dies = self.dies().map(|(start, size)| (start as usize, size as usize));
        Place { index: self.partition, dies }
    }
}

/// A link from one node of the topology to another.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct IoLink {
    pub(crate) kind: u64,
    pub(crate) to: u32,
    pub(crate) weight: u32,
}

/// The topology: GPU nodes by number, and what could not be read.
#[derive(Clone, Debug, Default)]
pub(crate) struct Topology {
    pub(crate) gpus: Vec<KfdNode>,
    /// Nodes that this caller's device cgroup hides: not ours, and no error.
    pub(crate) hidden: usize,
    pub(crate) errors: Vec<Error>,
}

/// Where the compute driver's tree lies.
pub(crate) fn root(sysfs: &Path) -> PathBuf {
    sysfs.join("class/kfd/kfd")
}

/// Reads the topology; a machine without the compute driver has none.
pub(crate) fn read(sysfs: &Path) -> Topology {
    let mut topology = Topology::default();
    let nodes = root(sysfs).join("topology/nodes");
    let names = match file::list(&nodes) {
        Ok(names) => names,
        Err(error) => {
            topology.errors.extend(Some(error).filter(|error| error.kind() != ErrorKind::NotFound));
            return topology;
        }
    };
    for name in names {
        let Ok(number) = name.parse() else { continue };
        match node(&nodes.join(&name), number, &mut topology.errors) {
            Ok(Some(node)) => topology.gpus.push(node),
            Ok(None) => {}
            Err(error) if is_hidden(&error) => topology.hidden += 1,
            Err(error) => topology.errors.push(error),
        }
    }
    topology.gpus.sort_by_key(|node| node.number);
    topology
}

/// EPERM: the device cgroup does not allow this GPU (`kfd_topology.c`,
/// `kfd_devcgroup_check_permission`). What a file's own mode forbids is EACCES.
fn is_hidden(error: &Error) -> bool {
    let cause = std::error::Error::source(error).and_then(|cause| cause.downcast_ref::<std::io::Error>());
    cause.and_then(std::io::Error::raw_os_error) == Some(file::EPERM)
}

/// One node, or `None` when it is a processor. What is missing of one is among the errors.
fn node(path: &Path, number: u32, errors: &mut Vec<Error>) -> Result<Option<KfdNode>, Error> {
    let file = path.join("properties");
    let text = file::read_text(&file)?;
    let Some(mut node) = of_properties(number, &text).map_err(|what| file::malformed(&file, what))? else {
        return Ok(None);
    };
    node.gpu_id = optional_id(&path.join("gpu_id")).unwrap_or_else(|error| {
        errors.push(error);
        None
    });
    node.memory = memory(path, errors);
    node.links = links(path, errors);
    Ok(Some(node))
}

/// What the properties of a node say of it, or `None` when it is a processor.
pub(crate) fn of_properties(number: u32, text: &str) -> Result<Option<KfdNode>, &'static str> {
    let properties = Properties(text);
    match properties.get("simd_count") {
        Some(0) => return Ok(None),
        Some(_) => {}
        None => return Err("no simd_count that is a number"),
    }
    if properties.get("vendor_id") != Some(VENDOR) {
        return Err("a GPU node whose vendor_id is not AMD's");
    }
    let location = properties.get("location_id").ok_or("no location_id")?;
    let domain = properties.get("domain").unwrap_or(0);
    let (location, partition) = split_location(domain, location);
    Ok(Some(KfdNode {
        number,
        gpu_id: None,
        location,
        partition,
        device_id: properties.get("device_id").and_then(|id| u16::try_from(id).ok()).unwrap_or(0),
        unique_id: properties.get("unique_id").filter(|id| *id != 0),
        hive: properties.get("hive_id").filter(|id| *id != 0),
        render_minor: properties
            .get("drm_render_minor")
            .and_then(|n| u32::try_from(n).ok())
            .filter(|n| *n != 0),
        compute_units: compute_units(&properties),
        dies: properties.get("num_xcc").filter(|n| *n != 0),
        gfx_target_version: properties.get("gfx_target_version").filter(|v| *v != 0),
        memory: Err(NO_BANK),
        links: Vec::new(),
    }))
}

/// Compute units are SIMDs over SIMDs per unit. The counts of arrays speak of the full die and
/// are wrong on parts that are cut down.
fn compute_units(properties: &Properties<'_>) -> Option<u64> {
    let simds = properties.get("simd_count")?;
    let per_unit = properties.get("simd_per_cu").filter(|n| *n != 0)?;
    Some(simds / per_unit)
}

/// `location_id` is bus and device and function; the function bits hold the partition's index,
/// and newer kernels write it to bits 28 to 31 too.
#[allow(clippy::cast_possible_truncation)] // every part is masked
fn split_location(domain: u64, location: u64) -> (PciAddress, u32) {
    let function = (location & 7) as u32;
    let high = ((location >> 28) & 0xf) as u32;
    let address =
        PciAddress::new(domain as u32, ((location >> 8) & 0xff) as u8, ((location >> 3) & 0x1f) as u8, 0);
    (address, function.max(high))
}

fn optional_id(path: &Path) -> Result<Option<u32>, Error> {
    match file::read_optional(path)? {
        None => Ok(None),
        Some(text) => match text.parse() {
            Ok(id) => Ok(Some(id)),
            Err(_) => Err(file::malformed(path, "not a gpu_id")),
        },
    }
}

/// The device memory of a node: the sum of its banks of that sort. A bank that cannot be read
/// leaves no sum.
fn memory(path: &Path, errors: &mut Vec<Error>) -> Result<Bytes, Absence> {
    let banks = entries(&path.join("mem_banks"), errors);
    let mut sum = Err(NO_BANK);
    for bank in banks.ok_or(UNREADABLE_BANK)? {
        let bank = bank.ok_or(UNREADABLE_BANK)?;
        let Some((heap, size)) = bank_of(&bank.text) else {
            errors.push(file::malformed(&bank.path, "no heap_type and size_in_bytes"));
            return Err(UNREADABLE_BANK);
        };
        if DEVICE_HEAPS.contains(&heap) {
            let so_far = sum.unwrap_or(Bytes::ZERO);
            sum = Ok(so_far.checked_add(size).ok_or(UNREADABLE_BANK)?);
        }
    }
    sum
}

/// Sort and size of a memory bank.
pub(crate) fn bank_of(text: &str) -> Option<(u64, Bytes)> {
    let properties = Properties(text);
    Some((properties.get("heap_type")?, Bytes(properties.get("size_in_bytes")?)))
}

fn links(path: &Path, errors: &mut Vec<Error>) -> Vec<IoLink> {
    let mut links = Vec::new();
    for link in entries(&path.join("io_links"), errors).into_iter().flatten().flatten() {
        match link_of(&link.text) {
            Some(link) => links.push(link),
            None => errors.push(file::malformed(&link.path, "no type and node_to")),
        }
    }
    links
}

/// A link whose weight is not told has none.
pub(crate) fn link_of(text: &str) -> Option<IoLink> {
    let properties = Properties(text);
    let number = |name: &str| properties.get(name).and_then(|n| u32::try_from(n).ok());
    Some(IoLink {
        kind: properties.get("type")?,
        to: number("node_to")?,
        weight: number("weight").unwrap_or(0),
    })
}

/// The properties of one memory bank or link.
struct Entry {
    path: PathBuf,
    text: String,
}

/// The properties of everything that a folder lists, `None` in the place of what cannot be read;
/// `None` when the folder itself cannot be. No folder is an empty one.
fn entries(folder: &Path, errors: &mut Vec<Error>) -> Option<Vec<Option<Entry>>> {
    let names = match file::list(folder) {
        Ok(names) => names,
        Err(error) if error.kind() == ErrorKind::NotFound => return Some(Vec::new()),
        Err(error) => {
            errors.push(error);
            return None;
        }
    };
    let mut read = |name: &String| {
        let path = folder.join(name).join("properties");
        let text = file::read_text(&path).map_err(|error| errors.push(error)).ok()?;
        Some(Entry { path, text })
    };
    Some(names.iter().map(&mut read).collect())
}

/// The kernel's `name value` lines.
struct Properties<'a>(&'a str);

impl Properties<'_> {
    fn get(&self, name: &str) -> Option<u64> {
        let line = self.0.lines().find(|line| line.split_ascii_whitespace().next() == Some(name))?;
        line.split_ascii_whitespace().nth(1)?.parse().ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_location_holds_the_partition_in_its_function_bits() {
        // Of a real MI300X in CPX: nodes 2 and 9 of one GPU at 0000:05:00.0.
        assert_eq!(split_location(0, 1280), (PciAddress::new(0, 5, 0, 0), 0));
        assert_eq!(split_location(0, 1287), (PciAddress::new(0, 5, 0, 0), 7));
        // Newer kernels repeat it in the upper bits.
        assert_eq!(split_location(1, 0x3000_0503), (PciAddress::new(1, 5, 0, 0), 3));
    }

    #[test]
    fn properties_are_found_by_whole_name() {
        let text = "simd_count 152\nsimd_per_cu 4\nsimd_id_base 2147488064\nbad\nworse x\n";
        assert_eq!(Properties(text).get("simd_per_cu"), Some(4));
        assert_eq!(Properties(text).get("simd"), None);
        assert_eq!(Properties(text).get("bad"), None);
        assert_eq!(Properties(text).get("worse"), None);
        assert_eq!(compute_units(&Properties(text)), Some(38));
    }
}
