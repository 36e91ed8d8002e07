//! Lists of profiles on the command line.

use gpu_accounting::Fingerprint;
use gpu_accounting::plan::{Geometry, Layout, Live, Wanted};
use gpu_nvidia_mig::{ProfileName, Profiles};

/// The word for no instance at all.
const NONE: &str = "none";

/// `3g.40gb,2x1g.10gb`: names and how many of each.
pub fn counted(text: &str) -> Result<Vec<(ProfileName, u32)>, String> {
    items(text).map(|item| one(item).map_err(|why| format!("--want {text}: {why}"))).collect()
}

/// The same as a multiset of a board's profiles; aliases count as what they stand for.
pub fn wanted(list: &[(ProfileName, u32)], profiles: &Profiles) -> Result<Wanted, String> {
    let mut wanted = Wanted::default();
    for (name, count) in list {
        let profile = profiles.find(name).map_err(|error| error.to_string())?;
        wanted.add(profile.index.into(), *count);
    }
    Ok(wanted)
}

fn items(text: &str) -> impl Iterator<Item = &str> {
    let text = if text.trim() == NONE { None } else { Some(text) };
    text.into_iter().flat_map(|text| text.split(',').map(str::trim))
}

fn one(item: &str) -> Result<(ProfileName, u32), String> {
    // `+gfx` has an x too: before the one of a count stand no letters.
    let counted = item.split_once('x').filter(|(count, _)| !count.contains(|c: char| c.is_alphabetic()));
    let (count, name) = counted.unwrap_or(("1", item));
    let whole = !count.is_empty() && count.bytes().all(|byte| byte.is_ascii_digit());
    let number = count.parse().ok().filter(|number: &u32| whole && *number > 0);
    let number =
        number.ok_or_else(|| format!("{item:?}: a count is a whole number from 1 to {}", u32::MAX))?;
    Ok((name.parse().map_err(|error| format!("{error}"))?, number))
}

/// `3g.40gb@4,1g.10gb@0!`: how a board of the tables is cut.
pub fn layout(text: &str, profiles: &Profiles, geometry: &Geometry) -> Result<Layout, String> {
    let at = |why: String| format!("--live {text}: {why}");
    let live: Vec<Live> = (0..)
        .zip(items(text))
        .map(|(tag, item)| live(item, tag, profiles))
        .collect::<Result<_, _>>()
        .map_err(at)?;
    let layout = Layout::new(Fingerprint::default(), live);
    // What the board cannot have, the planner finds; what it may not have so many of, nobody else.
    geometry.room(&layout).map_err(|error| at(error.to_string()))?;
    enough(geometry, &layout).map_err(at)?;
    Ok(layout)
}

fn live(item: &str, tag: u32, profiles: &Profiles) -> Result<Live, String> {
    let refuse = || format!("{item:?}: a profile and its first slot are expected, like 3g.40gb@4");
    let (name, start) = item.split_once('@').ok_or_else(refuse)?;
    let name: ProfileName = name.parse().map_err(|error| format!("{error}"))?;
    let profile = profiles.find(&name).map_err(|error| error.to_string())?;
    let (start, used) = start.strip_suffix('!').map_or((start, false), |start| (start, true));
    let start: u32 =
        start.parse().ok().filter(|_| start.bytes().all(|b| b.is_ascii_digit())).ok_or_else(refuse)?;
    let places = profile.places.value().map_or(&[][..], Vec::as_slice);
    let found = places.iter().find(|place| place.start == start).ok_or_else(|| {
        let starts: Vec<String> = places.iter().map(|place| place.start.to_string()).collect();
        format!("{item:?}: {} begins at slot {}", profile.name, starts.join(", "))
    })?;
    let live = Live::new(profile.index.into(), *found, tag);
    Ok(if used { live.pinned() } else { live })
}

/// A driver's answer would prove that the board holds it; a person's is checked.
fn enough(geometry: &Geometry, layout: &Layout) -> Result<(), String> {
    for profile in geometry.profiles() {
        let count = layout.live.iter().filter(|live| live.profile == profile.key()).count();
        if count as u64 > u64::from(profile.maximum()) {
            return Err(format!("at most {} of {}", profile.maximum(), profile.name()));
        }
    }
    for dimension in geometry.dimensions() {
        let used = layout.live.iter().filter_map(|live| geometry.profile(live.profile));
        let used: u64 = used.map(|profile| profile.need(&dimension.name)).sum();
        if used > dimension.capacity {
            let capacity = dimension.capacity;
            return Err(format!("{used} {} are used, and the board has {capacity}", dimension.name));
        }
    }
    Ok(())
}
