//! Which units would do: a [`Request`] in, ranked [`Candidate`]s with reasons out.
//!
//! Choosing changes nothing and decides nothing: a candidate is what a reservation may name, and the
//! [`Ledger`](crate::ledger::Ledger) grants or refuses it. It is pure: equal ledgers and requests
//! give equal answers. [`Ledger::reserve`](crate::ledger::Ledger::reserve) takes the first.
//!
//! ```
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! use gpu_core::{Backend, Bytes};
//! use gpu_core::choose::{self, Request};
//! use gpu_core::ledger::{Board, Body, EntryId, Ledger};
//! let inventory = gpu_sim::Machine::preset("hgx-h100-8")?.backend().inventory()?;
//! let mut ledger = Ledger::new("node-1".parse()?);
//! ledger.apply(&ledger.entry(ledger.key(EntryId(1)), Body::Inventory(Board::all(&inventory, &[]))))?;
//!
//! let request = Request::memory(Bytes::gib(20)).count(4).same_island();
//! let candidates = choose::among(&ledger, &request)?;
//! assert_eq!(candidates[0].claims().count(), 4);
//!
//! let too_much = choose::among(&ledger, &Request::memory(Bytes::gib(500))).unwrap_err();
//! assert!(too_much.to_string().starts_with("never"), "{too_much}");
//! # Ok(())
//! # }
//! ```
//!
//! # What is better
//! In this order, each only where those before are equal:
//! 1. what is there already, before what would have to be made;
//! 2. nearer to what [`Request::near`] names;
//! 3. less memory beyond what is asked for, so that the small do not sit on the large;
//! 4. boards that are in use before boards that are not, and among those the ones with the fewest
//!    free units: what is whole stays whole. [`Request::spread`] turns this round;
//! 5. boards that are not cut before boards that are, for who takes all of a board;
//! 6. by identifier.
//!
//! A policy of one's own is a function from a candidate to anything that has an order: see
//! [`by`].
//!
//! # Several units
//! They are picked one after the other, the best that does not exclude those before, which finds as
//! many as there can be on every board that is cut in one way. [`Request::same_numa`] and
//! [`Request::same_island`] make one candidate of each NUMA node or island that has enough.
//!
//! # Many nodes
//! [`Index`] keeps for every kind of unit which nodes have how many free, finds the node, and the
//! units on it as above.

mod candidate;
mod create;
mod find;
mod index;
mod pick;
mod request;
mod reserve;
mod unmet;

pub use candidate::{Candidate, Chosen, Way};
pub use create::{Creation, Cuttable, creations};
pub use find::{among, by};
pub use index::Index;
pub use request::{Near, Request};
pub use reserve::{Denied, Proposal};
pub use unmet::Unmet;
