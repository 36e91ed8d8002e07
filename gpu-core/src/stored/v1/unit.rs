//! Units and their lives as bytes.

use crate::id::{DeviceId, PartitionId, PartitionKind, ShareId, UnitId};
use crate::pci::PciAddress;
use crate::stored::codec::{Reader, Writer};
use crate::stored::error::Error;
use crate::uuid::Uuid;
use crate::vendor::Vendor;

const UUID: u8 = 0;
const SERIAL: u8 = 1;
const SLOT: u8 = 2;

/// Steps below the device, and whether it is a share.
const SHARE: u8 = 4;

pub(super) fn write_device(to: &mut Writer<'_>, id: DeviceId) {
    to.text(id.vendor().as_str());
    if let Some(uuid) = id.uuid() {
        to.u8(UUID);
        to.0.extend_from_slice(&uuid.0);
    } else if let Some(serial) = id.serial() {
        to.u8(SERIAL);
        to.u64(serial);
    } else if let Some(slot) = id.slot() {
        to.u8(SLOT);
        write_pci(to, slot);
    }
}

pub(super) fn read_device(from: &mut Reader<'_>) -> Result<DeviceId, Error> {
    let vendor: Vendor = from.parsed("not the name of a vendor")?;
    match from.u8()? {
        UUID => Ok(DeviceId::from_uuid(vendor, Uuid(from.bytes16()?))),
        SERIAL => Ok(DeviceId::from_serial(vendor, from.u64()?)),
        SLOT => Ok(DeviceId::from_pci(vendor, read_pci(from)?)),
        _ => Err(from.wrong("no way in which devices are identified")),
    }
}

pub(super) fn write_pci(to: &mut Writer<'_>, address: PciAddress) {
    to.u32(address.domain);
    to.u8(address.bus);
    to.u8(address.device);
    to.u8(address.function);
}

pub(super) fn read_pci(from: &mut Reader<'_>) -> Result<PciAddress, Error> {
    let (domain, bus, device, function) = (from.u32()?, from.u8()?, from.u8()?, from.u8()?);
    let address = PciAddress::new(domain, bus, device, function);
    // Cut to their bits they would be another address.
    if (address.device, address.function) != (device, function) {
        return Err(from.wrong("no PCI address"));
    }
    Ok(address)
}

pub(super) fn write_unit(to: &mut Writer<'_>, unit: UnitId) {
    let whole = match unit {
        UnitId::Share(share) => share.whole(),
        whole => whole,
    };
    let share = if matches!(unit, UnitId::Share(_)) { SHARE } else { 0 };
    match whole {
        UnitId::Partition(id) => {
            to.u8(share + 1 + u8::from(id.parent().is_some()));
            write_device(to, id.device());
            if let Some(parent) = id.parent() {
                write_step(to, parent);
            }
            write_step(to, id);
        }
        // A share is never a share's.
        UnitId::Device(_) | UnitId::Share(_) => {
            to.u8(share);
            write_device(to, whole.device());
        }
    }
    if let UnitId::Share(share) = unit {
        to.u16(share.replica());
        to.u16(share.replicas());
    }
}

fn write_step(to: &mut Writer<'_>, id: PartitionId) {
    to.text(id.kind().as_str());
    to.u32(id.index());
}

pub(super) fn read_unit(from: &mut Reader<'_>) -> Result<UnitId, Error> {
    let form = from.u8()?;
    let device = read_device(from)?;
    let whole: UnitId = match form & !SHARE {
        0 => device.into(),
        1 => read_outer(from, device)?.into(),
        2 => {
            let outer = read_outer(from, device)?;
            let (kind, index) = read_step(from)?;
            outer.inner(kind, index).ok_or_else(|| from.wrong("too deep a partition"))?.into()
        }
        _ => return Err(from.wrong("no sort of unit")),
    };
    if form & SHARE == 0 {
        return Ok(whole);
    }
    read_share(from, whole).map(UnitId::Share)
}

fn read_outer(from: &mut Reader<'_>, device: DeviceId) -> Result<PartitionId, Error> {
    let (kind, index) = read_step(from)?;
    Ok(device.partition(kind, index))
}

fn read_step(from: &mut Reader<'_>) -> Result<(PartitionKind, u32), Error> {
    Ok((from.parsed("not the name of a kind of partition")?, from.u32()?))
}

fn read_share(from: &mut Reader<'_>, whole: UnitId) -> Result<ShareId, Error> {
    let (replica, of) = (from.u16()?, from.u16()?);
    match whole {
        UnitId::Device(id) => Ok(id.share(replica, of)),
        UnitId::Partition(id) => Ok(id.share(replica, of)),
        UnitId::Share(_) => Err(from.wrong("a share of a share")),
    }
}
