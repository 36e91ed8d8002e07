//! GPUs on the PCI bus that no backend drives.

use std::path::Path;

use gpu_core::{Error, Inventory, Known, Outcome, PciAddress, Problem, Unmanaged, Vendor};
use gpu_host::pci::{self, PciFunction};

use crate::node::VendorOutcome;

/// Adds the display controllers and accelerators that `inventory` does not have.
pub(crate) fn append(sysfs: &Path, outcomes: &[VendorOutcome], inventory: &mut Inventory) {
    let (functions, errors) = match pci::gpu_functions(sysfs) {
        Ok(found) => found,
        Err(error) => (Vec::new(), vec![error]),
    };
    let managed = addresses(inventory);
    let strangers = functions.iter().filter(|function| {
        // A virtual function belongs to the device that it is a part of.
        !managed.contains(&function.address)
            && !function.physical.is_some_and(|physical| managed.contains(&physical))
    });
    let new: Vec<Unmanaged> = strangers.map(|function| unmanaged(function, outcomes)).collect();
    inventory.unmanaged.extend(new);
    inventory.problems.extend(errors.iter().map(problem));
}

/// The addresses of devices, of partitions that have one of their own, and of what a backend has
/// itself named as not its.
fn addresses(inventory: &Inventory) -> Vec<PciAddress> {
    let unmanaged = inventory.unmanaged.iter().map(|of| of.pci);
    let devices = inventory.devices.iter().filter_map(|device| device.pci.value().copied());
    let parts = inventory.devices.iter().flat_map(|device| device.all_partitions());
    let parts = parts.filter_map(|part| part.pci.value().copied());
    devices.chain(parts).chain(unmanaged).collect()
}

fn unmanaged(function: &PciFunction, outcomes: &[VendorOutcome]) -> Unmanaged {
    let driver = match &function.driver {
        Some(driver) => driver.clone().into(),
        None => Known::unsupported("no driver is bound"),
    };
    Unmanaged::new(function.address, function.id, driver, why(function, outcomes))
}

fn why(function: &PciFunction, outcomes: &[VendorOutcome]) -> String {
    match function.driver.as_deref() {
        None => return "no kernel driver is bound to it".to_owned(),
        Some("vfio-pci") => return "it is handed to a virtual machine".to_owned(),
        Some(_) => {}
    }
    let Some(vendor) = Vendor::of_pci(function.id.vendor) else {
        return "no backend knows this vendor".to_owned();
    };
    match outcomes.iter().find(|of| of.vendor == vendor).map(|of| &of.outcome) {
        None => format!("this build has no backend for {vendor}"),
        Some(Outcome::Available | Outcome::Partial { .. }) => {
            format!("the {vendor} backend does not list it")
        }
        Some(outcome) => format!("the {vendor} backend: {}", outcome.kind()),
    }
}

/// A function that cannot be read could be any vendor's.
fn problem(error: &Error) -> Problem {
    Problem::new(Vendor::new(gpu_core::Tag::literal("pci")), error)
}
