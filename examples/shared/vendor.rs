//! A vendor's name on the command line.

use gpu_accounting::Vendor;

/// A vendor that this program knows.
pub fn vendor(name: &str) -> Result<Vendor, lexopt::Error> {
    let known = [Vendor::NVIDIA, Vendor::AMD, Vendor::INTEL];
    known
        .into_iter()
        .find(|vendor| vendor.as_str() == name)
        .ok_or_else(|| format!("no vendor {name:?}; there are nvidia, amd and intel").into())
}
