//! [`Board`]: a device with its parts, as a ledger gives them out.

use std::collections::BTreeMap;

use crate::device::Device;
use crate::id::{DeviceId, PartitionId, PartitionKind, UnitId};
use crate::inventory::Inventory;
use crate::link::LinkKind;
use crate::numa::NumaNode;
use crate::pci::PciAddress;
use crate::quantity::{Bytes, Count};
use crate::sharing::Sharing;

use super::offer::Offer;

/// A device with its parts, as a ledger gives them out: what can be held, and what a choice goes
/// by.
///
/// ```
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// use gpu_core::Backend;
/// use gpu_core::ledger::Board;
/// let inventory = gpu_sim::Machine::preset("dgx-a100-8")?.backend().inventory()?;
/// let boards = Board::all(&inventory, &[]);
/// assert_eq!(boards.len(), inventory.devices.len());
/// // All of them reach each other by NVLink.
/// assert!(boards.iter().all(|board| board.island == boards[0].island));
/// # Ok(())
/// # }
/// ```
#[derive(Clone, PartialEq, Eq, Debug)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[non_exhaustive]
pub struct Board {
    /// Which device.
    pub device: DeviceId,
    /// The product's name, at most [`Board::LONGEST_NAME`] bytes.
    pub model: Box<str>,
    /// Where it sits, where that is known.
    pub pci: Option<PciAddress>,
    /// The NUMA node that it hangs on, where the machine has several and tells.
    pub numa: Option<NumaNode>,
    /// Devices of one node with the same number reach each other by NVLink, xGMI or Xe Link,
    /// directly or through others of them. `None` for one that reaches no other so.
    pub island: Option<u32>,
    /// The device as a whole.
    pub whole: Offer,
    /// Its partitions and those in them, ascending by id.
    pub parts: Vec<Offer>,
}

impl Board {
    /// The longest name of a model or profile, in bytes.
    pub const LONGEST_NAME: usize = 128;

    /// A device as a whole, of which no more is known.
    #[must_use]
    pub fn new(model: &str, whole: Offer) -> Self {
        let device = whole.unit.device();
        Self { device, model: cut(model), pci: None, numa: None, island: None, whole, parts: Vec::new() }
    }

    /// Every board of an inventory, with what is declared shared: what an inventory entry holds.
    ///
    /// The inventory has to be of a look that saw everything: what is not in it counts as gone. So
    /// whoever has one with problems, or with a vendor that did not answer, makes no entry of it.
    #[must_use]
    pub fn all(inventory: &Inventory, shared: &[Sharing]) -> Vec<Self> {
        let islands = islands(inventory);
        let islands = islands.iter().map(|(device, island)| (*device, *island));
        let mut boards: Vec<Self> = inventory
            .devices()
            .zip(islands)
            .map(|(device, (_, island))| of(device, shared, island))
            .collect();
        boards.sort_by_key(|board| board.device);
        boards.dedup_by_key(|board| board.device);
        boards
    }

    /// True where no parts have more together than what they lie in, however the board is cut.
    pub(super) fn fits(&self, amount: &dyn Fn(&Offer) -> Option<u64>) -> bool {
        // Wide enough for all parts that a board can have.
        let inside = |id: PartitionId| -> u128 {
            let parts = self.parts.iter().filter(|part| part.lies_in(id));
            parts.filter_map(amount).map(u128::from).sum()
        };
        let mut cuts: BTreeMap<PartitionKind, u128> = BTreeMap::new();
        for part in &self.parts {
            let (Some(kind), UnitId::Partition(id)) = (part.cut(), part.unit) else { continue };
            let (own, inside) = (amount(part).map(u128::from), inside(id));
            if own.is_some_and(|own| inside > own) {
                return false;
            }
            *cuts.entry(kind).or_default() += own.unwrap_or(inside);
        }
        amount(&self.whole).is_none_or(|whole| cuts.values().all(|parts| *parts <= u128::from(whole)))
    }

    /// Every unit of the board that is offered: the device first.
    pub fn offers(&self) -> impl Iterator<Item = &Offer> {
        core::iter::once(&self.whole).chain(&self.parts)
    }
}

/// A name as far as it is kept.
pub(super) fn cut(name: &str) -> Box<str> {
    let mut end = name.len().min(Board::LONGEST_NAME);
    while !name.is_char_boundary(end) {
        end -= 1;
    }
    name[..end].into()
}

fn of(device: &Device, shared: &[Sharing], island: Option<u32>) -> Board {
    let mut board = Board::new(&device.name, Offer::of_device(device, shared));
    board.pci = device.pci.value().copied();
    board.numa = device.numa.value().copied();
    board.island = island;
    board.parts = device.all_partitions().map(|part| Offer::of_partition(part, shared)).collect();
    board.parts.sort_by_key(|offer| offer.unit);
    board.parts.dedup_by_key(|offer| offer.unit);
    without_what_is_not_theirs(&mut board);
    board
}

/// Parts that together have more than their device see the same, and none of it is theirs: AMD's
/// partitions may be told so.
fn without_what_is_not_theirs(board: &mut Board) {
    if !board.fits(&|offer| offer.memory.map(Bytes::get)) {
        board.parts.iter_mut().for_each(|part| part.memory = None);
    }
    if !board.fits(&|offer| offer.compute.map(Count::get)) {
        board.parts.iter_mut().for_each(|part| part.compute = None);
    }
}

/// For each device of the inventory the number of its island: the position of its first device.
fn islands(inventory: &Inventory) -> Vec<(DeviceId, Option<u32>)> {
    let devices = &inventory.devices;
    let mut island: Vec<usize> = (0..devices.len()).collect();
    let at = |id: DeviceId| devices.iter().position(|device| device.id == id);
    for link in inventory.links.iter().filter(|link| !matches!(link.kind, LinkKind::Pcie { .. })) {
        let (Some(a), Some(b)) = (at(link.a), at(link.b)) else { continue };
        let (from, to) = (island[a].max(island[b]), island[a].min(island[b]));
        island.iter_mut().filter(|of| **of == from).for_each(|of| *of = to);
    }
    let numbered = devices.iter().enumerate().map(|(position, device)| {
        let is_alone = island.iter().filter(|of| **of == island[position]).count() < 2;
        (device.id, if is_alone { None } else { u32::try_from(island[position]).ok() })
    });
    numbered.collect()
}
