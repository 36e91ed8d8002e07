//! Text in columns as wide as they must be.

/// Rows of cells. The first row is the heading; the last column is never padded.
#[derive(Default)]
pub struct Table {
    rows: Vec<Vec<String>>,
    right: Vec<bool>,
}

impl Table {
    /// A table with these headings; a heading that starts with `>` has its column set right.
    pub fn new(headings: &[&str]) -> Self {
        let right = headings.iter().map(|heading| heading.starts_with('>')).collect();
        let heading = headings.iter().map(|heading| heading.trim_start_matches('>').to_owned()).collect();
        Self { rows: vec![heading], right }
    }

    pub fn row(&mut self, cells: impl IntoIterator<Item = String>) {
        self.rows.push(cells.into_iter().collect());
    }

    /// The lines of the table, heading first, each without trailing spaces.
    pub fn lines(&self) -> Vec<String> {
        let widths: Vec<usize> = (0..self.right.len())
            .map(|column| self.rows.iter().map(|row| width(&row[column])).max().unwrap_or(0))
            .collect();
        self.rows.iter().map(|row| self.line(row, &widths)).collect()
    }

    fn line(&self, row: &[String], widths: &[usize]) -> String {
        let mut line = String::new();
        for ((cell, width_of_column), right) in row.iter().zip(widths).zip(&self.right) {
            let space = " ".repeat(width_of_column - width(cell));
            if *right {
                line += &space;
                line += cell;
            } else {
                line += cell;
                line += &space;
            }
            line += "  ";
        }
        line.trim_end().to_owned()
    }
}

/// Columns that a text takes on a terminal. All that we print is one column a character.
fn width(text: &str) -> usize {
    text.chars().count()
}
