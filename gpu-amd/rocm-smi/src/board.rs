//! [`Board`]: one GPU, put together from the devices that the library counts.

use std::path::{Path, PathBuf};

use gpu_core::{Absence, DeviceId, Error, ErrorKind, PartitionId, PartitionKind, PciAddress, UnitId, Vendor};
use gpu_host::file;

use crate::ffi::Library;

/// Everything that one look at the machine found.
#[derive(Debug, Default)]
pub(crate) struct Boards {
    /// GPUs by address.
    pub(crate) boards: Vec<Board>,
    /// What could not be read.
    pub(crate) errors: Vec<Error>,
}

/// One GPU.
#[derive(Debug)]
pub(crate) struct Board {
    pub(crate) id: DeviceId,
    pub(crate) address: PciAddress,
    pub(crate) unique_id: Option<u64>,
    pub(crate) device_id: u16,
    /// The library's devices that it is, by partition: one for a GPU that is not cut.
    pub(crate) parts: Vec<Part>,
    /// The directory of its PCI function.
    path: PathBuf,
}

/// One device of the library's.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Part {
    /// The library's number for it, until it counts anew.
    pub(crate) index: u32,
    /// Which partition of its GPU it is.
    pub(crate) number: u32,
    /// Its render node, where the library tells one of its own.
    pub(crate) render_minor: Option<u32>,
}

impl Board {
    /// True when the GPU is cut.
    pub(crate) fn is_partitioned(&self) -> bool {
        self.parts.len() > 1 || self.parts.iter().any(|part| part.number != 0)
    }

    /// The library's number for the GPU: that of its first partition.
    pub(crate) fn index(&self) -> u32 {
        self.parts.first().map_or(u32::MAX, |part| part.index)
    }

    pub(crate) fn partition_id(&self, part: &Part) -> PartitionId {
        self.id.partition(PartitionKind::COMPUTE_PARTITION, part.number)
    }

    /// The unit that one device of the library's is.
    pub(crate) fn unit(&self, part: &Part) -> UnitId {
        if self.is_partitioned() { self.partition_id(part).into() } else { self.id.into() }
    }

    /// True for a GPU that shares a card, and its power sensor, with another (MI250, MI250X).
    pub(crate) fn is_one_of_two_dies(&self) -> bool {
        matches!(self.device_id, 0x7408 | 0x740c)
    }

    /// True where the driver writes mainline's gpu_metrics 1.6: 6.4.1 takes it for AMD's own form of
    /// the same number, which has other fields at the same places. Header: size, format, content.
    pub(crate) fn has_mainlines_metrics(&self) -> bool {
        let blob = std::fs::read(self.path.join("gpu_metrics")).unwrap_or_default();
        matches!(blob[..], [low, high, 1, 6, ..] if u16::from_le_bytes([low, high]) == 384)
    }

    /// Why nothing may be asked now, if so: the GPU is gone (for which the library has no code of
    /// its own) or sleeps, and asking would wake it.
    pub(crate) fn unreadable(&self) -> Option<Absence> {
        if !self.path.exists() {
            return Some(Absence::Lost);
        }
        let status = file::read_optional(&self.path.join("power/runtime_status"));
        let status = status.ok().flatten().unwrap_or_default();
        matches!(status.as_str(), "suspended" | "suspending").then_some(Absence::Asleep)
    }
}

/// Asks the library for its devices.
///
/// # Errors
/// When it does not tell how many there are.
pub(crate) fn look(library: &Library, sysfs: &Path) -> Result<Boards, Error> {
    let mut found = Boards::default();
    for index in 0..library.devices().map_err(crate::error::Refused::error)? {
        let bdfid = match library.bdfid(index) {
            Ok(bdfid) => bdfid,
            Err(refused) => {
                let at = format!("rsmi_dev_pci_id_get of device {index}");
                let error = refused.error();
                found.errors.push(Error::new(error.kind(), at, error.detail()));
                continue;
            }
        };
        let (address, number) = place(bdfid);
        let render_minor = library.render_minor(index).ok().filter(|minor| *minor != 0);
        let part = Part { index, number, render_minor };
        match found.boards.iter_mut().find(|board| board.address == address) {
            Some(board) => board.parts.push(part),
            None => found.boards.push(Board {
                id: DeviceId::from_pci(Vendor::AMD, address),
                address,
                unique_id: library.unique_id(index).ok().filter(|id| *id != 0),
                device_id: library.device_id(index).unwrap_or(0),
                parts: vec![part],
                path: sysfs.join("bus/pci/devices").join(address.to_string()),
            }),
        }
    }
    found.boards.sort_by_key(|board| board.address);
    for board in &mut found.boards {
        board.parts.sort_by_key(|part| (part.number, part.index));
        drop_repeated(board, &mut found.errors);
        forget_repeated_nodes(&mut board.parts);
    }
    name_by_hardware(&mut found.boards);
    Ok(found)
}

/// Domain, bus, device, and the partition: in the bits of the function, and in newer libraries in
/// bits 28 to 31 as well.
#[allow(clippy::cast_possible_truncation)] // every part is masked
fn place(bdfid: u64) -> (PciAddress, u32) {
    let domain = (bdfid >> 32) as u32;
    let (bus, device) = ((bdfid >> 8 & 0xff) as u8, (bdfid >> 3 & 0x1f) as u8);
    let (function, high) = ((bdfid & 7) as u32, (bdfid >> 28 & 0xf) as u32);
    (PciAddress::new(domain, bus, device, 0), function.max(high))
}

/// Two devices that claim to be the same partition: the first is kept, the other named.
fn drop_repeated(board: &mut Board, errors: &mut Vec<Error>) {
    let address = board.address;
    board.parts.dedup_by(|later, first| {
        let same = later.number == first.number;
        if same {
            let at = format!("device {} of rocm_smi", later.index);
            let detail = format!("is partition {} of {address}, as device {} is", later.number, first.index);
            errors.push(Error::new(ErrorKind::Inconsistent, at, detail));
        }
        same
    });
}

/// 6.1.2 tells the first partition's render node of all of them: through it nobody reaches another.
fn forget_repeated_nodes(parts: &mut [Part]) {
    let Some((first, others)) = parts.split_first_mut() else { return };
    for other in others.iter_mut().filter(|other| other.render_minor == first.render_minor) {
        other.render_minor = None;
    }
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

#[cfg(test)]
mod tests {
    use super::*;

    /// 6.1.2 over a tree printed 0x1600 for 0000:16:00.0; 6.4 has the partition in bits 28 to 31.
    #[test]
    fn places_of_both_kinds_of_library() {
        assert_eq!(place(0x1600), (PciAddress::new(0, 0x16, 0, 0), 0));
        assert_eq!(place(0x1607), (PciAddress::new(0, 0x16, 0, 0), 7));
        assert_eq!(place(0x1_3000_0508), (PciAddress::new(1, 5, 1, 0), 3));
    }
}
