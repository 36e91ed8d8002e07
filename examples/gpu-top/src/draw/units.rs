//! Devices and partitions, with a board's slots.

use ratatui::text::{Line, Span};

use super::Lines;
use super::cells::{bar, cell, history, left, right};
use super::theme::Theme;
use crate::model::View;
use crate::model::slots::Slots;
use crate::model::trace::thousandths;
use crate::model::unit::UnitView;
use crate::state::{List, State};
use crate::text::{bytes, cut, energy, short, watts};

/// Which columns there is room for.
struct Columns {
    name: usize,
    busy_bar: usize,
    memory_bar: usize,
    has_power: bool,
    has_temperature: bool,
    has_energy: bool,
    has_clock: bool,
    history: usize,
}

const PLACE: usize = 5;
const BUSY: usize = 6;
const MEMORY: usize = 13;
const POWER: usize = 9;
const TEMPERATURE: usize = 6;
const ENERGY: usize = 9;
const CLOCK: usize = 8;

impl Columns {
    fn of(width: u16) -> Self {
        let width = usize::from(width);
        // What is always there, each with the space after it.
        let mut room = width.saturating_sub(1 + PLACE + 1 + BUSY + 1 + MEMORY + 1);
        let mut columns = Self {
            name: 0,
            busy_bar: 0,
            memory_bar: 0,
            has_power: false,
            has_temperature: false,
            has_energy: false,
            has_clock: false,
            history: 0,
        };
        // The name's first letters come before anything else.
        columns.name = room.saturating_sub(1).min(14);
        room = room.saturating_sub(columns.name + 1);
        let mut takes = |columns: usize| {
            let fits = room > columns;
            room -= if fits { columns + 1 } else { 0 };
            fits
        };
        columns.has_power = takes(POWER);
        columns.busy_bar = if takes(6) { 6 } else { 0 };
        columns.has_temperature = takes(TEMPERATURE);
        columns.memory_bar = if takes(8) { 8 } else { 0 };
        columns.has_energy = takes(ENERGY);
        columns.history = if takes(12) { 12 } else { 0 };
        columns.has_clock = takes(CLOCK);
        // What is left: the rest of the name first, then more of the past.
        let more = room.min(12);
        columns.name += more;
        if columns.history > 0 {
            columns.history += (room - more).min(200);
        }
        columns
    }

    fn head(&self, theme: Theme) -> Line<'static> {
        let style = theme.head();
        let mut spans = vec![
            Span::styled(" ", style),
            left("GPU", PLACE, style),
            left("", self.name, style),
            right("BUSY", BUSY, style),
        ];
        let mut add = |is_there: bool, title: &str, columns: usize| {
            if is_there {
                spans.push(right(title, columns, style));
            }
        };
        add(self.busy_bar > 0, "", self.busy_bar);
        add(true, "MEMORY", MEMORY);
        add(self.memory_bar > 0, "", self.memory_bar);
        add(self.has_power, "POWER W", POWER);
        add(self.has_temperature, "TEMP", TEMPERATURE);
        add(self.has_energy, "ENERGY", ENERGY);
        add(self.has_clock, "CLOCK", CLOCK);
        if self.history > 0 {
            spans.push(Span::styled(format!("{:>1$}", "HISTORY", self.history), style));
        }
        Line::from(spans)
    }
}

/// Devices and partitions that the filter lets through.
pub fn lines(view: &View, state: &State, theme: Theme, width: u16) -> Lines {
    let columns = Columns::of(width);
    let shown = state.units(view);
    let (mut lines, mut cursor) = (Vec::new(), 0);
    for (number, of) in shown.iter().enumerate() {
        let is_chosen = state.list == List::Units && number == state.unit;
        if is_chosen {
            cursor = lines.len();
        }
        lines.push(row(of, &columns, theme, is_chosen));
        if let Some(slots) = &of.slots {
            lines.push(board(slots, theme, usize::from(width)));
        }
    }
    if shown.is_empty() {
        let why =
            if view.units.is_empty() { view.outcomes.clone() } else { vec!["no GPU matches".to_owned()] };
        let lines_of =
            why.iter().map(|text| Line::from(Span::raw(cut(&format!(" {text}"), usize::from(width)))));
        lines.extend(lines_of);
    }
    Lines { head: columns.head(theme), lines, cursor }
}

fn row(of: &UnitView, columns: &Columns, theme: Theme, is_chosen: bool) -> Line<'static> {
    let name_style = if of.depth == 0 { theme.bold() } else { theme.dim() };
    let place = format!("{}{}", " ".repeat(of.depth.saturating_sub(1)), of.place);
    let mut spans = vec![
        Span::raw(if is_chosen { "›" } else { " " }),
        left(&place, PLACE.max(place.len().min(7)), theme.bold()),
    ];
    // A long place takes from the name.
    let longer = place.len().min(7).saturating_sub(PLACE);
    spans.push(left(&of.name, columns.name.saturating_sub(longer), name_style));
    let busy = of.busy.ok().map(|part| part.get());
    spans.push(cell(&of.busy, BUSY, theme, |part| {
        (format!("{}%", tenths(part.get())), theme.level(part.get()))
    }));
    if columns.busy_bar > 0 {
        spans.extend(bar(busy, columns.busy_bar, theme));
    }
    spans.extend(memory(of, columns, theme));
    if columns.has_power {
        spans.push(cell(&of.power, POWER, theme, |power| {
            let limit = of.power_limit.ok();
            let part = limit.and_then(|limit| thousandths(power.get(), limit.get())).unwrap_or(0);
            let limit = limit.map(|limit| format!("/{}", watts(limit))).unwrap_or_default();
            (format!("{}{limit}", watts(*power)), theme.level(part.into()))
        }));
    }
    if columns.has_temperature {
        spans.push(cell(&of.temperature, TEMPERATURE, theme, |heat| {
            (format!("{} °C", heat.get() / 1000), ratatui::style::Style::new())
        }));
    }
    if columns.has_energy {
        spans.push(cell(&of.energy, ENERGY, theme, |spent| (energy(*spent), ratatui::style::Style::new())));
    }
    if columns.has_clock {
        spans.push(cell(&of.clock, CLOCK, theme, |clock| {
            (format!("{} MHz", clock.get() / 1_000_000), ratatui::style::Style::new())
        }));
    }
    if columns.history > 0 {
        spans.push(history(&of.history, columns.history, theme));
    }
    let line = Line::from(spans);
    if is_chosen { line.style(theme.bold()) } else { line }
}

fn memory(of: &UnitView, columns: &Columns, theme: Theme) -> Vec<Span<'static>> {
    let part = match (of.memory_used, of.memory_total) {
        (Ok(used), Ok(total)) => thousandths(used.get(), total.get()).map(u64::from),
        _ => None,
    };
    let total = of.memory_total.map_or_else(|_| "?".to_owned(), bytes);
    let text = match of.memory_used {
        Ok(used) => right(&format!("{}/{total}", bytes(used)), MEMORY, theme.level(part.unwrap_or(0))),
        Err(absence) => right(&format!("{}/{total}", short(absence)), MEMORY, theme.absent()),
    };
    let mut spans = vec![text];
    if columns.memory_bar > 0 {
        spans.extend(bar(part, columns.memory_bar, theme));
    }
    spans
}

fn tenths(permille: u64) -> String {
    if permille % 10 == 0 {
        (permille / 10).to_string()
    } else {
        format!("{}.{}", permille / 10, permille % 10)
    }
}

/// A board's slots as a bar: partitions where they sit, and what is free.
fn board(slots: &Slots, theme: Theme, width: usize) -> Line<'static> {
    let indent = PLACE + 2;
    let count = usize::try_from(slots.count).unwrap_or(usize::MAX).max(1);
    // A border after each run, and one before the first.
    let each = (width.saturating_sub(indent + 2) / count).clamp(2, 10);
    let mut spans = vec![Span::raw(" ".repeat(indent)), Span::styled("▕", theme.dim())];
    let mut number = 0;
    for (size, name) in slots.runs() {
        let columns = usize::try_from(size).unwrap_or(1) * each - 1;
        let text = cut(name.unwrap_or("free"), columns);
        let text = format!("{text:^columns$}");
        spans.push(match name {
            Some(_) => Span::styled(text, theme.slot(number)),
            None => Span::styled(text, theme.dim()),
        });
        number += usize::from(name.is_some());
        spans.push(Span::styled("▏", theme.dim()));
    }
    if !slots.is_whole {
        spans.push(Span::styled("…", theme.dim()));
    }
    Line::from(spans)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_width_is_too_narrow_and_none_is_left_unused() {
        for width in 0..300 {
            let columns = Columns::of(width);
            let head: String =
                columns.head(Theme { color: false }).spans.iter().map(|of| of.content.as_ref()).collect();
            let least = 1 + PLACE + 1 + 1 + BUSY + 1 + MEMORY + 1;
            let used = head.chars().count();
            assert!(used <= usize::from(width).max(least), "{used} columns of {width}");
        }
        let wide = Columns::of(200);
        assert!(
            wide.has_power && wide.has_temperature && wide.has_energy && wide.has_clock && wide.history > 12
        );
        assert!(!Columns::of(50).has_energy);
    }
}
