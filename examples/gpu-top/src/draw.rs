//! Draws a view: pure functions from a view and a state to the cells of a screen.

mod cells;
mod detail;
mod help;
mod holders;
mod ledger;
mod meter;
mod theme;
mod units;

use ratatui::Frame;
use ratatui::layout::Rect;
use ratatui::text::{Line, Span};
use ratatui::widgets::Paragraph;

use crate::model::View;
use crate::state::{List, Page, State};
use crate::text::cut;

pub use theme::Theme;

/// What stands around a view: how often is looked, and for how long there was no answer.
#[derive(Clone, Debug, Default)]
pub struct Around {
    pub every: String,
    /// A look has not come back for so long.
    pub waits: Option<String>,
}

/// Lines of a list, and which of them holds the cursor.
pub(crate) struct Lines {
    pub head: Line<'static>,
    pub lines: Vec<Line<'static>>,
    pub cursor: usize,
}

/// How high a frame is that shows everything.
pub fn height(view: &View, state: &State, theme: Theme, width: u16) -> u16 {
    let around = view.marks.len() + 8;
    let one = match state.page {
        Page::Meter => Some(meter::lines(view, state, theme, width)),
        Page::Ledger => Some(ledger::lines(view, state, theme, width)),
        _ => None,
    };
    if let Some(of) = one {
        return u16::try_from(of.lines.len() + around).unwrap_or(u16::MAX).min(1000);
    }
    let (units, holders) =
        (units::lines(view, state, theme, width), holders::lines(view, state, theme, width));
    let lines = units.lines.len() + holders.lines.len() + view.troubles.len().min(5) + around;
    u16::try_from(lines).unwrap_or(u16::MAX).min(1000)
}

/// Draws one frame.
pub fn frame(frame: &mut Frame<'_>, view: &View, state: &State, around: &Around, theme: Theme) {
    let area = frame.area();
    let mut rest = area;
    let top = top(view, state, around, theme, area.width);
    put(frame, &mut rest, top);
    let bottom = bottom(view, state, theme, area.width);
    let rows = rest.height.saturating_sub(1);
    let body = split_top(&mut rest, rows);
    frame.render_widget(Paragraph::new(bottom), rest);
    body_of(frame, body, view, state, theme);
    if state.has_help {
        help::draw(frame, area, theme);
    }
}

/// Draws lines at the top of what is left.
fn put(frame: &mut Frame<'_>, rest: &mut Rect, lines: Vec<Line<'static>>) {
    let rows = u16::try_from(lines.len()).unwrap_or(u16::MAX).min(rest.height);
    let area = Rect { height: rows, ..*rest };
    frame.render_widget(Paragraph::new(lines), area);
    *rest = Rect { y: rest.y + rows, height: rest.height - rows, ..*rest };
}

fn body_of(frame: &mut Frame<'_>, area: Rect, view: &View, state: &State, theme: Theme) {
    let mut rest = area;
    if state.has_details {
        return list(frame, area, detail::lines(view, state, theme, area.width), Some(state.scroll));
    }
    match state.page {
        Page::Units => list(frame, area, units::lines(view, state, theme, area.width), None),
        Page::Holders => list(frame, area, holders::lines(view, state, theme, area.width), None),
        Page::Meter => list(frame, area, meter::lines(view, state, theme, area.width), Some(state.scroll)),
        Page::Ledger => list(frame, area, ledger::lines(view, state, theme, area.width), Some(state.scroll)),
        Page::Troubles => {
            list(frame, area, troubles(view, theme, area.width, usize::MAX), Some(state.scroll))
        }
        Page::Both => {
            let units = units::lines(view, state, theme, area.width);
            let holders = holders::lines(view, state, theme, area.width);
            let troubles = troubles(view, theme, area.width, 5);
            let rows = |of: &Lines| u16::try_from(of.lines.len() + 2).unwrap_or(u16::MAX);
            let (wanted, below) = (rows(&units), rows(&holders));
            // Troubles have what the others leave; the GPUs have two thirds where both want more.
            let most = (area.height * 2 / 3).max(area.height.saturating_sub(below));
            let mut upper = split_top(&mut rest, wanted.min(most));
            list(frame, upper, units, None);
            upper = split_top(&mut rest, below);
            list(frame, upper, holders, None);
            if rest.height > 1 && !troubles.lines.is_empty() {
                list(frame, rest, troubles, Some(0));
            }
        }
    }
}

fn split_top(rest: &mut Rect, rows: u16) -> Rect {
    let rows = rows.min(rest.height);
    let top = Rect { height: rows, ..*rest };
    *rest = Rect { y: rest.y + rows, height: rest.height - rows, ..*rest };
    top
}

/// A head and as many lines as there is room for: those around the cursor, or from `scroll` on.
fn list(frame: &mut Frame<'_>, area: Rect, of: Lines, scroll: Option<usize>) {
    if area.height == 0 {
        return;
    }
    let room = usize::from(area.height).saturating_sub(1);
    let last = of.lines.len().saturating_sub(room);
    let from = scroll.unwrap_or_else(|| (of.cursor + 2).saturating_sub(room)).min(last);
    let mut lines = vec![of.head];
    lines.extend(of.lines.into_iter().skip(from).take(room));
    frame.render_widget(Paragraph::new(lines), area);
}

fn top(view: &View, state: &State, around: &Around, theme: Theme, width: u16) -> Vec<Line<'static>> {
    let width = usize::from(width);
    let devices = view.units.iter().filter(|of| of.depth == 0).count();
    let parts = view.units.len() - devices;
    let mut facts = vec![format!("{devices} GPU{}", if devices == 1 { "" } else { "s" })];
    if parts > 0 {
        facts.push(format!("{parts} partition{}", if parts == 1 { "" } else { "s" }));
    }
    facts.push(format!("{} user{}", view.holders.len(), if view.holders.len() == 1 { "" } else { "s" }));
    facts.push(view.time.clone());
    if width >= 80 {
        facts.push(format!("up {}", view.up));
    }
    facts.push(if state.is_paused { "paused".to_owned() } else { format!("every {}", around.every) });
    let mut lines = vec![Line::from(vec![
        Span::styled(" gpu-top ", theme.title()),
        Span::raw(cut(&format!(" {}", facts.join(" · ")), width.saturating_sub(9))),
    ])];
    let marks = view.marks.iter().map(|mark| format!(" {mark} "));
    lines.extend(marks.map(|mark| Line::from(Span::styled(cut(&mark, width), theme.mark()))));
    if let Some(waits) = &around.waits {
        let text = format!(" no answer for {waits}: what is below is older ");
        lines.push(Line::from(Span::styled(cut(&text, width), theme.bad())));
    }
    if let Some((of, why)) = view.ledger.as_ref().and_then(|of| Some((of, of.why.as_ref()?))) {
        let text = format!(" the ledger cannot be read (what is held is as of entry {}): {why} ", of.entries);
        lines.push(Line::from(Span::styled(cut(&text, width), theme.bad())));
    }
    if let Some(end) = &view.end {
        lines.push(Line::from(Span::styled(cut(&format!(" {end} "), width), theme.bad())));
    }
    lines
}

fn bottom(view: &View, state: &State, theme: Theme, width: u16) -> Line<'static> {
    let width = usize::from(width);
    if state.is_typing {
        return Line::from(vec![
            Span::styled("/", theme.title()),
            Span::raw(cut(&state.filter, width.saturating_sub(2))),
            Span::styled(" ", theme.cursor()),
        ]);
    }
    let mut text = match state.list {
        _ if state.has_details => " Enter closes · ↑↓ scroll".to_owned(),
        List::Units | List::Holders => {
            " ? help · m meter · Enter details · s sort · / filter · 1-6 pages · q quit".to_owned()
        }
    };
    if !state.filter.is_empty() {
        text = format!(" filter {:?} (Esc clears){text}", state.filter);
    }
    if state.page != Page::Troubles && !view.troubles.is_empty() {
        text = format!(" {} notes (4){text}", view.troubles.len());
    }
    Line::from(Span::styled(cut(&text, width), theme.dim()))
}

fn troubles(view: &View, theme: Theme, width: u16, most: usize) -> Lines {
    let width = usize::from(width);
    let mut lines: Vec<Line<'static>> = view
        .troubles
        .iter()
        .take(most)
        .map(|text| Line::from(Span::raw(cut(&format!(" {text}"), width))))
        .collect();
    if view.troubles.len() > most {
        lines
            .push(Line::from(Span::styled(format!(" and {} more", view.troubles.len() - most), theme.dim())));
    }
    Lines { head: Line::from(Span::styled(" NOTES", theme.head())), lines, cursor: 0 }
}
