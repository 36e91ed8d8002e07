//! [`State`]: what of a view is shown, and how; changed by keys.

use ratatui::crossterm::event::{KeyCode, KeyEvent, KeyModifiers};

use crate::model::View;
use crate::model::holder::HolderView;
use crate::model::unit::UnitView;

/// Which list the cursor is in.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum List {
    #[default]
    Units,
    Holders,
}

/// What is shown of a machine.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum Page {
    /// GPUs above, who is on them below.
    #[default]
    Both,
    Units,
    Holders,
    Troubles,
    /// What was held and used since the first look.
    Meter,
    /// The ledger beside what is seen.
    Ledger,
}

/// By what the list of holders is ordered.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum Sort {
    /// In the order of the GPUs.
    #[default]
    Unit,
    Memory,
    Engine,
    Who,
    /// By pod, namespace or kind of owner.
    Of,
}

impl Sort {
    const fn next(self) -> Self {
        match self {
            Self::Unit => Self::Memory,
            Self::Memory => Self::Engine,
            Self::Engine => Self::Who,
            Self::Who => Self::Of,
            Self::Of => Self::Unit,
        }
    }
}

/// What a key asks of the program around.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Wish {
    Nothing,
    Quit,
    /// Look now: pause ended, or one step of it.
    Look,
    /// Look more or less often: so many hundredths of the period.
    Period(u32),
}

/// What of a view is shown, and how.
#[derive(Clone, Debug, Default)]
pub struct State {
    pub page: Page,
    pub list: List,
    pub unit: usize,
    pub holder: usize,
    pub sort: Sort,
    pub is_reversed: bool,
    pub filter: String,
    /// The filter is being typed.
    pub is_typing: bool,
    pub has_details: bool,
    /// How far the details are scrolled.
    pub scroll: usize,
    pub has_help: bool,
    pub is_paused: bool,
}

impl State {
    /// The units that the filter lets through: those that match, and those of holders that do.
    pub fn units<'v>(&self, view: &'v View) -> Vec<&'v UnitView> {
        let wanted = self.filter.to_lowercase();
        let matches = |of: &UnitView| {
            let texts = [&of.place, &of.name, &of.unit.to_string()];
            texts.iter().any(|text| text.to_lowercase().contains(&wanted))
        };
        let holders = self.holders(view);
        let is_shown = |of: &&UnitView| {
            wanted.is_empty()
                || matches(of)
                || holders.iter().any(|holder| holder.unit.lies_in(of.unit))
                || view.units.iter().any(|other| other.unit.lies_in(of.unit) && matches(other))
        };
        view.units.iter().filter(is_shown).collect()
    }

    /// The holders that the filter lets through, in their order.
    pub fn holders<'v>(&self, view: &'v View) -> Vec<&'v HolderView> {
        let wanted = self.filter.to_lowercase();
        let matches = |of: &&HolderView| {
            let name = view.unit(of.unit.device().into()).map_or("", |device| device.name.as_str());
            let texts = [of.place.as_str(), &of.who, &of.whose, &of.given, name];
            let mut all = texts.into_iter().chain(of.processes.iter().map(String::as_str));
            wanted.is_empty() || all.any(|text| text.to_lowercase().contains(&wanted))
        };
        let mut holders: Vec<&HolderView> = view.holders.iter().filter(matches).collect();
        // What has no number comes last, whichever way round.
        let memory = |of: &HolderView| of.memory.and_then(Result::ok);
        let engine = |of: &HolderView| of.engine.and_then(Result::ok).map(|(_, share, _)| share);
        match self.sort {
            Sort::Unit => {}
            Sort::Memory => holders.sort_by_key(|of| std::cmp::Reverse(memory(of))),
            Sort::Engine => holders.sort_by_key(|of| std::cmp::Reverse(engine(of))),
            Sort::Who => holders.sort_by(|one, other| one.who.cmp(&other.who)),
            Sort::Of => holders.sort_by(|one, other| (&one.whose, &one.who).cmp(&(&other.whose, &other.who))),
        }
        if self.is_reversed {
            holders.reverse();
            holders.sort_by_key(|of| match self.sort {
                Sort::Memory => memory(of).is_none(),
                Sort::Engine => engine(of).is_none(),
                Sort::Unit | Sort::Who | Sort::Of => false,
            });
        }
        holders
    }

    /// Takes a key; says what it asks of the program around.
    pub fn key(&mut self, key: KeyEvent, view: &View) -> Wish {
        if key.modifiers.contains(KeyModifiers::CONTROL) {
            return if matches!(key.code, KeyCode::Char('c' | 'd')) { Wish::Quit } else { Wish::Nothing };
        }
        if self.is_typing {
            self.typed(key.code);
            return Wish::Nothing;
        }
        if self.has_help {
            self.has_help = false;
            return Wish::Nothing;
        }
        match key.code {
            KeyCode::Char('q') => return Wish::Quit,
            KeyCode::Esc => self.leave(),
            KeyCode::Char('?' | 'h') | KeyCode::F(1) => self.has_help = true,
            KeyCode::Char('1') => self.show(Page::Both),
            KeyCode::Char('2') => self.show(Page::Units),
            KeyCode::Char('3') => self.show(Page::Holders),
            KeyCode::Char('4') => self.show(Page::Troubles),
            KeyCode::Char('5' | 'm') => self.toggle(Page::Meter),
            KeyCode::Char('6' | 'l') => self.toggle(Page::Ledger),
            KeyCode::Tab | KeyCode::BackTab => self.other_list(),
            KeyCode::Char('s') => self.sort = self.sort.next(),
            KeyCode::Char('r') => self.is_reversed = !self.is_reversed,
            KeyCode::Char('/') => self.is_typing = true,
            KeyCode::Enter if matches!(self.page, Page::Meter | Page::Ledger) => {}
            KeyCode::Enter => {
                self.has_details = !self.has_details;
                self.scroll = 0;
            }
            KeyCode::Down | KeyCode::Char('j') => self.step(view, 1),
            KeyCode::Up | KeyCode::Char('k') => self.step(view, -1),
            KeyCode::PageDown => self.step(view, 10),
            KeyCode::PageUp => self.step(view, -10),
            KeyCode::Home | KeyCode::Char('g') => self.step(view, isize::MIN),
            KeyCode::End | KeyCode::Char('G') => self.step(view, isize::MAX),
            KeyCode::Char(' ') => {
                self.is_paused = !self.is_paused;
                return if self.is_paused { Wish::Nothing } else { Wish::Look };
            }
            KeyCode::Char('n') if self.is_paused => return Wish::Look,
            KeyCode::Char('+') => return Wish::Period(50),
            KeyCode::Char('-') => return Wish::Period(200),
            _ => {}
        }
        Wish::Nothing
    }

    fn typed(&mut self, code: KeyCode) {
        match code {
            KeyCode::Char(c) if self.filter.chars().count() < 64 => self.filter.push(c),
            KeyCode::Backspace => {
                self.filter.pop();
            }
            KeyCode::Enter => self.is_typing = false,
            KeyCode::Esc => {
                self.is_typing = false;
                self.filter.clear();
            }
            _ => {}
        }
        (self.unit, self.holder) = (0, 0);
    }

    /// Closes what is open: the details, then the filter.
    fn leave(&mut self) {
        if self.has_details {
            self.has_details = false;
        } else {
            self.filter.clear();
        }
    }

    fn show(&mut self, page: Page) {
        self.page = page;
        match page {
            Page::Units => self.list = List::Units,
            Page::Holders => self.list = List::Holders,
            Page::Both | Page::Troubles | Page::Meter | Page::Ledger => {}
        }
        self.has_details = false;
        self.scroll = 0;
    }

    /// Shows a page, or both lists again where it is shown.
    fn toggle(&mut self, page: Page) {
        self.show(if self.page == page { Page::Both } else { page });
    }

    fn other_list(&mut self) {
        if self.page == Page::Both {
            self.list = match self.list {
                List::Units => List::Holders,
                List::Holders => List::Units,
            };
        }
    }

    /// Moves the cursor, or what is scrolled.
    fn step(&mut self, view: &View, by: isize) {
        let is_text = matches!(self.page, Page::Troubles | Page::Meter | Page::Ledger);
        if self.has_details || is_text {
            let lines = match self.page {
                _ if self.has_details => usize::MAX,
                Page::Meter => view.meter.rows.len() + view.meter.events.len() + 1,
                Page::Ledger => view.ledger.as_ref().map_or(0, |of| of.lines.len()) + 1,
                _ => view.troubles.len(),
            };
            self.scroll = moved(self.scroll, by, lines);
            return;
        }
        match self.list {
            List::Units => self.unit = moved(self.unit, by, self.units(view).len()),
            List::Holders => self.holder = moved(self.holder, by, self.holders(view).len()),
        }
    }

    /// Puts the cursor back among what is there.
    pub fn settle(&mut self, view: &View) {
        self.unit = self.unit.min(self.units(view).len().saturating_sub(1));
        self.holder = self.holder.min(self.holders(view).len().saturating_sub(1));
    }
}

fn moved(at: usize, by: isize, count: usize) -> usize {
    at.saturating_add_signed(by).min(count.saturating_sub(1)).min(1 << 20)
}
