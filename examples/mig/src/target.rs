//! [`Target`]: what a board shall hold.

use std::fs::File;
use std::io::Read;
use std::path::Path;

use gpu_accounting::plan::{Demand, NodeBoard, NodePlan, ProfileKey, Request, Wanted};
use gpu_nvidia_mig::ProfileName;
use gpu_nvidia_mig::formats::{MigParted, PartedGpu};

use crate::args::Args;
use crate::board::{Board, Cut, Mig};
use crate::list;
use crate::source::Source;

/// What one board shall hold.
pub struct Target {
    pub position: u32,
    /// MIG mode to be set first (on) or last (off).
    pub switch: Option<bool>,
    pub request: Request,
    /// Compute instances in each GPU instance, by slices, where a configuration says it. In what
    /// is not listed there is one over the whole of it.
    pub parts: Option<Vec<(ProfileKey, Vec<u32>)>>,
}

/// What the boards of a node shall hold.
#[derive(Default)]
pub struct Targets {
    pub list: Vec<Target>,
    /// Why the node cannot hold it, where that is not one board's matter.
    pub refused: Option<String>,
}

/// Past this a file is no configuration.
const MOST_BYTES: u64 = 2 << 20;

/// What the command line asks for; refuses what makes no sense whatever the boards hold.
pub fn targets(source: &Source, args: &Args) -> Result<Targets, String> {
    match (&args.want, &args.config) {
        (Some(want), _) => of_list(source, args, &list::counted(want)?),
        (None, Some(file)) => {
            let list = of_config(source, args, file, args.label.as_deref().unwrap_or_default())?;
            Ok(Targets { list, refused: None })
        }
        (None, None) => Ok(Targets::default()),
    }
}

/// The text of a configuration.
pub fn read(file: &Path) -> Result<String, String> {
    let failed = |error: std::io::Error| format!("{}: {error}", file.display());
    let mut text = String::new();
    File::open(file).map_err(failed)?.take(MOST_BYTES).read_to_string(&mut text).map_err(failed)?;
    Ok(text)
}

fn of_list(source: &Source, args: &Args, list: &[(ProfileName, u32)]) -> Result<Targets, String> {
    let mut boards = source.chosen(&args.gpus)?;
    if args.gpus.is_empty() {
        boards.retain(|board| !matches!(board.mig, Mig::Untold(_)));
        match &boards[..] {
            [] => return Err(format!("no GPU here can be cut: {}", whys(source))),
            [_] => {}
            _ if args.add => return spread(boards, list, args.moving),
            _ => {
                let there: Vec<String> = boards.iter().map(|board| board.position.to_string()).collect();
                let there = there.join(", ");
                return Err(format!("which GPU shall hold exactly this? Name it with --gpu: {there} or all"));
            }
        }
    }
    let target = |board: &&Board| {
        let wanted = list::wanted(list, &ready(board)?.profiles)?;
        let request = if args.add { Request::add(wanted) } else { Request::exactly(wanted) };
        let request = if args.moving { request.moving() } else { request };
        Ok(Target { position: board.position, switch: None, request, parts: None })
    };
    let list = boards.iter().map(target).collect::<Result<_, String>>()?;
    Ok(Targets { list, refused: None })
}

/// A board that can be cut as it is.
fn ready(board: &Board) -> Result<&Cut, String> {
    let refuse = |why: &str| Err(format!("GPU {}: {why}", board.position));
    match &board.mig {
        Mig::On => board.cut.as_ref().or_else(|why| refuse(why)),
        Mig::Off => refuse(
            "MIG is off. A configuration with mig-enabled switches it on; \
             without touching it, plan on paper with --board",
        ),
        Mig::AwaitsOn => refuse("MIG is off, and comes on with a reset that is still awaited"),
        Mig::AwaitsOff => refuse("MIG goes off with the next reset, and what is made now goes with it"),
        Mig::Untold(why) => refuse(why),
    }
}

fn whys(source: &Source) -> String {
    let whys = source.boards.iter().filter_map(|board| {
        let why = board.cut.as_ref().err()?;
        Some(format!("GPU {}: {why}", board.position))
    });
    whys.collect::<Vec<_>>().join("; ")
}

/// Instances on top of what is live, wherever on the node.
fn spread(boards: Vec<&Board>, list: &[(ProfileName, u32)], moving: bool) -> Result<Targets, String> {
    let on: Vec<(&Board, &Cut)> =
        boards.iter().filter_map(|board| Some((*board, ready(board).ok()?))).collect();
    if on.is_empty() {
        let whys: Vec<String> = boards.iter().filter_map(|board| ready(board).err()).collect();
        return Err(whys.join("; "));
    }
    let demands: Vec<Demand> = list.iter().map(|one| demand(one, &on)).collect::<Result<_, _>>()?;
    let node: Vec<NodeBoard<'_>> =
        on.iter().map(|(_, cut)| NodeBoard { geometry: &cut.geometry, layout: &cut.layout }).collect();
    let plan = match NodePlan::of(&node, &demands, moving) {
        Ok(plan) => plan,
        Err(error) => return Ok(Targets { list: Vec::new(), refused: Some(error.to_string()) }),
    };
    let parts = on.iter().zip(&plan.plans).filter(|(_, plan)| !plan.create.is_empty());
    let target = |((board, _), plan): (&(&Board, &Cut), &gpu_accounting::plan::Plan)| {
        // What is made on a board is its part of the demands, and what is moved.
        let mut wanted = Wanted::default();
        for profile in plan.create.iter().map(|new| new.profile) {
            let of = |of: &ProfileKey| *of == profile;
            let made = plan.create.iter().filter(|new| of(&new.profile)).count();
            let moved = plan.destroy.iter().filter(|live| of(&live.profile)).count();
            if wanted.count(profile) == 0 {
                wanted.add(profile, u32::try_from(made - moved.min(made)).unwrap_or(u32::MAX));
            }
        }
        let request = Request::add(wanted);
        let request = if moving { request.moving() } else { request };
        Target { position: board.position, switch: None, request, parts: None }
    };
    Ok(Targets { list: parts.map(target).collect(), refused: None })
}

/// A name means other things on other boards: on a mixed node it is not guessed which.
fn demand((name, count): &(ProfileName, u32), on: &[(&Board, &Cut)]) -> Result<Demand, String> {
    let mut offered = on.iter().filter_map(|(_, cut)| Some((cut, cut.profiles.find(name).ok()?)));
    let Some((first, profile)) = offered.next() else {
        let (_, cut) = on[0];
        return Err(cut.profiles.find(name).map_or_else(|error| error.to_string(), |of| of.name.to_string()));
    };
    if let Some((other, _)) = offered.find(|(cut, _)| cut.profiles.board() != first.profiles.board()) {
        let (one, other) = (first.profiles.board(), other.profiles.board());
        return Err(format!("{name} is one thing on {one} and another on {other}: say which with --gpu"));
    }
    Ok(Demand::new(profile.name.to_string(), *count))
}

fn of_config(source: &Source, args: &Args, file: &Path, label: &str) -> Result<Vec<Target>, String> {
    let at = |error: &dyn std::fmt::Display| format!("{}: {error}", file.display());
    let config = MigParted::from_yaml(&read(file)?).map_err(|error| at(&error))?;
    let gpus = source.boards.iter().map(|board| PartedGpu {
        pci_id: board.pci_id,
        profiles: board.cut.as_ref().ok().map(|cut| cut.profiles.clone()),
    });
    let told = config.apply(label, &gpus.collect::<Vec<_>>()).map_err(|error| {
        let whys = whys(source);
        at(&error) + if whys.is_empty() { "" } else { "; " } + &whys
    })?;
    let chosen = source.chosen(&args.gpus)?;
    let about = source.boards.iter().zip(told).filter_map(|(board, target)| Some((board, target?)));
    let about = about.filter(|(board, _)| chosen.iter().any(|of| of.position == board.position));
    let mut targets = Vec::new();
    for (board, told) in about {
        let request = Request::exactly(told.wanted);
        let request = if args.moving { request.moving() } else { request };
        let parts = board.cut.as_ref().map_or_else(|_| Ok(Vec::new()), |cut| parts(&told.partial, cut))?;
        let (position, switch) = (board.position, switch(board, told.mig_enabled)?);
        targets.push(Target { position, switch, request, parts: Some(parts) });
    }
    match targets.is_empty() {
        true => Err(at(&format!("no entry of {label:?} is about a GPU that is asked for"))),
        false => Ok(targets),
    }
}

/// Which mode is to be set, to have MIG on or off in the end.
fn switch(board: &Board, on: bool) -> Result<Option<bool>, String> {
    match (&board.mig, on) {
        (Mig::On, true) | (Mig::Off | Mig::AwaitsOff | Mig::Untold(_), false) => Ok(None),
        (Mig::Off | Mig::AwaitsOff, true) | (Mig::On | Mig::AwaitsOn, false) => Ok(Some(on)),
        (Mig::AwaitsOn | Mig::Untold(_), true) => ready(board).map(|_| None),
    }
}

/// Compute instances by GPU instance: as many in one as its slices allow.
fn parts(partial: &[(ProfileName, u32)], cut: &Cut) -> Result<Vec<(ProfileKey, Vec<u32>)>, String> {
    let mut parts = Vec::new();
    for (name, count) in partial {
        let profile = cut.profiles.find(&name.gpu_instance()).map_err(|error| error.to_string())?;
        let each = (name.slices() / name.compute_slices()).max(1);
        // More than the board has GPU instances is refused when it is planned.
        let mut left = (*count).min(each.saturating_mul(profile.most.saturating_add(1)));
        while left > 0 {
            let now = left.min(each);
            parts.push((profile.index.into(), vec![name.compute_slices(); now as usize]));
            left -= now;
        }
    }
    Ok(parts)
}
