//! What was held and used since the first look, and what nobody can be named for.

use gpu_accounting::meter::Gap;
use ratatui::style::Style;
use ratatui::text::{Line, Span};

use super::Lines;
use super::cells::{cell, left, right};
use super::theme::Theme;
use crate::model::View;
use crate::model::meter::{MeterRow, RowKind, Used};
use crate::model::unit::Cell;
use crate::state::State;
use crate::text::{bytes, cut, length, percent, short, watt_hours};

const HELD: usize = 10;
pub(super) const BUSY: usize = 10;
const MEMORY: usize = 8;
pub(super) const ENERGY: usize = 11;
const COVERED: usize = 13;
const PLACE: usize = 13;
const SHARE: usize = 6;
const PART: usize = 5;
const STANDBY: usize = 11;

/// Which columns there is room for: what comes first is given up last.
struct Columns {
    who: usize,
    has_energy: bool,
    has_held: bool,
    has_busy: bool,
    has_memory: bool,
    has_place: bool,
    has_covered: bool,
    has_share: bool,
    has_part: bool,
    has_standby: bool,
    whose: usize,
}

impl Columns {
    fn of(width: u16) -> Self {
        let mut room = usize::from(width).saturating_sub(1);
        let who = room.saturating_sub(1).min(16);
        room = room.saturating_sub(who + 1);
        let mut takes = |columns: usize| {
            let fits = room > columns;
            room -= if fits { columns + 1 } else { 0 };
            fits
        };
        let mut columns = Self {
            who,
            has_energy: takes(ENERGY),
            has_held: takes(HELD),
            has_busy: takes(BUSY),
            has_memory: takes(MEMORY),
            has_place: takes(PLACE),
            has_covered: takes(COVERED),
            has_share: takes(SHARE),
            has_part: takes(PART),
            has_standby: takes(STANDBY),
            whose: if takes(14) { 14 } else { 0 },
        };
        columns.who += room.min(12);
        columns
    }

    fn head(&self, theme: Theme) -> Line<'static> {
        let style = theme.head();
        let mut spans = vec![Span::styled(" ", style), left("WHO", self.who, style)];
        let mut add = |is_there: bool, span: Span<'static>| {
            if is_there {
                spans.push(span);
            }
        };
        add(self.has_place, left("ON", PLACE, style));
        add(self.has_part, right("PART", PART, style));
        add(self.has_held, right("HELD", HELD, style));
        add(self.has_busy, right("BUSY FOR", BUSY, style));
        add(self.has_share, right("", SHARE, style));
        add(self.has_memory, right("MEMORY", MEMORY, style));
        add(self.has_energy, right("ENERGY", ENERGY, style));
        add(self.has_standby, right("STANDBY", STANDBY, style));
        add(self.has_covered, left("COVERED", COVERED, style));
        add(self.whose > 0, left("OF", self.whose, style));
        Line::from(spans)
    }
}

/// Each device with who has what of it, what is nobody's, and what was idle.
pub fn lines(view: &View, state: &State, theme: Theme, width: u16) -> Lines {
    let (columns, most) = (Columns::of(width), usize::from(width));
    let of = &view.meter;
    let looks = of.looks + 1;
    let since = format!(
        " over {} and {looks} look{}; held by {}",
        length(of.length.get().into()),
        if looks == 1 { "" } else { "s" },
        of.held_by
    );
    let mut lines = vec![Line::from(Span::styled(cut(&since, most), theme.dim()))];
    let shown = of.rows.iter().filter(|row| row.kind != RowKind::Part || matches(row, state));
    lines.extend(shown.map(|row| line(row, &columns, theme)));
    if of.rows.is_empty() {
        lines.push(Line::from(Span::styled(" there is no GPU to meter", theme.dim())));
    }
    lines.extend(of.events.iter().map(|event| Line::from(Span::raw(cut(&format!(" {event}"), most)))));
    Lines { head: columns.head(theme), lines, cursor: 0 }
}

fn matches(row: &MeterRow, state: &State) -> bool {
    let wanted = state.filter.to_lowercase();
    [&row.who, &row.whose, &row.place].iter().any(|text| text.to_lowercase().contains(&wanted))
}

fn line(row: &MeterRow, columns: &Columns, theme: Theme) -> Line<'static> {
    let is_device = row.kind == RowKind::Device;
    let who = if is_device { format!("{} {}", row.place, row.who) } else { format!("  {}", row.who) };
    let style = if is_device { theme.bold() } else { Style::new() };
    let mut spans = vec![Span::raw(" "), left(&who, columns.who, style)];
    if columns.has_place {
        let is_part = row.kind == RowKind::Part;
        spans.push(left(if is_part { &row.place } else { "" }, PLACE, Style::new()));
    }
    if columns.has_part {
        let text = match (row.kind, &row.part) {
            (RowKind::Part, Some(part)) => part,
            (RowKind::Part, None) => "n/a",
            _ => "",
        };
        spans.push(right(text, PART, Style::new()));
    }
    if columns.has_held {
        // Of all that nobody holds there is no sum: a unit and what lies in it exclude each other.
        spans.push(match row.kind {
            RowKind::Idle => right("", HELD, Style::new()),
            _ => cell(&row.held, HELD, theme, |time| (length(*time), Style::new())),
        });
    }
    if columns.has_busy {
        spans.push(busy(row, theme));
    }
    if columns.has_share {
        let share = row.busy.ok().map_or_else(String::new, |of| percent(of.value, of.told));
        spans.push(right(&share, SHARE, theme.dim()));
    }
    if columns.has_memory {
        spans.push(used(row, &row.memory, MEMORY, theme, |of| bytes(of.average()) + of.mark));
    }
    if columns.has_energy {
        spans.push(energy(row, theme));
    }
    if columns.has_standby {
        let text = if row.standby > 0 { watt_hours(row.standby) } else { String::new() };
        spans.push(right(&text, STANDBY, theme.dim()));
    }
    if columns.has_covered {
        spans.push(left(&covered(row), COVERED, if row.lack.is_some() { theme.bad() } else { theme.dim() }));
    }
    if columns.whose > 0 {
        spans.push(left(&row.whose, columns.whose, theme.dim()));
    }
    let line = Line::from(spans);
    match row.kind {
        RowKind::Idle => line.style(theme.dim()),
        _ => line,
    }
}

/// For how long it kept shaders busy, or why that is not known.
pub(super) fn busy(row: &MeterRow, theme: Theme) -> Span<'static> {
    used(row, &row.busy, BUSY, theme, |of| length(of.value) + of.mark)
}

/// The energy that its work took.
pub(super) fn energy(row: &MeterRow, theme: Theme) -> Span<'static> {
    used(row, &row.energy, ENERGY, theme, |of| watt_hours(of.value) + of.mark)
}

/// A number of what was used; what is held and was never used is no absence of a number.
fn used(
    row: &MeterRow,
    of: &Cell<Used>,
    columns: usize,
    theme: Theme,
    text: impl FnOnce(&Used) -> String,
) -> Span<'static> {
    if !row.is_used {
        return right("unused", columns, theme.absent());
    }
    cell(of, columns, theme, |of| (text(of), Style::new()))
}

/// How much of the time the numbers speak of, and why of no more.
pub(super) fn covered(row: &MeterRow) -> String {
    match (row.covered, row.lack) {
        (Some(covered), Some(lack)) => {
            let of = lack.of.map_or_else(String::new, |of| format!("{of} "));
            format!("{of}{} {}", percent(covered.into(), 1000), why(lack.why))
        }
        (Some(covered), None) => percent(covered.into(), 1000),
        (None, _) if row.kind == RowKind::Part && row.is_used => "n/a".to_owned(),
        (None, _) => String::new(),
    }
}

/// Why numbers are missing, as short as absences are elsewhere.
const fn why(gap: Gap) -> &'static str {
    match gap {
        Gap::Unobserved => "unseen",
        gap => short(gap.absence()),
    }
}

/// For how long it was held.
pub(super) fn held(row: &MeterRow) -> String {
    row.held.map_or_else(|absence| short(absence).to_owned(), length)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_width_is_too_narrow() {
        for width in 2..250 {
            let head = Columns::of(width).head(Theme { color: false });
            let used: usize = head.spans.iter().map(|of| of.content.chars().count()).sum();
            assert!(used <= usize::from(width), "{used} columns of {width}");
        }
        let (narrow, wide) = (Columns::of(60), Columns::of(140));
        assert!(narrow.has_energy && narrow.has_held && narrow.has_busy && !narrow.has_standby);
        assert!(wide.has_standby && wide.has_part && wide.whose > 0);
    }
}
