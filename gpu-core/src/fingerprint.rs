//! [`Fingerprint`], [`Incarnation`], and the [`Digest`] that both are made with.

use core::fmt;
use core::hash::Hasher;

/// A digest of how a board is cut (modes and partitions), or of a whole inventory.
///
/// Equal fingerprints mean equal state. A plan names the fingerprint that it was made on, and is
/// refused when the board shows another. The value is only comparable within one version of this
/// crate.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Fingerprint(pub u64);

/// One life of a unit. A partition that is destroyed and made again in the same place may carry
/// the same identifier, and the same vendor UUID; its incarnation differs whenever profile or boot
/// do, and whenever the backend saw the place empty, or otherwise cut, in between.
///
/// What a backend did not see it cannot tell: a place that was made again with the same profile
/// while nobody looked is taken for the same life, and so is one that another process saw change.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Incarnation(pub u64);

macro_rules! as_hex {
    ($($type:ident),*) => {$(
        impl fmt::Display for $type {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, "{:016x}", self.0)
            }
        }

        impl fmt::Debug for $type {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, concat!(stringify!($type), "({:016x})"), self.0)
            }
        }

        crate::text::serialize_as_text!($type);
    )*};
}

as_hex!(Fingerprint, Incarnation);

/// A 64-bit FNV-1a digest: small, without dependencies, the same on every machine.
///
/// For telling states apart, not for security. It is a [`Hasher`], so that whatever implements
/// `Hash` goes in.
///
/// ```
/// use core::hash::{Hash, Hasher};
/// use gpu_core::Digest;
/// let mut digest = Digest::new();
/// ("1g.10gb", 7_u32).hash(&mut digest);
/// assert_ne!(digest.finish(), Digest::new().finish());
/// ```
#[derive(Clone, Copy, Debug)]
pub struct Digest(u64);

impl Digest {
    /// A digest of nothing yet.
    #[must_use]
    pub const fn new() -> Self {
        Self(0xcbf2_9ce4_8422_2325)
    }

    /// The digest so far, as a fingerprint.
    #[must_use]
    pub fn fingerprint(&self) -> Fingerprint {
        Fingerprint(self.finish())
    }

    /// The digest so far, as an incarnation.
    #[must_use]
    pub fn incarnation(&self) -> Incarnation {
        Incarnation(self.finish())
    }
}

impl Default for Digest {
    fn default() -> Self {
        Self::new()
    }
}

impl Hasher for Digest {
    fn write(&mut self, bytes: &[u8]) {
        for byte in bytes {
            self.0 = (self.0 ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3);
        }
    }

    fn finish(&self) -> u64 {
        self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The published test vectors of FNV-1a 64.
    #[test]
    fn it_is_fnv_1a() {
        for (text, expected) in
            [("", 0xcbf2_9ce4_8422_2325_u64), ("a", 0xaf63_dc4c_8601_ec8c), ("foobar", 0x8594_4171_f739_67e8)]
        {
            let mut digest = Digest::new();
            digest.write(text.as_bytes());
            assert_eq!(digest.finish(), expected, "{text:?}");
        }
    }
}
