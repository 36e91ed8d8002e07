//! [`Theme`]: how things look, with colours and without.

use ratatui::style::{Color, Modifier, Style};

/// How things look. Without colours the same is said by bold, dim and reversed text.
#[derive(Clone, Copy, Debug)]
pub struct Theme {
    pub color: bool,
}

impl Theme {
    fn style(self, color: Color, without: Modifier) -> Style {
        if self.color { Style::new().fg(color) } else { Style::new().add_modifier(without) }
    }

    pub fn title(self) -> Style {
        Style::new().add_modifier(Modifier::BOLD | Modifier::REVERSED)
    }

    pub fn head(self) -> Style {
        self.style(Color::Cyan, Modifier::BOLD).add_modifier(Modifier::BOLD)
    }

    /// What nobody must overlook: simulated, recorded.
    pub fn mark(self) -> Style {
        self.style(Color::Yellow, Modifier::BOLD).add_modifier(Modifier::REVERSED)
    }

    pub fn dim(self) -> Style {
        Style::new().add_modifier(Modifier::DIM)
    }

    pub fn bold(self) -> Style {
        Style::new().add_modifier(Modifier::BOLD)
    }

    pub fn bad(self) -> Style {
        self.style(Color::Red, Modifier::BOLD)
    }

    pub fn cursor(self) -> Style {
        Style::new().add_modifier(Modifier::REVERSED)
    }

    /// An absence.
    pub fn absent(self) -> Style {
        self.style(Color::DarkGray, Modifier::DIM)
    }

    /// A part of a whole, in thousandths.
    pub fn level(self, thousandths: u64) -> Style {
        let color = match thousandths {
            0..600 => Color::Green,
            600..900 => Color::Yellow,
            _ => Color::Red,
        };
        self.style(color, Modifier::empty())
    }

    /// One partition's place on a board, told from its neighbours.
    pub fn slot(self, number: usize) -> Style {
        const COLORS: [Color; 6] =
            [Color::Blue, Color::Magenta, Color::Cyan, Color::Green, Color::Yellow, Color::Red];
        let style = Style::new().add_modifier(Modifier::REVERSED);
        if self.color { style.fg(COLORS[number % COLORS.len()]) } else { style }
    }
}
