//! Reading, writing and checking descriptions.

use std::collections::BTreeSet;
use std::fmt;
use std::path::Path;

use crate::machine::Machine;
use crate::presets;
use crate::workload::{Curve, Descriptor, Part, Workload};
use crate::{Silicon, Use};

/// A description that cannot be: what was wrong, and where.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DescriptionError {
    at: String,
    what: String,
}

impl DescriptionError {
    pub(crate) fn new(at: impl Into<String>, what: impl Into<String>) -> Self {
        Self { at: at.into(), what: what.into() }
    }
}

impl fmt::Display for DescriptionError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.at, self.what)
    }
}

impl std::error::Error for DescriptionError {}

impl Machine {
    /// The built-in machine of that name: one of [`Machine::presets`].
    ///
    /// # Errors
    /// When there is none of that name; the error lists those that there are.
    pub fn preset(name: &str) -> Result<Self, DescriptionError> {
        presets::machine(name).ok_or_else(|| {
            DescriptionError::new(name, format!("no such preset; there are {}", presets::NAMES.join(", ")))
        })
    }

    /// The names of the built-in machines.
    #[must_use]
    pub fn presets() -> &'static [&'static str] {
        presets::NAMES
    }

    /// The preset of that name, or the description in the JSON file of that name.
    ///
    /// # Errors
    /// When it is neither, or the file cannot be read or is no description.
    pub fn load(name_or_file: &str) -> Result<Self, DescriptionError> {
        if let Some(machine) = presets::machine(name_or_file) {
            return Ok(machine);
        }
        let path = Path::new(name_or_file);
        if !path.exists() {
            return Self::preset(name_or_file);
        }
        let text = std::fs::read_to_string(path)
            .map_err(|error| DescriptionError::new(name_or_file, error.to_string()))?;
        Self::from_json(&text)
    }

    /// The machine that this JSON describes, checked.
    ///
    /// # Errors
    /// When the text is no JSON of that form, or contradicts itself.
    pub fn from_json(text: &str) -> Result<Self, DescriptionError> {
        let machine: Self = serde_json::from_str(text)
            .map_err(|error| DescriptionError::new("description", error.to_string()))?;
        machine.validate()?;
        Ok(machine)
    }

    /// The description as JSON.
    #[must_use]
    pub fn to_json(&self) -> String {
        // Plain structs, numbers and texts always have a JSON form.
        serde_json::to_string_pretty(self).unwrap_or_default()
    }

    /// Checks that the description does not contradict itself.
    ///
    /// # Errors
    /// The first contradiction: an unknown schema, a position that is not there, an address or
    /// process number used twice, a curve out of order.
    pub fn validate(&self) -> Result<(), DescriptionError> {
        if self.schema != Self::SCHEMA {
            let what = format!("schema {} is not known; this version reads {}", self.schema, Self::SCHEMA);
            return Err(DescriptionError::new("schema", what));
        }
        let mut addresses = BTreeSet::new();
        for (i, gpu) in self.gpus.iter().enumerate() {
            if !addresses.insert(gpu.pci) {
                return Err(DescriptionError::new(
                    format!("gpus[{i}].pci"),
                    format!("{} is used twice", gpu.pci),
                ));
            }
        }
        for (i, link) in self.links.iter().enumerate() {
            if link.a >= self.gpus.len() || link.b >= self.gpus.len() || link.a == link.b {
                return Err(DescriptionError::new(format!("links[{i}]"), "ends at a GPU that is not there"));
            }
        }
        let mut pids = BTreeSet::new();
        for (i, workload) in self.workloads.iter().enumerate() {
            let at = format!("workloads[{i}]");
            // Threads have their numbers from where processes have theirs.
            let numbers = std::iter::once(&workload.pid).chain(&workload.threads);
            if let Some(twice) = numbers.into_iter().find(|number| !pids.insert(**number)) {
                return Err(DescriptionError::new(at, format!("pid {twice} is used twice")));
            }
            let is_nobodys = |of: &&Descriptor| self.opened(of).is_none();
            if let Some(of) = workload.descriptors.iter().find(is_nobodys) {
                let what = format!(
                    "has a descriptor of a use {} of pid {} that is not there",
                    of.number, of.opened_by
                );
                return Err(DescriptionError::new(at, what));
            }
            for of in &workload.uses {
                self.check_use(of).map_err(|what| DescriptionError::new(at.clone(), what))?;
            }
        }
        Ok(())
    }

    /// The process that has opened a descriptor, with the use for which it did.
    pub(crate) fn opened(&self, of: &Descriptor) -> Option<(&Workload, usize)> {
        let process = self.workloads.iter().find(|workload| workload.pid == of.opened_by)?;
        (of.number < process.uses.len()).then_some((process, of.number))
    }

    fn check_use(&self, of: &Use) -> Result<(), &'static str> {
        let gpu = self.gpus.get(of.gpu).ok_or("uses a GPU that is not there")?;
        let there = match (of.part, &gpu.silicon) {
            (Part::Whole, _) => true,
            (Part::Mig { gi, ci }, Silicon::Nvidia(nvidia)) => nvidia.mig.as_ref().is_some_and(|mig| {
                let instance = mig.instances.iter().find(|instance| instance.id == gi);
                instance.is_some_and(|instance| instance.compute_instances.iter().any(|c| c.id == ci))
            }),
            (Part::Xcp { index }, Silicon::Amd(amd)) => (index as usize) < amd.partitions.len(),
            (Part::Tile { index }, Silicon::Intel(intel)) => (index as usize) < intel.tiles.len(),
            (Part::Function { number }, Silicon::Intel(intel)) => {
                intel.vf(number).is_some_and(|vf| vf.drm.is_some())
            }
            _ => false,
        };
        let ordered = |curve: &Curve| curve.steps.windows(2).all(|pair| pair[0].0 < pair[1].0);
        if !there {
            return Err("uses a part that is not there");
        }
        if ![&of.memory, &of.busy, &of.encoder_busy, &of.decoder_busy].into_iter().all(ordered) {
            return Err("has a curve whose steps are not in order");
        }
        Ok(())
    }
}
