//! Rows as bytes: what each differs by from the same row of the moment before.

use crate::stored::Error;

/// Most words of one moment: 64 MiB in memory, a machine of a hundred thousand processes.
pub(super) const MOST_WORDS: usize = 1 << 23;

/// One row of a moment: what it is of, and where its words stand.
#[derive(Clone, Copy, Debug)]
pub(super) struct Section {
    /// What sort of thing it is of.
    pub kind: u64,
    /// Which thing: the writer's alone, to find the row of the moment before.
    pub key: u64,
    /// Where its words begin.
    pub start: usize,
    /// How many they are.
    pub len: usize,
}

/// The rows of one moment.
#[derive(Debug, Default)]
pub(super) struct Rows {
    pub sections: Vec<Section>,
    pub words: Vec<u64>,
}

impl Rows {
    pub fn clear(&mut self) {
        self.sections.clear();
        self.words.clear();
    }

    fn row(&self, section: Section) -> &[u64] {
        &self.words[section.start..section.start + section.len]
    }
}

/// Seven bits a byte, the lowest first.
pub(super) fn write_varint(out: &mut Vec<u8>, mut value: u64) {
    while value >= 0x80 {
        #[allow(clippy::cast_possible_truncation)] // the lowest seven bits
        out.push(value as u8 | 0x80);
        value >>= 7;
    }
    #[allow(clippy::cast_possible_truncation)] // below 128
    out.push(value as u8);
}

/// Small differences of both signs become small numbers.
const fn fold(difference: u64) -> u64 {
    (difference << 1) ^ (difference >> 63).wrapping_neg()
}

const fn unfold(folded: u64) -> u64 {
    (folded >> 1) ^ (folded & 1).wrapping_neg()
}

/// Writes rows by what they differ by from those of the moment before.
pub(super) fn write(rows: &Rows, before: &Rows, out: &mut Vec<u8>) {
    write_varint(out, rows.sections.len() as u64);
    let mut expected = 0;
    for section in &rows.sections {
        let base = find(before, section, expected);
        match base {
            Some(at) => {
                let offset = (at as u64).wrapping_sub(expected as u64);
                write_varint(out, 1 + fold(offset));
                expected = at + 1;
            }
            None => {
                write_varint(out, 0);
                write_varint(out, section.kind);
            }
        }
        let base = base.map_or(&[][..], |at| before.row(before.sections[at]));
        write_varint(out, fold((section.len as u64).wrapping_sub(base.len() as u64)));
        write_row(rows.row(*section), base, out);
    }
}

/// The row of the same thing in the moment before: mostly the next.
fn find(before: &Rows, section: &Section, expected: usize) -> Option<usize> {
    let is = |of: &Section| (of.kind, of.key) == (section.kind, section.key);
    if before.sections.get(expected).is_some_and(is) {
        return Some(expected);
    }
    let later = before.sections.get(expected..)?.iter().position(is).map(|at| expected + at);
    later.or_else(|| before.sections.iter().position(is))
}

fn write_row(row: &[u64], base: &[u64], out: &mut Vec<u8>) {
    let mut same = 0_u64;
    for (at, word) in row.iter().enumerate() {
        let difference = word.wrapping_sub(base.get(at).copied().unwrap_or(0));
        if difference == 0 {
            same += 1;
            continue;
        }
        end_run(&mut same, out);
        write_varint(out, fold(difference));
    }
    end_run(&mut same, out);
}

fn end_run(same: &mut u64, out: &mut Vec<u8>) {
    if *same > 0 {
        out.push(0);
        write_varint(out, *same - 1);
        *same = 0;
    }
}

/// Takes from bytes.
pub(super) struct Bytes<'a> {
    bytes: &'a [u8],
    at: usize,
}

impl<'a> Bytes<'a> {
    pub const fn new(bytes: &'a [u8]) -> Self {
        Self { bytes, at: 0 }
    }

    pub const fn wrong(&self, what: &'static str) -> Error {
        Error::Malformed { at: self.at, what }
    }

    pub fn varint(&mut self) -> Result<u64, Error> {
        let mut value = 0;
        for shift in (0..64).step_by(7) {
            let byte =
                *self.bytes.get(self.at).ok_or_else(|| self.wrong("it ends in the middle of something"))?;
            self.at += 1;
            value |= u64::from(byte & 0x7f) << shift;
            if byte & 0x80 == 0 {
                return Ok(value);
            }
        }
        Err(self.wrong("a number that is too long"))
    }

    pub fn text(&mut self) -> Result<&'a str, Error> {
        let len = usize::try_from(self.varint()?).unwrap_or(usize::MAX);
        let rest = self.bytes.get(self.at..).unwrap_or_default();
        let (text, _) =
            rest.split_at_checked(len).ok_or_else(|| self.wrong("it ends in the middle of something"))?;
        self.at += len;
        core::str::from_utf8(text).map_err(|_| self.wrong("a text that is not UTF-8"))
    }

    pub const fn end(&self) -> Result<(), Error> {
        if self.at == self.bytes.len() { Ok(()) } else { Err(self.wrong("more is there than belongs to it")) }
    }
}

/// Reads rows that were written by what they differ by from those of the moment before.
pub(super) fn read(from: &mut Bytes<'_>, before: &Rows, rows: &mut Rows) -> Result<(), Error> {
    rows.clear();
    let count = from.varint()?;
    let mut expected = 0_usize;
    for _ in 0..count {
        let (kind, base) = match from.varint()? {
            0 => (from.varint()?, &[][..]),
            coded => {
                let at = (expected as u64).wrapping_add(unfold(coded - 1));
                let at = usize::try_from(at).unwrap_or(usize::MAX);
                let base = before.sections.get(at).ok_or_else(|| from.wrong("a row that was never there"))?;
                expected = at + 1;
                (base.kind, before.row(*base))
            }
        };
        let len = (base.len() as u64).wrapping_add(unfold(from.varint()?));
        let left = MOST_WORDS - rows.words.len();
        let len = usize::try_from(len).ok().filter(|len| *len <= left);
        let len = len.ok_or_else(|| from.wrong("more than a moment may hold"))?;
        let start = rows.words.len();
        read_row(from, base, len, &mut rows.words)?;
        rows.sections.push(Section { kind, key: 0, start, len });
    }
    Ok(())
}

fn read_row(from: &mut Bytes<'_>, base: &[u64], len: usize, words: &mut Vec<u64>) -> Result<(), Error> {
    let start = words.len();
    while words.len() - start < len {
        let at = words.len() - start;
        match from.varint()? {
            0 => {
                let run = from.varint()?;
                let run = usize::try_from(run).ok().filter(|run| *run < len - at);
                let run = run.ok_or_else(|| from.wrong("a run that is longer than its row"))? + 1;
                let same = base.get(at..).unwrap_or_default();
                let same = &same[..run.min(same.len())];
                words.extend_from_slice(same);
                words.resize(start + at + run, 0);
            }
            folded => {
                words.push(base.get(at).copied().unwrap_or(0).wrapping_add(unfold(folded)));
            }
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rows(of: &[(u64, u64, &[u64])]) -> Rows {
        let mut rows = Rows::default();
        for (kind, key, words) in of {
            let start = rows.words.len();
            rows.words.extend_from_slice(words);
            rows.sections.push(Section { kind: *kind, key: *key, start, len: words.len() });
        }
        rows
    }

    fn round(rows: &Rows, before: &Rows) -> (Vec<u8>, Rows) {
        let (mut bytes, mut back) = (Vec::new(), Rows::default());
        write(rows, before, &mut bytes);
        let mut from = Bytes::new(&bytes);
        read(&mut from, before, &mut back).expect("what was written is read");
        from.end().expect("nothing is left");
        (bytes, back)
    }

    #[test]
    fn rows_that_change_order_length_and_everything_come_back() {
        let before = rows(&[(1, 1, &[1, 2, 3]), (2, 7, &[u64::MAX, 0, 5, 5]), (2, 8, &[9]), (3, 0, &[])]);
        let after = rows(&[
            (2, 8, &[9, 10, 0, 0]),
            (1, 1, &[1, 2]),
            (4, 4, &[0, 0, 0, u64::MAX]),
            (2, 7, &[0, u64::MAX, 5, 6]),
        ]);
        for (rows, before) in
            [(&before, &Rows::default()), (&after, &before), (&before, &after), (&before, &before)]
        {
            let (_, back) = round(rows, before);
            assert_eq!(back.words, rows.words);
            let shape = |of: &Rows| of.sections.iter().map(|of| (of.kind, of.len)).collect::<Vec<_>>();
            assert_eq!(shape(&back), shape(rows));
        }
    }

    #[test]
    fn what_stays_the_same_costs_four_bytes_a_row() {
        let words: Vec<u64> = (0..1000).collect();
        let same = rows(&[(1, 1, &words), (1, 2, &words)]);
        assert_eq!(round(&same, &same).0.len(), 1 + 2 * (1 + 1 + 3));
    }

    #[test]
    fn folded_differences_unfold() {
        for difference in [0, 1, u64::MAX, u64::MAX / 2, 1 << 63, 300, 300_u64.wrapping_neg()] {
            assert_eq!(unfold(fold(difference)), difference);
        }
        assert!(fold(1) < 4 && fold(u64::MAX) < 4);
    }
}
