//! One frame as text.

use std::error::Error;

use ratatui::Terminal;
use ratatui::backend::TestBackend;
use ratatui::buffer::Buffer;

use crate::args::Args;
use crate::draw::{self, Around, Theme};
use crate::model::View;
use crate::source::{Source, Time};
use crate::state::State;

/// The frame after as many looks as the command line asks for.
pub fn once(args: &Args) -> Result<String, Box<dyn Error>> {
    let Source { node, mut time, simulated, mut viewer } = Source::open(args)?;
    let mut watch = node.watch();
    let mut view = View::default();
    for look in 0..args.looks {
        if look > 0 {
            match time.pass(args.every, args.speed) {
                // Simulated and recorded time need not be waited for.
                Ok(Some(wait)) if matches!(time, Time::Real) => std::thread::sleep(wait),
                Ok(Some(_)) => {}
                Ok(None) => break,
                Err(error) => {
                    view.end = Some(format!("cannot be read any further: {error}"));
                    break;
                }
            }
        }
        let attribution = watch.look();
        view = viewer.view(&node, simulated.as_deref(), &watch, &attribution);
    }
    let around = Around { every: format!("{} s", args.every.as_secs_f64()), waits: None };
    let theme = Theme { color: false };
    let state = State { page: args.view, ..State::default() };
    let height = args.height.unwrap_or_else(|| draw::height(&view, &state, theme, args.width));
    let mut terminal = Terminal::new(TestBackend::new(args.width, height))?;
    terminal.draw(|frame| draw::frame(frame, &view, &state, &around, theme))?;
    Ok(text(terminal.backend().buffer(), args.height.is_none()))
}

/// The cells of a screen as lines; empty ones before the last left out where it is as high as it needs.
pub fn text(buffer: &Buffer, is_close: bool) -> String {
    let width = usize::from(buffer.area.width).max(1);
    let rows = buffer.content.chunks(width);
    let mut lines: Vec<String> = rows
        .map(|row| row.iter().map(ratatui::buffer::Cell::symbol).collect::<String>().trim_end().to_owned())
        .collect();
    if is_close {
        let last = lines.pop();
        while lines.last().is_some_and(String::is_empty) {
            lines.pop();
        }
        lines.extend(last);
    }
    lines.join("\n") + "\n"
}
