//! [`Slots`]: a board's slots, and what sits in them.

use std::collections::BTreeMap;

use gpu_accounting::{Device, DeviceId, Fingerprint, Node, Partition};

/// A board's slots, and what sits in them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Slots {
    /// How many there are.
    pub count: u32,
    /// True when the driver says so; else there may be more than are taken.
    pub is_whole: bool,
    /// First slot, number of slots and name of each partition, in order.
    pub taken: Vec<(u32, u32, String)>,
}

impl Slots {
    /// The runs of slots in order: a partition's name, or nothing.
    pub fn runs(&self) -> Vec<(u32, Option<&str>)> {
        let (mut runs, mut at) = (Vec::new(), 0);
        for (start, size, name) in &self.taken {
            if *start > at {
                runs.push((start - at, None));
            }
            runs.push((*size, Some(name.as_str())));
            at = start + size;
        }
        if at < self.count {
            runs.push((self.count - at, None));
        }
        runs
    }
}

/// How many slots boards have, asked once for each way in which a board is cut.
#[derive(Debug, Default)]
pub struct Geometries(BTreeMap<DeviceId, (Fingerprint, Option<u32>)>);

impl Geometries {
    /// The slots of a board; `None` of one that is not cut, or whose parts have no places.
    pub fn slots(&mut self, node: &Node, device: &Device) -> Option<Slots> {
        let mut taken: Vec<_> = device.partitions().filter_map(place).collect();
        taken.sort();
        let end = taken.iter().map(|(start, size, _)| start.saturating_add(*size)).max()?;
        let overlap = taken.windows(2).any(|pair| pair[0].0.saturating_add(pair[0].1) > pair[1].0);
        if overlap || end > 64 {
            return None;
        }
        let told = self.told(node, device).filter(|count| (end..=64).contains(count));
        Some(Slots { count: told.unwrap_or(end), is_whole: told.is_some(), taken })
    }

    fn told(&mut self, node: &Node, device: &Device) -> Option<u32> {
        let fingerprint = device.fingerprint();
        if let Some((_, count)) = self.0.get(&device.id).filter(|(known, _)| *known == fingerprint) {
            return *count;
        }
        let board = node.partitioner(device.id).ok().and_then(|of| of.board(device.id).ok());
        let count = board.map(|board| board.geometry.slots());
        self.0.insert(device.id, (fingerprint, count));
        count
    }
}

fn place(partition: &Partition) -> Option<(u32, u32, String)> {
    let place = partition.placement.value()?;
    let name = match partition.profile.value() {
        Some(profile) => profile.clone(),
        None => format!("{}:{}", partition.kind(), partition.id.index()),
    };
    Some((place.start, place.size, name))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn runs_fill_the_board() {
        let taken = vec![(0, 2, "2g".to_owned()), (2, 1, "1g".to_owned()), (4, 4, "3g".to_owned())];
        let slots = Slots { count: 9, is_whole: true, taken };
        assert_eq!(slots.runs(), [(2, Some("2g")), (1, Some("1g")), (1, None), (4, Some("3g")), (1, None)]);
    }
}
