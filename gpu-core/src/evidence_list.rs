//! [`EvidenceList`]: evidence that was found, and what named nothing that is here.

use crate::evidence::{Evidence, EvidenceSource, Strength};
use crate::id::UnitId;
use crate::owner::Owner;

/// Something that names a GPU, and no unit that is here.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[non_exhaustive]
pub struct Unresolved {
    /// Whose it is.
    pub owner: Owner,
    /// Where it was found.
    pub source: EvidenceSource,
    /// What it says; at most 128 bytes of it. Who may start containers chooses it.
    pub text: String,
    /// Why it is no unit, in a few words.
    pub why: &'static str,
}

impl Unresolved {
    const LONGEST: usize = 128;

    /// `text`, which names no unit because of `why`; cut where it is too long.
    #[must_use]
    pub fn new(owner: Owner, source: EvidenceSource, text: &str, why: &'static str) -> Self {
        let mut end = text.len().min(Self::LONGEST);
        while !text.is_char_boundary(end) {
            end -= 1;
        }
        Self { owner, source, text: text[..end].to_owned(), why }
    }
}

/// Evidence of what owners were given, collected from several backends and an embedder.
///
/// ```
/// use gpu_core::{EvidenceList, EvidenceSource, Owner, Strength};
/// let unit: gpu_core::UnitId = "amd:pci:0000:05:00.0".parse()?;
/// let mut list = EvidenceList::new();
/// for _ in 0..2 {
///     list.give(&Owner::Machine, unit, EvidenceSource::Environment, Strength::Declared);
///     list.leave(&Owner::Machine, EvidenceSource::Environment, "17", "no GPU has this number");
/// }
/// assert_eq!((list.evidence.len(), list.unresolved.len()), (1, 1));
/// # Ok::<(), gpu_core::ParseError>(())
/// ```
#[derive(Clone, PartialEq, Eq, Debug, Default)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[non_exhaustive]
pub struct EvidenceList {
    /// What was found.
    pub evidence: Vec<Evidence>,
    /// What names no unit that is here.
    pub unresolved: Vec<Unresolved>,
    /// Owners from whom the kernel keeps nothing: the machine's own `/dev`, or a device cgroup that
    /// lets at everything. They were given nothing in particular.
    pub unrestricted: Vec<Owner>,
}

impl EvidenceList {
    /// A list of nothing.
    #[must_use]
    pub const fn new() -> Self {
        Self { evidence: Vec::new(), unresolved: Vec::new(), unrestricted: Vec::new() }
    }

    /// Forgets everything, keeps the room.
    pub fn clear(&mut self) {
        self.evidence.clear();
        self.unresolved.clear();
        self.unrestricted.clear();
    }

    /// Adds evidence, once: what comes after other evidence of the same owner is compared with that.
    pub fn push(&mut self, evidence: Evidence) {
        let mut same = self.evidence.iter().rev().take_while(|there| there.owner == evidence.owner);
        if same.all(|there| *there != evidence) {
            self.evidence.push(evidence);
        }
    }

    /// Adds that `owner` was given a unit.
    pub fn give(
        &mut self,
        owner: &Owner,
        unit: impl Into<UnitId>,
        source: EvidenceSource,
        strength: Strength,
    ) {
        self.push(Evidence::new(owner.clone(), unit, source, strength));
    }

    /// Adds something that names no unit, once.
    pub fn leave(&mut self, owner: &Owner, source: EvidenceSource, text: &str, why: &'static str) {
        let unresolved = Unresolved::new(owner.clone(), source, text, why);
        let mut same = self.unresolved.iter().rev().take_while(|there| there.owner == unresolved.owner);
        if same.all(|there| (there.source, &there.text) != (unresolved.source, &unresolved.text)) {
            self.unresolved.push(unresolved);
        }
    }

    /// Adds an owner from whom the kernel keeps nothing, once.
    pub fn unrestrict(&mut self, owner: &Owner) {
        if self.unrestricted.last() != Some(owner) {
            self.unrestricted.push(owner.clone());
        }
    }

    /// The evidence of one owner.
    pub fn of<'a>(&'a self, owner: &'a Owner) -> impl Iterator<Item = &'a Evidence> {
        self.evidence.iter().filter(move |evidence| evidence.owner == *owner)
    }
}
