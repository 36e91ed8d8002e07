//! A board's slots as a row of boxes.

use crate::paint::Paint;

#[derive(Clone, Copy)]
pub struct Style {
    pub paint: Paint,
    pub ascii: bool,
}

/// What becomes of an instance.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Fate {
    /// Nothing is planned for it.
    Live,
    /// The same, and a process runs there.
    InUse,
    /// The same, and it is what would have to go.
    InTheWay,
    Stays,
    Goes,
    Moves,
    New,
    Moved,
    Free,
}

impl Fate {
    const fn word(self) -> &'static str {
        match self {
            Self::Live | Self::Free => "",
            Self::InUse => "in use",
            Self::InTheWay => "blocks",
            Self::Stays => "stays",
            Self::Goes => "goes",
            Self::Moves => "moves",
            Self::New => "new",
            Self::Moved => "moved",
        }
    }

    fn paint(self, paint: Paint, text: &str) -> String {
        match self {
            Self::Live | Self::InUse | Self::Stays => text.to_owned(),
            Self::Goes | Self::InTheWay => paint.bad(text),
            Self::Moves | Self::Moved => paint.warn(text),
            Self::New => paint.good(text),
            Self::Free => paint.dim(text),
        }
    }
}

/// An instance in its slots.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Piece {
    pub start: u32,
    pub size: u32,
    pub name: String,
    pub fate: Fate,
}

impl Piece {
    /// The name in two rows, so that it fits in one slot, and what becomes of it.
    fn rows(&self) -> [String; 3] {
        let attribute = self.name.find(['+', '-']).unwrap_or(self.name.len());
        let (name, attribute) = self.name.split_at(attribute);
        [name.to_owned(), attribute.to_owned(), self.fate.word().to_owned()]
    }
}

/// Narrowest slot, in columns.
const NARROWEST: usize = 5;
/// Most slots that are drawn: boards have at most eight.
const MOST: u32 = 32;

struct Lines {
    across: char,
    down: char,
    top: [char; 3],
    bottom: [char; 3],
}

const BOXES: Lines =
    Lines { across: '─', down: '│', top: ['┌', '┬', '┐'], bottom: ['└', '┴', '┘'] };
const ASCII: Lines = Lines { across: '-', down: '|', top: ['+', '+', '+'], bottom: ['+', '+', '+'] };

/// Pictures of one board, one above the other with slots of the same width. What lies outside the
/// board, or in slots that are taken already, is left out.
pub fn draw(slots: u32, pictures: &[(&str, Vec<Piece>)], style: Style) -> Vec<String> {
    let slots = slots.min(MOST);
    let rows: Vec<(&str, Vec<Piece>)> =
        pictures.iter().map(|(title, pieces)| (*title, filled(slots, pieces))).collect();
    let all = rows.iter().flat_map(|(_, pieces)| pieces);
    let width = all.map(narrowest).max().unwrap_or(NARROWEST).max(NARROWEST);
    let margin = rows.iter().map(|(title, _)| columns(title)).max().unwrap_or(0) + 1;
    // A row that is empty in all pictures is not drawn.
    let written =
        [0, 1, 2].map(|row| rows.iter().flat_map(|(_, of)| of).any(|of| !of.rows()[row].is_empty()));
    let numbers: String = (0..slots).map(|slot| centred(&slot.to_string(), width) + " ").collect();
    let mut lines = vec![format!("{:margin$} {}", "slot", numbers).trim_end().to_owned()];
    for (title, pieces) in &rows {
        lines.extend(drawn(title, pieces, margin, width, written, style));
    }
    lines
}

fn drawn(
    title: &str,
    pieces: &[Piece],
    margin: usize,
    width: usize,
    written: [bool; 3],
    style: Style,
) -> Vec<String> {
    let of = if style.ascii { &ASCII } else { &BOXES };
    let rule = |[left, middle, right]: [char; 3]| {
        let runs = pieces.iter().map(|piece| of.across.to_string().repeat(inner(piece, width)));
        format!("{left}{}{right}", runs.collect::<Vec<_>>().join(&middle.to_string()))
    };
    let row = |at: usize| {
        let cells = pieces
            .iter()
            .map(|piece| piece.fate.paint(style.paint, &centred(&piece.rows()[at], inner(piece, width))));
        let down = of.down.to_string();
        format!("{down}{}{down}", cells.collect::<Vec<_>>().join(&down))
    };
    let mut lines = vec![rule(of.top)];
    lines.extend((0..written.len()).filter(|at| written[*at]).map(row));
    lines.push(rule(of.bottom));
    let mut titles = ["", title, "", "", ""].into_iter();
    lines.into_iter().map(|line| format!("{:margin$}{line}", titles.next().unwrap_or(""))).collect()
}

/// The pieces in order, and a free one for each slot that none takes.
fn filled(slots: u32, pieces: &[Piece]) -> Vec<Piece> {
    let mut sorted: Vec<&Piece> = pieces.iter().filter(|piece| piece.size > 0).collect();
    sorted.sort_by_key(|piece| piece.start);
    let free = |start| Piece { start, size: 1, name: "free".to_owned(), fate: Fate::Free };
    let (mut row, mut next) = (Vec::new(), 0);
    for piece in sorted {
        let end = piece.start.saturating_add(piece.size);
        if piece.start < next || end > slots {
            continue;
        }
        row.extend((next..piece.start).map(free));
        row.push(piece.clone());
        next = end;
    }
    row.extend((next..slots).map(free));
    row
}

/// Columns that a slot needs for this piece to fit.
fn narrowest(piece: &Piece) -> usize {
    let longest = piece.rows().iter().map(|row| columns(row)).max().unwrap_or(0);
    let size = piece.size.max(1) as usize;
    (longest + 1).saturating_sub(size).div_ceil(size)
}

/// Columns between the borders of a piece: its slots, and the borders that are not drawn.
fn inner(piece: &Piece, width: usize) -> usize {
    let size = piece.size as usize;
    size * width + size.saturating_sub(1)
}

fn centred(text: &str, width: usize) -> String {
    let space = width.saturating_sub(columns(text));
    format!("{}{text}{}", " ".repeat(space / 2), " ".repeat(space - space / 2))
}

/// Columns that a text takes on a terminal. All that we print is one column a character.
fn columns(text: &str) -> usize {
    text.chars().count()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn piece(start: u32, size: u32, name: &str, fate: Fate) -> Piece {
        Piece { start, size, name: name.to_owned(), fate }
    }

    fn plain(ascii: bool) -> Style {
        Style { paint: Paint::none(), ascii }
    }

    #[test]
    fn every_line_is_as_wide_as_the_board() {
        let before = vec![piece(6, 1, "1g.10gb+me", Fate::Goes), piece(0, 2, "2g.20gb", Fate::Stays)];
        let after = vec![piece(0, 2, "2g.20gb", Fate::Stays), piece(4, 4, "3g.40gb", Fate::New)];
        let lines = draw(8, &[("before", before), ("after", after)], plain(true));
        let expected = "\
slot       0       1       2       3       4       5       6       7
       +---------------+-------+-------+-------+-------+-------+-------+
before |    2g.20gb    | free  | free  | free  | free  |1g.10gb| free  |
       |               |       |       |       |       |  +me  |       |
       |     stays     |       |       |       |       | goes  |       |
       +---------------+-------+-------+-------+-------+-------+-------+
       +---------------+-------+-------+-------------------------------+
after  |    2g.20gb    | free  | free  |            3g.40gb            |
       |               |       |       |                               |
       |     stays     |       |       |              new              |
       +---------------+-------+-------+-------------------------------+";
        assert_eq!(lines.join("\n"), expected);
        let boxes = draw(8, &[("", vec![piece(0, 8, "7g.80gb", Fate::Moves)])], plain(false));
        assert!(boxes[1].ends_with('┐') && boxes[4].ends_with('┘'), "{boxes:?}");
        assert!(boxes[1..].iter().all(|line| columns(line) == columns(&boxes[1])), "{boxes:?}");
    }

    #[test]
    fn long_names_widen_the_slots() {
        let one = vec![piece(0, 1, "1g.24gb+me.all", Fate::New), piece(1, 1, "1g.1000000gb", Fate::New)];
        let lines = draw(4, &[("x", one)], plain(true));
        assert!(lines[2].contains("|1g.1000000gb|"), "{lines:?}");
        assert!(lines[3].contains("+me.all"), "{lines:?}");
        assert!(lines[1..].iter().all(|line| columns(line) == columns(&lines[1])), "{lines:?}");
    }

    #[test]
    fn what_cannot_be_is_not_drawn() {
        let odd = vec![
            piece(0, 2, "a", Fate::New),
            piece(1, 2, "over", Fate::New),
            piece(3, 9, "outside", Fate::New),
            piece(2, u32::MAX, "huge", Fate::New),
            piece(0, 0, "none", Fate::New),
        ];
        let text = draw(4, &[("x", odd)], plain(true)).join("\n");
        assert!(["over", "outside", "huge", "none"].iter().all(|word| !text.contains(word)), "{text}");
        assert_eq!(draw(u32::MAX, &[], plain(true)).len(), 1);
    }
}
