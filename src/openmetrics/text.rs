//! [`Text`]: families and series as text, in either of two forms.

use std::collections::HashMap;
use std::collections::hash_map::DefaultHasher;
use std::fmt::Write;
use std::hash::Hasher;
use std::ops::Range;

use super::decimal::Decimal;
use super::family::{Family, Kind};

/// A form of the text.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub enum Format {
    /// OpenMetrics 1.0: with units, and an end that shows that nothing is missing.
    OpenMetrics,
    /// The older form of Prometheus, 0.0.4.
    Prometheus,
}

impl Format {
    /// The form that an HTTP client wants, by its `Accept` header: OpenMetrics where it is named.
    ///
    /// ```
    /// use gpu_accounting::openmetrics::Format;
    /// let prometheus = "application/openmetrics-text;version=1.0.0;q=0.75,text/plain;version=0.0.4;q=0.5,*/*;q=0.1";
    /// assert_eq!(Format::accepted(prometheus), Format::OpenMetrics);
    /// assert_eq!(Format::accepted("text/html, */*"), Format::Prometheus);
    /// ```
    #[must_use]
    pub fn accepted(accept: &str) -> Self {
        let wants = |part: &str| {
            let mut words = part.split(';').map(str::trim);
            let refuses =
                |word: &str| word.strip_prefix("q=").is_some_and(|q| q.trim_matches(['0', '.']).is_empty());
            words.next() == Some("application/openmetrics-text") && !words.any(refuses)
        };
        if accept.split(',').map(str::trim).any(wants) { Self::OpenMetrics } else { Self::Prometheus }
    }

    /// The value of the `Content-Type` header.
    #[must_use]
    pub const fn content_type(self) -> &'static str {
        match self {
            Self::OpenMetrics => "application/openmetrics-text; version=1.0.0; charset=utf-8",
            Self::Prometheus => "text/plain; version=0.0.4; charset=utf-8",
        }
    }
}

/// Labels of a series, in order: escaped once, written often.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Debug)]
pub struct LabelSet(String);

impl LabelSet {
    /// No label.
    #[must_use]
    pub const fn new() -> Self {
        Self(String::new())
    }

    /// The same labels and one more; an empty value is no label.
    ///
    /// Backslashes, quotes and line ends are escaped, other control characters replaced (U+FFFD): a
    /// label may be of anybody's choosing. At most 256 characters of a value are kept.
    ///
    /// ```
    /// use gpu_accounting::openmetrics::LabelSet;
    /// let labels = LabelSet::new().with("pod", "a\"b\\c\nd\0").with("namespace", "");
    /// assert_eq!(labels.as_str(), r#"pod="a\"b\\c\nd�""#);
    /// ```
    #[must_use]
    pub fn with(mut self, name: &str, value: &str) -> Self {
        const LONGEST: usize = 256;
        if value.is_empty() {
            return self;
        }
        if !self.0.is_empty() {
            self.0.push(',');
        }
        self.0.push_str(name);
        self.0.push_str("=\"");
        for character in value.chars().take(LONGEST) {
            match character {
                '\\' => self.0.push_str("\\\\"),
                '"' => self.0.push_str("\\\""),
                '\n' => self.0.push_str("\\n"),
                control if control.is_control() => self.0.push('\u{fffd}'),
                other => self.0.push(other),
            }
        }
        self.0.push('"');
        self
    }

    /// The labels as they are written between braces.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// Families and series as text. A family is begun once and has its series together; a series that is
/// there already is not written twice, whoever asks.
///
/// ```
/// use gpu_accounting::openmetrics::{Decimal, Family, Format, LabelSet, Text};
/// let mut text = Text::new(Format::OpenMetrics);
/// text.family(&Family::counter("hw_energy", "joules", "Energy since the driver was loaded."));
/// text.series(&LabelSet::new().with("hw_id", "0"), "", Decimal::new(1_250_000, 6));
/// let lines: Vec<String> = text.finish().lines().map(str::to_owned).collect();
/// assert_eq!(lines[0], "# TYPE hw_energy_joules counter");
/// assert_eq!(lines[1], "# UNIT hw_energy_joules joules");
/// assert_eq!(lines[2], "# HELP hw_energy_joules Energy since the driver was loaded.");
/// assert_eq!(lines[3], "hw_energy_joules_total{hw_id=\"0\"} 1.25");
/// assert_eq!(lines[4], "# EOF");
/// ```
#[derive(Debug)]
pub struct Text {
    out: String,
    format: Format,
    /// The name of the series of the family that was begun last; its head, until it has a series.
    name: String,
    head: String,
    families: Vec<String>,
    /// The series of that family, by a digest of their labels.
    seen: HashMap<u64, Range<usize>>,
    repeated: u64,
}

impl Text {
    /// A text of nothing yet.
    #[must_use]
    pub fn new(format: Format) -> Self {
        Self {
            out: String::new(),
            format,
            name: String::new(),
            head: String::new(),
            families: Vec::new(),
            seen: HashMap::new(),
            repeated: 0,
        }
    }

    /// Begins a family. One without series is not written.
    ///
    /// # Panics
    /// When the family has been begun before: its series would not be together.
    pub fn family(&mut self, family: &Family) {
        self.seen.clear();
        let (mut name, separator) = (family.stem.to_owned(), if family.unit.is_empty() { "" } else { "_" });
        name.push_str(separator);
        name.push_str(family.unit);
        assert!(!self.families.contains(&name), "{name} is begun twice");
        self.families.push(name.clone());
        let (suffix, kind) = match (family.kind, self.format) {
            (Kind::Gauge, _) => ("", "gauge"),
            (Kind::Counter, _) => ("_total", "counter"),
            (Kind::Info, Format::OpenMetrics) => ("_info", "info"),
            (Kind::Info, Format::Prometheus) => ("_info", "gauge"),
        };
        self.name = format!("{name}{suffix}");
        // The older form names what it describes as its series are named.
        let described = if self.format == Format::OpenMetrics { &name } else { &self.name };
        self.head = format!("# TYPE {described} {kind}\n");
        if self.format == Format::OpenMetrics && !family.unit.is_empty() {
            self.head.push_str(&format!("# UNIT {described} {}\n", family.unit));
        }
        self.head.push_str(&format!("# HELP {described} {}\n", family.help));
    }

    /// Writes a series of the family: its labels, further ones as they are written between braces
    /// (`reason="thermal"`), and its value.
    pub fn series(&mut self, labels: &LabelSet, further: &str, value: Decimal) {
        self.out.push_str(&self.head);
        self.head.clear();
        self.out.push_str(&self.name);
        let from = self.out.len();
        let separator = if labels.0.is_empty() || further.is_empty() { "" } else { "," };
        if !labels.0.is_empty() || !further.is_empty() {
            self.out.push('{');
            self.out.push_str(&labels.0);
            self.out.push_str(separator);
            self.out.push_str(further);
            self.out.push('}');
        }
        if self.is_repeated(from) {
            self.out.truncate(from - self.name.len());
            self.repeated += 1;
            return;
        }
        // A string takes all that is written to it.
        let _ = writeln!(self.out, " {value}");
    }

    /// Whether the labels from there on are those of an earlier series of the family.
    fn is_repeated(&mut self, from: usize) -> bool {
        let labels = &self.out[from..];
        let mut hasher = DefaultHasher::new();
        hasher.write(labels.as_bytes());
        match self.seen.entry(hasher.finish()) {
            std::collections::hash_map::Entry::Occupied(earlier) => {
                self.out[earlier.get().clone()] == *labels
            }
            std::collections::hash_map::Entry::Vacant(place) => {
                place.insert(from..self.out.len());
                false
            }
        }
    }

    /// Series that were there already, and were not written again.
    #[must_use]
    pub const fn repeated(&self) -> u64 {
        self.repeated
    }

    /// The whole text.
    #[must_use]
    pub fn finish(mut self) -> String {
        if self.format == Format::OpenMetrics {
            self.out.push_str("# EOF\n");
        }
        self.out
    }
}
