//! What of a device an instance is, where its driver does not tell.

use gpu_accounting::meter::Rules;
use gpu_accounting::{Count, Inventory, Node};

/// The rules with how many slices devices have, as their drivers tell who would cut them: what an instance is a part
/// of where nobody tells how many compute units the device has.
pub fn known(rules: Rules, node: &Node, inventory: &Inventory) -> Rules {
    let unknown = inventory.devices().filter(|device| device.compute_units.value().is_none());
    unknown.fold(rules, |rules, device| {
        let board = node.partitioner(device.id).ok().and_then(|cutter| cutter.board(device.id).ok());
        let slices = board.and_then(|board| {
            let dimensions = board.geometry.dimensions();
            dimensions.iter().find(|of| of.name == "compute slices").map(|of| of.capacity)
        });
        match slices {
            Some(slices) => rules.device_slices(device.id, Count(slices)),
            None => rules,
        }
    })
}
