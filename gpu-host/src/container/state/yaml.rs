//! YAML as JSON has it: what CDI specifications need of it. Anchors, aliases and tags are refused.

use std::path::Path;

use gpu_core::{Error, ErrorKind};
use granit_parser::{Event, Parser, ScalarStyle, StrInput};
use serde_json::{Map, Value};

use super::json;

const DEEPEST: usize = 32;

/// What a file of YAML holds, its first document.
///
/// # Errors
/// As [`json::read`]; `Malformed` when it is no YAML, or more than is read here.
pub(super) fn read(path: &Path) -> Result<Value, Error> {
    let malformed = |what: String| Error::new(ErrorKind::Malformed, path.display().to_string(), what);
    let bytes = json::bytes(path)?;
    let text = std::str::from_utf8(&bytes).map_err(|error| malformed(error.to_string()))?;
    parse(text).map_err(|what| malformed(format!("no YAML that is read here: {what}")))
}

fn parse(text: &str) -> Result<Value, String> {
    let mut reader = Reader(Parser::new_from_str(text));
    loop {
        match reader.next()? {
            Event::StreamStart | Event::DocumentStart(..) => {}
            Event::StreamEnd | Event::DocumentEnd => return Err("it is empty".to_owned()),
            event => return reader.value(event, 0),
        }
    }
}

struct Reader<'a>(Parser<'a, StrInput<'a>>);

impl<'a> Reader<'a> {
    fn next(&mut self) -> Result<Event<'a>, String> {
        match self.0.next() {
            Some(Ok((event, _))) => Ok(event),
            Some(Err(error)) => Err(error.info().to_owned()),
            None => Ok(Event::StreamEnd),
        }
    }

    fn value(&mut self, event: Event<'a>, depth: usize) -> Result<Value, String> {
        if depth > DEEPEST {
            return Err("nested too deeply".to_owned());
        }
        match event {
            Event::Scalar(text, style, 0, None) => Ok(scalar(&text, style == ScalarStyle::Plain)),
            Event::SequenceStart(_, 0, None) => {
                let mut list = Vec::new();
                loop {
                    match self.next()? {
                        Event::SequenceEnd => return Ok(Value::Array(list)),
                        event => list.push(self.value(event, depth + 1)?),
                    }
                }
            }
            Event::MappingStart(_, 0, None) => {
                let mut map = Map::new();
                loop {
                    let key = match self.next()? {
                        Event::MappingEnd => return Ok(Value::Object(map)),
                        Event::Scalar(key, ..) => key.into_owned(),
                        _ => return Err("a key is a text".to_owned()),
                    };
                    let event = self.next()?;
                    let value = self.value(event, depth + 1)?;
                    map.insert(key, value);
                }
            }
            _ => Err("anchors, aliases and tags".to_owned()),
        }
    }
}

/// Plain text is what it looks like.
fn scalar(text: &str, is_plain: bool) -> Value {
    match text {
        "" | "~" | "null" if is_plain => Value::Null,
        "true" if is_plain => Value::Bool(true),
        "false" if is_plain => Value::Bool(false),
        text if is_plain => match text.parse::<i64>() {
            Ok(number) => number.into(),
            Err(_) => text.into(),
        },
        text => text.into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn as_json_has_it() {
        // In the form of NVIDIA's toolkit (`nvidia-ctk cdi generate`).
        let text = "---\ncdiVersion: 0.5.0\nkind: nvidia.com/gpu\ndevices:\n- name: \"0\"\n  containerEdits:\n    \
            deviceNodes:\n    - path: /dev/nvidia0\n      major: 195\n      minor: 0\n- name: all\ncontainerEdits:\n  \
            hooks: []\n  env:\n  - 'A=b'\n  x: ~\n";
        let expected = json!({
            "cdiVersion": "0.5.0", "kind": "nvidia.com/gpu",
            "devices": [
                { "name": "0", "containerEdits": { "deviceNodes": [
                    { "path": "/dev/nvidia0", "major": 195, "minor": 0 }] } },
                { "name": "all" },
            ],
            "containerEdits": { "hooks": [], "env": ["A=b"], "x": null },
        });
        assert_eq!(parse(text), Ok(expected));
    }

    #[test]
    fn what_is_not_read() {
        let deep = "[".repeat(100_000);
        for bad in ["", "a: &x 1\nb: *x\n", "!!binary aGk=\n", "[1, 2", "? [a]\n: b\n", &deep] {
            assert!(parse(bad).is_err(), "{bad:.20?}");
        }
    }
}
