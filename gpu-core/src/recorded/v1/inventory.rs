//! Inventories as words: one row a device.

use crate::device::{Device, MemoryKind};
use crate::driver::Driver;
use crate::error::ErrorKind;
use crate::fingerprint::Incarnation;
use crate::id::PartitionId;
use crate::inventory::{Inventory, Unmanaged};
use crate::known::Known;
use crate::link::{Link, LinkKind, PcieAncestor};
use crate::mode::Mode;
use crate::node_file::{DeviceNode, DeviceNumber, NodeRole};
use crate::numa::NumaNode;
use crate::partition::{Engines, Partition, Placement};
use crate::pci::PciId;
use crate::problem::Problem;
use crate::quantity::Nanoseconds;
use crate::recorded::frame::Kind;
use crate::recorded::moment::Rowed;
use crate::recorded::words::{Row, Taken};
use crate::stored::Error;

use super::fact::{read_amount, read_known, read_text, write_amount, write_known, write_text};

pub(crate) fn write_inventory(to: &mut Rowed<'_>, inventory: &Inventory) {
    let Inventory { drivers, devices, links, unmanaged, problems } = inventory;
    to.row(Kind::Drivers, &"", |to| to.list(drivers, write_driver));
    for device in devices {
        to.row(Kind::Device, &device.id, |to| write_device(to, device));
    }
    to.row(Kind::Links, &"", |to| to.list(links, write_link));
    to.row(Kind::Unmanaged, &"", |to| to.list(unmanaged, write_unmanaged));
    to.row(Kind::InventoryProblems, &"", |to| to.list(problems, write_problem));
}

pub(crate) fn read_inventory_row(
    from: &mut Taken<'_>,
    kind: Kind,
    inventory: &mut Inventory,
) -> Result<(), Error> {
    match kind {
        Kind::Drivers => inventory.drivers = from.list(read_driver)?,
        Kind::Links => inventory.links = from.list(read_link)?,
        Kind::Unmanaged => inventory.unmanaged = from.list(read_unmanaged)?,
        Kind::InventoryProblems => inventory.problems = from.list(read_problem)?,
        _ => inventory.devices.push(read_device(from)?),
    }
    Ok(())
}

fn write_driver(to: &mut Row<'_>, driver: &Driver) {
    let Driver { vendor, name, version, library, compute_api } = driver;
    to.shown(vendor);
    to.text(name);
    [version, library, compute_api].into_iter().for_each(|text| write_text(to, text));
}

fn read_driver(from: &mut Taken<'_>) -> Result<Driver, Error> {
    let mut driver = Driver::new(from.parsed("no vendor")?, from.text()?);
    driver.version = read_text(from)?;
    driver.library = read_text(from)?;
    driver.compute_api = read_text(from)?;
    Ok(driver)
}

fn write_device(to: &mut Row<'_>, device: &Device) {
    let Device {
        id,
        name,
        pci,
        pci_id,
        numa,
        vendor_name,
        serial,
        board_part,
        architecture,
        firmware,
        driver,
        memory_total,
        memory_kind,
        compute_units,
        process_isolation,
        nodes,
        index,
        modes,
        partitions,
    } = device;
    to.shown(id);
    to.text(name);
    write_known(to, pci, |to, pci| to.shown(pci));
    write_known(to, pci_id, |to, id| write_pci_id(to, *id));
    write_numa(to, numa);
    for text in [vendor_name, serial, board_part, architecture, firmware, driver] {
        write_text(to, text);
    }
    write_amount(to, memory_total);
    write_known(to, memory_kind, |to, kind| {
        to.num(match kind {
            MemoryKind::Dedicated => 0_u64,
            MemoryKind::NumaNode => 1,
            MemoryKind::System => 2,
        });
    });
    write_amount(to, compute_units);
    write_known(to, process_isolation, |to, is| to.num(*is));
    to.list(nodes, write_node);
    to.num(*index);
    to.list(modes, write_mode);
    to.list(partitions, write_partition);
}

fn read_device(from: &mut Taken<'_>) -> Result<Device, Error> {
    let mut device = Device::new(from.parsed("no id of a device")?, from.text()?);
    device.pci = read_known(from, |from| from.parsed("no PCI address"))?;
    device.pci_id = read_known(from, read_pci_id)?;
    device.numa = read_numa(from)?;
    device.vendor_name = read_text(from)?;
    device.serial = read_text(from)?;
    device.board_part = read_text(from)?;
    device.architecture = read_text(from)?;
    device.firmware = read_text(from)?;
    device.driver = read_text(from)?;
    device.memory_total = read_amount(from)?;
    device.memory_kind = read_known(from, |from| match from.word()? {
        0 => Ok(MemoryKind::Dedicated),
        1 => Ok(MemoryKind::NumaNode),
        2 => Ok(MemoryKind::System),
        _ => Err(from.wrong("no sort of memory")),
    })?;
    device.compute_units = read_amount(from)?;
    device.process_isolation = read_known(from, Taken::flag)?;
    device.nodes = from.list(read_node)?;
    device.index = from.num()?;
    device.modes = from.list(read_mode)?;
    let id = device.id;
    device.partitions =
        from.list(|from| read_partition(from, &|of| of.device() == id && of.parent().is_none()))?;
    Ok(device)
}

fn write_numa(to: &mut Row<'_>, numa: &Known<NumaNode>) {
    write_known(to, numa, |to, node| to.num(node.0));
}

fn read_numa(from: &mut Taken<'_>) -> Result<Known<NumaNode>, Error> {
    read_known(from, |from| from.num().map(NumaNode))
}

fn write_pci_id(to: &mut Row<'_>, id: PciId) {
    let PciId { vendor, device, subvendor, subdevice } = id;
    [vendor, device, subvendor, subdevice].into_iter().for_each(|number| to.num(number));
}

fn read_pci_id(from: &mut Taken<'_>) -> Result<PciId, Error> {
    Ok(PciId { vendor: from.num()?, device: from.num()?, subvendor: from.num()?, subdevice: from.num()? })
}

fn write_node(to: &mut Row<'_>, node: &DeviceNode) {
    let DeviceNode { path, number, role } = node;
    to.text(path);
    to.maybe(*number, write_number);
    to.num(match role {
        NodeRole::Device => 0_u64,
        NodeRole::Card => 1,
        NodeRole::Render => 2,
        NodeRole::Capability => 3,
    });
}

fn read_node(from: &mut Taken<'_>) -> Result<DeviceNode, Error> {
    let (path, number) = (from.text()?, from.maybe(read_number)?);
    let role = match from.word()? {
        0 => NodeRole::Device,
        1 => NodeRole::Card,
        2 => NodeRole::Render,
        3 => NodeRole::Capability,
        _ => return Err(from.wrong("nothing that a device file is for")),
    };
    Ok(DeviceNode { path, number, role })
}

pub(super) fn write_number(to: &mut Row<'_>, number: DeviceNumber) {
    let DeviceNumber { major, minor } = number;
    to.num(u64::from(major) << 32 | u64::from(minor));
}

pub(super) fn read_number(from: &mut Taken<'_>) -> Result<DeviceNumber, Error> {
    let word = from.word()?;
    #[allow(clippy::cast_possible_truncation)] // the two halves of a word
    Ok(DeviceNumber { major: (word >> 32) as u32, minor: word as u32 })
}

fn write_mode(to: &mut Row<'_>, mode: &Mode) {
    let Mode { name, current, pending, available } = mode;
    to.text(name);
    write_text(to, current);
    write_text(to, pending);
    write_known(to, available, |to, list| to.list(list, |to, text| to.text(text)));
}

fn read_mode(from: &mut Taken<'_>) -> Result<Mode, Error> {
    let mut mode = Mode::new(from.lasting()?, read_text(from)?);
    mode.pending = read_text(from)?;
    mode.available = read_known(from, |from| from.list(Taken::text))?;
    Ok(mode)
}

fn write_partition(to: &mut Row<'_>, partition: &Partition) {
    let Partition {
        id,
        incarnation,
        profile,
        placement,
        memory_total,
        compute_units,
        compute_slices,
        engines,
        vendor_name,
        legacy_name,
        pci,
        numa,
        time_slice,
        process_isolation,
        nodes,
        partitions,
    } = partition;
    to.shown(id);
    to.num(incarnation.0);
    write_text(to, profile);
    write_known(to, placement, |to, placement| {
        let Placement { start, size } = *placement;
        to.num(start);
        to.num(size);
    });
    write_amount(to, memory_total);
    write_amount(to, compute_units);
    write_amount(to, compute_slices);
    let Engines { copy, decoder, encoder, jpeg, optical_flow } = engines;
    [copy, decoder, encoder, jpeg, optical_flow].into_iter().for_each(|count| write_amount(to, count));
    write_text(to, vendor_name);
    write_text(to, legacy_name);
    write_known(to, pci, |to, pci| to.shown(pci));
    write_numa(to, numa);
    write_amount(to, time_slice);
    write_known(to, process_isolation, |to, is| to.num(*is));
    to.list(nodes, write_node);
    to.list(partitions, write_partition);
}

/// A partition, which must lie where its list does: two steps below a device, there is nothing.
fn read_partition(from: &mut Taken<'_>, belongs: &dyn Fn(PartitionId) -> bool) -> Result<Partition, Error> {
    let id: PartitionId = from.parsed("no id of a partition")?;
    if !belongs(id) {
        return Err(from.wrong("a partition that lies elsewhere"));
    }
    let mut partition = Partition::new(id, Incarnation(from.word()?));
    partition.profile = read_text(from)?;
    partition.placement = read_known(from, |from| Ok(Placement { start: from.num()?, size: from.num()? }))?;
    partition.memory_total = read_amount(from)?;
    partition.compute_units = read_amount(from)?;
    partition.compute_slices = read_amount(from)?;
    partition.engines.copy = read_amount(from)?;
    partition.engines.decoder = read_amount(from)?;
    partition.engines.encoder = read_amount(from)?;
    partition.engines.jpeg = read_amount(from)?;
    partition.engines.optical_flow = read_amount(from)?;
    partition.vendor_name = read_text(from)?;
    partition.legacy_name = read_text(from)?;
    partition.pci = read_known(from, |from| from.parsed("no PCI address"))?;
    partition.numa = read_numa(from)?;
    partition.time_slice = read_amount::<Nanoseconds>(from)?;
    partition.process_isolation = read_known(from, Taken::flag)?;
    partition.nodes = from.list(read_node)?;
    partition.partitions = from.list(|from| read_partition(from, &|of| of.parent() == Some(id)))?;
    Ok(partition)
}

fn write_link(to: &mut Row<'_>, link: &Link) {
    let Link { a, b, kind } = link;
    to.shown(a);
    to.shown(b);
    match kind {
        LinkKind::NvLink { links, switched } => {
            to.num(0_u64);
            to.num(*links);
            to.num(*switched);
        }
        LinkKind::Xgmi { weight } => {
            to.num(1_u64);
            to.num(*weight);
        }
        LinkKind::XeLink => to.num(2_u64),
        LinkKind::Pcie { ancestor } => {
            to.num(3_u64);
            match ancestor {
                PcieAncestor::Board => to.num(0_u64),
                PcieAncestor::Switch => to.num(1_u64),
                PcieAncestor::Switches => to.num(2_u64),
                PcieAncestor::HostBridge => to.num(3_u64),
                PcieAncestor::NumaNode => to.num(4_u64),
                PcieAncestor::System => to.num(5_u64),
                PcieAncestor::Unknown(raw) => {
                    to.num(6_u64);
                    to.num(*raw);
                }
            }
        }
    }
}

fn read_link(from: &mut Taken<'_>) -> Result<Link, Error> {
    let (a, b) = (from.parsed("no id of a device")?, from.parsed("no id of a device")?);
    let kind = match from.word()? {
        0 => LinkKind::NvLink { links: from.num()?, switched: from.flag()? },
        1 => LinkKind::Xgmi { weight: from.num()? },
        2 => LinkKind::XeLink,
        3 => LinkKind::Pcie { ancestor: read_ancestor(from)? },
        _ => return Err(from.wrong("nothing that links are made of")),
    };
    Ok(Link { a, b, kind })
}

fn read_ancestor(from: &mut Taken<'_>) -> Result<PcieAncestor, Error> {
    Ok(match from.word()? {
        0 => PcieAncestor::Board,
        1 => PcieAncestor::Switch,
        2 => PcieAncestor::Switches,
        3 => PcieAncestor::HostBridge,
        4 => PcieAncestor::NumaNode,
        5 => PcieAncestor::System,
        6 => PcieAncestor::Unknown(from.num()?),
        _ => return Err(from.wrong("no point where paths meet")),
    })
}

fn write_unmanaged(to: &mut Row<'_>, unmanaged: &Unmanaged) {
    let Unmanaged { pci, pci_id, vendor, driver, why } = unmanaged;
    to.shown(pci);
    write_pci_id(to, *pci_id);
    to.maybe(vendor.as_ref(), Row::shown);
    write_text(to, driver);
    to.text(why);
}

fn read_unmanaged(from: &mut Taken<'_>) -> Result<Unmanaged, Error> {
    Ok(Unmanaged {
        pci: from.parsed("no PCI address")?,
        pci_id: read_pci_id(from)?,
        vendor: from.maybe(|from| from.parsed("no vendor"))?,
        driver: read_text(from)?,
        why: from.text()?,
    })
}

const ERRORS: [ErrorKind; 10] = [
    ErrorKind::UnknownUnit,
    ErrorKind::DeviceLost,
    ErrorKind::NotPermitted,
    ErrorKind::NotSupported,
    ErrorKind::TimedOut,
    ErrorKind::Library,
    ErrorKind::Malformed,
    ErrorKind::NotFound,
    ErrorKind::Io,
    ErrorKind::Inconsistent,
];

const fn error_number(kind: ErrorKind) -> u64 {
    match kind {
        ErrorKind::UnknownUnit => 0,
        ErrorKind::DeviceLost => 1,
        ErrorKind::NotPermitted => 2,
        ErrorKind::NotSupported => 3,
        ErrorKind::TimedOut => 4,
        ErrorKind::Library => 5,
        ErrorKind::Malformed => 6,
        ErrorKind::NotFound => 7,
        ErrorKind::Io => 8,
        ErrorKind::Inconsistent => 9,
    }
}

pub(super) fn write_error_kind(to: &mut Row<'_>, kind: ErrorKind) {
    to.num(error_number(kind));
}

pub(super) fn read_error_kind(from: &mut Taken<'_>) -> Result<ErrorKind, Error> {
    let number = from.word()?;
    let kind = ERRORS.into_iter().find(|kind| error_number(*kind) == number);
    kind.ok_or_else(|| from.wrong("no sort of failure"))
}

pub(super) fn write_problem(to: &mut Row<'_>, problem: &Problem) {
    let Problem { vendor, at, kind, detail } = problem;
    to.shown(vendor);
    to.text(at);
    write_error_kind(to, *kind);
    to.text(detail);
}

pub(super) fn read_problem(from: &mut Taken<'_>) -> Result<Problem, Error> {
    Ok(Problem {
        vendor: from.parsed("no vendor")?,
        at: from.text()?,
        kind: read_error_kind(from)?,
        detail: from.text()?,
    })
}
