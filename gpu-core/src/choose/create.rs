//! [`creations`]: partitions that the planner could make.

use crate::id::{DeviceId, UnitId};
use crate::ledger::Ledger;
use crate::plan::{self, Fragmentation, Geometry, Layout, Plan, Wanted};

use super::request::Request;

/// A board of the node that may be cut otherwise.
///
/// Instances are told apart by [`Live::tag`](plan::Live::tag), which has to be the index of the
/// partition, as backends have it.
#[derive(Clone, Copy, Debug)]
pub struct Cuttable<'a> {
    /// Which device.
    pub device: DeviceId,
    /// What it can be cut into.
    pub geometry: &'a Geometry,
    /// How it is cut.
    pub layout: &'a Layout,
}

/// Partitions that could be made for a request, and what that costs.
#[derive(Clone, PartialEq, Eq, Debug)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[non_exhaustive]
pub struct Creation {
    /// On which device.
    pub device: DeviceId,
    /// What to do. What is destroyed in it nobody holds; what moves is destroyed and made anew.
    pub plan: Plan,
    /// How fragmented the board is afterwards.
    pub fragmentation: Fragmentation,
}

/// Partitions of the request's profile that could be made, as many as it asks for on one board: the
/// cheapest first, which is the one that destroys least, then the one that leaves its board least
/// fragmented, then the one on a board that is in use. None for a request that names no profile or
/// wants shares.
///
/// What somebody holds stays where it is, and a board that is held as a whole, shared or withdrawn
/// is left alone. The plan is to be carried out and told to the ledger
/// ([`Body::Repartition`](crate::ledger::Body::Repartition)) before what it makes can be reserved.
///
/// ```
/// use gpu_core::{DeviceId, Fingerprint, Incarnation, PciAddress, Vendor};
/// use gpu_core::choose::{self, Cuttable, Request};
/// use gpu_core::ledger::{Board, Body, EntryId, Ledger, Offer};
/// use gpu_core::plan::{Geometry, Layout, Profile, ProfileKey};
/// let gpu = DeviceId::from_pci(Vendor::NVIDIA, PciAddress::new(0, 0x1b, 0, 0));
/// let mut ledger = Ledger::new("node-1".parse()?);
/// let board = Board::new("H100", Offer::new(gpu, Incarnation::default()).not_itself());
/// ledger.apply(&ledger.entry(ledger.key(EntryId(1)), Body::Inventory(vec![board])))?;
/// let toy = Geometry::builder("toy", 4).profile(Profile::new(ProfileKey(1), "2g").at([0, 2], 2).most(2)).build()?;
/// let cuttable = Cuttable { device: gpu, geometry: &toy, layout: &Layout::default() };
/// let made = choose::creations(&ledger, &Request::any().profile("2g").count(2), &[cuttable]);
/// assert_eq!(made[0].plan.create.len(), 2);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[must_use]
pub fn creations(ledger: &Ledger, request: &Request, boards: &[Cuttable<'_>]) -> Vec<Creation> {
    let Some(profile) = request.profile.as_deref().filter(|_| !request.is_shared) else { return Vec::new() };
    let mut found: Vec<(bool, Creation)> = boards
        .iter()
        .filter(|board| is_to_be_had(ledger, request, board.device))
        .filter_map(|board| creation(ledger, request, profile, board))
        .collect();
    found.sort_by_key(|(is_fresh, one)| {
        let lost = one.fragmentation.permille();
        (one.plan.destroy.len(), lost, *is_fresh != request.spread, one.device)
    });
    found.into_iter().map(|(_, one)| one).collect()
}

/// Nobody holds the board as a whole or shares of it, and the request may have it.
fn is_to_be_had(ledger: &Ledger, request: &Request, device: DeviceId) -> bool {
    let matches = ledger.boards().find(|board| board.device == device).is_some_and(|board| {
        let model = board.model.to_ascii_lowercase();
        request.vendor.is_none_or(|vendor| vendor == device.vendor())
            && request.model.as_ref().is_none_or(|part| model.contains(&**part))
    });
    let whole = UnitId::Device(device);
    let is_free =
        ledger.in_the_way(whole).iter().all(|conflict| matches!(conflict.held, UnitId::Partition(_)));
    let is_unfit = request.unfit.0.iter().any(|of| of.unit == whole);
    let is_out = is_unfit || request.without.contains(&whole) || ledger.withdrawn().any(|unit| unit == whole);
    matches && is_free && !is_out
}

fn creation(
    ledger: &Ledger,
    request: &Request,
    profile: &str,
    board: &Cuttable<'_>,
) -> Option<(bool, Creation)> {
    let held: Vec<u32> = ledger.in_the_way(board.device).iter().filter_map(|by| outermost(by.held)).collect();
    let mut layout = board.layout.clone();
    for live in layout.live.iter_mut().filter(|live| held.contains(&live.tag)) {
        live.pinned = true;
    }
    let key = board.geometry.named(profile)?.key();
    let mut wanted = Wanted::default();
    wanted.add(key, u32::from(request.count));
    let still = plan::Request::add(wanted);
    let plan = board.geometry.plan(&layout, &still);
    let plan = plan.or_else(|_| board.geometry.plan(&layout, &still.moving())).ok()?;
    let result = plan.result().map(|(profile, place)| plan::Live::new(profile, place, 0)).collect();
    let after = Layout::new(plan.fingerprint, result);
    let fragmentation = board.geometry.fragmentation(&after).ok()?;
    Some((held.is_empty(), Creation { device: board.device, plan, fragmentation }))
}

/// The index of the instance that is held, or in which something is.
fn outermost(unit: UnitId) -> Option<u32> {
    let whole = match unit {
        UnitId::Share(share) => share.whole(),
        whole => whole,
    };
    match whole {
        UnitId::Partition(id) => Some(id.parent().unwrap_or(id).index()),
        UnitId::Device(_) | UnitId::Share(_) => None,
    }
}
