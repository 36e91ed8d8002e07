//! The keys, over everything else.

use ratatui::Frame;
use ratatui::layout::Rect;
use ratatui::text::Line;
use ratatui::widgets::{Block, Clear, Paragraph};

use super::theme::Theme;

const KEYS: [&str; 22] = [
    "q, Ctrl-C   quit",
    "↑ ↓ j k     move; PgUp PgDn g G further",
    "Tab         GPUs, or who is on them",
    "Enter       details of what is chosen",
    "1 2 3 4     both, GPUs, who, notes",
    "m l, 5 6    meter: held beside used; the ledger beside it",
    "s, r        order of who; the other way round",
    "/           filter; Esc clears it",
    "space       pause; n one look meanwhile",
    "+ -         look twice, or half, as often",
    "BUSY        part of the time in which anything ran",
    "MEMORY      used of what there is; the meter's: on average",
    "ENERGY      since the first look; STANDBY: idle, and held",
    "HISTORY     of BUSY or ENGINE; of MEMORY where not told",
    "HELD        what it was given, or holds by the ledger",
    "UNUSED      held and not used; dead: by who is gone",
    "COVERED     of the time, what the meter's numbers speak of",
    "~ ≈         the driver's estimate; apportioned by rule",
    "n/a         the driver has no such number",
    "denied      this user may not read it; wait: another look",
    "asleep      the GPU sleeps, and is not woken",
    "lost        the GPU is gone; hangs, failed, unseen: so it is",
];

/// Draws the keys into the middle.
pub fn draw(frame: &mut Frame<'_>, area: Rect, theme: Theme) {
    let width = area.width.min(60);
    let height = area.height.min(u16::try_from(KEYS.len()).unwrap_or(u16::MAX) + 2);
    let middle =
        Rect { x: area.x + (area.width - width) / 2, y: area.y + (area.height - height) / 2, width, height };
    let lines: Vec<Line<'_>> = KEYS.iter().map(|line| Line::raw(format!(" {line}"))).collect();
    let block = Block::bordered().title(" keys and signs ").title_style(theme.head());
    frame.render_widget(Clear, middle);
    frame.render_widget(Paragraph::new(lines).block(block), middle);
}
