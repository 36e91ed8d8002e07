//! [`Keys`]: where things of a stream stand.

use gpu_core::ledger::Position;

use crate::stream::Stream;

/// Where things stand, below a prefix.
#[derive(Clone, Debug)]
pub(super) struct Keys {
    prefix: String,
}

impl Keys {
    pub fn below(prefix: &str) -> Self {
        Self { prefix: prefix.to_owned() }
    }

    pub fn format(&self) -> String {
        format!("{}format", self.prefix)
    }

    /// The position of the last record.
    pub fn end(&self, stream: &Stream) -> String {
        format!("{}end/{stream}", self.prefix)
    }

    /// What is compacted, and which is the snapshot.
    pub fn mark(&self, stream: &Stream) -> String {
        format!("{}mark/{stream}", self.prefix)
    }

    /// An append whose last record has this position. Of all of a stream the first from
    /// `log(p)` on is the one with the record `p` in it.
    pub fn log(&self, stream: &Stream, last: Position) -> String {
        format!("{}log/{stream}/{:016x}", self.prefix, last.0)
    }

    /// After all appends of a stream: `0` comes after `/`.
    pub fn after_log(&self, stream: &Stream) -> String {
        format!("{}log/{stream}0", self.prefix)
    }

    /// The position in a key of [`log`](Self::log).
    pub fn last_of(&self, stream: &Stream, key: &[u8]) -> Option<Position> {
        let digits = key.strip_prefix(format!("{}log/{stream}/", self.prefix).as_bytes())?;
        let digits = std::str::from_utf8(digits).ok().filter(|digits| digits.len() == 16)?;
        u64::from_str_radix(digits, 16).ok().map(Position)
    }

    /// All snapshots of a stream whose names are not before this one.
    pub fn snapshots(&self, stream: &Stream, from: &str) -> String {
        format!("{}snap/{stream}/{from}", self.prefix)
    }

    /// A part of a snapshot.
    pub fn part(&self, stream: &Stream, name: &str, part: usize) -> String {
        format!("{}snap/{stream}/{name}/{part:08x}", self.prefix)
    }

    /// After all parts of a snapshot.
    pub fn after_parts(&self, stream: &Stream, name: &str) -> String {
        format!("{}snap/{stream}/{name}0", self.prefix)
    }

    /// The folders in which every stream that there is stands.
    pub fn folders(&self) -> [String; 2] {
        [format!("{}end/", self.prefix), format!("{}mark/", self.prefix)]
    }

    /// The stream that a key in one of these folders is of.
    pub fn stream_of(folder: &str, key: &[u8]) -> Option<Stream> {
        std::str::from_utf8(key.strip_prefix(folder.as_bytes())?).ok()?.parse().ok()
    }
}

/// The first key after all that begin with this one, which ends in `/`.
pub(super) fn after(folder: &str) -> String {
    // `0` comes after `/`.
    format!("{}0", folder.strip_suffix('/').unwrap_or(folder))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_are_in_order_and_apart() {
        let keys = Keys::below("p/");
        let stream: Stream = "ledger/node".parse().unwrap();
        let longer: Stream = "ledger/node0".parse().unwrap();
        let mut positions: Vec<u64> = (0..70).map(|bit| 1_u64.checked_shl(bit).unwrap_or(u64::MAX)).collect();
        positions.sort_unstable();
        let mut written: Vec<String> = positions.iter().map(|p| keys.log(&stream, Position(*p))).collect();
        assert!(written.is_sorted());
        written.push(keys.after_log(&stream));
        assert!(written.is_sorted());
        let other = keys.log(&longer, Position(1));
        assert!(other >= keys.after_log(&stream) || other < keys.log(&stream, Position(0)));
        let key = keys.log(&stream, Position(u64::MAX));
        assert_eq!(keys.last_of(&stream, key.as_bytes()), Some(Position(u64::MAX)));
        assert_eq!(keys.last_of(&longer, key.as_bytes()), None);
        let folder = &keys.folders()[0];
        assert_eq!(Keys::stream_of(folder, keys.end(&longer).as_bytes()), Some(longer));
        assert!(keys.end(&longer) < after(folder) && after(folder) < keys.mark(&stream));
    }
}
