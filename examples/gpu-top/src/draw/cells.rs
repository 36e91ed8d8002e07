//! Cells: numbers, bars and histories as spans of a fixed width.

use ratatui::style::Style;
use ratatui::text::Span;

use super::theme::Theme;
use crate::model::trace::Shown;
use crate::model::unit::Cell;
use crate::text::{cut, short};

/// Text on the left of its columns.
pub fn left(text: &str, columns: usize, style: Style) -> Span<'static> {
    Span::styled(format!("{:<columns$} ", cut(text, columns)), style)
}

/// Text on the right of its columns.
pub fn right(text: &str, columns: usize, style: Style) -> Span<'static> {
    Span::styled(format!("{:>columns$} ", cut(text, columns)), style)
}

/// A number, or its absence in the same columns.
pub fn cell<T>(
    of: &Cell<T>,
    columns: usize,
    theme: Theme,
    shown: impl FnOnce(&T) -> (String, Style),
) -> Span<'static> {
    match of {
        Ok(value) => {
            let (text, style) = shown(value);
            right(&text, columns, style)
        }
        Err(absence) => right(short(*absence), columns, theme.absent()),
    }
}

/// A bar of so many columns, filled by thousandths: at least one column for what is not nothing.
pub fn bar(thousandths: Option<u64>, columns: usize, theme: Theme) -> Vec<Span<'static>> {
    let Some(thousandths) = thousandths else {
        return vec![Span::styled(format!("{} ", "╌".repeat(columns)), theme.absent())];
    };
    let whole = columns as u64;
    let full = (thousandths.min(1000) * whole + 500) / 1000;
    let full = if thousandths > 0 { full.max(1) } else { 0 };
    let full = usize::try_from(full).unwrap_or(columns).min(columns);
    vec![
        Span::styled("█".repeat(full), theme.level(thousandths)),
        Span::styled(format!("{} ", "░".repeat(columns - full)), theme.dim()),
    ]
}

/// The latest of a series in so many columns: a block each, and `·` for a look without a number.
pub fn history(of: &Shown, columns: usize, theme: Theme) -> Span<'static> {
    const BLOCKS: [char; 8] = ['▁', '▂', '▃', '▄', '▅', '▆', '▇', '█'];
    let skipped = of.values.len().saturating_sub(columns);
    let drawn = of.values[skipped..].iter().map(|value| match value {
        Some(value) => BLOCKS[(usize::from(*value) * 8 / 1001).min(7)],
        None => '·',
    });
    let drawn: String = drawn.collect();
    Span::styled(format!("{drawn:>columns$}"), if of.what == "busy" { theme.level(0) } else { theme.dim() })
}

#[cfg(test)]
mod tests {
    use super::*;

    const PLAIN: Theme = Theme { color: false };

    fn text(spans: &[Span<'_>]) -> String {
        spans.iter().map(|span| span.content.as_ref()).collect()
    }

    #[test]
    fn a_bar_is_as_full_as_what_it_shows_and_an_absence_is_no_empty_bar() {
        assert_eq!(text(&bar(Some(0), 10, PLAIN)), "░░░░░░░░░░ ");
        assert_eq!(text(&bar(Some(1), 10, PLAIN)), "█░░░░░░░░░ ");
        assert_eq!(text(&bar(Some(500), 10, PLAIN)), "█████░░░░░ ");
        assert_eq!(text(&bar(Some(u64::MAX), 10, PLAIN)), "██████████ ");
        assert_eq!(text(&bar(None, 3, PLAIN)), "╌╌╌ ");
    }

    #[test]
    fn a_history_shows_the_latest_and_its_gaps() {
        let values = vec![Some(1000), Some(0), None, Some(125), Some(126), Some(1000), Some(500)];
        let shown = Shown { what: "busy", values };
        assert_eq!(history(&shown, 6, PLAIN).content, "▁·▁▂█▄");
        assert_eq!(history(&shown, 9, PLAIN).content, "  █▁·▁▂█▄");
    }
}
