//! [`Given`]: what containers and jobs were given, kept from look to look.

use std::collections::BTreeMap;

use gpu_core::{
    Absence, Bytes, ContainerFacts, Evidence, EvidenceList, Fingerprint, Inventory, KernelMemory, Owner, Pid,
    Sweep,
};

use crate::node::Node;

/// After so many looks everything is read anew: what a container was given rarely changes in its
/// life, and containers that use no GPU are found by a walk over all processes.
const LOOKS: u32 = 10;

/// What containers and jobs were given, as it was read last.
#[derive(Debug, Default)]
pub(crate) struct Given {
    facts: BTreeMap<Owner, ContainerFacts>,
    /// Those that the last look read for the first time. A container that is just being made shows
    /// the machine's own files for a moment: it is read once more.
    young: Vec<(Owner, Pid)>,
    known: Vec<Evidence>,
    evidence: EvidenceList,
    /// The inventory by which the evidence was interpreted.
    interpreted: Option<Fingerprint>,
    until_all: u32,
    is_read: bool,
    /// What people call the owners: a copy that is shared, made anew when anything has changed.
    #[cfg(feature = "sampler")]
    labels: std::sync::Arc<Vec<(Owner, gpu_core::Labels)>>,
    kernel_memory: Option<Result<Vec<KernelMemory>, Absence>>,
}

impl Given {
    /// Reads what is new; says whether anything can be said at all.
    pub(crate) fn look(&mut self, node: &Node, inventory: &Inventory, sweep: &Sweep) -> bool {
        let is_new = self.read(node, sweep);
        #[cfg(feature = "sampler")]
        if is_new {
            let labels = self.facts.iter().map(|(owner, facts)| (owner.clone(), facts.labels.clone()));
            self.labels = std::sync::Arc::new(labels.collect());
        }
        let is_new = is_new | self.account(node, inventory);
        let fingerprint = inventory.fingerprint();
        if is_new || self.interpreted != Some(fingerprint) {
            self.interpret(node, inventory);
            self.interpreted = Some(fingerprint);
        }
        self.is_read
    }

    pub(crate) fn kernel_memory(&self) -> Result<&[KernelMemory], Absence> {
        const NO_READER: Absence = Absence::NotSupported { why: "the node has nothing to read it with" };
        match &self.kernel_memory {
            Some(Ok(memory)) => Ok(memory),
            Some(Err(absence)) => Err(*absence),
            None => Err(NO_READER),
        }
    }

    /// Reads the kernel's account; says whether a limit has changed, which is evidence.
    fn account(&mut self, node: &Node, inventory: &Inventory) -> bool {
        let limits = |given: &Self| -> Vec<(Owner, Option<Bytes>)> {
            let memory = given.kernel_memory().unwrap_or_default();
            memory.iter().map(|of| (of.owner.clone(), of.max)).collect()
        };
        let before = limits(self);
        self.kernel_memory = node.container_reader().map(|reader| reader.kernel_memory(inventory));
        limits(self) != before
    }

    /// What people call the owners whose facts are known.
    #[cfg(feature = "sampler")]
    pub(crate) fn labels(&self) -> std::sync::Arc<Vec<(Owner, gpu_core::Labels)>> {
        std::sync::Arc::clone(&self.labels)
    }

    pub(crate) const fn is_read(&self) -> bool {
        self.is_read
    }

    pub(crate) const fn evidence(&self) -> &EvidenceList {
        &self.evidence
    }

    pub(crate) fn owners(&self) -> impl Iterator<Item = &Owner> {
        self.facts.keys()
    }

    pub(crate) fn facts(&self, owner: &Owner) -> Option<&ContainerFacts> {
        self.facts.get(owner)
    }

    pub(crate) fn know(&mut self, evidence: Vec<Evidence>) {
        self.known = evidence;
        self.interpreted = None;
    }

    /// Reads the facts of owners that are new, once more of those that were, and of all every so
    /// often; forgets those whose process is gone. Says whether anything has changed.
    fn read(&mut self, node: &Node, sweep: &Sweep) -> bool {
        let Some(reader) = node.container_reader() else {
            self.is_read = !self.known.is_empty();
            return false;
        };
        self.is_read = true;
        if self.until_all == 0 {
            if let Ok(all) = reader.containers() {
                let all = all.into_iter().filter(|(owner, _)| is_given_things(owner));
                self.facts = all.map(|(owner, pid)| (owner.clone(), reader.facts(&owner, pid))).collect();
                self.young.clear();
                self.until_all = LOOKS;
                return true;
            }
        }
        self.until_all = self.until_all.saturating_sub(1);
        let before = self.facts.len();
        self.facts.retain(|owner, facts| reader.is_current(owner, facts.pid));
        let mut has_changed = self.facts.len() != before;
        for (owner, pid) in std::mem::take(&mut self.young) {
            if let Some(facts) = self.facts.get_mut(&owner) {
                *facts = reader.facts(&owner, pid);
                has_changed = true;
            }
        }
        for (owner, pid) in owners(sweep) {
            if !self.facts.contains_key(owner) {
                self.facts.insert(owner.clone(), reader.facts(owner, pid));
                self.young.push((owner.clone(), pid));
                has_changed = true;
            }
        }
        has_changed
    }

    fn interpret(&mut self, node: &Node, inventory: &Inventory) {
        self.evidence.clear();
        for facts in self.facts.values() {
            for backend in node.backends() {
                // A backend that cannot read it has nothing to add.
                let _ = backend.evidence(facts, inventory, &mut self.evidence);
            }
        }
        for memory in self.kernel_memory.iter().flatten().flatten() {
            if let Some(evidence) = memory.evidence(inventory) {
                self.evidence.push(evidence);
            }
        }
        for evidence in &self.known {
            self.evidence.push(evidence.clone());
        }
    }
}

/// Nobody gives anything to what runs outside of containers and jobs.
const fn is_given_things(owner: &Owner) -> bool {
    matches!(owner, Owner::Container(_) | Owner::Slurm(_))
}

fn owners(sweep: &Sweep) -> impl Iterator<Item = (&Owner, Pid)> {
    let owners = sweep.processes.iter().filter_map(|of| Some((of.owner.as_ref().ok()?, of.key.pid)));
    owners.filter(|(owner, _)| is_given_things(owner))
}
