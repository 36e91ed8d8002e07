//! Version 1 of a recording: each thing as a row of words, written out field by field.
//!
//! Whatever becomes of the types in memory, rows of version 1 are read as they were written: a field
//! that a type gets later is not in them, and is absent for that reason.

mod containers;
mod fact;
mod head;
mod inventory;
mod owner;
mod sample;
mod sweep;

pub(crate) use containers::{read_containers, write_containers};
pub(crate) use fact::{read_measured, write_measured};
pub(crate) use head::{read_head, write_head};
pub(crate) use inventory::{read_inventory_row, write_inventory};
pub(crate) use sample::{read_sample_row, write_sample};
pub(crate) use sweep::{read_sweep_row, write_sweep};
