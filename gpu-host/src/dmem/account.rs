//! One cgroup's account.

use std::path::Path;

use gpu_core::{Bytes, Error, ErrorKind, Inventory, KernelMemory, Owner};

use super::region::{RegionName, parse};
use crate::file;

type Regions = Vec<(RegionName, Option<Bytes>)>;

/// The memory of a cgroup's owner, region by region; `None` where the cgroup has no such files.
pub(super) fn read(
    folder: &Path,
    owner: &Owner,
    inventory: &Inventory,
    problems: &mut Vec<Error>,
) -> Result<Option<Vec<KernelMemory>>, Error> {
    let Some(current) = regions(folder, "dmem.current")? else { return Ok(None) };
    let max = regions(folder, "dmem.max")?.unwrap_or_default();
    let min = regions(folder, "dmem.min")?.unwrap_or_default();
    let low = regions(folder, "dmem.low")?.unwrap_or_default();
    let peak = regions(folder, "dmem.peak")?.unwrap_or_default();
    let of = |list: &Regions, name: &RegionName| {
        list.iter().find(|(other, _)| other == name).and_then(|(_, n)| *n)
    };
    let mut memory = Vec::new();
    for (name, bytes) in &current {
        let (max, min, low) = (of(&max, name), of(&min, name), of(&low, name));
        let (bytes, peak) = (bytes.unwrap_or(Bytes::ZERO), of(&peak, name));
        let is_idle = [bytes, peak.unwrap_or_default(), min.unwrap_or_default(), low.unwrap_or_default()]
            .iter()
            .all(|bytes| *bytes == Bytes::ZERO);
        if is_idle && max.is_none() {
            continue;
        }
        let (Some(device), Some(region)) = (name.device(inventory), name.tag()) else {
            let at = folder.join("dmem.current").display().to_string();
            let what = format!("{name} is of no GPU that is listed here");
            problems.push(Error::new(ErrorKind::Inconsistent, at, what));
            continue;
        };
        let mut account = KernelMemory::new(owner.clone(), device, region, bytes);
        (account.peak, account.max) = (peak, max);
        // `max` as protection protects all of it.
        account.min = min.unwrap_or(Bytes::ZERO);
        account.low = low.unwrap_or(Bytes::ZERO);
        memory.push(account);
    }
    Ok(Some(memory))
}

/// The regions in one of the files, where it is there.
pub(super) fn regions(folder: &Path, name: &str) -> Result<Option<Regions>, Error> {
    let path = folder.join(name);
    let Some(text) = file::read_optional(&path)? else { return Ok(None) };
    let regions = parse(&text);
    regions.map(Some).map_err(|line| file::malformed(&path, &format!("no region with a number: {line:?}")))
}
