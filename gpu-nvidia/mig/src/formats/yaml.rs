//! YAML as a tree with places, and typed access to it.

use granit_parser::{Event, Marker, Parser, ScalarStyle};

use super::error::{At, FormatError};

/// Longest text that is read, in bytes.
const MOST_BYTES: usize = 1 << 20;
/// Deepest nesting.
const MOST_DEPTH: usize = 16;

/// A value and where it begins.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Node {
    pub at: At,
    pub kind: Kind,
}

#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) enum Kind {
    /// Text; plain where it is not quoted.
    Scalar {
        text: String,
        plain: bool,
    },
    List(Vec<Node>),
    /// In the order of the text; keys differ.
    Map(Vec<(Key, Node)>),
}

#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Key {
    pub at: At,
    pub text: String,
}

impl From<Marker> for At {
    fn from(marker: Marker) -> Self {
        Self { line: marker.line(), column: marker.col() + 1 }
    }
}

/// The one document of a text.
pub(super) fn read(text: &str) -> Result<Node, FormatError> {
    if text.len() > MOST_BYTES {
        let what = format!("{} bytes are too much for a configuration", text.len());
        return Err(FormatError::new(At { line: 1, column: 1 }, "", what));
    }
    let mut reader = Reader { parser: Parser::new_from_str(text), at: At { line: 1, column: 1 } };
    let mut document = None;
    loop {
        match reader.next()? {
            Event::StreamEnd => break,
            Event::DocumentStart(..) if document.is_some() => return Err(reader.refuse("a second document")),
            Event::StreamStart | Event::DocumentStart(..) | Event::DocumentEnd => {}
            event => document = Some(reader.node(event, 0)?),
        }
    }
    document.ok_or_else(|| reader.refuse("it is empty"))
}

struct Reader<'a> {
    parser: Parser<'a, granit_parser::StrInput<'a>>,
    at: At,
}

impl<'a> Reader<'a> {
    fn next(&mut self) -> Result<Event<'a>, FormatError> {
        match self.parser.next() {
            Some(Ok((event, span))) => {
                self.at = span.start.into();
                Ok(event)
            }
            Some(Err(error)) => Err(FormatError::new((*error.marker()).into(), "", error.info())),
            None => Ok(Event::StreamEnd),
        }
    }

    fn refuse(&self, what: &str) -> FormatError {
        FormatError::new(self.at, "", what)
    }

    fn node(&mut self, event: Event<'a>, depth: usize) -> Result<Node, FormatError> {
        let at = self.at;
        if depth > MOST_DEPTH {
            return Err(self.refuse("nested too deeply"));
        }
        let (anchor, tagged) = match &event {
            Event::Scalar(_, _, anchor, tag) => (*anchor, tag.is_some()),
            Event::SequenceStart(_, anchor, tag) | Event::MappingStart(_, anchor, tag) => {
                (*anchor, tag.is_some())
            }
            Event::Alias(_) => return Err(self.refuse("aliases are not read here")),
            _ => return Err(self.refuse("no value is here")),
        };
        if anchor != 0 || tagged {
            return Err(self.refuse("anchors and tags are not read here"));
        }
        let kind = match event {
            Event::Scalar(text, style, ..) => {
                Kind::Scalar { text: text.into_owned(), plain: style == ScalarStyle::Plain }
            }
            Event::SequenceStart(..) => Kind::List(self.list(depth)?),
            _ => Kind::Map(self.map(depth)?),
        };
        Ok(Node { at, kind })
    }

    fn list(&mut self, depth: usize) -> Result<Vec<Node>, FormatError> {
        let mut list = Vec::new();
        loop {
            match self.next()? {
                Event::SequenceEnd => return Ok(list),
                event => list.push(self.node(event, depth + 1)?),
            }
        }
    }

    fn map(&mut self, depth: usize) -> Result<Vec<(Key, Node)>, FormatError> {
        let mut map: Vec<(Key, Node)> = Vec::new();
        let mut seen = std::collections::BTreeSet::new();
        loop {
            let event = self.next()?;
            if event == Event::MappingEnd {
                return Ok(map);
            }
            let Node { at, kind: Kind::Scalar { text, .. } } = self.node(event, depth + 1)? else {
                return Err(self.refuse("a key is a text"));
            };
            if !seen.insert(text.clone()) {
                return Err(FormatError::new(at, "", format!("key {text} is there twice")));
            }
            let event = self.next()?;
            let value = self.node(event, depth + 1)?;
            map.push((Key { at, text }, value));
        }
    }
}

/// A value with the way to it, for messages.
#[derive(Clone, Debug)]
pub(super) struct Value<'a> {
    pub node: &'a Node,
    pub path: String,
}

impl<'a> Value<'a> {
    pub const fn root(node: &'a Node) -> Self {
        Self { node, path: String::new() }
    }

    pub fn refuse(&self, what: impl Into<String>) -> FormatError {
        FormatError::new(self.node.at, &self.path, what)
    }

    /// The entries of a map.
    pub fn entries(&self) -> Result<Vec<(&'a Key, Value<'a>)>, FormatError> {
        let Kind::Map(map) = &self.node.kind else {
            return Err(self.refuse(format!("a map is expected, and {} is there", self.kind())));
        };
        let dot = if self.path.is_empty() { "" } else { "." };
        let entry = |(key, node): &'a (Key, Node)| {
            (key, Value { node, path: format!("{}{dot}{}", self.path, key.text) })
        };
        Ok(map.iter().map(entry).collect())
    }

    /// The entries of a map that may have these keys and no others.
    pub fn fields(&self, known: &[&str]) -> Result<Fields<'a>, FormatError> {
        let entries = self.entries()?;
        if let Some((key, _)) = entries.iter().find(|(key, _)| !known.contains(&key.text.as_str())) {
            let what = format!("unknown key {}: there are {}", key.text, known.join(", "));
            return Err(FormatError::new(key.at, &self.path, what));
        }
        Ok(Fields { of: self.clone(), entries })
    }

    pub fn items(&self) -> Result<Vec<Value<'a>>, FormatError> {
        match &self.node.kind {
            Kind::List(list) => {
                let item = |(n, node)| Value { node, path: format!("{}[{n}]", self.path) };
                Ok(list.iter().enumerate().map(item).collect())
            }
            _ => Err(self.refuse(format!("a list is expected, and {} is there", self.kind()))),
        }
    }

    pub fn text(&self) -> Result<&'a str, FormatError> {
        match &self.node.kind {
            Kind::Scalar { text, .. } => Ok(text),
            _ => Err(self.refuse(format!("a text is expected, and {} is there", self.kind()))),
        }
    }

    /// A text, or a list of texts.
    pub fn texts(&self) -> Result<Vec<Value<'a>>, FormatError> {
        match &self.node.kind {
            Kind::List(_) => self.items(),
            _ => self.text().map(|_| vec![self.clone()]),
        }
    }

    pub fn boolean(&self) -> Result<bool, FormatError> {
        match self.plain() {
            Some("true") => Ok(true),
            Some("false") => Ok(false),
            _ => Err(self.refuse("true or false is expected")),
        }
    }

    /// A whole number from 0.
    pub fn number(&self) -> Result<u32, FormatError> {
        let digits = |text: &&str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
        let number = self.plain().filter(digits).and_then(|text| text.parse().ok());
        number.ok_or_else(|| self.refuse("a whole number from 0 is expected"))
    }

    pub const fn is_list(&self) -> bool {
        matches!(self.node.kind, Kind::List(_))
    }

    /// True for a value that is left out: `key:` and nothing, or `null`.
    pub fn is_null(&self) -> bool {
        matches!(self.plain(), Some("" | "~" | "null"))
    }

    fn plain(&self) -> Option<&'a str> {
        match &self.node.kind {
            Kind::Scalar { text, plain: true } => Some(text),
            _ => None,
        }
    }

    fn kind(&self) -> &'static str {
        match &self.node.kind {
            Kind::Scalar { .. } => "a text",
            Kind::List(_) => "a list",
            Kind::Map(_) => "a map",
        }
    }
}

/// The fields of a map whose keys are known.
#[derive(Clone, Debug)]
pub(super) struct Fields<'a> {
    of: Value<'a>,
    entries: Vec<(&'a Key, Value<'a>)>,
}

impl<'a> Fields<'a> {
    /// The value of a field, where there is one.
    pub fn get(&self, key: &str) -> Option<Value<'a>> {
        let found = self.entries.iter().find(|(other, _)| other.text == key);
        found.map(|(_, value)| value.clone()).filter(|value| !value.is_null())
    }

    pub fn required(&self, key: &str) -> Result<Value<'a>, FormatError> {
        self.get(key).ok_or_else(|| self.of.refuse(format!("{key} is missing")))
    }

    /// The field `version`, which must be `v1`.
    pub fn version(&self) -> Result<(), FormatError> {
        let version = self.required("version")?;
        match version.text()? {
            "v1" => Ok(()),
            other => Err(version.refuse(format!("version {other:?} is not known: v1 is"))),
        }
    }

    pub fn boolean(&self, key: &str) -> Result<bool, FormatError> {
        self.get(key).map_or(Ok(false), |value| value.boolean())
    }
}
