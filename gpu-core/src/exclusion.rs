//! [`Exclusion`]: who excludes whom among devices, partitions and shares.
//!
//! The one table of it. A unit is *taken whole* when it is a device or partition that somebody
//! holds, and *taken in shares* when somebody holds a replica of it. Two units of one device stand
//! to each other as what they are taken from:
//!
//! | taken | the same | one lies in the other | cut in another way | apart |
//! |---|---|---|---|---|
//! | whole, whole | excluded | excluded | excluded | both |
//! | whole, share | excluded | excluded | excluded | both |
//! | share, share | both, if they are different replicas of one declaration | excluded | excluded | both |
//!
//! *Cut in another way* are the tiles and the virtual functions of one device: a board offers one
//! or the other. Units of different devices never exclude each other.

use core::fmt;

use crate::id::{PartitionId, ShareId, UnitId};

/// Why two units cannot both be held.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(rename_all = "snake_case"))]
#[non_exhaustive]
pub enum Exclusion {
    /// They are the same unit.
    Same,
    /// One lies in the other, or is a share of something that does.
    Nested,
    /// Shares of one thing that was declared shared in two ways.
    SharedOtherwise,
    /// A board is cut in one way or the other.
    CutOtherwise,
}

impl fmt::Display for Exclusion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Same => "they are the same unit",
            Self::Nested => "one lies in the other",
            Self::SharedOtherwise => "what they share is shared in two ways",
            Self::CutOtherwise => "their device is cut in one way or the other",
        })
    }
}

impl Exclusion {
    /// Why `one` and `other` cannot both be held; `None` when they can. The same in both orders.
    ///
    /// ```
    /// use gpu_core::{Exclusion, UnitId};
    /// let unit = |text: &str| text.parse::<UnitId>().unwrap();
    /// let (device, instance) = (unit("nvidia:pci:0000:1b:00.0"), unit("nvidia:pci:0000:1b:00.0/gi:1"));
    /// assert_eq!(Exclusion::between(device, instance), Some(Exclusion::Nested));
    /// assert_eq!(Exclusion::between(instance, unit("nvidia:pci:0000:1b:00.0/gi:2")), None);
    /// let replica = |text: &str| unit(&format!("nvidia:pci:0000:1b:00.0/gi:1::{text}"));
    /// assert_eq!(Exclusion::between(replica("0of4"), replica("1of4")), None);
    /// assert_eq!(Exclusion::between(replica("0of4"), replica("1of2")), Some(Exclusion::SharedOtherwise));
    /// ```
    #[must_use]
    pub fn between(one: UnitId, other: UnitId) -> Option<Self> {
        match (relation(whole(one), whole(other)), one, other) {
            (Relation::Apart, ..) => None,
            (Relation::Nested, ..) => Some(Self::Nested),
            (Relation::CutOtherwise, ..) => Some(Self::CutOtherwise),
            (Relation::Same, UnitId::Share(one), UnitId::Share(other)) => replicas(one, other),
            (Relation::Same, one, other) if one == other => Some(Self::Same),
            // One whole, one in shares.
            (Relation::Same, ..) => Some(Self::Nested),
        }
    }
}

/// How what two units are taken from stands to each other.
enum Relation {
    Same,
    Nested,
    CutOtherwise,
    Apart,
}

/// What a unit is taken from: itself, or what it is a share of.
const fn whole(unit: UnitId) -> UnitId {
    match unit {
        UnitId::Share(share) => share.whole(),
        unit => unit,
    }
}

fn relation(one: UnitId, other: UnitId) -> Relation {
    match (one, other) {
        _ if one.device() != other.device() => Relation::Apart,
        _ if one == other => Relation::Same,
        (UnitId::Partition(one), UnitId::Partition(other)) => {
            let (a, b) = (outermost(one), outermost(other));
            match () {
                () if a.kind() != b.kind() => Relation::CutOtherwise,
                // At most two levels: within one outermost part, the part itself or its insides.
                () if a == b && (one == a || other == b) => Relation::Nested,
                () => Relation::Apart,
            }
        }
        // A device, and something of it.
        _ => Relation::Nested,
    }
}

fn outermost(id: PartitionId) -> PartitionId {
    id.parent().unwrap_or(id)
}

fn replicas(one: ShareId, other: ShareId) -> Option<Exclusion> {
    match () {
        () if one == other => Some(Exclusion::Same),
        () if one.replicas() != other.replicas() => Some(Exclusion::SharedOtherwise),
        () => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use Exclusion::{CutOtherwise, Nested, Same, SharedOtherwise};

    /// Every pair of sorts of unit, each way that two of them can stand to each other.
    #[test]
    fn every_pair_is_decided() {
        let pairs = [
            // device, device
            ("D", "D", Some(Same)),
            ("D", "E", None),
            // device, partition
            ("D", "D/gi:1", Some(Nested)),
            ("D", "D/gi:1/ci:0", Some(Nested)),
            ("D", "D/tile:0", Some(Nested)),
            ("D", "D/vf:1", Some(Nested)),
            ("D", "E/gi:1", None),
            // device, share
            ("D", "D::0of4", Some(Nested)),
            ("D", "D/gi:1::0of4", Some(Nested)),
            ("D", "D/gi:1/ci:0::0of4", Some(Nested)),
            ("D", "E::0of4", None),
            // partition, partition
            ("D/gi:1", "D/gi:1", Some(Same)),
            ("D/gi:1", "D/gi:2", None),
            ("D/gi:1", "D/gi:1/ci:0", Some(Nested)),
            ("D/gi:1", "D/gi:2/ci:0", None),
            ("D/gi:1/ci:0", "D/gi:1/ci:0", Some(Same)),
            ("D/gi:1/ci:0", "D/gi:1/ci:1", None),
            ("D/gi:1/ci:0", "D/gi:2/ci:0", None),
            ("D/tile:0", "D/tile:1", None),
            ("D/tile:0", "D/vf:1", Some(CutOtherwise)),
            ("D/vf:1", "D/vf:2", None),
            ("D/gi:1", "E/gi:1", None),
            // partition, share
            ("D/gi:1", "D/gi:1::0of4", Some(Nested)),
            ("D/gi:1", "D::0of4", Some(Nested)),
            ("D/gi:1", "D/gi:1/ci:0::0of4", Some(Nested)),
            ("D/gi:1/ci:0", "D/gi:1::0of4", Some(Nested)),
            ("D/gi:1", "D/gi:2::0of4", None),
            ("D/gi:1/ci:0", "D/gi:1/ci:1::0of4", None),
            ("D/tile:0", "D/vf:1::0of2", Some(CutOtherwise)),
            ("D/gi:1", "E/gi:1::0of4", None),
            // share, share
            ("D::0of4", "D::0of4", Some(Same)),
            ("D::0of4", "D::1of4", None),
            ("D::0of4", "D::0of2", Some(SharedOtherwise)),
            ("D::0of4", "D::1of2", Some(SharedOtherwise)),
            ("D::0of4", "D/gi:1::0of4", Some(Nested)),
            ("D/gi:1::0of4", "D/gi:1::1of4", None),
            ("D/gi:1::0of4", "D/gi:2::0of2", None),
            ("D/gi:1::0of4", "D/gi:1/ci:0::0of4", Some(Nested)),
            ("D/gi:1/ci:0::0of4", "D/gi:1/ci:1::0of4", None),
            ("D/tile:0::0of2", "D/vf:1::0of2", Some(CutOtherwise)),
            ("D::0of4", "E::0of4", None),
        ];
        let unit = |text: &str| {
            let text =
                text.replacen('D', "nvidia:pci:0000:1b:00.0", 1).replacen('E', "nvidia:pci:0000:2c:00.0", 1);
            text.parse::<UnitId>().unwrap_or_else(|error| panic!("{text}: {error}"))
        };
        for (one, other, expected) in pairs {
            assert_eq!(Exclusion::between(unit(one), unit(other)), expected, "{one}, {other}");
            assert_eq!(Exclusion::between(unit(other), unit(one)), expected, "{other}, {one}");
        }
    }
}
