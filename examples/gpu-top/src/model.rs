//! What is shown: plain data, made of a look and of what came before.

#[path = "../../shared/given.rs"]
mod given;
pub mod holder;
pub mod ledger;
pub mod meter;
#[path = "../../shared/slices.rs"]
mod slices;
pub mod slots;
pub mod trace;
pub mod unit;

use gpu_accounting::attribution::Attribution;
use gpu_accounting::{Node, UnitId, Watch};

use holder::HolderView;
use ledger::{Beside, LedgerView};
use meter::{MeterView, Metering};
use slots::Geometries;
use trace::Traces;
use unit::UnitView;

/// Everything that a frame shows of a machine.
#[derive(Clone, Debug, Default)]
pub struct View {
    /// When the look was: the time of day, UTC.
    pub time: String,
    /// How long the machine has been up.
    pub up: String,
    /// What people must know of the data: recorded, simulated.
    pub marks: Vec<String>,
    /// Devices, each before its partitions.
    pub units: Vec<UnitView>,
    /// Who is on them.
    pub holders: Vec<HolderView>,
    /// What they held and used since the first look.
    pub meter: MeterView,
    /// The ledger beside them, where there is one.
    pub ledger: Option<LedgerView>,
    /// What came of looking for each vendor.
    pub outcomes: Vec<String>,
    /// What could not be read, and what is at odds.
    pub troubles: Vec<String>,
    /// Why there will be no more looks, where that is so.
    pub end: Option<String>,
}

impl View {
    /// The unit of that id.
    pub fn unit(&self, id: UnitId) -> Option<&UnitView> {
        self.units.iter().find(|of| of.unit == id)
    }
}

/// Makes views, look after look.
#[derive(Default)]
pub struct Viewer {
    traces: Traces,
    geometries: Geometries,
    metering: Metering,
    beside: Option<Beside>,
}

impl Viewer {
    /// With a meter of its own, and a ledger to hold beside what is seen.
    pub fn new(metering: Metering, beside: Option<Beside>) -> Self {
        Self { metering, beside, ..Self::default() }
    }

    /// What is shown after a look.
    pub fn view(
        &mut self,
        node: &Node,
        simulated: Option<&str>,
        watch: &Watch<'_>,
        attribution: &Attribution,
    ) -> View {
        let (at, wall) = watch.looked_at();
        self.traces.look(watch);
        let inventory = watch.inventory();
        let mut units = Vec::new();
        for (number, device) in inventory.devices().enumerate() {
            let slots = self.geometries.slots(node, device);
            unit::device(watch, attribution, &self.traces, (number, device), slots, &mut units);
        }
        let ledger = self.beside.as_mut().map(|beside| beside.look(watch, attribution));
        let held = self.beside.as_ref().zip(ledger.as_ref()).map(|(beside, view)| beside.held(view));
        let meter = self.metering.look(node, watch, attribution, held);
        let mut holders = holder::holders(watch, attribution);
        holder::put_beside(&mut holders, &meter, ledger.as_ref());
        let shown: Vec<_> = holders.iter().map(holder::HolderView::shown).collect();
        self.traces.holders(&shown);
        for of in &mut holders {
            of.history = self.traces.of_holder(of.unit, &of.key);
        }
        let recorded = node.recorded().map(|when| format!("RECORDED {when}"));
        let simulated = simulated.map(|what| format!("SIMULATED {what}"));
        View {
            time: crate::text::time_of_day(wall),
            up: crate::text::span(at.0),
            marks: recorded.into_iter().chain(simulated).collect(),
            units,
            holders,
            meter,
            ledger,
            outcomes: node.outcomes().iter().map(|of| format!("{}: {}", of.vendor, of.outcome)).collect(),
            troubles: troubles(watch, attribution),
            end: None,
        }
    }
}

fn troubles(watch: &Watch<'_>, attribution: &Attribution) -> Vec<String> {
    let inventory = watch.inventory();
    let problems = inventory.problems.iter().chain(&watch.sample().problems).map(ToString::to_string);
    let place = |unit| unit::place(inventory, unit);
    let odds = attribution.contradictions.iter();
    let odds = odds.map(|of| format!("{} {} ({})", of.owner, of.kind.words(), place(of.unit)));
    let unmanaged = inventory.unmanaged.iter().map(|of| format!("{} {}: {}", of.pci, of.pci_id, of.why));
    let unread = watch.sweep().unreadable;
    let unread = (unread > 0).then(|| format!("{unread} processes may not be looked into"));
    let unswept = (!watch.is_swept()).then(|| "the process list cannot be read".to_owned());
    odds.chain(problems).chain(unread).chain(unswept).chain(unmanaged).collect()
}
