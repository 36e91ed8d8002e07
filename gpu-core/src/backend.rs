//! [`Backend`], the read side of one vendor, and its conveniences in [`BackendExt`].

use core::fmt;
use std::sync::Arc;

use crate::absence::Absence;
use crate::capability::Capabilities;
use crate::container_facts::ContainerFacts;
use crate::error::Error;
use crate::event::Events;
use crate::evidence_list::EvidenceList;
use crate::id::UnitId;
use crate::inventory::Inventory;
use crate::partitioner::Partitioner;
use crate::query::Query;
use crate::sample::Sample;
use crate::vendor::Vendor;

/// The read side of one vendor's GPUs on one machine.
///
/// Object-safe, synchronous, usable from several threads at once. Identifiers go in; plain data
/// that the caller owns comes out. Nothing borrowed from a driver ever leaves.
///
/// *Implementers:*
/// - Keep driver handles inside and find them again when they fail: a device that is gone is an
///   absence (`Lost`) in the sample and an entry in its problems, not a failed call.
/// - A part that cannot be read never hides the rest: name it in `problems` and go on.
/// - What is missing is an [`Absence`] with its reason, never 0.
/// - Do not wake a device that sleeps, do not walk `/proc`, do not start processes or threads,
///   do not print.
/// - Run [`conformance`](crate::conformance) over it.
/// - A wrapper forwards every method: put `#[deny(clippy::missing_trait_methods)]` on its
///   `impl`, so that a method that is added later is not silently answered by its default.
pub trait Backend: Send + Sync + fmt::Debug {
    /// Whose devices this backend reads. Each backend reads those of one vendor.
    fn vendor(&self) -> Vendor;

    /// What there is now: driver, devices, partitions, links. Reads the machine at every call.
    ///
    /// # Errors
    /// When nothing at all can be said (the library is gone, the tree is unreadable). A single
    /// device or file that cannot be read is in [`Inventory::problems`] instead.
    fn inventory(&self) -> Result<Inventory, Error>;

    /// Which metrics the unit has, found by asking the driver.
    ///
    /// # Errors
    /// `UnknownUnit` when the unit does not exist here.
    fn capabilities(&self, unit: UnitId) -> Result<Capabilities, Error>;

    /// Adds what `query` asks for to `sample`, which the caller has
    /// [cleared](Sample::clear). Several backends may add to the same sample.
    ///
    /// # Errors
    /// `UnknownUnit` when the query names a unit of this vendor that does not exist: nothing is
    /// added then. Other kinds when nothing at all can be read. A single unit that cannot be
    /// read is in the sample, absent with its reason.
    fn sample_into(&self, query: &Query<'_>, sample: &mut Sample) -> Result<(), Error>;

    /// The write side: changes how boards are cut.
    ///
    /// # Errors
    /// Why there is none. This default says that the backend cannot.
    fn partitioner(&self) -> Result<&dyn Partitioner, Absence> {
        Err(Absence::NotSupported { why: "this backend does not change how boards are cut" })
    }

    /// Waits for what happens to the devices.
    ///
    /// # Errors
    /// Why it cannot. This default says that the backend tells of no events.
    fn events(&self) -> Result<&dyn Events, Absence> {
        Err(Absence::NotSupported { why: "this backend tells of no events" })
    }

    /// Adds to `list` what `facts` say of this vendor's GPUs: which units the container was given,
    /// each with source and strength, and what names no unit that is here. `inventory` is the whole
    /// machine's, so that a device file of another vendor is not taken for one of nobody's.
    ///
    /// Evidence names the outermost unit that is wholly given: a process in a compute instance is
    /// covered by evidence of the GPU instance or the GPU that it lies in.
    ///
    /// # Errors
    /// Why it cannot. This default says that the backend does not interpret such facts.
    fn evidence(
        &self,
        facts: &ContainerFacts,
        inventory: &Inventory,
        list: &mut EvidenceList,
    ) -> Result<(), Absence> {
        let _ = (facts, inventory, list);
        Err(Absence::NotSupported { why: "this backend does not interpret what containers were given" })
    }
}

/// Conveniences over any [`Backend`].
pub trait BackendExt: Backend {
    /// A fresh sample of everything.
    ///
    /// # Errors
    /// As [`Backend::sample_into`].
    ///
    /// ```
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// use gpu_core::BackendExt;
    /// let sample = gpu_sim::Machine::preset("l40s-4")?.backend().sample()?;
    /// assert_eq!(sample.units.len(), 4);
    /// # Ok(())
    /// # }
    /// ```
    fn sample(&self) -> Result<Sample, Error> {
        self.sample_of(&Query::everything())
    }

    /// A fresh sample of what `query` asks for.
    ///
    /// # Errors
    /// As [`Backend::sample_into`].
    fn sample_of(&self, query: &Query<'_>) -> Result<Sample, Error> {
        let mut sample = Sample::new();
        self.sample_into(query, &mut sample)?;
        Ok(sample)
    }
}

impl<B: Backend + ?Sized> BackendExt for B {}

macro_rules! forward {
    ($($(#[$attribute:meta])* $type:ty;)*) => {$(
        #[deny(clippy::missing_trait_methods)]
        impl<B: Backend + ?Sized> Backend for $type {
            fn vendor(&self) -> Vendor {
                (**self).vendor()
            }

            fn inventory(&self) -> Result<Inventory, Error> {
                (**self).inventory()
            }

            fn capabilities(&self, unit: UnitId) -> Result<Capabilities, Error> {
                (**self).capabilities(unit)
            }

            fn sample_into(&self, query: &Query<'_>, sample: &mut Sample) -> Result<(), Error> {
                (**self).sample_into(query, sample)
            }

            fn partitioner(&self) -> Result<&dyn Partitioner, Absence> {
                (**self).partitioner()
            }

            fn events(&self) -> Result<&dyn Events, Absence> {
                (**self).events()
            }

            fn evidence(
                &self,
                facts: &ContainerFacts,
                inventory: &Inventory,
                list: &mut EvidenceList,
            ) -> Result<(), Absence> {
                (**self).evidence(facts, inventory, list)
            }
        }
    )*};
}

forward! {
    &B;
    Box<B>;
    Arc<B>;
}
