//! The terminal: keys in, frames out.

use std::error::Error;
use std::time::{Duration, Instant};

use ratatui::DefaultTerminal;
use ratatui::crossterm::event::{self, Event, KeyEventKind};

use crate::args::Args;
use crate::draw::{self, Around, Theme};
use crate::model::View;
use crate::source::Source;
use crate::state::{State, Wish};
use crate::worker::{self, News, Order};

/// How often keys and news are asked for. Frames are drawn when anything has changed.
const TICK: Duration = Duration::from_millis(50);
/// A look that takes longer than this is said to take long.
const LONG: Duration = Duration::from_secs(3);

/// Shows the machine until somebody quits.
pub fn show(args: &Args) -> Result<(), Box<dyn Error>> {
    let source = Source::open(args)?;
    let terminal = ratatui::try_init()?;
    let shown = run(terminal, source, args);
    ratatui::restore();
    shown
}

fn run(mut terminal: DefaultTerminal, source: Source, args: &Args) -> Result<(), Box<dyn Error>> {
    let mut every = args.every;
    let (orders, news) = worker::start(source, every, args.speed);
    let (mut view, mut state) = (View::default(), State { page: args.view, ..State::default() });
    let theme = Theme { color: args.color };
    let mut begun: Option<Instant> = None;
    let mut is_due = true;
    loop {
        for of in news.try_iter() {
            is_due = true;
            match of {
                News::Begun => begun = Some(Instant::now()),
                News::View(new) => {
                    begun = None;
                    view = *new;
                    state.settle(&view);
                }
                News::End(why) => view.end = Some(why),
            }
        }
        let waits = begun.map(|begun| begun.elapsed()).filter(|waits| *waits > LONG);
        if is_due || waits.is_some() {
            let waits = waits.map(|waits| format!("{} s", waits.as_secs()));
            let around = Around { every: format!("{} s", every.as_secs_f64()), waits };
            terminal.draw(|frame| draw::frame(frame, &view, &state, &around, theme))?;
            is_due = false;
        }
        if !event::poll(TICK)? {
            continue;
        }
        is_due = true;
        let Event::Key(key) = event::read()? else { continue };
        if key.kind == KeyEventKind::Release {
            continue;
        }
        let was_paused = state.is_paused;
        let wish = state.key(key, &view);
        if was_paused != state.is_paused {
            // A thread that has ended needs no orders.
            let _ = orders.send(if state.is_paused { Order::Pause } else { Order::Resume });
        }
        match wish {
            Wish::Nothing => {}
            Wish::Quit => return Ok(()),
            Wish::Look => {
                let _ = orders.send(Order::Look);
            }
            Wish::Period(hundredths) => {
                let period = every.mul_f64(f64::from(hundredths) / 100.0);
                every = period.clamp(Duration::from_millis(50), Duration::from_secs(86_400));
                let _ = orders.send(Order::Every(every));
            }
        }
    }
}
