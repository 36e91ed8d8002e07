//! Planning how a board is cut: on paper, before anything is touched.
//!
//! A [`Geometry`] says what a board can be cut into, a [`Layout`] how it is cut now, a [`Request`]
//! what is wanted. [`Geometry::plan`] answers with a [`Plan`] (what stays, what goes, what is made
//! where) or with [`Infeasible`] (what is short, and what would have to go). The search is
//! complete: where it says no, there is no way. It is pure: no clock, no I/O, no chance, and equal
//! input gives equal plans.
//!
//! ```
//! use gpu_core::plan::{Geometry, Layout, Profile, ProfileKey, Request};
//! // Some of a MIG board: eight memory slots, seven compute slices.
//! let board = Geometry::builder("toy", 8)
//!     .dimension("compute slices", 7)
//!     .profile(Profile::new(ProfileKey(0), "1g").at(0..7, 1).most(7).needs("compute slices", 1))
//!     .profile(Profile::new(ProfileKey(2), "3g").at([0, 4], 4).most(2).needs("compute slices", 3))
//!     .profile(Profile::new(ProfileKey(3), "4g").at([0], 4).most(1).needs("compute slices", 4))
//!     .build()?;
//! let wanted = board.wanted(["3g", "1g", "1g"])?;
//! let plan = board.plan(&Layout::default(), &Request::add(wanted))?;
//! let places = plan.create.iter().map(|new| format!("{}@{}", new.name, new.placement));
//! // With the 3g at 4, the slot that no 1g can have is not left over.
//! assert_eq!(places.collect::<Vec<_>>(), ["3g@4:4", "1g@0:1", "1g@1:1"]);
//!
//! let refused = board.plan(&Layout::default(), &Request::add(board.wanted(["4g", "4g"])?)).unwrap_err();
//! assert!(refused.to_string().starts_with("at most 1 of 4g, and 2 are wanted"), "{refused}");
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! # What is best
//! Of all ways to fulfil a request, in this order:
//! 1. nothing that runs is moved, unless [`Request::moving`] allows it;
//! 2. fewest instances are destroyed;
//! 3. the layout that remains is least fragmented (see [`Geometry::fragmentation`]);
//! 4. larger profiles are placed first, at the first place of the geometry's order.
//!
//! # Other vendors
//! The vocabulary holds whatever has slots, counters and maxima:
//! - MIG: slots are memory slices; compute slices and engines are dimensions.
//! - AMD's modes: a mode makes all its partitions at once, so one *profile* is one mode, takes all
//!   slots (accelerator dies) and has one place; what it yields is the vendor's matter.
//! - Intel's virtual functions: a profile of size 0 takes no slot; memory and contexts that each
//!   function gets are dimensions with the board's totals as capacity.

mod geometry;
mod infeasible;
mod layout;
mod node;
mod request;
mod room;
mod search;
mod solve;

pub use geometry::{Dimension, Geometry, GeometryBuilder, GeometryError, Profile, ProfileKey};
pub use infeasible::{Binding, Freeing, Infeasible, PlanError};
pub use layout::{Layout, LayoutError, Live};
pub use node::{Demand, NodeBoard, NodeError, NodePlan};
pub use request::{Goal, Request, UnknownProfile, Wanted};
pub use room::Fragmentation;
pub use solve::{New, Plan};
