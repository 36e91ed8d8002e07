//! What a board can be cut into, row by row.

use gpu_accounting::plan::ProfileKey;
use gpu_nvidia_mig::Profile;

use crate::board::Cut;

/// A profile and what is known of it.
pub struct Row<'a> {
    pub profile: &'a Profile,
    /// Slots that an instance takes, and where it may begin.
    pub size: u32,
    pub starts: Vec<u32>,
    /// How much an instance needs of each of the geometry's dimensions.
    pub needs: Vec<u64>,
    /// How many there are.
    pub live: usize,
    /// How many further ones fit, were there no others.
    pub room: u64,
}

/// The profiles of a board, in the order of their source.
pub fn rows<'a>(cut: &'a Cut) -> Vec<Row<'a>> {
    let room = cut.geometry.room(&cut.layout).unwrap_or_default();
    let row = |profile: &'a Profile| {
        let key = ProfileKey::from(profile.index);
        let planned = cut.geometry.profile(key)?;
        let needs = cut.geometry.dimensions().iter().map(|dimension| planned.need(&dimension.name));
        Some(Row {
            profile,
            size: planned.size(),
            starts: planned.places().map(|place| place.start).collect(),
            needs: needs.collect(),
            live: cut.layout.live.iter().filter(|live| live.profile == key).count(),
            room: room.iter().find(|(of, _)| *of == key).map_or(0, |(_, room)| *room),
        })
    };
    cut.profiles.iter().filter_map(row).collect()
}
