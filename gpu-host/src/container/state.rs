//! What container runtimes, kubelet and CDI keep in files of JSON, and CDI in YAML too.

mod bundle;
mod cdi;
mod docker;
mod json;
mod kubelet;
mod place;
mod yaml;

pub(crate) use bundle::Bundles;
pub(crate) use cdi::CdiSpecs;
pub(crate) use kubelet::{Checkpoint, plugin_devices};
