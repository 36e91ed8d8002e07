//! Configurations that users already have: [`MigParted`] and [`PluginConfig`]. Feature `formats`.
//!
//! Both are YAML with fixed keys. Unknown keys, keys that are there twice, and values of another
//! kind are refused with their line and column. Anchors, aliases and tags are refused too: these
//! files need none, and they are how a small text becomes a large one.

mod error;
mod parted;
mod plugin;
mod yaml;

pub use error::FormatError;
pub use parted::{Devices, MigParted, PartedEntry, PartedGpu, Target};
pub use plugin::{
    MigStrategy, OfferError, Offered, PluginConfig, PluginGpu, Replicated, ResourceRule, Sharing, SharingKind,
};
