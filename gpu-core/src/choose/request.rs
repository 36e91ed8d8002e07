//! [`Request`]: what somebody needs.

use core::hash::{Hash, Hasher};

use crate::fingerprint::{Digest, Fingerprint};
use crate::id::UnitId;
use crate::ledger::{Expiry, Label};
use crate::numa::NumaNode;
use crate::pci::PciAddress;
use crate::quantity::{Bytes, Count};
use crate::unfit::Unfit;
use crate::vendor::Vendor;

/// What somebody needs of a node's GPUs: one unit as a whole, unless it says otherwise.
///
/// ```
/// use gpu_core::{Bytes, PciAddress, Vendor};
/// use gpu_core::choose::Request;
/// let nic = PciAddress::new(0, 0x18, 0, 0);
/// let request = Request::memory(Bytes::gib(20)).vendor(Vendor::NVIDIA).exclusive().near(nic);
/// assert_eq!(request, Request::memory(Bytes::gib(20)).near(nic).vendor(Vendor::NVIDIA));
/// ```
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct Request {
    pub(super) vendor: Option<Vendor>,
    pub(super) model: Option<Box<str>>,
    pub(super) profile: Option<Box<str>>,
    pub(super) memory: Bytes,
    pub(super) compute: Count,
    pub(super) is_shared: bool,
    pub(super) count: u16,
    pub(super) same_numa: bool,
    pub(super) same_island: bool,
    pub(super) near: Option<Near>,
    pub(super) spread: bool,
    pub(super) without: Vec<UnitId>,
    pub(super) unfit: Unasked,
    pub(super) expiry: Expiry,
    pub(super) label: Option<Label>,
}

/// Something that units shall be near to.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct Near {
    /// Where it sits.
    pub pci: PciAddress,
    /// The NUMA node that it hangs on, where that is known: it says more than the address.
    pub numa: Option<NumaNode>,
}

impl From<PciAddress> for Near {
    fn from(pci: PciAddress) -> Self {
        Self { pci, numa: None }
    }
}

impl Request {
    /// Any unit as a whole.
    #[must_use]
    pub const fn any() -> Self {
        Self {
            vendor: None,
            model: None,
            profile: None,
            memory: Bytes::ZERO,
            compute: Count::ZERO,
            is_shared: false,
            count: 1,
            same_numa: false,
            same_island: false,
            near: None,
            spread: false,
            without: Vec::new(),
            unfit: Unasked(Vec::new()),
            expiry: Expiry::Never,
            label: None,
        }
    }

    /// A unit with so much memory at least. Of its own, unless a share is wanted: that may take so
    /// much where others leave it.
    #[must_use]
    pub fn memory(least: Bytes) -> Self {
        Self { memory: least, ..Self::any() }
    }

    /// The same, with so many compute units at least.
    #[must_use]
    pub fn compute(self, least: Count) -> Self {
        Self { compute: least, ..self }
    }

    /// The same, of this vendor.
    #[must_use]
    pub fn vendor(self, vendor: Vendor) -> Self {
        Self { vendor: Some(vendor), ..self }
    }

    /// The same, of devices whose product's name has this in it, in upper or lower case.
    #[must_use]
    pub fn model(self, part: &str) -> Self {
        Self { model: Some(part.to_ascii_lowercase().into()), ..self }
    }

    /// The same, of partitions of exactly this profile.
    #[must_use]
    pub fn profile(self, profile: &str) -> Self {
        Self { profile: Some(profile.into()), ..self }
    }

    /// The same, as a whole, which nobody else has: what a request is from the beginning.
    #[must_use]
    pub fn exclusive(self) -> Self {
        Self { is_shared: false, ..self }
    }

    /// The same, as a share of what is declared shared: without any guarantee.
    #[must_use]
    pub fn shared(self) -> Self {
        Self { is_shared: true, ..self }
    }

    /// So many of it, all on one node.
    #[must_use]
    pub fn count(self, count: u16) -> Self {
        Self { count, ..self }
    }

    /// The same, all on one NUMA node.
    #[must_use]
    pub fn same_numa(self) -> Self {
        Self { same_numa: true, ..self }
    }

    /// The same, on devices that reach each other by NVLink, xGMI or Xe Link.
    #[must_use]
    pub fn same_island(self) -> Self {
        Self { same_island: true, ..self }
    }

    /// The same, as near as can be to something else, such as a network card: on its NUMA node,
    /// then in its PCI domain, then by the distance of the buses.
    #[must_use]
    pub fn near(self, what: impl Into<Near>) -> Self {
        Self { near: Some(what.into()), ..self }
    }

    /// The same, on as many boards as can be, and on those with most free. Otherwise on as few,
    /// and on those with least.
    #[must_use]
    pub fn spread(self) -> Self {
        Self { spread: true, ..self }
    }

    /// The same, on as few boards as can be: what a request is from the beginning.
    #[must_use]
    pub fn pack(self) -> Self {
        Self { spread: false, ..self }
    }

    /// The same, without these units, what lies in them and what they lie in.
    #[must_use]
    pub fn without(mut self, units: impl IntoIterator<Item = UnitId>) -> Self {
        self.without.extend(units);
        self.without.sort_unstable();
        self.without.dedup();
        self
    }

    /// The same, on none of these units, what lies in them or what they lie in: how well the machine is. They
    /// are named where nothing else would do, and it is "not now". They are no part of what is asked for: a
    /// request that is made again when others are unwell is the same ([`fingerprint`](Self::fingerprint)).
    ///
    /// Units are of one node. A ledger that shall refuse them whoever asks is told so by
    /// [`Body::Withdraw`](crate::ledger::Body::Withdraw).
    ///
    /// ```
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// use gpu_core::choose::{self, Request};
    /// use gpu_core::ledger::{Board, Body, EntryId, Ledger, Outlook};
    /// use gpu_core::{Backend, Unfit};
    /// let inventory = gpu_sim::Machine::preset("gh200-1")?.backend().inventory()?;
    /// let mut ledger = Ledger::new("node-1".parse()?);
    /// ledger.apply(&ledger.entry(ledger.key(EntryId(1)), Body::Inventory(Board::all(&inventory, &[]))))?;
    ///
    /// let unfit = Unfit::new(inventory.devices[0].id, "unhealthy: Xid 79; reboot the node");
    /// let unmet = choose::among(&ledger, &Request::any().unfit([unfit])).unwrap_err();
    /// assert_eq!(unmet.outlook, Outlook::NotNow);
    /// assert!(unmet.to_string().ends_with("unhealthy: Xid 79; reboot the node"), "{unmet}");
    /// # Ok(())
    /// # }
    /// ```
    #[must_use]
    pub fn unfit(mut self, units: impl IntoIterator<Item = Unfit>) -> Self {
        self.unfit.0.extend(units);
        self.unfit.0.sort_unstable();
        self.unfit.0.dedup();
        self
    }

    /// The same, reserved until then.
    #[must_use]
    pub fn until(self, expiry: Expiry) -> Self {
        Self { expiry, ..self }
    }

    /// The same, with the caller's own words on the reservation.
    #[must_use]
    pub fn labelled(self, label: Label) -> Self {
        Self { label: Some(label), ..self }
    }

    /// A digest of it, which the reservation carries, so that the same key with another request is
    /// noticed.
    #[must_use]
    pub fn fingerprint(&self) -> Fingerprint {
        let mut digest = Digest::new();
        self.hash(&mut digest);
        digest.fingerprint()
    }
}

/// Units that are unfit: of the machine's state, and thus in no fingerprint.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub(super) struct Unasked(pub(super) Vec<Unfit>);

impl Hash for Unasked {
    fn hash<H: Hasher>(&self, _: &mut H) {}
}

impl Unasked {
    /// Why nothing shall be placed on a unit, if so.
    pub(super) fn on(&self, unit: UnitId) -> impl Iterator<Item = &Unfit> {
        self.0.iter().filter(move |of| unit.lies_in(of.unit) || of.unit.lies_in(unit))
    }
}
