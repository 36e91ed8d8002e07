//! [`Holder`]: who holds something, as it lies in memory.

use crate::owner::Owner;
use crate::stored;

/// A holder as it is stored, a third of what it takes otherwise; and where it is a container whose
/// id is 64 hexadecimal digits, as most are, those as 32 bytes.
#[derive(Clone, Debug)]
pub(super) struct Holder(Box<[u8]>);

/// Sort container, its runtime, and the length of its id: 64 bytes.
const HEAD: [u8; 2] = [64, 0];
/// Instead of the sort of holder, where digits are packed.
const PACKED: u8 = 0x80;
const DIGITS: usize = 64;

impl Holder {
    pub fn of(owner: &Owner) -> Self {
        let bytes = stored::owner_bytes(owner);
        Self(packed(&bytes).unwrap_or(bytes).into())
    }

    pub fn get(&self) -> Option<Owner> {
        match &*self.0 {
            [PACKED, runtime, rest @ ..] => stored::owner(&unpacked(*runtime, rest)?).ok(),
            bytes => stored::owner(bytes).ok(),
        }
    }
}

fn packed(bytes: &[u8]) -> Option<Vec<u8>> {
    let [0, runtime, rest @ ..] = bytes else { return None };
    let (digits, rest) = rest.strip_prefix(&HEAD)?.split_at_checked(DIGITS)?;
    let mut packed = Vec::with_capacity(2 + DIGITS / 2 + rest.len());
    packed.extend_from_slice(&[PACKED, *runtime]);
    for pair in digits.chunks_exact(2) {
        packed.push(value(pair[0])? << 4 | value(pair[1])?);
    }
    packed.extend_from_slice(rest);
    Some(packed)
}

fn unpacked(runtime: u8, packed: &[u8]) -> Option<Vec<u8>> {
    let (digits, rest) = packed.split_at_checked(DIGITS / 2)?;
    let mut bytes = Vec::with_capacity(4 + DIGITS + rest.len());
    bytes.extend_from_slice(&[0, runtime]);
    bytes.extend_from_slice(&HEAD);
    bytes.extend(digits.iter().flat_map(|byte| [digit(byte >> 4), digit(byte & 15)]));
    bytes.extend_from_slice(rest);
    Some(bytes)
}

/// Of lower-case digits alone: others would come back as these.
const fn value(digit: u8) -> Option<u8> {
    match digit {
        b'0'..=b'9' => Some(digit - b'0'),
        b'a'..=b'f' => Some(digit - b'a' + 10),
        _ => None,
    }
}

const fn digit(value: u8) -> u8 {
    if value < 10 { b'0' + value } else { b'a' + value - 10 }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::owner::{Container, Pod, QosClass, Runtime, UnitName};
    use crate::uuid::Uuid;

    #[test]
    fn holders_come_back_as_they_were() {
        let container = |id: &str| Container::new(Runtime::Podman, id.parse().unwrap());
        let mut pod = container(&"0123456789abcdef".repeat(4));
        pod.pod = Some(Pod { uid: Uuid([7; 16]), qos: QosClass::BestEffort });
        let owners = [
            (Owner::Container(pod), 53),
            (Owner::Container(container(&"0123456789ABCDEF".repeat(4))), 70),
            (Owner::Container(container(&"f".repeat(63))), 69),
            (Owner::Container(container(&"g".repeat(64))), 70),
            (Owner::Unit(UnitName::new(&"x".repeat(64))), 67),
            (Owner::Session { user: 7 }, 5),
        ];
        for (owner, size) in owners {
            let holder = Holder::of(&owner);
            assert_eq!((holder.get(), holder.0.len()), (Some(owner), size));
        }
    }
}
