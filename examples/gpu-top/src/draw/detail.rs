//! Everything of the unit or holder under the cursor.

use ratatui::text::{Line, Span};

use super::Lines;
use super::cells::left;
use super::theme::Theme;
use crate::model::View;
use crate::model::holder::HolderView;
use crate::model::meter::{MeterRow, Used};
use crate::model::unit::{Cell, UnitView};
use crate::state::{List, State};
use crate::text::{bytes, cut, length, watt_hours};

const NAME: usize = 28;

/// Everything of what is under the cursor.
pub fn lines(view: &View, state: &State, theme: Theme, width: u16) -> Lines {
    let width = usize::from(width);
    let (title, lines) = match state.list {
        List::Units => match state.units(view).get(state.unit) {
            Some(of) => (format!(" {} {}", of.place, of.name), unit(of, view, theme, width)),
            None => (" nothing is chosen".to_owned(), Vec::new()),
        },
        List::Holders => match state.holders(view).get(state.holder) {
            Some(of) => (format!(" {} on {}", of.who, of.place), holder(of, theme, width)),
            None => (" nothing is chosen".to_owned(), Vec::new()),
        },
    };
    Lines { head: Line::from(Span::styled(cut(&title, width), theme.head())), lines, cursor: 0 }
}

fn fact(name: &str, text: &str, theme: Theme, width: usize) -> Line<'static> {
    let text = cut(text, width.saturating_sub(NAME + 2));
    Line::from(vec![Span::raw(" "), left(name, NAME, theme.dim()), Span::raw(text)])
}

fn unit(of: &UnitView, view: &View, theme: Theme, width: usize) -> Vec<Line<'static>> {
    let mut lines: Vec<_> = of.facts.iter().map(|(name, text)| fact(name, text, theme, width)).collect();
    let parts = |n: u64| bytes(gpu_accounting::Bytes(n));
    lines.push(match of.balance {
        Ok(all) => {
            let text = format!(
                "{} somebody's, {} nobody's, {} kept by the driver, {} free",
                parts(all.attributed),
                parts(all.unattributed),
                parts(all.reserved),
                parts(all.free)
            );
            fact("memory is", &text, theme, width)
        }
        Err(absence) => fact("memory is", &format!("- ({absence})"), theme, width),
    });
    let on = view.holders.iter().filter(|holder| holder.unit.lies_in(of.unit) && holder.memory.is_some());
    lines.extend(on.map(|holder| {
        let text = format!("{} ({})", holder.who, holder.processes.join(", "));
        fact(&format!("on {}", holder.place), &text, theme, width)
    }));
    for (name, value) in &of.metrics {
        lines.push(match value {
            Ok((value, source)) => fact(name, &format!("{value}  ({source})"), theme, width),
            Err(absence) => fact(name, &format!("- ({absence})"), theme, width).style(theme.absent()),
        });
    }
    lines
}

/// What the meter says since the first look: what was held and what was used, each by itself.
fn metered(row: &MeterRow, theme: Theme, width: usize) -> Vec<Line<'static>> {
    let used = |of: Cell<Used>, text: fn(&Used) -> String| match of {
        Ok(used) => format!("{}{}", text(&used), used.mark),
        Err(absence) => format!("- ({absence})"),
    };
    let held = row.held.map_or_else(|absence| format!("- ({absence})"), length);
    let facts = [
        ("metered: held for", held),
        ("metered: busy for", used(row.busy, |of| length(of.value))),
        ("metered: memory, average", used(row.memory, |of| bytes(of.average()))),
        ("metered: energy", used(row.energy, |of| watt_hours(of.value))),
        ("metered: standby energy", watt_hours(row.standby)),
        ("metered: covered", super::meter::covered(row)),
    ];
    facts.iter().map(|(name, text)| fact(name, text, theme, width)).collect()
}

fn holder(of: &HolderView, theme: Theme, width: usize) -> Vec<Line<'static>> {
    let mut lines: Vec<_> = of.facts.iter().map(|(name, text)| fact(name, text, theme, width)).collect();
    lines.push(fact("belongs to", &of.whose, theme, width));
    lines.push(fact("given", &of.given, theme, width));
    if let Some((held, more)) = &of.held {
        lines.extend(held.facts().iter().map(|(name, text)| fact(name, text, theme, width)));
        if *more > 0 {
            lines.push(fact("and", &format!("{more} units more (l)"), theme, width));
        }
    }
    if let Some(row) = &of.metered {
        lines.extend(metered(row, theme, width));
    }
    lines.extend(of.processes.iter().map(|process| fact("process", process, theme, width)));
    lines
}
