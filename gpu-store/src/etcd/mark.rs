//! [`Mark`]: how far a stream is compacted, and which is its snapshot.

use serde::{Deserialize, Serialize};

/// How far a stream is compacted, and which is its snapshot.
#[derive(Serialize, Deserialize, Clone, PartialEq, Eq, Default, Debug)]
#[serde(deny_unknown_fields)]
pub(super) struct Mark {
    /// Records up to here are gone.
    pub compacted: u64,
    pub snapshot: Option<Kept>,
}

/// A snapshot whose parts are all there.
#[derive(Serialize, Deserialize, Clone, PartialEq, Eq, Debug)]
#[serde(deny_unknown_fields)]
pub(super) struct Kept {
    /// The position of the last record that is in it.
    pub at: u64,
    /// Below what name its parts stand.
    pub name: String,
    /// How many bytes it has.
    pub bytes: u64,
}

impl Mark {
    pub fn text(&self) -> String {
        // Numbers and texts always have a JSON form.
        serde_json::to_string(self).unwrap_or_default()
    }
}
