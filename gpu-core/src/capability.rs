//! [`Capabilities`]: which metrics a unit has.

use crate::absence::Absence;
use crate::id::UnitId;
use crate::measured::Source;
use crate::reading::{Metric, Reading};

/// For one unit, which metric it has and from where, or why not.
///
/// Found by asking the driver, not from a table of models.
///
/// ```
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// use gpu_core::{Backend, Metric};
/// let backend = gpu_sim::Machine::preset("mi300x-8")?.backend();
/// let device = backend.inventory()?.devices[0].id;
/// let capabilities = backend.capabilities(device.into())?;
/// assert!(capabilities.source(Metric::Power).is_ok());
/// # Ok(())
/// # }
/// ```
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Capabilities {
    unit: UnitId,
    sources: Vec<Result<Source, Absence>>,
}

impl Capabilities {
    /// The capabilities that a probing reading of `unit` shows.
    #[must_use]
    pub fn from_reading(unit: UnitId, reading: &Reading) -> Self {
        let sources = reading.iter().map(|(_, value)| value.map(|measured| measured.source)).collect();
        Self { unit, sources }
    }

    /// Whose capabilities these are.
    #[must_use]
    pub const fn unit(&self) -> UnitId {
        self.unit
    }

    /// Where the metric comes from.
    ///
    /// # Errors
    /// Why the unit does not have it. An absence that
    /// [is transient](Absence::is_transient) may be gone at the next look.
    pub fn source(&self, metric: Metric) -> Result<Source, Absence> {
        self.sources[metric as usize]
    }

    /// The metrics that the unit has now, in the order of the table.
    pub fn available(&self) -> impl Iterator<Item = Metric> + '_ {
        Metric::ALL.iter().copied().filter(|metric| self.source(*metric).is_ok())
    }
}

#[cfg(feature = "serde")]
impl serde::Serialize for Capabilities {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        use serde::ser::SerializeMap;
        let mut out = serializer.serialize_map(Some(Metric::ALL.len()))?;
        for metric in Metric::ALL {
            match self.source(*metric) {
                Ok(source) => out.serialize_entry(metric, &source)?,
                Err(absence) => out.serialize_entry(metric, &absence)?,
            }
        }
        out.end()
    }
}
