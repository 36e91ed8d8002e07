//! The ledger beside what the machine shows: who holds and uses, who holds and does not, who uses
//! and does not hold, who is dead, what is lost.
//!
//! A report and the entries that would repair it. Nothing is repaired but by applying them.
//!
//! ```
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! use gpu_core::{Backend, Container, Nanoseconds, Owner, Runtime, WallTime};
//! use gpu_core::choose::Request;
//! use gpu_core::ledger::{Board, Body, EntryId, Ledger};
//! use gpu_core::reconcile::{Finding, Look, Presence, Report};
//! let inventory = gpu_sim::Machine::preset("l40s-4")?.backend().inventory()?;
//! let mut ledger = Ledger::new("node-1".parse()?);
//! ledger.apply(&ledger.entry(ledger.key(EntryId(1)), Body::Inventory(Board::all(&inventory, &[]))))?;
//! let key = ledger.key(EntryId(2));
//! ledger.reserve(key, &Request::any())?;
//! ledger.commit(key, Container::new(Runtime::Containerd, "train-7".parse()?))?;
//!
//! // The container is gone.
//! let presence = |_: &Owner| Presence::Gone;
//! let look = Look { seen: &[], presence: &presence, now: WallTime(0), idle_after: Nanoseconds(0) };
//! let report = Report::of(&ledger, &look);
//! assert_eq!(report.lines[0].finding, Finding::HeldByTheDead);
//! let mut fresh = 100..;
//! let repairs = report.repairs(&ledger, || EntryId(fresh.next().unwrap_or_default()));
//! for entry in &repairs { ledger.apply(entry)?; }
//! assert!(ledger.is_empty());
//! # Ok(())
//! # }
//! ```

mod report;
mod seen;

pub use report::{Finding, Line, Report};
pub use seen::{How, Look, Presence, Seen};
