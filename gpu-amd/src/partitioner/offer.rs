//! [`Offer`]: what a GPU can be cut into, by its driver's lists and, where those are silent, by
//! the kernel's rules.

use std::hash::{Hash, Hasher};

use gpu_core::plan::{Geometry, Profile, ProfileKey};
use gpu_core::{Device, Digest, Mode, Refusal};

use super::Setting;
use crate::board::Board;
use crate::mode::{ComputeMode, MemoryMode, ModePair};
use crate::model;

/// The architecture whose CPX goes with NPS2 as well (MI350X, MI355X).
const GFX950: u64 = 90_500;

/// The pairs of modes that a GPU can have, each a profile of the whole of it.
pub(super) struct Offer {
    pub(super) geometry: Geometry,
    /// The pair that is in force.
    pub(super) current: ProfileKey,
    /// Slots of the geometry.
    pub(super) dies: u32,
    /// Values of each setting, by the driver's own lists where it has them.
    compute: Vec<String>,
    memory: Option<Vec<String>>,
}

impl Offer {
    pub(super) fn of(board: &Board, device: &Device) -> Result<Self, Refusal> {
        let compute = known(device, Setting::Compute)?;
        // Where there is one compute mode only, there is no file of memory modes on many.
        let memory = match device.mode(Mode::MEMORY_PARTITION) {
            Some(_) => Some(known(device, Setting::Memory)?),
            None => None,
        };
        let dies = dies(board).ok_or_else(|| Refusal::NotSupported {
            why: "the compute driver does not tell how many dies the GPU has (num_xcc)".to_owned(),
        })?;
        let is_gfx950 = board.nodes.iter().any(|node| node.gfx_target_version == Some(GFX950));
        let listed = list(device, Mode::COMPUTE_PARTITION);
        let memories = list(device, Mode::MEMORY_PARTITION);
        let rule = |memory: Option<&str>| by_rule(dies, memory, is_gfx950);
        let here = listed.unwrap_or_else(|| rule(memory));

        let mut pairs = vec![(compute.to_owned(), memory.map(str::to_owned))];
        let now = memory.map(str::to_owned);
        pairs.extend(here.iter().map(|compute| (compute.clone(), now.clone())));
        for other in memories.iter().flatten().filter(|other| Some(other.as_str()) != memory) {
            // The driver lists what goes with the memory mode that is in force.
            pairs.extend(rule(Some(other)).into_iter().map(|compute| (compute, Some(other.clone()))));
        }
        let mut profiles: Vec<(ProfileKey, String)> =
            pairs.iter().map(|(compute, memory)| named(compute, memory.as_deref())).collect();
        let current = profiles[0].0;
        profiles.sort();
        profiles.dedup();
        profiles.sort_by_key(|(key, _)| (key.0 % 16, key.0 / 16));
        let build = |builder: gpu_core::plan::GeometryBuilder, (key, name): (ProfileKey, String)| {
            builder.profile(Profile::new(key, name).at([0], dies))
        };
        let geometry = profiles.into_iter().fold(Geometry::builder(device.name.clone(), dies), build).build();
        let geometry = geometry.map_err(|error| Refusal::Invalid { what: error.to_string() })?;
        Ok(Self { geometry, current, dies, compute: here, memory: memories })
    }

    /// Refuses values that the GPU cannot have.
    pub(super) fn check(&self, setting: Setting, value: &str, board: &Board) -> Result<(), Refusal> {
        let offered = match (setting, &self.memory) {
            (Setting::Compute, _) => &self.compute,
            (Setting::Memory, Some(memory)) => memory,
            (Setting::Memory, None) => {
                let path = path(board, "available_memory_partition");
                let why = format!("no {path}: the driver does not change the memory mode");
                return Err(Refusal::NotSupported { why });
            }
        };
        if offered.iter().any(|of| of == value) {
            return Ok(());
        }
        let file = setting.file().replace("current", "available");
        let what = format!("{value:?} is not offered: {} has {}", path(board, &file), offered.join(", "));
        Err(Refusal::Invalid { what })
    }
}

fn path(board: &Board, file: &str) -> String {
    board.path().map_or_else(|| file.to_owned(), |folder| folder.join(file).display().to_string())
}

/// The value in force, or why the GPU cannot be cut.
fn known(device: &Device, setting: Setting) -> Result<&str, Refusal> {
    let mode = device.mode(setting.name()).ok_or_else(|| Refusal::NotSupported {
        why: format!("{} has no {}: it cannot be cut", device.id, setting.file()),
    })?;
    match (mode.current.value(), mode.current.absence()) {
        (Some(value), _) => Ok(value),
        (None, Some(absence)) => Err(absence.into()),
        (None, None) => Err(Refusal::NotSupported { why: format!("{} is empty", setting.file()) }),
    }
}

fn list(device: &Device, mode: &str) -> Option<Vec<String>> {
    device.mode(mode)?.available.value().cloned()
}

/// What goes with a memory mode on so many dies. With one never heard of nothing is known to.
fn by_rule(dies: u32, memory: Option<&str>, is_gfx950: bool) -> Vec<String> {
    let memory = memory.map(str::parse::<MemoryMode>);
    let goes = |mode: ComputeMode| match &memory {
        None => true,
        Some(Ok(memory)) => mode.goes_with_on(*memory, is_gfx950),
        Some(Err(_)) => false,
    };
    let fits = ComputeMode::ALL.into_iter().filter(|mode| mode.fits(dies) && goes(*mode));
    fits.map(|mode| mode.as_str().to_owned()).collect()
}

/// Name and number of a pair. Pairs with a name never heard of have a number by their text.
fn named(compute: &str, memory: Option<&str>) -> (ProfileKey, String) {
    let name = match memory {
        Some(memory) => format!("{compute}_{memory}").to_lowercase(),
        None => compute.to_lowercase(),
    };
    let known = match memory {
        Some(_) => name.parse::<ModePair>().ok().map(|pair| (pair.compute, pair.memory.0)),
        None => compute.parse().ok().map(|compute| (compute, 0)),
    };
    let key = match known.filter(|(_, regions)| *regions < 16) {
        Some((compute, regions)) => compute as u32 * 16 + u32::from(regions),
        None => {
            let mut digest = Digest::new();
            name.hash(&mut digest);
            #[allow(clippy::cast_possible_truncation)] // half of a digest is one
            let half = digest.finish() as u32;
            half | 1 << 31
        }
    };
    (ProfileKey(key), name)
}

/// The dies of the GPU: where its partitions end, or by its model where the last of them is not
/// there.
fn dies(board: &Board) -> Option<u32> {
    let ends =
        board.nodes.iter().filter_map(|node| node.dies()).filter_map(|(at, size)| at.checked_add(size));
    let model = board.function.as_ref().and_then(|function| model::dies(function.id.device));
    ends.chain(model).max()
}

/// How many partitions the compute mode in force makes.
pub(super) fn partitions_of(board: &Board, device: &Device) -> Option<usize> {
    let mode: ComputeMode = device.mode(Mode::COMPUTE_PARTITION)?.current.value()?.parse().ok()?;
    usize::try_from(mode.partitions(dies(board)?)).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rules_of_the_kernel() {
        let rule = |dies, memory, gfx950| by_rule(dies, Some(memory), gfx950).join(" ");
        assert_eq!(rule(8, "NPS1", false), "SPX DPX QPX CPX");
        assert_eq!(rule(8, "NPS2", false), "DPX");
        assert_eq!(rule(8, "NPS4", false), "QPX CPX");
        assert_eq!(rule(6, "NPS4", false), "TPX CPX");
        assert_eq!(rule(4, "NPS1", false), "SPX DPX CPX");
        assert_eq!(rule(1, "NPS1", false), "SPX");
        assert_eq!(rule(8, "NPS2", true), "DPX CPX");
        assert_eq!(rule(8, "NPSX", false), "");
    }

    #[test]
    fn names_never_heard_of_have_a_number_too() {
        assert_eq!(named("CPX", Some("NPS4")), (ProfileKey(4 * 16 + 4), "cpx_nps4".to_owned()));
        assert_eq!(named("SPX", None), (ProfileKey(0), "spx".to_owned()));
        let (key, name) = named("OPX", Some("NPS1"));
        assert_eq!(name, "opx_nps1");
        assert!(key.0 >= 1 << 31 && key != named("OPX", Some("NPS2")).0);
        assert!(named("CPX", Some("NPS16")).0.0 >= 1 << 31, "no number for two names");
    }
}
