//! [`ShownContainers`]: the containers of a recording.

use gpu_core::{Absence, ContainerFacts, ContainerReader, Error, Inventory, KernelMemory, Owner, Pid};

use crate::shown::Shown;

/// Tells of the containers and jobs of the moment that is shown who they are and what people call
/// them. What they were given is evidence, which the recording's backends have.
#[derive(Debug)]
pub(crate) struct ShownContainers(pub Shown);

impl ContainerReader for ShownContainers {
    fn containers(&self) -> Result<Vec<(Owner, Pid)>, Error> {
        let moment = self.0.moment();
        let named = moment.containers.iter().flat_map(|containers| &containers.named);
        Ok(named.map(|of| (of.owner.clone(), of.pid)).collect())
    }

    fn is_current(&self, owner: &Owner, _: Pid) -> bool {
        let moment = self.0.moment();
        moment.containers.as_ref().is_some_and(|all| all.named.iter().any(|of| of.owner == *owner))
    }

    fn facts(&self, owner: &Owner, pid: Pid) -> ContainerFacts {
        let moment = self.0.moment();
        let mut facts = ContainerFacts::new(owner.clone(), pid);
        let mut named = moment.containers.iter().flat_map(|containers| &containers.named);
        if let Some(of) = named.find(|of| of.owner == *owner) {
            facts.labels = of.labels.clone();
        }
        facts
    }

    fn kernel_memory(&self, _: &Inventory) -> Result<Vec<KernelMemory>, Absence> {
        const NOTHING: Absence = Absence::NotSupported { why: "what containers were given was not recorded" };
        self.0
            .moment()
            .containers
            .as_ref()
            .map_or(Err(NOTHING), |containers| containers.kernel_memory.clone())
    }
}
