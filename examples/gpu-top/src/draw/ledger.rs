//! The ledger beside what the machine shows.

use ratatui::style::Style;
use ratatui::text::{Line, Span};

use super::Lines;
use super::cells::{left, right};
use super::theme::Theme;
use crate::model::View;
use crate::model::ledger::HeldView;
use crate::state::State;
use crate::text::cut;

const PLACE: usize = 13;
const EXPIRES: usize = 14;
const SAYS: usize = 19;
const HOLDING: usize = 32;

/// What is held, and what is given or used and not held.
pub fn lines(view: &View, state: &State, theme: Theme, width: u16) -> Lines {
    let width = usize::from(width);
    let style = theme.head();
    let mut rest = width.saturating_sub(1 + SAYS + 1 + PLACE + 1);
    let who = rest.saturating_sub(1).min(18);
    rest = rest.saturating_sub(who + 1);
    let mut takes = |columns: usize| {
        let fits = rest > columns;
        rest -= if fits { columns + 1 } else { 0 };
        if fits { columns } else { 0 }
    };
    let columns = [takes(EXPIRES), takes(14), takes(14), takes(HOLDING)];
    let [expires, whose, label, holding] = columns;
    let mut head = vec![
        Span::styled(" ", style),
        left("THE LEDGER SAYS", SAYS, style),
        left("OF", PLACE, style),
        left("WHO", who, style),
    ];
    for (title, columns) in [("EXPIRES", expires), ("OF", whose), ("LABEL", label), ("HOLDING", holding)] {
        if columns > 0 {
            head.push(left(title, columns, style));
        }
    }
    let mut lines = Vec::new();
    match &view.ledger {
        None => lines
            .push(Line::from(Span::styled(cut(" no ledger: --ledger FILE shows one", width), theme.dim()))),
        Some(of) => {
            let name = format!(" {}, {} entries", of.name, of.entries);
            lines.push(Line::from(Span::styled(cut(&name, width), theme.dim())));
            let shown: Vec<&HeldView> = of.lines.iter().filter(|line| matches(line, state)).collect();
            if shown.is_empty() {
                let why = if of.lines.is_empty() { " nothing is held" } else { " nothing matches" };
                lines.push(Line::from(Span::styled(cut(why, width), theme.dim())));
            }
            lines.extend(shown.into_iter().map(|of| line(of, who, columns, theme)));
        }
    }
    Lines { head: Line::from(head), lines, cursor: 0 }
}

fn line(of: &HeldView, who: usize, columns: [usize; 4], theme: Theme) -> Line<'static> {
    let style = if of.is_at_odds() { theme.bad() } else { Style::new() };
    let mut spans = vec![
        Span::raw(" "),
        left(&of.text(), SAYS, style),
        left(&of.place, PLACE, Style::new()),
        left(&of.who, who, theme.bold()),
    ];
    let texts = [&of.expires, &of.whose, &of.label, &of.holding];
    for (text, columns) in texts.into_iter().zip(columns).filter(|(_, columns)| *columns > 0) {
        spans.push(left(text, columns, theme.dim()));
    }
    Line::from(spans)
}

fn matches(of: &HeldView, state: &State) -> bool {
    let wanted = state.filter.to_lowercase();
    let texts = [&of.who, &of.whose, &of.place, &of.label, &of.holding, &of.text()];
    texts.iter().any(|text| text.to_lowercase().contains(&wanted))
}

/// What of it stands in a row of who: the unit, and when it ends.
pub(super) fn beside(of: Option<&(HeldView, usize)>, theme: Theme) -> [Span<'static>; 2] {
    let style = theme.dim();
    let Some((of, more)) = of.filter(|(of, _)| !of.holding.is_empty()) else {
        return [left("-", PLACE, style), right("", EXPIRES, style)];
    };
    let more = if *more > 0 { format!(" +{more}") } else { String::new() };
    [left(&format!("{}{more}", of.place), PLACE, Style::new()), right(&of.expires, EXPIRES, style)]
}

pub(super) const BESIDE: [usize; 2] = [PLACE, EXPIRES];
