//! Raw bindings to the Sysman part of [oneAPI Level Zero](https://oneapi-src.github.io/level-zero-spec/),
//! loaded at run time: nothing is linked, no environment variable is read or set.
//!
//! ```no_run
//! use level_zero_sys::{Sysman, ze_result_t};
//! let library = Sysman::load(level_zero_sys::LOADER)?;
//! // SAFETY: as the specification of zesInit asks, no flag is set.
//! let code = unsafe { (library.init)(0) };
//! assert_eq!(code, ze_result_t::SUCCESS);
//! # Ok::<(), level_zero_sys::LoadError>(())
//! ```
//!
//! # What is here
//! Types, fields, constants and functions have the names of the specification's C header, so that
//! its text is their manual; the documentation here says what is needed to read them, and the
//! version of the specification that each comes from. An enumeration is a number in a type of its
//! own with constants for the values that are known: a driver that answers with another one does
//! no harm. [`Sysman`] is the table of functions, as a loader exports them; [`ddi`] has the tables
//! that a *driver* hands to a loader.
//!
//! Only Sysman's own start (`zesInit`, specification 1.5) is here. The older way in, `zeInit` with
//! `ZES_ENABLE_SYSMAN` set, starts the compute driver too, which can end the process; a loader
//! without `zesInit` is [`LoadError::TooOld`].
//!
//! # How it is checked
//! Size, alignment and the place of every field are compared with the C compiler's over Debian's
//! `libze-dev` (`tests/layout.rs`).
//!
//! # Safety
//! Every function is `unsafe`: pointers must be valid for what the specification says of them,
//! handles must come from the same library, and structs must have their `stype`
//! (their `new()` sets it) and a `pNext` that is null or valid.

#![allow(non_camel_case_types, non_snake_case)] // the specification's own names

pub mod ddi;
mod device;
mod ecc;
mod engine;
mod fabric;
mod fan;
mod firmware;
mod frequency;
mod function;
mod handle;
mod layout;
mod load;
mod memory;
mod number;
mod pci;
mod power;
mod process;
mod ras;
mod result;
mod temperature;
mod text;
mod virtual_function;
mod zero;

pub use device::*;
pub use ecc::*;
pub use engine::*;
pub use fabric::*;
pub use fan::*;
pub use firmware::*;
pub use frequency::*;
pub use function::*;
pub use handle::*;
pub use layout::{Layout, layouts};
pub use load::{LOADER, LoadError, Sysman};
pub use memory::*;
pub use pci::*;
pub use power::*;
pub use process::*;
pub use ras::*;
pub use result::ze_result_t;
pub use temperature::*;
pub use text::text;
pub use virtual_function::*;
pub use zero::Zero;
