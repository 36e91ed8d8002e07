//! What is printed for people.

use gpu_accounting::apply::{Applied, Left};
use gpu_accounting::plan::{Freeing, Infeasible, Live, Plan};
use gpu_accounting::{BoardState, Known};

use crate::apply::{Done, Failure};
use crate::board::{Board, Cut};
use crate::picture::{Fate, Piece, Style, draw};
use crate::plan::{self, BoardPlan, Planned};
use crate::profiles;
use crate::resources::{self, Resources};
use crate::source::Source;
use crate::table::Table;

/// Lines under a heading that says what is not hardware.
struct Page {
    text: String,
    style: Style,
}

impl Page {
    fn new(source: &Source, style: Style) -> Self {
        let mut page = Self { text: String::new(), style };
        if let Some(warning) = &source.warning {
            page.line(&style.paint.warn(warning));
        }
        page
    }

    fn line(&mut self, line: &str) {
        self.text += line.trim_end();
        self.text.push('\n');
    }

    fn lines<'a>(&mut self, lines: impl IntoIterator<Item = &'a String>) {
        for line in lines {
            self.line(&format!("  {line}"));
        }
    }

    fn board(&mut self, board: &Board) {
        if !self.text.is_empty() {
            self.text.push('\n');
        }
        let paint = self.style.paint;
        let id = board.device.as_ref().map(|device| paint.dim(&format!("  {}", device.id)));
        self.line(&(paint.bold(&board.title()) + &id.unwrap_or_default()));
    }
}

pub fn profiles(source: &Source, boards: &[&Board], style: Style) -> String {
    let mut page = Page::new(source, style);
    for board in boards {
        page.board(board);
        match &board.cut {
            Ok(cut) => offered(&mut page, board, cut),
            Err(why) => page.line(&format!("  {why}")),
        }
    }
    page.text
}

fn offered(page: &mut Page, board: &Board, cut: &Cut) {
    let geometry = &cut.geometry;
    let has = geometry.dimensions().iter().map(|of| format!("{} {}", of.capacity, of.name));
    let has: Vec<String> = has.collect();
    page.line(&format!("  {}; {} memory slots, {}", board.mig, geometry.slots(), has.join(", ")));
    let needs: Vec<String> = geometry.dimensions().iter().map(|of| format!(">{}", short(&of.name))).collect();
    let mut headings = vec!["profile", ">id", ">slots", ">most", ">memory", ">SMs"];
    headings.extend(needs.iter().map(String::as_str));
    headings.extend([">live", ">room", "begins at"]);
    let mut table = Table::new(&headings);
    for row in profiles::rows(cut) {
        let of = row.profile;
        let mut cells = vec![of.name.to_string(), dash(&of.id), row.size.to_string(), of.most.to_string()];
        cells.extend([dash(&of.memory), dash(&of.multiprocessors)]);
        cells.extend(row.needs.iter().map(ToString::to_string));
        cells.extend([row.live.to_string(), row.room.to_string()]);
        cells.push(row.starts.iter().map(ToString::to_string).collect::<Vec<_>>().join(" "));
        table.row(cells);
    }
    page.lines(&table.lines());
    let source = match cut.told_by {
        "driver" => "told by the driver; ids, memory and SMs are the table's",
        _ => "from the table",
    };
    let note = page.style.paint.dim(&format!("  {source}; room: how many more fit, were they the only ones"));
    page.line(&note);
    if !cut.layout.live.is_empty() {
        page.lines(&draw(geometry.slots(), &[("now", now(cut, None))], page.style));
    }
}

/// A dimension's name as a heading.
fn short(name: &str) -> &str {
    name.trim_end_matches(" engines").trim_start_matches("compute ")
}

fn dash<T: std::fmt::Display>(known: &Known<T>) -> String {
    known.value().map_or_else(|| "-".to_owned(), ToString::to_string)
}

fn pieces(cut: &Cut, fate: impl Fn(&Live) -> Fate) -> Vec<Piece> {
    let piece = |live: &Live| {
        let name = cut.name(live.profile).to_owned();
        Piece { start: live.placement.start, size: live.placement.size, name, fate: fate(live) }
    };
    cut.layout.live.iter().map(piece).collect()
}

/// The live instances where nothing is planned; those that are in the way of a plan.
fn now(cut: &Cut, infeasible: Option<&Infeasible>) -> Vec<Piece> {
    let in_the_way = match infeasible.map(|infeasible| &infeasible.to_free) {
        Some(Freeing::Move(live) | Freeing::Destroy(live) | Freeing::Unpin(live)) => &live[..],
        _ => &[],
    };
    pieces(cut, |live| match (in_the_way.contains(live), live.pinned) {
        (true, _) => Fate::InTheWay,
        (false, true) => Fate::InUse,
        (false, false) => Fate::Live,
    })
}

/// The live instances, and what becomes of them.
fn before(cut: &Cut, plan: &Plan) -> Vec<Piece> {
    let fates: Vec<_> = plan.destroy.iter().zip(plan::moves(plan)).collect();
    pieces(cut, |live| match fates.iter().find(|(gone, _)| *gone == live) {
        None => Fate::Stays,
        Some((_, None)) => Fate::Goes,
        Some((_, Some(_))) => Fate::Moves,
    })
}

/// What stays and what is made.
fn after(cut: &Cut, plan: &Plan) -> Vec<Piece> {
    let piece = |profile, at: gpu_accounting::Placement, fate| {
        let name = cut.name(profile).to_owned();
        Piece { start: at.start, size: at.size, name, fate }
    };
    let mut moved: Vec<(_, u32)> = Vec::new();
    for (live, to) in plan.destroy.iter().zip(plan::moves(plan)) {
        moved.extend(to.map(|to| (live.profile, to)));
    }
    let kept = plan.keep.iter().map(|live| piece(live.profile, live.placement, Fate::Stays));
    let made = plan.create.iter().map(|new| {
        let is_moved = moved.contains(&(new.profile, new.placement.start));
        piece(new.profile, new.placement, if is_moved { Fate::Moved } else { Fate::New })
    });
    kept.chain(made).collect()
}

pub fn plan(source: &Source, planned: &Planned, style: Style) -> String {
    let mut page = Page::new(source, style);
    for refused in &planned.refused {
        let board = refused.position.and_then(|position| source.board(position));
        let Some(board) = board else { continue };
        page.board(board);
        if let Ok(cut) = &board.cut {
            page.lines(&draw(cut.geometry.slots(), &[("now", now(cut, refused.infeasible.as_ref()))], style));
        }
        let line = style.paint.bad(&format!("  cannot be: {}", refused.why));
        page.line(&line);
    }
    // A part of a plan is none.
    if planned.refused.is_empty() {
        planned.plans.iter().for_each(|plan| board_plan(&mut page, source, plan));
    }
    page.text
}

fn board_plan(page: &mut Page, source: &Source, of: &BoardPlan) {
    let Some(board) = source.board(of.target.position) else { return };
    page.board(board);
    let switch = match of.target.switch {
        Some(true) => ", and is to be switched on first",
        Some(false) => ", and is to be switched off in the end",
        None => "",
    };
    page.line(&format!("  {}{switch}", board.mig));
    let Ok(cut) = &board.cut else { return };
    if of.plan.is_empty() && cut.layout.live.is_empty() {
        page.line("  there is nothing to make or to destroy");
        return;
    }
    let pictures = [("before", before(cut, &of.plan)), ("after", after(cut, &of.plan))];
    page.lines(&draw(cut.geometry.slots(), &pictures, page.style));
    let moved = plan::moves(&of.plan).iter().flatten().count();
    let (stay, go, new) =
        (of.plan.keep.len(), of.plan.destroy.len() - moved, of.plan.create.len().saturating_sub(moved));
    let used: u32 = of.plan.result().map(|(_, at)| at.size).sum();
    let mut line = format!("  stay {stay}, move {moved}, go {go}, new {new}; taken are {used} of ");
    line += &format!("{} memory slots", cut.geometry.slots());
    for dimension in cut.geometry.dimensions().iter().take(1) {
        let needs = of.plan.result().filter_map(|(profile, _)| cut.geometry.profile(profile));
        let used: u64 = needs.map(|profile| profile.need(&dimension.name)).sum();
        line += &format!(" and {used} of {} {}", dimension.capacity, dimension.name);
    }
    page.line(&line);
    if of.target.switch == Some(true) {
        let note = "  planned by the table: with MIG on, the driver says what it offers";
        page.line(&page.style.paint.dim(note));
    }
}

pub fn apply(source: &Source, done: &[Done], style: Style) -> String {
    let mut page = Page::new(source, style);
    for of in done {
        let Some(board) = source.board(of.position) else { continue };
        page.board(board);
        if let Some((to, change)) = &of.switched {
            let (mode, awaits) = (if *to { "on" } else { "off" }, change.awaits);
            let awaits = awaits.map_or_else(|| "in force".to_owned(), |what| format!("awaits {what}"));
            page.line(&format!("  MIG mode is set to {mode}: {awaits}"));
            change.notes.iter().for_each(|note| page.line(&format!("  ({note})")));
        }
        match (&of.applied, &of.failure) {
            (Some(applied), _) => carried_out(&mut page, board, applied),
            (None, None) if of.awaits().is_some() => page.line("  nothing can be made before that"),
            (None, None) => page.line("  there was nothing to make or to destroy"),
            (None, Some(_)) => {}
        }
        if let Some(failure) = &of.failure {
            failed(&mut page, board, failure, &of.why().unwrap_or_default());
        }
    }
    page.text
}

fn carried_out(page: &mut Page, board: &Board, applied: &Applied) {
    pictured(page, board, &applied.state);
    for (id, life) in &applied.destroyed {
        page.line(&format!("  destroyed {id}  incarnation {life}"));
    }
    let mut table = Table::new(&["made", "incarnation", "profile", "at", "MIG UUID"]);
    for made in &applied.made {
        table.row([
            made.id.to_string(),
            made.incarnation.to_string(),
            made.profile.clone(),
            made.placement.map_or_else(|| "-".to_owned(), |at| at.to_string()),
            made.vendor_name.clone().unwrap_or_else(|| "-".to_owned()),
        ]);
    }
    match applied.made.is_empty() {
        true => page.line("  nothing was made"),
        false => page.lines(&table.lines()),
    }
}

fn failed(page: &mut Page, board: &Board, failure: &Failure, why: &str) {
    let Failure::Applied(error) = failure else {
        let line = page.style.paint.bad(&format!("  failed: {why}"));
        return page.line(&line);
    };
    let line = page.style.paint.bad(&format!("  failed {}: {}", error.step, error.refusal));
    page.line(&line);
    match &error.left {
        Left::Untouched => page.line("  the board is as it was"),
        Left::Undone(state) => {
            page.line("  the board is cut as it was; what had been destroyed is made again");
            pictured(page, board, state);
        }
        Left::Half { state, because } => {
            page.line(&format!("  undoing it failed: {because}"));
            match state {
                Ok(state) => {
                    pictured(page, board, state);
                    exists(page, state);
                }
                Err(unread) => page.line(&format!("  what the board has cannot be read: {unread}")),
            }
        }
        _ => {}
    }
}

/// The board as it was found, and as it was read back.
fn pictured(page: &mut Page, board: &Board, state: &BoardState) {
    let found = board.cut.as_ref().map_or(&[][..], |cut| &cut.layout.live);
    let found: Vec<_> = found.iter().map(|live| (live.profile, live.placement)).collect();
    let now: Vec<_> = state.layout.live.iter().map(|live| (live.profile, live.placement)).collect();
    let pieces = |all: &[(_, gpu_accounting::Placement)], others: &[_], fate| -> Vec<Piece> {
        let piece = |of: &(_, gpu_accounting::Placement)| {
            let name = state.geometry.profile(of.0).map_or("?", |profile| profile.name()).to_owned();
            let fate = if others.contains(of) { Fate::Stays } else { fate };
            Piece { start: of.1.start, size: of.1.size, name, fate }
        };
        all.iter().map(piece).collect()
    };
    let pictures = [("before", pieces(&found, &now, Fate::Goes)), ("now", pieces(&now, &found, Fate::New))];
    page.lines(&draw(state.geometry.slots(), &pictures, page.style));
}

/// Everything that there is.
fn exists(page: &mut Page, state: &BoardState) {
    for part in state.device.all_partitions() {
        page.line(&format!("  there is {}  incarnation {}  {}", part.id, part.incarnation, part.profile));
    }
}

pub fn resources(source: &Source, of: &Resources, style: Style) -> String {
    let mut page = Page::new(source, style);
    page.line(&format!("NVIDIA's device plugin with MIG strategy {} would offer", of.strategy));
    let mut table = Table::new(&[">count", "resource", ">devices", ""]);
    for one in &of.offered {
        let promise = resources::promise(one.shared).to_owned();
        table.row([one.count.to_string(), one.name.clone(), one.devices.to_string(), promise]);
    }
    match of.offered.is_empty() {
        true => page.line("  nothing"),
        false => page.lines(&table.lines()),
    }
    for warning in &of.warnings {
        let warning = style.paint.warn(&format!("  {warning}"));
        page.line(&warning);
    }
    page.text
}
