//! The meter: from looks to statements that add up.
//!
//! A [`Meter`] is told of every look at a node ([`Observation`]), and closes what lies between looks
//! into [`Statement`]s: per unit and owner held time, busy time, memory over time and energy, beside
//! what nobody used, what nobody can be named for, and what is not known. No clock, no I/O; integers
//! only. Once it has seen a node as it is, it allocates nothing.
//!
//! ```
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! use gpu_core::attribution::{History, Look, attribute};
//! use gpu_core::meter::{Dimension, Meter, Moment, Observation, Rules};
//! # use gpu_core::{Inventory, Nanoseconds, Query, Sample, Sweep, SweepRequest};
//! # let world = gpu_sim::World::new(gpu_sim::Machine::preset("mixed")?);
//! # let host = world.host();
//! # let clock = world.clock();
//! let mut meter = Meter::new("node-1".parse()?, Rules::new());
//! let mut history = History::new();
//! for _ in 0..60 {
//!     # let (mut inventory, mut sample, mut sweep) = (Inventory::new(), Sample::new(), Sweep::new());
//!     # for backend in host.discoveries.iter().filter_map(|of| of.backend.as_ref()) {
//!     #     inventory.append(backend.inventory()?);
//!     #     backend.sample_into(&Query::everything(), &mut sample)?;
//!     # }
//!     # let pids: Vec<_> = sample.processes.iter().map(|process| process.pid).collect();
//!     # host.sweeper.sweep_into(&SweepRequest::new(&[], &pids).with_owners(), &mut sweep)?;
//!     // a look: inventory, sample and sweep, as `gpu_accounting::Node` takes them
//!     let attribution = attribute(&Look::new(&inventory, &sample, &sweep), &mut history);
//!     meter.observe(&Observation::new(Moment::now(clock), &inventory, &sample, &attribution))?;
//!     # clock.advance(Nanoseconds::from_secs(1));
//! }
//! let statement = meter.close();
//! statement.check()?;
//! assert_eq!(statement.length(), Nanoseconds::from_secs(59));
//! for unit in &statement.units {
//!     let energy = unit.account(Dimension::Energy);
//!     assert_eq!(energy.attributed + energy.idle + energy.unattributed, energy.total);
//!     for part in &unit.parts {
//!         println!("{} {}: {} ns busy", part.owner, unit.unit, part.busy.value);
//!     }
//! }
//! # Ok(())
//! # }
//! ```
//!
//! # What always holds
//! [`Statement::check`] tests it:
//! 1. `attributed + idle + unattributed = total`, exactly, in every [`Account`];
//! 2. per device and dimension the parts are exactly what the accounts say is attributed; of energy
//!    per power domain;
//! 3. accounts cut a device: no byte and no nanosecond is in two of them;
//! 4. what was held is in no number of what was used.
//!
//! # What lies between two looks
//! - What is shown at a moment (memory, power, who holds what) holds until the next look; what counts
//!   (engine time, energy) has grown since the last.
//! - Looks farther apart than [`Rules::longest_step`] leave a gap ([`Gap::Unobserved`]): only the
//!   energy counter, which counts without being looked at, goes on, and what it counted is
//!   unattributed.
//! - Of busy time the parts are what processes used by the driver's count or estimate; the unit's own
//!   activity tells how much of the rest was idle. Where the parts make more than the time that
//!   there was they are scaled to it ([`Rule::ScaledToWhole`](crate::attribution::Rule)), and the
//!   excess is told.
//! - Memory that parts have beyond what the unit shows as used (buffers that several processes hold,
//!   two moments) is scaled to that, in the same way.
//! - Energy counters that fall, jump or belong to another boot are recognised: an [`Event`], a gap,
//!   and no energy.
//!
//! # Who sees what where
//! | dimension | which unit keeps an account |
//! |---|---|
//! | held | every device and partition; shares that are held |
//! | busy | what has shaders of its own: partitions without inner ones, else the device |
//! | memory | partitions with memory of their own, and the device for the rest |
//! | energy | the device, or the leader of its power domain |

mod account;
mod busy;
mod check;
mod close;
mod dimension;
mod domain;
mod energy;
mod event;
mod gap;
mod held;
mod live;
mod memory;
mod merge;
mod moment;
mod names;
mod observation;
mod observe;
mod part;
mod refused;
mod rules;
mod scratch;
mod span;
mod statement;
mod step;
mod unit_statement;

use crate::labels::Labels;
use crate::ledger::NodeName;
use crate::owner::Owner;

pub use account::{Account, Total};
pub use check::Broken;
pub use dimension::Dimension;
pub use domain::PowerDomain;
pub use event::{Event, EventKind};
pub use gap::{Gap, Gaps};
pub use held::Held;
pub use merge::{MergeError, Statements};
pub use moment::Moment;
pub use names::{Named, Names};
pub use observation::Observation;
pub use part::{Metered, Part};
pub use refused::Refused;
pub use rules::{Baseline, By, IdlePower, Rules};
pub use span::Span;
pub use statement::Statement;
pub use unit_statement::{Size, UnitStatement};

use close::Called;
use live::Live;
use scratch::Scratch;

/// Makes statements of looks: one for each node, kept from look to look.
///
/// It holds nothing of owners and units that are gone but what stands in the open statement.
#[derive(Clone, Debug)]
pub struct Meter {
    rules: Rules,
    open: Statement,
    last: Option<Moment>,
    live: Live,
    names: Vec<Called>,
    /// How many statements were closed.
    interval: u64,
    was_looked: bool,
    /// Lists that are used again.
    scratch: Scratch,
    second: Scratch,
    before: Vec<live::Key>,
}

impl Meter {
    /// A meter of a node that has not been looked at.
    #[must_use]
    pub fn new(node: NodeName, rules: Rules) -> Self {
        Self {
            rules,
            open: Statement::new(node),
            last: None,
            live: Live::default(),
            names: Vec::new(),
            interval: 0,
            was_looked: false,
            scratch: Scratch::default(),
            second: Scratch::default(),
            before: Vec::new(),
        }
    }

    /// By which rules it meters.
    #[must_use]
    pub const fn rules(&self) -> &Rules {
        &self.rules
    }

    /// When the last look was.
    #[must_use]
    pub const fn last(&self) -> Option<Moment> {
        self.last
    }

    /// Takes a look: what happened since the one before goes into the open statement. Of the first
    /// look of a meter nothing is known but where things stand.
    ///
    /// A look of another boot than the one before begins anew: what happened in between is in no
    /// account.
    ///
    /// # Errors
    /// When the look is not later than the one before; nothing is changed then.
    pub fn observe(&mut self, look: &Observation<'_>) -> Result<(), Refused> {
        self.take(look)
    }

    /// Notes what people call an owner, from now on. It stands in the statements of the intervals in
    /// which it was said, and in later ones while the owner has a part.
    pub fn call(&mut self, owner: &Owner, labels: &Labels) {
        self.name(owner, labels);
    }

    /// What has happened since the last statement was closed, up to the last look; names and power
    /// domains come when it is closed.
    #[must_use]
    pub const fn open(&self) -> &Statement {
        &self.open
    }

    /// Closes the statement at the last look: the next begins there. After the first look it is a
    /// statement of no time.
    #[must_use]
    pub fn close(&mut self) -> Statement {
        let mut statement = Statement::new(self.open.node);
        self.close_into(&mut statement);
        statement
    }

    /// Closes the statement at the last look into one that is used again: nothing of what it was is
    /// left, and nothing is allocated where its lists are large enough.
    pub fn close_into(&mut self, statement: &mut Statement) {
        self.turn(statement);
    }
}
