//! [`Exported`]: a node as a configuration of mig-parted.

use gpu_accounting::Partition;
use gpu_nvidia_mig::ProfileName;
use gpu_nvidia_mig::formats::{MigParted, PartedGpu};

use crate::board::Board;
use crate::source::Source;

pub struct Exported {
    pub label: String,
    pub config: MigParted,
    /// What the format cannot say.
    pub notes: Vec<String>,
}

impl Exported {
    /// Describes all boards as they are.
    pub fn of(source: &Source, label: &str) -> Result<Self, String> {
        let gpus: Vec<Option<Vec<ProfileName>>> =
            source.boards.iter().map(instances).collect::<Result<_, _>>()?;
        let config = MigParted::describe(label, &gpus);
        let mut notes = Vec::new();
        for board in &source.boards {
            notes.extend(lost(board, &config, label, source));
        }
        Ok(Self { label: label.to_owned(), config, notes })
    }

    /// The configuration, with comments.
    pub fn text(&self, source: &Source) -> String {
        let comments = source.warning.iter().chain(&self.notes).map(|note| format!("# {note}\n"));
        comments.collect::<String>() + &self.config.to_string()
    }
}

/// The MIG devices of a board, by name: compute instances, and GPU instances without one, which
/// get one when this is applied. `None` with MIG off.
pub fn instances(board: &Board) -> Result<Option<Vec<ProfileName>>, String> {
    if !board.mig.is_on() {
        return Ok(None);
    }
    let at = |why: String| format!("GPU {}: {why}", board.position);
    let Some(device) = &board.device else {
        let Ok(cut) = &board.cut else { return Ok(Some(Vec::new())) };
        let names = cut.layout.live.iter().map(|live| cut.name(live.profile).parse());
        let names = names.collect::<Result<_, gpu_accounting::ParseError>>();
        return names.map(Some).map_err(|error| at(error.to_string()));
    };
    let mut names = Vec::new();
    for part in device.partitions() {
        names.extend(names_in(part).map_err(at)?);
    }
    Ok(Some(names))
}

fn names_in(part: &Partition) -> Result<Vec<ProfileName>, String> {
    let name = part.profile.get().map_err(|absence| format!("{}: profile: {absence}", part.id))?;
    let name: ProfileName = name.parse().map_err(|error| format!("{}: {error}", part.id))?;
    if part.partitions.is_empty() {
        return Ok(vec![name]);
    }
    let inner = part.partitions().map(|inner| {
        let slices = inner.compute_slices.get().map_err(|absence| format!("{}: {absence}", inner.id))?;
        let named = u32::try_from(slices.0).ok().and_then(|slices| name.compute_instance(slices));
        named.ok_or_else(|| format!("{}: {slices} slices in a {name}", inner.id))
    });
    inner.collect()
}

/// Counts do not say which compute instances share a GPU instance: what would come out otherwise.
fn lost(board: &Board, config: &MigParted, label: &str, source: &Source) -> Option<String> {
    let cut = board.cut.as_ref().ok().filter(|_| board.mig.is_on())?;
    let gpus = source.boards.iter().map(|of| PartedGpu {
        pci_id: of.pci_id,
        profiles: of.cut.as_ref().ok().map(|cut| cut.profiles.clone()),
    });
    let targets = config.apply(label, &gpus.collect::<Vec<_>>()).ok()?;
    let position = source.boards.iter().position(|of| of.position == board.position)?;
    let wanted = targets.into_iter().nth(position)??.wanted;
    let live = cut.layout.live.iter().map(|live| live.profile).collect();
    (wanted != live).then(|| {
        let position = board.position;
        format!("GPU {position}: which compute instances share a GPU instance this format cannot say")
    })
}
