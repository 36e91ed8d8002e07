//! Which units are well: a typed state for each device and partition, on what evidence, since when, and what
//! is to be done.
//!
//! [`Health`] is a state machine without clock and I/O: looks ([`Health::look`]) and events
//! ([`Health::event`]) go in, [`Change`]s come out, and [`Health::report`] tells what stands. Equal input
//! gives equal output, so that a recording tells the same as the machine did.
//!
//! ```
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! use gpu_core::health::{Health, Look, State};
//! use gpu_core::{Backend, BackendExt, BootTime, Clock, Event, EventKind, Source, Vendor};
//! let world = gpu_sim::World::new(gpu_sim::Machine::preset("hgx-h100-8")?);
//! let backend = gpu_sim::SimBackend::new(world.clone(), Vendor::NVIDIA);
//! let (inventory, sample) = (backend.inventory()?, backend.sample()?);
//! let (mut health, clock) = (Health::default(), world.clock());
//! health.look(&Look { inventory: &inventory, sample: &sample, now: clock.boot_now(), boot: clock.boot_id() });
//!
//! // One GPU falls off the bus: it and what is cut from it, and nothing else.
//! let gone = inventory.devices[3].id;
//! let fell = Event::new(Vendor::NVIDIA, Some(gone.into()), EventKind::Xid(79), clock.boot_now(), Source::Nvml);
//! let changes = health.event(&fell);
//! assert_eq!(changes[0].after, State::Unhealthy);
//! let report = health.report(clock.boot_now());
//! assert_eq!(report.forbidden().len(), 1);
//! assert_eq!(report.state(gone.share(0, 4)), State::Unhealthy);
//! assert_eq!(report.state(inventory.devices[2].id), State::Healthy);
//! println!("{}", report.forbidden()[0]); // "… is unhealthy: Xid 79; reboot the node"
//! # Ok(())
//! # }
//! ```
//!
//! # How far a fault reaches
//! A fault of a device reaches every partition and share of it. A fault of a partition reaches what lies in
//! it; what it lies in is [`Degraded`](State::Degraded), since it cannot be had as a whole; its siblings are
//! as they were. Nothing reaches another device: a look that fails for one leaves the others as they are,
//! and an event that names no device that is known is kept apart ([`Report::strangers`]).
//!
//! # What is taken for a fault
//! | shown by | state | to be done | ends |
//! |---|---|---|---|
//! | every metric `Lost`, or the device is listed no more | unhealthy | reboot the node | when it answers, as a reset |
//! | every metric `TimedOut`, or no look for too long | unknown, from the third on unhealthy | reset | when it answers |
//! | nothing can be read | unknown | – | when it can |
//! | `recovery_action` | reset, reboot, drain and reset, unknown: unhealthy; drain peers: degraded | that | when the driver says so |
//! | `ecc_uncorrected` above 0 | unhealthy; degraded where the driver asks for nothing | reset | when it counts anew |
//! | `remapped_rows_pending`, `retired_pages_pending` | degraded | drain and reset | when the driver says so, as a reset |
//! | `remapped_rows_failed` | unhealthy | replace | never |
//! | `fabric` not up, routes unhealthy, misconfigured | unhealthy | restart the fabric manager | when it is up |
//! | `fabric` with less than it should have | degraded | – | when it has |
//! | `links_down` while others are up, or fewer up than before | degraded | check the hardware | when they are up |
//! | `pcie_width` below `pcie_width_max` | degraded | check the hardware | when it is not |
//! | `throttle` by heat, by the power supply or by hardware | degraded | – | after three looks without |
//! | `driver_health` | warning: degraded; else unhealthy | as it says | when the driver says so |
//! | Xids and other events | see [`Xid`](xid_advice) | as NVIDIA's catalogue says | by a reset, or notices after an hour |
//!
//! NVIDIA's "GPU Memory Error Management" says of pending rows that new work can be placed meanwhile, and of
//! a recovery action "none" that the GPU can be used again at once: hence degraded.
//!
//! # The recovery rule
//! [`Clears`] says of each condition what ends it, and nothing else does:
//! - what a look shows ends when a look shows it no more; a look that could not read it ends nothing;
//! - throttling ends after [`Policy::quiet_looks`] looks without it;
//! - what needs a reset ends when a reset is seen: a device that was lost answers again, a counter of memory
//!   errors starts again, a row or page that was pending is so no more, or the driver asked for a reset or
//!   reboot and does so no more. Resets that nothing shows are told by who made them:
//!   [`Health::acknowledge`];
//! - notices fade after [`Policy::notices_for`];
//! - what never ends, ends with [`Health::acknowledge`] alone, and comes back if it is still shown;
//! - what a partition had ends with its life; what everything had ends with the boot.

mod advice;
mod change;
mod condition;
mod fault;
mod look;
mod monitor;
mod policy;
mod record;
mod report;
mod state;
mod symptom;
mod xid;

pub use advice::{Advice, Clears};
pub use change::{Cause, Change};
pub use condition::Condition;
pub use fault::Fault;
pub use look::{Look, METRICS};
pub use monitor::Health;
pub use policy::Policy;
pub use report::{Report, UnitHealth};
pub use state::State;
pub use xid::advice as xid_advice;
