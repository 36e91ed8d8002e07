//! Who is on the GPUs: what is used, beside what is held.

use ratatui::style::Style;
use ratatui::text::{Line, Span};

use super::Lines;
use super::cells::{bar, cell, history, left, right};
use super::theme::Theme;
use super::{ledger, meter};
use crate::model::View;
use crate::model::holder::HolderView;
use crate::state::{List, Sort, State};
use crate::text::{bytes, cut};

const PLACE: usize = 13;
const MEMORY: usize = 8;
const ENGINE: usize = 16;
const GIVEN: usize = 16;
const METER: [usize; 4] = [10, meter::BUSY, meter::ENERGY, 7];

/// Which columns there is room for.
struct Columns {
    who: usize,
    whose: usize,
    bar: usize,
    has_given: bool,
    processes: usize,
    history: usize,
    /// What the ledger says: the unit, and when it ends.
    has_ledger: bool,
    /// What the meter says: time held, time busy, energy, how much of the time that speaks of.
    has_meter: bool,
}

impl Columns {
    fn of(width: u16, has_ledger: bool) -> Self {
        let mut room = usize::from(width).saturating_sub(1 + PLACE + 1 + MEMORY + 1 + ENGINE + 1);
        let who = room.saturating_sub(1).min(16);
        room = room.saturating_sub(who + 1);
        let mut takes = |columns: usize| {
            let fits = room > columns;
            room -= if fits { columns + 1 } else { 0 };
            fits
        };
        let has_given = takes(GIVEN);
        let has_ledger = has_ledger && takes(ledger::BESIDE.iter().sum::<usize>() + 1);
        let whose = if takes(14) { 14 } else { 0 };
        let bar = if takes(8) { 8 } else { 0 };
        let processes = if takes(15) { 15 } else { 0 };
        let history = if takes(12) { 12 } else { 0 };
        let has_meter = takes(METER.iter().sum::<usize>() + METER.len() - 1);
        // What is left: the rest of names first, then of processes.
        let mut more = |most: usize| {
            let more = room.min(most);
            room -= more;
            more
        };
        let who = who + more(9);
        let processes = if processes > 0 { processes + more(12) } else { 0 };
        let whose = if whose > 0 { whose + more(20) } else { 0 };
        let processes = if processes > 0 { processes + room } else { 0 };
        Self { who, whose, bar, has_given, processes, history, has_ledger, has_meter }
    }
}

/// Who is on the GPUs, as far as the filter lets through.
pub fn lines(view: &View, state: &State, theme: Theme, width: u16) -> Lines {
    let columns = Columns::of(width, view.ledger.is_some());
    let shown = state.holders(view);
    let is_chosen = |number| state.list == List::Holders && number == state.holder;
    let mut lines: Vec<Line<'static>> =
        shown.iter().enumerate().map(|(number, of)| row(of, &columns, theme, is_chosen(number))).collect();
    if shown.is_empty() {
        let why = if view.holders.is_empty() { " nobody is on a GPU" } else { " nobody matches" };
        lines.push(Line::from(Span::styled(why, theme.dim())));
    }
    let cursor = if state.list == List::Holders { state.holder } else { 0 };
    Lines { head: head(&columns, state, theme), lines, cursor }
}

fn head(columns: &Columns, state: &State, theme: Theme) -> Line<'static> {
    let style = theme.head();
    let arrow = if state.is_reversed { "↑" } else { "↓" };
    let title =
        |text: &str, sort: Sort| if state.sort == sort { format!("{text}{arrow}") } else { text.to_owned() };
    let mut spans = vec![Span::styled(" ", style), left(&title("WHO", Sort::Who), columns.who, style)];
    if columns.whose > 0 {
        spans.push(left(&title("OF", Sort::Of), columns.whose, style));
    }
    spans.push(left(&title("ON", Sort::Unit), PLACE, style));
    spans.push(right(&title("MEMORY", Sort::Memory), MEMORY, style));
    if columns.bar > 0 {
        spans.push(left("", columns.bar, style));
    }
    spans.push(right(&title("ENGINE", Sort::Engine), ENGINE, style));
    if columns.has_given {
        spans.push(left("HELD", GIVEN, style));
    }
    if columns.has_ledger {
        let [unit, expires] = ledger::BESIDE;
        spans.extend([left("HOLDS", unit, style), right("EXPIRES", expires, style)]);
    }
    if columns.has_meter {
        let titles = ["HELD FOR", "BUSY FOR", "ENERGY", "COVERED"];
        spans.extend(titles.into_iter().zip(METER).map(|(title, columns)| right(title, columns, style)));
    }
    if columns.processes > 0 {
        spans.push(left("PROCESSES", columns.processes, style));
    }
    if columns.history > 0 {
        spans.push(Span::styled(format!("{:>1$}", "HISTORY", columns.history), style));
    }
    Line::from(spans)
}

fn row(of: &HolderView, columns: &Columns, theme: Theme, is_chosen: bool) -> Line<'static> {
    let mut spans =
        vec![Span::raw(if is_chosen { "›" } else { " " }), left(&of.who, columns.who, theme.bold())];
    if columns.whose > 0 {
        spans.push(left(&of.whose, columns.whose, theme.dim()));
    }
    spans.push(left(&of.place, PLACE, Style::new()));
    let level = theme.level(of.memory_share.unwrap_or(0).into());
    spans.push(match &of.memory {
        Some(memory) => cell(memory, MEMORY, theme, |memory| (bytes(*memory), level)),
        None => right("unused", MEMORY, theme.absent()),
    });
    if columns.bar > 0 {
        spans.extend(bar(of.memory_share.map(u64::from), columns.bar, theme));
    }
    spans.push(match &of.engine {
        Some(engine) => cell(engine, ENGINE, theme, |(name, share, mark)| {
            (format!("{name} {share}{mark}"), theme.level(share.get()))
        }),
        None => right("unused", ENGINE, theme.absent()),
    });
    if columns.has_given {
        spans.push(given(of, theme));
    }
    if columns.has_ledger {
        spans.extend(ledger::beside(of.held.as_ref(), theme));
    }
    if columns.has_meter {
        spans.extend(metered(of, theme));
    }
    if columns.processes > 0 {
        spans.push(left(&processes(of, columns.processes), columns.processes, theme.dim()));
    }
    if columns.history > 0 {
        spans.push(history(&of.history, columns.history, theme));
    }
    let line = Line::from(spans);
    if is_chosen { line.style(theme.bold()) } else { line }
}

/// What it holds by the ledger, where there is one; else what it was given.
fn given(of: &HolderView, theme: Theme) -> Span<'static> {
    if let Some((held, _)) = &of.held {
        let style = if held.is_at_odds() { theme.bad() } else { Style::new() };
        return left(&held.text(), GIVEN, style);
    }
    let limit = of.memory_limit.map(|limit| format!(" ≤{}", bytes(limit))).unwrap_or_default();
    let style = if of.is_at_odds { theme.bad() } else { Style::new() };
    left(&format!("{}{limit}", of.given), GIVEN, style)
}

/// What the meter says of it since the first look.
fn metered(of: &HolderView, theme: Theme) -> Vec<Span<'static>> {
    let Some(row) = &of.metered else {
        return METER.map(|columns| right("n/a", columns, theme.absent())).into();
    };
    vec![
        right(&meter::held(row), METER[0], Style::new()),
        meter::busy(row, theme),
        meter::energy(row, theme),
        right(&meter::covered(row), METER[3], theme.dim()),
    ]
}

/// As many as there is room for, and how many more.
fn processes(of: &HolderView, columns: usize) -> String {
    let mut text = String::new();
    for (number, process) in of.processes.iter().enumerate() {
        let more = of.processes.len() - number;
        let separator = if number == 0 { "" } else { ", " };
        if number > 0 && text.chars().count() + process.chars().count() + 8 > columns {
            return format!("{text} +{more}");
        }
        text = format!("{text}{separator}{process}");
    }
    cut(&text, columns)
}
