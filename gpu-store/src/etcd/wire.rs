//! etcd's messages as its gateway writes them in JSON: bytes in base64, 64-bit numbers as text, what
//! is zero or empty left out.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::de::{Error as _, Visitor};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// Bytes of a key or value.
#[derive(Clone, PartialEq, Eq, Default, Debug)]
pub(super) struct Bytes(pub Vec<u8>);

impl From<&str> for Bytes {
    fn from(text: &str) -> Self {
        Self(text.as_bytes().to_vec())
    }
}

impl From<String> for Bytes {
    fn from(text: String) -> Self {
        Self(text.into_bytes())
    }
}

impl Serialize for Bytes {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        to.serialize_str(&STANDARD.encode(&self.0))
    }
}

impl<'de> Deserialize<'de> for Bytes {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        struct Text;
        impl Visitor<'_> for Text {
            type Value = Bytes;

            fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str("bytes in base64")
            }

            fn visit_str<E: serde::de::Error>(self, text: &str) -> Result<Bytes, E> {
                STANDARD.decode(text).map(Bytes).map_err(E::custom)
            }
        }
        from.deserialize_str(Text)
    }
}

/// A 64-bit number: text in JSON.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default, Debug)]
pub(super) struct Number(pub i64);

impl Serialize for Number {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        to.collect_str(&self.0)
    }
}

impl<'de> Deserialize<'de> for Number {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        struct Digits;
        impl Visitor<'_> for Digits {
            type Value = Number;

            fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str("a 64-bit number, as text or not")
            }

            fn visit_str<E: serde::de::Error>(self, text: &str) -> Result<Number, E> {
                text.parse().map(Number).map_err(E::custom)
            }

            fn visit_i64<E: serde::de::Error>(self, number: i64) -> Result<Number, E> {
                Ok(Number(number))
            }

            fn visit_u64<E: serde::de::Error>(self, number: u64) -> Result<Number, E> {
                i64::try_from(number).map(Number).map_err(E::custom)
            }
        }
        from.deserialize_any(Digits)
    }
}

/// A transaction: `success` where everything of `compare` is so, else `failure`.
#[derive(Serialize, Default, Debug)]
pub(super) struct Txn {
    pub compare: Vec<Compare>,
    pub success: Vec<Op>,
    pub failure: Vec<Op>,
}

/// What has to be so of a key.
#[derive(Serialize, Debug)]
pub(super) struct Compare {
    key: Bytes,
    result: &'static str,
    #[serde(flatten)]
    target: Target,
}

#[derive(Serialize, Debug)]
#[serde(tag = "target", rename_all = "UPPERCASE")]
enum Target {
    Value { value: Bytes },
    Create { create_revision: Number },
}

impl Compare {
    /// The key has this value, or is not there.
    pub fn is(key: impl Into<Bytes>, value: Option<Bytes>) -> Self {
        let target = match value {
            Some(value) => Target::Value { value },
            None => Target::Create { create_revision: Number(0) },
        };
        Self { key: key.into(), result: "EQUAL", target }
    }
}

/// One step of a transaction.
#[derive(Serialize, Debug)]
pub(super) enum Op {
    #[serde(rename = "request_put")]
    Put(Put),
    #[serde(rename = "request_range")]
    Range(Range),
    #[serde(rename = "request_delete_range")]
    DeleteRange(DeleteRange),
}

#[derive(Serialize, Debug)]
pub(super) struct Put {
    pub key: Bytes,
    pub value: Bytes,
}

#[derive(Serialize, Default, Debug)]
pub(super) struct Range {
    pub key: Bytes,
    #[serde(skip_serializing_if = "is_empty")]
    pub range_end: Bytes,
    pub limit: Number,
    pub keys_only: bool,
}

#[derive(Serialize, Debug)]
pub(super) struct DeleteRange {
    pub key: Bytes,
    pub range_end: Bytes,
}

fn is_empty(bytes: &Bytes) -> bool {
    bytes.0.is_empty()
}

impl Op {
    pub fn put(key: impl Into<Bytes>, value: impl Into<Bytes>) -> Self {
        Self::Put(Put { key: key.into(), value: value.into() })
    }

    /// One key.
    pub fn get(key: impl Into<Bytes>) -> Self {
        Self::Range(Range { key: key.into(), ..Range::default() })
    }

    /// The first keys from one on, before another.
    pub fn range(from: impl Into<Bytes>, before: impl Into<Bytes>, limit: i64) -> Self {
        let (key, range_end) = (from.into(), before.into());
        Self::Range(Range { key, range_end, limit: Number(limit), keys_only: false })
    }

    /// The same, without values.
    pub fn keys(from: impl Into<Bytes>, before: impl Into<Bytes>, limit: i64) -> Self {
        let (key, range_end) = (from.into(), before.into());
        Self::Range(Range { key, range_end, limit: Number(limit), keys_only: true })
    }

    pub fn delete(from: impl Into<Bytes>, before: impl Into<Bytes>) -> Self {
        Self::DeleteRange(DeleteRange { key: from.into(), range_end: before.into() })
    }
}

#[derive(Deserialize, Default, Debug)]
#[serde(default)]
pub(super) struct Header {
    pub revision: Number,
}

/// What became of a transaction.
#[derive(Deserialize, Default, Debug)]
#[serde(default)]
pub(super) struct TxnAnswer {
    pub header: Header,
    pub succeeded: bool,
    pub responses: Vec<Answer>,
}

#[derive(Deserialize, Debug)]
pub(super) enum Answer {
    #[serde(rename = "response_put")]
    Put(Ignored),
    #[serde(rename = "response_range")]
    Range(Found),
    #[serde(rename = "response_delete_range")]
    DeleteRange(Ignored),
}

#[derive(Deserialize, Debug)]
pub(super) struct Ignored {}

/// Keys that were found.
#[derive(Deserialize, Default, Debug)]
#[serde(default)]
pub(super) struct Found {
    pub kvs: Vec<Pair>,
    pub more: bool,
}

#[derive(Deserialize, Default, Debug)]
#[serde(default)]
pub(super) struct Pair {
    pub key: Bytes,
    pub value: Bytes,
}

impl TxnAnswer {
    /// What the range at this place of the transaction found.
    pub fn found(&mut self, at: usize) -> Option<Found> {
        match self.responses.get_mut(at)? {
            Answer::Range(found) => Some(std::mem::take(found)),
            _ => None,
        }
    }
}

/// Without `Debug`: it holds a password.
#[derive(Serialize)]
pub(super) struct Authenticate<'a> {
    pub name: &'a str,
    pub password: &'a str,
}

#[derive(Deserialize)]
pub(super) struct Authenticated {
    pub token: String,
}

/// What the gateway says instead of an answer; versions differ in where the words stand.
#[derive(Deserialize, Default, Debug)]
#[serde(default)]
pub(super) struct Refusal {
    pub code: i64,
    pub message: String,
    pub error: String,
}

#[derive(Serialize, Debug)]
pub(super) struct Watch {
    pub create_request: WatchCreate,
}

#[derive(Serialize, Debug)]
pub(super) struct WatchCreate {
    pub key: Bytes,
    pub start_revision: Number,
}

/// One message of a stream of answers.
#[derive(Deserialize, Debug)]
pub(super) struct Streamed<T> {
    pub result: Option<T>,
}

#[derive(Deserialize, Default, Debug)]
#[serde(default)]
pub(super) struct Watched {
    pub canceled: bool,
    pub events: Vec<Event>,
}

#[derive(Deserialize, Debug)]
pub(super) struct Event {}

#[derive(Serialize, Debug)]
pub(super) struct LeaseGrant {
    #[serde(rename = "TTL")]
    pub ttl: Number,
}

#[derive(Serialize, Debug)]
pub(super) struct LeaseAsk {
    #[serde(rename = "ID")]
    pub id: Number,
}

#[derive(Deserialize, Default, Debug)]
#[serde(default)]
pub(super) struct LeaseAnswer {
    #[serde(rename = "ID")]
    pub id: Number,
    #[serde(rename = "TTL")]
    pub ttl: Number,
}

/// Reads an answer.
pub(super) fn read<T: for<'de> Deserialize<'de>>(bytes: &[u8]) -> Result<T, serde_json::Error> {
    if bytes.is_empty() {
        return Err(serde_json::Error::custom("an empty answer"));
    }
    serde_json::from_slice(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// As etcd's documentation of the gateway and a server of version 3.4 write them.
    #[test]
    fn messages_are_those_of_the_gateway() {
        let txn = Txn {
            compare: vec![Compare::is("a", None), Compare::is("a", Some("1".into()))],
            success: vec![Op::put("a", "2"), Op::delete("a", "b")],
            failure: vec![Op::get("a"), Op::keys("a", "b", 7)],
        };
        let expected = serde_json::json!({
            "compare": [
                {"key": "YQ==", "result": "EQUAL", "target": "CREATE", "create_revision": "0"},
                {"key": "YQ==", "result": "EQUAL", "target": "VALUE", "value": "MQ=="},
            ],
            "success": [
                {"request_put": {"key": "YQ==", "value": "Mg=="}},
                {"request_delete_range": {"key": "YQ==", "range_end": "Yg=="}},
            ],
            "failure": [
                {"request_range": {"key": "YQ==", "limit": "0", "keys_only": false}},
                {"request_range": {"key": "YQ==", "range_end": "Yg==", "limit": "7", "keys_only": true}},
            ],
        });
        assert_eq!(serde_json::to_value(&txn).unwrap(), expected);
        let answer =
            br#"{"header":{"revision":"2"},"responses":[{"response_range":{"header":{"revision":"2"},
            "kvs":[{"key":"YQ==","create_revision":"2","value":"MQ=="}],"count":"1"}}]}"#;
        let mut answer: TxnAnswer = read(answer).unwrap();
        assert_eq!((answer.succeeded, answer.header.revision), (false, Number(2)));
        let found = answer.found(0).unwrap();
        assert_eq!((&found.kvs[0].key.0[..], &found.kvs[0].value.0[..]), (&b"a"[..], &b"1"[..]));
    }

    #[test]
    fn numbers_are_read_as_text_or_not() {
        for text in ["\"-1\"", "-1"] {
            assert_eq!(serde_json::from_str::<Number>(text).unwrap(), Number(-1));
        }
        for text in ["\"\"", "\"1x\"", "18446744073709551615", "null", "1.5"] {
            assert!(serde_json::from_str::<Number>(text).is_err(), "{text}");
        }
    }
}
